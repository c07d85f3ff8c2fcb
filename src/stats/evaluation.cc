#include "stats/evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "stats/evaluation_figures.h"
#include "stats/proportion.h"
#include "stats/roc.h"

namespace gantry {
namespace {

using Figures = EvaluationFigures;

// Fills what may be left empty, and holds the caller to the shapes.
// Calibration and ranking of numbers that are no probabilities would be figures about nothing.
void check_probabilities(const Predictions& p) {
  constexpr double kTolerance = 1e-3;  // rounded probabilities of a file still pass
  const auto k = static_cast<size_t>(p.classes);
  for (size_t row = 0; row * k < p.probability.size(); ++row) {
    double sum = 0;
    bool within = true;
    for (size_t c = 0; c < k; ++c) {
      const double value = p.probability[row * k + c];
      within = within && value >= 0 && value <= 1;
      sum += value;
    }
    if (!within || !(std::fabs(sum - 1) <= kTolerance))
      throw Error("E0655",
                  "case " + std::to_string(row + 1) +
                      ": the probabilities of its groups add up to " + std::to_string(sum) +
                      ", not to 1",
                  "Give one probability a group, from 0 to 1, adding up to 1.");
  }
}

Predictions completed(Predictions p) {
  const size_t n = p.truth.size();
  GANTRY_CHECK(p.classes > 0 && p.classes <= 255);
  GANTRY_CHECK(p.probability.empty() || p.probability.size() == n * p.classes);
  GANTRY_CHECK(p.weight.empty() || p.weight.size() == n);
  if (p.predicted.empty() && !p.probability.empty()) {
    p.predicted = top_label(p.classes, p.probability, p.truth).predicted;
  }
  GANTRY_CHECK(p.predicted.size() == n);
  if (p.patient.empty()) {
    p.patient.resize(n);
    std::iota(p.patient.begin(), p.patient.end(), 0);
  }
  GANTRY_CHECK(p.patient.size() == n);
  for (size_t i = 0; i < n; ++i) {
    GANTRY_CHECK(p.patient[i] >= 0);
    GANTRY_CHECK(p.truth[i] >= 0 && p.truth[i] < p.classes);
    GANTRY_CHECK(p.predicted[i] >= 0 && p.predicted[i] < p.classes);
    GANTRY_CHECK(p.weight.empty() || (p.weight[i] > 0 && std::isfinite(p.weight[i])));
  }
  check_probabilities(p);
  return p;
}

// Numbers the patients that occur from 0 without gaps and returns how many there are.
int64_t close_gaps(std::vector<int32_t>& patient) {
  std::vector<int32_t> distinct = patient;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (int32_t& p : patient) {
    p = static_cast<int32_t>(std::lower_bound(distinct.begin(), distinct.end(), p) -
                             distinct.begin());
  }
  return static_cast<int64_t>(distinct.size());
}

Estimate proportion(double count, double n, ProportionInterval interval) {
  const auto k = static_cast<int64_t>(count), m = static_cast<int64_t>(n);
  return interval == ProportionInterval::kWilson ? wilson(k, m) : clopper_pearson(k, m);
}

void fill_proportions(const ConfusionMatrix& m, int c, ProportionInterval interval,
                      ClassEvaluation& out) {
  const double tp = m.true_positives(c), fp = m.false_positives(c);
  const double tn = m.true_negatives(c), fn = m.false_negatives(c);
  out.support = static_cast<int64_t>(m.with_truth(c));
  out.sensitivity = proportion(tp, tp + fn, interval);
  out.specificity = proportion(tn, tn + fp, interval);
  out.precision = proportion(tp, tp + fp, interval);
  out.npv = proportion(tn, tn + fn, interval);
}

// What needs the probability of one class against the rest.
void fill_ranking(const Predictions& p, int c, const EvaluationOptions& options,
                  ClassEvaluation& out) {
  std::vector<double> score;
  std::vector<uint8_t> positive;
  for (size_t i = 0; i < p.truth.size(); ++i) {
    score.push_back(p.probability[i * p.classes + c]);
    positive.push_back(p.truth[i] == c);
  }
  out.auc = auc_delong(score, positive, options.bootstrap.level);
  out.calibration = calibration_line(score, positive, options.bootstrap.level);
  out.reliability = reliability_bins(score, positive, options.calibration_bins, options.binning);
}

void fill_curves(const Predictions& p, const EvaluationOptions& options, Evaluation& out) {
  std::vector<double> confidence;
  std::vector<uint8_t> correct;
  for (size_t i = 0; i < p.truth.size(); ++i) {
    confidence.push_back(p.probability[i * p.classes + p.predicted[i]]);
    correct.push_back(p.predicted[i] == p.truth[i]);
  }
  out.reliability =
      reliability_bins(confidence, correct, options.calibration_bins, options.binning);
  out.risk_coverage = risk_coverage_curve(confidence, correct);
}

// Hands out the bootstrap's figures as Estimates.
class Reader {
 public:
  Reader(const Figures& figures, const BootstrapResult& result, int64_t n)
      : figures_(figures), result_(result), n_(n) {}
  Estimate operator()(Figures::Whole figure) const { return at(figure, n_); }
  Estimate operator()(Figures::OfClass figure, int c) const {
    return at(figures_.place(figure, c), n_);
  }
  Estimate operator()(Figures::OfClass figure, int c, int64_t n) const {
    return at(figures_.place(figure, c), n);
  }

 private:
  Estimate at(int place, int64_t n) const {
    return result_.figures[place].estimate(n, result_.method);
  }
  const Figures& figures_;
  const BootstrapResult& result_;
  int64_t n_;
};

WeightedEvaluation weighted_evaluation(const Predictions& p, const Evaluation& e,
                                       const Reader& read) {
  WeightedEvaluation out;
  out.confusion = ConfusionMatrix::of(p.classes, p.truth, p.predicted, p.weight);
  out.accuracy = read(Figures::kWeightedAccuracy);
  out.balanced_accuracy = read(Figures::kWeightedBalancedAccuracy);
  out.macro_f1 = read(Figures::kWeightedMacroF1);
  const double total = out.confusion.total();
  for (int c = 0; c < p.classes; ++c) {
    WeightedEvaluation::OfClass& of = out.of_class.emplace_back();
    const ClassEvaluation& raw = e.of_class[c];
    of.prevalence = total > 0 ? out.confusion.with_truth(c) / total : 0;
    of.sensitivity = read(Figures::kWeightedSensitivity, c, raw.sensitivity.n);
    of.specificity = read(Figures::kWeightedSpecificity, c, raw.specificity.n);
    of.ppv = read(Figures::kWeightedPpv, c, raw.precision.n);
    of.npv = read(Figures::kWeightedNpv, c, raw.npv.n);
    of.f1 = read(Figures::kWeightedF1OfClass, c);
  }
  return out;
}

}  // namespace

Evaluation evaluate(const Predictions& given, const EvaluationOptions& options) {
  Predictions p = completed(given);
  Evaluation e;
  e.n = static_cast<int64_t>(p.truth.size());
  e.patients = close_gaps(p.patient);
  e.confusion = ConfusionMatrix::of(p.classes, p.truth, p.predicted);
  e.accuracy = proportion(e.confusion.correct(), e.confusion.total(), options.proportion);
  e.weighted =
      std::adjacent_find(p.weight.begin(), p.weight.end(), std::not_equal_to<>()) != p.weight.end();

  const Figures figures(p, options);
  const BootstrapResult result = cluster_bootstrap(
      e.patients, figures.count(),
      [&](std::span<const int32_t> times, std::span<double> out) { figures.compute(times, out); },
      options.bootstrap);
  const Reader read(figures, result, e.n);
  e.balanced_accuracy = read(Figures::kBalancedAccuracy);
  e.macro_f1 = read(Figures::kMacroF1);
  e.weighted_f1 = read(Figures::kWeightedF1);
  e.micro_f1 = read(Figures::kAccuracy);  // with one label a case, micro F1 is the accuracy
  e.mcc = read(Figures::kMcc);
  e.kappa = read(Figures::kKappa);
  e.macro_precision = read(Figures::kMacroPrecision);
  e.macro_sensitivity = read(Figures::kMacroSensitivity);
  e.macro_auc = read(Figures::kMacroAuc);
  e.weighted_auc = read(Figures::kWeightedAuc);
  e.macro_auc_one_vs_one = read(Figures::kMacroAucOneVsOne);
  e.brier = read(Figures::kBrier);
  e.log_loss = read(Figures::kLogLoss);
  e.calibration_error = read(Figures::kCalibrationError);
  e.aurc = read(Figures::kAurc);

  for (int c = 0; c < p.classes; ++c) {
    ClassEvaluation& of = e.of_class.emplace_back();
    fill_proportions(e.confusion, c, options.proportion, of);
    if (!p.probability.empty()) fill_ranking(p, c, options, of);
    of.f1 = read(Figures::kF1, c);
    of.auc_bootstrap = read(Figures::kAuc, c);
    of.average_precision = read(Figures::kAveragePrecision, c);
    of.brier = read(Figures::kClassBrier, c);
  }
  if (!p.probability.empty()) fill_curves(p, options, e);
  e.weighted_evaluation = weighted_evaluation(p, e, read);
  return e;
}

}  // namespace gantry
