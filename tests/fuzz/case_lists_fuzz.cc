// The lists of a case in a cell (diagnoses, plans) and its date: what is read comes back the same
// from the form it is kept in. A cell is UTF-8: its reader has seen to that.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "records/case_lists.h"
#include "records/date.h"
#include "text/normalize.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  const std::string cell = repair_utf8({reinterpret_cast<const char*>(data), size});
  std::string wrong, again;
  const auto diagnoses = read_diagnoses(cell, wrong);
  if (wrong.empty() && !diagnoses.empty()) {
    const std::string kept = diagnoses_json(diagnoses);
    if (diagnoses_json(read_diagnoses(kept, again)) != kept || !again.empty()) std::abort();
  }
  wrong.clear();
  const auto plans = read_plans(cell, wrong);
  if (wrong.empty() && !plans.empty()) {
    const std::string kept = plans_json(plans);
    if (plans_json(read_plans(kept, again)) != kept || !again.empty()) std::abort();
  }
  const std::string date = parse_date(cell);
  if (!date.empty() && (date.size() != 10 || parse_date(date) != date)) std::abort();
  return 0;
}
