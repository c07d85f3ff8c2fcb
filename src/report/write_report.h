// Writes a test's report into a folder: report.html (one self-contained file), metrics.json,
// predictions.csv, a CSV of every table, an SVG of every plot, and test.json (all of it, to write
// the report again).
#pragma once

#include <filesystem>
#include <string>

#include "report/test_report.h"

namespace gantry {

// Error E0102, E0802 (gnuplot failed; without gnuplot the plots are left out and the report says
// so).
void write_report(const TestReport& report, const std::filesystem::path& folder);

}  // namespace gantry
