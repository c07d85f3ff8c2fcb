// Reads a radiotherapy regimen from free text into fields, and checks its arithmetic and ranges.
//
//   RegimenTerms terms = RegimenTerms::load(data_file("tasks/radiotherapy-terms.toml"));
//   Regimen r = parse_regimen("Left whole breast, 4256 cGy/16 fx, then 10 Gy in 4 fx boost",
//   terms); r.parts[0].total_gy == 42.56, r.parts[0].fractions == 16, r.parts[1].boost for (const
//   RegimenFlag& f : check_regimen(r, "photon", terms)) ...   // "R02", "dose is not ..."
//
// The vocabulary (intents, techniques, sites, drugs, what a technique's modality may be, plausible
// fraction sizes) is data. Doses are Gy, or Gy(RBE) where the text says so; never for clinical use
// without a person's reading.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

// One course part: the main course, a boost, another level of a simultaneous integrated boost.
struct CoursePart {
  std::optional<double> total_gy;
  std::optional<int> fractions;
  std::optional<double> per_fraction_gy;  // as written, or total / fractions
  bool per_fraction_written = false;
  bool rbe = false;           // Gy(RBE), CGE
  bool boost = false;         // given after or within the main course as a boost
  bool simultaneous = false;  // another dose level of the same fractions
  bool prior = false;         // given before, elsewhere or earlier: not part of this regimen
  bool twice_daily = false;
  size_t begin = 0, end = 0;  // bytes of the text that were read
};

struct Regimen {
  std::string intent;  // "definitive", "adjuvant", ...; "" where nothing is said
  std::vector<std::string>
      techniques;         // names of the terms file: "VMAT", "SBRT"; as in the text's order
  std::string technique;  // the first of the highest rank (VMAT before IMRT before 3D-CRT)
  std::string modality;   // what the words say: "photon", ...; "" where nothing is said
  std::vector<std::string> sites;       // names of the terms file, in the text's order
  std::string site;                     // the first
  std::string laterality;               // "left", "right", "bilateral", ""
  std::vector<CoursePart> parts;        // the main course first
  std::vector<std::string> concurrent;  // "cisplatin", "temozolomide", ...: given with radiation
  bool boost = false;  // a boost is given (with or without a dose); false when denied
  bool twice_daily = false;
  // The whole course where the text sums it up: "(total 50.4 Gy in 28 fractions)".
  std::optional<double> written_whole_gy;
  std::optional<int> written_whole_fractions;

  // The main course: parts[0]'s. Empty where no dose was found.
  std::optional<double> total_gy() const;
  std::optional<int> fractions() const;
  std::optional<double> per_fraction_gy() const;
  // Sum over the main course and sequential boosts with a dose.
  std::optional<double> whole_course_gy() const;
};

class RegimenTerms {
 public:
  // E0378: not TOML, an unknown key, a value of the wrong type, a pattern that does not compile;
  // with file and line.
  static RegimenTerms load(const std::filesystem::path& file);
  static RegimenTerms parse(std::string_view toml, const std::string& label);
  RegimenTerms(RegimenTerms&&) noexcept;
  RegimenTerms& operator=(RegimenTerms&&) noexcept;
  ~RegimenTerms();

  struct State;
  const State& state() const { return *state_; }

 private:
  explicit RegimenTerms(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Any bytes; never throws but for memory. Thread-safe.
Regimen parse_regimen(std::string_view text, const RegimenTerms& terms);

// "left" or "right" where the text names that side and no other; else "".
std::string only_side(std::string_view text, const RegimenTerms& terms);
// A regimen drawn up for another case, with its side turned to the diagnosis's: where each names
// one side and they differ, "left" becomes "right" and the other way round. Else as it is.
std::string with_side_of(std::string_view diagnosis, std::string regimen,
                         const RegimenTerms& terms);

struct RegimenFlag {
  std::string code;   // "R01" ... "R09": docs/tasks.md
  std::string words;  // what is odd, with the numbers
};
// Arithmetic, technique against modality (`modality` may be ""), fraction size and total dose
// against the ranges of the intent and technique, a missing dose or number of fractions.
std::vector<RegimenFlag> check_regimen(const Regimen& regimen, std::string_view modality,
                                       const RegimenTerms& terms);

// Fields compared one by one: an answer's against the reference standard's. A field that the
// reference does not have is not scored.
enum class RegimenField {
  kIntent,
  kTechnique,
  kSite,
  kLaterality,
  kTotalDose,
  kFractions,
  kDosePerFraction,
  kBoost,
  kConcurrent,
};
inline constexpr int kRegimenFields = 9;
const char* field_name(RegimenField field);  // "intent", "total dose", ...

struct FieldMatch {
  bool scored = false;  // the reference standard has it
  bool right = false;
};
// Doses agree within 0.5 % or 0.05 Gy, dose per fraction within 0.02 Gy.
std::vector<FieldMatch> match_fields(const Regimen& reference, const Regimen& answer);

}  // namespace gantry
