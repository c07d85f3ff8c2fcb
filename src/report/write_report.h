// Writes a test's report into a folder: report.html (one self-contained file), metrics.json,
// predictions.csv, a CSV of every table (Japanese in tables/ja), an SVG (Japanese in plots/ja) and
// a CSV of every plot, and test.json (all of it, to write the report again).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "report/page.h"
#include "report/test_report.h"

namespace gantry {

// Error E0102, E0802 (gnuplot failed; without gnuplot the plots are left out and the report says
// so).
void write_report(const TestReport& report, const std::filesystem::path& folder);

// The same of sections alone: report.html, report.json, tables, plots.
void write_sections(const PlainPage& page, const std::vector<ReportSection>& sections,
                    const std::filesystem::path& folder);

}  // namespace gantry
