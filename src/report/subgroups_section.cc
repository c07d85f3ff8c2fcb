// Subgroups: accuracy by sex, age, modality, source, year and length of the text.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include "base/strings.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "stats/proportion.h"

namespace gantry {
namespace {

// Below this the interval is so wide that a subgroup is marked.
constexpr int64_t kSmall = 30;
constexpr size_t kMostValues = 12;  // a column with more values is no subgroup

struct Subgroup {
  std::string kind, value;
  int64_t right = 0, n = 0, present = 0, found = 0;  // present: not of the first group
};

bool name_is(std::string_view name, std::initializer_list<std::string_view> words) {
  std::string low;
  for (char c : name) low += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(words.begin(), words.end(), low) != words.end();
}

std::string age_band(const std::string& value) {
  size_t digits = 0;
  while (digits < value.size() && std::isdigit(static_cast<unsigned char>(value[digits]))) ++digits;
  if (digits == 0 || digits > 3) return {};
  const int age = std::stoi(value.substr(0, digits));
  if (age < 40) return "under 40";
  if (age >= 80) return "80 and over";
  const int from = age / 20 * 20;
  return std::to_string(from) + " to " + std::to_string(from + 19);
}

std::string length_band(size_t characters) {
  size_t from = 0;
  for (size_t limit : {100, 200, 400, 800}) {
    if (characters < limit)
      return from == 0 ? "under " + std::to_string(limit) + " characters"
                       : std::to_string(from) + " to " + std::to_string(limit - 1) + " characters";
    from = limit;
  }
  return "800 characters and over";
}

size_t characters_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::vector<std::pair<std::string, std::string>> kinds_of(const TestedCase& c) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, value] : c.fields) {
    if (value.empty()) continue;
    if (name_is(name, {"sex", "gender", "性別"})) out.emplace_back("sex", value);
    if (name_is(name, {"age", "年齢"})) {
      const std::string band = age_band(value);
      if (!band.empty()) out.emplace_back("age", band);
    }
    if (name_is(name, {"modality", "モダリティ", "検査種別", "検査"}))
      out.emplace_back("modality", value);
  }
  if (!c.source.empty()) out.emplace_back("source", c.source);
  if (c.date.size() >= 4) out.emplace_back("year", c.date.substr(0, 4));
  out.emplace_back("length", length_band(characters_of(c.model_text)));
  return out;
}

// By kind in the order above, then by value; lengths by size.
std::vector<Subgroup> subgroups(const TestReport& r) {
  const std::vector<std::string> order = {"sex", "age", "modality", "source", "year", "length"};
  std::map<std::pair<size_t, std::string>, Subgroup> found;
  for (const auto& c : r.cases)
    for (const auto& [kind, value] : kinds_of(c)) {
      const auto place =
          static_cast<size_t>(std::find(order.begin(), order.end(), kind) - order.begin());
      Subgroup& s = found[{place, value}];
      s.kind = kind;
      s.value = value;
      ++s.n;
      s.right += c.predicted == c.truth;
      s.present += c.truth > 0;
      s.found += c.truth > 0 && c.predicted == c.truth;
    }
  std::vector<Subgroup> out;
  for (size_t k = 0; k < order.size(); ++k) {
    std::vector<Subgroup> of_kind;
    for (const auto& [key, s] : found)
      if (key.first == k) of_kind.push_back(s);
    if (of_kind.size() > kMostValues) continue;
    if (order[k] == "length")
      std::stable_sort(of_kind.begin(), of_kind.end(), [](const Subgroup& a, const Subgroup& b) {
        auto size = [](const Subgroup& s) { return s.value[0] == 'u' ? 0 : std::stoi(s.value); };
        return size(a) < size(b);
      });
    out.insert(out.end(), of_kind.begin(), of_kind.end());
  }
  return out;
}

Words kind_words(const std::string& kind) {
  static const std::map<std::string, std::string> japanese = {
      {"sex", "性別"},    {"age", "年齢"}, {"modality", "検査"},
      {"source", "施設"}, {"year", "年"},  {"length", "文章の長さ"}};
  return {kind, japanese.at(kind)};
}

Chart length_chart(const std::vector<Subgroup>& groups) {
  Chart c{.name = "error_by_length",
          .kind = ChartKind::kBars,
          .caption = {"Error rate by the length of the text the model read; Wilson intervals",
                      "モデルが読んだ文章の長さ別の誤り率（Wilson区間）"},
          .x_label = {"characters", "文字数"},
          .y_label = {"error rate", "誤り率"}};
  ChartSeries s;
  for (const auto& g : groups) {
    if (g.kind != "length") continue;
    const Estimate e = wilson(g.n - g.right, g.n);
    std::string label = g.value.substr(0, g.value.find(" characters"));
    if (g.value.ends_with("over")) label += " and over";
    c.categories.push_back(label + "\nn = " + with_commas(g.n));
    s.y.push_back(e.value);
    s.lower.push_back(e.lower);
    s.upper.push_back(e.upper);
  }
  c.series = {s};
  return c;
}

}  // namespace

ReportSection subgroups_section(const TestReport& r) {
  ReportSection s{.name = "subgroups", .title = {"Subgroups", "部分集団"}};
  const auto groups = subgroups(r);
  const std::string small = std::to_string(kSmall);
  s.say(
      {"Accuracy in each subgroup, Wilson intervals, not adjusted for looking at many; an asterisk "
       "marks fewer than " +
           small + " reports, of which little can be said.",
       "部分集団ごとの正診率（Wilsonの信頼区間、多重性の調整なし）。* は" + small +
           "件未満で、多くは言えません。"});
  ReportTable& t =
      s.table("subgroups", {"Accuracy and sensitivity by subgroup", "部分集団別の正診率と感度"},
              {{"kind", "種類"},
               {"subgroup", "部分集団"},
               {"accuracy", "正診率"},
               {"sensitivity, all groups but the first together", "感度（第1群以外の合計）"}});
  Chart c{
      .name = "subgroups",
      .kind = ChartKind::kForest,
      .caption = {"Accuracy by subgroup; dashed: all reports; * fewer than " + small + " reports",
                  "部分集団別の正診率。破線: 全件。* は" + small + "件未満"},
      .x_label = {"accuracy", "正診率"},
      .has_reference = true,
      .wide = true};
  ChartSeries points;
  int64_t right = 0;
  for (const auto& item : r.cases) right += item.predicted == item.truth;
  const Estimate all = wilson(right, static_cast<int64_t>(r.cases.size()));
  c.reference = all.value;
  for (const auto& g : groups) {
    const Estimate e = wilson(g.right, g.n);
    const std::string mark = g.n < kSmall ? " *" : "";
    t.rows.push_back({kind_words(g.kind), Words{g.value + mark, in_japanese(g.value) + mark},
                      Cell::figure(e), Cell::figure(wilson(g.found, g.present))});
    c.categories.push_back(g.kind + ": " + g.value + mark);
    c.words.push_back(
        {c.categories.back(), kind_words(g.kind).ja + ": " + in_japanese(g.value) + mark});
    points.y.push_back(e.value);
    points.lower.push_back(e.lower);
    points.upper.push_back(e.upper);
    points.texts.push_back(with_commas(g.right) + " of " + with_commas(g.n));
  }
  c.series = {points};
  s.charts = {std::move(c), length_chart(groups)};
  return s;
}

}  // namespace gantry
