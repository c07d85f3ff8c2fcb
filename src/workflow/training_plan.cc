#include "workflow/training_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "study/near_identical.h"
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

// Cases of other folds that read nearly the same.
using Twins = std::vector<size_t>;

std::vector<Twins> twins_of(const std::vector<const Case*>& cases, const std::vector<int>& fold,
                            const Settings& settings) {
  NearIdentical texts(settings.split.near_identical_ngram, settings.split.near_identical_threshold);
  for (const Case* item : cases)
    texts.add(settings.split.near_identical_of == "report" ? item->original : item->text);
  std::vector<Twins> twins(cases.size());
  texts.for_each_pair([&](size_t i, size_t j) { return fold[i] != fold[j]; },
                      [&](size_t i, size_t j, double) {
                        twins[i].push_back(j);
                        twins[j].push_back(i);
                      });
  return twins;
}

int64_t pairs_across(const std::vector<int>& fold) {
  std::map<int, int64_t> size;
  int64_t pairs = 0, before = 0;
  for (int f : fold) pairs += before++ - size[f]++;
  return pairs;
}

// One fold is tuned on, the others are trained on, without what gives the fold away.
void take_fold(const TrainingPlan& plan, const std::vector<int>& fold, int tuned,
               const std::vector<Twins>& twins, TrainingRound& round) {
  std::set<std::string> patients;  // one patient may have been to two hospitals
  for (size_t i = 0; i < plan.cases.size(); ++i)
    if (fold[i] == tuned) patients.insert(plan.cases[i]->patient);
  for (size_t i = 0; i < plan.cases.size(); ++i) {
    const bool near = std::any_of(twins[i].begin(), twins[i].end(),
                                  [&](size_t twin) { return fold[twin] == tuned; });
    if (fold[i] == tuned)
      round.tuning.push_back(i);
    else if (patients.count(plan.cases[i]->patient))
      ++round.same_patient;
    else if (near)
      ++round.near_identical;
    else
      round.training.push_back(i);
  }
}

}  // namespace

std::string TrainingPlan::sentence() const {
  if (rounds.size() == 1 && rounds[0].tuned_on == "tuning set") return "";
  int64_t patients = 0, texts = 0;
  for (const TrainingRound& round : rounds) {
    patients += round.same_patient;
    texts += round.near_identical;
  }
  return "No patient and no near-identical text is in both parts of a fold (" +
         with_commas(pairs_compared) + " pairs of texts compared): for that, " +
         with_commas(patients) + " training reports of patients of the fold and " +
         with_commas(texts) + " that read nearly like one of it were left out, over " +
         std::to_string(rounds.size()) + (rounds.size() == 1 ? " fold." : " folds.");
}

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
  const std::vector<Twins> twins =
      rotate ? twins_of(plan.cases, fold, settings) : std::vector<Twins>();
  plan.pairs_compared = pairs_across(fold);
  const int rounds =
      rotate ? static_cast<int>(std::min(settings.train.folds, settings.train.runs)) : 1;
  for (int r = 0; r < rounds; ++r) {
    TrainingRound round;
    round.tuned_on =
        rotate ? "fold " + std::to_string(r + 1) + " of " + std::to_string(settings.train.folds)
               : "tuning set";
    if (rotate) {
      take_fold(plan, fold, r, twins, round);
    } else {
      for (size_t i = 0; i < plan.cases.size(); ++i)
        (plan.cases[i]->set == CaseSet::kTuning ? round.tuning : round.training).push_back(i);
    }
    check_round(plan, round, settings);
    plan.rounds.push_back(std::move(round));
  }
  for (int restart = 0; restart < settings.train.runs; ++restart)
    plan.round_of.push_back(restart % rounds);
  return plan;
}

}  // namespace gantry
