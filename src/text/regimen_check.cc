// Arithmetic and ranges of a regimen, and the comparison of two regimens field by field.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "text/regimen.h"
#include "text/regimen_terms.h"

namespace gantry {
namespace {

// 42.56 Gy in 16 fractions of 2.66 Gy; 50 Gy in 30 fractions of 1.67 Gy: rounding to two digits.
constexpr double kArithmetic = 0.005;
constexpr double kSameDose = 0.005, kSameDoseGy = 0.05, kSamePerFraction = 0.02;

std::string gy(double dose) {
  std::string text = format_double(dose, 2);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text + " Gy";
}

bool same_dose(double a, double b) {
  return std::fabs(a - b) <= std::max(kSameDoseGy, kSameDose * std::max(a, b));
}

std::string range_words(const RegimenRange::Limits& limits) {
  return format_double(limits.lowest, 1) + " to " + format_double(limits.highest, 1);
}

class Checker {
 public:
  Checker(const Regimen& regimen, std::string_view modality, const RegimenTerms::State& terms)
      : regimen_(regimen),
        modality_(modality.empty() ? regimen.modality : std::string(modality)),
        given_(!modality.empty()),
        terms_(terms) {}

  std::vector<RegimenFlag> run() {
    check_presence();
    for (const CoursePart& part : regimen_.parts) check_arithmetic(part);
    check_sum();
    check_technique();
    check_ranges();
    return std::move(flags_);
  }

 private:
  void flag(const char* code, std::string words) { flags_.push_back({code, std::move(words)}); }

  bool continuous() const {  // a dose given without fractions
    return regimen_.technique == "plaque" || regimen_.technique == "permanent implant" ||
           regimen_.technique == "LDR" || regimen_.technique == "PDR";
  }

  void check_presence() {
    if (!regimen_.total_gy()) flag("R01", "no total dose was found");
    if (regimen_.total_gy() && !regimen_.fractions() && !continuous()) {
      flag("R02", "no number of fractions was found");
    }
  }

  void check_arithmetic(const CoursePart& part) {
    if (!part.total_gy || !part.fractions || !part.per_fraction_written || !part.per_fraction_gy) {
      return;
    }
    const double product = *part.per_fraction_gy * *part.fractions;
    // A dose per fraction rounded to 0.01 Gy may be off by half of that in every fraction.
    const double allowed =
        std::max(kArithmetic * *part.total_gy, 0.006 * static_cast<double>(*part.fractions));
    if (std::fabs(product - *part.total_gy) <= allowed) return;
    flag("R03", std::to_string(*part.fractions) + " fractions of " + gy(*part.per_fraction_gy) +
                    " are " + gy(product) + ", not " + gy(*part.total_gy));
  }

  void check_sum() {
    const auto sum = regimen_.whole_course_gy();
    if (!sum || !regimen_.written_whole_gy || same_dose(*sum, *regimen_.written_whole_gy)) return;
    flag("R04",
         "the parts add up to " + gy(*sum) + ", the text says " + gy(*regimen_.written_whole_gy));
  }

  void check_technique() {
    if (given_ && !regimen_.modality.empty() && regimen_.modality != modality_) {
      flag("R05", "the words speak of " + regimen_.modality + ", the modality is " + modality_);
    }
    if (modality_.empty()) return;
    for (const RegimenTechnique& technique : terms_.techniques) {
      if (technique.name != regimen_.technique) continue;
      const auto& allowed = technique.modalities;
      if (std::find(allowed.begin(), allowed.end(), modality_) == allowed.end()) {
        flag("R06", technique.name + " is not a technique of " + modality_);
      }
    }
  }

  const RegimenRange* range() const {
    const auto fits = [](const std::string& wanted, const std::string& value) {
      return wanted.empty() || wanted == value;
    };
    for (const RegimenRange& range : terms_.ranges) {
      const bool technique = range.technique.empty() ||
                             std::find(regimen_.techniques.begin(), regimen_.techniques.end(),
                                       range.technique) != regimen_.techniques.end();
      if (technique && fits(range.intent, regimen_.intent) && fits(range.modality, modality_)) {
        return &range;
      }
    }
    return nullptr;
  }

  void check_ranges() {
    const RegimenRange* plausible = range();
    if (!plausible) return;
    const auto check = [&](const char* code, const char* what, std::optional<double> value,
                           const std::optional<RegimenRange::Limits>& limits, const char* unit) {
      if (!value || !limits) return;
      if (*value >= limits->lowest - 1e-9 && *value <= limits->highest + 1e-9) return;
      std::string of = regimen_.technique;
      if (!regimen_.intent.empty()) of += (of.empty() ? "" : ", ") + regimen_.intent;
      flag(code, std::string(what) + " of " + format_double(*value, *unit ? 2 : 0) + unit +
                     " is outside " + range_words(*limits) + unit +
                     (of.empty() ? "" : " (" + of + ")"));
    };
    std::optional<double> count;
    if (regimen_.fractions()) count = *regimen_.fractions();
    check("R07", "a fraction", regimen_.per_fraction_gy(), plausible->per_fraction, " Gy");
    check("R08", "a total dose", regimen_.total_gy(), plausible->total, " Gy");
    check("R09", "a number of fractions", count, plausible->fractions, "");
  }

  const Regimen& regimen_;
  std::string modality_;
  bool given_;
  const RegimenTerms::State& terms_;
  std::vector<RegimenFlag> flags_;
};

FieldMatch words_match(const std::string& reference, const std::string& answer) {
  return {!reference.empty(), !reference.empty() && reference == answer};
}

template <typename T, typename Same>
FieldMatch numbers_match(const std::optional<T>& reference, const std::optional<T>& answer,
                         const Same& same) {
  return {reference.has_value(), reference && answer && same(*reference, *answer)};
}

}  // namespace

std::vector<RegimenFlag> check_regimen(const Regimen& regimen, std::string_view modality,
                                       const RegimenTerms& terms) {
  return Checker(regimen, modality, terms.state()).run();
}

const char* field_name(RegimenField field) {
  static constexpr const char* kNames[kRegimenFields] = {
      "intent",    "technique",         "site",  "laterality",        "total dose",
      "fractions", "dose per fraction", "boost", "concurrent therapy"};
  return kNames[static_cast<int>(field)];
}

std::vector<FieldMatch> match_fields(const Regimen& reference, const Regimen& answer) {
  std::vector<FieldMatch> fields(kRegimenFields);
  const auto at = [&](RegimenField field) -> FieldMatch& {
    return fields[static_cast<size_t>(field)];
  };
  at(RegimenField::kIntent) = words_match(reference.intent, answer.intent);
  at(RegimenField::kTechnique) = words_match(reference.technique, answer.technique);
  at(RegimenField::kSite) = words_match(reference.site, answer.site);
  at(RegimenField::kLaterality) = words_match(reference.laterality, answer.laterality);
  at(RegimenField::kTotalDose) = numbers_match(reference.total_gy(), answer.total_gy(), same_dose);
  at(RegimenField::kFractions) =
      numbers_match(reference.fractions(), answer.fractions(), [](int a, int b) { return a == b; });
  at(RegimenField::kDosePerFraction) =
      numbers_match(reference.per_fraction_gy(), answer.per_fraction_gy(),
                    [](double a, double b) { return std::fabs(a - b) <= kSamePerFraction; });
  // Boost and concurrent therapy: not giving one is an answer too.
  at(RegimenField::kBoost) = {true, reference.boost == answer.boost};
  std::vector<std::string> a = reference.concurrent, b = answer.concurrent;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  at(RegimenField::kConcurrent) = {true, a == b};
  return fields;
}

}  // namespace gantry
