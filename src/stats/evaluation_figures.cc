#include "stats/evaluation_figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace gantry {
namespace {

constexpr double kNotDefined = std::numeric_limits<double>::quiet_NaN();

struct Mean {
  double sum = 0, weight = 0;
  void add(double value, double by = 1) {
    if (std::isnan(value) || by <= 0) return;
    sum += by * value;
    weight += by;
  }
  double get() const { return weight > 0 ? sum / weight : kNotDefined; }
};

}  // namespace

EvaluationFigures::Ranked EvaluationFigures::rank(std::span<const double> score,
                                                  std::span<const uint8_t> mark) const {
  std::vector<int32_t> order(score.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return score[a] > score[b]; });
  Ranked ranked;
  for (size_t i = 0; i < order.size(); ++i) {
    ranked.patient.push_back(patient_[order[i]]);
    ranked.mark.push_back(mark[order[i]]);
    ranked.last_of_tie.push_back(i + 1 == order.size() || score[order[i + 1]] != score[order[i]]);
  }
  return ranked;
}

EvaluationFigures::EvaluationFigures(const Predictions& p, const EvaluationOptions& options)
    : classes_(p.classes),
      has_probability_(!p.probability.empty()),
      has_weight_(!p.weight.empty()),
      patient_(p.patient),
      weight_(p.weight) {
  const size_t n = p.truth.size();
  for (size_t i = 0; i < n; ++i) cell_.push_back(p.truth[i] * classes_ + p.predicted[i]);
  if (!has_probability_) return;

  std::vector<uint8_t> truth(p.truth.begin(), p.truth.end());
  std::vector<double> score(n);
  class_brier_.resize(n * classes_);
  for (int c = 0; c < classes_; ++c) {
    for (size_t i = 0; i < n; ++i) {
      score[i] = p.probability[i * classes_ + c];
      const double d = score[i] - (p.truth[i] == c ? 1 : 0);
      class_brier_[i * classes_ + c] = d * d;
    }
    by_class_score_.push_back(rank(score, truth));
  }
  // Confidence is that of the answer given, which is the highest probability unless the caller
  // chose otherwise.
  std::vector<uint8_t> wrong(n), correct(n);
  for (size_t i = 0; i < n; ++i) {
    score[i] = p.probability[i * classes_ + p.predicted[i]];
    correct[i] = p.predicted[i] == p.truth[i];
    wrong[i] = !correct[i];
    overconfidence_.push_back(score[i] - correct[i]);
    log_loss_.push_back(-std::log(std::clamp(p.probability[i * classes_ + p.truth[i]],
                                             std::numeric_limits<double>::epsilon(), 1.0)));
  }
  by_confidence_ = rank(score, wrong);
  bins_ = options.calibration_bins;
  bin_ = assign_bins(score, bins_, options.binning);
}

void EvaluationFigures::compute(std::span<const int32_t> times, std::span<double> figures) const {
  std::fill(figures.begin(), figures.end(), kNotDefined);
  confusion_figures(times, figures);
  if (!has_probability_) return;
  probability_sums(times, figures);
  ranking_figures(times, figures);
  figures[kAurc] = aurc_of(times);
}

void EvaluationFigures::confusion_figures(std::span<const int32_t> times,
                                          std::span<double> figures) const {
  ConfusionMatrix plain(classes_);
  std::vector<int64_t> cells(static_cast<size_t>(classes_) * classes_);
  for (size_t i = 0; i < cell_.size(); ++i) cells[cell_[i]] += times[patient_[i]];
  std::copy(cells.begin(), cells.end(), plain.cells().begin());
  figures[kAccuracy] = plain.accuracy();
  figures[kBalancedAccuracy] = plain.balanced_accuracy();
  figures[kMacroF1] = plain.macro_f1();
  figures[kWeightedF1] = plain.weighted_f1();
  figures[kMcc] = plain.mcc();
  figures[kKappa] = plain.kappa();
  figures[kMacroPrecision] = plain.macro_precision();
  figures[kMacroSensitivity] = plain.macro_sensitivity();

  ConfusionMatrix weighted = plain;
  if (has_weight_) {
    weighted = ConfusionMatrix(classes_);
    for (size_t i = 0; i < cell_.size(); ++i) {
      weighted.cells()[cell_[i]] += weight_[i] * times[patient_[i]];
    }
  }
  figures[kWeightedAccuracy] = weighted.accuracy();
  figures[kWeightedBalancedAccuracy] = weighted.balanced_accuracy();
  figures[kWeightedMacroF1] = weighted.macro_f1();
  for (int c = 0; c < classes_; ++c) {
    figures[place(kF1, c)] = plain.f1(c);
    figures[place(kWeightedSensitivity, c)] = weighted.sensitivity(c);
    figures[place(kWeightedSpecificity, c)] = weighted.specificity(c);
    figures[place(kWeightedPpv, c)] = weighted.precision(c);
    figures[place(kWeightedNpv, c)] = weighted.npv(c);
    figures[place(kWeightedF1OfClass, c)] = weighted.f1(c);
  }
}

void EvaluationFigures::probability_sums(std::span<const int32_t> times,
                                         std::span<double> figures) const {
  std::vector<double> brier(classes_), bin(bins_);
  double log_loss = 0, total = 0;
  for (size_t i = 0; i < cell_.size(); ++i) {
    const double t = times[patient_[i]];
    total += t;
    log_loss += t * log_loss_[i];
    bin[bin_[i]] += t * overconfidence_[i];
    for (int c = 0; c < classes_; ++c) brier[c] += t * class_brier_[i * classes_ + c];
  }
  if (total <= 0) return;
  figures[kLogLoss] = log_loss / total;
  figures[kBrier] = 0;
  for (int c = 0; c < classes_; ++c) {
    figures[place(kClassBrier, c)] = brier[c] / total;
    figures[kBrier] += brier[c] / total;
  }
  double error = 0;
  for (double b : bin) error += std::fabs(b);
  figures[kCalibrationError] = error / total;
}

void EvaluationFigures::ranking_figures(std::span<const int32_t> times,
                                        std::span<double> figures) const {
  const int k = classes_;
  Mean macro, weighted, pairs;
  std::vector<int64_t> above(k), tied(k);  // by true class: cases above this score, at this score
  std::vector<double> lost(k);             // pairs (positive, class b) with b above, ties one half
  for (int c = 0; c < k; ++c) {
    const Ranked& ranked = by_class_score_[c];
    std::fill(above.begin(), above.end(), 0);
    std::fill(tied.begin(), tied.end(), 0);
    std::fill(lost.begin(), lost.end(), 0.0);
    double precision_sum = 0;
    int64_t seen = 0;
    for (size_t i = 0; i < ranked.patient.size(); ++i) {
      tied[ranked.mark[i]] += times[ranked.patient[i]];
      if (!ranked.last_of_tie[i]) continue;
      const double positives = static_cast<double>(tied[c]);
      if (tied[c] > 0) {
        for (int b = 0; b < k; ++b) {
          lost[b] +=
              positives * (static_cast<double>(above[b]) + 0.5 * static_cast<double>(tied[b]));
        }
      }
      for (int b = 0; b < k; ++b) {
        above[b] += tied[b];
        seen += tied[b];
        tied[b] = 0;
      }
      if (positives > 0) {
        precision_sum += positives * static_cast<double>(above[c]) / static_cast<double>(seen);
      }
    }
    const double positives = static_cast<double>(above[c]);
    double lost_to_rest = 0;
    for (int b = 0; b < k; ++b) {
      if (b == c) continue;
      lost_to_rest += lost[b];
      const double all_pairs = positives * static_cast<double>(above[b]);
      if (all_pairs > 0) pairs.add(1 - lost[b] / all_pairs);
    }
    const double all_pairs = positives * (static_cast<double>(seen) - positives);
    const double area = all_pairs > 0 ? 1 - lost_to_rest / all_pairs : kNotDefined;
    figures[place(kAuc, c)] = area;
    if (positives > 0) figures[place(kAveragePrecision, c)] = precision_sum / positives;
    macro.add(area);
    weighted.add(area, positives);
  }
  figures[kMacroAuc] = macro.get();
  figures[kWeightedAuc] = weighted.get();
  figures[kMacroAucOneVsOne] = pairs.get();
}

double EvaluationFigures::aurc_of(std::span<const int32_t> times) const {
  int64_t answered = 0, errors = 0, tied = 0;
  double sum = 0;
  for (size_t i = 0; i < by_confidence_.patient.size(); ++i) {
    const int32_t t = times[by_confidence_.patient[i]];
    tied += t;
    errors += by_confidence_.mark[i] ? t : 0;
    if (!by_confidence_.last_of_tie[i] || tied == 0) continue;
    answered += tied;
    sum += static_cast<double>(tied) * static_cast<double>(errors) / static_cast<double>(answered);
    tied = 0;
  }
  return answered > 0 ? sum / static_cast<double>(answered) : kNotDefined;
}

}  // namespace gantry
