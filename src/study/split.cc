#include "study/split.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/strings.h"
#include "study/components.h"

namespace gantry {
namespace {

bool in_a_set(CaseSet set) { return set >= CaseSet::kTraining && set <= CaseSet::kTest; }
bool is_live(const Case& one) { return one.dropped_at.empty(); }

std::string name_of(const Case& one) { return one.source + "/" + one.id; }

void drop(Case& one, const char* step, std::string reason) {
  one.set = CaseSet::kNone;
  one.dropped_at = step;
  one.dropped = std::move(reason);
}

bool within(const std::string& date, const std::string& from, const std::string& to) {
  return date >= from && (to.empty() || date <= to);
}

// ---- which set a case belongs to by itself -----------------------------------------------------

// Date windows with their open ends closed by the next set's beginning. Ends are exclusive of the
// next set's first day.
struct Windows {
  const Settings::Split& s;
  bool has_tuning() const { return !s.tuning_from.empty() || !s.tuning_to.empty(); }

  CaseSet of(const std::string& date) const {
    if (date.empty()) return CaseSet::kNone;
    if (within(date, s.test_from, s.test_to)) return CaseSet::kTest;
    if (has_tuning() && within(date, s.tuning_from, s.tuning_to) &&
        (!s.tuning_to.empty() || date < s.test_from))
      return CaseSet::kTuning;
    const std::string& next = has_tuning() ? s.tuning_from : s.test_from;
    if (within(date, s.training_from, s.training_to) && (!s.training_to.empty() || date < next))
      return CaseSet::kTraining;
    return CaseSet::kNone;
  }

  void check() const {
    auto overlap = [](const std::string& from, const std::string& to, const std::string& from2,
                      const std::string& to2) {
      return (to2.empty() || from <= to2) && (to.empty() || from2 <= to);
    };
    auto refuse = [](const char* a, const char* b) {
      throw Error("E0518",
                  std::string("the windows of the ") + a + " and the " + b + " set overlap",
                  "Give windows without a common day (split.training_from ... split.test_to).");
    };
    if (has_tuning() && s.tuning_from.empty())
      throw Error("E0518", "split.tuning_to is given without split.tuning_from",
                  "Give the first day of the tuning set.");
    // An end left open reaches to the day before the next set and cannot overlap it.
    if (!s.training_to.empty() && overlap(s.training_from, s.training_to, s.test_from, s.test_to))
      refuse("training", "test");
    if (!has_tuning()) return;
    if (!s.tuning_to.empty() && overlap(s.tuning_from, s.tuning_to, s.test_from, s.test_to))
      refuse("tuning", "test");
    if (s.tuning_to.empty() && s.tuning_from >= s.test_from) refuse("tuning", "test");
    if (!s.training_to.empty() &&
        overlap(s.training_from, s.training_to, s.tuning_from,
                s.tuning_to.empty() ? s.test_from : s.tuning_to) &&
        s.training_to >= s.tuning_from)
      refuse("training", "tuning");
  }
};

void set_by_date(const Settings::Split& settings, std::span<Case> cases) {
  Windows windows{settings};
  windows.check();
  for (Case& one : cases) {
    CaseSet set = windows.of(one.date);
    if (!is_live(one)) {
      one.set = set == CaseSet::kTraining ? CaseSet::kUnlabelled : CaseSet::kNone;
    } else if (set == CaseSet::kNone) {
      drop(one, "window", one.date.empty() ? "no date" : one.date + " is in no set's window");
    } else {
      one.set = set;
    }
  }
}

void set_by_source(const Settings::Split& settings, std::span<Case> cases) {
  auto among = [](const std::vector<std::string>& sources, const std::string& source) {
    return std::find(sources.begin(), sources.end(), source) != sources.end();
  };
  std::set<std::string> known;
  for (Case& one : cases) {
    known.insert(one.source);
    CaseSet set = among(settings.test_sources, one.source)     ? CaseSet::kTest
                  : among(settings.tuning_sources, one.source) ? CaseSet::kTuning
                                                               : CaseSet::kTraining;
    if (!is_live(one)) set = set == CaseSet::kTraining ? CaseSet::kUnlabelled : CaseSet::kNone;
    one.set = set;
  }
  for (const auto* sources : {&settings.test_sources, &settings.tuning_sources})
    for (const std::string& source : *sources)
      if (!known.contains(source)) {
        std::string all;
        for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
        throw Error("E0517", "no labelled report of the cohort is from source '" + source + "'",
                    "The sources of labelled reports are: " + all + ".");
      }
}

// ---- patients and texts in two sets ------------------------------------------------------------

[[noreturn]] void refuse(const char* code, const std::string& what,
                         const std::vector<std::string>& examples, const char* setting) {
  std::string listed;
  for (size_t i = 0; i < examples.size() && i < 10; ++i)
    listed += (i > 0 ? "; " : "") + examples[i];
  if (examples.size() > 10)
    listed += "; and " + with_commas(static_cast<int64_t>(examples.size() - 10)) + " more";
  throw Error(code,
              what + " (" + with_commas(static_cast<int64_t>(examples.size())) + "): " + listed,
              std::string("Remove them, or set ") + setting + " = \"drop_from_training\".");
}

// Every patient stays in the set nearest to testing that he has a report in.
void resolve_patients(const Settings::Split& settings, std::span<Case> cases) {
  std::unordered_map<std::string_view, CaseSet> nearest;
  for (const Case& one : cases)
    if (in_a_set(one.set)) {
      CaseSet& set = nearest[one.patient];
      set = std::max(set, one.set);
    }
  std::set<std::string> refused;
  for (Case& one : cases) {
    auto at = nearest.find(one.patient);
    if (at == nearest.end()) continue;
    if (one.set == CaseSet::kUnlabelled) {
      if (at->second != CaseSet::kTraining) one.set = CaseSet::kNone;
    } else if (in_a_set(one.set) && one.set != at->second) {
      refused.insert(one.patient);
      drop(one, "patient_overlap",
           "its patient is also in the " + std::string(set_name(at->second)) + " set");
    }
  }
  if (settings.patient_overlap == "refuse" && !refused.empty())
    refuse("E0515", "patients with reports in two sets", {refused.begin(), refused.end()},
           "split.patient_overlap");
}

// A text near-identical to one of a set nearer to testing is dropped.
void resolve_texts(const Settings::Split& settings, std::span<Case> cases,
                   const NearIdentical& texts) {
  // 0: not looked at; kUnlabelled ranks below training.
  auto rank = [&](size_t i) {
    if (cases[i].set == CaseSet::kUnlabelled) return 1;
    return in_a_set(cases[i].set) ? 1 + static_cast<int>(cases[i].set) : 0;
  };
  std::vector<std::string> refused;
  texts.for_each_pair(
      [&](size_t i, size_t j) {
        int a = rank(i), b = rank(j);
        if (a == 0 || b == 0 || a == b) return false;
        return std::max(a, b) > 2;  // unlabelled beside training does no harm
      },
      [&](size_t i, size_t j, double similarity) {
        Case &lower = rank(i) < rank(j) ? cases[i] : cases[j],
             &upper = rank(i) < rank(j) ? cases[j] : cases[i];
        if (lower.set == CaseSet::kUnlabelled) {
          lower.set = CaseSet::kNone;
          return;
        }
        refused.push_back(name_of(lower) + " (" + std::string(set_name(lower.set)) + ") and " +
                          name_of(upper) + " (" + std::string(set_name(upper.set)) + ")");
        drop(lower, "near_identical",
             "near-identical (" + format_double(similarity, 3) + ") to " + name_of(upper) +
                 " of the " + std::string(set_name(upper.set)) + " set");
      });
  if (settings.near_identical == "refuse" && !refused.empty())
    refuse("E0516", "near-identical texts in two sets", refused, "split.near_identical");
}

// ---- dealing
// -------------------------------------------------------------------------------------

// Components over patients and near-identical texts among the `chosen` cases.
std::vector<size_t> components_of(std::span<const Case> cases, const NearIdentical& texts,
                                  const std::vector<size_t>& chosen) {
  Components groups(cases.size());
  std::vector<char> is_chosen(cases.size());
  std::unordered_map<std::string_view, size_t> first;
  for (size_t i : chosen) {
    is_chosen[i] = 1;
    groups.join(first.try_emplace(cases[i].patient, i).first->second, i);
  }
  texts.for_each_pair(
      [&](size_t i, size_t j) { return is_chosen[i] && is_chosen[j] && !groups.joined(i, j); },
      [&](size_t i, size_t j, double) { groups.join(i, j); });
  std::vector<size_t> out;
  for (size_t i : chosen) out.push_back(groups.find(i));
  return out;
}

// Deals the chosen cases; returns the number of the share for each.
std::vector<int> deal_cases(std::span<const Case> cases, const NearIdentical& texts,
                            const std::vector<size_t>& chosen, std::span<const double> shares,
                            uint64_t seed, std::span<const int> bound = {}) {
  std::vector<int> strata;
  std::vector<std::string> keys;
  for (size_t i : chosen) {
    strata.push_back(std::max(cases[i].label, -1) + 1);
    keys.push_back(name_of(cases[i]));
  }
  return deal(components_of(cases, texts, chosen), strata, keys, shares, seed, bound);
}

std::vector<size_t> of_set(std::span<const Case> cases, std::initializer_list<CaseSet> sets) {
  std::vector<size_t> out;
  for (size_t i = 0; i < cases.size(); ++i)
    if (std::find(sets.begin(), sets.end(), cases[i].set) != sets.end()) out.push_back(i);
  return out;
}

void set_by_share(const Settings::Split& settings, std::span<Case> cases,
                  const NearIdentical& texts, std::span<const CaseSet> already) {
  std::vector<size_t> chosen;
  std::vector<int> bound;
  for (size_t i = 0; i < cases.size(); ++i) {
    if (!is_live(cases[i])) {
      cases[i].set = CaseSet::kUnlabelled;
      continue;
    }
    chosen.push_back(i);
    bool known = !already.empty() && in_a_set(already[i]);
    bound.push_back(known ? static_cast<int>(already[i]) - 1 : -1);
  }
  const double shares[] = {settings.training_share, settings.tuning_share, settings.test_share};
  std::vector<int> dealt =
      deal_cases(cases, texts, chosen, shares, static_cast<uint64_t>(settings.seed), bound);
  for (size_t k = 0; k < chosen.size(); ++k)
    cases[chosen[k]].set = static_cast<CaseSet>(1 + dealt[k]);
}

// The tuning set out of the training set, where dates or sources name none.
void deal_tuning(const Settings::Split& settings, std::span<Case> cases, const NearIdentical& texts,
                 std::span<const CaseSet> already) {
  std::vector<size_t> chosen = of_set(cases, {CaseSet::kTraining});
  std::vector<int> bound;
  for (size_t i : chosen) {
    bool known =
        !already.empty() && (already[i] == CaseSet::kTraining || already[i] == CaseSet::kTuning);
    bound.push_back(known ? static_cast<int>(already[i]) - 1 : -1);
  }
  const double both = settings.training_share + settings.tuning_share;
  const double shares[] = {settings.training_share / both, settings.tuning_share / both};
  std::vector<int> dealt =
      deal_cases(cases, texts, chosen, shares, static_cast<uint64_t>(settings.seed), bound);
  for (size_t k = 0; k < chosen.size(); ++k)
    cases[chosen[k]].set = static_cast<CaseSet>(1 + dealt[k]);
}

void deal_folds(const Settings& settings, std::span<Case> cases, const NearIdentical& texts) {
  std::vector<size_t> chosen = of_set(cases, {CaseSet::kTraining, CaseSet::kTuning});
  std::vector<double> shares(static_cast<size_t>(settings.train.folds),
                             1.0 / static_cast<double>(settings.train.folds));
  std::vector<int> fold =
      deal_cases(cases, texts, chosen, shares, static_cast<uint64_t>(settings.split.seed) ^ 0xf01d);
  for (size_t k = 0; k < chosen.size(); ++k) cases[chosen[k]].fold = fold[k];
}

void note_missing_patients(std::span<const Case> cases, std::vector<std::string>& notes) {
  int64_t missing = 0;
  for (const Case& one : cases) missing += is_live(one) && !one.patient_known;
  if (missing > 0)
    notes.push_back("reports without a patient's number: " + with_commas(missing) +
                    "; each counts as its own patient");
}

}  // namespace

std::string split_method(const Settings::Split& settings) {
  if (settings.method != "auto") return settings.method;
  if (!settings.test_sources.empty()) return "source";
  return settings.test_from.empty() ? "share" : "date";
}

Split split_cases(const Settings& settings, std::span<Case> cases, const NearIdentical& texts,
                  std::span<const CaseSet> already) {
  GANTRY_CHECK(texts.size() == cases.size());
  Split split{.method = split_method(settings.split), .notes = {}};
  note_missing_patients(cases, split.notes);
  bool tuning_named = true;
  if (split.method == "date") {
    set_by_date(settings.split, cases);
    tuning_named = Windows{settings.split}.has_tuning();
  } else if (split.method == "source") {
    set_by_source(settings.split, cases);
    tuning_named = !settings.split.tuning_sources.empty();
  } else {
    set_by_share(settings.split, cases, texts, already);
  }
  resolve_patients(settings.split, cases);
  resolve_texts(settings.split, cases, texts);
  if (!tuning_named) {
    deal_tuning(settings.split, cases, texts, already);
    // The tuning set now has patients and texts that unlabelled reports must not share.
    resolve_patients(settings.split, cases);
    resolve_texts(settings.split, cases, texts);
  }
  deal_folds(settings, cases, texts);
  for (Case& one : cases)
    if (one.set == CaseSet::kUnlabelled) one.dropped_at.clear(), one.dropped.clear();
  return split;
}

SplitCheck prove_split(std::span<const Case> cases, const NearIdentical& texts) {
  SplitCheck check;
  std::unordered_map<std::string_view, unsigned> sets_of;
  int64_t count[3] = {};
  for (const Case& one : cases)
    if (in_a_set(one.set)) {
      sets_of[one.patient] |= 1u << static_cast<unsigned>(one.set);
      ++count[static_cast<int>(one.set) - 1];
    }
  for (const auto& [patient, sets] : sets_of)
    check.patients_in_two_sets += (sets & (sets - 1)) != 0;
  check.pairs_compared = count[0] * count[1] + count[0] * count[2] + count[1] * count[2];
  texts.for_each_pair(
      [&](size_t i, size_t j) {
        return in_a_set(cases[i].set) && in_a_set(cases[j].set) && cases[i].set != cases[j].set;
      },
      [&](size_t, size_t, double) { ++check.near_identical_pairs; });
  return check;
}

std::string SplitCheck::sentence() const {
  return with_commas(patients_in_two_sets) + " patients in two sets, " +
         with_commas(near_identical_pairs) + " near-identical pairs of texts across sets (" +
         with_commas(pairs_compared) + " pairs compared)";
}

std::string_view set_name(CaseSet set) {
  switch (set) {
    case CaseSet::kTraining:
      return "training";
    case CaseSet::kTuning:
      return "tuning";
    case CaseSet::kTest:
      return "test";
    case CaseSet::kUnlabelled:
      return "unlabelled";
    case CaseSet::kNone:
      break;
  }
  return "none";
}

}  // namespace gantry
