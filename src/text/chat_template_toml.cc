// Reading tasks/chat-templates.toml.
#include <toml++/toml.h>
#include <algorithm>
#include <optional>

#include "base/error.h"
#include "text/chat_template.h"

namespace gantry {

namespace {

constexpr std::string_view kKeys[] = {
    "about",     "markers", "unless",         "specials",       "begin", "system", "user",
    "assistant", "open",    "system_in_user", "default_system", "end",   "trim"};

struct Reader {
  const toml::table& table;
  std::string where;

  [[noreturn]] void fail(const std::string& what) const {
    throw Error("E0343", where + ": " + what,
                "Compare it with tasks/chat-templates.toml as delivered.");
  }
  std::string text(std::string_view key) const {
    const toml::node* node = table.get(key);
    if (!node) return {};
    if (!node->is_string()) fail("'" + std::string(key) + "' is not a text");
    return node->as_string()->get();
  }
  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> out;
    const toml::node* node = table.get(key);
    if (!node) return out;
    if (!node->is_array()) fail("'" + std::string(key) + "' is not a list");
    for (const toml::node& item : *node->as_array()) {
      const auto* value = item.as_string();
      if (!value || value->get().empty()) fail("'" + std::string(key) + "' holds no text");
      out.push_back(value->get());
    }
    return out;
  }
  bool flag(std::string_view key) const {
    const toml::node* node = table.get(key);
    if (node && !node->is_boolean()) fail("'" + std::string(key) + "' is not true or false");
    return node && node->as_boolean()->get();
  }
  void check_keys() const {
    for (const auto& [key, value] : table)
      if (std::find(std::begin(kKeys), std::end(kKeys), key.str()) == std::end(kKeys))
        fail("unknown key '" + std::string(key.str()) + "'");
  }
};

void check_holds(const Reader& in, const char* key, const std::string& form, const char* place) {
  const size_t at = form.find(place);
  if (at == std::string::npos || form.find(place, at + 1) != std::string::npos)
    in.fail(std::string("'") + key + "' must have " + place + " once");
}

}  // namespace

ChatTemplates ChatTemplates::parse(std::string_view toml_text, const std::string& name) {
  toml::table root;
  try {
    root = toml::parse(toml_text, name);
  } catch (const toml::parse_error& e) {
    throw Error("E0343",
                name + ", line " + std::to_string(e.source().begin.line) + ": " +
                    std::string(e.description()),
                "Compare it with tasks/chat-templates.toml as delivered.");
  }
  ChatTemplates all;
  for (const auto& [key, value] : root) {
    const toml::table* table = value.as_table();
    if (!table)
      throw Error("E0343", name + ": '" + std::string(key.str()) + "' is not a table",
                  "Compare it with tasks/chat-templates.toml as delivered.");
    const Reader in{*table, name + ", [" + std::string(key.str()) + "]"};
    in.check_keys();
    ChatTemplate t;
    t.name_ = key.str();
    t.about_ = in.text("about");
    t.markers_ = in.texts("markers");
    t.unless_ = in.texts("unless");
    t.specials_ = in.texts("specials");
    t.begin_ = in.text("begin");
    t.system_ = in.text("system");
    t.user_ = in.text("user");
    t.assistant_ = in.text("assistant");
    t.open_ = in.text("open");
    t.system_in_user_ = in.text("system_in_user");
    t.default_system_ = in.text("default_system");
    t.end_ = in.text("end");
    t.trim_ = in.flag("trim");
    check_holds(in, "user", t.user_, "{content}");
    check_holds(in, "assistant", t.assistant_, "{content}");
    if (t.system_in_user_.empty()) {
      check_holds(in, "system", t.system_, "{content}");
    } else {
      check_holds(in, "system_in_user", t.system_in_user_, "{content}");
      check_holds(in, "system_in_user", t.system_in_user_, "{system}");
    }
    for (const auto& [part, form] : {std::pair{"begin", &t.begin_}, std::pair{"open", &t.open_}})
      if (form->find("{content}") != std::string::npos)
        in.fail(std::string("'") + part + "' has {content}, which belongs to a turn");
    if (t.end_.empty()) in.fail("'end' is missing");
    all.templates_.push_back(std::move(t));
  }
  if (std::none_of(all.templates_.begin(), all.templates_.end(),
                   [](const ChatTemplate& t) { return t.name_ == "plain"; }))
    throw Error("E0343", name + ": it has no [plain]",
                "Compare it with tasks/chat-templates.toml as delivered.");
  return all;
}

}  // namespace gantry
