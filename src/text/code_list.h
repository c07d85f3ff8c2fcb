// A code list: an edition of ICD-10-CM, or a site's own list of codes with titles.
//
//   CodeList all = read_code_list(file, "icd10cm-2026-04");
//   CodeList allowed = all.subset("C00-D49", /*billable_only=*/true);
//   allowed.find("c7951")  ->  row of C79.51;  allowed[row].title
//
// One canonical form inside: upper case, a dot behind the third character (ICD-10-CM), without a
// dot where nothing follows. On input the dot may be there or not.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gantry {

struct Code {
  std::string code;                  // canonical: "C79.51"
  std::string title;                 // "Secondary malignant neoplasm of bone"
  std::vector<std::string> terms;    // inclusion terms beneath the title, where the source has them
  int32_t parent = -1;               // row of the code one level up, -1 for a category
  bool billable = true;              // a leaf of the edition
  std::string valid_from, valid_to;  // YYYY-MM-DD or ""
};

// "c79.51 ", "C7951" -> "C79.51". "" when the text cannot be a code: other than letters and digits,
// shorter than three characters, longer than fifteen.
std::string canonical_code(std::string_view text);
// The code without its dot: "C7951".
std::string undotted_code(std::string_view canonical);
// Titles are fields of a tab-separated file: white space of any kind becomes one blank.
std::string one_line_title(std::string_view text);
// The first `characters` characters, the dot not counted, still canonical: ("C79.51", 4) ->
// "C79.5".
std::string shortened_code(std::string_view canonical, size_t characters);

class CodeList {
 public:
  // Sorts by code, finds parents, refuses duplicates. E0371: a code twice (names the rows), a row
  // that is no code, no code at all. `lines` gives each code's line in the source, for messages.
  CodeList(std::string name, std::string edition, std::vector<Code> codes,
           std::span<const int64_t> lines = {});

  const std::string& name() const { return name_; }        // "icd10cm-2026-04"
  const std::string& edition() const { return edition_; }  // the source's own word: "2026"
  // SHA-256 of the canonical TSV of this list (to_tsv): changes with any code, title or validity.
  const std::string& hash() const { return hash_; }

  size_t size() const { return codes_.size(); }
  const Code& operator[](size_t row) const { return codes_[row]; }
  std::span<const Code> codes() const { return codes_; }
  int32_t find(std::string_view code) const;  // in any form; -1: not in the list
  // The row, its parent, and so on up to the category.
  std::vector<int32_t> line_of(int32_t row) const;
  std::vector<int32_t> children(int32_t row) const;

  // Codes within ranges: "C00-D49", "C00-D49,L91.0,M61", "" for all. A range takes in everything
  // whose first characters lie within it (D49 takes in D49.9). Not billable ones stay as parents'
  // rows only when asked for. E0372: not a range, or nothing lies in it.
  CodeList subset(std::string_view ranges, bool billable_only) const;

  // Tab-separated with a header: code, title, billable, valid_from, valid_to, terms (parted by
  // "|").
  std::string to_tsv() const;

 private:
  std::string name_, edition_, hash_;
  std::vector<Code> codes_;  // by undotted code
  std::unordered_map<std::string, int32_t> row_;
};

}  // namespace gantry
