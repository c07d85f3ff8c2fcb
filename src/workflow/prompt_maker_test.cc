#include "workflow/prompt_maker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "text/tokenizer.h"
#include "workflow/pair_maker.h"

namespace gantry {
namespace {

const int kDataFolder = setenv("GANTRY_DATA", GANTRY_SOURCE_DIR, 1);

Settings study_settings() {
  Settings s;
  s.study.answers = {"closed-set", "codes", "text"};
  s.labels.values = {"photon", "proton"};
  s.prompt.instruction = "Answer from the record.";
  s.prompt.record = "Diagnosis ({sex}): {text}";
  s.prompt.closed_set = "Modality:";
  s.prompt.codes = "Code:";
  s.prompt.text = "Regimen:";
  return s;
}

Case example_case(std::string text = "cT2 N0 M0 prostate") {
  Case item;
  item.id = "A-1";
  item.source = "ra";
  item.text = std::move(text);
  item.answer = "photon";
  item.label = 0;
  item.code = "C61";
  item.free_text = "78 Gy in 39 fractions";
  item.fields_json =
      R"({"sex":"M","age":71,"plans":[{"text":"SECRET PLAN"}],"diagnoses":[{"text":"x","icd10":"C61"}]})";
  return item;
}

class PromptMaking : public ::testing::Test {
 protected:
  PromptMaker maker(const Settings& settings, int64_t context = 4096) {
    return {settings, *tokenizer_, chats_.named("plain"), context};
  }
  std::string text_of(const std::vector<int32_t>& ids) { return tokenizer_->decode(ids, true); }

  std::unique_ptr<Tokenizer> tokenizer_ =
      Tokenizer::open(GANTRY_SOURCE_DIR "/tests/data/tokenizers/bpe-byte-level");
  ChatTemplates chats_ = known_chat_templates();
};

TEST_F(PromptMaking, HoldsInstructionRecordAndQuestionAndNothingElse) {
  const PromptMaker m = maker(study_settings());
  const Case item = example_case();
  const std::string text = text_of(m.prompt(item, AnswerKind::kCodes).ids);
  EXPECT_NE(text.find("Answer from the record.\nDiagnosis (M): cT2 N0 M0 prostate\nCode:"),
            std::string::npos)
      << text;
  for (const char* hidden : {"SECRET", "C61", "photon", "78 Gy"})
    EXPECT_EQ(text.find(hidden), std::string::npos) << hidden;
}

// What the questions of a case share is the same tokens, up to the question.
TEST_F(PromptMaking, QuestionsShareTheirBeginning) {
  const PromptMaker m = maker(study_settings());
  const Case item = example_case();
  const PromptIds a = m.prompt(item, AnswerKind::kCodes), b = m.prompt(item, AnswerKind::kText);
  const auto parted = std::mismatch(a.ids.begin(), a.ids.end(), b.ids.begin(), b.ids.end());
  EXPECT_GE(parted.first - a.ids.begin(), a.text_end);
  EXPECT_GT(a.text_end, a.text_begin);
  const std::vector<int32_t> record(a.ids.begin() + a.text_begin, a.ids.begin() + a.text_end);
  EXPECT_NE(item.text.find("N0 M0"), std::string::npos);
  EXPECT_NE(text_of(record).find("N0 M0"), std::string::npos);
}

TEST_F(PromptMaking, ATextThatDoesNotFitIsRefusedOrShortened) {
  Settings settings = study_settings();
  const Case item = example_case(std::string(900, 'x') + " the end");
  EXPECT_THROW(maker(settings, 200).fitted(item, AnswerKind::kCodes, 8), Error);
  settings.prompt.too_long = "shorten";
  int64_t taken = 0;
  const auto ids = maker(settings, 200).fitted(item, AnswerKind::kCodes, 8, {}, &taken);
  EXPECT_EQ(ids.size(), 192u);
  EXPECT_GT(taken, 0);
  EXPECT_NE(text_of(ids).find("the end"), std::string::npos);
  EXPECT_NE(text_of(ids).find("Code:"), std::string::npos);
  maker(settings).fitted(item, AnswerKind::kCodes, 8, {}, &taken);
  EXPECT_EQ(taken, 0);
}

TEST_F(PromptMaking, ColumnsThatAreNotThereAreSaid) {
  Settings settings = study_settings();
  settings.prompt.record = "{text} {stage}";
  const PromptMaker m = maker(settings);
  const Case item = example_case();
  const Case* cases[] = {&item};
  try {
    m.check_columns(cases);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("stage"), std::string::npos) << error.what();
  }
  settings.prompt.record = "{text} {plans}";  // never shown, whatever the template says
  EXPECT_THROW(maker(settings).prompt(item, AnswerKind::kText), Error);
}

TEST_F(PromptMaking, ExamplesStandBeforeTheCase) {
  const PromptMaker m = maker(study_settings());
  const Case item = example_case(), shown = example_case("glioblastoma");
  const std::vector<PromptExample> examples = {{&shown, "70 Gy"}};
  const std::string text = text_of(m.fitted(item, AnswerKind::kText, 8, examples));
  EXPECT_LT(text.find("glioblastoma"), text.find("70 Gy"));
  EXPECT_LT(text.find("70 Gy"), text.find("prostate"));
}

TEST_F(PromptMaking, PairsOfACaseShareTheirKeyAndLackNothing) {
  const Settings settings = study_settings();
  const PromptMaker m = maker(settings);
  Case whole = example_case(), codeless = example_case();
  codeless.id = "A-2";
  codeless.code.clear();
  const Case* cases[] = {&whole, &codeless};
  const auto kinds = questions_of(settings);
  const MadePairs made = make_pairs(m, cases, kinds, settings);
  ASSERT_EQ(made.pairs.size(), 5u);
  EXPECT_EQ(made.pairs[0].key, made.pairs[2].key);
  EXPECT_NE(made.pairs[0].key, made.pairs[3].key);
  for (const Pair& pair : made.pairs) {
    EXPECT_EQ(pair.answer.back(), m.end_id());
    EXPECT_GT(pair.answer.size(), 1u);
  }
  EXPECT_EQ(made.pairs[1].id, "ra/A-1, codes");
  Case endless = example_case(std::string(9000, 'x'));
  const Case* too_long[] = {&endless};
  const MadePairs refused = make_pairs(m, too_long, kinds, settings);
  EXPECT_TRUE(refused.pairs.empty());
  EXPECT_EQ(refused.refused.size(), 3u);
}

}  // namespace
}  // namespace gantry
