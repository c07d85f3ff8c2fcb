#include "workflow/occlusion.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace gantry {
namespace {

constexpr size_t kMostClauses = 16, kFewClauses = 3;
constexpr double kLeastShown = 0.08;
constexpr double kLeastProbability = 1e-12;

using Range = std::pair<size_t, size_t>;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t'; }

// Whether a clause ends behind byte `at`: a line's end, an ideographic stop or comma, or a Latin
// one before white space (not the point of "6.8").
bool ends_clause(std::string_view text, size_t at) {
  if (text[at] == '\n') return true;
  if (std::string_view(".,;:").find(text[at]) != std::string_view::npos)
    return at + 1 == text.size() || is_space(text[at + 1]);
  if (at < 2) return false;
  const std::string_view three = text.substr(at - 2, 3);
  return three == "。" || three == "、";
}

template <class Ends>
std::vector<Range> cut(std::string_view text, const Ends& ends) {
  std::vector<Range> out;
  size_t begin = 0;
  auto add = [&](size_t end) {
    while (begin < end && is_space(text[begin])) ++begin;
    size_t last = end;
    while (last > begin && is_space(text[last - 1])) --last;
    if (last > begin) out.emplace_back(begin, last);
    begin = end;
  };
  for (size_t at = 0; at < text.size(); ++at)
    if (ends(text, at)) add(at + 1);
  add(text.size());
  return out;
}

Case without(const Case& item, const Range& range) {
  Case out = item;
  const std::string clause = item.text.substr(range.first, range.second - range.first);
  out.text.erase(range.first, range.second - range.first);
  if (const size_t at = out.baseline_text.find(clause); at != std::string::npos)
    out.baseline_text.erase(at, clause.size());
  return out;
}

}  // namespace

std::vector<std::pair<size_t, size_t>> clauses_to_leave_out(std::string_view text, size_t most) {
  std::vector<Range> out = cut(text, ends_clause);
  if (out.size() < kFewClauses)
    out = cut(text, [](std::string_view all, size_t at) { return is_space(all[at]); });
  while (out.size() > std::max<size_t>(1, most)) {
    size_t shortest = 0;
    for (size_t i = 0; i + 1 < out.size(); ++i)
      if (out[i + 1].second - out[i].first < out[shortest + 1].second - out[shortest].first)
        shortest = i;
    out[shortest].second = out[shortest + 1].second;
    out.erase(out.begin() + static_cast<ptrdiff_t>(shortest) + 1);
  }
  return out;
}

std::vector<WeighedSpan> weigh_by_occlusion(const Case& item,
                                            const AnswerProbability& probability) {
  const auto clauses = clauses_to_leave_out(item.text, kMostClauses);
  if (clauses.size() < 2) return {};
  std::vector<Case> asked = {item};
  for (const auto& clause : clauses) asked.push_back(without(item, clause));
  const std::vector<double> p = probability(asked);
  auto log_of = [&](size_t i) { return std::log(std::max(p[i], kLeastProbability)); };
  std::vector<WeighedSpan> out;
  double largest = 0;
  for (size_t c = 0; c < clauses.size(); ++c) {
    if (!std::isfinite(p[c + 1]) || !std::isfinite(p[0])) continue;
    out.push_back({clauses[c].first, clauses[c].second, log_of(0) - log_of(c + 1)});
    largest = std::max(largest, std::abs(out.back().weight));
  }
  if (largest <= 0) return {};
  for (auto& span : out) span.weight /= largest;
  std::erase_if(out, [](const auto& span) { return std::abs(span.weight) < kLeastShown; });
  return out;
}

}  // namespace gantry
