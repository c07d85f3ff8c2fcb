// A report's parts as HTML and CSV.
#pragma once

#include <map>
#include <string>

#include "report/report_section.h"

namespace gantry {

// Both languages, each in a span of its own; the page's style shows one. Line breaks are kept.
std::string words_html(const Words& words);
// As a figure or number is shown: "0.947 (0.856 to 0.982), 54 of 57"; "not defined, n = 0".
std::string cell_html(const Cell& cell);
enum class Language { kEnglish, kJapanese };
std::string cell_text(const Cell& cell, Language language = Language::kEnglish);  // plain

std::string table_html(const ReportTable& table);
// As shown; figures in columns of their own would part what belongs together, so the unrounded
// values are in metrics.json.
std::string table_csv(const ReportTable& table, Language language = Language::kEnglish);

// A drawing of the chart with its labels in Japanese, those that have one.
std::string svg_in_japanese(const std::string& svg, const Chart& chart);
std::string paragraphs_html(const ReportSection& section);
// Heading, paragraphs, charts (two side by side, or wide), tables. `svg` by chart name; "" or none:
// the page says that the plot is missing.
std::string section_html(const ReportSection& section,
                         const std::map<std::string, std::string>& svg);

}  // namespace gantry
