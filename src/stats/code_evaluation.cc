#include "stats/code_evaluation.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"
#include "stats/proportion.h"

namespace gantry {
namespace {

// What one case contributes, so that a resample only adds up.
struct CaseFacts {
  int32_t truth = -1, answer = -1;    // classes of their own: 0 ... classes - 1; -1: none
  int32_t truth3 = -1, answer3 = -1;  // the same for categories
  bool exact = false, at4 = false, at3 = false, top3 = false, top5 = false;
};

// Numbers codes from 0 in order of their number, so that per-class sums are short arrays.
class Classes {
 public:
  int32_t add(int32_t code) {
    return number_.emplace(code, static_cast<int32_t>(number_.size())).first->second;
  }
  size_t size() const { return number_.size(); }

 private:
  std::map<int32_t, int32_t> number_;
};

bool within(const std::vector<int32_t>& ranked, int32_t truth, size_t most) {
  const auto end = ranked.begin() + static_cast<int64_t>(std::min(most, ranked.size()));
  return std::find(ranked.begin(), end, truth) != end;
}

struct Counts {  // per class
  std::vector<double> both, truth, answer;
  explicit Counts(size_t classes) : both(classes), truth(classes), answer(classes) {}
  void add(int32_t t, int32_t a, double weight) {
    truth[t] += weight;
    if (a >= 0) answer[a] += weight;
    if (t == a) both[t] += weight;
  }
};

struct Macro {
  double f1 = 0, precision = 0, recall = 0;
};

// Means over the classes that occur in truth or answers; a precision or recall without denominator
// counts as 0, as in scikit-learn.
Macro macro_of(const Counts& counts) {
  Macro macro;
  double classes = 0;
  for (size_t c = 0; c < counts.truth.size(); ++c) {
    const double either = counts.truth[c] + counts.answer[c];
    if (either <= 0) continue;
    ++classes;
    macro.f1 += 2 * counts.both[c] / either;
    if (counts.answer[c] > 0) macro.precision += counts.both[c] / counts.answer[c];
    if (counts.truth[c] > 0) macro.recall += counts.both[c] / counts.truth[c];
  }
  for (double* value : {&macro.f1, &macro.precision, &macro.recall}) *value /= classes;
  return macro;
}

std::vector<CaseFacts> facts_of(const CodePredictions& p, Classes& codes, Classes& categories) {
  std::vector<CaseFacts> facts(p.truth.size());
  for (size_t i = 0; i < p.truth.size(); ++i) {
    CaseFacts& f = facts[i];
    const int32_t truth = p.truth[i];
    const std::vector<int32_t>& ranked = p.ranked[i];
    const int32_t answer = ranked.empty() ? -1 : ranked.front();
    f.truth = codes.add(truth);
    f.truth3 = categories.add(p.at3[truth]);
    if (answer >= 0) {
      f.answer = codes.add(answer);
      f.answer3 = categories.add(p.at3[answer]);
      f.exact = answer == truth;
      f.at4 = p.at4[answer] == p.at4[truth];
      f.at3 = p.at3[answer] == p.at3[truth];
    }
    f.top3 = within(ranked, truth, 3);
    f.top5 = within(ranked, truth, 5);
  }
  return facts;
}

std::vector<int32_t> patients_of(std::span<const int32_t> given, size_t n) {
  std::vector<int32_t> patient(given.begin(), given.end());
  if (patient.empty()) {
    patient.resize(n);
    std::iota(patient.begin(), patient.end(), 0);
  }
  return patient;
}

int64_t patients_in(std::span<const int32_t> patient) {
  return patient.empty() ? 0 : *std::max_element(patient.begin(), patient.end()) + 1;
}

template <typename Yes>
Estimate share(const std::vector<CaseFacts>& facts, const Yes& yes) {
  const auto count = std::count_if(facts.begin(), facts.end(), yes);
  return wilson(count, static_cast<int64_t>(facts.size()));
}

constexpr int kFigures = 9;

// Accuracies and macro figures of one resample.
void resampled(const std::vector<CaseFacts>& facts, std::span<const int32_t> patient,
               std::span<const int32_t> times, size_t codes, size_t categories,
               std::span<double> figures) {
  Counts of_code(codes), of_category(categories);
  double total = 0;
  std::fill(figures.begin(), figures.end(), 0.0);
  for (size_t i = 0; i < facts.size(); ++i) {
    const double weight = times[patient[i]];
    if (weight == 0) continue;
    const CaseFacts& f = facts[i];
    total += weight;
    const bool yes[5] = {f.exact, f.at4, f.at3, f.top3, f.top5};
    for (int k = 0; k < 5; ++k) figures[k] += yes[k] ? weight : 0;
    of_code.add(f.truth, f.answer, weight);
    of_category.add(f.truth3, f.answer3, weight);
  }
  for (int k = 0; k < 5; ++k) figures[k] /= total;  // 0 / 0: not defined in this sample
  const Macro macro = macro_of(of_code);
  figures[5] = macro.f1;
  figures[6] = macro.precision;
  figures[7] = macro.recall;
  figures[8] = macro_of(of_category).f1;
}

std::vector<ConfusedPair> confused_pairs(const CodePredictions& p) {
  std::map<std::pair<int32_t, int32_t>, int64_t> count;
  for (size_t i = 0; i < p.truth.size(); ++i) {
    if (p.ranked[i].empty() || p.ranked[i].front() == p.truth[i]) continue;
    ++count[{p.truth[i], p.ranked[i].front()}];
  }
  std::vector<ConfusedPair> pairs;
  for (const auto& [pair, cases] : count) pairs.push_back({pair.first, pair.second, cases});
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const ConfusedPair& a, const ConfusedPair& b) { return a.cases > b.cases; });
  return pairs;
}

void check(const CodePredictions& p) {
  const size_t n = p.truth.size();
  GANTRY_CHECK(p.ranked.size() == n && p.at4.size() == p.at3.size());
  GANTRY_CHECK(p.patient.empty() || p.patient.size() == n);
  GANTRY_CHECK(p.seen.empty() || p.seen.size() == n);
  GANTRY_CHECK(p.invalid.empty() || p.invalid.size() == n);
  const auto known = [&](int32_t code) { return code < static_cast<int32_t>(p.at3.size()); };
  for (size_t i = 0; i < n; ++i) {
    GANTRY_CHECK(p.truth[i] >= 0 && known(p.truth[i]));
    GANTRY_CHECK(std::all_of(p.ranked[i].begin(), p.ranked[i].end(), known));
  }
}

}  // namespace

CodeEvaluation evaluate_codes(const CodePredictions& p, const BootstrapOptions& options) {
  check(p);
  CodeEvaluation e;
  e.n = static_cast<int64_t>(p.truth.size());
  Classes codes, categories;
  const std::vector<CaseFacts> facts = facts_of(p, codes, categories);
  const std::vector<int32_t> patient = patients_of(p.patient, facts.size());
  e.patients = patients_in(patient);
  e.exact = share(facts, [](const CaseFacts& f) { return f.exact; });
  e.at4 = share(facts, [](const CaseFacts& f) { return f.at4; });
  e.at3 = share(facts, [](const CaseFacts& f) { return f.at3; });
  e.top3 = share(facts, [](const CaseFacts& f) { return f.top3; });
  e.top5 = share(facts, [](const CaseFacts& f) { return f.top5; });

  const BootstrapResult boot = cluster_bootstrap(
      e.patients, kFigures,
      [&](std::span<const int32_t> times, std::span<double> figures) {
        resampled(facts, patient, times, codes.size(), categories.size(), figures);
      },
      options);
  Estimate* const targets[kFigures] = {&e.exact_bootstrap, &e.at4_bootstrap,  &e.at3_bootstrap,
                                       &e.top3_bootstrap,  &e.top5_bootstrap, &e.macro_f1,
                                       &e.macro_precision, &e.macro_recall,   &e.macro_f1_at3};
  for (int k = 0; k < kFigures; ++k) *targets[k] = boot.figures[k].estimate(e.n, boot.method);

  e.invalid_rate = p.invalid.empty()
                       ? not_defined(e.n)
                       : wilson(std::count(p.invalid.begin(), p.invalid.end(), 1), e.n);
  for (const bool seen : {true, false}) {
    int64_t right = 0, n = 0;
    for (size_t i = 0; i < p.seen.size(); ++i) {
      if ((p.seen[i] != 0) != seen) continue;
      ++n;
      right += facts[i].exact;
    }
    (seen ? e.exact_seen : e.exact_unseen) = wilson(right, n);
  }
  e.confused = confused_pairs(p);
  return e;
}

FieldEvaluation evaluate_fields(std::span<const std::vector<uint8_t>> scored,
                                std::span<const std::vector<uint8_t>> right) {
  GANTRY_CHECK(scored.size() == right.size());
  FieldEvaluation e;
  const size_t n = scored.empty() ? 0 : scored.front().size();
  std::vector<uint8_t> any(n), all(n, 1);
  for (size_t f = 0; f < scored.size(); ++f) {
    GANTRY_CHECK(scored[f].size() == n && right[f].size() == n);
    int64_t count = 0, of = 0;
    for (size_t i = 0; i < n; ++i) {
      if (!scored[f][i]) continue;
      ++of;
      count += right[f][i] != 0;
      any[i] = 1;
      all[i] = all[i] && right[f][i];
    }
    e.of_field.push_back(wilson(count, of));
  }
  int64_t count = 0, of = 0;
  for (size_t i = 0; i < n; ++i) {
    of += any[i];
    count += any[i] && all[i];
  }
  e.all_fields = wilson(count, of);
  return e;
}

Estimate mean_score(std::span<const double> score, std::span<const int32_t> given,
                    const BootstrapOptions& options) {
  GANTRY_CHECK(given.empty() || given.size() == score.size());
  const std::vector<int32_t> patient = patients_of(given, score.size());
  const BootstrapResult boot = cluster_bootstrap(
      patients_in(patient), 1,
      [&](std::span<const int32_t> times, std::span<double> figures) {
        double sum = 0, total = 0;
        for (size_t i = 0; i < score.size(); ++i) {
          sum += times[patient[i]] * score[i];
          total += times[patient[i]];
        }
        figures[0] = sum / total;
      },
      options);
  return boot.figures[0].estimate(static_cast<int64_t>(score.size()), boot.method);
}

}  // namespace gantry
