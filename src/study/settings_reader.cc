// TOML and `key=value` words into Settings.
#include <toml++/toml.h>
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "study/settings_table.h"

namespace gantry {
namespace {

// Where a value came from, for messages.
struct Origin {
  std::string file;  // "study.toml", or "the word 'runs=x'"
  bool word = false;
  std::string at(const toml::node& node) const {
    if (word) return file;
    return file + ", line " + std::to_string(node.source().begin.line);
  }
};

[[noreturn]] void wrong_value(const SettingRow& row, const Origin& origin, const toml::node& node,
                              const std::string& what) {
  throw Error("E0503", origin.at(node) + ", " + std::string(row.key) + ": " + what,
              "Give " + expected_value(row) + ".");
}

std::string describe(const toml::node& node) {
  auto number = [](auto value) {
    toml::value<decltype(value)> shown(value);
    std::ostringstream out;
    out << toml::toml_formatter{shown};
    return out.str();
  };
  if (auto v = node.value_exact<std::string>()) return "the text \"" + *v + "\"";
  if (auto v = node.value_exact<int64_t>()) return "the number " + number(*v);
  if (auto v = node.value_exact<double>()) return "the number " + number(*v);
  if (auto v = node.value_exact<bool>()) return *v ? "true" : "false";
  if (node.is_array()) return "a list";
  if (node.is_table()) return "a table";
  return "a date or time";
}

// 0 -> "0": labels and report kinds are texts, but people write them as numbers.
std::optional<std::string> text_of(const toml::node& node) {
  if (auto v = node.value_exact<std::string>()) return *v;
  if (auto v = node.value_exact<int64_t>()) return std::to_string(*v);
  return std::nullopt;
}

bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (size_t i = 0; i < 10; ++i)
    if (i != 4 && i != 7 && (text[i] < '0' || text[i] > '9')) return false;
  int year = std::stoi(std::string(text.substr(0, 4)));
  int month = std::stoi(std::string(text.substr(5, 2)));
  int day = std::stoi(std::string(text.substr(8, 2)));
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const int days[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

// Reads one node into the place of one row.
struct Reader {
  const SettingRow& row;
  const Origin& origin;
  const toml::node& node;

  [[noreturn]] void wrong(const std::string& what) const { wrong_value(row, origin, node, what); }
  [[noreturn]] void wrong_type() const { wrong(describe(node) + " is of the wrong type"); }
  double in_range(double value) const {
    if (!(value >= row.low && value <= row.high)) wrong(describe(node) + " is out of range");
    return value;
  }

  void operator()(bool& value) const {
    auto given = node.value_exact<bool>();
    if (!given) wrong_type();
    value = *given;
  }
  void operator()(int64_t& value) const {
    auto given = node.value_exact<int64_t>();
    if (!given) wrong_type();
    in_range(static_cast<double>(*given));
    value = *given;
  }
  void operator()(double& value) const {
    std::optional<double> given = node.value_exact<double>();
    if (auto whole = node.value_exact<int64_t>()) given = static_cast<double>(*whole);
    if (!given) wrong_type();
    value = in_range(*given);
  }
  void operator()(std::string& value) const {
    if (row.words == "YYYY-MM-DD") return read_date(value);
    auto given = node.value_exact<std::string>();
    if (!given) wrong_type();
    if (!row.words.empty()) {
      auto words = split(row.words, '|');
      if (std::find(words.begin(), words.end(), *given) == words.end())
        wrong("\"" + *given + "\" is not among its words");
    }
    value = *given;
  }
  void read_date(std::string& value) const {
    if (auto date = node.value_exact<toml::date>()) {
      char text[32];
      std::snprintf(text, sizeof text, "%04d-%02d-%02d", date->year, date->month, date->day);
      value = text;
      return;
    }
    auto given = node.value_exact<std::string>();
    if (!given) wrong_type();
    if (!given->empty() && !is_date(*given)) wrong("\"" + *given + "\" is not a date");
    value = *given;
  }
  std::vector<std::string> texts(const toml::node& from) const {
    if (auto one = text_of(from)) return {*one};
    const toml::array* list = from.as_array();
    if (list == nullptr) wrong(describe(from) + " is of the wrong type");
    std::vector<std::string> out;
    for (const toml::node& item : *list) {
      auto text = text_of(item);
      if (!text) wrong("the list holds " + describe(item));
      out.push_back(*text);
    }
    return out;
  }
  void operator()(std::vector<std::string>& value) const { value = texts(node); }
  void operator()(std::vector<FieldFilter>& value) const {
    const toml::table* table = node.as_table();
    if (table == nullptr) wrong_type();
    value.clear();
    for (auto&& [column, values] : *table)
      value.push_back({std::string(column.str()), texts(values)});
  }
  void operator()(SamplingRule& value) const {
    if (auto word = node.value_exact<std::string>()) {
      if (*word != "none" && *word != "balanced") wrong("\"" + *word + "\" is not among its words");
      value = {*word, {}};
      return;
    }
    const toml::table* table = node.as_table();
    if (table == nullptr) wrong_type();
    value = {"fractions", {}};
    for (auto&& [label, share] : *table) {
      auto fraction = share.value<double>();
      if (!fraction || !(*fraction > 0 && *fraction <= 1))
        wrong("group \"" + std::string(label.str()) + "\" has " + describe(share));
      value.fraction[std::string(label.str())] = *fraction;
    }
    if (value.fraction.empty()) value.word = "none";
  }
  void operator()(ClassWeights& value) const {
    if (auto word = node.value_exact<std::string>()) {
      if (*word != "none" && *word != "balanced") wrong("\"" + *word + "\" is not among its words");
      value = {*word, {}};
      return;
    }
    const toml::array* list = node.as_array();
    if (list == nullptr || list->empty()) wrong_type();
    value = {"list", {}};
    for (const toml::node& item : *list) {
      auto weight = item.value<double>();
      if (!weight || !(*weight > 0 && *weight <= row.high)) wrong("a weight is " + describe(item));
      value.weight.push_back(*weight);
    }
  }
};

void read_value(Settings& settings, const SettingRow& row, const Origin& origin,
                const toml::node& node) {
  std::visit([&](auto place) { Reader{row, origin, node}(place(settings)); }, row.place);
}

const SettingRow* find_row(std::string_view key) {
  for (const SettingRow& row : setting_rows())
    if (row.key == key) return &row;
  return nullptr;
}

// The keys whose last part is `name`.
std::vector<const SettingRow*> rows_named(std::string_view name) {
  std::vector<const SettingRow*> found;
  for (const SettingRow& row : setting_rows())
    if (row.name() == name) found.push_back(&row);
  return found;
}

// Longer keys than any known one by this much are near none of them.
constexpr size_t kLongestNearKey = 80;

[[noreturn]] void unknown_key(const std::string& key, const std::string& at) {
  if (key.size() > kLongestNearKey)
    throw Error("E0502", at + ": unknown setting '" + key.substr(0, kLongestNearKey) + "...'",
                "docs/study.md lists every setting.");
  std::string section = key.substr(0, key.find('.'));
  std::string name = key.substr(key.rfind('.') + 1);
  std::vector<std::string> full, sections, names;
  for (const SettingRow& row : setting_rows()) {
    full.emplace_back(row.key);
    if (row.section() == section) names.emplace_back(row.name());
  }
  for (const SettingSection& known : setting_sections()) sections.emplace_back(known.name);
  std::string near;
  if (auto same_name = rows_named(name); !same_name.empty()) near = same_name.front()->key;
  if (near.empty() && key.find('.') != std::string::npos)
    if (std::string best = nearest_word(name, names); !best.empty()) near = section + "." + best;
  if (near.empty()) near = nearest_word(key, full);
  if (near.empty()) near = nearest_word(key, sections);
  if (near.empty() && key.find('.') == std::string::npos) {  // a short name, misspelt
    std::vector<std::string> all;
    for (const SettingRow& row : setting_rows()) all.emplace_back(row.name());
    if (std::string best = nearest_word(name, all); !best.empty())
      near = rows_named(best).front()->key;
  }
  throw Error("E0502", at + ": unknown setting '" + key + "'",
              near.empty() ? "docs/study.md lists every setting."
                           : "The nearest known one is '" + near + "'.");
}

// Sections and their keys.
void read_table(Settings& settings, const toml::table& table, const Origin& origin,
                const std::string& prefix, SettingsFile kind) {
  for (auto&& [key, node] : table) {
    std::string path = prefix + std::string(key.str());
    if (prefix.empty() && path == "task" && kind == SettingsFile::kTask) continue;
    if (const SettingRow* row = find_row(path)) {
      read_value(settings, *row, origin, node);
      continue;
    }
    auto sections = setting_sections();
    bool known = prefix.empty() && std::any_of(sections.begin(), sections.end(),
                                               [&](const auto& s) { return s.name == path; });
    if (!known) unknown_key(path, origin.at(node));
    if (!node.is_table())
      throw Error("E0503", origin.at(node) + ": '" + path + "' is a section, not a setting",
                  "Write [" + path + "] and its settings below it.");
    read_table(settings, *node.as_table(), origin, path + ".", kind);
  }
}

toml::table parse_toml(std::string_view text, const std::string& file) {
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    throw Error("E0501",
                file + ", line " + std::to_string(at.line) + ", column " +
                    std::to_string(at.column) + ": " + std::string(error.description()),
                "Correct the file; `gantry init` writes one with every setting explained.");
  }
}

bool is_text_row(const SettingRow& row) {
  return std::holds_alternative<std::string& (*)(Settings&)>(row.place);
}
bool is_list_row(const SettingRow& row) {
  return std::holds_alternative<std::vector<std::string>& (*)(Settings&)>(row.place);
}

// The row that `key` names, in full or by its last part; for tables of the user's own keys
// ("cohort.where.modality"), the table's row and the rest in `member`.
const SettingRow& row_of_word(const std::string& key, const std::string& word,
                              std::string& member) {
  if (const SettingRow* row = find_row(key)) return *row;
  for (const SettingRow& row : setting_rows())
    if (row.is_table() && key.starts_with(std::string(row.key) + ".")) {
      member = key.substr(row.key.size() + 1);
      return row;
    }
  auto found =
      key.find('.') == std::string::npos ? rows_named(key) : std::vector<const SettingRow*>{};
  if (found.size() == 1) return *found.front();
  if (found.empty()) unknown_key(key, "the word '" + word + "'");
  std::string candidates;
  for (size_t i = 0; i < found.size(); ++i)
    candidates += (i == 0                  ? ""
                   : i + 1 == found.size() ? " or "
                                           : ", ") +
                  std::string(found[i]->key);
  throw Error("E0504", "the word '" + word + "': several settings are called '" + key + "'",
              "Write " + candidates + ".");
}

// The right-hand side of a word as TOML, with quotes put where people leave them out.
toml::table parse_right_side(const SettingRow& row, const std::string& member,
                             const std::string& text, const std::string& word) {
  auto parse = [&](const std::string& value) -> std::optional<toml::table> {
    try {
      return toml::parse("v = " + value, std::string_view("word"));
    } catch (const toml::parse_error&) {
      return std::nullopt;
    }
  };
  auto plain = [](std::string value) { return toml::table{{"v", std::move(value)}}; };
  std::optional<toml::table> parsed = parse(text);
  bool single = parsed && parsed->size() == 1;  // no smuggled second line
  if (single && is_text_row(row) && !(*parsed)["v"].is_string() && !(*parsed)["v"].is_date())
    return plain(text);  // base=123 is a name
  if (!single) {
    if (is_list_row(row) || !member.empty()) {
      toml::array list;
      for (std::string_view item : split(text, ',')) list.push_back(std::string(trim(item)));
      if (text.empty()) list.clear();
      return toml::table{{"v", std::move(list)}};
    }
    if (text.find('\n') != std::string::npos && !is_text_row(row))
      throw Error("E0504", "the word '" + word + "' holds a line break", "Give one value.");
    return plain(text);
  }
  return std::move(*parsed);
}

}  // namespace

void read_settings_text(Settings& settings, std::string_view text, const std::string& file_name,
                        SettingsFile kind) {
  read_table(settings, parse_toml(text, file_name), Origin{file_name}, "", kind);
}

void read_settings_file(Settings& settings, const std::filesystem::path& path, SettingsFile kind) {
  read_settings_text(settings, read_file(path), path.filename().string(), kind);
}

void override_setting(Settings& settings, std::string_view given) {
  std::string word(given);
  size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0)
    throw Error("E0504", "the word '" + word + "' is not key=value",
                "Write for example runs=3 or split.test_sources=[\"hk\"].");
  std::string key(trim(std::string_view(word).substr(0, equals)));
  std::string text(trim(std::string_view(word).substr(equals + 1)));
  std::string member;
  const SettingRow& row = row_of_word(key, word, member);
  toml::table parsed = parse_right_side(row, member, text, word);
  const toml::node& value = *parsed.get("v");
  Origin origin{"the word '" + word + "'", true};
  if (member.empty()) return read_value(settings, row, origin, value);
  // One entry of a table: laid over the entries there are.
  Settings one;
  toml::table entry;
  entry.insert(member, value);
  read_value(one, row, origin, entry);
  std::visit(
      [&](auto place) {
        using Value = std::remove_reference_t<decltype(place(settings))>;
        if constexpr (std::is_same_v<Value, std::vector<FieldFilter>>) {
          auto& filters = place(settings);
          std::erase_if(filters, [&](const FieldFilter& f) { return f.column == member; });
          filters.push_back(place(one).front());
        } else if constexpr (std::is_same_v<Value, SamplingRule>) {
          auto& rule = place(settings);
          rule.word = "fractions";
          rule.fraction[member] = place(one).fraction.at(member);
        }
      },
      row.place);
}

}  // namespace gantry
