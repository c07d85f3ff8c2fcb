// JSON text written and read in passing: one flat row a line, other values kept as written.
#pragma once

#include <string>
#include <string_view>

#include "records/row_reader.h"

namespace gantry {

// Appends `text` (valid UTF-8) as a JSON string with its quotes.
void append_json_string(std::string_view text, std::string& out);

// Reads one JSON object into the columns of `row` (`line` is left alone); nested values and numbers
// keep their JSON text. Returns "" or what is wrong with it. Strict: RFC 8259, no duplicate keys,
// no lone surrogates, at most 4,096 columns.
std::string read_json_object(std::string_view text, Row& row);

}  // namespace gantry
