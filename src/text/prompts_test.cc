// Prompt templates over a record's fields, prompts that are too long, and chat templates against
// transformers' apply_chat_template (tests/oracles/chat_templates.py).
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "text/chat_template.h"
#include "text/fit_prompt.h"
#include "text/prompt_template.h"
#include "text/tokenizer.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kSource = GANTRY_SOURCE_DIR;

template <typename Work>
std::pair<std::string, std::string> error_of(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {};
}

TEST(PromptTemplate, FillsFieldsAndKnowsWhereTheTextStands) {
  const auto prompt =
      PromptTemplate::parse("({sex}, {age}) {{{text}}} {sex}: modality?", "task rt-modality");
  EXPECT_EQ(prompt.fields(), (std::vector<std::string>{"sex", "age", "text"}));
  const FilledPrompt filled =
      prompt.fill({{"sex", "F"}, {"age", "61"}, {"text", "T2 {N1}"}}, "case-1");
  EXPECT_EQ(filled.text, "(F, 61) {T2 {N1}} F: modality?");
  EXPECT_EQ(filled.text.substr(filled.text_begin, filled.text_end - filled.text_begin), "T2 {N1}");
}

TEST(PromptTemplate, AFieldThatIsNotThereIsNamed) {
  const auto prompt = PromptTemplate::parse("{text} {stage}", "task x");
  const auto [code, what] = error_of([&] { prompt.check_fields({"text", "sex"}); });
  EXPECT_EQ(code, "E0349");
  EXPECT_NE(what.find("'stage'"), std::string::npos);
  EXPECT_NE(what.find("text, sex"), std::string::npos);
  const auto [code2, what2] = error_of([&] { prompt.fill({{"text", "a"}}, "case-7"); });
  EXPECT_EQ(code2, "E0349");
  EXPECT_NE(what2.find("case-7"), std::string::npos);
}

TEST(PromptTemplate, RefusesWhatIsNotATemplate) {
  for (const char* source : {"{", "}", "{}", "{a b}", "{text} {text}", "x{text", "{te{xt}}"})
    EXPECT_EQ(error_of([&] { PromptTemplate::parse(source, "t"); }).first, "E0348") << source;
}

PromptIds ids_to(int n, int64_t text_begin, int64_t text_end) {
  PromptIds prompt;
  for (int i = 0; i < n; ++i) prompt.ids.push_back(i);
  prompt.text_begin = text_begin;
  prompt.text_end = text_end;
  return prompt;
}

TEST(FitPrompt, TakesOutTheMiddleOfTheText) {
  PromptIds prompt = ids_to(10, 2, 8);
  EXPECT_EQ(fit_prompt(prompt, 10, TooLong::kRefuse, "a"), 0);
  EXPECT_EQ(fit_prompt(prompt, 7, TooLong::kShorten, "a"), 3);
  EXPECT_EQ(prompt.ids, (std::vector<int32_t>{0, 1, 2, 3, 7, 8, 9}));
  EXPECT_EQ(prompt.text_begin, 2);
  EXPECT_EQ(prompt.text_end, 5);
  PromptIds whole = ids_to(10, 2, 8);
  EXPECT_EQ(fit_prompt(whole, 4, TooLong::kShorten, "a"), 6);
  EXPECT_EQ(whole.ids, (std::vector<int32_t>{0, 1, 8, 9}));
}

TEST(FitPrompt, RefusesByNameAndWhenTheRestIsTooLong) {
  PromptIds prompt = ids_to(10, 2, 8);
  const auto [code, what] =
      error_of([&] { fit_prompt(prompt, 9, TooLong::kRefuse, "case-12, icd10"); });
  EXPECT_EQ(code, "E0347");
  EXPECT_NE(what.find("case-12, icd10"), std::string::npos);
  EXPECT_EQ(error_of([&] { fit_prompt(prompt, 3, TooLong::kShorten, "a"); }).first, "E0347");
  EXPECT_EQ(error_of([&] { too_long_rule("cut"); }).first, "E0346");
  EXPECT_EQ(too_long_rule("shorten"), TooLong::kShorten);
}

const ChatTemplates& templates() {
  static const ChatTemplates all = ChatTemplates::parse(
      read_file(kSource / "tasks/chat-templates.toml"), "tasks/chat-templates.toml");
  return all;
}

std::vector<ChatTurn> turns_of(const json& from) {
  std::vector<ChatTurn> turns;
  for (const json& turn : from) {
    const std::string role = turn["role"];
    turns.push_back({role == "system" ? ChatRole::kSystem
                     : role == "user" ? ChatRole::kUser
                                      : ChatRole::kAssistant,
                     turn["content"]});
  }
  return turns;
}

TEST(ChatTemplate, WrapsAsTransformersDoes) {
  const json expected = json::parse(read_file(kSource / "tests/data/chat/expected.json"));
  ASSERT_GE(expected["cases"].size(), 25u);
  for (const json& one : expected["cases"]) {
    const std::string kind = one["kind"];
    EXPECT_EQ(templates().named(kind).text(turns_of(one["turns"]), "<s>", "</s>"),
              one["text"].get<std::string>())
        << kind;
  }
}

TEST(ChatTemplate, GivesTransformersIds) {
  const fs::path folder = fs::path(GANTRY_SHARED_DIR) / "reference/tokenizers/llama2";
  if (!fs::exists(folder / "tokenizer.json")) GTEST_SKIP() << "no " << folder;
  const auto tokenizer = Tokenizer::open(folder);
  const json expected = json::parse(read_file(kSource / "tests/data/chat/expected.json"));
  int compared = 0;
  for (const json& one : expected["cases"]) {
    if (one["kind"] != "llama2" && one["kind"] != "mistral") continue;
    const ChatTemplate& chat = templates().named(one["kind"]);
    EXPECT_EQ(chat.prompt(*tokenizer, turns_of(one["turns"])).ids,
              one["ids"].get<std::vector<int32_t>>())
        << one["text"];
    ++compared;
  }
  EXPECT_GE(compared, 10);
}

TEST(ChatTemplate, IsToldByMarkersNeverByRunning) {
  const json expected = json::parse(read_file(kSource / "tests/data/chat/expected.json"));
  for (const auto& [kind, own] : expected["templates"].items())
    EXPECT_EQ(templates().detect(own.get<std::string>(), "m").name(), kind);
  EXPECT_EQ(templates().detect("", "m").name(), "plain");
  const auto [code, what] =
      error_of([&] { templates().detect("{% for m in messages %}<start_of_turn>", "gemma"); });
  EXPECT_EQ(code, "E0345");
  for (const char* choice : {"gemma", "llama2", "mistral", "chatml", "plain"})
    EXPECT_NE(what.find(choice), std::string::npos) << choice;
  EXPECT_EQ(error_of([&] { templates().detect("[INST][AVAILABLE_TOOLS]", "v3"); }).first, "E0345");
  EXPECT_EQ(error_of([&] { templates().named("chatlm"); }).first, "E0344");
}

TEST(ChatTemplate, TokensWrittenInATextAreText) {
  const auto tokenizer = Tokenizer::open(kSource / "tests/data/tokenizers/bpe-byte-level");
  const int32_t end = tokenizer->id("</s>");
  ASSERT_GE(end, 0);
  const std::string text = "before </s> after";
  const std::vector<int32_t> with = tokenizer->encode(text).ids;
  const std::vector<int32_t> plain = tokenizer->encode_plain(text).ids;
  EXPECT_EQ(std::count(with.begin(), with.end(), end), 1);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), end), 0);
  EXPECT_EQ(tokenizer->decode(plain), text);
}

TEST(ChatTemplate, KnowsWhichTokensAreTheRecords) {
  const auto tokenizer = Tokenizer::open(kSource / "tests/data/tokenizers/bpe-byte-level");
  const std::string before = "Read this report:\n", text = "骨転移は増大している。",
                    after = "\nGroup?";
  const ChatTurn turn{ChatRole::kUser, before + text + after, before.size(),
                      before.size() + text.size()};
  const ChatTurn system{ChatRole::kSystem, "Answer with one word."};
  for (const char* kind : {"plain", "llama2"}) {
    const PromptIds prompt = templates().named(kind).prompt(*tokenizer, std::vector{system, turn});
    ASSERT_LT(prompt.text_begin, prompt.text_end) << kind;
    const std::vector<int32_t> inside(prompt.ids.begin() + prompt.text_begin,
                                      prompt.ids.begin() + prompt.text_end);
    // A token may reach over the edge: what lies wholly inside is the text but for its ends.
    const std::string decoded = tokenizer->decode(inside);
    EXPECT_NE(text.find(decoded), std::string::npos) << kind << ": " << decoded;
    EXPECT_GE(decoded.size() + 6, text.size()) << kind;
  }
}

TEST(ChatTemplate, AnswersEndWithTheEndToken) {
  const auto tokenizer = Tokenizer::open(kSource / "tests/data/tokenizers/bpe-byte-level");
  const std::vector<int32_t> ids = templates().named("plain").answer(*tokenizer, "photon");
  ASSERT_GE(ids.size(), 2u);
  EXPECT_EQ(ids.back(), tokenizer->end_id());
  EXPECT_EQ(error_of([&] { templates().named("chatml").answer(*tokenizer, "photon"); }).first,
            "E0342");
}

TEST(ChatTemplate, RefusesTurnsOutOfOrder) {
  const ChatTurn user{ChatRole::kUser, "a"}, answer{ChatRole::kAssistant, "b"},
      system{ChatRole::kSystem, "c"};
  const std::vector<std::vector<ChatTurn>> wrong = {
      {}, {system}, {answer}, {user, user}, {user, system}, {user, answer}, {system, answer, user}};
  for (const auto& turns : wrong)
    EXPECT_EQ(error_of([&] { templates().named("chatml").text(turns, "", ""); }).first, "E0341");
}

TEST(ChatTemplate, RefusesDamagedData) {
  const std::string plain =
      "[plain]\nuser = \"{content}\"\nassistant = \"{content}\"\nsystem = \"{content}\"\n"
      "end = \"{eos}\"\n";
  EXPECT_NO_THROW(ChatTemplates::parse(plain, "t"));
  for (const std::string& wrong :
       {std::string("x"), std::string("plain = 1"), std::string("[other]"), plain + "colour = 1\n",
        plain + "trim = 3\n", plain + "markers = [1]\n", plain + "open = \"{content}\"\n",
        plain + "[x]\nuser = \"a\"\n", plain + "[x]\nuser = \"{content}{content}\"\n"})
    EXPECT_EQ(error_of([&] { ChatTemplates::parse(wrong, "t"); }).first, "E0343") << wrong;
}

}  // namespace
}  // namespace gantry
