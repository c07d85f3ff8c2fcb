// Sections: a report cut at its headings.
//
//   SectionTable table = SectionTable::load("tasks/headings.toml");
//   Sections cut = table.cut("【臨床情報】\n乳癌術後。\n【診断】\n骨転移なし。");
//   cut.text_of("diagnosis");  // "骨転移なし。"
//
// Headings are data: names by kind, and the marks hospitals put around them. Any order, Japanese or
// English, full or half width. A name inside a sentence does not cut. Thread-safe once loaded.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

struct Section {
  std::string kind;     // "indication", "findings", "diagnosis", another kind of the table, or ""
                        // for what stands before the first heading
  std::string heading;  // as written, with its marks: "【臨床情報】"; "" where a section goes on
                        // behind a remark ("比較: 前回CT") that has its own kind
  std::string body;           // original text without surrounding white space
  size_t begin = 0, end = 0;  // of the body, in bytes of the report
};

struct Sections {
  std::vector<Section> parts;        // in the order of the report
  std::vector<std::string> missing;  // of the wanted kinds, those not found or without a body

  // All bodies of a kind, joined by a newline; "" when there is none.
  std::string text_of(std::string_view kind) const;
};

class SectionTable {
 public:
  // Error E0301: not readable as a heading table (unknown key, wrong type, a name in two kinds).
  static SectionTable load(const std::filesystem::path& path);
  static SectionTable parse(std::string_view toml, const std::string& name);
  SectionTable(SectionTable&&) noexcept;
  SectionTable& operator=(SectionTable&&) noexcept;
  ~SectionTable();

  // `text` is UTF-8, original. `wanted` kinds that are not found are told in `missing`.
  Sections cut(std::string_view text, const std::vector<std::string>& wanted = {
                                          "indication", "findings", "diagnosis"}) const;
  std::vector<std::string> kinds() const;

 private:
  struct State;
  explicit SectionTable(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gantry
