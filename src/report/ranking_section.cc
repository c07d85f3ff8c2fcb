#include <cmath>

#include "base/strings.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "stats/curve_bands.h"

namespace gantry {
namespace {

// Bands are drawn, not tabled: fewer resamples than the tables' figures are enough for the eye.
constexpr int kBandSamples = 1000;
constexpr int kGridPoints = 101;

struct OneAgainstRest {
  std::vector<double> score;
  std::vector<uint8_t> positive;
  int64_t positives = 0;
};

OneAgainstRest one_against_rest(const TestReport& r, size_t group) {
  OneAgainstRest out;
  for (const auto& c : r.cases) {
    if (group >= c.probability.size()) return {};
    out.score.push_back(c.probability[group]);
    out.positive.push_back(c.truth == static_cast<int>(group));
    out.positives += out.positive.back();
  }
  return out;
}

ChartSeries series_of(const CurveBand& band, Words name, int colour) {
  ChartSeries s{.name = std::move(name)};
  s.colour = colour;
  for (const auto& p : band.points) {
    s.x.push_back(p.x);
    s.y.push_back(p.y);
    s.lower.push_back(p.has_interval ? p.lower : std::nan(""));
    s.upper.push_back(p.has_interval ? p.upper : std::nan(""));
  }
  return s;
}

Chart unit_chart(const char* name, Words caption, Words x, Words y) {
  return {.name = name,
          .kind = ChartKind::kLines,
          .caption = std::move(caption),
          .x_label = std::move(x),
          .y_label = std::move(y),
          .fixed_x = true,
          .fixed_y = true,
          .y_high = 1.02};
}

ChartSeries straight(Words name, double y0, double y1, int colour) {
  ChartSeries s{.name = std::move(name), .x = {0, 1}, .y = {y0, y1}};
  s.style = ChartSeries::Style::kDotted;
  s.strong = false;
  s.colour = colour;
  return s;
}

}  // namespace

ReportSection ranking_section(const TestReport& r) {
  ReportSection s{.name = "ranking",
                  .title = {"Ranking: ROC and precision-recall", "順位づけ: ROCと適合率・再現率"}};
  Chart roc =
      unit_chart("roc",
                 {"ROC curves, each group against the rest; bands: pointwise 95 %, "
                  "bootstrap over patients",
                  "ROC曲線（各群対その他）。帯: 各点の95 %区間（患者単位のブートストラップ）"},
                 {"1 - specificity", "1 − 特異度"}, {"sensitivity", "感度"});
  Chart pr = unit_chart("precision_recall",
                        {"Precision-recall curves; dotted: the group's share of the test set",
                         "適合率・再現率曲線。点線: テストセットでの群の割合"},
                        {"sensitivity (recall)", "感度（再現率）"},
                        {"PPV (precision)", "陽性的中率（適合率）"});
  ReportTable t{"ranking",
                {"Ranking by the probability of each group", "各群の確率による順位づけ"},
                {{"group", "群"},
                 {"positives", "陽性数"},
                 {"AUC (DeLong)", "AUC（DeLong）"},
                 {"AUC (bootstrap)", "AUC（ブートストラップ）"},
                 {"average precision", "平均適合率"},
                 {"share of the test set", "テストセットでの割合"}},
                {}};
  BootstrapOptions options = bootstrap_of(r);
  options.samples = std::min(options.samples, kBandSamples);
  const auto patients = patients_of(r);
  const auto grid = even_grid(0, 1, kGridPoints);
  const std::vector<double> recalls(grid.begin() + 1, grid.end());
  const auto& e = model_of(r)->evaluation;
  for (size_t g = 0; g < r.labels.size() && g < e.of_class.size(); ++g) {
    const auto data = one_against_rest(r, g);
    const auto n = static_cast<int64_t>(data.score.size());
    const Words name{"group " + r.labels[g], "群 " + in_japanese(r.labels[g])};
    const auto& figures = e.of_class[g];
    const double share = n > 0 ? static_cast<double>(data.positives) / static_cast<double>(n) : 0;
    t.rows.push_back({group_words(r, static_cast<int>(g)), Cell::count(data.positives),
                      Cell::figure(figures.auc), Cell::figure(figures.auc_bootstrap),
                      Cell::figure(figures.average_precision),
                      n > 0 ? Cell(Words{format_double(share, 3) + ", " +
                                             with_commas(data.positives) + " of " + with_commas(n),
                                         format_double(share, 3) + "、" +
                                             with_commas(data.positives) + "/" + with_commas(n)})
                            : Cell(Words{"not defined", "定義されない"})});
    const auto band = roc_band(data.score, data.positive, patients, grid, options);
    if (band.points.empty()) {
      s.say({"Group " + r.labels[g] +
                 ": no curve, since the test set holds no case of it or no other case.",
             "群 " + r.labels[g] +
                 ": テストセットに陽性例または陰性例がなく、曲線は定義されません。"},
            ReportParagraph::Tone::kSoft);
      continue;
    }
    const int colour = static_cast<int>(g);
    roc.series.push_back(series_of(band, name, colour));
    pr.series.push_back(
        series_of(precision_recall_band(data.score, data.positive, patients, recalls, options),
                  name, colour));
    pr.series.push_back(straight({}, share, share, colour));
  }
  if (!roc.series.empty()) roc.series.push_back(straight({"chance", "偶然"}, 0, 1, 7));
  s.charts = {std::move(roc), std::move(pr)};
  s.tables.push_back(std::move(t));
  return s;
}

}  // namespace gantry
