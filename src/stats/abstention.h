// Answering only when sure: risk against coverage, and the confidence below which to abstain.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stats/estimate.h"

namespace gantry {

struct RiskCoveragePoint {
  double threshold = 0;  // answered: confidence >= threshold
  double coverage = 0;   // share of cases answered
  double risk = 0;       // share of errors among them
  int64_t answered = 0, errors = 0;
};
// One point a distinct confidence, coverage rising to 1.
std::vector<RiskCoveragePoint> risk_coverage_curve(std::span<const double> confidence,
                                                   std::span<const uint8_t> correct);
// Area under the risk-coverage curve: the mean, over k = 1..n, of the error rate among the k most
// confident cases (Geifman and El-Yaniv, NeurIPS 2017; tied cases share their group's mean rate).
double aurc(std::span<const double> confidence, std::span<const uint8_t> correct);
// aurc less that of a perfect ranking with the same errors (excess AURC; Geifman, ICLR 2019).
double excess_aurc(std::span<const double> confidence, std::span<const uint8_t> correct);

// How the error rate of the answered cases is held to the stated rate on the tuning set.
enum class AbstentionRule {
  kObserved,    // the observed rate is at most the stated one: no assurance on new cases
  kUpperBound,  // the one-sided Clopper-Pearson upper bound, at `confidence_level`, is at most it
};
struct AbstentionThreshold {
  double threshold = 0;     // answer when confidence >= threshold
  bool attainable = false;  // false: no threshold meets the rule; threshold is +infinity
  double stated_error_rate = 0;
  double confidence_level = 0;  // of the upper bound (kUpperBound)
  double upper_bound = 0;  // of the error rate among answered tuning cases, at confidence_level
  Estimate error_rate;     // among answered tuning cases, Wilson
  Estimate coverage;       // answered / all tuning cases, Wilson
  std::string rule;        // in words, for the report
};
// The lowest threshold (widest coverage) that meets the rule.
//
// kUpperBound must hold for a threshold that was chosen by looking: thresholds are tried from the
// strict one that answers a quarter of the cases (or as many as an error-free run of answers needs
// to pass, when that is more) towards looser ones, and the search ends at the first that fails
// (fixed-sequence testing: Angelopoulos et al., "Learn then Test", 2021). The starting point
// depends on n and the rates alone, so the assurance holds at confidence_level for the chosen
// threshold.
AbstentionThreshold choose_abstention_threshold(std::span<const double> confidence,
                                                std::span<const uint8_t> correct,
                                                double stated_error_rate, AbstentionRule rule,
                                                double confidence_level = 0.95);

}  // namespace gantry
