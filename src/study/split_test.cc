#include "study/split.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "study/sampling.h"
#include "study/test_support.h"

namespace gantry {
namespace {

struct Pool {
  std::vector<Case> cases;

  Case& add(const std::string& source, const std::string& patient, const std::string& date,
            int label, const std::string& text = "") {
    Case one;
    one.id = "R" + std::to_string(cases.size());
    one.source = source;
    one.patient = patient;
    one.date = date;
    one.label = label;
    one.answer = label < 0 ? "" : std::to_string(label);
    if (label < 0) one.dropped_at = "label";
    one.original = text.empty() ? unlike_any(cases.size()) : text;
    cases.push_back(one);
    return cases.back();
  }
  static std::string unlike_any(size_t n) {
    std::string out;
    Random random(n);
    for (int i = 0; i < 40; ++i) out += static_cast<char>('a' + random.below(26));
    return out;
  }
  NearIdentical texts() const {
    NearIdentical out(5, 0.9);
    for (const Case& one : cases) out.add(one.original);
    return out;
  }
  Split split(const Settings& settings, std::span<const CaseSet> already = {}) {
    return split_cases(settings, cases, texts(), already);
  }
  std::string sets() const {  // one letter a case
    std::string out;
    for (const Case& one : cases) out += "-TUXu"[static_cast<int>(one.set)];
    return out;
  }
};

TEST(Split, ByShareKeepsPatientsAndNearIdenticalTextsTogether) {
  Settings settings = bone_metastasis();
  Pool pool;
  Random random(1);
  for (int i = 0; i < 600; ++i)
    pool.add("ha", "P" + std::to_string(random.below(300)), "2020-01-01",
             static_cast<int>(random.below(3)),
             i % 20 == 0 ? "骨転移は認められませんでした。" : "");
  Split split = pool.split(settings);
  EXPECT_EQ(split.method, "share");
  SplitCheck check = prove_split(pool.cases, pool.texts());
  EXPECT_EQ(check.patients_in_two_sets, 0);
  EXPECT_EQ(check.near_identical_pairs, 0);
  EXPECT_GT(check.pairs_compared, 50000);
  auto counts = count_sets(settings, pool.cases);
  EXPECT_NEAR(static_cast<double>(counts["training"].reports), 420, 6);
  EXPECT_NEAR(static_cast<double>(counts["tuning"].reports), 90, 6);
  EXPECT_NEAR(static_cast<double>(counts["test"].reports), 90, 6);
  for (const Case& one : pool.cases) EXPECT_TRUE(one.fold < 0 || one.set != CaseSet::kTest);
}

TEST(Split, TheProofFindsWhatIsWrong) {
  Pool pool;
  pool.add("ha", "A", "", 0, "左第三肋骨に骨転移を認めます。").set = CaseSet::kTraining;
  pool.add("ha", "A", "", 0).set = CaseSet::kTest;
  pool.add("ha", "B", "", 0, "左第三肋骨に\n骨転移を認めます。").set = CaseSet::kTuning;
  SplitCheck check = prove_split(pool.cases, pool.texts());
  EXPECT_EQ(check.patients_in_two_sets, 1);
  EXPECT_EQ(check.near_identical_pairs, 1);
  EXPECT_EQ(check.pairs_compared, 3);
  EXPECT_EQ(check.sentence(),
            "1 patients in two sets, 1 near-identical pairs of texts across sets (3 pairs "
            "compared)");
}

Settings by_date() {
  Settings settings = bone_metastasis();
  for (const char* word : {"training_from=2018-01-01", "tuning_from=2020-01-01",
                           "test_from=2021-01-01", "test_to=2021-12-31"})
    override_setting(settings, word);
  return settings;
}

TEST(Split, ByDateWindows) {
  Pool pool;
  const std::pair<const char*, char> cases[] = {
      {"2017-12-31", '-'}, {"2018-01-01", 'T'}, {"2019-12-31", 'T'},
      {"2020-01-01", 'U'}, {"2020-12-31", 'U'}, {"2021-01-01", 'X'},
      {"2021-12-31", 'X'}, {"2022-01-01", '-'}, {"", '-'}};
  for (const auto& [date, set] : cases) pool.add("ha", "P" + std::string(date), date, 0);
  EXPECT_EQ(pool.split(by_date()).method, "date");
  for (size_t i = 0; i < pool.cases.size(); ++i)
    EXPECT_EQ(pool.sets()[i], cases[i].second) << cases[i].first;
  EXPECT_EQ(pool.cases[0].dropped_at, "window");
  EXPECT_EQ(pool.cases[0].dropped, "2017-12-31 is in no set's window");
  EXPECT_EQ(pool.cases[8].dropped, "no date");
}

TEST(Split, WindowsThatOverlapAreRefused) {
  for (const char* word : {"training_to=2020-01-01", "training_to=2021-06-01",
                           "tuning_to=2021-01-01", "tuning_from=2021-02-01"}) {
    Settings settings = by_date();
    override_setting(settings, word);
    Pool pool;
    pool.add("ha", "A", "2020-05-05", 0);
    EXPECT_EQ(error_of([&] { pool.split(settings); }).substr(0, 5), "E0518") << word;
  }
  Settings settings = by_date();
  override_setting(settings, "training_to=2019-06-30");
  Pool pool;
  pool.add("ha", "A", "2019-07-01", 0);
  pool.split(settings);
  EXPECT_EQ(pool.sets(), "-");
}

TEST(Split, ByDateAPatientStaysInTheSetNearestToTesting) {
  Pool pool;
  pool.add("ha", "A", "2019-01-01", 0);
  pool.add("ha", "A", "2020-06-01", 1);
  pool.add("ha", "A", "2021-06-01", 2);
  pool.add("ha", "B", "2019-01-01", 0);
  pool.add("ha", "B", "2020-02-01", 0);
  pool.add("ha", "C", "2019-01-01", 0);
  pool.split(by_date());
  EXPECT_EQ(pool.sets(), "--X-UT");
  EXPECT_EQ(pool.cases[0].dropped_at, "patient_overlap");
  EXPECT_EQ(pool.cases[0].dropped, "its patient is also in the test set");
  EXPECT_EQ(prove_split(pool.cases, pool.texts()).patients_in_two_sets, 0);

  Settings refuse = by_date();
  override_setting(refuse, "patient_overlap=refuse");
  for (Case& one : pool.cases) one.dropped_at.clear();
  EXPECT_EQ(error_of([&] { pool.split(refuse); }),
            "E0515: patients with reports in two sets (2): A; B. Remove them, or set "
            "split.patient_overlap = \"drop_from_training\".");
}

TEST(Split, BySourceNearIdenticalTextsAreDroppedFromTraining) {
  Settings settings = bone_metastasis();
  override_setting(settings, "test_sources=hk");
  override_setting(settings, "tuning_sources=hj");
  Pool pool;
  std::string text = "第五腰椎に溶骨性病変を認め、骨転移を疑います。前回より増大しています。";
  pool.add("ha", "A", "", 0, text);
  pool.add("hj", "B", "", 0, text + "　");
  pool.add("hk", "C", "", 0,
           "第五腰椎に溶骨性病変を認め、骨転移を疑います。前回より増大しています");
  pool.add("ha", "D", "", 0);
  pool.split(settings);
  EXPECT_EQ(pool.sets(), "--XT");
  EXPECT_EQ(pool.cases[0].dropped_at, "near_identical");
  EXPECT_NE(pool.cases[1].dropped.find("to hk/R2 of the test set"), std::string::npos)
      << pool.cases[1].dropped;

  override_setting(settings, "near_identical=refuse");
  for (Case& one : pool.cases) one.dropped_at.clear();
  std::string told = error_of([&] { pool.split(settings); });
  EXPECT_EQ(told.substr(0, 5), "E0516") << told;
  EXPECT_NE(told.find("ha/R0 (training) and "), std::string::npos) << told;
}

TEST(Split, BySourceTheTuningSetIsDealtFromTheOthers) {
  Settings settings = bone_metastasis();
  override_setting(settings, "test_sources=hk");
  Pool pool;
  for (int i = 0; i < 400; ++i)
    pool.add(i % 4 == 0 ? "hk" : "ha", "P" + std::to_string(i / 2), "", i % 3);
  Split split = pool.split(settings);
  EXPECT_EQ(split.method, "source");
  auto counts = count_sets(settings, pool.cases);
  EXPECT_EQ(counts["test"].reports, 100);
  // Every second patient of ha is also in hk and leaves the training side.
  EXPECT_EQ(counts["training"].reports + counts["tuning"].reports, 200);
  EXPECT_NEAR(static_cast<double>(counts["tuning"].reports), 200 * 0.15 / 0.85, 2);

  override_setting(settings, "test_sources=hk,zz");
  EXPECT_EQ(error_of([&] { pool.split(settings); }),
            "E0517: no labelled report of the cohort is from source 'zz'. The sources of labelled "
            "reports are: ha, hk.");
}

TEST(Split, UnlabelledReportsOfTestPatientsSourcesAndTextsAreLeftOut) {
  Settings settings = bone_metastasis();
  override_setting(settings, "test_sources=hk");
  Pool pool;
  pool.add("hk", "A", "", 0, "胸椎の骨転移は硬化しており、縮小しています。前回と比べ明らかです。");
  for (int i = 0; i < 20; ++i) pool.add("ha", "B" + std::to_string(i), "", 0);
  size_t first = pool.cases.size();
  pool.add("ha", "A", "", -1);   // a patient of the test set
  pool.add("hk", "Z1", "", -1);  // a source of the test set
  pool.add("ha", "Z2", "", -1, "胸椎の骨転移は硬化しており、縮小しています。前回と比べ明らかです");
  pool.add("ha", "B0", "", -1);
  pool.add("ha", "Z3", "", -1);
  pool.split(settings);
  std::string sets = pool.sets().substr(first);
  EXPECT_EQ(sets.substr(0, 3), "---");
  EXPECT_EQ(sets.substr(4), "u");
  EXPECT_EQ(sets[3] == 'u', pool.cases[1].set == CaseSet::kTraining);
  for (const Case& one : pool.cases)
    EXPECT_EQ(one.fold >= 0, one.set == CaseSet::kTraining || one.set == CaseSet::kTuning);
}

TEST(Split, PatientsKeepTheirSetsWhenReportsAreAdded) {
  Settings settings = bone_metastasis();
  Pool before;
  for (int i = 0; i < 90; ++i) before.add("ha", "P" + std::to_string(i), "", i % 3);
  before.split(settings);
  Pool after;
  std::vector<CaseSet> already;
  for (const Case& one : before.cases) {
    after.add("ha", one.patient, "", one.label);
    already.push_back(one.set);
  }
  for (int i = 90; i < 150; ++i) {
    after.add("ha", "P" + std::to_string(i), "", i % 3);
    already.push_back(CaseSet::kNone);
  }
  after.split(settings, already);
  EXPECT_EQ(after.sets().substr(0, 90), before.sets());
  auto counts = count_sets(settings, after.cases);
  EXPECT_NEAR(static_cast<double>(counts["training"].reports), 105, 3);
  after.split(settings);
  EXPECT_NE(after.sets().substr(0, 90), before.sets());
}

TEST(Split, MissingPatientsAreSaid) {
  Settings settings = bone_metastasis();
  Pool pool;
  for (int i = 0; i < 10; ++i) {
    Case& one = pool.add("ha", "ha/R" + std::to_string(i) + " (report)", "", i % 3);
    one.patient_known = i % 2 == 0;
  }
  Split split = pool.split(settings);
  ASSERT_EQ(split.notes.size(), 1u);
  EXPECT_EQ(split.notes[0],
            "reports without a patient's number: 5; each counts as its own patient");
}

TEST(Sampling, KeepsTheFractionAndRemembersIt) {
  Settings settings = bone_metastasis();
  override_setting(settings, "sampling.training={0 = 0.25}");
  override_setting(settings, "sampling.test=balanced");
  Pool pool;
  for (int i = 0; i < 200; ++i)
    pool.add("ha", "P" + std::to_string(i), "", i % 4 == 0 ? 1 + i / 4 % 2 : 0).set =
        i < 100 ? CaseSet::kTraining : CaseSet::kTest;
  auto counts = sample_cases(settings, pool.cases);
  EXPECT_EQ(counts["training"].per_label,
            (std::map<std::string, int64_t>{{"0", 19}, {"1", 13}, {"2", 12}}));
  EXPECT_EQ(counts["training"].per_label_before.at("0"), 75);
  EXPECT_DOUBLE_EQ(counts["training"].fraction.at("0"), 19.0 / 75);
  EXPECT_EQ(counts["test"].per_label,
            (std::map<std::string, int64_t>{{"0", 12}, {"1", 12}, {"2", 12}}));
  int dropped = 0;
  double weighted = 0;
  for (const Case& one : pool.cases) {
    dropped += one.dropped_at == "sampling";
    if (one.set == CaseSet::kTest) weighted += 1 / one.sampling_fraction;
  }
  EXPECT_EQ(dropped, 200 - 44 - 36);
  EXPECT_NEAR(weighted, 100, 1e-9);

  override_setting(settings, "sampling.test_max_per_group=5");
  EXPECT_EQ(sample_cases(settings, pool.cases)["test"].reports, 15);
}

}  // namespace
}  // namespace gantry
