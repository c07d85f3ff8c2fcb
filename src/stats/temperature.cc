#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "stats/calibration.h"

namespace gantry {
namespace {

// Mean log loss of softmax(b * logits) and its two derivatives in b = 1 / temperature.
struct Loss {
  double value = 0, slope = 0, curvature = 0;
};

Loss loss_at(double b, int classes, std::span<const double> logits, std::span<const int> truth) {
  Loss loss;
  for (size_t i = 0; i < truth.size(); ++i) {
    const double* z = logits.data() + i * classes;
    const double top = *std::max_element(z, z + classes);
    double sum = 0, mean = 0, square = 0;
    for (int c = 0; c < classes; ++c) {
      const double d = z[c] - top, e = std::exp(b * d);
      sum += e;
      mean += e * d;
      square += e * d * d;
    }
    mean /= sum;
    square /= sum;
    const double d = z[truth[i]] - top;
    loss.value += std::log(sum) - b * d;
    loss.slope += mean - d;
    loss.curvature += square - mean * mean;
  }
  const double n = static_cast<double>(truth.size());
  return {loss.value / n, loss.slope / n, loss.curvature / n};
}

constexpr double kLowest = 1e-3, kHighest = 1e3;  // of 1 / temperature

}  // namespace

Temperature fit_temperature(int classes, std::span<const double> logits,
                            std::span<const int> truth) {
  GANTRY_CHECK(classes > 0 && logits.size() == truth.size() * static_cast<size_t>(classes));
  for (int t : truth) GANTRY_CHECK(t >= 0 && t < classes);
  Temperature result;
  result.n = static_cast<int64_t>(truth.size());
  if (truth.empty()) {
    result.at_bound = true;
    return result;
  }
  result.log_loss_before = loss_at(1, classes, logits, truth).value;
  double low = kLowest, high = kHighest, b = 1;
  if (loss_at(low, classes, logits, truth).slope >= 0) {
    b = low;
    result.at_bound = true;
  } else if (loss_at(high, classes, logits, truth).slope <= 0) {
    b = 1;  // every case right: ever sharper is ever better, which no new set would bear out
    result.at_bound = true;
  } else {  // the slope changes sign between low and high: Newton, halving when it leaves them
    for (int iteration = 0; iteration < 200; ++iteration) {
      const Loss loss = loss_at(b, classes, logits, truth);
      (loss.slope > 0 ? high : low) = b;
      double next = loss.curvature > 0 ? b - loss.slope / loss.curvature : low;
      if (!(next > low && next < high)) next = (low + high) / 2;
      const double step = std::fabs(next - b);
      b = next;
      if (step <= 1e-14 * b) break;
    }
  }
  result.temperature = 1 / b;
  result.log_loss_after = loss_at(b, classes, logits, truth).value;
  return result;
}

std::vector<double> softmax_with_temperature(int classes, std::span<const double> logits,
                                             double temperature) {
  GANTRY_CHECK(classes > 0 && logits.size() % static_cast<size_t>(classes) == 0);
  GANTRY_CHECK(temperature > 0);
  std::vector<double> p(logits.size());
  for (size_t row = 0; row < logits.size(); row += classes) {
    const double top = *std::max_element(logits.begin() + row, logits.begin() + row + classes);
    double sum = 0;
    for (int c = 0; c < classes; ++c) {
      sum += p[row + c] = std::exp((logits[row + c] - top) / temperature);
    }
    for (int c = 0; c < classes; ++c) p[row + c] /= sum;
  }
  return p;
}

}  // namespace gantry
