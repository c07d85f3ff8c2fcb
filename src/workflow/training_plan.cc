#include "workflow/training_plan.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace gantry {
namespace {

void check_round(const TrainingPlan& plan, const TrainingRound& round, const Settings& settings) {
  if (round.tuning.empty())
    throw Error("E0722", "the " + round.tuned_on + " holds no labelled case",
                "Give the tuning set a larger share (split.tuning_share), or set train.tuning = "
                "\"rotate\".");
  std::set<int> groups;
  for (size_t i : round.training) groups.insert(plan.cases[i]->label);
  for (size_t g = 0; g < settings.labels.values.size(); ++g)
    if (!groups.count(static_cast<int>(g)))
      throw Error("E0722",
                  "no training case of group " + settings.labels.values[g] + " (tuned on the " +
                      round.tuned_on + ")",
                  "Import more reports of this group, or take it out of labels.values.");
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
    if (item.label >= 0 && (item.set == CaseSet::kTraining || item.set == CaseSet::kTuning))
      plan.cases.push_back(&item);

  const bool rotate = settings.train.tuning == "rotate";
  const int rounds =
      rotate ? static_cast<int>(std::min(settings.train.folds, settings.train.runs)) : 1;
  for (int r = 0; r < rounds; ++r) {
    TrainingRound round;
    round.tuned_on =
        rotate ? "fold " + std::to_string(r + 1) + " of " + std::to_string(settings.train.folds)
               : "tuning set";
    for (size_t i = 0; i < plan.cases.size(); ++i) {
      bool tuning = rotate ? plan.cases[i]->fold == r : plan.cases[i]->set == CaseSet::kTuning;
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
