#include "text/code_list_readers.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace gantry {
namespace {

// Marks what has nothing beneath it as billable. `codes` may be in any order.
void leaves_are_billable(std::vector<Code>& codes) {
  std::vector<std::pair<std::string, size_t>> order;
  for (size_t i = 0; i < codes.size(); ++i) order.emplace_back(undotted_code(codes[i].code), i);
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) {
    codes[order[i].second].billable = i + 1 == order.size() ||
                                      !order[i + 1].first.starts_with(order[i].first) ||
                                      order[i + 1].first == order[i].first;
  }
}

class LineReader {
 public:
  LineReader(std::string_view bytes, std::string label, const char* code)
      : rest_(bytes), label_(std::move(label)), code_(code) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }
  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    ++number_;
    const size_t end = rest_.find('\n');
    line = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return true;
  }
  int64_t number() const { return number_; }
  [[noreturn]] void refuse(const std::string& what, const std::string& remedy) const {
    throw Error(code_, label_ + ", line " + std::to_string(number_) + ": " + what, remedy);
  }

 private:
  std::string_view rest_;
  std::string label_;
  const char* code_;
  int64_t number_ = 0;
};

constexpr const char* kOrderRemedy =
    "Give CMS's icd10cm_order_YYYY.txt as it is: order, code, 0 or 1, short title, long title in "
    "fixed columns.";

bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i != 4 && i != 7 && !std::isdigit(static_cast<unsigned char>(text[i]))) return false;
  }
  return true;
}

struct TsvColumns {
  int code = -1, title = -1, short_title = -1, billable = -1, from = -1, to = -1, terms = -1;
};

TsvColumns columns_of(std::string_view header, const LineReader& lines) {
  TsvColumns columns;
  const auto fields = split(header, '\t');
  for (size_t i = 0; i < fields.size(); ++i) {
    std::string name(trim(fields[i]));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const int at = static_cast<int>(i);
    if (name == "code") columns.code = at;
    if (name == "title" || name == "long" || name == "description") columns.title = at;
    if (name == "short") columns.short_title = at;
    if (name == "billable") columns.billable = at;
    if (name == "valid_from") columns.from = at;
    if (name == "valid_to") columns.to = at;
    if (name == "terms") columns.terms = at;
  }
  if (columns.title < 0) columns.title = columns.short_title;
  if (columns.code < 0 || columns.title < 0) {
    lines.refuse("the first line names no columns 'code' and 'title'",
                 "Begin the file with a line: code<tab>title, and perhaps billable, valid_from, "
                 "valid_to, terms.");
  }
  return columns;
}

bool is_yes(std::string_view text, const LineReader& lines) {
  for (std::string_view yes : {"1", "yes", "true", "Y", "y"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"0", "no", "false", "N", "n"}) {
    if (text == no) return false;
  }
  lines.refuse("billable is '" + std::string(text) + "'", "Write 1 or 0 there.");
}

Code tsv_code(std::span<const std::string_view> fields, const TsvColumns& columns,
              const LineReader& lines) {
  const auto field = [&](int column) {
    return column >= 0 && static_cast<size_t>(column) < fields.size()
               ? one_line_title(fields[static_cast<size_t>(column)])
               : std::string();
  };
  Code code{.code = field(columns.code), .title = field(columns.title)};
  if (canonical_code(code.code).empty() || code.title.empty()) {
    lines.refuse("'" + code.code + "' with the title '" + code.title + "' is no code and title",
                 "Give each line a code of 3 to 15 letters and digits, and a title.");
  }
  if (columns.billable >= 0) code.billable = is_yes(field(columns.billable), lines);
  code.valid_from = field(columns.from);
  code.valid_to = field(columns.to);
  for (const std::string& date : {code.valid_from, code.valid_to}) {
    if (!date.empty() && !is_date(date)) {
      lines.refuse("'" + date + "' is not a date", "Write dates as YYYY-MM-DD.");
    }
  }
  const std::string terms = field(columns.terms);
  for (std::string_view term : split(terms, '|')) {
    if (!trim(term).empty()) code.terms.emplace_back(trim(term));
  }
  return code;
}

}  // namespace

const char* format_words(CodeListFormat format) {
  switch (format) {
    case CodeListFormat::kTabularXml:
      return "ICD-10-CM tabular list (XML)";
    case CodeListFormat::kOrderFile:
      return "CMS order file";
    case CodeListFormat::kTsv:
      return "tab-separated";
  }
  return "";
}

CodeListFormat tell_code_list_format(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (trim(bytes.substr(0, 64)).starts_with("<")) return CodeListFormat::kTabularXml;
  const bool order = bytes.size() > 16 && bytes[5] == ' ' &&
                     std::all_of(bytes.begin(), bytes.begin() + 5,
                                 [](unsigned char c) { return std::isdigit(c) != 0; });
  return order ? CodeListFormat::kOrderFile : CodeListFormat::kTsv;
}

CodeList parse_order_file(std::string_view bytes, const std::string& name,
                          const std::string& label) {
  LineReader lines(bytes, label, "E0375");
  std::vector<Code> codes;
  std::vector<int64_t> numbers;
  for (std::string_view line; lines.next(line);) {
    if (trim(line).empty()) continue;
    if (line.size() < 17 || (line[14] != '0' && line[14] != '1')) {
      lines.refuse("not a line of an order file", kOrderRemedy);
    }
    const std::string code = canonical_code(line.substr(6, 7));
    const std::string_view long_title = line.size() > 77 ? line.substr(77) : std::string_view{};
    std::string title = one_line_title(long_title);
    if (title.empty()) title = one_line_title(line.substr(16, 60));
    if (code.empty() || title.empty()) lines.refuse("no code and title", kOrderRemedy);
    codes.push_back({.code = code, .title = title, .billable = line[14] == '1'});
    numbers.push_back(lines.number());
  }
  return CodeList(name, "", std::move(codes), numbers);
}

CodeList parse_code_tsv(std::string_view bytes, const std::string& name, const std::string& label,
                        const std::string& edition) {
  LineReader lines(bytes, label, "E0376");
  std::vector<Code> codes;
  std::vector<int64_t> numbers;
  TsvColumns columns;
  bool header = false;
  for (std::string_view line; lines.next(line);) {
    if (trim(line).empty() || line.starts_with('#')) continue;
    if (!header) {
      columns = columns_of(line, lines);
      header = true;
      continue;
    }
    codes.push_back(tsv_code(split(line, '\t'), columns, lines));
    numbers.push_back(lines.number());
  }
  if (columns.billable < 0) leaves_are_billable(codes);
  return CodeList(name, edition, std::move(codes), numbers);
}

CodeList read_code_list(const std::filesystem::path& file, const std::string& name) {
  const MappedFile mapped(file);
  switch (tell_code_list_format(mapped.text())) {
    case CodeListFormat::kTabularXml:
      return parse_tabular_xml(mapped.text(), name, file.string());
    case CodeListFormat::kOrderFile:
      return parse_order_file(mapped.text(), name, file.string());
    case CodeListFormat::kTsv:
      break;
  }
  return parse_code_tsv(mapped.text(), name, file.string());
}

}  // namespace gantry
