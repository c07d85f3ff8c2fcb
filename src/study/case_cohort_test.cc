// The radiation-oncology cohort on the bundled cases: derived from diagnosis records and plans, and
// compared with what the corpus says of itself in `exclude`.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "records/import.h"
#include "records/store.h"
#include "study/cases.h"
#include "study/study.h"
#include "study/test_support.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

ColumnMap columns_of(const Settings& s) {
  return {.id = s.columns.id,
          .patient = s.columns.patient,
          .source = s.columns.source,
          .date = s.columns.date,
          .label = s.columns.label,
          .text = s.columns.text,
          .diagnoses = s.columns.diagnoses,
          .plans = s.columns.plans,
          .code = s.columns.code,
          .answer = s.columns.answer};
}

std::vector<fs::path> corpus() {
  std::vector<fs::path> files;
  for (const char* clinic : {"ra", "rb", "rc", "rd", "re", "rf"})
    files.push_back(fs::path(GANTRY_SOURCE_DIR) / "corpora/radiation-oncology" /
                    (std::string(clinic) + ".jsonl"));
  return files;
}

struct Loaded {
  TemporaryFolder folder;
  Cases cases;
  std::map<std::string, std::string> dropped;  // id -> step
};

void load(const std::string& task, const std::vector<fs::path>& files, Loaded& out) {
  const Study study = Study::create(out.folder.path() / "s", task);
  auto store = Store::open(study.records_path());
  RecordOptions options;
  options.allowed_labels = study.settings().labels.values;
  const ImportReport report = import_files(*store, files, columns_of(study.settings()), options);
  ASSERT_EQ(report.total().rejected, 0);
  out.cases = load_cases(study, *store, {}, [&](const Case& one) {
    out.dropped[one.source + one.id] = one.dropped_at;
  });
}

TEST(CaseCohort, FollowsFromDiagnosesAndPlansAndAgreesWithTheCorpus) {
  for (const char* task : {"rt-modality", "rt-regimen"}) {
    Loaded loaded;
    ASSERT_NO_FATAL_FAILURE(load(task, corpus(), loaded));
    std::map<std::string, int64_t> expected, found;
    int64_t all = 0;
    for (const fs::path& file : corpus()) {
      std::ifstream lines(file);
      for (std::string line; std::getline(lines, line); ++all) {
        const auto row = nlohmann::json::parse(line);
        const std::string exclude = row["exclude"];
        ++expected[exclude];
        auto at = loaded.dropped.find(file.stem().string() + row["case_id"].get<std::string>());
        const std::string step = at == loaded.dropped.end() ? "" : at->second;
        const std::string reading =
            step == "diagnoses" ? "multiple diagnoses"
            : step == "plan" || step == "primary_plan" || step == "one_primary_plan"
                ? "no clear primary plan"
                : step;
        ++found[reading];
        EXPECT_EQ(reading, exclude) << row["case_id"];
      }
    }
    EXPECT_EQ(all, 750);
    EXPECT_EQ(found, expected);
    EXPECT_EQ(static_cast<int64_t>(loaded.cases.cases.size()), expected[""]);
    EXPECT_EQ(expected[""], 635);
    std::map<std::string, int64_t> steps;
    for (const FlowStep& step : loaded.cases.flow) steps[step.step] = step.dropped_reports;
    EXPECT_EQ(steps["diagnoses"], expected["multiple diagnoses"]);
    EXPECT_EQ(steps["plan"] + steps["primary_plan"] + steps["one_primary_plan"],
              expected["no clear primary plan"]);
    EXPECT_GT(steps["one_primary_plan"], 0);
    EXPECT_EQ(steps["label"], 0);
  }
}

TEST(CaseCohort, TheModelSeesTheDiagnosisAloneNeverPlanCodeOrAnswer) {
  Loaded loaded;
  ASSERT_NO_FATAL_FAILURE(load("rt-regimen", corpus(), loaded));
  for (const Case& item : loaded.cases.cases) {
    const auto fields = nlohmann::json::parse(item.fields_json);
    const std::string diagnosis = fields["diagnoses"][0]["text"];
    EXPECT_EQ(item.text, CaseMaker::model_text(diagnosis)) << item.id;
    EXPECT_EQ(item.baseline_text, item.text) << item.id;
    EXPECT_FALSE(item.free_text.empty()) << item.id;
    EXPECT_EQ(item.code_given, fields["diagnoses"][0]["icd10"]) << item.id;
  }
}

TEST(CaseCohort, CountsEachReason) {
  auto row = [&](const std::string& id, const std::string& rest) {
    return R"({"case_id":")" + id + R"(","patient_id":"P)" + id + R"(",)" + rest + "}\n";
  };
  const std::string one = R"("diagnoses":[{"text":"adenocarcinoma of the prostate )";
  TemporaryFolder folder;
  const fs::path file = folder.path() / "c.jsonl";
  std::ofstream(file)
      << row("kept", one + R"(kept"}],"plans":[{"text":"p","primary":true}],"modality":"photon")")
      << row("single", one + R"(single"}],"plans":[{"text":"p"}],"modality":"proton")")
      << row("two", R"("diagnoses":[{"text":"a"},{"text":"b"}],"plans":["p"],"modality":"photon")")
      << row("noplan", one + R"(noplan"}],"modality":"photon")")
      << row("none", one + R"(none"}],"plans":[{"text":"p"},{"text":"q"}],"modality":"photon")")
      << row("both", one + R"(both"}],"plans":[{"text":"p","primary":1},)" +
                         R"({"text":"q","primary":1}],"modality":"photon")")
      << row("unanswered", one + R"(unanswered"}],"plans":["p"])")
      << row("other", one + R"(other"}],"plans":[{"text":"p","primary":false}],)" +
                          R"("modality":"photon")");
  Loaded loaded;
  ASSERT_NO_FATAL_FAILURE(load("rt-modality", {file}, loaded));
  const std::map<std::string, std::string> expected = {
      {"ctwo", "diagnoses"},      {"cnoplan", "plan"},           {"cnone", "primary_plan"},
      {"cother", "primary_plan"}, {"cboth", "one_primary_plan"}, {"cunanswered", "label"}};
  EXPECT_EQ(loaded.dropped, expected);
  ASSERT_EQ(loaded.cases.cases.size(), 2u);
}

TEST(CaseCohort, CodesWithoutTheirListAreSaid) {
  TemporaryFolder codes;
  setenv("GANTRY_CODES", codes.path().c_str(), 1);
  Loaded loaded;
  const std::string told = error_of([&] { load("icd10", {corpus().front()}, loaded); });
  unsetenv("GANTRY_CODES");
  EXPECT_EQ(told.substr(0, 5), "E0422") << told;
  EXPECT_NE(told.find("gantry codes get icd10cm-2026-04"), std::string::npos) << told;
}

}  // namespace
}  // namespace gantry
