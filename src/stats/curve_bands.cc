#include "stats/curve_bands.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gantry {
namespace {

// Cases by falling score; ties[i] is true where case i has the score of the case before.
struct Ranked {
  std::vector<int32_t> patient;
  std::vector<uint8_t> positive, tied;
  int64_t patients = 0;
  bool both = false;  // positives and negatives occur
};

Ranked rank(std::span<const double> score, std::span<const uint8_t> positive,
            std::span<const int32_t> patient) {
  std::vector<size_t> order(score.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return score[a] > score[b]; });
  Ranked out;
  bool seen[2] = {false, false};
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t at = order[i];
    out.patient.push_back(patient.empty() ? static_cast<int32_t>(at) : patient[at]);
    out.patients = std::max<int64_t>(out.patients, out.patient.back() + 1);
    out.positive.push_back(positive[at] != 0);
    out.tied.push_back(i > 0 && score[order[i - 1]] == score[at]);
    seen[positive[at] != 0] = true;
  }
  out.both = seen[0] && seen[1];
  return out;
}

struct Totals {
  double positives = 0, negatives = 0;
};
Totals totals(const Ranked& r, std::span<const int32_t> times) {
  Totals t;
  for (size_t i = 0; i < r.patient.size(); ++i)
    (r.positive[i] ? t.positives : t.negatives) += times[static_cast<size_t>(r.patient[i])];
  return t;
}

// Walks the curve from threshold to threshold: visit(true positives, false positives).
template <class Visit>
void walk(const Ranked& r, std::span<const int32_t> times, const Visit& visit) {
  double tp = 0, fp = 0;
  for (size_t i = 0; i < r.patient.size();) {
    do {
      (r.positive[i] ? tp : fp) += times[static_cast<size_t>(r.patient[i])];
      ++i;
    } while (i < r.patient.size() && r.tied[i]);
    visit(tp, fp);
  }
}

void sensitivities(const Ranked& r, std::span<const int32_t> times, std::span<const double> grid,
                   std::span<double> out) {
  const Totals all = totals(r, times);
  std::fill(out.begin(), out.end(), std::nan(""));
  if (all.positives <= 0 || all.negatives <= 0) return;
  double last_x = 0, last_y = 0;
  size_t g = 0;
  walk(r, times, [&](double tp, double fp) {
    const double x = fp / all.negatives, y = tp / all.positives;
    // Points of the grid left of x lie on the segment; those at x wait for the highest y there.
    for (; g < grid.size() && grid[g] < x; ++g)
      out[g] = last_y + (y - last_y) * (grid[g] - last_x) / (x - last_x);
    last_x = x;
    last_y = y;
  });
  for (; g < grid.size(); ++g) out[g] = 1;
}

void precisions(const Ranked& r, std::span<const int32_t> times, std::span<const double> grid,
                std::span<double> out) {
  const Totals all = totals(r, times);
  std::fill(out.begin(), out.end(), std::nan(""));
  if (all.positives <= 0) return;
  size_t g = 0;
  walk(r, times, [&](double tp, double fp) {
    for (; g < grid.size() && tp >= grid[g] * all.positives - 1e-9; ++g)
      out[g] = tp + fp > 0 ? tp / (tp + fp) : std::nan("");
  });
}

template <class Curve>
CurveBand band(const Ranked& ranked, std::span<const double> grid, const Curve& curve,
               const BootstrapOptions& options) {
  CurveBand out;
  if (!ranked.both) return out;
  auto result = cluster_bootstrap(
      ranked.patients, static_cast<int>(grid.size()),
      [&](std::span<const int32_t> times, std::span<double> figures) {
        curve(ranked, times, grid, figures);
      },
      options);
  out.method = result.method;
  for (size_t i = 0; i < grid.size(); ++i) {
    const auto& f = result.figures[i];
    out.points.push_back(
        {grid[i], f.defined ? f.value : std::nan(""), f.lower, f.upper, f.has_interval});
  }
  return out;
}

}  // namespace

CurveBand roc_band(std::span<const double> score, std::span<const uint8_t> positive,
                   std::span<const int32_t> patient, std::span<const double> grid,
                   const BootstrapOptions& options) {
  return band(rank(score, positive, patient), grid, sensitivities, options);
}

CurveBand precision_recall_band(std::span<const double> score, std::span<const uint8_t> positive,
                                std::span<const int32_t> patient, std::span<const double> grid,
                                const BootstrapOptions& options) {
  return band(rank(score, positive, patient), grid, precisions, options);
}

std::vector<double> even_grid(double low, double high, int n) {
  std::vector<double> out;
  for (int i = 0; i < n; ++i) out.push_back(low + (high - low) * i / (n - 1));
  return out;
}

}  // namespace gantry
