// RowReader: rows of a CSV, TSV or JSONL file in any Japanese encoding, one at a time, in bounded
// memory.
//
//   auto reader = RowReader::open("ha.csv");
//   for (;;) switch (reader->next()) {
//       case RowReader::Next::row:      use(reader->row()); continue;
//       case RowReader::Next::rejected: keep(reader->rejected()); continue;
//       case RowReader::Next::end:      return;
//     }
//
// Bytes are decoded first and split after: in CP932 and ISO-2022-JP the second byte of a character
// may be a backslash, a quote or a comma. A row that cannot be used is set aside with its line and
// reading goes on after it. Not thread-safe; one object a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "records/record.h"

namespace gantry {

enum class RowFormat { detect, csv, tsv, jsonl };

struct RowReaderOptions {
  RowFormat format = RowFormat::detect;     // by the file's name, else by its first character
  std::string encoding;                     // "" detects; else a name find_encoding() knows
  char delimiter = 0;                       // 0 sniffs among , ; tab | (csv)
  size_t max_row_bytes = size_t{64} << 20;  // a longer row is set aside
};

struct Row {
  enum class Kind : uint8_t {
    text,  // a CSV cell or a JSON string
    json,  // a JSON number, true, false, array or object: `values` holds its JSON text as written
    null,  // JSON null: `values` holds ""
  };
  int64_t line = 0;  // first physical line of the row, from 1
  std::vector<std::string> names, values;
  std::vector<Kind> kinds;

  int find(std::string_view name) const;  // index of the column, or -1
};

class RowReader {
 public:
  enum class Next { row, rejected, end };

  // `path` "-" is standard input. Error E0101 (cannot be read), E0201 (empty file), E0202 (not a
  // text file), E0203 (encoding unknown or not to be told), E0204 (no usable header).
  static std::unique_ptr<RowReader> open(const std::filesystem::path& path,
                                         const RowReaderOptions& options = {});
  // The same over bytes in memory, which must outlive the reader.
  static std::unique_ptr<RowReader> over(std::string_view bytes, std::string name,
                                         const RowReaderOptions& options = {});
  virtual ~RowReader() = default;

  virtual Next next() = 0;  // Error E0101 when reading breaks off

  // Valid until the next call of next().
  const Row& row() const { return row_; }
  const RejectedRow& rejected() const { return rejected_; }

  // What was found out on opening.
  struct About {
    std::string name;       // file name without folders; "standard input"
    std::string encoding;   // "UTF-8", "CP932", ...
    double confidence = 1;  // of the encoding, 0 to 1; 1 when given or certain
    std::string encoding_reason;
    RowFormat format = RowFormat::csv;
    char delimiter = 0;
    std::vector<std::string> columns;  // of CSV and TSV; JSONL has none
  };
  const About& about() const { return about_; }

  virtual int64_t bytes_read() const = 0;  // of the file, so far
  // A hospital's own characters (U+E000 to U+F8FF) met so far, with their counts. They are kept.
  virtual const std::map<uint32_t, uint64_t>& private_use() const = 0;
  virtual std::string sha256() = 0;  // of the whole file; call after Next::end

 protected:
  Row row_;
  RejectedRow rejected_;
  About about_;
};

std::string_view name_of(RowFormat format);

}  // namespace gantry
