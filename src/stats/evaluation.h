// Everything `gantry test` says about a classifier, in one call.
//
//   Predictions p;  p.classes = 3;  p.truth = ...;  p.probability = ...;  p.patient = ...;
//   Evaluation e = evaluate(p, {.bootstrap = {.seed = study.seed}});
//   e.of_class[1].sensitivity  ->  0.947 (0.856 to 0.982), n = 57, Wilson
#pragma once

#include <cstdint>
#include <vector>

#include "stats/abstention.h"
#include "stats/bootstrap.h"
#include "stats/calibration.h"
#include "stats/confusion.h"
#include "stats/estimate.h"

namespace gantry {

struct Predictions {
  int classes = 0;
  std::vector<int> truth;      // [n] class numbers of the reference standard
  std::vector<int> predicted;  // [n]; may be empty when probability is given (then the highest)
  std::vector<double> probability;  // [n x classes] row-major; empty: no ranking and calibration
  std::vector<int32_t> patient;     // [n] numbers from 0 (number_clusters); empty: one case each
  std::vector<double> weight;       // [n] 1 / sampling fraction; empty: sampled whole
};

enum class ProportionInterval { kWilson, kClopperPearson };

struct EvaluationOptions {
  ProportionInterval proportion = ProportionInterval::kWilson;
  BootstrapOptions bootstrap;
  int calibration_bins = 10;
  Binning binning = Binning::kEqualWidth;
};

struct ClassEvaluation {
  int64_t support = 0;  // cases of this class in the reference standard
  // Proportion intervals.
  Estimate sensitivity, specificity, precision, npv;
  // Bootstrap over patients.
  Estimate f1, average_precision;
  Estimate auc;            // one against the rest, DeLong
  Estimate auc_bootstrap;  // the same area, bootstrap over patients
  Estimate brier;          // one against the rest, 0 to 1
  CalibrationLine calibration;
  std::vector<ReliabilityBin> reliability;
};

// Proportions by bootstrap over patients, each case counted `weight` times. With weights of 1 /
// sampling fraction: what the figures would be at the natural prevalence. Without weights: the same
// proportions as above, with intervals that allow for several reports of one patient.
struct WeightedEvaluation {
  ConfusionMatrix confusion{1};
  Estimate accuracy, balanced_accuracy, macro_f1;
  struct OfClass {
    double prevalence = 0;  // weighted share of the class
    Estimate sensitivity, specificity, ppv, npv, f1;
  };
  std::vector<OfClass> of_class;
};

struct Evaluation {
  int64_t n = 0, patients = 0;
  ConfusionMatrix confusion{1};
  Estimate accuracy;  // proportion interval
  Estimate balanced_accuracy, macro_f1, weighted_f1, micro_f1, mcc, kappa;
  Estimate macro_precision, macro_sensitivity;
  std::vector<ClassEvaluation> of_class;
  // Need probabilities; not defined without.
  Estimate macro_auc, weighted_auc, macro_auc_one_vs_one;
  Estimate brier, log_loss, calibration_error, aurc;
  std::vector<ReliabilityBin> reliability;  // top label
  std::vector<RiskCoveragePoint> risk_coverage;
  bool weighted = false;  // weights were given and are not all equal
  WeightedEvaluation weighted_evaluation;
};

// Error E0655: a case's probabilities do not add up to 1 (within 0.001) or leave 0 to 1.
Evaluation evaluate(const Predictions& predictions, const EvaluationOptions& options = {});

}  // namespace gantry
