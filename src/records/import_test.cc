#include "records/import.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

class ImportTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / ("gantry_import_test_" + std::to_string(::getpid()) + "_" +
                                     testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
    options_.allowed_labels = {"0", "1", "2"};
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  ImportReport import(const std::vector<fs::path>& files) {
    auto store = Store::open(folder_ / "records.sqlite");
    return import_files(*store, files, ColumnMap::usual(), options_);
  }
  Store::Counts counts() { return Store::open_read_only(folder_ / "records.sqlite")->counts(); }

  fs::path folder_;
  RecordOptions options_;
};

TEST_F(ImportTest, TheCorpusTwice) {
  std::vector<fs::path> files;
  for (const auto& file :
       fs::directory_iterator(fs::path(GANTRY_SOURCE_DIR) / "corpora/bone-metastasis"))
    if (file.path().extension() == ".jsonl") files.push_back(file.path());
  ImportReport first = import(files);
  EXPECT_EQ(first.files.size(), 11u);
  EXPECT_EQ(first.total().added, 1420);
  EXPECT_EQ(first.total().rejected, 0);
  EXPECT_EQ(first.files[0].encoding, "UTF-8");
  std::string hash = Store::open_read_only(folder_ / "records.sqlite")->content_hash();
  ImportReport second = import(files);
  EXPECT_EQ(second.total().unchanged, 1420);
  EXPECT_EQ(second.total().added + second.total().new_versions, 0);
  EXPECT_EQ(Store::open_read_only(folder_ / "records.sqlite")->content_hash(), hash);
  EXPECT_EQ(counts().records, 1420);
  EXPECT_EQ(counts().versions, 1420);
  EXPECT_EQ(counts().sources, 11);
  EXPECT_EQ(counts().labelled, 1420);
}

TEST_F(ImportTest, CountsByReason) {
  fs::path file = write("ha.csv",
                        "id,date,report,label\n"
                        "1,2023-01-01,骨,0\n"
                        "2,soon,骨,0\n"
                        "1,2023-01-01,other,0\n"
                        "3,2023-01-01,骨,9\n"
                        "1,2023-01-01,骨,0\n"
                        ",2023-01-01,骨,0\n");
  for (int run = 0; run < 2; ++run) {
    ImportReport::File f = import({file}).files.at(0);
    EXPECT_EQ(f.rows, 6);
    EXPECT_EQ(f.added, run == 0);
    EXPECT_EQ(f.unchanged, run + 1);
    EXPECT_EQ(f.rejected, 4);
    std::map<std::string, int64_t> expected = {
        {"bad_date", 1}, {"missing_id", 1}, {"same_id_other_text", 1}, {"unknown_label", 1}};
    EXPECT_EQ(f.rejected_by_reason, expected);
  }
  std::string listed;
  Store::open_read_only(folder_ / "records.sqlite")->for_each_rejected([&](const RejectedRow& r) {
    listed += r.file + ":" + std::to_string(r.line) + " " + r.reason + "\n";
    return true;
  });
  EXPECT_EQ(listed,
            "ha.csv:3 column 'date', value 'soon': not a date\n"
            "ha.csv:4 id '1' came in line 2 with another text\n"
            "ha.csv:5 column 'label', value '9': not one of '0', '1', '2'\n"
            "ha.csv:7 column 'id' is empty\n");
}

TEST_F(ImportTest, PrivateUseCharactersAreListed) {
  fs::path file = write(
      "gaiji.csv",
      "id,report\n1,\x8D\x9C\x93\x5D\x88\xDA\x82\xF0\xF0\x40\x94\x46\x82\xDF\x82\xDC\x82\xB7\n");
  ImportReport report = import({file});
  EXPECT_EQ(report.files[0].encoding, "CP932");
  EXPECT_EQ(report.files[0].private_use, (std::map<uint32_t, uint64_t>{{0xE000, 1}}));
  auto store = Store::open_read_only(folder_ / "records.sqlite");
  EXPECT_EQ(store->find("gaiji", "1")->text, "骨転移を\uE000認めます");
}

TEST_F(ImportTest, AWrongFileIsToldBeforeAnythingIsStored) {
  fs::path good = write("a.csv", "id,report\n1,骨\n"), bad = write("b.csv", "nonsense\n1\n");
  EXPECT_THROW(import({good, bad}), Error);
  EXPECT_EQ(counts().records, 0);
}

TEST_F(ImportTest, InterruptedImportGoesOn) {
  std::string rows = "id,report\n";
  for (int i = 0; i < 5000; ++i) rows += std::to_string(i) + ",骨転移なし\n";
  fs::path file = write("a.csv", rows);
  auto store = Store::open(folder_ / "records.sqlite");
  auto stop = [](const Progress&) { interrupted() = true; };
  EXPECT_THROW(import_files(*store, {file}, ColumnMap::usual(), options_, stop), Error);
  interrupted() = false;
  int64_t kept = store->counts().records;
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 5000);
  ImportReport again = import_files(*store, {file}, ColumnMap::usual(), options_);
  EXPECT_EQ(again.total().unchanged, kept);
  EXPECT_EQ(again.total().added, 5000 - kept);
}

// A file size limit stands for the full disk: the import ends in an Error and the store is intact.
TEST_F(ImportTest, DiskFull) {
  std::string rows = "id,report\n";
  for (int i = 0; i < 60'000; ++i)
    rows += std::to_string(i) + ",骨転移を認めません。肺に結節なし。\n";
  fs::path file = write("a.csv", rows);
  Store::open(folder_ / "records.sqlite");
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit small = old;
  small.rlim_cur = 4 << 20;
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string code;
  try {
    import({file});
  } catch (const Error& e) {
    code = e.code();
  }
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, "E0222");
  int64_t kept = counts().records;
  EXPECT_EQ(kept % 10'000, 0);  // whole batches
  EXPECT_EQ(counts().versions, kept);
  EXPECT_EQ(import({file}).total().unchanged, kept);
  EXPECT_EQ(counts().records, 60'000);
}

TEST_F(ImportTest, SeveralEncodingsMakeTheSameRecords) {
  write("u8.csv", "id,report\n1,骨転移を認めます\n");
  write("sj.csv",
        "id,report\n1,\x8D\x9C\x93\x5D\x88\xDA\x82\xF0\x94\x46\x82\xDF\x82\xDC\x82\xB7\n");
  write("iso.csv", "id,report\n1,\x1B$B9|E>0\\$rG'$a$^$9\x1B(B\n");
  options_.source = "h";
  EXPECT_EQ(import({folder_ / "u8.csv"}).total().added, 1);
  EXPECT_EQ(import({folder_ / "sj.csv", folder_ / "iso.csv"}).total().unchanged, 2);
}

}  // namespace
}  // namespace gantry
