// Code lists: XML, order file or TSV; what is read goes out as TSV and comes in alike.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/code_list_readers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (auto* parse : {&parse_tabular_xml, &parse_order_file}) {
    try {
      const CodeList list = (*parse)(bytes, "fuzz", "fuzz");
      if (parse_code_tsv(list.to_tsv(), "fuzz", "again").size() != list.size()) std::abort();
    } catch (const Error&) {
    }
  }
  try {
    const CodeList list = parse_code_tsv(bytes, "fuzz", "fuzz");
    for (size_t row = 0; row < list.size(); ++row) {
      if (list.find(list[row].code) != static_cast<int32_t>(row)) std::abort();
      if (list.line_of(static_cast<int32_t>(row)).empty()) std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
