#include "records/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / ("gantry_store_test_" + std::to_string(::getpid()) + "_" +
                                     testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
    path_ = folder_ / "records.sqlite";
  }
  void TearDown() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  static Record report(std::string id, std::string text, std::string source = "ha") {
    Record r;
    r.id = std::move(id);
    r.source = std::move(source);
    r.patient = "P" + r.id;
    r.date = "2023-04-05";
    r.text = std::move(text);
    r.label = "1";
    r.fields_json = "{\"modality\":\"CT\"}";
    r.line = 2;
    return r;
  }

  fs::path folder_, path_;
};

TEST_F(StoreTest, RecordsComeBackAsTheyWere) {
  auto store = Store::open(path_);
  auto session = store->begin_import("/data/ha.csv");
  Record in = report("A", std::string("骨転移\n\"'\\ \xF0\x9F\xA9\xBB"));
  in.indication = "i";
  in.findings = "f";
  in.diagnosis = "d";
  EXPECT_EQ(session->add(in), Store::Added::added);
  session->finish("hash", "UTF-8");
  auto out = store->find("ha", "A");
  ASSERT_TRUE(out);
  EXPECT_EQ(out->text, in.text);
  EXPECT_EQ(out->indication, "i");
  EXPECT_EQ(out->findings, "f");
  EXPECT_EQ(out->diagnosis, "d");
  EXPECT_EQ(out->patient, "PA");
  EXPECT_EQ(out->date, "2023-04-05");
  EXPECT_EQ(out->label, "1");
  EXPECT_EQ(out->fields_json, in.fields_json);
  EXPECT_EQ(out->file, "ha.csv");
  EXPECT_EQ(out->line, 2);
  EXPECT_EQ(out->hash, record_hash(in));
  EXPECT_EQ(out->version, 1);
  EXPECT_FALSE(store->find("hb", "A"));
}

TEST_F(StoreTest, AChangedReportIsANewVersionAndTheOldOneStays) {
  auto store = Store::open(path_);
  for (const char* text : {"eins", "eins", "zwei", "drei"}) {
    auto session = store->begin_import("ha.csv");
    Record r = report("A", text);
    session->add(r);
    session->finish("", "UTF-8");
  }
  auto versions = store->versions("ha", "A");
  ASSERT_EQ(versions.size(), 3u);
  EXPECT_EQ(versions[0].text, "eins");
  EXPECT_EQ(versions[2].text, "drei");
  EXPECT_EQ(versions[2].version, 3);
  EXPECT_EQ(store->counts().records, 1);
  EXPECT_EQ(store->counts().versions, 3);
  auto log = store->imports();
  ASSERT_EQ(log.size(), 4u);
  EXPECT_EQ(log[1].unchanged, 1);
  EXPECT_EQ(log[3].new_versions, 1);
  EXPECT_FALSE(log[3].finished.empty());
}

TEST_F(StoreTest, TheSameIdTwiceInOneFile) {
  auto store = Store::open(path_);
  for (int import = 0; import < 2; ++import) {
    auto session = store->begin_import("ha.csv");
    Record first = report("A", "one"), same = report("A", "one"), other = report("A", "two");
    EXPECT_EQ(session->add(first), import ? Store::Added::unchanged : Store::Added::added);
    EXPECT_EQ(session->add(same), Store::Added::unchanged);
    other.line = 9;
    EXPECT_EQ(session->add(other), Store::Added::same_id_other_text);
    EXPECT_EQ(session->first_line_of("ha", "A"), 2);
    Record elsewhere = report("A", "two", "hb");
    EXPECT_NE(session->add(elsewhere), Store::Added::same_id_other_text);
    session->finish("", "UTF-8");
  }
  EXPECT_EQ(store->find("ha", "A")->text, "one");
  EXPECT_EQ(store->counts().ids_in_several_sources, 1);
}

TEST_F(StoreTest, OrderAndContentHashDoNotDependOnTheOrderOfImport) {
  std::vector<Record> all = {report("B", "1"), report("A", "2"), report("A", "3", "aa"),
                             report("C", "4", "zz")};
  std::string first_hash;
  for (int run = 0; run < 2; ++run) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    auto store = Store::open(path_);
    auto session = store->begin_import("x.csv");
    for (Record& r : all) session->add(r);
    session->finish("", "UTF-8");
    std::string order;
    store->for_each([&](const Record& r) {
      order += r.source + r.id + " ";
      return true;
    });
    EXPECT_EQ(order, "aaA haA haB zzC ");
    if (run == 0) first_hash = store->content_hash();
    EXPECT_EQ(store->content_hash(), first_hash);
    std::reverse(all.begin(), all.end());
  }
  auto store = Store::open(path_);
  auto session = store->begin_import("x.csv");
  Record changed = report("A", "other");
  session->add(changed);
  session->finish("", "UTF-8");
  EXPECT_NE(store->content_hash(), first_hash);
}

TEST_F(StoreTest, RejectedRowsOfAFileAreTheLastImports) {
  auto store = Store::open(path_);
  auto import = [&](const char* file, std::vector<int64_t> lines, const char* hash) {
    auto session = store->begin_import(file);
    for (int64_t line : lines) session->reject({"", line, "bad_date", "why", "row"});
    session->finish(hash, "UTF-8");
  };
  auto told = [&] {
    std::string out;
    store->for_each_rejected([&](const RejectedRow& r) {
      out += r.file + ":" + std::to_string(r.line) + " ";
      return true;
    });
    return out;
  };
  import("/d/a.csv", {2, 5}, "h1");
  import("/e/a.csv", {7}, "h2");
  EXPECT_EQ(told(), "a.csv:2 a.csv:5 a.csv:7 ");
  import("/d/a.csv", {2, 5}, "h1");  // the same again
  EXPECT_EQ(told(), "a.csv:7 a.csv:2 a.csv:5 ");
  import("/d/a.csv", {5}, "h3");  // corrected
  EXPECT_EQ(told(), "a.csv:7 a.csv:5 ");
  import("/moved/b.csv", {7}, "h2");  // the same bytes under another name
  EXPECT_EQ(told(), "a.csv:5 b.csv:7 ");
}

TEST_F(StoreTest, OnlyTheOwnerMayRead) {
  mode_t old = ::umask(0);
  auto store = Store::open(path_);
  auto session = store->begin_import("a.csv");
  Record r = report("A", "x");
  session->add(r);
  ::umask(old);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info {};
    ASSERT_EQ(::stat((path_.string() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(StoreTest, AnAbandonedImportLeavesWholeReports) {
  auto store = Store::open(path_);
  {
    auto session = store->begin_import("a.csv");
    for (int i = 0; i < 25'000; ++i) {
      Record r = report(std::to_string(i), "x");
      session->add(r);
    }
  }
  EXPECT_EQ(store->counts().records, 25'000);
  EXPECT_EQ(store->imports()[0].finished, "");
  EXPECT_EQ(store->imports()[0].added, 25'000);
  auto session = store->begin_import("a.csv");
  Record r = report("7", "x");
  EXPECT_EQ(session->add(r), Store::Added::unchanged);
}

TEST_F(StoreTest, ReadersSeeTheLastCompleteBatch) {
  auto store = Store::open(path_);
  auto session = store->begin_import("a.csv");
  Record r = report("A", "x");
  session->add(r);
  auto reader = Store::open_read_only(path_);
  EXPECT_EQ(reader->counts().records, 0);
  session->finish("", "UTF-8");
  EXPECT_EQ(reader->counts().records, 1);
}

TEST_F(StoreTest, TwoImportsAtOnceAreRefused) {
  auto store = Store::open(path_), other = Store::open(path_);
  auto session = store->begin_import("a.csv");
  try {
    other->begin_import("b.csv");
    ADD_FAILURE() << "a second import began";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), "E0103");
  }
  session.reset();
  EXPECT_NO_THROW(other->begin_import("b.csv"));
}

TEST_F(StoreTest, FilesThatAreNoStore) {
  auto code_of = [&](bool read_only) {
    try {
      read_only ? Store::open_read_only(path_) : Store::open(path_);
    } catch (const Error& e) {
      return e.code();
    }
    return std::string();
  };
  EXPECT_EQ(code_of(true), "E0221");
  std::ofstream(path_) << "this is a text and no database at all, " << std::string(5000, 'x');
  EXPECT_EQ(code_of(false), "E0221");
  EXPECT_EQ(code_of(true), "E0221");
  path_ = folder_ / "no" / "such" / "folder.sqlite";
  EXPECT_EQ(code_of(false), "E0222");
}

}  // namespace
}  // namespace gantry
