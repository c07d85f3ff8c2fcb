#include "text/regimen.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/strings.h"

namespace gantry {
namespace {

const std::filesystem::path kSource = GANTRY_SOURCE_DIR;

const RegimenTerms& terms() {
  static const RegimenTerms all = RegimenTerms::load(kSource / "tasks" / "radiotherapy-terms.toml");
  return all;
}

// Rows of a TSV of tests/data/regimens by the names of its header.
std::vector<std::map<std::string, std::string>> rows_of(const char* file) {
  std::vector<std::map<std::string, std::string>> rows;
  std::vector<std::string> header;
  const std::string bytes = read_file(kSource / "tests/data/regimens" / file);
  for (std::string_view line : split(bytes, '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    const auto fields = split(line, '\t');
    if (header.empty()) {
      header.assign(fields.begin(), fields.end());
      continue;
    }
    EXPECT_EQ(fields.size(), header.size()) << line;
    auto& row = rows.emplace_back();
    for (size_t i = 0; i < std::min(fields.size(), header.size()); ++i) row[header[i]] = fields[i];
  }
  return rows;
}

std::string words(std::optional<double> number) {
  if (!number) return "-";
  std::string text = format_double(*number, 3);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}
std::string words(std::optional<int> number) { return number ? std::to_string(*number) : "-"; }
std::string words(const std::string& text) { return text.empty() ? "-" : text; }
std::string words(bool yes) { return yes ? "yes" : "no"; }
std::string words(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
  return words(text);
}

TEST(RegimenSide, IsTurnedToTheDiagnosisWhereEachNamesOne) {
  EXPECT_EQ(with_side_of("IDC of the right breast", "Left whole breast, left-sided boost, Lt SCV",
                         terms()),
            "Right whole breast, right-sided boost, Rt SCV");
  EXPECT_EQ(with_side_of("left breast", "Left whole breast", terms()), "Left whole breast");
  for (const char* unclear : {"breast", "left breast, right axilla", "bilateral breast"})
    EXPECT_EQ(with_side_of(unclear, "Left whole breast", terms()), "Left whole breast") << unclear;
  EXPECT_EQ(with_side_of("right breast", "both breasts, left boost", terms()),
            "both breasts, left boost");
  EXPECT_EQ(only_side("Left upper lobe", terms()), "left");
  EXPECT_EQ(only_side("", terms()), "");
}

TEST(Regimen, FieldsOfTheCorpus) {
  const auto rows = rows_of("corpus.tsv");
  EXPECT_GE(rows.size(), 120u);
  for (const auto& row : rows) {
    const Regimen r = parse_regimen(row.at("text"), terms());
    const std::string& id = row.at("case");
    EXPECT_EQ(words(r.intent), row.at("intent")) << id;
    EXPECT_EQ(words(r.technique), row.at("technique")) << id;
    EXPECT_EQ(words(r.modality), row.at("modality")) << id;
    EXPECT_EQ(words(r.site), row.at("site")) << id;
    EXPECT_EQ(words(r.laterality), row.at("laterality")) << id;
    EXPECT_EQ(words(r.total_gy()), row.at("total_gy")) << id;
    EXPECT_EQ(words(r.fractions()), row.at("fractions")) << id;
    EXPECT_EQ(words(r.per_fraction_gy()), row.at("per_fraction_gy")) << id;
    EXPECT_EQ(words(r.whole_course_gy()), row.at("whole_course_gy")) << id;
    EXPECT_EQ(words(r.boost), row.at("boost")) << id;
    EXPECT_EQ(words(r.twice_daily), row.at("twice_daily")) << id;
    EXPECT_EQ(words(r.concurrent), row.at("concurrent")) << id;
  }
}

TEST(Regimen, WaysOfWritingDoses) {
  for (const auto& row : rows_of("shorthand.tsv")) {
    const std::string& text = row.at("text");
    const Regimen r = parse_regimen(text, terms());
    EXPECT_EQ(words(r.total_gy()), row.at("total_gy")) << text;
    EXPECT_EQ(words(r.fractions()), row.at("fractions")) << text;
    EXPECT_EQ(words(r.per_fraction_gy()), row.at("per_fraction_gy")) << text;
    std::string parts;
    for (size_t i = 1; i < r.parts.size(); ++i) {
      const CoursePart& part = r.parts[i];
      parts += (parts.empty() ? "" : "; ");
      parts += part.prior ? "before " : part.boost ? "boost " : part.simultaneous ? "level " : "";
      parts += words(part.total_gy) + "/" + words(part.fractions);
    }
    EXPECT_EQ(words(parts), row.at("parts")) << text;
  }
}

std::string codes_of(std::string_view text, std::string_view modality = {}) {
  std::string codes;
  for (const RegimenFlag& flag : check_regimen(parse_regimen(text, terms()), modality, terms())) {
    codes += (codes.empty() ? "" : " ") + flag.code;
    EXPECT_FALSE(flag.words.empty());
  }
  return codes;
}

TEST(RegimenCheck, SoundRegimensPass) {
  EXPECT_EQ(
      codes_of("Adjuvant 3D whole-breast radiation, 42.56 Gy in 16 fractions of 2.66 Gy", "photon"),
      "");
  EXPECT_EQ(codes_of("Definitive SBRT, 54 Gy in 3 fractions of 18 Gy", "photon"), "");
  EXPECT_EQ(codes_of("I-125 episcleral plaque brachytherapy, 85 Gy to the apex", "brachytherapy"),
            "");
  EXPECT_EQ(codes_of("Palliative radiotherapy, 8 Gy in a single fraction", "photon"), "");
}

TEST(RegimenCheck, EachFlag) {
  EXPECT_EQ(codes_of("Definitive IMRT to the prostate"), "R01");
  EXPECT_EQ(codes_of("Definitive IMRT to the prostate, 60 Gy"), "R02");
  EXPECT_EQ(codes_of("IMRT, 50 Gy in 25 fractions of 1.8 Gy"), "R03");
  EXPECT_EQ(codes_of("IMRT, 46 Gy in 23 fractions followed by a boost of 14 Gy in 7 fractions, "
                     "total 66 Gy in 30 fractions"),
            "R04");
  EXPECT_EQ(codes_of("Definitive proton therapy, 60 Gy in 30 fractions", "photon"), "R05 R06");
  EXPECT_EQ(codes_of("Definitive VMAT, 60 Gy in 30 fractions", "proton"), "R05 R06");
  EXPECT_EQ(codes_of("Definitive SBRT, 60 Gy in 30 fractions", "photon"), "R07 R09");
  EXPECT_EQ(codes_of("Definitive IMRT, 100 Gy in 50 fractions", "photon"), "R08 R09");
  EXPECT_EQ(codes_of("Definitive IMRT, 60 Gy in 3 fractions", "photon"), "R07");
}

TEST(RegimenCheck, WordsHoldTheNumbers) {
  const auto flags = check_regimen(parse_regimen("IMRT, 50 Gy in 25 fractions of 1.8 Gy", terms()),
                                   "photon", terms());
  ASSERT_EQ(flags.size(), 1u);
  EXPECT_EQ(flags[0].words, "25 fractions of 1.8 Gy are 45 Gy, not 50 Gy");
}

TEST(RegimenCheck, NoReferenceOfTheCorpusIsFlagged) {
  for (const auto& row : rows_of("corpus.tsv")) {
    EXPECT_EQ(codes_of(row.at("text")), "") << row.at("case");
  }
}

bool right(RegimenField field, const char* reference, const char* answer) {
  return match_fields(parse_regimen(reference, terms()),
                      parse_regimen(answer, terms()))[static_cast<size_t>(field)]
      .right;
}

TEST(RegimenMatch, FieldByField) {
  const char* reference =
      "Definitive IMRT to the right lung, 60 Gy in 30 fractions with concurrent cisplatin";
  EXPECT_TRUE(right(RegimenField::kTotalDose, reference, "6000 cGy / 30 fx"));
  EXPECT_FALSE(right(RegimenField::kTotalDose, reference, "66 Gy / 33 fx"));
  EXPECT_TRUE(right(RegimenField::kDosePerFraction, reference, "66 Gy / 33 fx"));
  EXPECT_FALSE(right(RegimenField::kFractions, reference, "60 Gy"));
  EXPECT_TRUE(right(RegimenField::kSite, reference, "SBRT to a left pulmonary nodule"));
  EXPECT_FALSE(right(RegimenField::kLaterality, reference, "SBRT to a left pulmonary nodule"));
  EXPECT_TRUE(right(RegimenField::kConcurrent, reference, "IMRT with weekly cisplatin, 60/30"));
  EXPECT_FALSE(right(RegimenField::kConcurrent, reference, "IMRT 60/30 followed by cisplatin"));
  EXPECT_TRUE(right(RegimenField::kBoost, reference, "60 Gy in 30 fractions, without a boost"));
  EXPECT_FALSE(right(RegimenField::kBoost, reference, "50 Gy / 25 + boost 10 Gy / 5"));
}

TEST(RegimenMatch, WhatTheReferenceDoesNotSayIsNotScored) {
  const auto fields =
      match_fields(parse_regimen("60 Gy", terms()), parse_regimen("SBRT, 60 Gy", terms()));
  EXPECT_FALSE(fields[static_cast<size_t>(RegimenField::kTechnique)].scored);
  EXPECT_FALSE(fields[static_cast<size_t>(RegimenField::kFractions)].scored);
  EXPECT_TRUE(fields[static_cast<size_t>(RegimenField::kTotalDose)].right);
  for (int f = 0; f < kRegimenFields; ++f) {
    EXPECT_GT(std::string(field_name(static_cast<RegimenField>(f))).size(), 3u);
  }
}

TEST(RegimenTerms, MistakesAreNamedWithTheirLine) {
  const auto error = [](const std::string& toml) -> std::string {
    try {
      RegimenTerms::parse(toml, "terms.toml");
    } catch (const Error& e) {
      return e.code() + ": " + e.message();
    }
    return "no error";
  };
  const std::string whole = read_file(kSource / "tasks" / "radiotherapy-terms.toml");
  EXPECT_EQ(error(whole), "no error");
  EXPECT_TRUE(error("[[site]\n").starts_with("E0378: terms.toml, line 1"));
  EXPECT_TRUE(error("[[organ]]\n").find("unknown table 'organ'") != std::string::npos);
  EXPECT_TRUE(error("[context]\nboost = '('\n").find("line 2: the pattern") != std::string::npos);
  EXPECT_TRUE(error("[context]\nboost = 'b'\n").find("[context] has no 'no_boost'") !=
              std::string::npos);
  EXPECT_TRUE(error("[[technique]]\nname = 'a'\npattern = 'a'\nrank = 1\n").find("no modality") !=
              std::string::npos);
  EXPECT_TRUE(error("[[range]]\ntotal = [1]\n").find("not [lowest, highest]") != std::string::npos);
  EXPECT_TRUE(error("[[site]]\nname = 'a'\n").find("no pattern") != std::string::npos);
}

TEST(Regimen, AnyBytesAreRead) {
  Random random(7);
  const std::string alphabet =
      "0123456789.,/x@()=- GycGyRBEfxinofboostwithafter\xC3\x97\xE9\xAA\xFF\n";
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 80; ++i) {
      text +=
          alphabet[static_cast<size_t>(random.uniform() * static_cast<double>(alphabet.size()))];
    }
    const Regimen r = parse_regimen(text, terms());
    for (const CoursePart& part : r.parts) {
      EXPECT_LE(part.begin, part.end);
      EXPECT_LE(part.end, text.size());
    }
    check_regimen(r, "photon", terms());
  }
  parse_regimen(std::string(20000, '1'), terms());
  parse_regimen("", terms());
}

}  // namespace
}  // namespace gantry
