#include "stats/lbfgs.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"

namespace gantry {
namespace {

using Vector = std::vector<double>;

constexpr int64_t kBlock = 4096;  // of a sum: partial sums a block, then the blocks in order
// Below this many entries a thread's share is not worth waking a thread for (and waiting for it,
// which takes far longer on a machine that is busy).
constexpr int64_t kShare = 1 << 21;

double dot(const Vector& a, const Vector& b) {
  const int64_t n = static_cast<int64_t>(a.size()), blocks = (n + kBlock - 1) / kBlock;
  Vector partial(blocks);
  parallel_for(blocks, kShare / kBlock, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      double sum = 0;
      const int64_t last = std::min(n, (block + 1) * kBlock);
      for (int64_t i = block * kBlock; i < last; ++i) sum += a[i] * b[i];
      partial[block] = sum;
    }
  });
  double sum = 0;
  for (double p : partial) sum += p;
  return sum;
}

// y += factor * x
void add(double factor, const Vector& x, Vector& y) {
  parallel_for(static_cast<int64_t>(x.size()), kShare, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] += factor * x[i];
  });
}

double largest(const Vector& v) {
  double most = 0;
  for (double x : v) most = std::max(most, std::fabs(x));
  return most;
}

// The last steps s and gradient changes y, and the direction -H g they give.
class History {
 public:
  explicit History(int limit) : limit_(limit) {}

  void add_pair(Vector s, Vector y) {
    const double sy = dot(s, y);
    if (!(sy > 0)) return;  // keeps H positive definite
    if (static_cast<int>(pairs_.size()) == limit_) pairs_.erase(pairs_.begin());
    scale_ = sy / dot(y, y);
    pairs_.push_back({std::move(s), std::move(y), 1 / sy});
  }
  void clear() { pairs_.clear(); }
  bool empty() const { return pairs_.empty(); }

  Vector direction(const Vector& gradient) const {  // two-loop recursion
    Vector q = gradient;
    std::vector<double> alpha(pairs_.size());
    for (size_t i = pairs_.size(); i-- > 0;) {
      alpha[i] = pairs_[i].rho * dot(pairs_[i].s, q);
      add(-alpha[i], pairs_[i].y, q);
    }
    const double scale =
        pairs_.empty() ? 1 / std::max(1.0, std::sqrt(dot(gradient, gradient))) : scale_;
    for (double& v : q) v *= scale;
    for (size_t i = 0; i < pairs_.size(); ++i) {
      add(alpha[i] - pairs_[i].rho * dot(pairs_[i].y, q), pairs_[i].s, q);
    }
    for (double& v : q) v = -v;
    return q;
  }

 private:
  struct Pair {
    Vector s, y;
    double rho;
  };
  int limit_;
  double scale_ = 1;
  std::vector<Pair> pairs_;
};

struct Point {
  Vector x, gradient;
  double value = 0;
};

// A step along `direction` that meets the strong Wolfe conditions. False where none is found.
class LineSearch {
 public:
  LineSearch(const Objective& objective, const Point& from, const Vector& direction)
      : objective_(objective),
        from_(from),
        direction_(direction),
        slope0_(dot(from.gradient, direction)) {}

  bool search(Point& to) {
    if (!(slope0_ < 0)) return false;
    double low = 0, high = INFINITY, step = 1;
    double low_value = from_.value, low_slope = slope0_;
    for (int trial = 0; trial < 60; ++trial) {
      const double slope = evaluate(step, to);
      const bool rises = !(to.value <= from_.value + kArmijo * step * slope0_ + noise());
      if (!rises && std::fabs(slope) <= -kCurvature * slope0_) return true;
      if (rises || to.value > low_value + noise() || slope >= 0) {
        high = step;
      } else {
        low = step;
        low_value = to.value;
        low_slope = slope;
      }
      if (std::isinf(high)) {
        step *= 4;
      } else {
        step = between(low, high, low_value, low_slope, step, to.value);
      }
      if (high - low < 1e-16 * high) break;
    }
    return to.value <= from_.value + noise() && step > 0;
  }

 private:
  static constexpr double kArmijo = 1e-4, kCurvature = 0.9;

  // Near the minimum the value changes by less than its rounding; the slope then decides (as in
  // Hager and Zhang, SIAM J Optim 2005;16:170).
  double noise() const { return 1e-12 * std::fabs(from_.value); }

  double evaluate(double step, Point& to) const {
    to.x = from_.x;
    add(step, direction_, to.x);
    to.gradient.resize(to.x.size());
    to.value = objective_(to.x, to.gradient);
    return dot(to.gradient, direction_);
  }

  // Minimum of the parabola through (low, value, slope) and (tried, value), kept off the ends.
  static double between(double low, double high, double low_value, double low_slope, double tried,
                        double tried_value) {
    const double width = tried - low;
    const double bend = tried_value - low_value - low_slope * width;
    double step = bend > 0 ? low - low_slope * width * width / (2 * bend) : (low + high) / 2;
    const double margin = 0.1 * (high - low);
    if (!(step > low + margin && step < high - margin)) step = (low + high) / 2;
    return step;
  }

  const Objective& objective_;
  const Point& from_;
  const Vector& direction_;
  double slope0_;
};

}  // namespace

LbfgsResult minimise_lbfgs(const Objective& objective, std::vector<double>& x,
                           const LbfgsOptions& options) {
  Point now, next;
  now.x = x;
  now.gradient.resize(x.size());
  now.value = objective(now.x, now.gradient);
  History history(options.history);
  LbfgsResult result;
  for (; result.iterations < options.max_iterations; ++result.iterations) {
    if (largest(now.gradient) <= options.gradient_tolerance) {
      result.converged = true;
      break;
    }
    const Vector direction = history.direction(now.gradient);
    if (!LineSearch(objective, now, direction).search(next)) {
      if (history.empty()) break;
      history.clear();  // a stale curvature: try once more along the gradient
      continue;
    }
    Vector s = next.x, y = next.gradient;
    add(-1, now.x, s);
    add(-1, now.gradient, y);
    history.add_pair(std::move(s), std::move(y));
    std::swap(now, next);
  }
  x = now.x;
  result.value = now.value;
  return result;
}

}  // namespace gantry
