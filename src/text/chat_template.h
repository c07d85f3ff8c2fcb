// Chat templates: how a model's makers wrapped system, user and assistant turns. They are data
// (tasks/chat-templates.toml); a model's own template, which is a program (Jinja), is only looked
// at to tell which of ours it is, never run.
//
//   ChatTemplates all = ChatTemplates::parse(read_file(data / "chat-templates.toml"), "...");
//   const ChatTemplate& chat = all.detect(chat_template_text(base), base.name());
//   PromptIds prompt = chat.prompt(*tokenizer, {{ChatRole::kUser, text}});
//   std::vector<int32_t> answer = chat.answer(*tokenizer, "photon");     // with the end token
//
// What a turn says is encoded as plain text: "<|im_end|>" inside a report is these ten characters,
// never the token that ends a turn.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/fit_prompt.h"

namespace gantry {

class Tokenizer;

enum class ChatRole { kSystem, kUser, kAssistant };

struct ChatTurn {
  ChatRole role = ChatRole::kUser;
  std::string content;
  // Bytes of `content` that are the record's own text, which may be shortened (fit_prompt.h).
  size_t text_begin = 0, text_end = 0;
};

class ChatTemplate {
 public:
  const std::string& name() const { return name_; }
  const std::string& about() const { return about_; }

  // The turns as the model saw them in its tuning, ready for an answer. A system turn may only come
  // first; user and assistant take turns, the user first and last. Errors E0341 (turns in another
  // order), E0342 (the tokenizer lacks a token of the template).
  PromptIds prompt(const Tokenizer& tokenizer, std::span<const ChatTurn> turns) const;
  // An answer's ids, the end token last: what is learned, and what a generation ends with.
  std::vector<int32_t> answer(const Tokenizer& tokenizer, std::string_view text) const;
  // The token that ends an answer. Error E0342.
  int32_t end_id(const Tokenizer& tokenizer) const;

  // The turns as one text, special tokens written out: what transformers' apply_chat_template(...,
  // tokenize=False, add_generation_prompt=True) gives. For people and for comparisons.
  std::string text(std::span<const ChatTurn> turns, std::string_view begin_token,
                   std::string_view end_token) const;

 private:
  friend class ChatTemplates;
  // A stretch of a wrapped conversation: a special token, or text.
  struct Part {
    bool special = false;
    std::string text;                         // "{bos}" and "{eos}" stand for the tokenizer's own
    size_t record_begin = 0, record_end = 0;  // bytes of `text` that are the record's
  };
  std::vector<Part> wrap(std::span<const ChatTurn> turns) const;
  void put(std::vector<Part>& parts, const std::string& form, const ChatTurn* turn) const;
  ChatTurn with_system(const ChatTurn& system, const ChatTurn& user) const;
  int32_t special_id(const Tokenizer& tokenizer, const std::string& token) const;

  std::string name_, about_;
  std::vector<std::string> markers_;              // all of them stand in a model's own template
  std::vector<std::string> unless_;               // none of these does
  std::vector<std::string> specials_;             // written as tokens, never as text
  std::string begin_;                             // in front of everything
  std::string system_, user_, assistant_, open_;  // "{content}" is the turn's
  std::string system_in_user_;  // the first user turn where a system turn stands before it:
                                // "{system}" and "{content}"; "" where system_ is a turn of its own
  std::string default_system_;  // said where no system turn is given
  std::string end_;
  bool trim_ = false;  // white space off both ends of each turn
};

class ChatTemplates {
 public:
  // The text of chat-templates.toml; `name` stands in errors. Error E0343: what is wrong with it.
  static ChatTemplates parse(std::string_view toml, const std::string& name);
  // Error E0344 naming the choices.
  const ChatTemplate& named(const std::string& name) const;
  // By the markers in a model's own template; "" (no template of its own): "plain". Error E0345,
  // naming the choices, when none fits.
  const ChatTemplate& detect(std::string_view own_template, const std::string& model) const;
  std::vector<std::string> names() const;

 private:
  std::vector<ChatTemplate> templates_;
};

}  // namespace gantry
