#include "text/code_ranker.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/case_code.h"
#include "text/code_list_readers.h"

namespace gantry {
namespace {

const std::filesystem::path kSource = GANTRY_SOURCE_DIR;

template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code() + ": " + error.message();
  }
  return "no error";
}

CodeConcepts delivered() { return CodeConcepts::load(kSource / "tasks" / "icd10-concepts.tsv"); }

bool names(const CodeConcepts& concepts, const ConceptReading& reading, const char* name) {
  const int32_t c = concepts.find(name);
  EXPECT_GE(c, 0) << name;
  return c >= 0 && reading.said[static_cast<size_t>(c)];
}

TEST(CodeConcepts, ReadAClinicsShorthand) {
  const CodeConcepts concepts = delivered();
  struct Example {
    const char* text;
    std::vector<const char*> said, unsaid;
  };
  const Example examples[] = {
      {"NSCLC RUL 2.1 cm, FEV1 0.8 L", {"lung", "upper lobe", "right"}, {"left", "breast"}},
      {"IDC L breast, LOQ", {"breast", "left", "lower-outer"}, {"right", "upper-outer"}},
      {"Choroidal melanoma OD", {"right", "choroid", "melanoma"}, {"left"}},
      {"osseous mets from prostate ca", {"secondary", "bone", "prostate"}, {"lung"}},
      {"GBM R frontal, MGMT unmeth", {"glioma", "frontal lobe", "right"}, {"secondary"}},
      {"Prostate adenocarcinoma, no bone metastases", {"prostate"}, {"bone", "secondary"}},
      {"DCIS R breast", {"in situ", "breast"}, {"secondary"}},
      {"SCC base of tongue, p16+", {"base of tongue"}, {"skin"}},
  };
  for (const Example& example : examples) {
    const ConceptReading reading = concepts.read(example.text);
    for (const char* name : example.said) {
      EXPECT_TRUE(names(concepts, reading, name)) << example.text << ": " << name;
    }
    for (const char* name : example.unsaid) {
      EXPECT_FALSE(names(concepts, reading, name)) << example.text << ": " << name;
    }
  }
}

TEST(CodeConcepts, EarlierMentionsWeighMore) {
  const CodeConcepts concepts = CodeConcepts::parse(
      "side\tright\tright\nside\tleft\tleft\nunsaid\tnegation\tno [^.]*\n", "c");
  const ConceptReading reading = concepts.read("left lung. No right lesion");
  EXPECT_EQ(reading.early[concepts.find("left")], 1);
  EXPECT_EQ(reading.early[concepts.find("right")], 0);
  EXPECT_EQ(reading.named[concepts.find("right")], 1);
  EXPECT_EQ(reading.said[concepts.find("right")], 0);
  EXPECT_GT(concepts.read("left, then right").early[concepts.find("left")],
            concepts.read("left, then right").early[concepts.find("right")]);
}

TEST(CodeConcepts, MistakesAreNamedWithTheirLine) {
  const auto error = [](const char* table) {
    return error_of([&] { CodeConcepts::parse(table, "concepts.tsv"); });
  };
  EXPECT_EQ(error("# remark\n\nsite\tlung\tlung\n"), "no error");
  EXPECT_TRUE(error("site\tlung\n").starts_with("E0379: concepts.tsv, line 1"));
  EXPECT_TRUE(error("organ\tlung\tlung\n").starts_with("E0379"));
  EXPECT_TRUE(error("#\nsite\tlung\t(\n").starts_with("E0379: concepts.tsv, line 2: the pattern"));
}

const char* const kList =
    "code\ttitle\n"
    "C34.11\tMalignant neoplasm of upper lobe, right bronchus or lung\n"
    "C34.12\tMalignant neoplasm of upper lobe, left bronchus or lung\n"
    "C34.31\tMalignant neoplasm of lower lobe, right bronchus or lung\n"
    "C34.32\tMalignant neoplasm of lower lobe, left bronchus or lung\n"
    "C50.411\tMalignant neoplasm of upper-outer quadrant of right female breast\n"
    "C50.412\tMalignant neoplasm of upper-outer quadrant of left female breast\n"
    "C61\tMalignant neoplasm of prostate\n"
    "C79.51\tSecondary malignant neoplasm of bone\n";

struct Cases {
  std::vector<std::string> texts, codes;
  std::vector<int32_t> groups;
};

Cases training() {
  const std::pair<const char*, const char*> all[] = {
      {"NSCLC in the right upper lobe, cT1 N0", "C34.11"},
      {"adenocarcinoma, RUL nodule 2 cm", "C34.11"},
      {"left upper lobe squamous carcinoma of the lung", "C34.12"},
      {"LUL nodule, NSCLC", "C34.12"},
      {"right lower lobe adenocarcinoma of the lung", "C34.31"},
      {"RLL NSCLC, 1.8 cm", "C34.31"},
      {"right breast carcinoma, upper outer quadrant", "C50.411"},
      {"R breast IDC, UOQ", "C50.411"},
      {"prostate cancer, Gleason 7, PSA 9", "C61"},
      {"CaP, GG2, PSA 6", "C61"},
      {"painful bone metastasis at L3", "C79.51"},
      {"osseous mets from breast, T8", "C79.51"}};
  Cases cases;
  for (const auto& [text, code] : all) {
    cases.groups.push_back(static_cast<int32_t>(cases.texts.size() % 3));
    cases.texts.emplace_back(text);
    cases.codes.emplace_back(code);
  }
  return cases;
}

TEST(CodeRanker, FindsCodesThatNoTrainingCaseHad) {
  const CodeList list = parse_code_tsv(kList, "list", "list");
  const Cases cases = training();
  const auto ranker =
      train_code_ranker(cases.texts, cases.codes, cases.groups, list, list, delivered());
  EXPECT_TRUE(ranker->gives_probabilities());
  const auto left_lower = ranker->rank("LLL NSCLC, 2.2 cm", 10);
  ASSERT_EQ(left_lower.size(), 8u);
  EXPECT_EQ(left_lower[0].answer, "C34.32");
  EXPECT_NE(left_lower[0].because.find("lower lobe"), std::string::npos);
  EXPECT_EQ(ranker->rank("L breast IDC, UOQ", 1)[0].answer, "C50.412");
  EXPECT_EQ(ranker->rank("Gleason 8 adenocarcinoma of the prostate", 1)[0].answer, "C61");
  double sum = 0;
  for (const auto& answer : left_lower) sum += answer.score;
  EXPECT_NEAR(sum, 1, 1e-9);
}

TEST(CodeRanker, StoredItAnswersAlike) {
  const CodeList list = parse_code_tsv(kList, "list", "list");
  const Cases cases = training();
  std::vector<std::unique_ptr<AnswerRanker>> rankers;
  rankers.push_back(
      train_code_ranker(cases.texts, cases.codes, cases.groups, list, list, delivered()));
  rankers.push_back(code_title_matcher(list, list));
  for (const auto& ranker : rankers) {
    const std::string bytes = ranker->serialize();
    const auto read = parse_ranker(bytes);
    EXPECT_EQ(read->name(), ranker->name());
    for (const char* text : {"LLL NSCLC", "", "breast", "前立腺"}) {
      const auto a = ranker->rank(text, 3), b = read->rank(text, 3);
      ASSERT_EQ(a.size(), b.size());
      for (size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i].answer, b[i].answer) << text;
        EXPECT_EQ(a[i].score, b[i].score) << text;
      }
    }
    EXPECT_TRUE(
        error_of([&] { parse_ranker(bytes.substr(0, bytes.size() - 70)); }).starts_with("E0652"));
  }
}

TEST(CodeRanker, CasesOutsideTheListAreLeftOutAndTooFewRefused) {
  const CodeList list = parse_code_tsv(kList, "list", "list");
  Cases cases = training();
  for (size_t i = 0; i < 3; ++i) cases.codes[i] = "L91.0";
  EXPECT_TRUE(error_of([&] {
                train_code_ranker(cases.texts, cases.codes, cases.groups, list, list, delivered());
              }).starts_with("E0654: only 9 training cases"));
}

TEST(CodeTitleMatcher, ReadsTitles) {
  const CodeList list = parse_code_tsv(kList, "list", "list");
  EXPECT_EQ(code_title_matcher(list, list)
                ->rank("malignant neoplasm, lower lobe of the left lung", 1)[0]
                .answer,
            "C34.32");
}

// On the bundled SYNTHETIC corpus: learned at five clinics, asked at a sixth.
TEST(CodeRanker, BeatsTheNearestCaseAtAnUnseenClinic) {
  const char* codes = std::getenv("GANTRY_CODES");
  const char* home = std::getenv("HOME");
  const std::filesystem::path file =
      (codes ? std::filesystem::path(codes)
             : std::filesystem::path(home ? home : "") / ".local/share/gantry/codes") /
      "icd10cm-2026-04" / "codes.tsv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "gantry codes get icd10cm-2026-04";
  const CodeList whole = read_code_list(file, "icd10cm-2026-04");
  const CodeList allowed = whole.subset("C00-D49", true);
  const CodeReplacements replaced =
      CodeReplacements::load(kSource / "tasks" / "icd10cm-replaced.tsv");
  Cases train, test;
  for (char clinic : {'a', 'c', 'e'}) {
    std::ifstream in(kSource / "corpora/radiation-oncology" /
                     (std::string("r") + clinic + ".jsonl"));
    for (std::string line; std::getline(in, line);) {
      const auto record = nlohmann::json::parse(line);
      if (record.at("exclude") != "") continue;
      const std::string text = record.at("diagnoses").at(0).at("text");
      const std::string code = record.at("diagnoses").at(0).at("icd10");
      const ReadCode read = read_case_code(code, text, whole, allowed, replaced);
      if (read.code.empty()) continue;
      Cases& cases = clinic == 'e' ? test : train;
      cases.texts.push_back(text);
      cases.codes.push_back(read.code);
      cases.groups.push_back(clinic);
    }
  }
  const auto ranker =
      train_code_ranker(train.texts, train.codes, train.groups, whole, allowed, delivered());
  const auto nearest = train_nearest_case(train.texts, train.codes);
  size_t right = 0, right_nearest = 0;
  for (size_t i = 0; i < test.texts.size(); ++i) {
    right += ranker->rank(test.texts[i], 1)[0].answer == test.codes[i];
    right_nearest += nearest->rank(test.texts[i], 1)[0].answer == test.codes[i];
  }
  RecordProperty("right", static_cast<int>(right));
  RecordProperty("right_nearest", static_cast<int>(right_nearest));
  EXPECT_GT(test.texts.size(), 90u);
  EXPECT_GT(right * 10, test.texts.size() * 8);  // 0.8: measured 0.85 to 0.9 with fewer clinics
  EXPECT_GT(right, right_nearest + test.texts.size() / 5);
}

}  // namespace
}  // namespace gantry
