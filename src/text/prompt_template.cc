#include "text/prompt_template.h"

#include <algorithm>

#include "base/error.h"

namespace gantry {

namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

}  // namespace

PromptTemplate PromptTemplate::parse(std::string_view source, std::string name) {
  PromptTemplate out;
  out.name_ = std::move(name);
  const auto fail = [&](size_t at, const std::string& what) {
    throw Error("E0348", out.name_ + ", character " + std::to_string(at + 1) + ": " + what,
                "Write {field} for a field of the record, {{ and }} for braces.");
  };
  std::string literal;
  for (size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    if (c != '{' && c != '}') {
      literal += c;
      continue;
    }
    if (i + 1 < source.size() && source[i + 1] == c) {
      literal += c;
      ++i;
      continue;
    }
    if (c == '}') fail(i, "a } without its {");
    const size_t close = source.find('}', i);
    if (close == std::string_view::npos) fail(i, "a { that is not closed");
    std::string field(source.substr(i + 1, close - i - 1));
    if (field.empty() || !std::all_of(field.begin(), field.end(), is_name_character))
      fail(i, "'{" + field + "}' is not the name of a field");
    const bool seen = std::find(out.fields_.begin(), out.fields_.end(), field) != out.fields_.end();
    if (seen && field == "text") fail(i, "{text} stands twice");
    if (!seen) out.fields_.push_back(field);
    if (!literal.empty()) out.parts_.push_back({false, std::move(literal)});
    literal.clear();
    out.parts_.push_back({true, std::move(field)});
    i = close;
  }
  if (!literal.empty()) out.parts_.push_back({false, std::move(literal)});
  return out;
}

void PromptTemplate::check_fields(const std::vector<std::string>& available) const {
  for (const std::string& field : fields_)
    if (std::find(available.begin(), available.end(), field) == available.end())
      throw Error("E0349", name_ + ": there is no field '" + field + "'",
                  "The records have: " + listed(available) + ".");
}

FilledPrompt PromptTemplate::fill(const std::map<std::string, std::string>& record,
                                  const std::string& id) const {
  FilledPrompt filled;
  for (const Part& part : parts_) {
    if (!part.field) {
      filled.text += part.text;
      continue;
    }
    const auto found = record.find(part.text);
    if (found == record.end()) {
      std::vector<std::string> names;
      for (const auto& [field, value] : record) names.push_back(field);
      throw Error("E0349", name_ + ", record " + id + ": it has no field '" + part.text + "'",
                  "The record has: " + listed(names) + ".");
    }
    if (part.text == "text") filled.text_begin = filled.text.size();
    filled.text += found->second;
    if (part.text == "text") filled.text_end = filled.text.size();
  }
  return filled;
}

}  // namespace gantry
