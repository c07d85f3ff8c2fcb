// The sequence of verbs that a user types, run as a user runs it: the program itself, on the
// bundled corpus, with a small random encoder. In a namespace without network where the machine
// allows one: nothing here may need it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/program_test.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class MainSequence : public ProgramSequence {
 protected:
  static void SetUpTestSuite() {
    ProgramSequence::SetUpTestSuite();
    program_->shelve_small_encoder();
  }
  static fs::path corpus(const std::string& hospital) { return Program::reports(hospital); }
};

TEST_F(MainSequence, ImportTrainTestPredictReport) {
  Json made = good("init s --task bone-metastasis --json").json();
  EXPECT_EQ(made["task"], "bone-metastasis");
  EXPECT_EQ(fs::status(in("s")).permissions() & (fs::perms::group_all | fs::perms::others_all),
            fs::perms::none);

  Json imported = good("import --study s " + corpus("ha").string() + " " + corpus("hb").string() +
                       " " + corpus("he").string() + " --json")
                      .json();
  EXPECT_EQ(imported["total"]["added"], 360);
  EXPECT_EQ(imported["total"]["rejected"], 0);
  Json again = good("import --study s " + corpus("ha").string() + " --json").json();
  EXPECT_EQ(again["total"]["unchanged"], 120);
  EXPECT_EQ(again["records"], 360);

  Json split = good("split --study s --json").json();
  EXPECT_EQ(split["check"]["patients_in_two_sets"], 0);
  EXPECT_EQ(split["check"]["near_identical_pairs"], 0);

  Json trained = good("train --study s --json " + quick_training()).json();
  EXPECT_EQ(trained["restarts"].size(), 2u);
  EXPECT_GT(trained["useful_tokens_per_second"], 0);
  EXPECT_GT(trained["percent_of_ceiling"], 0);
  EXPECT_GT(trained["peak_memory_bytes"], 0);
  for (const auto& restart : trained["restarts"])
    EXPECT_TRUE(restart["tuning"]["macro_f1"].is_number());
  Json same = good("train --study s --json " + quick_training()).json();
  EXPECT_TRUE(same["was_done"]);

  Json tested = good("test --study s --json").json();
  EXPECT_EQ(tested["looks_at_test_set"], 1);
  EXPECT_EQ(tested["model"]["n"], split["sets"]["test"]["reports"]);
  EXPECT_EQ(tested["baselines"].size(), 2u);
  EXPECT_EQ(good("test --study s --json").json()["looks_at_test_set"], 2);

  good("predict --study s " + corpus("hk").string() + " --out p.jsonl");
  std::ifstream lines(in("p.jsonl"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    Json answer = Json::parse(line);
    EXPECT_TRUE(answer["label"].is_number_integer());
    double sum = 0;
    for (const auto& p : answer["probabilities"]) sum += p.get<double>();
    EXPECT_NEAR(sum, 1, 1e-9);
    EXPECT_TRUE(answer["abstain"].is_boolean());
  }
  EXPECT_EQ(count, 140);

  // A page for readers: self-contained.
  good("report --study s");
  std::string page = read_file(fs::path(tested["report"].get<std::string>()));
  EXPECT_EQ(page.find("http://"), page.find("http://www.w3.org/"));  // only SVG's own name
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_NE(page.find("look number 2"), std::string::npos);
  EXPECT_NE(good("status --study s").out.find("next:"), std::string::npos);
}

// Needs the study of the test above, which gtest runs first; alone it makes its own.
class TrainedStudy : public MainSequence {
 protected:
  void SetUp() override {
    if (fs::exists(in("t/runs/latest"))) return;
    good("init t --task bone-metastasis");
    good("import --study t " + corpus("ha").string() + " " + corpus("hd").string());
    good("train --study t " + quick_training());
  }
};

TEST_F(TrainedStudy, PredictReadsStandardInputAndResumes) {
  good("predict --study t " + corpus("hc").string() + " --out whole.jsonl");
  std::string whole = read_file(in("whole.jsonl"));
  // Torn in the middle of a line, as a power cut leaves it.
  write_file_atomically(in("torn.jsonl"), whole.substr(0, whole.size() / 2));
  expect_error("predict --study t " + corpus("hc").string() + " --out torn.jsonl", "E0741",
               "--resume");
  good("predict --study t " + corpus("hc").string() + " --out torn.jsonl --resume");
  auto without_time = [](const std::string& text) {
    std::vector<Json> out;
    for (auto line : split(text, '\n')) {
      if (line.empty()) continue;
      out.push_back(Json::parse(line));
      out.back().erase("ms");
    }
    return out;
  };
  EXPECT_EQ(without_time(read_file(in("torn.jsonl"))), without_time(whole));

  Outcome piped = good("predict --study t -", corpus("hc").string());
  auto lines = without_time(piped.out), from_file = without_time(whole);
  ASSERT_EQ(lines.size(), from_file.size());
  for (size_t i = 0; i < lines.size(); ++i)
    EXPECT_EQ(lines[i]["probabilities"], from_file[i]["probabilities"]);
}

TEST_F(TrainedStudy, RowsThatCannotBeUsedAreAnsweredAsSuch) {
  write_file_atomically(in("odd.jsonl"),
                        "{\"report_id\":\"a\",\"report\":\"【診断】\\n骨転移なし。\"}\nnot "
                        "json\n{\"report_id\":\"b\"}\n");
  good("predict --study t odd.jsonl --out odd-p.jsonl");
  std::vector<Json> answers;
  const std::string written = read_file(in("odd-p.jsonl"));
  for (auto line : split(written, '\n'))
    if (!line.empty()) answers.push_back(Json::parse(line));
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0]["id"], "a");
  EXPECT_EQ(answers[1]["line"], 2);
  EXPECT_TRUE(answers[1].contains("error"));
  EXPECT_TRUE(answers[2].contains("error"));
}

TEST_F(TrainedStudy, ExportOpensAsAFolder) {
  Json out = good("model export --study t exported --json").json();
  EXPECT_FALSE(out["opens_as"].get<std::string>().empty());
  EXPECT_TRUE(fs::exists(in("exported/config.json")) ||
              fs::exists(in("exported/member-0/config.json")));
  expect_error("model export --study t exported", "E0751", "exists");
}

TEST_F(TrainedStudy, AnswersAreTheSameOnOneThreadAndTwo) {
  good("predict --study t --threads 1 " + corpus("he").string() + " --out one.jsonl");
  good("predict --study t --threads 2 " + corpus("he").string() + " --out two.jsonl");
  auto probabilities = [](const std::string& text) {
    std::vector<Json> out;
    for (auto line : split(text, '\n'))
      if (!line.empty()) out.push_back(Json::parse(line)["probabilities"]);
    return out;
  };
  EXPECT_EQ(probabilities(read_file(in("one.jsonl"))), probabilities(read_file(in("two.jsonl"))));
}

TEST_F(MainSequence, APublishedExampleNeedsNoStudy) {
  const Json e = good("report --example kanemaru2024 --out example --json").json();
  EXPECT_DOUBLE_EQ(e["results"]["tables"]["readers"]["rows"][0][1]["value"], 696.0 / 711);
  EXPECT_TRUE(fs::exists(in("example/report.html")));
  expect_error("report --example nobody1999", "E0806", "nobody1999");
}

TEST_F(MainSequence, DoctorAndVersionSpeakJson) {
  EXPECT_GT(good("doctor --json").json()["cores"], 0);
  EXPECT_TRUE(good("version --json").json()["commit"].is_string());
}

}  // namespace
}  // namespace gantry
