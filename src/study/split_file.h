// split.json: the splits of a study, each with its sampling, one a setting of [split] that was
// used. Every verb sees the same sets, and trying another split for once leaves this one as it was.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "study/cases.h"

namespace gantry {

struct StoredCase {
  CaseSet set = CaseSet::kNone;
  int fold = -1;
  double sampling_fraction = 1;
  std::string dropped_at, dropped;  // by the split or the sampling
};

struct StoredSplit {
  std::string data_hash;            // of the store's content
  std::string settings_hash;        // of all settings that decide about the sets
  std::string split_settings_hash;  // of [split] alone
  std::string split_hash;           // of the sets themselves
  std::string method;
  SplitCheck check;
  std::vector<FlowStep> flow;
  std::map<std::string, SetCounts> sets;
  std::vector<std::string> notes;
  std::unordered_map<std::string, StoredCase> cases;  // by "source\nid"

  static std::string key(const std::string& source, const std::string& id) {
    return source + '\n' + id;
  }
  // SHA-256 over set, source, id and fold of every case in a set, in the order of their keys.
  std::string hash_of_cases() const;
};

// The split stored for these settings of [split]; none when there is none, or when it was damaged
// or changed by hand, which is told in `*damage`.
std::optional<StoredSplit> read_split(const std::filesystem::path& path,
                                      const std::string& split_settings_hash, std::string* damage);
// Puts it in place of the one with the same settings of [split]; the last kStoredSplits are kept.
// Atomic; E0102.
void write_split(const std::filesystem::path& path, const StoredSplit& split);
constexpr size_t kStoredSplits = 32;

}  // namespace gantry
