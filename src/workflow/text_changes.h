// Changes that do not touch what a report means, as hospitals' systems and hurried people make
// them: for the robustness table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/sections.h"

namespace gantry {

// ASCII letters, digits and signs become full-width and full-width ones ASCII; katakana becomes
// half-width. Line breaks and spaces stay.
std::string change_widths(std::string_view text);
// Line breaks are taken out, as in exports that keep a report in one line.
std::string lose_line_breaks(std::string_view text);
// The sections in reverse order, each with its heading. Unchanged where fewer than two are found.
std::string swap_sections(std::string_view text, const SectionTable& table);
// One in `every` characters (at least one) is changed places with the next, left out, or doubled;
// by (seed, text) alone. Line breaks are left alone.
std::string make_typing_errors(std::string_view text, int64_t every, uint64_t seed);

}  // namespace gantry
