// PromptMaker: a case and a question as the tokens a language model reads. Training, testing and
// answering go through it, so that they cannot differ.
//
//   PromptMaker maker(settings, *tokenizer, chat, base.config().context);
//   PromptIds prompt = maker.prompt(item, AnswerKind::kCodes);
//   std::vector<int32_t> answer = maker.answer("C79.51");
//
// The instruction stands first, then the case, then the question: what cases and questions share is
// a common beginning of their tokens, which training and answering compute once.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "study/settings.h"
#include "text/chat_template.h"
#include "text/prompt_template.h"
#include "workflow/questions.h"

namespace gantry {

// A case shown with its answer before the case in question.
struct PromptExample {
  const Case* item = nullptr;
  std::string answer;
};

class PromptMaker {
 public:
  // `context`: tokens of prompt and answer together. `tokenizer` and `chat` must outlive it.
  // Errors E0348 (a template that cannot be read), E0342 (a token of the chat template is missing).
  PromptMaker(const Settings& settings, const Tokenizer& tokenizer, const ChatTemplate& chat,
              int64_t context);

  // Unfitted. Error E0349: the case lacks a column that the template names.
  PromptIds prompt(const Case& item, AnswerKind kind,
                   std::span<const PromptExample> examples = {}) const;
  // With room for `answer_tokens` behind it; `taken_out`, where given, gets how many tokens of the
  // case's text were taken out. Error E0347: it does not fit and prompt.too_long is "refuse".
  std::vector<int32_t> fitted(const Case& item, AnswerKind kind, int64_t answer_tokens,
                              std::span<const PromptExample> examples = {},
                              int64_t* taken_out = nullptr) const;
  std::vector<int32_t> answer(std::string_view text) const;  // with the end token

  int32_t end_id() const { return end_id_; }
  int64_t context() const { return context_; }
  const std::string& chat_name() const { return chat_.name(); }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  // The prompt as text with its special tokens, for people.
  std::string shown(const Case& item, AnswerKind kind) const;

  // Columns that the templates name, beside {text}. Error E0349 at once when no case has one of
  // them, naming those there are.
  void check_columns(std::span<const Case* const> cases) const;

 private:
  FilledPrompt fill(const Case& item, AnswerKind kind) const;
  std::vector<ChatTurn> turns(const Case& item, AnswerKind kind,
                              std::span<const PromptExample> examples) const;

  const Tokenizer& tokenizer_;
  const ChatTemplate& chat_;
  std::map<AnswerKind, PromptTemplate> templates_;
  int64_t context_;
  TooLong too_long_;
  int32_t end_id_;
};

// The template of settings.prompt.chat: named, "plain" for "none", or the one the model was made
// with. Errors E0344, E0345.
const ChatTemplate& chat_template_for(const ChatTemplates& all, const Settings& settings,
                                      const std::string& own_template, const std::string& model);
ChatTemplates known_chat_templates();  // tasks/chat-templates.toml

}  // namespace gantry
