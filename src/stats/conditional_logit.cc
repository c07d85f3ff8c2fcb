#include "stats/conditional_logit.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "stats/lbfgs.h"

namespace gantry {
namespace {

constexpr int kIterations = 200;
constexpr double kTolerance = 1e-4;  // of the gradient's largest entry a case: weights to 3 digits

// Standard deviation of each feature over all rows; 0 for one that never changes.
std::vector<double> deviations(const ChoiceSets& sets) {
  const auto features = static_cast<size_t>(sets.features);
  std::vector<double> sum(features), squares(features), deviation(features);
  const size_t rows = sets.value.size() / features;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t f = 0; f < features; ++f) {
      const double v = sets.value[r * features + f];
      sum[f] += v;
      squares[f] += v * v;
    }
  }
  for (size_t f = 0; f < features; ++f) {
    const double mean = sum[f] / static_cast<double>(rows);
    const double variance = squares[f] / static_cast<double>(rows) - mean * mean;
    deviation[f] = variance > 1e-12 ? std::sqrt(variance) : 0;
  }
  return deviation;
}

void scores_into(std::span<const float> features, std::span<const double> weight,
                 std::span<double> score) {
  for (size_t c = 0; c < score.size(); ++c) {
    const float* row = features.data() + c * weight.size();
    double s = 0;
    for (size_t f = 0; f < weight.size(); ++f) s += weight[f] * static_cast<double>(row[f]);
    score[c] = s;
  }
}

// Turns scores into probabilities; returns the log of the sum.
double softmax(std::span<double> score) {
  const double top = *std::max_element(score.begin(), score.end());
  double sum = 0;
  for (double& s : score) sum += s = std::exp(s - top);
  for (double& s : score) s /= sum;
  return top + std::log(sum);
}

}  // namespace

std::vector<double> ConditionalLogit::scores(std::span<const float> features) const {
  GANTRY_CHECK(!weight.empty() && features.size() % weight.size() == 0);
  std::vector<double> score(features.size() / weight.size());
  scores_into(features, weight, score);
  return score;
}

ConditionalLogit fit_conditional_logit(const ChoiceSets& sets, double penalty) {
  const auto features = static_cast<size_t>(sets.features);
  const auto candidates = static_cast<size_t>(sets.candidates);
  const auto cases = static_cast<int64_t>(sets.chosen.size());
  GANTRY_CHECK(cases > 0 && sets.value.size() == sets.chosen.size() * candidates * features);
  const std::vector<double> deviation = deviations(sets);

  // One gradient a case, added up in the order of cases: the same bits on any number of threads.
  std::vector<double> loss(sets.chosen.size()), gradients(sets.chosen.size() * features);
  std::vector<double> weight(features);
  const auto one_case = [&](int64_t i) {
    const std::span<const float> value(sets.value.data() + i * candidates * features,
                                       candidates * features);
    std::vector<double> p(candidates);
    scores_into(value, weight, p);
    const auto chosen = static_cast<size_t>(sets.chosen[i]);
    const double score = p[chosen];
    loss[i] = softmax(p) - score;
    p[chosen] -= 1;
    double* gradient = gradients.data() + i * features;
    std::fill(gradient, gradient + features, 0.0);
    for (size_t c = 0; c < candidates; ++c) {
      const float* row = value.data() + c * features;
      for (size_t f = 0; f < features; ++f) gradient[f] += p[c] * static_cast<double>(row[f]);
    }
  };
  const Objective objective = [&](std::span<const double> scaled, std::span<double> gradient) {
    for (size_t f = 0; f < features; ++f) {
      weight[f] = deviation[f] > 0 ? scaled[f] / deviation[f] : 0;
    }
    parallel_for(cases, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) one_case(i);
    });
    double total = 0;
    std::fill(gradient.begin(), gradient.end(), 0.0);
    for (int64_t i = 0; i < cases; ++i) {
      total += loss[i];
      for (size_t f = 0; f < features; ++f) gradient[f] += gradients[i * features + f];
    }
    for (size_t f = 0; f < features; ++f) {
      gradient[f] = (deviation[f] > 0 ? gradient[f] / deviation[f] : 0) + penalty * scaled[f];
      total += 0.5 * penalty * scaled[f] * scaled[f];
    }
    return total;
  };
  std::vector<double> scaled(features);
  const LbfgsResult result =
      minimise_lbfgs(objective, scaled,
                     {.max_iterations = kIterations,
                      .gradient_tolerance = kTolerance * static_cast<double>(cases)});
  ConditionalLogit fitted;
  fitted.converged = result.converged;
  for (size_t f = 0; f < features; ++f) {
    fitted.weight.push_back(deviation[f] > 0 ? scaled[f] / deviation[f] : 0);
  }
  return fitted;
}

}  // namespace gantry
