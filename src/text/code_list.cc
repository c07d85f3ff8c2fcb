#include "text/code_list.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/sha256.h"
#include "base/strings.h"

namespace gantry {
namespace {

constexpr size_t kCategory = 3;  // characters of a category: "C79"
constexpr size_t kLongest = 15;

std::string plain_code(std::string_view text) {
  std::string plain;
  for (char c : trim(text)) {
    if (c == '.' || c == ' ') continue;
    if (!std::isalnum(static_cast<unsigned char>(c))) return {};
    plain += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return plain;
}

struct Range {
  std::string first, last;  // undotted; compared over their own lengths
  bool holds(const std::string& code) const {
    return code.compare(0, std::min(code.size(), first.size()), first) >= 0 &&
           code.size() >= first.size() && code.compare(0, last.size(), last) <= 0;
  }
};

Range range_of(std::string_view text) {
  const size_t dash = text.find('-');
  Range range;
  range.first = plain_code(text.substr(0, dash));
  range.last = dash == std::string_view::npos ? range.first : plain_code(text.substr(dash + 1));
  if (range.first.size() < kCategory || range.last.size() < kCategory || range.last < range.first) {
    throw Error("E0372", "'" + std::string(text) + "' is not a range of codes",
                "Write ranges as C00-D49 or C79.5, parted by commas.");
  }
  return range;
}

std::string place_of(std::span<const int64_t> lines, size_t row) {
  return row < lines.size() ? "line " + std::to_string(lines[row])
                            : "row " + std::to_string(row + 1);
}

std::string joined(std::span<const std::string> parts) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : "|") + part;
  return all;
}

}  // namespace

std::string canonical_code(std::string_view text) {
  std::string code = plain_code(text);
  if (code.size() < kCategory || code.size() > kLongest) return {};
  if (code.size() > kCategory) code.insert(kCategory, ".");
  return code;
}

std::string undotted_code(std::string_view canonical) { return plain_code(canonical); }

std::string one_line_title(std::string_view text) {
  std::string line;
  for (char c : text) {
    const bool blank = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!blank) line += c;
    if (blank && !line.empty() && line.back() != ' ') line += ' ';
  }
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

std::string shortened_code(std::string_view canonical, size_t characters) {
  return canonical_code(plain_code(canonical).substr(0, std::max(characters, kCategory)));
}

CodeList::CodeList(std::string name, std::string edition, std::vector<Code> codes,
                   std::span<const int64_t> lines)
    : name_(std::move(name)), edition_(std::move(edition)) {
  if (codes.empty()) {
    throw Error("E0371", "the code list " + name_ + " holds no code",
                "Give a file with a code and a title a line.");
  }
  struct Row {
    std::string plain;
    size_t number;
  };
  std::vector<Row> order;
  for (size_t i = 0; i < codes.size(); ++i) {
    const std::string code = canonical_code(codes[i].code);
    if (code.empty()) {
      throw Error("E0371",
                  "the code list " + name_ + ", " + place_of(lines, i) + ": '" + codes[i].code +
                      "' is not a code",
                  "A code has 3 to 15 letters and digits; a dot behind the third is allowed.");
    }
    codes[i].code = code;
    order.push_back({undotted_code(code), i});
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Row& a, const Row& b) { return a.plain < b.plain; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i].plain != order[i - 1].plain) continue;
    throw Error("E0371",
                "the code list " + name_ + ": " + codes[order[i].number].code + " stands at " +
                    place_of(lines, order[i - 1].number) + " and at " +
                    place_of(lines, order[i].number),
                "Leave one of them.");
  }
  codes_.reserve(codes.size());
  row_.reserve(codes.size());
  for (const Row& row : order) {
    Code& code = codes_.emplace_back(std::move(codes[row.number]));
    for (size_t length = row.plain.size() - 1; length >= kCategory && code.parent < 0; --length) {
      // The nearest shorter code; a placeholder X has no code of its own.
      const auto found = row_.find(row.plain.substr(0, length));
      code.parent = found == row_.end() ? -1 : found->second;
    }
    row_.emplace(row.plain, static_cast<int32_t>(codes_.size()) - 1);
  }
  hash_ = sha256_hex(to_tsv());
}

int32_t CodeList::find(std::string_view code) const {
  const auto found = row_.find(plain_code(code));
  return found == row_.end() ? -1 : found->second;
}

std::vector<int32_t> CodeList::line_of(int32_t row) const {
  std::vector<int32_t> line;
  for (; row >= 0; row = codes_[static_cast<size_t>(row)].parent) line.push_back(row);
  return line;
}

std::vector<int32_t> CodeList::children(int32_t row) const {
  std::vector<int32_t> found;
  for (size_t i = static_cast<size_t>(row) + 1; i < codes_.size(); ++i) {
    if (codes_[i].parent == row) found.push_back(static_cast<int32_t>(i));
    // Sorted by code: what is beneath a code follows it at once.
    if (!undotted_code(codes_[i].code).starts_with(undotted_code(codes_[row].code))) break;
  }
  return found;
}

CodeList CodeList::subset(std::string_view ranges, bool billable_only) const {
  std::vector<Range> wanted;
  for (std::string_view part : split(ranges, ',')) {
    if (!trim(part).empty()) wanted.push_back(range_of(trim(part)));
  }
  std::vector<uint8_t> hit(wanted.size());
  std::vector<Code> kept;
  for (const Code& code : codes_) {
    const std::string plain = undotted_code(code.code);
    bool inside = wanted.empty();
    for (size_t r = 0; r < wanted.size(); ++r) {
      if (!wanted[r].holds(plain)) continue;
      inside = true;
      hit[r] = 1;
    }
    if (!inside || (billable_only && !code.billable)) continue;
    kept.push_back(code);
    kept.back().parent = -1;
  }
  for (size_t r = 0; r < wanted.size(); ++r) {
    if (hit[r]) continue;
    throw Error("E0372",
                "no code of " + name_ + " lies in " + wanted[r].first + "-" + wanted[r].last,
                "`gantry codes show CODE` tells what the list holds.");
  }
  return CodeList(name_, edition_, std::move(kept));
}

std::string CodeList::to_tsv() const {
  std::string out = "code\ttitle\tbillable\tvalid_from\tvalid_to\tterms\n";
  for (const Code& code : codes_) {
    out += code.code + '\t' + code.title + '\t' + (code.billable ? '1' : '0') + '\t' +
           code.valid_from + '\t' + code.valid_to + '\t' + joined(code.terms) + '\n';
  }
  return out;
}

}  // namespace gantry
