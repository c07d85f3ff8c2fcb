#include <cmath>

#include "base/strings.h"
#include "report/japanese.h"
#include "report/sections.h"

namespace gantry {
namespace {

Chart reliability_chart(const Evaluation& e) {
  Chart c{.name = "reliability",
          .kind = ChartKind::kLines,
          .caption = {"Calibration: how often an answer of a given probability is right, ten bins, "
                      "Wilson intervals; steps: share of the reports in each bin",
                      "較正: ある確率で出した解答が正しかった割合（10区間, Wilson区間）。階段: 各区"
                      "間のレポートの割合"},
          .x_label = {"probability of the answer given", "解答の確率"},
          .y_label = {"share right", "正答の割合"},
          .fixed_x = true,
          .fixed_y = true,
          .y_high = 1.02};
  ChartSeries observed{.name = {"observed", "観測"}},
      histogram{.name = {"share of reports", "レポートの割合"}};
  for (const auto& bin : e.reliability) {
    const double share =
        e.n > 0 ? static_cast<double>(bin.n) / static_cast<double>(e.n) : std::nan("");
    histogram.x.insert(histogram.x.end(), {bin.low, bin.low, bin.high, bin.high});
    histogram.y.insert(histogram.y.end(), {0, share, share, 0});
    if (bin.n == 0) continue;
    observed.x.push_back(bin.mean_probability);
    observed.y.push_back(bin.observed.value);
    observed.lower.push_back(bin.observed.lower);
    observed.upper.push_back(bin.observed.upper);
  }
  histogram.colour = 5;
  histogram.strong = false;
  observed.style = ChartSeries::Style::kPoints;
  observed.colour = 0;
  ChartSeries ideal{.name = {"ideal", "理想"}, .x = {0, 1}, .y = {0, 1}};
  ideal.style = ChartSeries::Style::kDotted;
  ideal.colour = 7;
  ideal.strong = false;
  if (!observed.y.empty()) c.series = {histogram, ideal, observed};
  return c;
}

Chart risk_coverage_chart(const Evaluation& e, const AbstentionThreshold& threshold) {
  Chart c{.name = "risk_coverage",
          .kind = ChartKind::kLines,
          .caption = {"Error rate against the share of reports answered, the surest first",
                      "解答したレポートの割合と誤り率（確信の高い順）"},
          .x_label = {"share of reports answered", "解答したレポートの割合"},
          .y_label = {"error rate", "誤り率"},
          .fixed_x = true};
  if (e.risk_coverage.size() < 2) return c;
  ChartSeries curve{.name = {"error rate among answers given", "出した解答の誤り率"}};
  ChartSeries chosen{.name = {"threshold from the tuning cases", "調整用症例で決めた閾値"}};
  for (const auto& p : e.risk_coverage) {
    curve.x.push_back(p.coverage);
    curve.y.push_back(p.risk);
    if (threshold.attainable && p.threshold >= threshold.threshold) {
      chosen.x = {p.coverage};
      chosen.y = {p.risk};
    }
  }
  chosen.style = ChartSeries::Style::kPoints;
  c.series = {curve};
  if (!chosen.y.empty()) c.series.push_back(chosen);
  return c;
}

std::string percent(double share, int decimals) { return format_double(100 * share, decimals); }

void say_threshold(const TestReport& r, ReportSection& s) {
  s.say({"Probabilities were calibrated on the tuning cases (temperature " +
             format_double(r.temperature, 3) + ").",
         "確率は調整用症例で較正しました（温度 " + format_double(r.temperature, 3) + "）。"});
  if (r.abstention.attainable) {
    const std::string at = format_double(r.abstention.threshold, 3),
                      rate = percent(r.abstention.stated_error_rate, 1);
    s.say({"An answer is given when its probability is at least " + at +
               ", chosen on the tuning cases so that at most " + rate +
               " % of the answers given are wrong (" + r.abstention.rule +
               "); else the report goes to a person. The tables under \"Results\" count "
               "abstentions both ways.",
           "確率が" + at + "以上のとき解答し、それ以外は人に回します。閾値は、出した解答の誤りが" +
               rate + " %以下になるよう調整用症例で決めました（" + in_japanese(r.abstention.rule) +
               "）。「結果」の表では保留を二通りに数えています。"});
  }
  if (!r.abstention_note.empty())
    s.say(in_both(r.abstention_note), ReportParagraph::Tone::kWarning);
}

// The interval of a figure that is never below 0 and that every resample's own noise adds to.
void say_calibration_bias(const Estimate& error, ReportSection& s) {
  if (!error.defined || !error.has_interval || error.lower <= error.value) return;
  s.say({"The interval of the calibration error lies above the figure: chance in the bins adds to "
         "the error of every sample, and once more to that of every resample. In small sets take "
         "it as a bound from above, and look at the slope and intercept.",
         "較正誤差の信頼区間は値そのものより上にあります。各区間の偶然のばらつきが標本の誤差に加わ"
         "り、再標"
         "本ではもう一度加わるためです。小さなセットでは上からの目安とし、傾きと切片も見てください"
         "。"},
        ReportParagraph::Tone::kSoft);
}

}  // namespace

ReportSection calibration_section(const TestReport& r) {
  ReportSection s{.name = "calibration",
                  .title = {"When the model is not sure", "モデルが確信を持てないとき"}};
  const auto& e = model_of(r)->evaluation;
  say_threshold(r, s);
  say_calibration_bias(e.calibration_error, s);
  s.charts = {reliability_chart(e), risk_coverage_chart(e, r.abstention)};
  ReportTable& a = s.table("answered", {"On the test set", "テストセットで"},
                           {{"figure", "指標"}, {"value", "値"}});
  if (r.abstention.attainable) {
    a.rows.push_back({Words{"answered", "解答した割合"}, Cell::figure(r.coverage)});
    a.rows.push_back({Words{"right among the answers given", "出した解答の正答率"},
                      Cell::figure(r.answered_accuracy)});
  }
  a.rows.push_back(
      {Words{"area under the risk-coverage curve", "リスク被覆曲線下面積"}, Cell::figure(e.aurc)});
  a.rows.push_back({Words{"calibration error (10 bins of equal width)", "較正誤差（等幅10区間）"},
                    Cell::figure(e.calibration_error)});
  a.rows.push_back({Words{"log loss", "対数損失"}, Cell::figure(e.log_loss)});
  ReportTable& t =
      s.table("calibration", {"Calibration, each group against the rest", "群別の較正"},
              {{"group", "群"},
               {"slope (ideal 1)", "傾き（理想1）"},
               {"intercept (ideal 0)", "切片（理想0）"},
               "Brier"});
  for (size_t g = 0; g < e.of_class.size(); ++g)
    t.rows.push_back(
        {group_words(r, static_cast<int>(g)), Cell::figure(e.of_class[g].calibration.slope),
         Cell::figure(e.of_class[g].calibration.intercept), Cell::figure(e.of_class[g].brier)});
  return s;
}

}  // namespace gantry
