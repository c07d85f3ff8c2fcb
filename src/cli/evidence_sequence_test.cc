// The evidence beside a model, from the command line to the last table: readers, ratings, runs
// compared, robustness, the margin, and what a careless user does to each of them. The program
// itself, on a part of the bundled corpus, with a small random encoder.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/strings.h"
#include "cli/program_test.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string one_restart(const std::string& seed) {
  return "base=small runs=1 epochs=1 model.max_tokens=64 window_overlap=8 bootstrap=100 "
         "train.seed=" +
         seed;
}

// A CSV without quoted cells, by column.
std::vector<std::map<std::string, std::string>> plain_csv(const fs::path& file) {
  std::vector<std::map<std::string, std::string>> out;
  std::vector<std::string> head;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    std::vector<std::string> cells;
    for (auto cell : split(line, ',')) cells.emplace_back(cell);
    if (head.empty()) {
      head = cells;
      continue;
    }
    std::map<std::string, std::string> row;
    for (size_t i = 0; i < head.size() && i < cells.size(); ++i) row[head[i]] = cells[i];
    out.push_back(std::move(row));
  }
  return out;
}

// Exact two-sided McNemar: twice the smaller tail of a fair coin, at most 1.
double exact_mcnemar(int64_t a, int64_t b) {
  const int64_t n = a + b, k = std::min(a, b);
  if (n == 0) return 1;
  double tail = 0;
  for (int64_t i = 0; i <= k; ++i)
    tail += std::exp(std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(n - i + 1.0) -
                     static_cast<double>(n) * std::log(2.0));
  return std::min(1.0, 2 * tail);
}

const Json& row_of(const Json& table, const std::string& first) {
  for (const auto& row : table["rows"])
    if (row[0].is_string() && row[0].get<std::string>().find(first) == 0) return row;
  ADD_FAILURE() << "no row " << first << " in " << table.dump();
  static const Json none;
  return none;
}

class Evidence : public ProgramSequence {
 protected:
  static void SetUpTestSuite() {
    ProgramSequence::SetUpTestSuite();
    program_->shelve_small_encoder();
    program_->write("ha.jsonl", first_reports("ha", 60));
    program_->write("he.jsonl", first_reports("he", 40));
    make("e", "'split.test_sources=[\"he\"]' study.synthetic=true", "ha.jsonl he.jsonl");
    declare_margin("0.1");
    run_a_ = train_and_test("1", "--robustness");
    run_b_ = train_and_test("2", "");
  }
  static void TearDownTestSuite() { ProgramSequence::TearDownTestSuite(); }

  static std::string first_reports(const std::string& hospital, int most) {
    std::ifstream lines(Program::reports(hospital));
    std::string out;
    int n = 0;
    for (std::string line; n < most && std::getline(lines, line); ++n) out += line + "\n";
    return out;
  }
  static void make(const std::string& study, const std::string& words, const std::string& files) {
    good("init " + study + " --task bone-metastasis " + words);
    good("import --study " + study + " " + files);
  }
  // As a user does it: by a line of study.toml.
  static void declare_margin(const std::string& margin) {
    std::string toml = read_file(in("e/study.toml"));
    size_t at = toml.find("\n#margin = ");
    if (at == std::string::npos) at = toml.find("\nmargin = ");
    ASSERT_NE(at, std::string::npos);
    toml.replace(at, toml.find('\n', at + 1) - at, "\nmargin = " + margin);
    write_file_atomically(in("e/study.toml"), toml);
  }
  static std::string train_and_test(const std::string& seed, const std::string& words) {
    good("train --study e " + one_restart(seed));
    return good("test --study e --json " + words).json()["run"];
  }

  static std::vector<std::map<std::string, std::string>> answers(const std::string& run) {
    return plain_csv(in("e/tests/" + run + "/predictions.csv"));
  }
  static Json metrics(const std::string& run) {
    return Json::parse(read_file(in("e/tests/" + run + "/metrics.json")));
  }
  static const Json& table(const Json& sections, const std::string& section,
                           const std::string& name) {
    return sections.at(section).at("tables").at(name);
  }
  // Reader A reads all, every seventh one wrong; B reads the first half only, and is never wrong.
  static std::string readings() {
    std::string out = "reader,report,source,label,seconds,order\n";
    const auto rows = answers(run_a_);
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::string truth = rows[i].at("reference_standard"), wrong = truth == "0" ? "1" : "0",
                        place = std::to_string(i + 1);
      const std::string report = rows[i].at("id") + "," + rows[i].at("source") + ",";
      out += "A," + report + (i % 7 == 0 ? wrong : truth) + "," + std::to_string(5 + i % 11) +
             ".5," + place + "\n";
      if (i < rows.size() / 2) out += "B," + report + truth + ",4," + place + "\n";
    }
    return out;
  }

  static inline std::string run_a_, run_b_;
};

TEST_F(Evidence, ReadersStandBesideTheModel) {
  program_->write("readings.csv", readings());
  const auto rows = answers(run_a_);
  const auto n = static_cast<int64_t>(rows.size());
  // Several files, as readers hand in one each; what is known already is not added again.
  const Json in_all = good("readings import --study e readings.csv readings.csv --json").json();
  EXPECT_EQ(in_all["test_reports"], n);
  EXPECT_EQ(in_all["rows"], 2 * in_all["added"].get<int64_t>());
  EXPECT_EQ(in_all["added"], n + n / 2);
  EXPECT_EQ(in_all["unchanged"], n + n / 2);
  EXPECT_EQ(in_all["readers"].size(), 2u);
  EXPECT_EQ(in_all["rejected"].size(), 0u);
  const Outcome again = good("readings import --study e readings.csv");
  EXPECT_NE(again.err.find("B: " + std::to_string(n / 2) + " of " + std::to_string(n) +
                           " reports of the test set read"),
            std::string::npos);
  EXPECT_NE(again.err.find("INCOMPLETE"), std::string::npos);

  // What the tables must say, counted here.
  int64_t wrong_a = 0, both = 0, model_only = 0, reader_only = 0, neither = 0;
  double seconds = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto& row = rows[static_cast<size_t>(i)];
    const bool model = row.at("answered") == row.at("reference_standard"), reader = i % 7 != 0;
    wrong_a += !reader;
    seconds += 5.5 + static_cast<double>(i % 11);
    ++(model && reader ? both : model ? model_only : reader ? reader_only : neither);
  }
  good("report --study e --run " + run_a_);
  const Json sections = metrics(run_a_)["sections"];
  const Json& readers = table(sections, "readers", "readers");
  EXPECT_DOUBLE_EQ(row_of(readers, "A")[1]["value"],
                   static_cast<double>(n - wrong_a) / static_cast<double>(n));
  EXPECT_EQ(row_of(readers, "B")[1]["n"], n / 2);
  EXPECT_EQ(row_of(readers, "B")[1]["count"], n / 2);
  const Json& against = row_of(table(sections, "readers", "model_against_readers"), "A");
  EXPECT_EQ(against[1], both);
  EXPECT_EQ(against[2], model_only);
  EXPECT_EQ(against[3], reader_only);
  EXPECT_EQ(against[4], neither);
  EXPECT_NEAR(against[5].get<double>(), exact_mcnemar(model_only, reader_only), 1e-9);
  EXPECT_NEAR(row_of(table(sections, "readers", "reading_times"), "A")[2].get<double>(), seconds,
              1e-9);
  EXPECT_EQ(table(sections, "readers", "noninferiority")["rows"].size(), 2u);
  EXPECT_EQ(table(sections, "readers", "agreement_overall")["rows"].size(), 3u);
  // The folder of tables holds the same, and each answer has its readers.
  const std::string csv = read_file(in("e/tests/" + run_a_ + "/tables/readers.csv"));
  EXPECT_NE(csv.find(std::to_string(n - wrong_a) + " of " + std::to_string(n)), std::string::npos);
  EXPECT_EQ(answers(run_a_)[0].count("reader A"), 1u);
  const std::string page = read_file(in("e/tests/" + run_a_ + "/report.html"));
  EXPECT_NE(page.find("B read " + std::to_string(n / 2) + " of " + std::to_string(n)),
            std::string::npos);
}

TEST_F(Evidence, ReadingsThatCannotBeUsedAreSaidLineByLine) {
  const auto rows = answers(run_a_);
  const std::string id = rows[0].at("id"), other = rows[1].at("id");
  program_->write("bad.csv", "reader,report,label,seconds\nC,NO-SUCH,0,1\nC," + id + ",7,1\nC," +
                                 id + ",0,-2\nC," + other + ",0,3\nC," + other + ",1,3\n");
  const Json in = good("readings import --study e bad.csv --json").json();
  EXPECT_EQ(in["added"], 1);
  std::map<int, std::string> codes;
  for (const auto& row : in["rejected"]) codes[row["line"]] = row["code"];
  EXPECT_EQ(
      codes,
      (std::map<int, std::string>{
          {2, "not_in_test_set"}, {3, "unknown_label"}, {4, "bad_seconds"}, {6, "read_twice"}}));
  program_->write("nothing.csv", "reader,report,label\nD,NO-SUCH,0\n");
  EXPECT_EQ(program_->run("readings import --study e nothing.csv").exit_code, 1);
  program_->write("columns.csv", "who,what\nD,0\n");
  expect_error("readings import --study e columns.csv", "E0781", "who, what");
}

TEST_F(Evidence, RobustnessAnswersEveryChangedReport) {
  const Json sections = metrics(run_a_)["sections"];
  const auto n = static_cast<int64_t>(answers(run_a_).size());
  const Json& changes = table(sections, "robustness", "robustness");
  ASSERT_EQ(changes["rows"].size(), 4u);
  for (const auto& row : changes["rows"]) {
    EXPECT_EQ(row[1]["n"], n);
    EXPECT_GT(row[1]["count"], 0) << row[0];  // the change does touch reports
    EXPECT_EQ(row[5]["n"], n);
  }
  EXPECT_EQ(row_of(changes, "full and half width")[2], 0);  // NFKC undoes it
  EXPECT_EQ(table(sections, "robustness", "unseen")["rows"].size(), 2u);
  EXPECT_FALSE(metrics(run_b_)["sections"].contains("robustness"));
}

TEST_F(Evidence, TwoRunsAreComparedCaseByCase) {
  const auto a = answers(run_a_), b = answers(run_b_);
  ASSERT_EQ(a.size(), b.size());
  int64_t both = 0, first = 0, second = 0, neither = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].at("id"), b[i].at("id"));
    const std::string truth = a[i].at("reference_standard");
    const bool one = a[i].at("answered") == truth, two = b[i].at("answered") == truth;
    ++(one && two ? both : one ? first : two ? second : neither);
  }
  const Json compared =
      good("compare --study e " + run_a_ + " " + run_b_ + " --out compared --json").json();
  const Json& pair = table(compared, "comparison", "paired")["rows"][0];
  EXPECT_EQ(pair[0], run_a_ + " - " + run_b_);
  EXPECT_EQ(pair[1], both);
  EXPECT_EQ(pair[2], first);
  EXPECT_EQ(pair[3], second);
  EXPECT_EQ(pair[4], neither);
  EXPECT_NEAR(pair[5].get<double>(), exact_mcnemar(first, second), 1e-9);
  EXPECT_NEAR(pair[7]["value"].get<double>(),
              static_cast<double>(first - second) / static_cast<double>(a.size()), 1e-12);
  const std::string page = read_file(in("compared/report.html"));
  EXPECT_NE(page.find("SYNTHETIC"), std::string::npos);
  EXPECT_TRUE(fs::exists(in("compared/tables/paired.csv")));
  expect_error("compare --study e " + run_a_, "E0785", "two");
  expect_error("compare --study e " + run_a_ + " " + run_a_, "E0785", "two");
}

// Sheet, filled by two raters, read back: nothing on it tells the arms, and the key joins them.
TEST_F(Evidence, RatingsOfBlindedArms) {
  std::string lines = "case,arm,answer,question\n";
  for (int c = 1; c <= 6; ++c)
    for (const char* arm : {"tuned", "original", "clinical"})
      lines += "c" + std::to_string(c) + "," + arm + ",answer of " + (arm[0] == 'o' ? "X" : "Y") +
               std::to_string(c) + ",diagnosis " + std::to_string(c) + "\n";
  program_->write("answers.csv", lines);
  const Json sheet = good("ratings sheet --study e answers.csv --out sheets --json").json();
  EXPECT_EQ(sheet["answers"], 18);
  EXPECT_EQ(sheet["arms"], 3);
  const std::string csv = read_file(in("") / sheet["csv"].get<std::string>());
  for (const char* arm : {"tuned", "original", "clinical"})
    EXPECT_EQ(csv.find(arm), std::string::npos);
  // Answers "X" are refused by both raters, "Y" by neither; y leaves one item out.
  std::string filled = "rater,item,grade,comment\n";
  std::istringstream sheet_lines(csv);
  int items = 0;
  for (std::string line; std::getline(sheet_lines, line);) {
    const size_t at = line.find("Q00");
    if (at == std::string::npos) continue;
    const std::string item = line.substr(at, 5);
    const bool good_one = line.find("answer of Y") != std::string::npos;
    ++items;
    for (const char* rater : {"x", "y"})
      if (items != 1 || rater[0] == 'x')
        filled += std::string(rater) + "," + item + "," +
                  (good_one ? "acceptable" : "not acceptable") + ",\n";
  }
  ASSERT_EQ(items, 18);
  program_->write("filled.csv", filled + "x,Q9999,acceptable,\nx,Q0001,so so,\n");
  const Json imported = good("ratings import --study e filled.csv --json").json();
  EXPECT_EQ(imported["added"], 35);
  EXPECT_EQ(imported["rejected"].size(), 2u);
  good("report --study e --run " + run_b_);
  const Json sections = metrics(run_b_)["sections"];
  const Json& share = table(sections, "ratings", "acceptable");
  EXPECT_DOUBLE_EQ(row_of(share, "original")[2]["value"], 0);
  EXPECT_DOUBLE_EQ(row_of(share, "tuned")[2]["value"], 1);
  const Json& arms = table(sections, "ratings", "arms");
  ASSERT_EQ(arms["rows"].size(), 3u);
  EXPECT_NEAR(row_of(arms, "original - tuned")[6].get<double>(), exact_mcnemar(0, 6), 1e-9);
  EXPECT_DOUBLE_EQ(table(sections, "ratings", "raters")["rows"][0][2]["value"], 1);  // kappa
  EXPECT_NE(good("ratings show --study e").out.find("grades are missing"), std::string::npos);
}

// The last of the sequence: it changes the declared margin.
TEST_F(Evidence, Z_AMarginChangedAfterTheTestIsShown) {
  program_->write("readings.csv", readings());
  good("readings import --study e readings.csv");
  good("report --study e --run " + run_a_);
  const std::string before = read_file(in("e/tests/" + run_a_ + "/report.html"));
  EXPECT_EQ(before.find("AFTER"), std::string::npos);
  declare_margin("0.3");
  good("report --study e --run " + run_a_);
  const std::string after = read_file(in("e/tests/" + run_a_ + "/report.html"));
  EXPECT_NE(after.find("changed from 0.100 to 0.300"), std::string::npos);
  EXPECT_NE(after.find("AFTER"), std::string::npos);
}

TEST_F(Evidence, Z_RunsOfAnotherTestSetAreNotCompared) {
  good("train --study e 'split.test_sources=[\"ha\"]' " + one_restart("3"));
  const std::string other =
      good("test --study e 'split.test_sources=[\"ha\"]' --json").json()["run"];
  expect_error("compare --study e " + run_a_ + " " + other, "E0786", "different test sets");
}

// One patient in the test set, and a group without a case in it: tested all the same, and what is
// not defined is said and not made up.
TEST_F(Evidence, OnePatientAndAGroupWithoutACase) {
  std::ifstream lines(Program::reports("he"));
  std::string kept;
  int reports = 0;
  for (std::string line; std::getline(lines, line) && reports < 3;) {
    Json row = Json::parse(line);
    if (row["label"].is_null() || row["label"].dump().find('2') != std::string::npos) continue;
    row["patient_id"] = "ONE";
    kept += row.dump() + "\n";
    ++reports;
  }
  ASSERT_EQ(reports, 3);
  program_->write("one.jsonl", kept);
  make("p", "'split.test_sources=[\"one\"]' 'columns.source=[\"nowhere\"]'", "ha.jsonl one.jsonl");
  good("train --study p " + one_restart("1"));
  const Json tested = good("test --study p --json").json();
  EXPECT_EQ(tested["model"]["n"], 3);
  const Json m =
      Json::parse(read_file(in("p/tests/" + tested["run"].get<std::string>() + "/metrics.json")));
  const Json& model = m["model"];
  EXPECT_TRUE(model["groups"]["2"]["sensitivity"]["value"].is_null());  // no case of group 2
  EXPECT_TRUE(model["macro_f1"]["value"].is_number());
  EXPECT_TRUE(!model["macro_f1"].contains("lower") || model["macro_f1"]["lower"].is_null());
  // A baseline whose answers are all equal.
  const Json& majority = m["baselines"].back();
  EXPECT_TRUE(majority["mcc"]["value"].is_null());
  const std::string page =
      read_file(in("p/tests/" + tested["run"].get<std::string>() + "/report.html"));
  EXPECT_NE(page.find("not defined"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
}

// Codes and texts, answered by rankers alone: the same evidence as for groups.
class AnswerEvidence : public ProgramSequence {
 protected:
  static void SetUpTestSuite() {
    ProgramSequence::SetUpTestSuite();
    std::set<std::string> codes = {"C00.0", "C61", "C64.9", "D48.9"};
    for (const char* clinic : {"ra", "rb", "rc"}) {
      std::ifstream lines(Program::source() / "corpora/radiation-oncology" /
                          (std::string(clinic) + ".jsonl"));
      std::string kept, line;
      for (int i = 0; i < 30 && std::getline(lines, line); ++i) {
        kept += line + "\n";
        const Json row = Json::parse(line);
        for (const Json& diagnosis : row["diagnoses"])
          codes.insert(diagnosis["icd10"].get<std::string>());
      }
      program_->write(std::string(clinic) + ".jsonl", kept);
    }
    std::string tsv = "code\ttitle\n";
    for (const std::string& code : codes) tsv += code + "\tTitle of " + code + "\n";
    program_->write("mini.tsv", tsv);
    good("codes import mini.tsv --name mini");
    good("init a --task radonc codes.list=mini codes.ranges= 'split.test_sources=[\"rc\"]'");
    good("import --study a ra.jsonl rb.jsonl rc.jsonl");
    run_a_ = run("", "--robustness test.repeats=2 test.repeat_cases=8 test.occluded=3");
    run_b_ = run("codes.candidates=7", "test.repeats=0 test.occluded=0");
  }
  static std::string run(const std::string& training, const std::string& test) {
    good("train --study a base=none bootstrap=100 codes.list=mini codes.ranges= " + training);
    return good("test --study a bootstrap=100 --json " + test).json()["run"];
  }
  static Json metrics(const std::string& run) {
    return Json::parse(read_file(in("a/tests/" + run + "/metrics.json")));
  }
  static Json failures(const std::string& run) {
    const std::string page = read_file(in("a/tests/" + run + "/report.html"));
    const size_t begin = page.find("id=\"failure-data\">") + 18;
    return Json::parse(page.substr(begin, page.find("</script>", begin) - begin))["failures"];
  }
  static inline std::string run_a_, run_b_;
};

TEST_F(AnswerEvidence, RepeatsGiveTheSameAnswersByMeasurement) {
  const Json t = metrics(run_a_)["sections"]["answering"]["tables"]["repeats"];
  ASSERT_EQ(t["rows"].size(), 3u);
  for (const auto& row : t["rows"]) {
    EXPECT_EQ(row[2], 2);
    EXPECT_EQ(row[3]["count"], 0);
    EXPECT_LE(row[3]["n"], 8);
    EXPECT_GT(row[3]["n"], 0);
    EXPECT_EQ(row[4], 0);  // nothing is drawn by chance
    EXPECT_EQ(row[8], 0);
  }
  EXPECT_FALSE(metrics(run_b_)["sections"]["answering"]["tables"].contains("repeats"));
}

TEST_F(AnswerEvidence, EveryFailureHasNeighboursAndTheSurestAreWeighed) {
  std::map<std::string, int> weighed, all;
  for (const auto& f : failures(run_a_)) {
    const std::string question = f["question"];
    ++all[question];
    EXPECT_FALSE(f["neighbours"].empty()) << f["id"];
    for (const auto& n : f["neighbours"]) {
      EXPECT_EQ(n["label"].is_number(), question == "group");
      EXPECT_NE(n["source"], "rc");  // of the training set
    }
    for (const auto& piece : f["text"])
      if (piece[1] != 0) {
        ++weighed[question];
        break;
      }
  }
  EXPECT_GT(all["code"], 3);
  EXPECT_GT(all["text"], 3);
  EXPECT_GT(weighed["code"], 0);
  EXPECT_LE(weighed["code"], 3);
  EXPECT_LE(weighed["group"], 3);
  EXPECT_EQ(weighed["text"], 0);
  const std::string page = read_file(in("a/tests/" + run_a_ + "/report.html"));
  EXPECT_NE(page.find("by occlusion"), std::string::npos);
  EXPECT_NE(read_file(in("a/tests/" + run_b_ + "/report.html")).find("No words were weighed"),
            std::string::npos);
}

TEST_F(AnswerEvidence, EveryQuestionIsAnsweredAgainWithItsTextsChanged) {
  const Json t = metrics(run_a_)["sections"]["robustness"]["tables"]["robustness"];
  ASSERT_EQ(t["rows"].size(), 12u);  // three questions, four changes
  int touched = 0;
  for (const auto& row : t["rows"]) {
    touched += row[1]["count"].get<int>() > 0;
    if (row[0].get<std::string>().find("width") != std::string::npos) {
      EXPECT_GT(row[1]["count"], 0);
      EXPECT_EQ(row[2], 0);  // NFKC undoes it
      EXPECT_EQ(row[3], 0);
    }
  }
  EXPECT_GE(touched, 6);
}

TEST_F(AnswerEvidence, RunsAreComparedInCodesAndTexts) {
  const Json t = good("compare --study a " + run_a_ + " " + run_b_ + " --json")
                     .json()["comparison"]["tables"]["answers"];
  ASSERT_EQ(t["rows"].size(), 5u);  // codes: right, graded; texts: exact, ROUGE-1, dose
  for (const auto& row : t["rows"]) {
    EXPECT_TRUE(row[1] == "code" || row[1] == "text");
    EXPECT_NEAR(row[5]["value"].get<double>(), row[3].get<double>() - row[4].get<double>(), 1e-9);
  }
}

}  // namespace
}  // namespace gantry
