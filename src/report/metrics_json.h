// metrics.json: every figure of a test, unrounded, without any text of a report.
#pragma once

#include <string>

#include "report/test_report.h"

namespace gantry {

std::string metrics_json(const TestReport& report);

}  // namespace gantry
