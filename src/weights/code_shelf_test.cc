#include "weights/code_shelf.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "weights/folder_listing.h"
#include "weights/test_folder.h"
#include "weights/test_packages.h"

namespace gantry {
namespace {

const std::filesystem::path kSource = GANTRY_SOURCE_DIR;

class CodeShelfTest : public ::testing::Test {
 protected:
  CodeShelfTest() {
    write_zip(package(), {{"p/list.xml", read_file(kSource / "tests/data/codes/tabular.xml")},
                          {"p/run_me.py", "raise SystemExit"}});
  }
  std::filesystem::path package() const { return folder_ / "p-1-py3-none-any.whl"; }
  CodeShelf shelf(const std::string& sha256) const {
    return {folder_ / "codes",
            {{.name = "test-2026",
              .title = "a list for tests",
              .package = "p",
              .version = "1",
              .file = "p-1-py3-none-any.whl",
              .sha256 = sha256,
              .licence = "none",
              .member = "p/list.xml"}}};
  }
  CodeShelf shelf() const { return shelf(sha256_of_file(package())); }

  std::string names_of_shelf() const {
    std::string names;
    for (const std::string& name : names_in(folder_ / "codes" / "test-2026")) names += name + " ";
    return names;
  }

  TestFolder folder_;
};

TEST_F(CodeShelfTest, GetTurnsAPackageIntoAListOnce) {
  CodeShelf codes = shelf();
  const CodeListAbout about = codes.get("test-2026", {.from_file = package()}, {});
  EXPECT_EQ(about.edition, "2026");
  EXPECT_EQ(about.codes, 17);
  EXPECT_EQ(about.billable, 10);
  EXPECT_EQ(about.source_sha256, sha256_of_file(kSource / "tests/data/codes/tabular.xml"));
  const CodeList list = codes.open("test-2026");
  EXPECT_EQ(list.hash(), about.hash);
  EXPECT_EQ(list.edition(), "2026");
  EXPECT_EQ(list[list.find("C7951")].title, "Secondary malignant neoplasm of bone");
  // There already: neither package nor network is looked at.
  EXPECT_EQ(codes.get("test-2026", {.offline = true}, {}).hash, about.hash);
  EXPECT_EQ(names_of_shelf(), "about.json codes.tsv ");
}

TEST_F(CodeShelfTest, AWrongPackageIsNotOpened) {
  CodeShelf codes = shelf(std::string(64, '0'));
  EXPECT_TRUE(
      says(error_of([&] { codes.get("test-2026", {.from_file = package()}, {}); }), "E0424"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "codes" / "test-2026"));
}

TEST_F(CodeShelfTest, OfflineTheErrorSaysWhatToBring) {
  CodeShelf codes = shelf();
  const std::string error = error_of([&] { codes.get("test-2026", {.offline = true}, {}); });
  EXPECT_TRUE(says(error, "E0423"));
  EXPECT_TRUE(says(error, "p==1"));
  EXPECT_TRUE(says(error, "gantry codes get test-2026 --from p-1-py3-none-any.whl"));
  EXPECT_TRUE(says(error_of([&] { codes.open("test-2026"); }), "gantry codes get test-2026"));
  EXPECT_TRUE(says(error_of([&] { codes.get("test-2025", {}, {}); }), "Did you mean test-2026"));
}

TEST_F(CodeShelfTest, FilesAreImportedUnderANameOfTheirOwn) {
  CodeShelf codes = shelf();
  const CodeListAbout about =
      codes.import(kSource / "tests/data/codes/order.txt", "site-a", "codes of site A");
  EXPECT_EQ(about.codes, 5);
  EXPECT_EQ(about.billable, 3);
  EXPECT_EQ(codes.open("site-a").find("C79.52") >= 0, true);
  EXPECT_TRUE(says(error_of([&] { codes.import(kSource / "tests/data/codes/list.tsv", "site-a"); }),
                   "E0416"));
  EXPECT_TRUE(says(error_of([&] { codes.import(kSource / "tests/data/codes/list.tsv", "../up"); }),
                   "E0422"));
  EXPECT_TRUE(says(error_of([&] { codes.open("../up"); }), "E0422"));
  const std::vector<CodeShelfEntry> all = codes.list();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0].about.name == "site-a" && all[0].present && !all[0].known);
  EXPECT_TRUE(all[1].about.name == "test-2026" && !all[1].present && all[1].known);
}

TEST_F(CodeShelfTest, AChangedFileIsNoticed) {
  CodeShelf codes = shelf();
  codes.get("test-2026", {.from_file = package()}, {});
  const std::filesystem::path file = folder_ / "codes" / "test-2026" / "codes.tsv";
  std::string bytes = read_file(file);
  bytes.replace(bytes.find("prostate"), 8, "bladder ");
  write_file_atomically(file, bytes);
  EXPECT_TRUE(says(error_of([&] { codes.open("test-2026"); }), "E0428"));
}

TEST(KnownCodeLists, TheDeliveredListIsReadable) {
  const auto known = read_known_code_lists(kSource / "tasks" / "code-lists.toml");
  ASSERT_FALSE(known.empty());
  EXPECT_EQ(known[0].name, "icd10cm-2026-04");
}

TEST(KnownCodeLists, MistakesAreNamedWithTheirLine) {
  const auto error = [](const std::string& toml) {
    return error_of([&] { parse_known_code_lists(toml, "lists"); });
  };
  const std::string good =
      "[[list]]\nname = \"a\"\npackage = \"p\"\nversion = \"1\"\nfile = \"f\"\nmember = "
      "\"m\"\nsha256 = \"" +
      std::string(64, 'a') + "\"\n";
  EXPECT_EQ(error(good), "");
  EXPECT_TRUE(says(error(good + good), "given twice"));
  EXPECT_TRUE(says(error(good + "memper = \"x\"\n"), "line 8: unknown key 'memper'"));
  EXPECT_TRUE(says(error("[[list]]\nname = \"../a\"\n"), "E0421"));
  EXPECT_TRUE(says(error("[[list]\n"), "line 1"));
}

}  // namespace
}  // namespace gantry
