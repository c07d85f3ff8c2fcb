// Small pieces of HTML: escaped text, figures with their interval and n.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/report_section.h"
#include "stats/estimate.h"

namespace gantry {

std::string escape_html(std::string_view text);

// "0.947 (0.856 to 0.982)", or "not defined". Three decimals; never a figure without the n beside
// it in its table.
std::string figure_text(const Estimate& estimate, int decimals = 3);
// The same with ", n = 57" or, for a proportion, ", 54 of 57".
std::string figure_with_n(const Estimate& estimate, int decimals = 3);
// In Japanese: "0.947（0.856〜0.982）、54/57"; "0.930（0.879〜0.972）、n = 140"; "定義されない、n =
// 0".
std::string figure_with_n_ja(const Estimate& estimate, int decimals = 3);
Words figure_words(const Estimate& estimate, int decimals = 3);  // both

}  // namespace gantry
