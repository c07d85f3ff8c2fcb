#include <algorithm>
#include <cmath>
#include <map>

#include "base/strings.h"
#include "report/flow_diagram.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "stats/wilcoxon.h"

namespace gantry {
namespace {

using Tone = ReportParagraph::Tone;

Chart training_chart(const TestReport& r, bool loss) {
  Chart c{
      .name = loss ? "training_loss" : "training_score",
      .kind = ChartKind::kLines,
      .caption = loss ? Words{"Loss of every restart by epoch; dashed: training, solid: tuning",
                              "全再学習の損失。破線: 学習、実線: 調整"}
                      : Words{"Macro F1 of every restart on its tuning cases; thin: does not serve",
                              "全再学習の調整用症例でのマクロF1。細線: 採用せず"},
      .x_label = {"epoch", "エポック"},
      .y_label = loss ? Words{"loss", "損失"} : Words{"macro F1", "マクロF1"}};
  size_t longest = 0;
  for (size_t i = 0; i < r.restarts.size(); ++i) {
    const auto& restart = r.restarts[i];
    longest = std::max(longest, restart.macro_f1.size());
    ChartSeries s{.name = {"restart " + std::to_string(restart.restart),
                           "再学習 " + std::to_string(restart.restart)}};
    s.colour = static_cast<int>(i);
    s.strong = restart.chosen;
    for (size_t e = 0; e < restart.macro_f1.size(); ++e) s.x.push_back(static_cast<double>(e + 1));
    s.style = ChartSeries::Style::kLinePoints;
    s.y = loss ? restart.tuning_loss : restart.macro_f1;
    if (loss) {
      ChartSeries training = s;
      training.name = {};
      training.style = ChartSeries::Style::kDashed;
      training.y = restart.training_loss;
      c.series.push_back(std::move(training));
    }
    c.series.push_back(std::move(s));
  }
  if (longest < 2) c.series.clear();
  c.fixed_x = true;
  c.x_low = 1;
  c.x_high = static_cast<double>(std::max<size_t>(2, longest));
  return c;
}

ReportTable restarts(const TestReport& r) {
  ReportTable t{"restarts",
                {"Restarts", "再学習"},
                {{"restart", "再学習"},
                 {"tuned on", "調整に用いた症例"},
                 {"best epoch", "最良エポック"},
                 {"accuracy", "正診率"},
                 {"macro F1", "マクロF1"},
                 {"serves", "採用"}},
                {}};
  double low = 1, high = 0;
  for (const auto& c : r.restarts) {
    const std::string number = std::to_string(c.restart), best = std::to_string(c.best_epoch),
                      epochs = std::to_string(c.macro_f1.size());
    t.rows.push_back({Words{number + " (seed " + std::to_string(c.seed) + ")",
                            number + "（乱数の種 " + std::to_string(c.seed) + "）"},
                      in_both(c.tuned_on), Words{best + " of " + epochs, best + "/" + epochs},
                      Cell::value(c.best_accuracy, 3), Cell::value(c.best_macro_f1, 3),
                      c.chosen ? Words{"yes", "はい"} : Words{"no", "いいえ"}});
    low = std::min(low, c.best_macro_f1);
    high = std::max(high, c.best_macro_f1);
  }
  const std::string span = format_double(low, 3) + " - " + format_double(high, 3);
  if (r.restarts.size() > 1)
    t.caption = {"Restarts: macro F1 " + span + " on their tuning cases",
                 "再学習: 調整用症例でのマクロF1 " + span};
  return t;
}

}  // namespace

ReportSection data_section(const TestReport& r) {
  ReportSection s{.name = "data", .title = {"Where the reports come from", "レポートの由来"}};
  if (!r.split_method.empty())
    s.say(
        {"Split by " + r.split_method + ". " + r.split_proof + ".",
         "分割の単位: " + in_japanese(r.split_method) + "。" + in_japanese(r.split_proof) + "。"});
  if (r.windowed_cases > 0)
    s.say({with_commas(r.windowed_cases) +
               " test reports are longer than the model and were read in windows; nothing was cut "
               "off.",
           with_commas(r.windowed_cases) +
               "件はモデルの上限より長く、窓に分けて読みました。切り捨てはありません。"});
  for (const auto& note : r.notes) s.say(in_both(note), Tone::kItem);
  FlowDiagram flow = flow_diagram(r);
  s.charts.push_back({.name = "flow",
                      .kind = ChartKind::kSvg,
                      .caption = {"Flow of reports and patients into the three sets",
                                  "レポートと患者の三つのセットへの流れ"},
                      .wide = true,
                      .svg = std::move(flow.svg),
                      .words = std::move(flow.words)});
  ReportTable& f = s.table("flow", {"Cohort, step by step", "コホートの各段階"},
                           {{"step", "段階"},
                            {"kept reports", "残ったレポート"},
                            {"kept patients", "残った患者"},
                            {"left out", "除外したレポート"},
                            {"patients left out", "除外した患者"}});
  for (const auto& step : r.flow)
    f.rows.push_back({in_both(step.text), Cell::count(step.kept_reports),
                      Cell::count(step.kept_patients), Cell::count(step.dropped_reports),
                      Cell::count(step.dropped_patients)});
  ReportTable& t = s.table("sets", {"The three sets", "三つのセット"},
                           {{"set", "セット"}, {"reports", "レポート"}, {"patients", "患者"}});
  for (const auto& label : r.labels)
    t.head.push_back({"group " + label, "群 " + in_japanese(label)});
  for (const auto& set : r.sets) {
    std::vector<Cell> row = {in_both(set.name), Cell::count(set.reports),
                             Cell::count(set.patients)};
    for (size_t g = 0; g < r.labels.size(); ++g) {
      Cell cell = Cell::count(g < set.per_group.size() ? set.per_group[g] : 0);
      if (g < set.per_group_before.size() && set.per_group_before[g] > set.per_group[g])
        cell.text = {cell.text.en + " of " + with_commas(set.per_group_before[g]),
                     cell.text.en + "（" + with_commas(set.per_group_before[g]) + "から抽出）"};
      row.push_back(std::move(cell));
    }
    t.rows.push_back(std::move(row));
  }
  return s;
}

ReportSection training_section(const TestReport& r) {
  ReportSection s{.name = "training", .title = {"Training", "学習"}};
  if (r.useful_tokens_per_second > 0)
    s.say({with_commas(static_cast<int64_t>(r.useful_tokens_per_second)) +
               " useful tokens a second, " + format_double(r.percent_of_ceiling, 0) +
               " % of this machine's ceiling for matrix products, peak memory " +
               format_bytes(static_cast<double>(r.peak_memory_bytes)) + ", " +
               format_double(r.training_seconds, 0) + " s of training steps.",
           "毎秒" + with_commas(static_cast<int64_t>(r.useful_tokens_per_second)) +
               "有効トークン（この計算機の行列積の上限の" + format_double(r.percent_of_ceiling, 0) +
               " %）、最大メモリ" + format_bytes(static_cast<double>(r.peak_memory_bytes)) +
               "、学習の所要時間" + format_double(r.training_seconds, 0) + "秒。"});
  s.charts = {training_chart(r, true), training_chart(r, false)};
  s.tables.push_back(restarts(r));
  if (r.recipe.empty()) return s;
  ReportTable& t = s.table("recipe",
                           {"What each step of the recipe brought, on " + r.recipe_cases,
                            "手順ごとの効果（" + in_japanese(r.recipe_cases) + "）"},
                           {{"step", "段階"}, {"accuracy", "正診率"}, {"macro F1", "マクロF1"}});
  for (const auto& step : r.recipe)
    t.rows.push_back(
        {in_both(step.name), Cell::figure(step.accuracy), Cell::figure(step.macro_f1)});
  return s;
}

ReportSection scores_section(const TestReport& r) {
  ReportSection s{.name = "scores", .title = {"Scores of single cases", "症例ごとの得点"}};
  std::map<std::string, std::vector<double>> by_name;
  for (const auto& c : r.cases)
    for (const auto& [name, value] : c.scores) by_name[name].push_back(value);
  ReportTable& t = s.table("scores", {"Mean and median of each score", "得点の平均と中央値"},
                           {{"score", "得点"},
                            {"median (Hodges-Lehmann, interval)", "中央値（Hodges-Lehmann）"},
                            {"mean", "平均"},
                            "n"});
  for (const auto& [name, values] : by_name) {
    double sum = 0;
    for (double v : values) sum += v;
    t.rows.push_back({in_both(name), Cell::figure(hodges_lehmann(values)),
                      Cell::value(sum / static_cast<double>(values.size()), 3),
                      Cell::count(static_cast<int64_t>(values.size()))});
  }
  return s;
}

Chart score_shift_chart(const std::string& name, const Words& what,
                        std::span<const double> differences) {
  constexpr int kBins = 21;
  Chart c{.name = name,
          .kind = ChartKind::kBars,
          .caption = {"Shift case by case, " + what.en +
                          "; n = " + with_commas(static_cast<int64_t>(differences.size())),
                      "症例ごとの差、" + (what.ja.empty() ? what.en : what.ja) +
                          "、n = " + with_commas(static_cast<int64_t>(differences.size()))},
          .x_label = {"difference", "差"},
          .y_label = {"cases", "症例"}};
  double widest = 0;
  for (double d : differences) widest = std::max(widest, std::fabs(d));
  if (widest == 0) widest = 1;
  ChartSeries s;
  s.y.assign(kBins, 0);
  for (double d : differences) {
    const auto bin = static_cast<int>((d / widest + 1) / 2 * kBins);
    s.y[static_cast<size_t>(std::clamp(bin, 0, kBins - 1))] += 1;
  }
  for (int b = 0; b < kBins; ++b)
    c.categories.push_back(b % 5 == 0 ? format_double(widest * (2.0 * (b + 0.5) / kBins - 1), 2)
                                      : "");
  if (!differences.empty()) c.series = {s};
  return c;
}

}  // namespace gantry
