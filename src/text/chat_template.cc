#include "text/chat_template.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "text/tokenizer.h"

namespace gantry {

namespace {

constexpr std::string_view kContent = "{content}", kSystem = "{system}";
constexpr std::string_view kBegin = "{bos}", kEnd = "{eos}", kBefore = "{before}";

[[noreturn]] void wrong_order(const std::string& what) {
  throw Error("E0341", "a conversation in which " + what,
              "Give an optional system turn, then user and assistant in turns, a user turn last.");
}

void check_order(std::span<const ChatTurn> turns) {
  size_t i = 0;
  if (!turns.empty() && turns[0].role == ChatRole::kSystem) i = 1;
  if (i == turns.size()) wrong_order("nobody asks anything");
  for (bool user = true; i < turns.size(); ++i, user = !user) {
    if (turns[i].role == ChatRole::kSystem) wrong_order("a system turn is not the first");
    if ((turns[i].role == ChatRole::kUser) != user) wrong_order("one speaks twice in a row");
  }
  if (turns.back().role != ChatRole::kUser) wrong_order("the last turn is an answer");
}

// White space off both ends, as Python's str.strip() does for ASCII.
ChatTurn trimmed(const ChatTurn& turn) {
  const std::string_view kept = trim(turn.content);
  const auto before = static_cast<size_t>(kept.data() - turn.content.data());
  const auto moved = [&](size_t at) {
    return std::min(at > before ? at - before : 0, kept.size());
  };
  ChatTurn out{turn.role, std::string(kept), moved(turn.text_begin), moved(turn.text_end)};
  return out;
}

// The first of `names` in `text`, and where; npos: none.
std::pair<size_t, std::string_view> first_of(std::string_view text,
                                             std::span<const std::string_view> names) {
  std::pair<size_t, std::string_view> found = {std::string_view::npos, {}};
  for (std::string_view name : names)
    if (const size_t at = text.find(name); at < found.first) found = {at, name};
  return found;
}

}  // namespace

// The turn with the system's words inside, where the model has no system turns.
ChatTurn ChatTemplate::with_system(const ChatTurn& system, const ChatTurn& user) const {
  ChatTurn out{ChatRole::kUser, {}};
  std::string_view form = system_in_user_;
  const std::string_view places[] = {kContent, kSystem};
  for (;;) {
    const auto [at, name] = first_of(form, places);
    out.content += form.substr(0, at);
    if (at == std::string_view::npos) break;
    if (name == kContent && user.text_end > user.text_begin) {
      out.text_begin = out.content.size() + user.text_begin;
      out.text_end = out.content.size() + user.text_end;
    }
    out.content += name == kContent ? user.content : system.content;
    form.remove_prefix(at + name.size());
  }
  return out;
}

// Appends `form` with the turn's words in it. Special tokens are looked for in the form alone.
void ChatTemplate::put(std::vector<Part>& parts, const std::string& form,
                       const ChatTurn* turn) const {
  std::vector<std::string_view> marks = {kContent, kBegin, kEnd, kBefore};
  marks.insert(marks.end(), specials_.begin(), specials_.end());
  const auto text = [&]() -> Part& {
    if (parts.empty() || parts.back().special) parts.emplace_back();
    return parts.back();
  };
  std::string_view left = form;
  while (!left.empty()) {
    const auto [at, mark] = first_of(left, marks);
    if (at > 0) text().text += left.substr(0, at);
    if (at == std::string_view::npos) break;
    if (mark == kContent) {
      GANTRY_CHECK(turn);
      Part& part = text();
      if (turn->text_end > turn->text_begin) {
        part.record_begin = part.text.size() + turn->text_begin;
        part.record_end = part.text.size() + turn->text_end;
      }
      part.text += turn->content;
    } else {
      parts.push_back({true, std::string(mark)});
    }
    left.remove_prefix(at + mark.size());
  }
}

std::vector<ChatTemplate::Part> ChatTemplate::wrap(std::span<const ChatTurn> given) const {
  check_order(given);
  std::vector<ChatTurn> turns(given.begin(), given.end());
  if (turns[0].role != ChatRole::kSystem && !default_system_.empty())
    turns.insert(turns.begin(), ChatTurn{ChatRole::kSystem, default_system_});
  if (turns[0].role == ChatRole::kSystem && !system_in_user_.empty()) {
    turns[1] = with_system(turns[0], turns[1]);
    turns.erase(turns.begin());
  }
  std::vector<Part> parts;
  put(parts, begin_, nullptr);
  for (ChatTurn& turn : turns) {
    if (trim_) turn = trimmed(turn);
    put(parts,
        turn.role == ChatRole::kSystem ? system_
        : turn.role == ChatRole::kUser ? user_
                                       : assistant_,
        &turn);
  }
  put(parts, open_, nullptr);
  return parts;
}

int32_t ChatTemplate::special_id(const Tokenizer& tokenizer, const std::string& token) const {
  const int32_t id = token == kBegin ? tokenizer.begin_id()
                     : token == kEnd ? tokenizer.end_id()
                                     : tokenizer.id(token);
  if (id >= 0) return id;
  throw Error("E0342",
              "the tokenizer (" + tokenizer.description() + ") has no token " + token +
                  ", which the chat template '" + name_ + "' is made of",
              "Choose the template that the model was tuned with, or plain for a base model.");
}

PromptIds ChatTemplate::prompt(const Tokenizer& tokenizer, std::span<const ChatTurn> turns) const {
  PromptIds out;
  for (const Part& part : wrap(turns)) {
    if (part.special && part.text == kBefore) {
      const auto before = tokenizer.specials_before();
      out.ids.insert(out.ids.end(), before.begin(), before.end());
      continue;
    }
    if (part.special) {
      out.ids.push_back(special_id(tokenizer, part.text));
      continue;
    }
    const Encoding encoding = tokenizer.encode_plain(part.text);
    const auto base = static_cast<int64_t>(out.ids.size());
    out.ids.insert(out.ids.end(), encoding.ids.begin(), encoding.ids.end());
    if (part.record_end <= part.record_begin) continue;
    // Tokens that lie wholly within the record's bytes.
    size_t first = 0, last = encoding.ids.size();
    while (first < last && encoding.offsets[first].begin < part.record_begin) ++first;
    while (last > first && encoding.offsets[last - 1].end > part.record_end) --last;
    out.text_begin = base + static_cast<int64_t>(first);
    out.text_end = base + static_cast<int64_t>(last);
  }
  return out;
}

std::vector<int32_t> ChatTemplate::answer(const Tokenizer& tokenizer, std::string_view text) const {
  std::vector<int32_t> ids = tokenizer.encode_plain(trim_ ? trim(text) : text).ids;
  ids.push_back(end_id(tokenizer));
  return ids;
}

int32_t ChatTemplate::end_id(const Tokenizer& tokenizer) const {
  return special_id(tokenizer, end_);
}

std::string ChatTemplate::text(std::span<const ChatTurn> turns, std::string_view begin_token,
                               std::string_view end_token) const {
  std::string out;
  for (const Part& part : wrap(turns)) {
    if (!part.special || (part.text != kBegin && part.text != kEnd && part.text != kBefore))
      out += part.text;
    else if (part.text != kBefore)
      out += part.text == kBegin ? begin_token : end_token;
  }
  return out;
}

const ChatTemplate& ChatTemplates::named(const std::string& name) const {
  for (const ChatTemplate& known : templates_)
    if (known.name() == name) return known;
  std::string choices;
  for (const ChatTemplate& known : templates_)
    choices += "\n  " + known.name() + ": " + known.about();
  const std::string near = nearest_word(name, names());
  throw Error("E0344",
              "'" + name + "': no such chat template" +
                  (near.empty() ? "" : "; did you mean '" + near + "'?"),
              "Choose one of:" + choices);
}

const ChatTemplate& ChatTemplates::detect(std::string_view own_template,
                                          const std::string& model) const {
  if (own_template.empty()) return named("plain");
  const ChatTemplate* best = nullptr;
  for (const ChatTemplate& known : templates_) {
    const auto stands = [&](const std::string& mark) {
      return own_template.find(mark) != std::string_view::npos;
    };
    if (known.markers_.empty() ||
        !std::all_of(known.markers_.begin(), known.markers_.end(), stands) ||
        std::any_of(known.unless_.begin(), known.unless_.end(), stands))
      continue;
    if (!best || known.markers_.size() > best->markers_.size()) best = &known;
  }
  if (best) return *best;
  std::string choices;
  for (const ChatTemplate& known : templates_)
    choices += "\n  " + known.name() + ": " + known.about();
  throw Error("E0345",
              model +
                  ": its own chat template is of no kind that Gantry knows, and templates are "
                  "never run",
              "Say which kind the model was tuned with:" + choices);
}

std::vector<std::string> ChatTemplates::names() const {
  std::vector<std::string> out;
  for (const ChatTemplate& known : templates_) out.push_back(known.name());
  return out;
}

}  // namespace gantry
