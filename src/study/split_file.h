// split.json: the split and the sampling of a study, kept so that every verb sees the same sets.
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

// The stored split; none when there is no file, or when it was damaged or changed by hand, which is
// told in `*damage`.
std::optional<StoredSplit> read_split(const std::filesystem::path& path, std::string* damage);
void write_split(const std::filesystem::path& path, const StoredSplit& split);  // atomic; E0102

}  // namespace gantry
