// Dates as hospitals write them.
#pragma once

#include <string>
#include <string_view>

namespace gantry {

// "YYYY-MM-DD" for 2023-04-05, 2023/4/5, 2023.4.5, 20230405, 2023年4月5日, 令和5年4月5日,
// 令和元年5月1日, R5.4.5, H30/04/01, each in full or half width and with a weekday or a time of day
// behind; "" when it is none of these or no day of the calendar (2023-02-29, 昭和65年1月1日).
// Years from 1868 to 2199. A year of two digits without an era is refused: it is ambiguous.
std::string parse_date(std::string_view text);

}  // namespace gantry
