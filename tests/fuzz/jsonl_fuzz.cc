// JSONL: any bytes end in rows, rows set aside or an Error; the other fields stay JSON.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "records/record_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  RecordOptions options;
  options.rows.max_row_bytes = 4096;
  options.rows.format = RowFormat::jsonl;
  options.needs_id = options.needs_text = false;
  try {
    RecordReader reader(RowReader::over(bytes, "fuzz", options.rows), ColumnMap::usual(), options);
    int64_t line = 0;
    for (RowReader::Next next; (next = reader.next()) != RowReader::Next::end;) {
      bool row = next == RowReader::Next::row;
      int64_t now = row ? reader.record().line : reader.rejected().line;
      if (now <= line) std::abort();
      line = now;
      if (row && !nlohmann::json::accept(reader.record().fields_json)) std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
