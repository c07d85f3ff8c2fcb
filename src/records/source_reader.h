// What the readers of CSV and of JSONL share: a decoded stream, a line number, rows set aside.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "records/row_reader.h"
#include "records/text_source.h"

namespace gantry {

class SourceReader : public RowReader {
 public:
  SourceReader(std::unique_ptr<TextSource> source, const RowReaderOptions& options);
  ~SourceReader() override;
  int64_t bytes_read() const override;
  const std::map<uint32_t, uint64_t>& private_use() const override;
  std::string sha256() override;

 protected:
  void note_encoding();  // into about_
  // Describes the row at the front of the view as rejected (it is not consumed).
  Next set_aside(const char* code, std::string reason, size_t row_bytes);
  // Code and reason when the row at the front holds bad bytes or a NUL.
  std::optional<std::pair<const char*, std::string>> unusable(size_t row_bytes) const;
  // Consumes the first physical line, however long it is; `ends` are the characters that end one.
  void skip_line(std::string_view ends = "\r\n");

  std::unique_ptr<TextSource> source_;
  RowReaderOptions options_;
  int64_t line_ = 1;  // of the front of the view
};

size_t find_line_end(std::string_view text, size_t from = 0);  // "\n" or "\r", or npos
size_t line_end_length(std::string_view text, size_t at);      // of "\r\n", "\n" or "\r" at `at`
std::string excerpt_of(std::string_view row);  // 200 characters, without control characters

}  // namespace gantry
