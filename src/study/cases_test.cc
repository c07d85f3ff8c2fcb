#include "study/cases.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "records/import.h"
#include "study/cohort.h"
#include "study/split_file.h"
#include "study/test_support.h"
#include "text/block_tfidf.h"

namespace gantry {
namespace {

Record record_of(const std::string& id, const std::string& patient, const std::string& text,
                 const std::string& label = "0", const std::string& source = "ha") {
  Record record;
  record.id = id;
  record.patient = patient;
  record.text = text;
  record.label = label;
  record.source = source;
  record.date = "2020-01-01";
  record.file = source + ".jsonl";
  return record;
}

// A study whose store holds records.
class TestStudy {
 public:
  explicit TestStudy(std::span<const std::string> words = {})
      : study(Study::create(folder_.path() / "s", "bone-metastasis", words)),
        store(Store::open(study.records_path())) {}

  void add(std::vector<Record> records, const std::string& file = "ha.jsonl") {
    auto session = store->begin_import(file);
    for (Record& record : records) session->add(record);
    session->finish(std::to_string(++files_), "UTF-8");
  }
  void import_corpus() {
    std::vector<std::filesystem::path> files;
    for (char c = 'a'; c <= 'k'; ++c)
      files.push_back(std::string(GANTRY_SOURCE_DIR "/corpora/bone-metastasis/h") + c + ".jsonl");
    const Settings::Columns& columns = study.settings().columns;
    ColumnMap map;
    map.id = columns.id, map.patient = columns.patient, map.source = columns.source;
    map.date = columns.date, map.label = columns.label, map.text = columns.text;
    RecordOptions options;
    options.allowed_labels = study.settings().labels.values;
    ImportReport report = import_files(*store, files, map, options);
    ASSERT_EQ(report.total().added, 1420);
  }
  Cases load(std::vector<std::string> words = {},
             const std::function<void(const Case&)>& dropped = {}) {
    return load_cases(Study::open(study.folder(), words), *store, {}, dropped);
  }

 private:
  TemporaryFolder folder_;
  int files_ = 0;

 public:
  Study study;
  std::unique_ptr<Store> store;
};

// n reports of groups 0, 1, 2 in turn, each of its own patient.
std::vector<Record> plain_records(int n, int first = 0) {
  std::vector<Record> out;
  for (int i = first; i < first + n; ++i) {
    std::string text = "【臨床情報】\n検索番号";
    for (int k = 0; k < 20; ++k) text += std::to_string((i * 7919 + k * 104729) % 10007) + "、";
    out.push_back(record_of("R" + std::to_string(i), "P" + std::to_string(i),
                            text + "\n【診断】\n骨転移は不明。", std::to_string(i % 3)));
  }
  return out;
}

TEST(CaseMaker, CleansTheModelsTextAndKeepsTheOriginal) {
  EXPECT_EQ(CaseMaker::model_text("　ＣＴ　検査①\r\n\r\n  ㈱ｶﾅ\t あ\u200b い "),
            "CT 検査1\n(株)カナ あ い");
  EXPECT_EQ(CaseMaker::model_text(""), "");
  EXPECT_EQ(CaseMaker::model_text(" \n\t"), "");
  EXPECT_EQ(CaseMaker::model_text(std::string("a\0b\x7f", 4) + "\u0085c\u2028d\u00ad\ufeff"),
            "a b c\nd");
}

TEST(CaseMaker, MakesTheTextOfTheSections) {
  CaseMaker maker(bone_metastasis());
  Case made = maker.make(record_of(
      "1", "A", "【所見】\nＬ１に硬化。\n【診断】\n骨転移　疑い。\n【臨床情報】\n乳癌。", "1"));
  EXPECT_EQ(made.text, "臨床情報: 乳癌。\n診断: 骨転移 疑い。");
  EXPECT_EQ(made.sections, (std::vector<std::string>{"乳癌。", "骨転移　疑い。"}));
  EXPECT_EQ(made.label, 1);
  EXPECT_FALSE(made.whole_text_used);
  EXPECT_EQ(made.dropped_at, "");

  made = maker.make(record_of("1", "", "【診断】\n骨転移疑い。"));
  EXPECT_EQ(made.text, "診断: 骨転移疑い。");
  EXPECT_EQ(made.missing_sections, std::vector<std::string>{"indication"});
  EXPECT_EQ(made.patient, "ha/1 (report)");
  EXPECT_FALSE(made.patient_known);

  made = maker.make(record_of("1", "A", "骨転移の検索。\nＬ１に硬化。", "7"));
  EXPECT_TRUE(made.whole_text_used);
  EXPECT_EQ(made.text, "診断: 骨転移の検索。\nL1に硬化。");
  EXPECT_EQ(made.label, -1);
  EXPECT_EQ(made.answer, "7");

  made = maker.make(record_of("1", "A", " \n"));
  EXPECT_EQ(made.dropped_at, "text");
}

TEST(CaseMaker, ReadsTheClausesAboutTheFocus) {
  Settings settings = bone_metastasis();
  settings.focus.pattern = "骨";
  override_setting(settings, "sections.use=diagnosis.focus,findings.focus");
  override_setting(settings, "sections.tags=");
  CaseMaker maker(settings);
  Case made =
      maker.make(record_of("1", "A", "【所見】\n肝に嚢胞。\n【診断】\n肝転移。\n骨転移疑い。"));
  EXPECT_EQ(made.text, "骨転移疑い。");
  EXPECT_FALSE(made.whole_text_used);
  // Nothing about the focus: the required section is read whole, never an empty text.
  made = maker.make(record_of("1", "A", "【所見】\n肝に嚢胞。\n【診断】\n肝転移。肺転移。"));
  EXPECT_EQ(made.text, "肝転移。肺転移。");
  EXPECT_EQ(made.dropped_at, "");
  made = maker.make(record_of("1", "A", "肝転移と嚢胞。"));
  EXPECT_EQ(made.text, "肝転移と嚢胞。");
  EXPECT_TRUE(made.whole_text_used);
}

TEST(CaseMaker, ReadsConcepts) {
  Settings settings;
  load_task("bone-metastasis", settings);
  settings.tfidf.blocks = {"diagnosis.focus", "0.5 diagnosis.focus.concepts",
                           "indication.concepts"};
  check_settings(settings);
  Case made = CaseMaker(settings).make(record_of(
      "1", "p",
      "【臨床情報】骨転移検索\n【所見】略\n【診断】1. 肺転移は増大。\n2. 多発骨転移、n.c."));
  EXPECT_EQ(made.blocks_text, std::string("多発骨転移、不変") + kBlockSeparator + "多骨不" +
                                  kBlockSeparator + "骨検");
}

TEST(CaseMaker, SectionsGivenApartFieldsAndSetAside) {
  Settings settings = bone_metastasis();
  override_setting(settings, "sections.missing=set-aside");
  override_setting(settings, "sections.fields=modality,年齢,none");
  override_setting(settings, "patients_shared_between_sources=false");
  CaseMaker maker(settings);
  Record record = record_of("1", "A", "");
  record.indication = "乳癌術後";
  record.diagnosis = "骨転移なし";
  record.fields_json = R"({"modality": "ＣＴ", "年齢": 63})";
  Case made = maker.make(record);
  EXPECT_EQ(made.text, "modality: CT\n年齢: 63\n臨床情報: 乳癌術後\n診断: 骨転移なし");
  EXPECT_EQ(made.original, "乳癌術後\n骨転移なし");
  EXPECT_EQ(made.patient, "ha/A");
  record.diagnosis.clear();
  made = maker.make(record);
  EXPECT_EQ(made.dropped_at, "sections");
  EXPECT_EQ(made.dropped, "section not found: diagnosis");
}

TEST(CohortRules, FoldsWidthCaseAndBrokenLines) {
  EXPECT_EQ(CohortRules::fold("骨転\n　移 ＣＴ and Bone\n Metastasis"),
            "骨転移ct and bone metastasis");
}

TEST(CohortRules, EachRuleSaysWhyItDrops) {
  const std::pair<const char*, const char*> cases[] = {
      {"cohort.from=2021-01-01", "date: 2020-01-01 is outside from 2021-01-01"},
      {"cohort.to=2019-12-31", "date: 2020-01-01 is outside until 2019-12-31"},
      {"cohort.where.Modality=MRI,ＰＥＴ", "fields: Modality is none of: MRI, ＰＥＴ"},
      {"cohort.where.modality=ｃｔ", ""},
      {"cohort.where.source=hb", "fields: source is none of: hb"},
      {"cohort.where_not.modality=CT", "fields: modality is one of: CT"},
      {"cohort.where_not={\"年齢\" = 63}", "fields: 年齢 is one of: 63"},
      {"keywords_any=脳転移,肝転移", "keywords: holds none of: 脳転移, 肝転移"},
      {"keywords_all=転移,乳癌", "keywords: does not hold: 乳癌"},
      {"keywords_none=術後", "keywords: holds: 術後"},
      {"keyword_sections=indication", "keywords: holds none of: 転移"},
      {"keyword_sections=indication,diagnosis", ""},
      {"min_characters=100", "text: 20 characters of text"},
      {"labels.values=1,2", "label: label '0' is none of: 1, 2"},
  };
  for (const auto& [word, expected] : cases) {
    Settings settings = bone_metastasis();
    override_setting(settings, word);
    Record record = record_of("1", "A", "【臨床情報】\n肺癌術後\n【診断】\n骨転移は認めず。");
    record.fields_json = R"({"MODALITY": "CT", "年齢": 63})";
    CohortRules rules(settings);
    CaseMaker maker(settings);
    OpenReport report(record, maker.table());
    auto drop = rules.judge(report);
    if (!drop) drop = rules.judge(maker.make(report));
    EXPECT_EQ(drop ? drop->step + ": " + drop->reason : "", expected) << word;
  }
}

TEST(Cases, TheCorpusIsSplitByShare) {
  TestStudy study;
  study.import_corpus();
  Cases cases = study.load();
  EXPECT_EQ(cases.method, "share");
  EXPECT_FALSE(cases.reused);
  // The published cohort rule (the report holds 転移) keeps every report of the corpus.
  ASSERT_GE(cases.flow.size(), 3u);
  EXPECT_EQ(cases.flow.front().kept_reports, 1420);
  EXPECT_EQ(cases.flow.front().kept_patients, 943);
  for (const FlowStep& step : cases.flow) EXPECT_EQ(step.dropped_reports, 0) << step.step;
  EXPECT_EQ(cases.cases.size(), 1420u);
  EXPECT_EQ(cases.check.patients_in_two_sets, 0);
  EXPECT_EQ(cases.check.near_identical_pairs, 0);
  EXPECT_NEAR(static_cast<double>(cases.sets["test"].reports), 213, 4);
  EXPECT_EQ(cases.sections.whole_text_used, 0);
  EXPECT_GE(cases.sections.found["diagnosis"], 1420 * 99 / 100);
  check_for_training(cases, study.study.settings());
  check_for_test(cases, study.study.settings());

  Cases again = study.load({"runs=9"});
  EXPECT_TRUE(again.reused);
  EXPECT_EQ(again.split_hash, cases.split_hash);
  EXPECT_EQ(again.flow.size(), cases.flow.size());
  for (size_t i = 0; i < cases.cases.size(); ++i) {
    EXPECT_EQ(again.cases[i].set, cases.cases[i].set);
    EXPECT_EQ(again.cases[i].fold, cases.cases[i].fold);
  }
  Cases other = study.load({"split.seed=2"});
  EXPECT_FALSE(other.reused);
  EXPECT_NE(other.split_hash, cases.split_hash);
  EXPECT_TRUE(other.notes.empty());
  EXPECT_TRUE(study.load({"split.seed=2"}).reused);
  EXPECT_TRUE(study.load().reused) << "trying another split must leave this one as it was";
}

TEST(Cases, TheCorpusByHospitalAndByDate) {
  TestStudy study;
  study.import_corpus();
  Cases by_source = study.load({"test_sources=hk"});
  EXPECT_EQ(by_source.method, "source");
  EXPECT_EQ(by_source.sets["test"].reports, 140);
  for (const Case* one : by_source.of(CaseSet::kTest)) EXPECT_EQ(one->source, "hk");
  EXPECT_EQ(by_source.check.near_identical_pairs, 0);

  std::set<std::string> reasons;
  Cases by_date = study.load({"test_from=2022-07-01", "tuning_from=2022-01-01"},
                             [&](const Case& one) { reasons.insert(one.dropped_at); });
  EXPECT_EQ(by_date.method, "date");
  EXPECT_EQ(reasons, std::set<std::string>{"patient_overlap"});
  EXPECT_EQ(by_date.flow.back().step, "patient_overlap");
  EXPECT_EQ(by_date.flow.back().kept_reports, static_cast<int64_t>(by_date.cases.size()));
  EXPECT_EQ(by_date.check.patients_in_two_sets, 0);
  for (const Case& one : by_date.cases)
    EXPECT_EQ(one.set == CaseSet::kTest, one.date >= "2022-07-01") << one.id;

  Cases first = study.load({"per_patient=first", "sampling.training.0=0.5", "pretrain.passes=1"});
  EXPECT_EQ(first.flow.front().kept_patients, 943);
  EXPECT_EQ(first.sets["training"].per_label["0"],
            (first.sets["training"].per_label_before["0"] + 1) / 2);
}

TEST(Cases, ADamagedSplitIsMadeAnewAndNewReportsLeaveOldPatientsWhereTheyAre) {
  TestStudy study;
  study.add(plain_records(60));
  Cases first = study.load();
  std::string text = read_file(study.study.split_path());
  nlohmann::json json = nlohmann::json::parse(text);
  auto& training = json["splits"].front()["cases"]["training"]["ha"];
  training.erase(training.begin());
  write_file_atomically(study.study.split_path(), json.dump());
  Cases second = study.load();
  EXPECT_FALSE(second.reused);
  EXPECT_EQ(second.notes.back(),
            "split.json could not be used (its cases do not fit its hash) and was made anew");
  EXPECT_EQ(second.split_hash, first.split_hash);
  for (const char* damage : {"", "{", "[]", "{\"format\": 9}", "{\"format\": 1, \"splits\": []}",
                             "{\"format\": 1, \"splits\": 3}"}) {
    write_file_atomically(study.study.split_path(), damage);
    EXPECT_EQ(study.load().split_hash, first.split_hash) << damage;
  }
  study.add(plain_records(60, 60), "hb.jsonl");
  Cases third = study.load();
  EXPECT_EQ(third.notes.back(),
            "the reports changed: the split was made anew, patients kept their sets");
  std::map<std::string, CaseSet> set_of;
  for (const Case& one : third.cases) set_of[one.id] = one.set;
  for (const Case& one : first.cases) EXPECT_EQ(set_of[one.id], one.set) << one.id;
}

TEST(Cases, AStudyThatCannotBeWrittenCanBeLookedAt) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  TestStudy study;
  study.import_corpus();
  const auto folder = study.study.folder();
  std::filesystem::permissions(
      folder, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  Cases cases = study.load();
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
  EXPECT_FALSE(std::filesystem::exists(study.study.split_path()));
  ASSERT_FALSE(cases.notes.empty());
  EXPECT_NE(cases.notes.back().find("the split is not stored"), std::string::npos);
  EXPECT_EQ(cases.split_hash, study.load().split_hash);
}

TEST(Cases, UnlabelledReportsServePretrainingOnly) {
  TestStudy study;
  std::vector<Record> records = plain_records(70);
  for (size_t i = 60; i < 70; ++i) records[i].label.clear();
  study.add(records);
  EXPECT_EQ(study.load().cases.size(), 60u);
  Cases cases = study.load({"pretrain.passes=2"});
  EXPECT_EQ(cases.of(CaseSet::kUnlabelled).size(), 10u);
  EXPECT_EQ(cases.flow.back().kept_reports, 60);
  EXPECT_TRUE(study.load({"pretrain.passes=2"}).reused);
  EXPECT_EQ(study.load({"pretrain.passes=2"}).of(CaseSet::kUnlabelled).size(), 10u);
}

TEST(Cases, WhatCannotBeTrainedOrTested) {
  {
    TestStudy study;
    EXPECT_EQ(error_of([&] { study.load(); }),
              "E0510: the study holds no reports. Import some: gantry import FILE.");
    study.add({record_of("1", "A", "異常なし"), record_of("2", "A", "骨転移", "")});
    EXPECT_EQ(error_of([&] { study.load(); }),
              "E0510: of 2 reports the cohort leaves none: keywords (holds 転移 (whole)) drops 1; "
              "label (has a reference label (0, 1, 2)) drops 1. Change the rules in study.toml, or "
              "import reports with labels.");
    study.add({record_of("3", "A", "骨転移あり"), record_of("4", "A", "骨転移なし")}, "b");
    Cases cases = study.load();
    std::string told = error_of([&] { check_for_training(cases, study.study.settings()); });
    EXPECT_NE(told.find("E0513: all 2 labelled reports are of one patient ('A')"),
              std::string::npos)
        << told;
  }
  {
    TestStudy study;
    std::vector<Record> records = plain_records(30);
    std::erase_if(records, [](const Record& record) { return record.label == "2"; });
    study.add(records);
    Cases cases = study.load();
    EXPECT_EQ(error_of([&] { check_for_training(cases, study.study.settings()); }),
              "E0511: the training set has no report of group 2 (stable or decreased bone "
              "metastasis). Import reports of that group, change [split], or take the group out "
              "of labels.values.");
    cases = study.load({"test_from=2030-01-01"});
    std::string told = error_of([&] { check_for_test(cases, study.study.settings()); });
    EXPECT_NE(told.find("E0514: the test set has no labelled report: "), std::string::npos) << told;
    cases = study.load({"test_from=2010-01-01"});
    told = error_of([&] { check_for_training(cases, study.study.settings()); });
    EXPECT_EQ(told.substr(0, 5), "E0512") << told;
  }
}

}  // namespace
}  // namespace gantry
