#include "study/split_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kFormat = 1;
constexpr CaseSet kSets[] = {CaseSet::kTraining, CaseSet::kTuning, CaseSet::kTest,
                             CaseSet::kUnlabelled};

std::vector<const std::string*> sorted_keys(const StoredSplit& split) {
  std::vector<const std::string*> keys;
  for (const auto& [key, stored] : split.cases) keys.push_back(&key);
  std::sort(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a < *b; });
  return keys;
}

// {"ha": {"HA-0001": ["near_identical", "near-identical (0.950) to ..."], ...}, ...}
Json dropped_json(const StoredSplit& split) {
  Json out = Json::object();
  for (const std::string* key : sorted_keys(split)) {
    const StoredCase& stored = split.cases.at(*key);
    if (stored.set != CaseSet::kNone) continue;
    size_t end = key->find('\n');
    out[key->substr(0, end)][key->substr(end + 1)] = {stored.dropped_at, stored.dropped};
  }
  return out;
}

// {"training": {"ha": {"HA-0001": [fold, fraction], ...}, ...}, ...}
Json cases_json(const StoredSplit& split) {
  Json out = Json::object();
  auto keys = sorted_keys(split);
  for (CaseSet set : kSets)
    for (const std::string* key : keys) {
      const StoredCase& stored = split.cases.at(*key);
      if (stored.set != set) continue;
      size_t end = key->find('\n');
      out[std::string(set_name(set))][key->substr(0, end)][key->substr(end + 1)] =
          Json::array({stored.fold, stored.sampling_fraction});
    }
  return out;
}

Json sets_json(const std::map<std::string, SetCounts>& sets) {
  Json out = Json::object();
  for (const auto& [name, counts] : sets)
    out[name] = {{"reports", counts.reports},
                 {"patients", counts.patients},
                 {"per_label", counts.per_label},
                 {"per_label_before_sampling", counts.per_label_before},
                 {"sampling_fraction", counts.fraction}};
  return out;
}

Json flow_json(const std::vector<FlowStep>& flow) {
  Json out = Json::array();
  for (const FlowStep& step : flow)
    out.push_back({{"step", step.step},
                   {"text", step.text},
                   {"kept_reports", step.kept_reports},
                   {"kept_patients", step.kept_patients},
                   {"dropped_reports", step.dropped_reports},
                   {"dropped_patients", step.dropped_patients}});
  return out;
}

StoredSplit parse_split(const Json& json) {
  StoredSplit out;
  out.data_hash = json.at("data_hash");
  out.settings_hash = json.at("settings_hash");
  out.split_settings_hash = json.at("split_settings_hash");
  out.split_hash = json.at("split_hash");
  out.method = json.at("method");
  out.notes = json.at("notes").get<std::vector<std::string>>();
  const Json& check = json.at("check");
  out.check = {check.at("patients_in_two_sets"), check.at("near_identical_pairs"),
               check.at("pairs_compared")};
  for (const Json& step : json.at("flow"))
    out.flow.push_back({step.at("step"), step.at("text"), step.at("kept_reports"),
                        step.at("kept_patients"), step.at("dropped_reports"),
                        step.at("dropped_patients")});
  for (const auto& [name, counts] : json.at("sets").items()) {
    SetCounts& set = out.sets[name];
    set.reports = counts.at("reports");
    set.patients = counts.at("patients");
    set.per_label = counts.at("per_label").get<std::map<std::string, int64_t>>();
    set.per_label_before =
        counts.at("per_label_before_sampling").get<std::map<std::string, int64_t>>();
    set.fraction = counts.at("sampling_fraction").get<std::map<std::string, double>>();
  }
  const Json& cases = json.at("cases");
  for (CaseSet set : kSets) {
    auto of_set = cases.find(set_name(set));
    if (of_set == cases.end()) continue;
    for (const auto& [source, ids] : of_set->items())
      for (const auto& [id, stored] : ids.items())
        out.cases[StoredSplit::key(source, id)] = {set, stored.at(0), stored.at(1), "", ""};
  }
  for (const auto& [source, ids] : json.at("dropped").items())
    for (const auto& [id, why] : ids.items())
      out.cases[StoredSplit::key(source, id)] = {CaseSet::kNone, -1, 1, why.at(0), why.at(1)};
  return out;
}

}  // namespace

std::string StoredSplit::hash_of_cases() const {
  Sha256 hash;
  for (const std::string* key : sorted_keys(*this)) {
    const StoredCase& stored = cases.at(*key);
    if (stored.set == CaseSet::kNone) continue;
    hash.update(std::string(set_name(stored.set)) + '\n' + *key + '\n' +
                std::to_string(stored.fold) + '\n');
  }
  return hash.hex();
}

std::optional<StoredSplit> read_split(const std::filesystem::path& path,
                                      const std::string& split_settings_hash, std::string* damage) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  try {
    Json file = Json::parse(read_file(path));
    if (file.at("format").get<int>() != kFormat) throw std::runtime_error("another format");
    const Json& splits = file.at("splits");
    auto at = splits.find(split_settings_hash);
    if (at == splits.end()) return std::nullopt;
    StoredSplit split = parse_split(*at);
    if (split.hash_of_cases() == split.split_hash) return split;
    *damage = "its cases do not fit its hash";
  } catch (const std::exception& error) {
    *damage = error.what();
  }
  return std::nullopt;
}

void write_split(const std::filesystem::path& path, const StoredSplit& split) {
  Json splits = Json::object();  // the latest last
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    Json file = Json::parse(read_file(path), nullptr, false);
    if (file.is_object() && file.contains("splits") && file["splits"].is_object())
      splits = std::move(file["splits"]);
  }
  splits.erase(split.split_settings_hash);
  while (splits.size() >= kStoredSplits) splits.erase(splits.begin());
  splits[split.split_settings_hash] = {{"data_hash", split.data_hash},
                                       {"settings_hash", split.settings_hash},
                                       {"split_settings_hash", split.split_settings_hash},
                                       {"split_hash", split.split_hash},
                                       {"method", split.method},
                                       {"notes", split.notes},
                                       {"check",
                                        {{"patients_in_two_sets", split.check.patients_in_two_sets},
                                         {"near_identical_pairs", split.check.near_identical_pairs},
                                         {"pairs_compared", split.check.pairs_compared}}},
                                       {"flow", flow_json(split.flow)},
                                       {"sets", sets_json(split.sets)},
                                       {"cases", cases_json(split)},
                                       {"dropped", dropped_json(split)}};
  write_file_atomically(path, Json{{"format", kFormat}, {"splits", splits}}.dump(1) + "\n");
}

}  // namespace gantry
