#include "workflow/prompt_maker.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "study/data_folder.h"
#include "text/tokenizer.h"

namespace gantry {
namespace {

const std::string& question_of(const Settings::Prompt& prompt, AnswerKind kind) {
  return kind == AnswerKind::kClosedSet ? prompt.closed_set
         : kind == AnswerKind::kCodes   ? prompt.codes
                                        : prompt.text;
}

std::string template_text(const Settings::Prompt& prompt, AnswerKind kind) {
  std::string out;
  for (const std::string* part : {&prompt.instruction, &prompt.record, &question_of(prompt, kind)})
    if (!part->empty()) out += (out.empty() ? "" : "\n") + *part;
  return out;
}

// The case's columns as text; the reference answers and the plans are not among them.
std::map<std::string, std::string> columns_of(const Case& item, AnswerKind kind) {
  static const std::set<std::string> kHidden = {"diagnoses", "plans", "answer", "label"};
  std::map<std::string, std::string> out = {
      {"text", item.text}, {"source", item.source}, {"date", item.date}};
  if (kind == AnswerKind::kText) out["similar"] = item.similar;
  if (kind == AnswerKind::kClosedSet) out["candidates"] = item.candidate_labels;
  if (kind == AnswerKind::kCodes) out["candidates"] = item.candidate_codes;
  const auto fields = nlohmann::json::parse(item.fields_json, nullptr, false);
  if (fields.is_object())
    for (const auto& [key, value] : fields.items())
      if (kHidden.count(key) == 0 && !value.is_null())
        out.emplace(key, value.is_string() ? value.get<std::string>() : value.dump());
  return out;
}

}  // namespace

ChatTemplates known_chat_templates() {
  const auto file = data_file("tasks/chat-templates.toml");
  return ChatTemplates::parse(read_file(file), file.filename().string());
}

const ChatTemplate& chat_template_for(const ChatTemplates& all, const Settings& settings,
                                      const std::string& own_template, const std::string& model) {
  const std::string& wanted = settings.prompt.chat;
  if (wanted == "auto") return all.detect(own_template, model);
  return all.named(wanted == "none" ? "plain" : wanted);
}

PromptMaker::PromptMaker(const Settings& settings, const Tokenizer& tokenizer,
                         const ChatTemplate& chat, int64_t context)
    : tokenizer_(tokenizer),
      chat_(chat),
      context_(context),
      too_long_(too_long_rule(settings.prompt.too_long)),
      end_id_(chat.end_id(tokenizer)) {
  for (AnswerKind kind : questions_of(settings))
    templates_.emplace(
        kind, PromptTemplate::parse(template_text(settings.prompt, kind),
                                    "the prompt for " + std::string(word_of(kind)) + " answers"));
}

FilledPrompt PromptMaker::fill(const Case& item, AnswerKind kind) const {
  return templates_.at(kind).fill(columns_of(item, kind), item.id);
}

std::vector<ChatTurn> PromptMaker::turns(const Case& item, AnswerKind kind,
                                         std::span<const PromptExample> examples) const {
  std::vector<ChatTurn> out;
  for (const PromptExample& example : examples) {
    out.push_back({ChatRole::kUser, fill(*example.item, kind).text});
    out.push_back({ChatRole::kAssistant, example.answer});
  }
  FilledPrompt filled = fill(item, kind);
  out.push_back({ChatRole::kUser, std::move(filled.text), filled.text_begin, filled.text_end});
  return out;
}

PromptIds PromptMaker::prompt(const Case& item, AnswerKind kind,
                              std::span<const PromptExample> examples) const {
  return chat_.prompt(tokenizer_, turns(item, kind, examples));
}

std::vector<int32_t> PromptMaker::fitted(const Case& item, AnswerKind kind, int64_t answer_tokens,
                                         std::span<const PromptExample> examples,
                                         int64_t* taken_out) const {
  PromptIds ids = prompt(item, kind, examples);
  const int64_t taken = fit_prompt(ids, context_ - answer_tokens, too_long_, item.id);
  if (taken_out != nullptr) *taken_out = taken;
  return std::move(ids.ids);
}

std::vector<int32_t> PromptMaker::answer(std::string_view text) const {
  return chat_.answer(tokenizer_, text);
}

std::string PromptMaker::shown(const Case& item, AnswerKind kind) const {
  return tokenizer_.decode(prompt(item, kind).ids, true);
}

void PromptMaker::check_columns(std::span<const Case* const> cases) const {
  for (const auto& [kind, prompt] : templates_) {
    std::set<std::string> there;
    for (const Case* item : cases)
      for (const auto& [name, value] : columns_of(*item, kind)) there.insert(name);
    prompt.check_fields({there.begin(), there.end()});
  }
}

}  // namespace gantry
