// The figures of evaluation.h for one weighting of the patients, made fast: everything that does
// not change from resample to resample (orders by score, bins, per-case scores) is laid out once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stats/evaluation.h"

namespace gantry {

class EvaluationFigures {
 public:
  EvaluationFigures(const Predictions& predictions, const EvaluationOptions& options);

  // Places of the figures in the array that `compute` writes.
  enum Whole {
    kAccuracy,
    kBalancedAccuracy,
    kMacroF1,
    kWeightedF1,
    kMcc,
    kKappa,
    kMacroPrecision,
    kMacroSensitivity,
    kMacroAuc,
    kWeightedAuc,
    kMacroAucOneVsOne,
    kBrier,
    kLogLoss,
    kCalibrationError,
    kAurc,
    kWeightedAccuracy,  // "weighted" from here: each case counted by its sampling weight
    kWeightedBalancedAccuracy,
    kWeightedMacroF1,
    kWholeCount
  };
  enum OfClass {
    kF1,
    kAuc,
    kAveragePrecision,
    kClassBrier,
    kWeightedSensitivity,
    kWeightedSpecificity,
    kWeightedPpv,
    kWeightedNpv,
    kWeightedF1OfClass,
    kClassCount
  };
  int count() const { return kWholeCount + classes_ * kClassCount; }
  int place(OfClass figure, int c) const { return kWholeCount + c * kClassCount + figure; }

  // times[patient] = how often the patient counts. Thread-safe.
  void compute(std::span<const int32_t> times, std::span<double> figures) const;

 private:
  struct Ranked {  // cases by falling score
    std::vector<int32_t> patient;
    std::vector<uint8_t> mark;  // true class, or "wrong" for the confidence order
    std::vector<uint8_t> last_of_tie;
  };
  Ranked rank(std::span<const double> score, std::span<const uint8_t> mark) const;
  void confusion_figures(std::span<const int32_t> times, std::span<double> figures) const;
  void probability_sums(std::span<const int32_t> times, std::span<double> figures) const;
  void ranking_figures(std::span<const int32_t> times, std::span<double> figures) const;
  double aurc_of(std::span<const int32_t> times) const;

  int classes_;
  bool has_probability_, has_weight_;
  std::vector<int32_t> patient_;     // [n]
  std::vector<int32_t> cell_;        // [n] truth * classes + predicted
  std::vector<double> weight_;       // [n]
  std::vector<double> class_brier_;  // [n x classes]
  std::vector<double> log_loss_;     // [n]
  int bins_ = 0;
  std::vector<int32_t> bin_;            // [n]
  std::vector<double> overconfidence_;  // [n] confidence - correct
  std::vector<Ranked> by_class_score_;  // [classes]
  Ranked by_confidence_;
};

}  // namespace gantry
