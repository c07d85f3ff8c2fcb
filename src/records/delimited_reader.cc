#include "records/delimited_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include "base/error.h"
#include "base/strings.h"

namespace gantry {
namespace {

// A quoted cell is followed this many times the allowed length before its quote counts as stray.
constexpr size_t kLookAhead = 2;
constexpr std::string_view kDelimiters = ",\t;|";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

DelimitedReader::DelimitedReader(std::unique_ptr<TextSource> source,
                                 const RowReaderOptions& options)
    : SourceReader(std::move(source), options) {
  choose_delimiter();
  read_header();
  note_encoding();
}

// By the header's line: the one that occurs most outside quotes. "sep=;" (Excel) says it outright.
void DelimitedReader::choose_delimiter() {
  while (find_line_end(source_->view()) == std::string_view::npos && source_->fill())
    if (source_->view().size() > options_.max_row_bytes) break;
  std::string_view view = source_->view();
  std::string_view line = view.substr(0, find_line_end(view));
  delimiter_ = options_.delimiter;
  if (line.size() == 5 && line.starts_with("sep=")) {
    if (!delimiter_) delimiter_ = line[4];
    skip_line();
  } else if (!delimiter_ && about_.format == RowFormat::tsv) {
    delimiter_ = '\t';
  } else if (!delimiter_) {
    std::array<size_t, kDelimiters.size()> counts{};
    bool quoted = false;
    for (char c : line) {
      if (c == '"') quoted = !quoted;
      size_t which = kDelimiters.find(c);
      if (!quoted && which != kDelimiters.npos) ++counts[which];
    }
    delimiter_ = kDelimiters[std::max_element(counts.begin(), counts.end()) - counts.begin()];
  }
  about_.delimiter = delimiter_;
}

void DelimitedReader::read_header() {
  do {
    Scan found = scan();
    const char* wrong = found == Scan::end                  ? "there is no header"
                        : found == Scan::unterminated_quote ? "a quote in the header is not closed"
                        : found == Scan::text_after_quote   ? "the header's quotes are wrong"
                        : found == Scan::too_long           ? "the first line is too long"
                        : unusable(row_bytes_)              ? "the header cannot be read"
                                                            : nullptr;
    if (wrong)
      throw Error("E0204", source_->name() + ", line " + std::to_string(line_) + ": " + wrong,
                  "The first line names the columns.");
    take_cells();
    count_lines();
    source_->consume(row_bytes_);
  } while (blank());

  std::unordered_set<std::string> seen;
  for (size_t i = 0; i < row_.values.size(); ++i) {
    std::string_view value = row_.values[i];
    if (value.starts_with(kByteOrderMark)) value.remove_prefix(kByteOrderMark.size());
    std::string name(trim(value));
    if (name.empty()) name = "column " + std::to_string(i + 1);
    std::string unique = name;
    for (int n = 2; !seen.insert(unique).second; ++n)
      unique = name + " (" + std::to_string(n) + ")";
    about_.columns.push_back(std::move(unique));
  }
  row_.names = about_.columns;
  row_.kinds.assign(row_.names.size(), Row::Kind::text);
}

void DelimitedReader::end_cell() {
  if (place_ != Place::after_quote) cell_.end = at_;
  cells_.push_back(cell_);
  place_ = Place::cell_start;
}

// Takes the byte at at_, or the run of bytes that mean nothing. False when more input is needed to
// tell what it is.
bool DelimitedReader::scan_byte(std::string_view view) {
  char c = view[at_];
  if (place_ == Place::quoted) {
    const void* quote = std::memchr(view.data() + at_, '"', view.size() - at_);
    if (!quote) {
      at_ = view.size();
      return true;
    }
    at_ = static_cast<const char*>(quote) - view.data();
    if (at_ + 1 == view.size()) return false;
    if (view[at_ + 1] == '"') {
      at_ += 2;
    } else {
      cell_.end = at_++;
      place_ = Place::after_quote;
    }
    return true;
  }
  if (c == '\r' && at_ + 1 == view.size()) return false;
  if (place_ == Place::cell_start) {
    cell_ = {at_, at_, c == '"'};
    place_ = c == '"' ? Place::quoted : Place::plain;
    if (c == '"') {
      cell_.begin = ++at_;
      return true;
    }
  }
  if (c == delimiter_) {
    end_cell();
    ++at_;
  } else if (c == '\n' || c == '\r') {
    end_cell();
    row_bytes_ = at_ + line_end_length(view, at_);
    row_done_ = true;
  } else if (place_ == Place::after_quote) {
    bad_quote_ = true;
  } else {
    do ++at_;
    while (at_ < view.size() && view[at_] != delimiter_ && view[at_] != '\n' && view[at_] != '\r');
  }
  return true;
}

DelimitedReader::Scan DelimitedReader::scan() {
  cells_.clear();
  at_ = 0;
  place_ = Place::cell_start;
  row_done_ = bad_quote_ = false;
  for (;;) {
    std::string_view view = source_->view();
    bool known = true;
    while (known && !row_done_ && !bad_quote_ && at_ < view.size()) known = scan_byte(view);
    if (row_done_) return row_bytes_ > options_.max_row_bytes ? Scan::too_long : Scan::row;
    if (bad_quote_) return Scan::text_after_quote;
    size_t limit = options_.max_row_bytes * (place_ == Place::quoted ? kLookAhead : 1);
    if (view.size() > limit) {
      row_bytes_ = 0;  // its end was not seen
      return Scan::too_long;
    }
    if (source_->fill()) continue;
    if (view.empty()) return Scan::end;
    bool closes = !known && place_ == Place::quoted;  // the file's last byte is the closing quote
    if (closes) {
      cell_.end = at_;
      place_ = Place::after_quote;
    }
    if (place_ == Place::quoted) return Scan::unterminated_quote;
    if (place_ == Place::cell_start) cell_ = {at_, at_, false};
    end_cell();
    row_bytes_ = view.size();
    return row_bytes_ > options_.max_row_bytes ? Scan::too_long : Scan::row;
  }
}

bool DelimitedReader::blank() const {
  return cells_.size() == 1 && !cells_[0].quoted && trim(row_.values[0]).empty();
}

void DelimitedReader::take_cells() {
  std::string_view view = source_->view();
  row_.values.resize(cells_.size());
  for (size_t i = 0; i < cells_.size(); ++i) {
    std::string_view raw = view.substr(cells_[i].begin, cells_[i].end - cells_[i].begin);
    std::string& value = row_.values[i];
    value.clear();
    if (cells_[i].quoted)
      for (size_t quote; (quote = raw.find('"')) != raw.npos; raw.remove_prefix(quote + 2))
        value.append(raw, 0, quote + 1);
    value.append(raw);
  }
}

void DelimitedReader::count_lines() {
  std::string_view row = source_->view().substr(0, row_bytes_);
  bool plain = std::none_of(cells_.begin(), cells_.end(), [](const Cell& c) { return c.quoted; });
  if (plain) {
    ++line_;
    return;
  }
  for (size_t at = 0; (at = find_line_end(row, at)) != row.npos; ++line_)
    at += line_end_length(row, at);
}

RowReader::Next DelimitedReader::reject_line(const char* code, std::string reason) {
  std::string_view view = source_->view();
  set_aside(code, std::move(reason), std::min(find_line_end(view), view.size()));
  skip_line();
  return Next::rejected;
}

RowReader::Next DelimitedReader::next() {
  for (;;) {
    Scan found = scan();
    if (found == Scan::end) {
      note_encoding();
      return Next::end;
    }
    if (found == Scan::unterminated_quote)
      return reject_line("unterminated_quote", "a quote that is never closed");
    if (found == Scan::text_after_quote)
      return reject_line("text_after_quote", "text between a closing quote and the delimiter");
    if (found == Scan::too_long && row_bytes_ == 0)
      return reject_line(
          "row_too_long",
          "longer than " + format_bytes(static_cast<double>(options_.max_row_bytes)));
    Next outcome = Next::row;
    if (found == Scan::too_long) {
      outcome = set_aside(
          "row_too_long",
          "longer than " + format_bytes(static_cast<double>(options_.max_row_bytes)), row_bytes_);
    } else if (auto problem = unusable(row_bytes_)) {
      outcome = set_aside(problem->first, problem->second, row_bytes_);
    } else {
      take_cells();
      if (!blank() && cells_.size() != row_.names.size())
        outcome = set_aside("wrong_column_count",
                            std::to_string(cells_.size()) + " columns where the header has " +
                                std::to_string(row_.names.size()),
                            row_bytes_);
    }
    bool skip = outcome == Next::row && blank();
    row_.line = line_;
    count_lines();
    source_->consume(row_bytes_);
    if (!skip) return outcome;
  }
}

}  // namespace gantry
