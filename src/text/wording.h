// Wording: abbreviations and foreign words of reports folded into one usual wording, by a table
// that is data. What one hospital writes as "bone mets, n.c." another writes as 「骨転移、不変」; a
// model that has seen one should read the other.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace gantry {

class Wording {
 public:
  // Lines "PATTERN<tab>REPLACEMENT" (PCRE2), applied in order; "#" begins a remark. Error E0362
  // with file and line.
  static Wording load(const std::filesystem::path& file);
  static Wording parse(std::string_view table, const std::string& name);
  Wording(Wording&&) noexcept;
  ~Wording();

  std::string fold(std::string_view text) const;  // valid UTF-8; thread-safe

 private:
  struct State;
  explicit Wording(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gantry
