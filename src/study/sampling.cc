#include "study/sampling.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "base/random.h"
#include "base/strings.h"

namespace gantry {
namespace {

using ByLabel = std::map<std::string, std::vector<Case*>>;

struct SetRule {
  CaseSet set;
  const SamplingRule& rule;
  int64_t most;  // a group; 0: no limit
};

size_t kept_of(const SetRule& rule, const std::string& label, size_t n, size_t smallest) {
  size_t keep = n;
  if (rule.rule.word == "balanced") keep = std::min(keep, smallest);
  if (auto at = rule.rule.fraction.find(label); at != rule.rule.fraction.end())
    keep = static_cast<size_t>(std::llround(at->second * static_cast<double>(n)));
  if (rule.most > 0) keep = std::min(keep, static_cast<size_t>(rule.most));
  return n == 0 ? 0 : std::max<size_t>(keep, 1);
}

void sample_set(const SetRule& rule, uint64_t seed, ByLabel& groups) {
  size_t smallest = SIZE_MAX;
  for (const auto& [label, group] : groups) smallest = std::min(smallest, group.size());
  for (auto& [label, group] : groups) {
    size_t n = group.size(), keep = kept_of(rule, label, n, smallest);
    auto draw = [&](const Case* one) {
      return std::pair(mix64(seed, stream_of(one->source + "/" + one->id)),
                       std::tie(one->source, one->id));
    };
    std::sort(group.begin(), group.end(),
              [&](const Case* a, const Case* b) { return draw(a) < draw(b); });
    double fraction = static_cast<double>(keep) / static_cast<double>(n);
    for (size_t i = 0; i < n; ++i) {
      group[i]->sampling_fraction = fraction;
      if (i < keep) continue;
      group[i]->dropped_at = "sampling";
      group[i]->dropped = "under-sampled: group " + label + " of the " +
                          std::string(set_name(rule.set)) + " set keeps " +
                          with_commas(static_cast<int64_t>(keep)) + " of " +
                          with_commas(static_cast<int64_t>(n));
      group[i]->set = CaseSet::kNone;
      group[i]->fold = -1;
    }
  }
}

}  // namespace

std::map<std::string, SetCounts> sample_cases(const Settings& settings, std::span<Case> cases) {
  const Settings::Sampling& sampling = settings.sampling;
  const SetRule rules[] = {
      {CaseSet::kTraining, sampling.training, sampling.training_max_per_group},
      {CaseSet::kTuning, sampling.tuning, 0},
      {CaseSet::kTest, sampling.test, sampling.test_max_per_group},
  };
  std::map<std::string, std::map<std::string, int64_t>> before;
  for (const SetRule& rule : rules) {
    ByLabel groups;
    for (Case& one : cases)
      if (one.set == rule.set)
        groups[settings.labels.values.empty() ? "" : one.answer].push_back(&one);
    auto& counts = before[std::string(set_name(rule.set))];
    for (const auto& [label, group] : groups) counts[label] = static_cast<int64_t>(group.size());
    sample_set(rule, static_cast<uint64_t>(sampling.seed), groups);
  }
  auto out = count_sets(settings, cases);
  for (auto& [set, labels] : before) {
    SetCounts& counts = out[set];
    counts.per_label_before = labels;
    for (const auto& [label, n] : labels)
      counts.fraction[label] =
          static_cast<double>(counts.per_label[label]) / static_cast<double>(n);
  }
  return out;
}

std::map<std::string, SetCounts> count_sets(const Settings& settings, std::span<const Case> cases) {
  std::map<std::string, SetCounts> out;
  for (const char* set : {"training", "tuning", "test"})
    for (const std::string& label : settings.labels.values) out[set].per_label[label] = 0;
  std::map<std::string, std::set<std::string_view>> patients;
  for (const Case& one : cases) {
    if (one.set == CaseSet::kNone) continue;
    std::string set(set_name(one.set));
    SetCounts& counts = out[set];
    ++counts.reports;
    patients[set].insert(one.patient);
    if (one.set != CaseSet::kUnlabelled)
      ++counts.per_label[settings.labels.values.empty() ? "" : one.answer];
  }
  for (auto& [set, names] : patients) out[set].patients = static_cast<int64_t>(names.size());
  return out;
}

}  // namespace gantry
