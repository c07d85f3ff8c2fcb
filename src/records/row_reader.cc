#include "records/row_reader.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "records/delimited_reader.h"
#include "records/jsonl_reader.h"
#include "records/text_source.h"

namespace gantry {
namespace {

constexpr std::string_view kBlank = " \t\r\n\v\f";

// Fills `source` until something other than white space is in view; false when nothing is.
bool find_first_character(TextSource& source, size_t& at) {
  for (;;) {
    at = source.view().find_first_not_of(kBlank);
    if (at != std::string_view::npos) return true;
    if (!source.fill()) return false;
  }
}

RowFormat format_by_name(const std::string& name) {
  size_t dot = name.rfind('.');
  std::string extension = dot == name.npos ? "" : name.substr(dot + 1);
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (extension == "jsonl" || extension == "ndjson" || extension == "json") return RowFormat::jsonl;
  if (extension == "tsv" || extension == "tab") return RowFormat::tsv;
  if (extension == "csv") return RowFormat::csv;
  return RowFormat::detect;
}

std::unique_ptr<RowReader> make(std::unique_ptr<TextSource> source, RowReaderOptions options) {
  size_t first = 0;
  if (!find_first_character(*source, first))
    throw Error("E0201", source->name() + ": the file is empty", "Export the reports again.");
  char c = source->view()[first];
  if (options.format == RowFormat::detect) options.format = format_by_name(source->name());
  if (options.format == RowFormat::detect)
    options.format = c == '{' || c == '[' ? RowFormat::jsonl : RowFormat::csv;
  if (options.format == RowFormat::jsonl && c == '[')
    throw Error("E0204", source->name() + ": a JSON array, not one object a line",
                "Write one JSON object a line (jq -c '.[]' reports.json > reports.jsonl).");
  if (options.format == RowFormat::jsonl)
    return std::make_unique<JsonlReader>(std::move(source), options);
  return std::make_unique<DelimitedReader>(std::move(source), options);
}

}  // namespace

int Row::find(std::string_view name) const {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<int>(i);
  return -1;
}

std::string_view name_of(RowFormat format) {
  switch (format) {
    case RowFormat::detect:
      return "detect";
    case RowFormat::csv:
      return "CSV";
    case RowFormat::tsv:
      return "TSV";
    case RowFormat::jsonl:
      return "JSONL";
  }
  return "";
}

std::unique_ptr<RowReader> RowReader::open(const std::filesystem::path& path,
                                           const RowReaderOptions& options) {
  return make(std::make_unique<TextSource>(path, options.encoding), options);
}

std::unique_ptr<RowReader> RowReader::over(std::string_view bytes, std::string name,
                                           const RowReaderOptions& options) {
  return make(std::make_unique<TextSource>(bytes, std::move(name), options.encoding), options);
}

SourceReader::SourceReader(std::unique_ptr<TextSource> source, const RowReaderOptions& options)
    : source_(std::move(source)), options_(options) {
  about_.name = source_->name();
  about_.format = options.format;
}

SourceReader::~SourceReader() = default;

void SourceReader::note_encoding() {
  const Detected& detected = source_->detected();
  about_.encoding = name_of(detected.encoding);
  about_.confidence = detected.confidence;
  about_.encoding_reason = detected.reason;
}

RowReader::Next SourceReader::set_aside(const char* code, std::string reason, size_t row_bytes) {
  rejected_.file = source_->name();
  rejected_.line = line_;
  rejected_.code = code;
  rejected_.reason = std::move(reason);
  rejected_.excerpt = excerpt_of(source_->view().substr(0, row_bytes));
  return Next::rejected;
}

std::optional<std::pair<const char*, std::string>> SourceReader::unusable(size_t row_bytes) const {
  if (auto bad = source_->bad_within(row_bytes)) return {{"bad_encoding", *bad}};
  size_t nul = source_->view().substr(0, row_bytes).find('\0');
  if (nul != std::string_view::npos)
    return {{"nul_byte", "a NUL character at byte " + std::to_string(nul + 1) + " of the row"}};
  return std::nullopt;
}

void SourceReader::skip_line(std::string_view ends) {
  for (;;) {
    std::string_view view = source_->view();
    size_t end = view.find_first_of(ends);
    bool cut = end != view.npos && view[end] == '\r' && end + 1 == view.size();
    if (end == view.npos) {
      source_->consume(view.size());
      if (!source_->fill()) return;
    } else if (cut && source_->fill()) {
      continue;  // is there a line feed behind the carriage return?
    } else {
      source_->consume(end + line_end_length(source_->view(), end));
      ++line_;
      return;
    }
  }
}

int64_t SourceReader::bytes_read() const { return source_->bytes_read(); }
const std::map<uint32_t, uint64_t>& SourceReader::private_use() const {
  return source_->private_use();
}
std::string SourceReader::sha256() { return source_->sha256(); }

size_t find_line_end(std::string_view text, size_t from) {
  for (size_t i = from; i < text.size(); ++i)
    if (text[i] == '\n' || text[i] == '\r') return i;
  return text.npos;
}

size_t line_end_length(std::string_view text, size_t at) {
  return text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1;
}

std::string excerpt_of(std::string_view row) {
  constexpr int kCharacters = 200;
  std::string out;
  int characters = 0;
  for (char c : trim(row)) {
    bool starts = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (starts && ++characters > kCharacters) break;
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c);
  }
  return out;
}

}  // namespace gantry
