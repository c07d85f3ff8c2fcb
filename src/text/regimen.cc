#include "text/regimen.h"

#include <algorithm>
#include <cmath>

#include "text/regimen_dose.h"
#include "text/regimen_terms.h"

namespace gantry {
namespace {

constexpr double kSame = 0.005;  // relative: two doses that are one

// What a dose is for, from the words between it and the dose before.
struct Role {
  bool boost = false, simultaneous = false, prior = false, total = false, up_to = false,
       series = false;
  int series_count = 0;
};

Role role_of(std::string_view gap, const DoseMention& mention, bool first,
             const RegimenTerms::State& terms) {
  Role role;
  std::string words(gap);
  // "Without a boost" and "simultaneous integrated boost to the tonsil, 70 Gy" make no boost of the
  // dose behind them.
  for (const char* name : {"no_boost", "integrated_boost"}) {
    for (const Pattern::Match& m : terms.of(name).find_all(words)) {
      if (name == std::string_view("integrated_boost") && !first) role.simultaneous = true;
      std::fill(words.begin() + static_cast<int64_t>(m.begin),
                words.begin() + static_cast<int64_t>(m.end), ' ');
    }
  }
  role.boost = mention.boost_word || terms.of("boost").in(words);
  role.simultaneous = role.simultaneous || (!first && terms.of("simultaneous").in(words));
  role.total = terms.of("total").in(words);
  role.up_to = terms.of("up_to").in(words);
  role.series = terms.of("series").in(words);
  if (const auto count = terms.of("series_count").find(words)) {
    role.series_count = (*count)[1].starts_with('t') || (*count)[1].starts_with('T')
                            ? ((*count)[1].size() == 3 ? 2 : 3)
                            : (*count)[1].front() - '0';
  }
  const bool behind = !first && terms.of("prior_after").in(words) && !role.boost;
  role.prior = terms.of("prior_near").in(words) || behind;
  return role;
}

CoursePart part_of(const DoseMention& mention, const Role& role) {
  CoursePart part{.total_gy = mention.total_gy,
                  .fractions = mention.fractions,
                  .per_fraction_gy = mention.per_fraction_gy,
                  .per_fraction_written = mention.per_fraction_written,
                  .rbe = mention.rbe,
                  .boost = role.boost,
                  .simultaneous = role.simultaneous,
                  .prior = role.prior,
                  .begin = mention.begin,
                  .end = mention.end};
  if (!part.per_fraction_gy && part.total_gy && part.fractions) {
    part.per_fraction_gy = *part.total_gy / *part.fractions;
  }
  return part;
}

bool about(double a, double b) { return std::fabs(a - b) <= kSame * std::max(a, b); }

class CourseReader {
 public:
  CourseReader(std::string_view text, const RegimenTerms::State& terms, Regimen& regimen)
      : text_(text), terms_(terms), regimen_(regimen) {}

  void read() {
    size_t from = 0;
    for (const DoseMention& mention : find_doses(text_)) {
      const std::string_view gap = text_.substr(from, mention.begin - from);
      from = mention.end;
      if (terms_.of("not_prescribed").in(gap) && !mention.fractions) continue;
      Role role = role_of(gap, mention, !main_, terms_);
      role.total = role.total || terms_.of("total_behind").in(text_.substr(mention.end));
      add(mention, role, gap);
    }
    drop_halves();
    order();
  }

 private:
  CoursePart* main() { return main_ ? &regimen_.parts[*main_] : nullptr; }

  void add(const DoseMention& mention, const Role& role, std::string_view gap) {
    CoursePart part = part_of(mention, role);
    CoursePart* main = this->main();
    if (!main) {
      if (role.series && role.series_count > 1) repeat(part, role.series_count);
      if (!part.prior) main_ = regimen_.parts.size();
      regimen_.parts.push_back(part);
      return;
    }
    if (role.prior) {
      regimen_.parts.push_back(part);
      return;
    }
    if (role.series && main->total_gy && part.total_gy && *part.total_gy <= *main->total_gy) return;
    if (role.boost && (role.up_to || role.total)) {
      if (make_up_to(part)) regimen_.parts.push_back(part);
      return;
    }
    if (role.total || is_sum(part)) {
      whole(part);
      return;
    }
    add_level(part, role, gap);
  }

  // Another dose without fractions of its own: a level of the same fractions.
  void add_level(CoursePart part, const Role& role, std::string_view gap) {
    const CoursePart& main = *this->main();
    const bool next = terms_.of("next_phase").in(gap);
    const bool level = !part.boost && !next;
    if (level && (!part.fractions || !main.fractions)) part.simultaneous = true;
    const bool same_fractions = part.fractions && part.fractions == main.fractions;
    if (same_fractions && (role.simultaneous || !(part.boost || next))) part.simultaneous = true;
    if (next && !part.boost && part.fractions) part.boost = true;  // a further phase
    if (part.simultaneous && part.fractions && !main.fractions) {  // "70 and 56 Gy in 35 fractions"
      this->main()->fractions = part.fractions;
      this->main()->per_fraction_gy = *main.total_gy / *part.fractions;
    }
    regimen_.parts.push_back(part);
  }

  // The number of fractions that the sum and the dose of one make, when it is a whole number.
  static void count_fractions(CoursePart& part) {
    if (part.fractions || !part.total_gy || !part.per_fraction_gy) return;
    const double n = *part.total_gy / *part.per_fraction_gy;
    if (about(n, std::round(n)) && n < 60) part.fractions = static_cast<int>(std::round(n));
  }

  static void repeat(CoursePart& part, int times) {
    if (part.total_gy) *part.total_gy *= times;
    if (part.fractions) *part.fractions *= times;
  }

  // "boost to 64.8 Gy in 36 fractions": what the boost itself gives.
  bool make_up_to(CoursePart& part) {
    const CoursePart& main = *this->main();
    // A boost whose own dose stands already: this is the course's sum.
    const bool has_boost = std::any_of(regimen_.parts.begin(), regimen_.parts.end(),
                                       [](const CoursePart& p) { return p.boost; });
    if (has_boost && is_sum(part)) {
      whole(part);
      return false;
    }
    if (!part.total_gy || !main.total_gy || *part.total_gy <= *main.total_gy) return true;
    part.total_gy = *part.total_gy - *main.total_gy;
    part.per_fraction_gy.reset();
    part.per_fraction_written = false;
    if (part.fractions && main.fractions && *part.fractions > *main.fractions) {
      part.fractions = *part.fractions - *main.fractions;
      part.per_fraction_gy = *part.total_gy / *part.fractions;
    } else {
      part.fractions.reset();
    }
    return true;
  }

  bool is_sum(const CoursePart& part) const {
    const auto sum = regimen_.whole_course_gy();
    return part.total_gy && sum && regimen_.parts.size() > 1 && about(*part.total_gy, *sum);
  }

  // The whole course as it is written: kept for the check, or, where the parts are its halves,
  // taken as the main course.
  void whole(const CoursePart& part) {
    CoursePart& main = *this->main();
    if (!part.total_gy) return;
    if (!main.total_gy) {
      main.total_gy = part.total_gy;
      if (!main.fractions) main.fractions = part.fractions;
      count_fractions(main);
      return;
    }
    const bool one_part = regimen_.parts.size() == 1;
    if (one_part && !main.fractions && !part.fractions && *part.total_gy > *main.total_gy) {
      main.per_fraction_gy = main.total_gy;  // "7 Gy ..., total 14 Gy"
      main.total_gy = part.total_gy;
      count_fractions(main);
      return;
    }
    if (one_part && part.fractions && *part.total_gy > *main.total_gy * (1 + kSame)) {
      const CoursePart half = main;
      main = part;
      main.boost = half.boost;
      return;
    }
    regimen_.written_whole_gy = part.total_gy;
    regimen_.written_whole_fractions = part.fractions;
  }

  // "60 Gy in 30 fractions (46 Gy followed by a 14 Gy cone-down)": the halves of what stands
  // already.
  void drop_halves() {
    const CoursePart* main = this->main();
    double sum = 0;
    int parts = 0;
    for (const CoursePart& part : regimen_.parts) {
      if (&part == main || part.prior || !part.total_gy) continue;
      sum += *part.total_gy;
      ++parts;
    }
    if (!main || !main->total_gy || parts < 2 || !about(sum, *main->total_gy)) return;
    regimen_.boost = true;
    const size_t begin = main->begin;
    std::erase_if(regimen_.parts,
                  [&](const CoursePart& part) { return !part.prior && part.begin != begin; });
    for (size_t i = 0; i < regimen_.parts.size(); ++i) {
      if (regimen_.parts[i].begin == begin) main_ = i;
    }
  }

  // The main course in front; earlier courses last.
  void order() {
    if (main_) std::swap(regimen_.parts[0], regimen_.parts[*main_]);
    if (regimen_.parts.empty()) return;
    std::stable_partition(regimen_.parts.begin() + (main_ ? 1 : 0), regimen_.parts.end(),
                          [](const CoursePart& part) { return !part.prior; });
  }

  std::string_view text_;
  const RegimenTerms::State& terms_;
  Regimen& regimen_;
  std::optional<size_t> main_;
};

// The earliest mention; of two at the same place the longer.
std::string earliest(std::string_view text, const std::vector<RegimenTerm>& terms) {
  std::string name;
  size_t best = std::string_view::npos, length = 0;
  for (const RegimenTerm& term : terms) {
    const auto match = term.pattern.find(text);
    if (!match) continue;
    const size_t bytes = match->end - match->begin;
    if (match->begin < best || (match->begin == best && bytes > length)) {
      best = match->begin;
      length = bytes;
      name = term.name;
    }
  }
  return name;
}

// Names in the order of their first mention. A mention inside a longer one of another term ("brain"
// in "whole brain") does not count.
std::vector<std::string> in_order(std::string_view text, const std::vector<RegimenTerm>& terms) {
  struct Mention {
    size_t begin, end;
    const std::string* name;
  };
  std::vector<Mention> mentions;
  for (const RegimenTerm& term : terms) {
    for (const Pattern::Match& m : term.pattern.find_all(text)) {
      mentions.push_back({m.begin, m.end, &term.name});
    }
  }
  std::stable_sort(mentions.begin(), mentions.end(), [](const Mention& a, const Mention& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  std::vector<std::string> names;
  size_t covered = 0;
  for (const Mention& m : mentions) {
    if (m.end <= covered) continue;
    covered = m.end;
    if (std::find(names.begin(), names.end(), *m.name) == names.end()) names.push_back(*m.name);
  }
  return names;
}

// The words that tell of the main course: up to its dose where boosts or earlier courses are told
// of too, else up to what comes later.
std::string_view main_words(std::string_view text, const Regimen& regimen,
                            const RegimenTerms::State& terms) {
  const size_t from = regimen.parts.empty() ? 0 : regimen.parts[0].end;
  for (size_t i = 1; i < regimen.parts.size(); ++i) {
    if (!regimen.parts[i].simultaneous && from > 0) return text.substr(0, from);
  }
  const auto next = terms.of("next_phase").find(text, from);
  return next ? text.substr(0, next->begin) : text;
}

void read_techniques(std::string_view words, const RegimenTerms::State& terms, Regimen& regimen) {
  int rank = -1;
  std::vector<std::pair<size_t, const RegimenTechnique*>> found;
  for (const RegimenTechnique& technique : terms.techniques) {
    const auto match = technique.pattern.find(words);
    if (!match) continue;
    found.emplace_back(match->begin, &technique);
    if (technique.rank <= rank) continue;
    rank = technique.rank;
    regimen.technique = technique.name;
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [at, technique] : found) regimen.techniques.push_back(technique->name);
}

void read_side(std::string_view words, const RegimenTerms::State& terms, Regimen& regimen) {
  size_t best = std::string_view::npos;
  for (const auto& [key, name] :
       {std::pair{"left", "left"}, {"right", "right"}, {"both", "bilateral"}}) {
    const auto match = terms.of(key).find(words);
    if (!match || match->begin >= best) continue;
    best = match->begin;
    regimen.laterality = name;
  }
}

// A drug is given with radiation when the last word before it that says when is one of
// togetherness.
void read_concurrent(std::string_view text, const RegimenTerms::State& terms, Regimen& regimen) {
  std::vector<std::pair<size_t, std::string>> found;
  for (const RegimenTerm& drug : terms.systemics) {
    for (const Pattern::Match& m : drug.pattern.find_all(text)) {
      const std::string_view before = text.substr(0, m.begin);
      size_t with = 0, apart = 0;  // ends of the last such words
      for (const Pattern::Match& w : terms.of("concurrent").find_all(before)) with = w.end;
      for (const Pattern::Match& w : terms.of("not_concurrent").find_all(before)) apart = w.end;
      if (with == 0 || with <= apart) continue;
      // A sentence's end parts them.
      if (before.substr(with).find(". ") != std::string_view::npos) continue;
      found.emplace_back(m.begin, drug.name);
      break;
    }
  }
  std::sort(found.begin(), found.end());
  for (auto& [at, name] : found) regimen.concurrent.push_back(std::move(name));
}

}  // namespace

std::optional<double> Regimen::total_gy() const {
  return parts.empty() || parts[0].prior ? std::nullopt : parts[0].total_gy;
}
std::optional<int> Regimen::fractions() const {
  return parts.empty() || parts[0].prior ? std::nullopt : parts[0].fractions;
}
std::optional<double> Regimen::per_fraction_gy() const {
  return parts.empty() || parts[0].prior ? std::nullopt : parts[0].per_fraction_gy;
}

std::optional<double> Regimen::whole_course_gy() const {
  std::optional<double> sum = total_gy();
  for (size_t i = 1; sum && i < parts.size(); ++i) {
    if (parts[i].boost && !parts[i].prior && !parts[i].simultaneous && parts[i].total_gy) {
      *sum += *parts[i].total_gy;
    }
  }
  return sum;
}

Regimen parse_regimen(std::string_view text, const RegimenTerms& all_terms) {
  const RegimenTerms::State& terms = all_terms.state();
  Regimen regimen;
  CourseReader(text, terms, regimen).read();
  const std::string_view words = main_words(text, regimen, terms);
  regimen.intent = earliest(words, terms.intents);
  regimen.modality = earliest(words, terms.modalities);
  read_techniques(words, terms, regimen);
  // The target stands before its dose, or, in plans that begin with the dose, behind it; other
  // levels' targets ("with 54 Gy to the bilateral neck") are not the main one's.
  std::string_view target = words;
  if (!regimen.parts.empty()) target = words.substr(0, regimen.parts[0].begin);
  if (in_order(target, terms.sites).empty()) target = words;
  regimen.sites = in_order(target, terms.sites);
  if (!regimen.sites.empty()) regimen.site = regimen.sites.front();
  read_side(target, terms, regimen);
  read_concurrent(text, terms, regimen);

  std::string said(text);
  for (const Pattern::Match& m : terms.of("no_boost").find_all(text)) {
    std::fill(said.begin() + static_cast<int64_t>(m.begin),
              said.begin() + static_cast<int64_t>(m.end), ' ');
  }
  regimen.boost = regimen.boost || terms.of("boost").in(said) ||
                  terms.of("integrated_boost").in(said) ||
                  std::any_of(regimen.parts.begin(), regimen.parts.end(),
                              [](const CoursePart& p) { return p.boost && !p.prior; });
  regimen.twice_daily = terms.of("twice_daily").in(words);
  if (!regimen.parts.empty()) regimen.parts[0].twice_daily = regimen.twice_daily;
  return regimen;
}

}  // namespace gantry
