#include "records/date.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "text/normalize.h"

namespace gantry {
namespace {

struct Era {
  std::string_view name, letter;
  int year_before;          // year 1 of the era is this + 1
  int first_day, last_day;  // as YYYYMMDD
};
constexpr std::array<Era, 5> kEras = {{
    {"令和", "R", 2018, 20190501, 21991231},
    {"平成", "H", 1988, 19890108, 20190430},
    {"昭和", "S", 1925, 19261225, 19890107},
    {"大正", "T", 1911, 19120730, 19261224},
    {"明治", "M", 1867, 18680125, 19120729},
}};
constexpr int kFirstYear = 1868, kLastYear = 2199;

// A cursor over the text; every take...() consumes what it finds or nothing.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool at_end() const { return rest_.empty(); }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool take_any(std::initializer_list<std::string_view> words) {
    for (std::string_view word : words)
      if (take(word)) return true;
    return false;
  }
  void spaces() {
    while (take(" ")) {
    }
  }
  size_t digits_ahead() const {
    size_t n = 0;
    while (n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9') ++n;
    return n;
  }
  // A number of `least` to `most` digits that no further digit follows.
  std::optional<int> number(size_t least, size_t most) {
    size_t n = digits_ahead();
    if (n < least || n > most) return std::nullopt;
    return fixed(n);
  }
  std::optional<int> fixed(size_t digits) {
    if (digits_ahead() < digits) return std::nullopt;
    int value = 0;
    for (size_t i = 0; i < digits; ++i) value = value * 10 + (rest_[i] - '0');
    rest_.remove_prefix(digits);
    return value;
  }

 private:
  std::string_view rest_;
};

int days_in(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

bool is_day(int year, int month, int day) {
  return year >= kFirstYear && year <= kLastYear && month >= 1 && month <= 12 && day >= 1 &&
         day <= days_in(year, month);
}

std::string written(int year, int month, int day) {
  std::string out = "0000-00-00";
  for (int i = 3, rest = year; i >= 0; --i, rest /= 10) out[i] += static_cast<char>(rest % 10);
  out[5] += static_cast<char>(month / 10);
  out[6] += static_cast<char>(month % 10);
  out[8] += static_cast<char>(day / 10);
  out[9] += static_cast<char>(day % 10);
  return out;
}

// What may stand behind a date: "(水)", "T10:30:00+09:00", "10:30", "午後3時5分", or nothing.
bool take_time_of_day(Scanner& s) {
  s.spaces();
  if (s.take("(")) {
    bool weekday = s.take_any({"月", "火", "水", "木", "金", "土", "日"});
    s.take_any({"曜日", "曜"});
    if (!weekday || !s.take(")")) return false;
  }
  s.spaces();
  if (s.at_end()) return true;
  s.take_any({"T", "t"});
  s.spaces();
  s.take_any({"午前", "午後", "AM", "PM", "am", "pm"});
  s.spaces();
  auto hour = s.number(1, 2);
  if (!hour || *hour > 24 || !s.take_any({":", "時"})) return false;
  auto minute = s.number(1, 2);
  if (minute && *minute > 59) return false;
  if (minute && s.take_any({":", "分"}))
    if (auto second = s.number(1, 2); second && *second > 60) return false;
  if (s.take(".")) s.number(1, 9);
  s.take("秒");
  s.spaces();
  s.take_any({"AM", "PM", "am", "pm"});
  if (s.take_any({"+", "-"})) {
    s.fixed(2);
    s.take(":");
    s.fixed(2);
  } else {
    s.take_any({"Z", "JST"});
  }
  return s.at_end();
}

// YYYYMMDD, and YYYYMMDDHHMM[SS] as HL7 and DICOM write moments.
std::string parse_compact(Scanner s) {
  size_t digits = s.digits_ahead();
  int year = s.fixed(4).value_or(0), month = s.fixed(2).value_or(0), day = s.fixed(2).value_or(0);
  if (!is_day(year, month, day)) return {};
  bool good = digits == 8 ? take_time_of_day(s)
                          : s.fixed(2).value_or(99) <= 23 && s.fixed(2).value_or(99) <= 59 &&
                                (s.at_end() || (s.fixed(2).value_or(99) <= 60 && s.at_end()));
  if (!good) return {};
  return written(year, month, day);
}

std::string parse_parts(Scanner s) {
  const Era* era = nullptr;
  for (const Era& e : kEras) {
    char small[] = {static_cast<char>(e.letter[0] - 'A' + 'a'), 0};
    if (!era && s.take_any({e.name, e.letter, small})) era = &e;
  }
  if (era) s.take(".");
  s.spaces();
  auto year = era && s.take("元") ? std::optional(1) : era ? s.number(1, 2) : s.number(4, 4);
  s.spaces();
  std::string_view after_year, after_month;
  for (std::string_view mark : {"年", "-", "/", "."})
    if (after_year.empty() && s.take(mark)) after_year = mark;
  s.spaces();
  auto month = s.number(1, 2);
  s.spaces();
  after_month = after_year == "年" ? "月" : after_year;
  if (!year || !month || after_year.empty() || !s.take(after_month)) return {};
  s.spaces();
  auto day = s.number(1, 2);
  if (!day) return {};
  if (after_year == "年" && !s.take("日")) return {};
  int full_year = *year + (era ? era->year_before : 0);
  if (!is_day(full_year, *month, *day) || (era && *year < 1)) return {};
  int number = full_year * 10000 + *month * 100 + *day;
  if (era && (number < era->first_day || number > era->last_day)) return {};
  if (!take_time_of_day(s)) return {};
  return written(full_year, *month, *day);
}

}  // namespace

std::string parse_date(std::string_view text) {
  constexpr size_t kLongest = 80;
  if (text.size() > kLongest) return {};
  bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
  std::string folded = ascii ? std::string(text) : nfkc(text);
  std::string_view plain = trim(folded);
  Scanner s(plain);
  return s.digits_ahead() >= 8 ? parse_compact(s) : parse_parts(s);
}

}  // namespace gantry
