#include "records/jsonl_reader.h"

#include <algorithm>

#include "base/strings.h"
#include "records/json_text.h"

namespace gantry {

namespace {

bool holds_nul(const Row& row) {
  return std::any_of(row.values.begin(), row.values.end(),
                     [](const std::string& v) { return v.find('\0') != v.npos; });
}

}  // namespace

JsonlReader::JsonlReader(std::unique_ptr<TextSource> source, const RowReaderOptions& options)
    : SourceReader(std::move(source), options) {
  note_encoding();
}

size_t JsonlReader::find_line_end() {
  for (size_t from = 0;;) {
    std::string_view view = source_->view();
    size_t end = view.find('\n', from);
    if (end != view.npos) return end;
    if (view.size() > options_.max_row_bytes) return view.npos;
    from = view.size();
    if (!source_->fill()) return from;
  }
}

RowReader::Next JsonlReader::next() {
  for (;;) {
    size_t end = find_line_end();
    std::string_view view = source_->view();
    if (view.empty()) {
      note_encoding();
      return Next::end;
    }
    if (end == view.npos || end > options_.max_row_bytes) {
      set_aside("row_too_long",
                "longer than " + format_bytes(static_cast<double>(options_.max_row_bytes)),
                options_.max_row_bytes);
      skip_line("\n");
      return Next::rejected;
    }
    size_t whole = end < view.size() ? end + 1 : end;
    std::string_view text = trim(view.substr(0, end));
    Next outcome = Next::row;
    if (auto problem = unusable(end)) {
      outcome = set_aside(problem->first, problem->second, end);
    } else if (!text.empty()) {
      std::string wrong = read_json_object(text, row_);
      if (!wrong.empty())
        outcome = set_aside("bad_json", std::move(wrong), end);
      else if (holds_nul(row_))
        outcome = set_aside("nul_byte", "a NUL character (\\u0000)", end);
    }
    bool blank = text.empty();
    row_.line = line_;
    source_->consume(whole);
    ++line_;
    if (!blank || outcome == Next::rejected) return outcome;
  }
}

}  // namespace gantry
