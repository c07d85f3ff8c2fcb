#include "stats/abstention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/strings.h"
#include "stats/proportion.h"

namespace gantry {
namespace {

// The fewest answered cases that could meet the bound, all of them right.
int64_t fewest_to_pass(double stated_error_rate, double confidence_level) {
  return static_cast<int64_t>(
      std::ceil(std::log(1 - confidence_level) / std::log1p(-stated_error_rate) - 1e-9));
}

std::string rule_in_words(AbstentionRule rule, double rate, double level) {
  const std::string at_most = " at most " + format_double(100 * rate, 2) + " % on the tuning set";
  if (rule == AbstentionRule::kObserved) return "observed error rate of answered cases" + at_most;
  return "upper " + format_double(100 * level, 1) +
         " % bound (Clopper-Pearson, one-sided, fixed-sequence) of the error rate of answered "
         "cases" +
         at_most;
}

}  // namespace

std::vector<RiskCoveragePoint> risk_coverage_curve(std::span<const double> confidence,
                                                   std::span<const uint8_t> correct) {
  GANTRY_CHECK(confidence.size() == correct.size());
  std::vector<size_t> order(confidence.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return confidence[a] > confidence[b]; });
  std::vector<RiskCoveragePoint> curve;
  int64_t answered = 0, errors = 0;
  for (size_t i = 0; i < order.size();) {
    const double threshold = confidence[order[i]];
    for (; i < order.size() && confidence[order[i]] == threshold; ++i) {
      ++answered;
      errors += correct[order[i]] ? 0 : 1;
    }
    curve.push_back({threshold, static_cast<double>(answered) / static_cast<double>(order.size()),
                     static_cast<double>(errors) / static_cast<double>(answered), answered,
                     errors});
  }
  return curve;
}

double aurc(std::span<const double> confidence, std::span<const uint8_t> correct) {
  if (confidence.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  int64_t before = 0;
  for (const RiskCoveragePoint& point : risk_coverage_curve(confidence, correct)) {
    sum += point.risk * static_cast<double>(point.answered - before);
    before = point.answered;
  }
  return sum / static_cast<double>(confidence.size());
}

double excess_aurc(std::span<const double> confidence, std::span<const uint8_t> correct) {
  const size_t n = correct.size();
  const size_t right = static_cast<size_t>(
      std::count_if(correct.begin(), correct.end(), [](uint8_t c) { return c != 0; }));
  double perfect = 0;  // all right answers first
  for (size_t k = right + 1; k <= n; ++k) {
    perfect += static_cast<double>(k - right) / static_cast<double>(k);
  }
  return aurc(confidence, correct) - perfect / static_cast<double>(n);
}

AbstentionThreshold choose_abstention_threshold(std::span<const double> confidence,
                                                std::span<const uint8_t> correct,
                                                double stated_error_rate, AbstentionRule rule,
                                                double confidence_level) {
  GANTRY_CHECK(stated_error_rate > 0 && stated_error_rate < 1);
  GANTRY_CHECK(confidence_level > 0 && confidence_level < 1);
  const int64_t n = static_cast<int64_t>(confidence.size());
  AbstentionThreshold result;
  result.threshold = INFINITY;
  result.stated_error_rate = stated_error_rate;
  result.confidence_level = confidence_level;
  result.upper_bound = 1;
  result.rule = rule_in_words(rule, stated_error_rate, confidence_level);
  result.error_rate = wilson(0, 0);
  result.coverage = wilson(0, n);

  const int64_t start = std::max((n + 3) / 4, fewest_to_pass(stated_error_rate, confidence_level));
  for (const RiskCoveragePoint& point : risk_coverage_curve(confidence, correct)) {
    const double bound = clopper_pearson_upper(point.errors, point.answered, confidence_level);
    if (rule == AbstentionRule::kUpperBound) {
      if (point.answered < start) continue;
      if (bound > stated_error_rate) break;
    } else if (point.risk > stated_error_rate) {
      continue;
    }
    result.threshold = point.threshold;
    result.attainable = true;
    result.upper_bound = bound;
    result.error_rate = wilson(point.errors, point.answered);
    result.coverage = wilson(point.answered, n);
  }
  return result;
}

}  // namespace gantry
