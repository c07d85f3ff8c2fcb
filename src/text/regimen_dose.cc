#include "text/regimen_dose.h"

#include <cmath>
#include <cstdlib>
#include <string>

#include "text/pattern.h"

namespace gantry {
namespace {

constexpr double kMostGy = 300;
constexpr int kMostFractions = 60;
// A bare "60/30" is a dose only where the numbers can be one.
constexpr double kBareTotal[2] = {8, 90}, kBareFraction[2] = {1, 30};

// The grammar of doses. The vocabulary of regimens is data (tasks/radiotherapy-terms.toml); this is
// the notation of numbers and units.
#define DOSE                                                                          \
  R"((?<![\d.])(\d{1,3}(?:,\d{3})+|\d{1,5}(?:\.\d{1,3})?)[\s-]*(cGy|cGE|CGE|GyE|Gy))" \
  R"(\s?(\(?\s?RBE\s?\)?|\[RBE\]|E\b)?(?![a-z]))"
#define COUNT \
  R"((\d{1,2}|an?|one|single|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen))"
#define UNIT                                                                                         \
  R"((?:fxs?\b|fractions?\b|frs?\b|fr\.|#|treatments?\b|sessions?\b|insertions?\b|applications?\b|)" \
  R"(implants?\b|procedures?\b|exposures?\b|cycles?\b|implantations?\b))"

struct Grammar {
  Pattern dose{DOSE, "E0378", "doses"};
  // "in 16 daily fractions", "/ 30 fx", ", 5 fx", "in one temporary application"
  Pattern fractions{
      R"(\A\s*(?:,?\s*(?:(?:given|delivered)\s+)?(?:in|over|x|×|for)|/|,|@|-)?\s*)" COUNT
      R"([\s-]+(?:[a-z]+(?:-[a-z]+){0,3}\s+){0,3}?)" UNIT,
      "E0378", "fractions"};
  Pattern close_fractions{R"(\A\s*(?:in|/|x|×|,)?\s*(\d{1,2})\s?)" UNIT, "E0378", "fractions"};
  Pattern bare_fractions{R"(\A\s*/\s*(\d{1,2})(?![\d.]|\s*c?Gy))", "E0378", "fractions"};
  // "x 3", "BID x 10", "at 1 cm depth x 3"
  Pattern times{
      R"(\A\s*(?:per\s+(?:fraction|fx)\s*)?(?:BID|QOD|QD|daily|surface|(?:at|@|to)\s+[\d.]+\s*(?:mm|cm)(?:\s+[a-z]+){0,3}?)?\s*(?:\(\d+ h\)\s*)?(?:x|×|\*)\s*(\d{1,2})(?![\d.]))",
      "E0378", "times"};
  // "80 Gy maximum dose in a single fraction"
  Pattern far_fractions{R"(\A[^.;:]{0,60}?\b(?:in|over)\s+)" COUNT
                        R"([\s-]+(?:[a-z]+(?:-[a-z]+){0,3}\s+){0,3}?)" UNIT,
                        "E0378", "far fractions"};
  Pattern each{R"(\A\s*(?:(?:/|per|a|each|every)\s*(?:fx|fraction|fr)\b|each\b|per day\b|daily\b))",
               "E0378", "each"};
  Pattern of_dose{R"(\A\s*,?\s*(?:\(|of|at|@|each)\s*(?:of\s*)?)" DOSE, "E0378", "of"};
  Pattern comma_dose{R"(\A\s*[,;(]\s*)" DOSE R"(\s*(?:/|per|a|each)\s*(?:fx|fraction|fr)?)",
                     "E0378", "of"};
  Pattern at_bare{R"(\A\s*(?:@|at)\s*(\d{1,4}(?:\.\d{1,2})?)(?![\d.%]|\s*(?:%|mm|cm|h\b)))",
                  "E0378", "at"};
  Pattern equals{
      R"(\A\s*(?:BID|bid|QD|QOD|daily)?\s*(?:=|\(=?|for a total of|to a total of|total)\s*)" DOSE,
      "E0378", "equals"};
  Pattern boost{
      R"(\A\s*(?:(?!(?:then|and|plus|with|followed|to|in|of)\b)[a-z-]+\s+){0,3}(?:boost|cone-?down)\b)",
      "E0378", "boost"};
  Pattern before_fractions{
      R"((\d{1,2})\s*(?:[a-z]+(?:-[a-z]+)*\s+){0,2}(?:(?:fx|fractions?)\s*(?:of|at|@|x|,)|x|×)\s*\z)",
      "E0378", "before"};
  Pattern bare_pair{
      R"((?<![\d./,-])(\d{1,2}(?:\.\d{1,2})?)\s?/\s?(\d{1,2})(?![\d./%-]|\s*(?:c?Gy|mm|cm|cores|nodes|LN|mo\b|wk\b|\d)))",
      "E0378", "pair"};
};
#undef DOSE
#undef COUNT
#undef UNIT

const Grammar& grammar() {
  static const Grammar all;
  return all;
}

double number_of(std::string_view digits) {
  std::string plain;
  for (char c : digits) {
    if (c != ',') plain += c;
  }
  return std::strtod(plain.c_str(), nullptr);
}

std::optional<int> count_of(std::string_view word) {
  static constexpr std::pair<std::string_view, int> kWords[] = {
      {"a", 1},     {"an", 1},   {"one", 1},  {"single", 1},  {"two", 2},
      {"three", 3}, {"four", 4}, {"five", 5}, {"six", 6},     {"seven", 7},
      {"eight", 8}, {"nine", 9}, {"ten", 10}, {"twelve", 12}, {"fifteen", 15}};
  if (!word.empty() && word.front() >= '0' && word.front() <= '9') {
    const int n = std::atoi(std::string(word).c_str());
    if (n < 1 || n > kMostFractions) return std::nullopt;
    return n;
  }
  std::string lower;
  for (char c : word) lower += static_cast<char>(c | 0x20);
  for (const auto& [name, n] : kWords) {
    if (lower == name) return n;
  }
  return std::nullopt;
}

bool about(double a, double b, double share) { return std::fabs(a - b) <= share * b; }

struct Dose {
  double gy = 0;
  bool rbe = false, centi = false;
};

Dose dose_of(std::string_view number, std::string_view unit, std::string_view rbe) {
  const bool cobalt = unit.size() == 3 && (unit[2] | 0x20) == 'e';  // CGE, GyE: as Gy(RBE)
  const bool centi = unit.size() == 3 && (unit[0] | 0x20) == 'c' && !cobalt;
  const double value = number_of(number);
  return {centi ? value / 100 : value, !rbe.empty() || cobalt, centi};
}

// Reads on behind a dose: fractions, dose per fraction, sum.
class TailReader {
 public:
  TailReader(std::string_view text, DoseMention& mention, const Dose& first)
      : text_(text), mention_(mention), first_(first) {}

  void read() {
    const Grammar& g = grammar();
    if (const auto boost = at(g.boost)) {
      mention_.boost_word = true;
      take(*boost);
    }
    if (const auto times = at(g.times)) {  // "7 Gy x 3": the dose was that of a fraction
      becomes_per_fraction();
      set_fractions(count_of((*times)[1]));
      take(*times);
    } else if (const auto each = at(g.each)) {  // "2 Gy per fraction"
      becomes_per_fraction();
      take(*each);
      if (const auto then = at(g.times)) {
        set_fractions(count_of((*then)[1]));
        take(*then);
      } else {
        read_fractions();
      }
    } else {
      read_fractions();
    }
    read_per_fraction();
    read_sum();
  }

 private:
  std::optional<Pattern::Match> at(const Pattern& pattern) const {
    return pattern.find(text_.substr(mention_.end));
  }
  void take(const Pattern::Match& match) { mention_.end += match.end; }
  void becomes_per_fraction() {
    mention_.per_fraction_gy = mention_.total_gy;
    mention_.per_fraction_written = true;
    mention_.total_gy.reset();
  }
  void set_fractions(std::optional<int> n) {
    if (n) mention_.fractions = n;
  }
  void read_fractions() {
    const Grammar& g = grammar();
    for (const Pattern* pattern : {&g.fractions, &g.close_fractions, &g.bare_fractions}) {
      const auto match = at(*pattern);
      if (!match || !count_of((*match)[1])) continue;
      set_fractions(count_of((*match)[1]));
      take(*match);
      return;
    }
    const auto far = at(g.far_fractions);
    if (!far || !count_of((*far)[1])) return;
    const auto next = g.dose.find(text_, mention_.end);
    if (next && next->begin < mention_.end + far->end) return;  // those of the next dose
    set_fractions(count_of((*far)[1]));
    take(*far);
  }
  void read_per_fraction() {
    const Grammar& g = grammar();
    if (!mention_.fractions || mention_.per_fraction_gy) return;
    for (const Pattern* pattern : {&g.of_dose, &g.comma_dose}) {
      const auto match = at(*pattern);
      if (!match) continue;
      const Dose dose = dose_of((*match)[1], (*match)[2], (*match)[3]);
      // "(63 Gy ...)" behind the fractions is another dose level, not the size of a fraction.
      if (!mention_.total_gy || dose.gy > *mention_.total_gy || dose.gy <= 0) continue;
      const bool aside = match->begin < match->end &&
                         text_.substr(mention_.end, match->end).find('(') != std::string_view::npos;
      if (aside && !about(dose.gy * *mention_.fractions, *mention_.total_gy, 0.2)) continue;
      mention_.per_fraction_gy = dose.gy;
      mention_.per_fraction_written = true;
      mention_.rbe = mention_.rbe || dose.rbe;
      take(*match);
      if (const auto each = at(g.each)) take(*each);
      return;
    }
    if (const auto match = at(g.at_bare)) {
      const double value = number_of((*match)[1]) / (first_.centi ? 100 : 1);
      if (!mention_.total_gy || value <= 0 || value > *mention_.total_gy) return;
      // "at 8" alone may be anything; it is a dose per fraction where the product says so.
      if (!about(value * *mention_.fractions, *mention_.total_gy, 0.05)) return;
      mention_.per_fraction_gy = value;
      mention_.per_fraction_written = true;
      take(*match);
    }
  }
  void read_sum() {
    if (mention_.total_gy || !mention_.fractions) return;
    const auto match = at(grammar().equals);
    if (match) {
      const Dose dose = dose_of((*match)[1], (*match)[2], (*match)[3]);
      mention_.total_gy = dose.gy;
      mention_.rbe = mention_.rbe || dose.rbe;
      take(*match);
      return;
    }
    mention_.total_gy = *mention_.per_fraction_gy * *mention_.fractions;
  }

  std::string_view text_;
  DoseMention& mention_;
  Dose first_;
};

bool plausible(const DoseMention& m) {
  const auto fits = [](const std::optional<double>& gy) {
    return !gy || (*gy > 0 && *gy <= kMostGy);
  };
  return fits(m.total_gy) && fits(m.per_fraction_gy) && (m.total_gy || m.per_fraction_gy);
}

// "5 x 4 Gy", "25 fractions of 1.8 Gy": the number of fractions stands in front.
void look_before(std::string_view text, size_t from, DoseMention& mention) {
  const std::string_view before = text.substr(from, mention.begin - from);
  const auto match = grammar().before_fractions.find(before);
  if (!match || mention.fractions) return;
  const auto n = count_of((*match)[1]);
  if (!n) return;
  mention.begin = from + match->begin;
  mention.fractions = n;
  mention.per_fraction_gy = mention.total_gy;
  mention.per_fraction_written = true;
  mention.total_gy = *mention.per_fraction_gy * *n;
}

std::vector<DoseMention> bare_pairs(std::string_view text) {
  std::vector<DoseMention> found;
  for (const Pattern::Match& match : grammar().bare_pair.find_all(text)) {
    const double total = number_of(match[1]);
    const auto fractions = count_of(match[2]);
    if (!fractions || total < kBareTotal[0] || total > kBareTotal[1]) continue;
    const double size = total / *fractions;
    if (size < kBareFraction[0] || size > kBareFraction[1]) continue;
    DoseMention mention{.begin = match.begin, .end = match.end, .total_gy = total};
    mention.fractions = fractions;
    found.push_back(mention);
  }
  return found;
}

}  // namespace

std::vector<DoseMention> find_doses(std::string_view text) {
  std::vector<DoseMention> found;
  size_t from = 0;
  while (const auto match = grammar().dose.find(text, from)) {
    const Dose dose = dose_of((*match)[1], (*match)[2], (*match)[3]);
    DoseMention mention{.begin = match->begin, .end = match->end, .total_gy = dose.gy};
    mention.rbe = dose.rbe;
    look_before(text, from, mention);
    if (!mention.fractions) TailReader(text, mention, dose).read();
    from = mention.end;
    if (plausible(mention)) found.push_back(mention);
  }
  return found.empty() ? bare_pairs(text) : found;
}

}  // namespace gantry
