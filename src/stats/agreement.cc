#include "stats/agreement.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "base/error.h"
#include "stats/distributions.h"

namespace gantry {
namespace {

std::string with_weights(const char* name, AgreementWeights weights) {
  const char* suffix = weights == AgreementWeights::kNone     ? ""
                       : weights == AgreementWeights::kLinear ? ", linear weights"
                                                              : ", quadratic weights";
  return std::string(name) + suffix;
}

// One case: its number of readings and the two sums that all coefficients are made of.
struct Case {
  double readings = 0;
  double agreeing = 0;         // sum_k r_k (r*_k - 1), r* = weighted counts
  std::vector<double> counts;  // [classes]
};

struct Table {
  int classes = 0;
  std::vector<double> weight;  // [classes x classes]
  std::vector<Case> cases;     // with at least `fewest` readings
  double pairs = 0;            // cases with two readings or more
};

Table table_of(const Readings& readings, AgreementWeights weights, double fewest) {
  Table t;
  t.classes = readings.classes;
  t.weight = agreement_weights(readings.classes, weights);
  const int k = t.classes;
  for (int64_t i = 0; i < readings.cases(); ++i) {
    Case c;
    c.counts.assign(readings.counts.begin() + i * k, readings.counts.begin() + (i + 1) * k);
    c.readings = std::accumulate(c.counts.begin(), c.counts.end(), 0.0);
    if (c.readings < fewest) continue;
    for (int a = 0; a < k; ++a) {
      double weighted = 0;
      for (int b = 0; b < k; ++b) weighted += t.weight[a * k + b] * c.counts[b];
      c.agreeing += c.counts[a] * (weighted - 1);
    }
    if (c.readings >= 2) t.pairs += 1;
    t.cases.push_back(std::move(c));
  }
  return t;
}

// Variance of a mean of per-case values about `centre`, and the interval with t quantiles.
Estimate case_estimate(double value, double centre, std::span<const double> of_case,
                       const std::string& method, double level) {
  const double n = static_cast<double>(of_case.size());
  double squares = 0;
  for (double v : of_case) squares += (v - centre) * (v - centre);
  Estimate e = point_estimate(value, static_cast<int64_t>(of_case.size()), method);
  if (!e.defined || of_case.size() < 2 || !(squares > 1e-24)) return e;
  const double half =
      student_t_quantile(0.5 + level / 2, n - 1) * std::sqrt(squares / (n * (n - 1)));
  e.lower = std::max(-1.0, value - half);
  e.upper = std::min(1.0, value + half);
  e.has_interval = true;
  return e;
}

// Mean share of each group over the cases.
std::vector<double> group_shares(const Table& t) {
  std::vector<double> share(t.classes);
  for (const Case& c : t.cases) {
    for (int k = 0; k < t.classes; ++k) share[k] += c.counts[k] / c.readings;
  }
  for (double& s : share) s /= static_cast<double>(t.cases.size());
  return share;
}

// Fleiss and Gwet differ in the chance agreement alone: `chance` of the margins, and a case's share
// of it, linear in the case's readings: sum_k (r_k / r) slope[k].
Estimate chance_corrected(const Table& t, double chance, std::span<const double> slope,
                          const std::string& method, double level) {
  const double n = static_cast<double>(t.cases.size());
  if (t.pairs == 0 || !(1 - chance > 1e-12)) {
    return not_defined(static_cast<int64_t>(t.cases.size()), method);
  }
  double observed = 0;
  for (const Case& c : t.cases) {
    if (c.readings >= 2) observed += c.agreeing / (c.readings * (c.readings - 1));
  }
  observed /= t.pairs;
  const double value = (observed - chance) / (1 - chance);
  std::vector<double> of_case;
  for (const Case& c : t.cases) {
    double own = 0;
    if (c.readings >= 2) {
      own = n / t.pairs * (c.agreeing / (c.readings * (c.readings - 1)) - chance) / (1 - chance);
    }
    double own_chance = 0;
    for (int k = 0; k < t.classes; ++k) own_chance += c.counts[k] / c.readings * slope[k];
    of_case.push_back(own - 2 * (1 - value) * (own_chance - chance) / (1 - chance));
  }
  return case_estimate(value, value, of_case, method, level);
}

}  // namespace

std::vector<double> agreement_weights(int classes, AgreementWeights weights) {
  GANTRY_CHECK(classes > 0);
  std::vector<double> w(static_cast<size_t>(classes) * classes);
  for (int i = 0; i < classes; ++i) {
    for (int j = 0; j < classes; ++j) {
      const double distance = classes > 1 ? std::abs(i - j) / static_cast<double>(classes - 1) : 0;
      w[i * classes + j] = weights == AgreementWeights::kNone     ? (i == j ? 1 : 0)
                           : weights == AgreementWeights::kLinear ? 1 - distance
                                                                  : 1 - distance * distance;
    }
  }
  return w;
}

Estimate cohen_kappa(const ConfusionMatrix& table, AgreementWeights weights, double level) {
  const int k = table.classes();
  const double n = table.total();
  const std::string method = with_weights("Fleiss-Cohen-Everitt", weights);
  if (!(n > 0)) return not_defined(0, method);
  const std::vector<double> w = agreement_weights(k, weights);
  std::vector<double> row(k), column(k), row_mean(k), column_mean(k);
  for (int i = 0; i < k; ++i) {
    row[i] = table.with_truth(i) / n;
    column[i] = table.with_predicted(i) / n;
  }
  double observed = 0, chance = 0;
  for (int i = 0; i < k; ++i) {
    for (int j = 0; j < k; ++j) {
      observed += w[i * k + j] * table.at(i, j) / n;
      chance += w[i * k + j] * row[i] * column[j];
      row_mean[i] += w[i * k + j] * column[j];
      column_mean[j] += w[i * k + j] * row[i];
    }
  }
  if (!(1 - chance > 1e-12)) return not_defined(static_cast<int64_t>(n), method);
  const double kappa = (observed - chance) / (1 - chance);
  double sum = 0;
  for (int i = 0; i < k; ++i) {
    for (int j = 0; j < k; ++j) {
      const double d = w[i * k + j] - (row_mean[i] + column_mean[j]) * (1 - kappa);
      sum += table.at(i, j) / n * d * d;
    }
  }
  const double centre = kappa - chance * (1 - kappa);
  const double variance = (sum - centre * centre) / (n * (1 - chance) * (1 - chance));
  Estimate e = point_estimate(kappa, static_cast<int64_t>(n), method);
  if (!(variance > 1e-14)) return e;  // full agreement: the large-sample error is 0
  return wald_estimate(kappa, std::sqrt(variance), e.n, method, -1, 1, level);
}

Readings count_readings(int classes, int readers, std::span<const int> reading) {
  GANTRY_CHECK(classes > 0 && readers > 0 && reading.size() % static_cast<size_t>(readers) == 0);
  Readings result;
  result.classes = classes;
  result.counts.assign(reading.size() / readers * classes, 0);
  for (size_t i = 0; i < reading.size(); ++i) {
    GANTRY_CHECK(reading[i] >= -1 && reading[i] < classes);
    if (reading[i] >= 0) ++result.counts[i / readers * classes + reading[i]];
  }
  return result;
}

Estimate fleiss_kappa(const Readings& readings, AgreementWeights weights, double level) {
  const std::string method = with_weights("Gwet's variance of Fleiss' kappa", weights);
  const Table t = table_of(readings, weights, 1);
  if (t.cases.empty()) return not_defined(0, method);
  const std::vector<double> share = group_shares(t);
  std::vector<double> slope(t.classes);
  double chance = 0;
  for (int a = 0; a < t.classes; ++a) {
    for (int b = 0; b < t.classes; ++b) slope[a] += t.weight[a * t.classes + b] * share[b];
    chance += slope[a] * share[a];
  }
  return chance_corrected(t, chance, slope, method, level);
}

Estimate gwet_ac(const Readings& readings, AgreementWeights weights, double level) {
  const std::string method =
      with_weights(weights == AgreementWeights::kNone ? "Gwet's AC1" : "Gwet's AC2", weights);
  const Table t = table_of(readings, weights, 1);
  if (t.cases.empty() || t.classes < 2) return not_defined(0, method);
  const std::vector<double> share = group_shares(t);
  const double factor = std::accumulate(t.weight.begin(), t.weight.end(), 0.0) /
                        (static_cast<double>(t.classes) * (t.classes - 1));
  std::vector<double> slope(t.classes);
  double chance = 0;
  for (int a = 0; a < t.classes; ++a) {
    slope[a] = factor * (1 - share[a]);
    chance += slope[a] * share[a];
  }
  return chance_corrected(t, chance, slope, method, level);
}

Estimate krippendorff_alpha(const Readings& readings, AgreementWeights weights, double level) {
  const std::string method = with_weights("Gwet's variance of Krippendorff's alpha", weights);
  const Table t = table_of(readings, weights, 2);
  const double n = static_cast<double>(t.cases.size());
  if (t.cases.empty()) return not_defined(0, method);
  double all = 0;
  for (const Case& c : t.cases) all += c.readings;
  const double mean = all / n;  // readings a case
  std::vector<double> share(t.classes), slope(t.classes);
  double plain = 0, chance = 0;
  for (const Case& c : t.cases) {
    plain += c.agreeing / (mean * (c.readings - 1)) / n;
    for (int k = 0; k < t.classes; ++k) share[k] += c.counts[k] / mean / n;
  }
  for (int a = 0; a < t.classes; ++a) {
    for (int b = 0; b < t.classes; ++b) slope[a] += t.weight[a * t.classes + b] * share[b];
    chance += slope[a] * share[a];
  }
  if (!(1 - chance > 1e-12)) return not_defined(static_cast<int64_t>(n), method);
  const double observed = (1 - 1 / all) * plain + 1 / all;  // correction for few readings
  const double value = (observed - chance) / (1 - chance);
  const double centre = (plain - chance) / (1 - chance);
  std::vector<double> of_case;
  for (const Case& c : t.cases) {
    const double excess = (c.readings - mean) / mean;
    const double own =
        (c.agreeing / (mean * (c.readings - 1)) - observed * excess - chance) / (1 - chance);
    double own_chance = -chance * excess;
    for (int k = 0; k < t.classes; ++k) own_chance += c.counts[k] / mean * slope[k];
    of_case.push_back(own - 2 * (1 - centre) * (own_chance - chance) / (1 - chance));
  }
  return case_estimate(value, centre, of_case, method, level);
}

}  // namespace gantry
