// Clinicians' grades of answers: by arm, between arms, between raters.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/strings.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "stats/agreement.h"
#include "stats/multiple_testing.h"
#include "stats/paired_tests.h"
#include "stats/proportion.h"
#include "stats/wilcoxon.h"

namespace gantry {
namespace {

using Tone = ReportParagraph::Tone;

// Grades by arm, item and rater.
using Grades = std::map<std::string, std::map<std::string, std::map<std::string, int>>>;

Grades grades_of(const Ratings& r) {
  Grades out;
  for (const auto& rating : r.ratings) out[rating.arm][rating.item][rating.rater] = rating.grade;
  return out;
}

bool accepted(const Ratings& r, int grade) {
  return r.acceptable.at(static_cast<size_t>(grade)) != 0;
}

Words acceptable_names(const Ratings& r) {
  Words out;
  for (size_t g = 0; g < r.scale.size(); ++g)
    if (r.acceptable[g]) {
      out.ja += (out.empty() ? "" : "、") + in_japanese(r.scale[g]);
      out.en += (out.empty() ? "" : ", ") + r.scale[g];
    }
  return out;
}

// Share of acceptable grades, cases drawn with replacement: several raters of one case are no
// independent evidence.
Estimate clustered_share(const Ratings& r,
                         const std::map<std::string, std::map<std::string, int>>& items,
                         const BootstrapOptions& options) {
  std::vector<double> good, all;
  int64_t n = 0;
  for (const auto& [item, by_rater] : items) {
    good.push_back(0);
    all.push_back(static_cast<double>(by_rater.size()));
    n += static_cast<int64_t>(by_rater.size());
    for (const auto& [rater, grade] : by_rater) good.back() += accepted(r, grade);
  }
  if (n == 0) return not_defined();
  auto result = cluster_bootstrap(
      static_cast<int64_t>(good.size()), 1,
      [&](std::span<const int32_t> times, std::span<double> figures) {
        double sum = 0, count = 0;
        for (size_t i = 0; i < good.size(); ++i) {
          sum += times[i] * good[i];
          count += times[i] * all[i];
        }
        figures[0] = sum / count;
      },
      options);
  return result.figures[0].estimate(n, result.method);
}

void add_shares(const Ratings& r, const Grades& grades, const BootstrapOptions& options,
                ReportSection& s) {
  ReportTable t{"acceptable",
                {"Share acceptable (" + acceptable_names(r).en + ") by arm",
                 "群別の許容割合（" + acceptable_names(r).ja + "）"},
                {{"arm", "群"},
                 {"cases graded", "評価された症例"},
                 {"acceptable grades (Wilson)", "許容の評価（Wilson）"},
                 {"the same, bootstrap over cases", "同（症例単位ブートストラップ）"},
                 {"raters", "評価者"}},
                {}};
  Chart chart{.name = "grades",
              .kind = ChartKind::kStacked,
              .caption = {"Clinicians' grades by arm: share of the arm's grades, with counts",
                          "群別の評価: 群内の割合と件数"},
              .x_label = {"share of the grades", "評価の割合"},
              .wide = true};
  for (const auto& grade : r.scale) chart.series.push_back({.name = in_both(grade)});
  for (const auto& [arm, items] : grades) {
    std::vector<int64_t> counts(r.scale.size(), 0);
    std::set<std::string> raters;
    int64_t good = 0, n = 0;
    for (const auto& [item, by_rater] : items)
      for (const auto& [rater, grade] : by_rater) {
        ++counts[static_cast<size_t>(grade)];
        good += accepted(r, grade);
        ++n;
        raters.insert(rater);
      }
    t.rows.push_back({arm, Cell::count(static_cast<int64_t>(items.size())),
                      Cell::figure(wilson(good, n)),
                      Cell::figure(clustered_share(r, items, options)),
                      Cell::count(static_cast<int64_t>(raters.size()))});
    chart.categories.push_back(arm + " (n = " + with_commas(n) + ")");
    for (size_t g = 0; g < counts.size(); ++g) {
      chart.series[g].y.push_back(static_cast<double>(counts[g]) / static_cast<double>(n));
      chart.series[g].texts.push_back(with_commas(counts[g]));
    }
  }
  s.tables.push_back(std::move(t));
  s.charts.push_back(std::move(chart));
}

// The cases that the same raters graded in both arms.
struct ArmPair {
  std::vector<double> difference;  // of a case's mean grades
  PairedCounts accepted;           // by more than half of the case's raters
};

ArmPair pair_of(const Ratings& r, const std::map<std::string, std::map<std::string, int>>& first,
                const std::map<std::string, std::map<std::string, int>>& second) {
  ArmPair out;
  for (const auto& [item, grades] : first) {
    auto other = second.find(item);
    if (other == second.end()) continue;
    double sum = 0, good[2] = {0, 0};
    int raters = 0;
    for (const auto& [rater, grade] : grades) {
      auto same = other->second.find(rater);
      if (same == other->second.end()) continue;
      ++raters;
      sum += grade - same->second;
      good[0] += accepted(r, grade);
      good[1] += accepted(r, same->second);
    }
    if (raters == 0) continue;
    out.difference.push_back(sum / raters);
    const bool a = 2 * good[0] > raters, b = 2 * good[1] > raters;
    ++(a && b ? out.accepted.both
       : a    ? out.accepted.first_only
       : b    ? out.accepted.second_only
              : out.accepted.neither);
  }
  return out;
}

void add_tests(const Ratings& r, const Grades& grades, ReportSection& s) {
  ReportTable t{
      "arms",
      {"Arms compared on the cases that the same raters graded in both: grades averaged "
       "over raters; acceptable when more than half of them say so",
       "同じ評価者が両群で評価した症例での比較: 評価は評価者間の平均、過半数が許容なら許容"},
      {{"arms", "群"},
       {"cases", "症例"},
       {"shift in grades (Hodges-Lehmann)", "評価の差（Hodges-Lehmann）"},
       {"Wilcoxon p, two-sided", "Wilcoxon p（両側）"},
       {"Wilcoxon p, first better", "Wilcoxon p（前者が良い）"},
       {"acceptable in: both / first only / second only / neither",
        "許容: 両方／前者のみ／後者のみ／なし"},
       {"McNemar p (exact)", "McNemar p（正確）"},
       {"McNemar p, adjusted (Holm)", "McNemar p（Holm調整）"},
       {"difference in acceptable (Newcombe)", "許容割合の差（Newcombe）"}},
      {}};
  std::vector<double> p;
  for (auto a = grades.begin(); a != grades.end(); ++a)
    for (auto b = std::next(a); b != grades.end(); ++b) {
      const ArmPair pair = pair_of(r, a->second, b->second);
      const auto& c = pair.accepted;
      p.push_back(c.n() > 0 ? mcnemar(c.first_only, c.second_only).p : std::nan(""));
      t.rows.push_back(
          {a->first + " - " + b->first, Cell::count(c.n()),
           Cell::figure(hodges_lehmann(pair.difference), 2),
           Cell::p_value(signed_rank(pair.difference)),
           Cell::p_value(signed_rank(pair.difference, {.alternative = Alternative::kGreater})),
           with_commas(c.both) + " / " + with_commas(c.first_only) + " / " +
               with_commas(c.second_only) + " / " + with_commas(c.neither),
           Cell::p_value(p.back()), Cell(), Cell::figure(newcombe_paired_difference(c))});
    }
  const auto adjusted = holm(p);
  for (size_t i = 0; i < adjusted.size(); ++i) t.rows[i][7] = Cell::p_value(adjusted[i]);
  if (!t.rows.empty()) s.tables.push_back(std::move(t));
}

void add_agreement(const Ratings& r, ReportSection& s) {
  std::map<std::string, std::map<std::pair<std::string, std::string>, int>> by_rater;
  std::set<std::pair<std::string, std::string>> units;
  for (const auto& rating : r.ratings) {
    by_rater[rating.rater][{rating.item, rating.arm}] = rating.grade;
    units.insert({rating.item, rating.arm});
  }
  if (by_rater.size() < 2) return;
  const int classes = static_cast<int>(r.scale.size());
  ReportTable& t = s.table("raters", {"Agreement of the raters", "評価者間の一致度"},
                           {{"raters", "評価者"},
                            {"same grade", "一致率"},
                            {"quadratic weighted kappa", "二次重みκ"},
                            {"linear weighted kappa", "一次重みκ"},
                            {"plain kappa", "κ"}});
  for (auto a = by_rater.begin(); a != by_rater.end(); ++a)
    for (auto b = std::next(a); b != by_rater.end(); ++b) {
      ConfusionMatrix table(classes);
      for (const auto& [unit, grade] : a->second)
        if (auto other = b->second.find(unit); other != b->second.end())
          table.at(grade, other->second) += 1;
      const auto n = static_cast<int64_t>(table.total());
      t.rows.push_back({a->first + " / " + b->first,
                        Cell::figure(wilson(static_cast<int64_t>(table.correct()), n)),
                        Cell::figure(cohen_kappa(table, AgreementWeights::kQuadratic)),
                        Cell::figure(cohen_kappa(table, AgreementWeights::kLinear)),
                        Cell::figure(cohen_kappa(table))});
    }
  std::vector<int> reading;
  for (const auto& unit : units)
    for (const auto& [rater, grades] : by_rater) {
      auto found = grades.find(unit);
      reading.push_back(found == grades.end() ? -1 : found->second);
    }
  const auto counts = count_readings(classes, static_cast<int>(by_rater.size()), reading);
  ReportTable& all = s.table("raters_overall", {"All raters together", "評価者全員"},
                             {{"coefficient", "係数"}, {"value", "値"}});
  all.rows.push_back(
      {Words{"Krippendorff's alpha (quadratic weights)", "Krippendorffのα（二次重み）"},
       Cell::figure(krippendorff_alpha(counts, AgreementWeights::kQuadratic))});
  all.rows.push_back({Words{"Gwet's AC2 (quadratic weights)", "GwetのAC2（二次重み）"},
                      Cell::figure(gwet_ac(counts, AgreementWeights::kQuadratic))});
}

void add_comments(const Ratings& r, ReportSection& s) {
  ReportTable t{"comments",
                {"Comments", "コメント"},
                {{"case", "症例"},
                 {"arm", "群"},
                 {"rater", "評価者"},
                 {"grade", "評価"},
                 {"comment", "コメント"}},
                {},
                true};
  for (const auto& rating : r.ratings)
    if (!rating.comment.empty())
      t.rows.push_back({rating.item, rating.arm, rating.rater,
                        in_both(r.scale[static_cast<size_t>(rating.grade)]), rating.comment});
  if (!t.rows.empty()) s.tables.push_back(std::move(t));
}

void say_completeness(const Ratings& r, ReportSection& s) {
  std::set<std::string> raters, arms, items;
  for (const auto& rating : r.ratings) {
    raters.insert(rating.rater);
    arms.insert(rating.arm);
    items.insert(rating.item);
  }
  const auto cases = std::max(r.items, static_cast<int64_t>(items.size()));
  const auto wanted = cases * static_cast<int64_t>(raters.size() * arms.size());
  const auto got = static_cast<int64_t>(r.ratings.size());
  s.say({with_commas(got) + " grades by " + std::to_string(raters.size()) + " rater(s) of " +
             with_commas(cases) + " cases in " + std::to_string(arms.size()) + " arm(s).",
         std::to_string(raters.size()) + "名の評価者による" + with_commas(cases) + "症例・" +
             std::to_string(arms.size()) + "群の評価" + with_commas(got) + "件。"});
  if (got < wanted)
    s.say({"Incomplete: " + with_commas(wanted - got) + " of " + with_commas(wanted) +
               " grades are missing and are not filled in.",
           "未完了: " + with_commas(wanted) + "件中" + with_commas(wanted - got) +
               "件の評価がなく、補完しません。"},
          Tone::kWarning);
  for (const auto& note : r.notes) s.say(in_both(note), Tone::kItem);
}

}  // namespace

ReportSection ratings_section(const Ratings& r, const BootstrapOptions& options) {
  ReportSection s{.name = "ratings", .title = {"Clinicians' grades", "臨床医の評価"}};
  const Grades grades = grades_of(r);
  say_completeness(r, s);
  add_shares(r, grades, options, s);
  add_tests(r, grades, s);
  add_agreement(r, s);
  add_comments(r, s);
  return s;
}

}  // namespace gantry
