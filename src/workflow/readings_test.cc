#include "workflow/readings.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "records/store.h"
#include "report/report_state.h"
#include "study/cases.h"
#include "study/test_support.h"
#include "workflow/ratings.h"

namespace gantry {
namespace {

// A study of two hospitals: "ha" to train on, "hb" (6 reports, one patient each) to test on.
class EvidenceStudy {
 public:
  explicit EvidenceStudy(std::vector<std::string> words = {})
      : study_(
            Study::create(folder_.path() / "s", "bone-metastasis", with_split(std::move(words)))) {
    auto store = Store::open(study_.records_path());
    auto session = store->begin_import("h.jsonl");
    for (const char* source : {"ha", "hb"})
      for (int i = 0; i < 6; ++i) {
        Record record;
        record.id = "R" + std::to_string(i);
        if (source[1] == 'a') record.id += "a";
        record.patient = std::string(source) + std::to_string(i);
        record.source = source;
        record.date = "2020-01-01";
        std::string text = "【臨床情報】\n検索番号";
        for (int k = 0; k < 20; ++k)
          text += std::to_string(((source[1] + i) * 7919 + k * 104729) % 10007) + "、";
        record.text = text + "\n【診断】\n骨転移は不明。";
        record.label = std::to_string(i % 3);
        record.file = "h.jsonl";
        session->add(record);
      }
    session->finish("1", "UTF-8");
  }
  const Study& study() const { return study_; }
  std::filesystem::path file(const std::string& name, const std::string& content) const {
    const auto path = folder_.path() / name;
    std::ofstream(path) << content;
    return path;
  }
  std::filesystem::path folder() const { return folder_.path(); }
  Study opened(std::vector<std::string> words) const { return Study::open(study_.folder(), words); }
  // A test's report over the six reports of "hb".
  TestReport report() const {
    TestReport r;
    r.labels = {"0", "1", "2"};
    for (int i = 0; i < 6; ++i)
      r.cases.push_back({.id = "R" + std::to_string(i), .source = "hb", .truth = i % 3});
    return r;
  }

 private:
  static std::vector<std::string> with_split(std::vector<std::string> words) {
    words.push_back("split.test_sources=hb");
    return words;
  }
  TemporaryFolder folder_;
  Study study_;
};

std::set<std::string> codes(const std::vector<RejectedRow>& rows) {
  std::set<std::string> out;
  for (const auto& r : rows) out.insert(r.code + ":" + std::to_string(r.line));
  return out;
}

TEST(Readings, WhatCannotBeUsedIsSetAsideWithItsLine) {
  EvidenceStudy s;
  const auto file = s.file("readings.csv",
                           "reader,report,label,seconds,order\n"
                           "A,R0,0,12.5,1\n"
                           "A,R9,0,1,2\n"     // not in the test set
                           "A,R0a,0,1,2\n"    // in the training set
                           "A,R1,7,1,2\n"     // no such label
                           "A,R1,1,-3,2\n"    // negative time
                           "A,R1,1,soon,2\n"  // no time
                           "A,R0,1,5,3\n"     // read twice
                           ",R2,0,1,4\n"      // nobody
                           "A,R2,,1,4\n"      // not read
                           "A,R3,１,,\n"      // full width, not timed
                           "B,R3,骨転移なし,3,1\n");
  const auto in = import_readings(s.study(), file);
  EXPECT_EQ(in.rows, 11);
  EXPECT_EQ(in.added, 3);
  EXPECT_EQ(in.unread, 1);
  EXPECT_EQ(in.test_reports, 6);
  EXPECT_EQ(codes(in.rejected),
            (std::set<std::string>{"not_in_test_set:3", "not_in_test_set:4", "unknown_label:5",
                                   "bad_seconds:6", "bad_seconds:7", "read_twice:8",
                                   "missing_reader:9"}));
  TestReport report = s.report();
  attach_readings(s.study(), report);
  ASSERT_EQ(report.readers.size(), 2u);
  EXPECT_EQ(report.readers[0].label, (std::vector<int>{0, -1, -1, 1, -1, -1}));
  EXPECT_EQ(report.readers[0].seconds[0], 12.5);
  EXPECT_EQ(report.readers[0].seconds[3], -1);
  EXPECT_EQ(report.readers[1].label[3], 0);
}

TEST(Readings, TheSameFileAgainChangesNothing) {
  EvidenceStudy s;
  const auto file = s.file("r.csv", "reader,report,label\nA,R0,0\nA,R1,1\n");
  EXPECT_EQ(import_readings(s.study(), file).added, 2);
  const auto again = import_readings(s.study(), file);
  EXPECT_EQ(again.added, 0);
  EXPECT_EQ(again.unchanged, 2);
  EXPECT_TRUE(again.rejected.empty());
  EXPECT_EQ(stored_readings(s.study()).size(), 2u);
}

TEST(Readings, JapaneseColumnsInCp932) {
  EvidenceStudy s;
  // 読影者,報告書ID,判定 in CP932
  const auto file =
      s.file("r.csv",
             "\x93\xC7\x89\x65\x8E\xD2,\x95\xF1\x8D\x90\x8F\x91ID,\x94\xBB\x92\xE8\r\n"
             "A,R0,0\r\n");
  EXPECT_EQ(import_readings(s.study(), file, "CP932").added, 1);
}

TEST(Readings, AFileWithoutItsColumnsSaysWhichThereAre) {
  EvidenceStudy s;
  const auto file = s.file("r.csv", "who,what\nA,R0\n");
  const std::string error = error_of([&] { import_readings(s.study(), file); });
  EXPECT_NE(error.find("E0781"), std::string::npos) << error;
  EXPECT_NE(error.find("who, what"), std::string::npos) << error;
}

TEST(Readings, OfReportsThatLeftTheTestSetAreSaid) {
  EvidenceStudy s;
  import_readings(s.study(), s.file("r.csv", "reader,report,label\nA,R0,0\nA,R1,1\n"));
  TestReport report = s.report();
  report.cases.erase(report.cases.begin());
  attach_readings(s.study(), report);
  EXPECT_EQ(report.readers[0].label[0], 1);
  ASSERT_EQ(report.reader_notes.size(), 1u);
  EXPECT_EQ(report.reader_notes[0].find("1 stored readings"), 0u);
}

TEST(Readings, ADamagedStoreIsRefused) {
  EvidenceStudy s;
  write_file_atomically(s.study().folder() / "readings.jsonl", "{\"reader\":\"A\"\n");
  EXPECT_NE(error_of([&] { stored_readings(s.study()); }).find("E0782"), std::string::npos);
}

TEST(Readings, SheetIsBlindedShuffledAndReadBack) {
  EvidenceStudy s;
  const auto a = write_reading_sheet(s.study(), "A", s.folder() / "sheets", 1, false);
  const auto b = write_reading_sheet(s.study(), "B", s.folder() / "sheets", 1, false);
  EXPECT_EQ(a.reports, 6);
  const std::string first = read_file(a.csv), second = read_file(b.csv);
  EXPECT_NE(first.find("骨転移は不明"), std::string::npos);
  auto order = [](const std::string& csv) {
    std::string out;
    for (size_t at = 0; (at = csv.find("\"R", at)) != std::string::npos; ++at) out += csv[at + 2];
    return out;
  };
  EXPECT_NE(order(first), order(second));
  EXPECT_NE(error_of([&] {
              write_reading_sheet(s.study(), "A", s.folder() / "sheets", 1, false);
            }).find("E0783"),
            std::string::npos);
  // As it is, the sheet holds no reading; with the label column filled it is taken whole.
  const auto empty = import_readings(s.study(), a.csv);
  EXPECT_EQ(empty.unread, 6);
  EXPECT_TRUE(empty.rejected.empty());
  std::string filled;
  for (size_t at = 0; at < first.size(); ++at) {
    filled += first[at];
    if (first.compare(at, 6, "\"hb\",,") == 0) {
      filled += first.substr(at + 1, 4) + "\"2\"";
      at += 4;
    }
  }
  const auto in = import_readings(s.study(), s.file("filled.csv", filled));
  EXPECT_EQ(in.added, 6);
  EXPECT_TRUE(in.rejected.empty());
}

TEST(Margin, FirstDateIsKeptAndLaterChangesToo) {
  EvidenceStudy s;
  auto declare = [&](const std::string& value) {
    std::string toml = read_file(s.study().settings_path());
    size_t at = toml.find("\n#margin = ");
    if (at == std::string::npos) at = toml.find("\nmargin = ");
    ASSERT_NE(at, std::string::npos);
    toml.replace(at, toml.find('\n', at + 1) - at, "\nmargin = " + value);
    write_file_atomically(s.study().settings_path(), toml);
    note_margin(s.study());
  };
  note_margin(s.opened({"test.margin=0.3"}));  // a word after a verb declares nothing
  EXPECT_TRUE(kept_margins(s.study()).empty());
  declare("0.05");
  note_margin(s.study());
  ASSERT_EQ(kept_margins(s.study()).size(), 1u);
  EXPECT_EQ(kept_margins(s.study())[0].looks, 0);
  make_private_folder(s.study().tests_folder());
  write_file_atomically(s.study().tests_folder() / "looks.jsonl", "{\"at\":\"x\"}\n");
  declare("0.2");
  const auto kept = kept_margins(s.study());
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].margin, 0.05);
  EXPECT_EQ(kept[1].margin, 0.2);
  EXPECT_EQ(kept[1].looks, 1);
}

TEST(Ratings, SheetKeyAndImport) {
  EvidenceStudy s;
  const auto answers = s.file("answers.csv",
                              "case,arm,answer,question\n"
                              "c1,tuned,60 Gy / 30 fr,lung\nc1,original,none,lung\n"
                              "c2,tuned,50 Gy,breast\nc2,original,8 Gy,breast\n");
  const auto sheet = write_rating_sheet(s.study(), {.file = answers}, s.folder() / "sheets", 3);
  EXPECT_EQ(sheet.answers, 4);
  EXPECT_EQ(sheet.cases, 2);
  EXPECT_EQ(sheet.arms, 2);
  const std::string csv = read_file(sheet.csv), html = read_file(sheet.html);
  for (const char* arm : {"tuned", "original"}) {  // nothing tells the arm
    EXPECT_EQ(csv.find(arm), std::string::npos);
    EXPECT_EQ(html.find(arm), std::string::npos);
  }
  EXPECT_NE(error_of([&] {
              write_rating_sheet(s.study(), {.file = answers}, s.folder() / "other", 3);
            }).find("E0783"),
            std::string::npos);
  const auto file = s.file("grades.csv",
                           "rater,item,grade,comment\n"
                           "x,Q0001,acceptable,fine\nx,Q0002,not acceptable,\n"
                           "x,Q0001,not acceptable,\n"  // twice
                           "x,Q0003,so so,\n"           // not on the scale
                           "x,Q0099,acceptable,\n"      // unknown item
                           "x,Q0004,,\n"                // not graded
                           ",Q0004,,\n");               // nor this one: a sheet as it was written
  const auto in = import_ratings(s.study(), file);
  EXPECT_EQ(in.added, 2);
  EXPECT_EQ(in.ungraded, 2);
  EXPECT_EQ(codes(in.rejected),
            (std::set<std::string>{"graded_twice:4", "unknown_grade:5", "unknown_item:6"}));
  EXPECT_EQ(in.stored.items, 2);
  const auto direct = s.file("direct.csv", "rater,case,arm,grade\ny,c1,tuned,acceptable\n");
  EXPECT_EQ(import_ratings(s.study(), direct).stored.ratings.size(), 3u);
}

// A test of free texts, stored as `gantry test` stores it.
void store_test_of_texts(const EvidenceStudy& s, bool with_texts) {
  const auto run = s.study().runs_folder() / "run-1", tested = s.study().tests_folder() / "run-1";
  make_private_folder(run);
  make_private_folder(tested);
  write_file_atomically(run / "run.json", "{}");
  write_file_atomically(s.study().runs_folder() / "latest", "run-1\n");
  TestReport r = s.report();
  r.run = "run-1";
  ReportSection texts{.name = "texts"};
  ReportTable& t = texts.table(with_texts ? "text_cases" : "other", "cases",
                               {"case", "source", "reference", "draft", "ROUGE-1", "untuned base"});
  t.rows.push_back({"R0", "hb", "60 Gy", "58 Gy", "0.5", "who knows"});
  t.rows.push_back({"R1", "hb", "8 Gy", "8 Gy", "1", ""});
  r.sections.push_back(texts);
  write_file_atomically(tested / "test.json", report_state(r));
}

TEST(Ratings, ASheetOfALatestTestHoldsItsDraftsTheUntunedAndTheClinicalOnes) {
  EvidenceStudy s;
  store_test_of_texts(s, true);
  const auto sheet = write_rating_sheet(s.study(), {}, s.folder() / "sheets", 3);
  EXPECT_EQ(sheet.answers, 5);  // the untuned base said nothing of R1
  EXPECT_EQ(sheet.cases, 2);
  EXPECT_EQ(sheet.arms, 3);
  const std::string html = read_file(sheet.html), key = read_file(sheet.key);
  EXPECT_NE(html.find("who knows"), std::string::npos);
  EXPECT_NE(html.find("骨転移は不明"), std::string::npos) << "what the model read is the question";
  EXPECT_NE(html.find("修正すれば可"), std::string::npos);
  EXPECT_EQ(html.find("tuned"), std::string::npos);
  EXPECT_NE(key.find("\"hb/R0\",\"original\""), std::string::npos);
  EXPECT_NE(key.find("\"hb/R1\",\"tuned\""), std::string::npos);
}

TEST(Ratings, ATestWithoutTextsAsksForAFile) {
  EvidenceStudy s;
  store_test_of_texts(s, false);
  EXPECT_NE(
      error_of([&] { write_rating_sheet(s.study(), {}, s.folder() / "sheets", 3); }).find("E0784"),
      std::string::npos);
  EXPECT_NE(error_of([&] {
              write_rating_sheet(s.study(), {.run = "run-2"}, s.folder() / "sheets", 3);
            }).find("E0721"),
            std::string::npos);
}

TEST(Ratings, AnArmTwiceOrNoAnswerIsRefused) {
  EvidenceStudy s;
  auto error = [&](const std::string& text) {
    const auto file = s.file("answers.csv", text);
    return error_of(
        [&] { write_rating_sheet(s.study(), {.file = file}, s.folder() / "sheets", 1); });
  };
  EXPECT_NE(error("case,arm,answer\nc1,a,x\nc1,a,y\n").find("E0784"), std::string::npos);
  EXPECT_NE(error("case,arm,answer\n,,\n").find("E0784"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(s.study().folder() / "rating-key.csv"));
}

TEST(Ratings, ANewScaleLeavesOldGradesOutAndSaysSo) {
  EvidenceStudy s;
  import_ratings(s.study(), s.file("g.csv", "rater,case,arm,grade\ny,c1,t,acceptable\n"));
  const Study other =
      s.opened({"split.test_sources=hb", "ratings.scale=1,2,3", "ratings.acceptable=2,3"});
  const Ratings r = stored_ratings(other);
  EXPECT_TRUE(r.ratings.empty());
  ASSERT_EQ(r.notes.size(), 1u);
  EXPECT_NE(error_of([&] { s.opened({"ratings.acceptable=fine"}); }).find("E0505"),
            std::string::npos);
}

}  // namespace
}  // namespace gantry
