// What the stream over the store needs of a case beside cases.h.
#pragma once

#include <string>
#include <string_view>

#include "records/record.h"
#include "study/cases.h"
#include "study/open_report.h"

namespace gantry {

// The section that a part of settings.sections.use is cut from: "diagnosis.focus" -> "diagnosis".
inline std::string section_of(std::string_view part) {
  return std::string(part.substr(0, part.find('.')));
}

// Behind a part's name: its concepts (focus.concepts) instead of its text.
inline constexpr std::string_view kConceptsPart = ".concepts";

// Whose report it is: see Case::patient.
std::string patient_key(const Record& record, const Settings& settings);

}  // namespace gantry
