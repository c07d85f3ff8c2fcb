#include "workflow/training_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "workflow/questions.h"

namespace gantry {
namespace {

void check_round(const TrainingPlan& plan, const TrainingRound& round, const Settings& settings) {
  if (round.tuning.empty())
    throw Error("E0722", "the " + round.tuned_on + " holds no labelled case",
                "Give the tuning set a larger share (split.tuning_share), or set train.tuning = "
                "\"rotate\".");
  if (!settings.study.asks("closed-set")) return;
  std::set<int> groups;
  for (size_t i : round.training) groups.insert(plan.cases[i]->label);
  for (size_t g = 0; g < settings.labels.values.size(); ++g)
    if (!groups.count(static_cast<int>(g)))
      throw Error("E0722",
                  "no training case of group " + settings.labels.values[g] + " (tuned on the " +
                      round.tuned_on + ")",
                  "Import more reports of this group, or take it out of labels.values.");
}

// Folds for rotating tuning sets. Where the cases come from enough hospitals a fold is made of
// whole hospitals: what is chosen on it is then chosen on hospitals that the restart has not seen,
// which is what a new hospital will be.
std::vector<int> folds_of(const std::vector<const Case*>& cases, const Settings& settings) {
  const auto folds = static_cast<size_t>(settings.train.folds);
  std::map<std::string, int64_t> size;
  for (const auto* item : cases) ++size[item->source];
  std::vector<int> fold;
  if (settings.train.fold_by == "patient" ||
      (settings.train.fold_by == "auto" && size.size() < folds)) {
    for (const auto* item : cases) fold.push_back(item->fold);
    return fold;
  }
  // The largest hospitals first, each to the fold with the fewest cases so far.
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [source, n] : size) order.emplace_back(-n, source);
  std::sort(order.begin(), order.end());
  std::vector<int64_t> load(folds, 0);
  std::map<std::string, int> fold_of;
  for (const auto& [minus_n, source] : order) {
    auto lightest = std::min_element(load.begin(), load.end()) - load.begin();
    fold_of[source] = static_cast<int>(lightest);
    load[static_cast<size_t>(lightest)] -= minus_n;
  }
  for (const auto* item : cases) fold.push_back(fold_of[item->source]);
  return fold;
}

}  // namespace

std::vector<size_t> TrainingPlan::tuned_cases() const {
  std::set<size_t> all;
  for (int round : round_of) {
    const auto& tuning = rounds[static_cast<size_t>(round)].tuning;
    all.insert(tuning.begin(), tuning.end());
  }
  return {all.begin(), all.end()};
}

TrainingPlan plan_training(const Cases& cases, const Settings& settings) {
  TrainingPlan plan;
  for (const auto& item : cases.cases)
    if (is_answered(item, settings) &&
        (item.set == CaseSet::kTraining || item.set == CaseSet::kTuning))
      plan.cases.push_back(&item);

  const bool rotate = settings.train.tuning == "rotate";
  const std::vector<int> fold = rotate ? folds_of(plan.cases, settings) : std::vector<int>();
  const int rounds =
      rotate ? static_cast<int>(std::min(settings.train.folds, settings.train.runs)) : 1;
  for (int r = 0; r < rounds; ++r) {
    TrainingRound round;
    round.tuned_on =
        rotate ? "fold " + std::to_string(r + 1) + " of " + std::to_string(settings.train.folds)
               : "tuning set";
    std::set<std::string> tuning_patients;  // one patient may have been to two hospitals
    for (size_t i = 0; i < plan.cases.size(); ++i)
      if (rotate && fold[i] == r) tuning_patients.insert(plan.cases[i]->patient);
    for (size_t i = 0; i < plan.cases.size(); ++i) {
      if (rotate && fold[i] != r && tuning_patients.count(plan.cases[i]->patient)) continue;
      bool tuning = rotate ? fold[i] == r : plan.cases[i]->set == CaseSet::kTuning;
      (tuning ? round.tuning : round.training).push_back(i);
    }
    check_round(plan, round, settings);
    plan.rounds.push_back(std::move(round));
  }
  for (int restart = 0; restart < settings.train.runs; ++restart)
    plan.round_of.push_back(restart % rounds);
  return plan;
}

}  // namespace gantry
