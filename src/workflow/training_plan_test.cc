#include "workflow/training_plan.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace gantry {
namespace {

// `hospitals` with `each` cases, groups in turn; every fifth case is of the tuning set, two are of
// the test set.
Cases some_cases(int hospitals, int each) {
  Cases cases;
  for (int h = 0; h < hospitals; ++h)
    for (int i = 0; i < each; ++i) {
      Case item;
      item.id = std::to_string(i);
      item.source = "h" + std::to_string(h);
      item.patient = item.source + "-" + std::to_string(i / 2);
      item.label = i % 3;
      item.answer = std::to_string(item.label);
      item.fold = (i / 2) % 5;
      item.set = i < 2 ? CaseSet::kTest : i % 5 == 0 ? CaseSet::kTuning : CaseSet::kTraining;
      cases.cases.push_back(item);
    }
  return cases;
}

Settings three_groups() {
  Settings settings;
  settings.labels.values = {"0", "1", "2"};
  settings.train.runs = 3;
  settings.train.folds = 5;
  return settings;
}

TEST(TrainingPlan, FixedUsesTheSplitsTuningSetForEveryRestart) {
  Cases cases = some_cases(2, 30);
  Settings settings = three_groups();
  settings.train.tuning = "fixed";
  TrainingPlan plan = plan_training(cases, settings);
  ASSERT_EQ(plan.rounds.size(), 1u);
  EXPECT_EQ(plan.round_of, (std::vector<int>{0, 0, 0}));
  for (size_t i : plan.rounds[0].tuning) EXPECT_EQ(plan.cases[i]->set, CaseSet::kTuning);
  for (size_t i : plan.rounds[0].training) EXPECT_EQ(plan.cases[i]->set, CaseSet::kTraining);
}

TEST(TrainingPlan, RotatingFoldsAreWholeHospitalsWhereThereAreEnough) {
  Cases cases = some_cases(7, 30);
  Settings settings = three_groups();
  settings.train.tuning = "rotate";
  TrainingPlan plan = plan_training(cases, settings);
  ASSERT_EQ(plan.rounds.size(), 3u);
  for (const auto& round : plan.rounds) {
    std::set<std::string> training, tuning;
    for (size_t i : round.training) training.insert(plan.cases[i]->source);
    for (size_t i : round.tuning) tuning.insert(plan.cases[i]->source);
    EXPECT_FALSE(tuning.empty());
    for (const auto& source : tuning) EXPECT_EQ(training.count(source), 0u) << source;
  }
  for (const auto* item : plan.cases) EXPECT_NE(item->set, CaseSet::kTest);
}

TEST(TrainingPlan, RotatingFoldsOfFewHospitalsAreOfPatients) {
  Cases cases = some_cases(2, 60);
  Settings settings = three_groups();
  settings.train.tuning = "rotate";
  for (const auto& round : plan_training(cases, settings).rounds) {
    std::set<std::string> training;
    TrainingPlan plan = plan_training(cases, settings);
    for (size_t i : round.training) training.insert(plan.cases[i]->patient);
    for (size_t i : round.tuning) EXPECT_EQ(training.count(plan.cases[i]->patient), 0u);
  }
}

TEST(TrainingPlan, APatientOfTwoHospitalsIsNotTrainedOnWhereItIsTunedOn) {
  Cases cases = some_cases(6, 30);
  for (auto& item : cases.cases)
    if (item.id == "10") item.patient = "shared";
  Settings settings = three_groups();
  settings.train.tuning = "rotate";
  TrainingPlan plan = plan_training(cases, settings);
  for (const auto& round : plan.rounds)
    for (size_t i : round.training) EXPECT_NE(plan.cases[i]->patient, "shared");
}

TEST(TrainingPlan, ATextThatReadsNearlyLikeOneOfTheFoldIsNotTrainedOn) {
  Cases cases = some_cases(6, 30);
  for (size_t i = 0; i < cases.cases.size(); ++i)
    cases.cases[i].original = std::to_string(i * 7919) + " report of its own " + std::to_string(i);
  const std::string same = "the very same findings in the lumbar spine, word for word";
  size_t first = 3, second = 33;  // of two hospitals, neither of the test set
  cases.cases[first].original = same;
  cases.cases[second].original = same + ".";
  Settings settings = three_groups();
  settings.train.tuning = "rotate";
  settings.train.runs = 5;
  TrainingPlan plan = plan_training(cases, settings);
  int64_t left_out = 0;
  for (const auto& round : plan.rounds) {
    left_out += round.near_identical;
    int in_training = 0, in_tuning = 0;
    for (size_t i : round.training) in_training += plan.cases[i]->original.starts_with(same);
    for (size_t i : round.tuning) in_tuning += plan.cases[i]->original.starts_with(same);
    EXPECT_FALSE(in_training > 0 && in_tuning > 0);
  }
  EXPECT_EQ(plan.pairs_compared, 15 * 28 * 28 - 28 * 28);  // six hospitals in five folds
  EXPECT_EQ(left_out, 2);                                  // each once, where the other is tuned on
  EXPECT_NE(plan.sentence().find("2 that read nearly like"), std::string::npos) << plan.sentence();
  settings.train.tuning = "fixed";
  EXPECT_EQ(plan_training(cases, settings).sentence(), "");
}

TEST(TrainingPlan, SaysWhichGroupIsMissing) {
  Cases cases = some_cases(2, 30);
  for (auto& item : cases.cases)
    if (item.label == 1) item.set = CaseSet::kTuning;
  Settings settings = three_groups();
  settings.train.tuning = "fixed";
  try {
    plan_training(cases, settings);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0722");
    EXPECT_NE(error.message().find("group 1"), std::string::npos);
  }
}

}  // namespace
}  // namespace gantry
