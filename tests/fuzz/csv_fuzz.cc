// CSV and TSV: any bytes end in rows, rows set aside or an Error; every line number moves on.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "records/record_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  RecordOptions options;
  options.rows.max_row_bytes = 256;
  options.rows.format = size % 3 == 0 ? RowFormat::tsv : RowFormat::csv;
  options.allowed_labels = {"0", "1", "2"};
  try {
    RecordReader reader(RowReader::over(bytes, "fuzz", options.rows), ColumnMap::usual(), options);
    int64_t line = 0;
    for (RowReader::Next next; (next = reader.next()) != RowReader::Next::end;) {
      bool row = next == RowReader::Next::row;
      int64_t now = row ? reader.record().line : reader.rejected().line;
      if (now <= line) std::abort();
      line = now;
      if (row && (reader.record().id.empty() || record_hash(reader.record()).size() != 64))
        std::abort();
    }
    if (reader.rows().bytes_read() != static_cast<int64_t>(size)) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
