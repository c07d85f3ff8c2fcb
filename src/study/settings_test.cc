#include "study/settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "study/settings_table.h"
#include "study/task.h"
#include "study/test_support.h"

namespace gantry {
namespace {

std::string read(const std::string& toml) {
  return error_of([&] {
    Settings settings;
    read_settings_text(settings, toml, "study.toml", SettingsFile::kStudy);
  });
}

TEST(Settings, KeysAreUniqueAndBelongToAKnownSection) {
  std::set<std::string_view> keys, sections;
  for (const SettingSection& section : setting_sections()) sections.insert(section.name);
  for (const SettingRow& row : setting_rows()) {
    EXPECT_TRUE(keys.insert(row.key).second) << row.key;
    EXPECT_TRUE(sections.contains(row.section())) << row.key;
    EXPECT_FALSE(row.meaning.empty()) << row.key;
  }
}

TEST(Settings, ReadsEveryType) {
  Settings s;
  read_settings_text(s, R"(
[study]
name = "肺"
[labels]
values = [0, 1, "2"]
[cohort]
from = 2018-04-01
to = "2020-02-29"
where = { modality = ["CT", "MRI"], sex = "F" }
[split]
patients_shared_between_sources = false
near_identical_threshold = 1
[sampling]
training = { 0 = 0.25 }
test = "balanced"
[train]
runs = 10
learning_rate = 2e-5
class_weights = [1, 2.5, 3]
)",
                     "study.toml", SettingsFile::kStudy);
  EXPECT_EQ(s.study.name, "肺");
  EXPECT_EQ(s.labels.values, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(s.cohort.from, "2018-04-01");
  EXPECT_EQ(s.cohort.to, "2020-02-29");
  ASSERT_EQ(s.cohort.where.size(), 2u);
  EXPECT_EQ(s.cohort.where[0].values, (std::vector<std::string>{"CT", "MRI"}));
  EXPECT_FALSE(s.split.patients_shared_between_sources);
  EXPECT_EQ(s.split.near_identical_threshold, 1);
  EXPECT_EQ(s.sampling.training.fraction.at("0"), 0.25);
  EXPECT_EQ(s.sampling.test.word, "balanced");
  EXPECT_EQ(s.train.runs, 10);
  EXPECT_EQ(s.train.class_weights.weight, (std::vector<double>{1, 2.5, 3}));
}

TEST(Settings, UnknownKeysNameTheNearestAndTheLine) {
  EXPECT_EQ(read("[train]\nepochs = 3\nepoch = 4\n"),
            "E0502: study.toml, line 3: unknown setting 'train.epoch'. The nearest known one is "
            "'train.epochs'.");
  EXPECT_EQ(read("[trian]\nepochs = 3\n"),
            "E0502: study.toml, line 1: unknown setting 'trian'. The nearest known one is "
            "'train'.");
  EXPECT_EQ(read("runs = 3\n"),
            "E0502: study.toml, line 1: unknown setting 'runs'. The nearest known one is "
            "'train.runs'.");
  EXPECT_NE(read("[train]\nper_patient = \"all\"\n").find("'cohort.per_patient'"),
            std::string::npos);
  EXPECT_NE(read("[zzzzzzzzzzzz]\n").find("docs/study.md"), std::string::npos);
}

TEST(Settings, WrongValuesNameFileLineAndWhatIsExpected) {
  const std::pair<const char*, const char*> cases[] = {
      {"[train]\nruns = \"three\"\n",
       "E0503: study.toml, line 2, train.runs: the text \"three\" is of the wrong type. Give a "
       "whole number from 1 to 1000."},
      {"[train]\nruns = 0\n",
       "E0503: study.toml, line 2, train.runs: the number 0 is out of range. Give a whole number "
       "from 1 to 1000."},
      {"[train]\nruns = 2.0\n", "line 2, train.runs: the number 2.0 is of the wrong type"},
      {"[train]\nlearning_rate = nan\n", "train.learning_rate: the number nan is out of range"},
      {"[train]\n\nmetric = \"auc\"\n",
       "line 3, train.metric: \"auc\" is not among its words. Give \"macro_f1\", \"accuracy\" or "
       "\"loss\"."},
      {"[model]\npooler = 1\n", "Give true or false."},
      {"[split]\ntest_sources = [[1]]\n", "the list holds a list"},
      {"[cohort]\nfrom = \"2019-02-29\"\n", "\"2019-02-29\" is not a date"},
      {"[cohort]\nwhere = 3\n", "the number 3 is of the wrong type"},
      {"[sampling]\ntraining = { 0 = 1.5 }\n", "group \"0\" has the number 1.5"},
      {"[sampling]\ntraining = \"some\"\n", "is not among its words"},
      {"[train]\nclass_weights = [1, -1]\n", "a weight is the number -1"},
      {"train = 3\n", "'train' is a section, not a setting"},
      {"[train\n", "E0501: study.toml, line 1, column"},
      {"[train]\nruns = 1\nruns = 2\n", "E0501: study.toml, line 3"},
      {"a = \"\xff\"\n", "E0501: study.toml, line 1"},
  };
  for (const auto& [toml, expected] : cases)
    EXPECT_NE(read(toml).find(expected), std::string::npos) << toml << "\n" << read(toml);
}

TEST(Settings, WordsOverrideWithShortNamesAndWithoutQuotes) {
  Settings s = bone_metastasis();
  for (const char* word :
       {"runs=3", "base=multilingual-e5-small", "train.epochs=8", "split.test_sources=[\"hk\"]",
        "tuning_sources=hi, hj", "cohort.from=2019-01-01", "cohort.where.modality=CT,MRI",
        "sampling.training.0=0.2", "class_weights=balanced", "learning_rate=1e-5",
        "study.name=\"骨 転移\"", "labels.values=0,1,2", "ensemble.tfidf=true"})
    EXPECT_EQ(error_of([&] { override_setting(s, word); }), "no error") << word;
  EXPECT_EQ(s.train.runs, 3);
  EXPECT_EQ(s.model.base, "multilingual-e5-small");
  EXPECT_EQ(s.split.test_sources, std::vector<std::string>{"hk"});
  EXPECT_EQ(s.split.tuning_sources, (std::vector<std::string>{"hi", "hj"}));
  EXPECT_EQ(s.cohort.from, "2019-01-01");
  ASSERT_EQ(s.cohort.where.size(), 1u);
  EXPECT_EQ(s.cohort.where[0].column, "modality");
  EXPECT_EQ(s.cohort.where[0].values, (std::vector<std::string>{"CT", "MRI"}));
  EXPECT_EQ(s.sampling.training.fraction.at("0"), 0.2);
  EXPECT_EQ(s.train.class_weights.word, "balanced");
  EXPECT_EQ(s.study.name, "骨 転移");
  EXPECT_TRUE(s.ensemble.tfidf);
  override_setting(s, "base=123");
  EXPECT_EQ(s.model.base, "123");
  override_setting(s, "test_sources=");
  EXPECT_TRUE(s.split.test_sources.empty());
}

TEST(Settings, WrongWords) {
  Settings s = bone_metastasis();
  const std::pair<const char*, const char*> cases[] = {
      {"runs", "E0504: the word 'runs' is not key=value"},
      {"=3", "E0504"},
      {"rnus=3",
       "E0502: the word 'rnus=3': unknown setting 'rnus'. The nearest known one is "
       "'train.runs'."},
      {"seed=3", "Write split.seed, sampling.seed, train.seed or test.seed."},
      {"runs=three", "the word 'runs=three', train.runs: the text \"three\" is of the wrong type"},
      {"runs=3\nseed=4", "E050"},
      {"precison=fp32", "E0502"},
  };
  for (const auto& [word, expected] : cases) {
    std::string told = error_of([&] { override_setting(s, word); });
    EXPECT_NE(told.find(expected), std::string::npos) << told;
  }
}

TEST(Settings, ChecksWhatNoSingleKeyShows) {
  const std::pair<const char*, const char*> cases[] = {
      {"split.test_share=0.5", "add up to 1.35"},
      {"labels.names=[\"a\"]", "labels.names has 1 entries, labels.values 3"},
      {"labels.values=[0, 0]", "'0' twice"},
      {"labels.values=0", "one group only"},
      {"sections.tags=a", "sections.tags has 1 entries, sections.use 2"},
      {"sections.required=findings", "names 'findings'"},
      {"split.method=source", "split.test_sources is empty"},
      {"split.method=date", "split.test_from is empty"},
      {"train.class_weights=[1, 2]", "train.class_weights has 2 numbers"},
      {"sampling.training.5=0.5", "group '5'"},
      {"columns.encoding=latin-7", "columns.encoding 'latin-7' is unknown"},
      {"window_overlap=512", "window_overlap"},
      {"tfidf.ngram_min=9", "ngram_min"},
      {"tfidf.blocks=[\"x diagnosis\"]", "'x diagnosis' does not begin with a number"},
      {"tfidf.blocks=[\"-1 diagnosis\"]", "above 0"},
      {"tfidf.blocks=[\"0.5 diagnosis.concept\"]", "Behind a section's name"},
      {"focus.concepts=", "focus.concepts is empty"},
  };
  EXPECT_EQ(error_of([] { check_settings(bone_metastasis()); }), "no error");
  for (const auto& [word, expected] : cases) {
    Settings s = bone_metastasis();
    override_setting(s, word);
    std::string told = error_of([&] { check_settings(s); });
    EXPECT_NE(told.find(expected), std::string::npos) << word << ": " << told;
    EXPECT_EQ(told.substr(0, 5), "E0505");
  }
}

TEST(Settings, TheCommentedFileSaysWhatTheSettingsAre) {
  Settings s = bone_metastasis();
  s.cohort.where = {{"検査", {"CT", "a\"b\\c\n\x01"}}};
  s.sampling.training = {"fractions", {{"0", 0.2}}};
  s.train.class_weights = {"list", {1, 2, 3}};
  std::string text = commented_study_toml(s);
  Settings back = bone_metastasis();
  read_settings_text(back, text, "study.toml", SettingsFile::kStudy);
  // Every commented line, taken out of its comment, is a valid setting too.
  std::string all;
  bool line_start = true;
  for (size_t i = 0; i < text.size(); ++i) {
    if (line_start && text[i] == '#' && text[i + 1] != ' ') continue;
    line_start = text[i] == '\n';
    all += text[i];
  }
  EXPECT_NE(all, text);
  read_settings_text(back, all, "study.toml", SettingsFile::kStudy);
  EXPECT_EQ(settings_json(back).dump(1), settings_json(s).dump(1));
}

TEST(Settings, WhatDiffersFromTheTasksIsNoComment) {
  const Settings standard = bone_metastasis();
  Settings s = standard;
  s.test.draws = 2;  // seldom touched: a comment where it is as the task has it
  const std::string text = commented_study_toml(s, standard);
  EXPECT_NE(text.find("\ndraws = 2\n"), std::string::npos);
  EXPECT_NE(text.find("\n#repeats = "), std::string::npos);
  Settings back = bone_metastasis();
  read_settings_text(back, text, "study.toml", SettingsFile::kStudy);
  EXPECT_EQ(settings_json(back).dump(1), settings_json(s).dump(1));
}

TEST(Settings, HashFollowsTheSectionsAskedFor) {
  Settings a = bone_metastasis(), b = bone_metastasis();
  EXPECT_EQ(settings_hash(a), settings_hash(b));
  b.train.epochs += 1;
  EXPECT_NE(settings_hash(a), settings_hash(b));
  const std::string_view some[] = {"cohort", "split"};
  EXPECT_EQ(settings_hash(a, some), settings_hash(b, some));
}

TEST(Settings, TheDocumentIsUpToDate) {
  std::vector<std::pair<std::string, Settings>> tasks;
  for (const std::string& name : known_tasks()) {
    Settings settings;
    load_task(name, settings);
    tasks.emplace_back(name, settings);
  }
  std::string made = settings_document(tasks);
  const char* path = GANTRY_SOURCE_DIR "/docs/study.md";
  if (std::getenv("GANTRY_WRITE_DOCS") != nullptr) write_file_atomically(path, made);
  std::string stands = read_file(path);
  size_t same = static_cast<size_t>(
      std::mismatch(made.begin(), made.end(), stands.begin(), stands.end()).first - made.begin());
  EXPECT_TRUE(stands == made)
      << "docs/study.md is out of date: run study_test with GANTRY_WRITE_DOCS=1 once. From byte "
      << same << ":\n"
      << made.substr(same, 200);
}

}  // namespace
}  // namespace gantry
