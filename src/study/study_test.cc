#include "study/study.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>

#include "base/file.h"
#include "study/data_folder.h"
#include "study/test_support.h"

namespace gantry {
namespace {

TEST(Study, CreateAndOpen) {
  TemporaryFolder temporary;
  auto folder = temporary.path() / "s";
  const std::string words[] = {"runs=7", "test_sources=hk", "test.draws=2"};
  Study made = Study::create(folder, "bone-metastasis", words);
  EXPECT_EQ(made.settings().study.name, "s");
  struct stat status;
  ASSERT_EQ(stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);

  Study opened = Study::open(folder);
  EXPECT_EQ(opened.settings().train.runs, 7);
  EXPECT_EQ(opened.settings().test.draws, 2);  // seldom touched, and still no comment
  EXPECT_EQ(opened.settings().split.test_sources, std::vector<std::string>{"hk"});
  EXPECT_EQ(opened.settings().labels.values.size(), 3u);
  EXPECT_EQ(opened.settings_hash(), made.settings_hash());
  EXPECT_EQ(opened.task().title, "Bone metastasis in radiology reports");
  EXPECT_EQ(opened.records_path(), folder / "records.sqlite");

  std::filesystem::create_directories(folder / "runs" / "1");
  const std::string more[] = {"runs=2"};
  Study inner = Study::open(folder / "runs" / "1", more);
  EXPECT_EQ(inner.folder(), folder);
  EXPECT_EQ(inner.settings().train.runs, 2);
  EXPECT_NE(inner.settings_hash(), made.settings_hash());
  EXPECT_EQ(Study::open(folder.string() + "/").folder(), folder);
}

TEST(Study, WhatIsRefused) {
  TemporaryFolder temporary;
  auto folder = temporary.path() / "s";
  EXPECT_EQ(error_of([&] { Study::open(folder); }).substr(0, 5), "E0509");
  std::string told = error_of([&] { Study::create(folder, "bone-metastases"); });
  EXPECT_NE(told.find("E0507: unknown task 'bone-metastases'. Did you mean 'bone-metastasis'?"),
            std::string::npos)
      << told;
  const std::string wrong[] = {"runs=none"};
  EXPECT_EQ(error_of([&] { Study::create(folder, "bone-metastasis", wrong); }).substr(0, 5),
            "E0503");
  EXPECT_FALSE(std::filesystem::exists(folder));
  Study::create(folder, "bone-metastasis");
  EXPECT_EQ(error_of([&] { Study::create(folder, "bone-metastasis"); }).substr(0, 5), "E0508");
  write_file_atomically(folder / "study.toml", "[study]\ntask = \"bone-metastasis\"\ncolour = 1\n");
  EXPECT_EQ(error_of([&] { Study::open(folder); }),
            "E0502: study.toml, line 3: unknown setting 'study.colour'. docs/study.md lists every "
            "setting.");
}

TEST(Study, AHospitalsOwnTaskFileGoesIntoTheStudy) {
  TemporaryFolder temporary;
  auto file = temporary.path() / "pneumonia.toml";
  write_file_atomically(file,
                        "[task]\ntitle = \"Pneumonia\"\n[labels]\nvalues = [\"yes\", \"no\"]\n"
                        "[columns]\nid = [\"number\"]\n[train]\nepochs = 3\n");
  Study::create(temporary.path() / "s", file.string());
  std::filesystem::remove(file);
  Study opened = Study::open(temporary.path() / "s");
  EXPECT_EQ(opened.task().title, "Pneumonia");
  EXPECT_EQ(opened.settings().study.task, "task.toml");
  EXPECT_EQ(opened.settings().train.epochs, 3);
  EXPECT_EQ(opened.settings().labels.values, (std::vector<std::string>{"yes", "no"}));
}

TEST(Task, WrongTaskFiles) {
  TemporaryFolder temporary;
  auto file = temporary.path() / "t.toml";
  const std::pair<const char*, const char*> cases[] = {
      {"[labels]\nvalues = [\"a\", \"b\"]\n", "E0507"},
      {"[task]\ntitle = 3\n[labels]\nvalues = [\"a\", \"b\"]\n", "E0503"},
      {"[task]\ntitel = \"x\"\n", "'task.title'"},
      {"[task]\nanswers = \"open\"\n", "\"closed-set\", \"codes\" or \"text\""},
      {"[task]\ntitle = \"x\"\n", "[labels] names none"},
      {"[task]\n[train]\nepoch = 1\n", "line 3: unknown setting 'train.epoch'"},
  };
  for (const auto& [text, expected] : cases) {
    write_file_atomically(file, text);
    Settings settings;
    std::string told = error_of([&] { load_task(file.string(), settings); });
    EXPECT_NE(told.find(expected), std::string::npos) << text << told;
  }
}

TEST(Errors, EveryCodeOfThisFolderIsDocumented) {
  std::string documented = read_file(GANTRY_SOURCE_DIR "/docs/errors/study.md");
  std::set<std::string> codes;
  for (const auto& entry : std::filesystem::directory_iterator(GANTRY_SOURCE_DIR "/src/study")) {
    if (entry.path().extension() != ".cc" || entry.path().stem().string().ends_with("_test"))
      continue;
    std::string source = read_file(entry.path());
    for (size_t at = 0; (at = source.find("\"E05", at)) != std::string::npos; ++at)
      codes.insert(source.substr(at + 1, 5));
  }
  EXPECT_EQ(codes.size(), 18u);
  for (const std::string& code : codes)
    EXPECT_NE(documented.find("| " + code + " |"), std::string::npos) << code;
}

TEST(DataFolder, SaysWhereItLooked) {
  std::string told = error_of([] { data_file("tasks/none.toml"); });
  EXPECT_EQ(told.substr(0, 5), "E0506");
  EXPECT_NE(told.find("share/gantry"), std::string::npos) << told;
}

}  // namespace
}  // namespace gantry
