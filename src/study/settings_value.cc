// Values of settings in words, in TOML and in JSON.
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "base/strings.h"
#include "study/settings_table.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

std::string number_text(double value) {
  if (value == 0) return "0";
  std::array<char, 32> buffer;
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return std::string(buffer.data(), end);
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          const char* digits = "0123456789ABCDEF";
          out += std::string("\\u00") + digits[(c >> 4) & 15] + digits[c & 15];
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

std::string key_text(std::string_view key) {
  bool bare = !key.empty();
  for (char c : key)
    bare = bare && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-');
  return bare ? std::string(key) : in_quotes(key);
}

template <typename Items, typename Render>
std::string list_text(const Items& items, std::string_view open, std::string_view close,
                      const Render& render) {
  std::string out(open);
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ", ";
    first = false;
    out += render(item);
  }
  return out += close;
}

struct ToToml {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return number_text(value); }
  std::string operator()(const std::string& value) const { return in_quotes(value); }
  std::string operator()(const std::vector<std::string>& value) const {
    return list_text(value, "[", "]", in_quotes);
  }
  std::string operator()(const std::vector<FieldFilter>& value) const {
    if (value.empty()) return "{}";
    return list_text(value, "{ ", " }", [this](const FieldFilter& filter) {
      return key_text(filter.column) + " = " + (*this)(filter.values);
    });
  }
  std::string operator()(const SamplingRule& value) const {
    if (value.word != "fractions") return in_quotes(value.word);
    return list_text(value.fraction, "{ ", " }", [](const auto& entry) {
      return key_text(entry.first) + " = " + number_text(entry.second);
    });
  }
  std::string operator()(const ClassWeights& value) const {
    if (value.word != "list") return in_quotes(value.word);
    return list_text(value.weight, "[", "]", number_text);
  }
};

struct ToJson {
  Json operator()(const std::vector<FieldFilter>& value) const {
    Json out = Json::object();
    for (const FieldFilter& filter : value) out[filter.column] = filter.values;
    return out;
  }
  Json operator()(const SamplingRule& value) const {
    return value.word == "fractions" ? Json(value.fraction) : Json(value.word);
  }
  Json operator()(const ClassWeights& value) const {
    return value.word == "list" ? Json(value.weight) : Json(value.word);
  }
  template <typename T>
  Json operator()(const T& value) const {
    return value;
  }
};

template <typename Visitor>
auto visit_value(const SettingRow& row, const Settings& settings, const Visitor& visitor) {
  // The table's places take a mutable Settings, for the parser; here it is only read.
  auto& readable = const_cast<Settings&>(settings);
  return std::visit([&](auto place) { return visitor(std::as_const(place(readable))); }, row.place);
}

std::string one_of(std::string_view words) {
  std::vector<std::string_view> parts = split(words, '|');
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += i + 1 == parts.size() ? " or " : ", ";
    out += in_quotes(parts[i]);
  }
  return out;
}

struct Expected {
  const SettingRow& row;
  std::string range() const {
    return "from " + number_text(row.low) + " to " +
           (row.high >= 1e6 ? with_commas(static_cast<int64_t>(row.high)) : number_text(row.high));
  }
  std::string operator()(bool) const { return "true or false"; }
  std::string operator()(int64_t) const { return "a whole number " + range(); }
  std::string operator()(double) const { return "a number " + range(); }
  std::string operator()(const std::string&) const {
    if (row.words.empty()) return "text";
    if (row.words == "YYYY-MM-DD") return "a date, YYYY-MM-DD, or \"\"";
    return one_of(row.words);
  }
  std::string operator()(const std::vector<std::string>&) const { return "a list of texts"; }
  std::string operator()(const std::vector<FieldFilter>&) const {
    return "a table of columns and values, { modality = [\"CT\"] }";
  }
  std::string operator()(const SamplingRule&) const {
    return "\"none\", \"balanced\" or fractions above 0 and up to 1 per group, { 0 = 0.2 }";
  }
  std::string operator()(const ClassWeights&) const {
    return "\"none\", \"balanced\" or a list of numbers above 0, one a label";
  }
};

}  // namespace

std::string expected_value(const SettingRow& row) {
  return visit_value(row, Settings{}, Expected{row});
}

std::string value_as_toml(const SettingRow& row, const Settings& settings) {
  return visit_value(row, settings, ToToml{});
}

Json settings_json(const Settings& settings, std::span<const std::string_view> sections) {
  Json out = Json::object();
  for (const SettingRow& row : setting_rows()) {
    bool wanted = sections.empty();
    for (std::string_view section : sections) wanted = wanted || section == row.section();
    if (wanted)
      out[std::string(row.section())][std::string(row.name())] =
          visit_value(row, settings, ToJson{});
  }
  return out;
}

std::string settings_hash(const Settings& settings, std::span<const std::string_view> sections) {
  return sha256_hex(settings_json(settings, sections).dump());
}

}  // namespace gantry
