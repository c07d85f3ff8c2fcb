// What the stream over the store needs of a case beside cases.h.
#pragma once

#include "records/record.h"
#include "study/cases.h"
#include "study/open_report.h"

namespace gantry {

// Whose report it is: see Case::patient.
std::string patient_key(const Record& record, const Settings& settings);

}  // namespace gantry
