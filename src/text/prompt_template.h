// A prompt over a record's fields: "Diagnosis ({sex}, {age}):\n{text}\nModality:". "{{" and "}}"
// are braces.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

struct FilledPrompt {
  std::string text;
  size_t text_begin = 0, text_end = 0;  // bytes of `text` that came from the field "text"
};

class PromptTemplate {
 public:
  // `name` stands in errors ("task rt-modality, prompt"). Error E0348: a brace that is not closed,
  // an empty or repeated {text}, a name with other characters than letters, digits, '_' and '-'.
  static PromptTemplate parse(std::string_view source, std::string name);

  const std::vector<std::string>& fields() const { return fields_; }  // in order, once each
  // Error E0349 naming the first field that is not among `available`, and those that are.
  void check_fields(const std::vector<std::string>& available) const;
  // Error E0349 when the record (`id`) lacks a field that the template names.
  FilledPrompt fill(const std::map<std::string, std::string>& record, const std::string& id) const;

 private:
  struct Part {
    bool field = false;
    std::string text;  // literal, or the field's name
  };
  std::string name_;
  std::vector<Part> parts_;
  std::vector<std::string> fields_;
};

}  // namespace gantry
