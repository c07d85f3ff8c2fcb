#include "workflow/similar_cases.h"

#include <gtest/gtest.h>

#include "workflow/study_rankers.h"

namespace gantry {
namespace {

Settings radonc_settings() {
  Settings s;
  s.study.answers = {"closed-set", "text"};
  s.labels.values = {"photon", "proton", "electron"};
  s.prompt.closed_set = "Others say: {candidates}\nModality:";
  s.prompt.text = "Similar: {similar}\nRegimen:";
  return s;
}

Case case_of(const std::string& source, const std::string& text, int label,
             const std::string& regimen) {
  static int number = 0;
  Case item;
  item.id = "c" + std::to_string(++number);
  item.patient = "p" + std::to_string(number);
  item.source = source;
  item.text = item.baseline_text = text;
  item.label = label;
  item.answer = label == 0 ? "photon" : label == 1 ? "proton" : "electron";
  item.free_text = regimen;
  return item;
}

std::vector<Case> two_clinics() {
  return {case_of("ra", "prostate cancer, Gleason 7", 0, "IMRT to the prostate at ra"),
          case_of("ra", "skin cancer of the nose", 2, "electrons to the nose at ra"),
          case_of("rb", "prostate cancer, Gleason 7", 1, "protons to the prostate at rb"),
          case_of("rb", "skin cancer of the nose", 0, "photons to the nose at rb")};
}

std::vector<Case*> pointers(std::vector<Case>& cases) {
  std::vector<Case*> out;
  for (Case& item : cases) out.push_back(&item);
  return out;
}

TEST(SimilarCases, ATrainingCaseIsShownWhatOtherClinicsSay) {
  const Settings settings = radonc_settings();
  std::vector<Case> training = two_clinics();
  std::vector<Case> tuning = {case_of("rc", "prostate cancer", 0, "x")};
  for (AnswerKind kind : {AnswerKind::kClosedSet, AnswerKind::kText})
    show_others_in_training(pointers(training), pointers(tuning), kind, settings);
  EXPECT_EQ(training[0].candidate_labels, "proton, photon");  // what rb says, best first
  EXPECT_EQ(training[1].candidate_labels, "photon, proton");
  EXPECT_EQ(training[2].candidate_labels, "photon, electron");  // what ra says
  EXPECT_EQ(training[0].similar, "protons to the prostate at rb");
  EXPECT_EQ(training[3].similar, "electrons to the nose at ra");
  // A tuning case is shown all of training.
  EXPECT_EQ(tuning[0].candidate_labels.size(), std::string("photon, proton, electron").size());
  EXPECT_NE(tuning[0].similar.find("prostate"), std::string::npos);
}

TEST(SimilarCases, OneClinicIsPartedByPatient) {
  const Settings settings = radonc_settings();
  std::vector<Case> training = two_clinics();
  for (Case& item : training) item.source = "ra";
  show_others_in_training(pointers(training), {}, AnswerKind::kText, settings);
  for (const Case& item : training) EXPECT_NE(item.similar, item.free_text);
}

TEST(SimilarCases, OnlyPromptsThatAskAreFilled) {
  Settings settings = radonc_settings();
  EXPECT_TRUE(shows_others(settings, AnswerKind::kClosedSet));
  EXPECT_FALSE(shows_others(settings, AnswerKind::kCodes));
  settings.prompt.closed_set = "Modality:";
  EXPECT_FALSE(shows_others(settings, AnswerKind::kClosedSet));
}

TEST(SimilarCases, GroupsAreRankedByTheBlocksAndCodesByTheText) {
  Settings settings = radonc_settings();
  settings.tfidf.blocks = {"whole", "0.4 whole.concepts"};
  Case item = case_of("ra", "left ear", 2, "x");
  item.blocks_text = "left ear\x1eJ";
  EXPECT_EQ(member_text(item, AnswerKind::kClosedSet, settings), item.blocks_text);
  EXPECT_EQ(member_text(item, AnswerKind::kCodes, settings), item.baseline_text);
  EXPECT_FALSE(member_is_ngrams(AnswerKind::kClosedSet, settings));
  settings.tfidf.blocks.clear();
  EXPECT_EQ(member_text(item, AnswerKind::kClosedSet, settings), item.baseline_text);
  EXPECT_TRUE(member_is_ngrams(AnswerKind::kClosedSet, settings));
}

TEST(SimilarCases, AsManyCandidatesAsTheStudySays) {
  Settings settings = radonc_settings();
  settings.prompt.candidates = 1;
  std::vector<Case> cases = {case_of("rc", "skin cancer", 2, "x")};
  const std::vector<std::string> texts = {"skin cancer", "prostate cancer"};
  const std::vector<std::string> labels = {"electron", "photon"};
  show_others(*train_ngram_ranker(texts, labels), AnswerKind::kClosedSet, settings, cases);
  EXPECT_EQ(cases[0].candidate_labels, "electron");
}

}  // namespace
}  // namespace gantry
