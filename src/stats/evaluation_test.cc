#include "stats/evaluation.h"

#include <numeric>

#include "base/error.h"
#include "stats/oracle_test.h"
#include "stats/roc.h"

namespace gantry {
namespace {

Predictions predictions(const nlohmann::json& row) {
  Predictions p;
  p.classes = row["classes"];
  p.truth = row["truth"].get<std::vector<int>>();
  p.probability = row["probability"].get<std::vector<double>>();
  return p;
}

const EvaluationOptions kQuick{.bootstrap = {.samples = 300}};

TEST(Evaluation, EveryFigureMatchesScikitLearn) {
  for (const auto& row : oracle("metrics.json")["classifiers"]) {
    const Evaluation e = evaluate(predictions(row), kQuick);
    const std::vector<double> cells(e.confusion.cells().begin(), e.confusion.cells().end());
    EXPECT_EQ(cells, row["confusion"].get<std::vector<double>>());
    EXPECT_TRUE(close(e.accuracy.value, row["accuracy"]));
    EXPECT_TRUE(close(e.micro_f1.value, row["accuracy"]));
    EXPECT_TRUE(close(e.balanced_accuracy.value, row["balanced_accuracy"]));
    EXPECT_TRUE(close(e.macro_f1.value, row["macro_f1"])) << row["name"];
    EXPECT_TRUE(close(e.weighted_f1.value, row["weighted_f1"]));
    EXPECT_TRUE(close(e.mcc.value, row["mcc"]));
    EXPECT_TRUE(close(e.kappa.value, row["kappa"]));
    EXPECT_TRUE(close(e.brier.value, row["brier"]));
    EXPECT_TRUE(close(e.log_loss.value, row["log_loss"]));
    EXPECT_TRUE(close(e.calibration_error.value, row["ece"]));
    EXPECT_TRUE(close(e.aurc.value, row["aurc"]));
    if (row.contains("auc_ovr")) {
      EXPECT_TRUE(close(e.macro_auc.value, row["auc_ovr"]));
      EXPECT_TRUE(close(e.macro_auc_one_vs_one.value, row["auc_ovo"]));
      EXPECT_TRUE(close(e.weighted_auc.value, row["auc_ovr_weighted"]));
    }
    for (int c = 0; c < row["classes"]; ++c) {
      const auto& expected = row["per_class"][c];
      const ClassEvaluation& of = e.of_class[c];
      const int64_t tp = expected["tp"], fp = expected["fp"], tn = expected["tn"],
                    fn = expected["fn"];
      EXPECT_EQ(of.sensitivity.count, tp + fn > 0 ? tp : -1);
      EXPECT_EQ(of.sensitivity.n, tp + fn);
      EXPECT_EQ(of.specificity.n, tn + fp);
      EXPECT_EQ(of.precision.n, tp + fp);
      EXPECT_EQ(of.npv.n, tn + fn);
      EXPECT_EQ(of.npv.count, tn);
      EXPECT_EQ(of.support, tp + fn);
      if (!expected.contains("auc")) {
        EXPECT_FALSE(of.auc.defined);
        EXPECT_FALSE(of.sensitivity.defined);
        continue;
      }
      EXPECT_TRUE(close(of.f1.value, expected["f1"]));
      EXPECT_TRUE(close(of.auc.value, expected["auc"]));
      EXPECT_TRUE(close(of.auc_bootstrap.value, expected["auc"]));
      EXPECT_TRUE(close(of.average_precision.value, expected["average_precision"]));
      EXPECT_LT(of.f1.lower, of.f1.value);
      EXPECT_GT(of.f1.upper, of.f1.value);
    }
  }
}

// Duplicating a patient's cases must equal counting the patient twice, in every figure.
TEST(Evaluation, WeightsByPatientEqualDuplicatedCases) {
  Predictions p = predictions(oracle("metrics.json")["classifiers"][1]);
  const size_t n = p.truth.size();
  Predictions doubled = p;
  for (size_t i = 0; i < n; i += 2) {
    doubled.truth.push_back(p.truth[i]);
    for (int c = 0; c < p.classes; ++c) {
      doubled.probability.push_back(p.probability[i * p.classes + c]);
    }
  }
  const Evaluation e = evaluate(doubled, kQuick);
  for (size_t i = 0; i < n; ++i) p.weight.push_back(i % 2 == 0 ? 2 : 1);
  const Evaluation w = evaluate(p, kQuick);
  EXPECT_TRUE(w.weighted);
  EXPECT_FALSE(e.weighted);
  EXPECT_TRUE(close(w.weighted_evaluation.accuracy.value, e.accuracy.value));
  EXPECT_TRUE(close(w.weighted_evaluation.macro_f1.value, e.macro_f1.value));
  for (int c = 0; c < p.classes; ++c) {
    EXPECT_TRUE(close(w.weighted_evaluation.of_class[c].ppv.value, e.of_class[c].precision.value));
    EXPECT_TRUE(close(w.weighted_evaluation.of_class[c].npv.value, e.of_class[c].npv.value));
  }
}

TEST(Evaluation, PrevalenceWeightingOfAnUnderSampledSet) {
  // 100 negatives stand for 10,000 (sampling fraction 0.01), 50 positives for themselves.
  Predictions p;
  p.classes = 2;
  for (int i = 0; i < 150; ++i) {
    const bool positive = i < 50;
    p.truth.push_back(positive);
    p.predicted.push_back(positive ? i < 45 : i < 60);  // 45 / 50 found, 10 / 100 false alarms
    p.weight.push_back(positive ? 1 : 100);
  }
  const Evaluation e = evaluate(p, kQuick);
  const auto& natural = e.weighted_evaluation.of_class[1];
  EXPECT_TRUE(close(e.of_class[1].precision.value, 45.0 / 55));
  EXPECT_TRUE(close(natural.ppv.value, 45.0 / 1045));
  EXPECT_TRUE(close(natural.npv.value, 9000.0 / 9005));
  EXPECT_TRUE(close(natural.prevalence, 50.0 / 10050));
  EXPECT_TRUE(close(natural.sensitivity.value, 0.9));
  EXPECT_TRUE(close(e.weighted_evaluation.accuracy.value, 9045.0 / 10050));
  EXPECT_TRUE(natural.ppv.has_interval);
  EXPECT_LT(natural.ppv.upper, 0.2);
  EXPECT_FALSE(e.macro_auc.defined);  // no probabilities were given
  EXPECT_FALSE(e.brier.defined);
}

TEST(Evaluation, EdgesOfTheInput) {
  Predictions empty;
  empty.classes = 3;
  const Evaluation none = evaluate(empty, kQuick);
  EXPECT_FALSE(none.accuracy.defined);
  EXPECT_FALSE(none.macro_f1.defined);

  Predictions one_patient{
      .classes = 2, .truth = {0, 1}, .probability = {.9, .1, .2, .8}, .patient = {41, 41}};
  const Evaluation one = evaluate(one_patient, kQuick);
  EXPECT_EQ(one.patients, 1);
  EXPECT_TRUE(one.macro_f1.defined);
  EXPECT_FALSE(one.macro_f1.has_interval);

  Predictions same{.classes = 2,
                   .truth = {0, 1, 0, 1},
                   .predicted = {0, 0, 0, 0},
                   .probability = {.5, .5, .5, .5, .5, .5, .5, .5}};
  const Evaluation equal = evaluate(same, kQuick);
  EXPECT_FALSE(equal.of_class[1].precision.defined);
  EXPECT_EQ(equal.of_class[1].auc.value, 0.5);
  EXPECT_FALSE(equal.mcc.defined);
}

TEST(Evaluation, SharedReferenceVector) {
  const auto reference = shared_reference("stats/stats_reference.json");
  if (reference.is_null()) GTEST_SKIP() << "the shared reference vectors are not on this machine";
  const auto& v = reference["classification3"];
  Predictions p;
  p.classes = 3;
  p.truth = v["y_true"].get<std::vector<int>>();
  p.predicted = v["y_pred"].get<std::vector<int>>();
  for (const auto& row : v["proba"]) {
    for (double value : row) p.probability.push_back(value);
  }
  const Evaluation e = evaluate(p, kQuick);
  EXPECT_TRUE(close(e.accuracy.value, v["accuracy"]));
  EXPECT_TRUE(close(e.macro_f1.value, v["macro_f1"]));
  EXPECT_TRUE(close(e.weighted_f1.value, v["weighted_f1"]));
  EXPECT_TRUE(close(e.mcc.value, v["mcc"]));
  EXPECT_TRUE(close(e.kappa.value, v["kappa"]));
  EXPECT_TRUE(close(e.macro_auc.value, v["auc_ovr_macro"]));
  EXPECT_TRUE(close(e.macro_auc_one_vs_one.value, v["auc_ovo_macro"]));
  EXPECT_TRUE(close(e.weighted_auc.value, v["auc_ovr_weighted"]));
  EXPECT_TRUE(close(e.log_loss.value, v["log_loss"]));
  for (int c = 0; c < 3; ++c) {
    EXPECT_TRUE(close(e.of_class[c].precision.value, v["precision"][c]));
    EXPECT_TRUE(close(e.of_class[c].sensitivity.value, v["recall"][c]));
    EXPECT_TRUE(close(e.of_class[c].auc.value, v["per_class_auc"][c]));
    EXPECT_TRUE(close(e.of_class[c].average_precision.value, v["per_class_ap"][c]));
    EXPECT_TRUE(close(e.of_class[c].brier.value, v["brier_per_class"][c]));
  }
}

TEST(Evaluation, ProbabilitiesThatDoNotAddUpAreRefused) {
  Predictions p;
  p.classes = 2;
  p.truth = {0, 1};
  for (const std::vector<double>& bad :
       {std::vector<double>{0.5, 0.5, 0.7, 0.7}, {0.5, 0.5, 1.2, -0.2}, {0.5, 0.5, NAN, 1.0}}) {
    p.probability = bad;
    try {
      evaluate(p, {.bootstrap = {.samples = 10}});
      ADD_FAILURE() << bad[2];
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "E0655");
      EXPECT_NE(error.message().find("case 2"), std::string::npos);
    }
  }
  p.probability = {0.333, 0.667, 0.2, 0.8};
  EXPECT_EQ(evaluate(p, {.bootstrap = {.samples = 10}}).n, 2);
}

TEST(Evaluation, OnePatientAllEqualAndAGroupWithoutACase) {
  Predictions p;
  p.classes = 3;
  p.truth = {0, 0, 1, 1};
  p.predicted = {0, 0, 0, 0};
  p.patient = {0, 0, 0, 0};
  const Evaluation e = evaluate(p, {.bootstrap = {.samples = 50}});
  EXPECT_EQ(e.patients, 1);
  EXPECT_TRUE(e.macro_f1.defined);
  EXPECT_FALSE(e.macro_f1.has_interval);  // one patient: nothing to draw
  EXPECT_FALSE(e.of_class[2].sensitivity.defined);
  EXPECT_FALSE(e.of_class[1].precision.defined);  // nobody was called 1
  EXPECT_FALSE(e.of_class[2].f1.defined);
  EXPECT_FALSE(e.mcc.defined);
  EXPECT_TRUE(e.accuracy.has_interval);
}

}  // namespace
}  // namespace gantry
