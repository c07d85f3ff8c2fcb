#include <algorithm>

#include "base/strings.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "stats/proportion.h"

namespace gantry {
namespace {

ReportTable classifiers(const TestReport& r) {
  ReportTable t{"classifiers",
                {"All classifiers on the same test set; 95 % intervals in brackets",
                 "同じテストセットでの全分類器（括弧内は95 %信頼区間）"},
                {{"classifier", "分類器"},
                 {"accuracy", "正診率"},
                 {"macro F1", "マクロF1"},
                 {"kappa (with the reference standard)", "κ（参照基準と）"},
                 {"AUC (mean one-vs-rest)", "AUC（各群対その他の平均）"},
                 {"Brier", "Brierスコア"},
                 {"calibration error", "較正誤差"},
                 {"seconds, whole set", "全件の秒数"}},
                {}};
  for (const auto& c : r.classifiers) {
    const auto& e = c.evaluation;
    t.rows.push_back(
        {Words{c.name + "\n" + c.description,
               in_japanese(c.name) + "\n" + in_japanese(c.description)},
         Cell::figure(e.accuracy), Cell::figure(e.macro_f1), Cell::figure(e.kappa),
         Cell::figure(e.macro_auc), Cell::figure(e.brier), Cell::figure(e.calibration_error),
         c.seconds > 0 ? Cell::value(c.seconds, 2) : Cell(Words{"not timed", "計時なし"})});
  }
  return t;
}

ReportTable groups(const TestReport& r, const TestedClassifier& c, const std::string& name) {
  ReportTable t{name,
                {"By group, each against the rest: " + c.name,
                 "群別（各群対その他）: " + in_japanese(c.name)},
                {{"group", "群"},
                 {"n", "n"},
                 {"sensitivity", "感度"},
                 {"specificity", "特異度"},
                 {"precision (PPV)", "陽性的中率"},
                 {"NPV", "陰性的中率"},
                 "F1",
                 "AUC"},
                {}};
  for (size_t g = 0; g < c.evaluation.of_class.size(); ++g) {
    const auto& e = c.evaluation.of_class[g];
    t.rows.push_back({group_words(r, static_cast<int>(g)), Cell::count(e.support),
                      Cell::figure(e.sensitivity), Cell::figure(e.specificity),
                      Cell::figure(e.precision), Cell::figure(e.npv), Cell::figure(e.f1),
                      Cell::figure(e.auc)});
  }
  t.folded = !c.is_model;
  return t;
}

ReportTable confusion(const TestReport& r, const ConfusionMatrix& m) {
  ReportTable t{"confusion_matrix",
                {"Confusion matrix of the model: rows are the reference standard",
                 "モデルの混同行列（行が参照基準）"},
                {{"reference standard", "参照基準"}},
                {}};
  for (const auto& label : r.labels)
    t.head.push_back({"answered " + label, "解答 " + in_japanese(label)});
  t.head.push_back("n");
  for (int truth = 0; truth < m.classes(); ++truth) {
    std::vector<Cell> row = {group_words(r, truth)};
    for (int p = 0; p < m.classes(); ++p)
      row.push_back(Cell::count(static_cast<int64_t>(m.at(truth, p))));
    row.push_back(Cell::count(static_cast<int64_t>(m.with_truth(truth))));
    t.rows.push_back(std::move(row));
  }
  return t;
}

constexpr int kMostNarrow = 6;  // groups in a matrix of half the page's width

Chart confusion_chart(const TestReport& r, const ConfusionMatrix& m) {
  Chart c{.name = "confusion",
          .kind = ChartKind::kHeatMap,
          .caption = {"Confusion matrix of the model: reports, and per cent of the row's n",
                      "モデルの混同行列: 件数と、行のnに対する割合（%）"},
          .x_label = {"answered", "解答"},
          .y_label = {"reference standard", "参照基準"},
          .columns = r.labels,
          .wide = m.classes() > kMostNarrow};
  for (int t = 0; t < m.classes(); ++t) {
    const double n = m.with_truth(t);
    ChartSeries row{.name = r.labels[static_cast<size_t>(t)] +
                            "\nn = " + with_commas(static_cast<int64_t>(n))};
    for (int p = 0; p < m.classes(); ++p) {
      const double share = n > 0 ? m.at(t, p) / n : 0;
      row.y.push_back(share);
      row.texts.push_back(with_commas(static_cast<int64_t>(m.at(t, p))) + "\n" +
                          (n > 0 ? format_double(100 * share, 1) + " %" : "not\ndefined"));
    }
    c.series.push_back(std::move(row));
  }
  return c;
}

std::string n_of(int64_t n) { return with_commas(n); }

Estimate right_and_answered(const TestReport& r) {
  int64_t right = 0;
  for (const auto& c : r.cases) right += !c.abstained && c.predicted == c.truth;
  return wilson(right, static_cast<int64_t>(r.cases.size()));
}

}  // namespace

Words group_words(const TestReport& r, int g) {
  const auto at = static_cast<size_t>(g);
  Words out{r.labels.at(at), r.labels.at(at)};
  if (at < r.label_names.size() && !r.label_names[at].empty()) out.en += " " + r.label_names[at];
  if (at < r.label_names_ja.size() && !r.label_names_ja[at].empty())
    out.ja += " " + r.label_names_ja[at];
  else if (const std::string japanese = in_japanese(r.labels[at]); japanese != r.labels[at])
    out.ja += " " + japanese;
  else
    out.ja = out.en;
  return out;
}

std::vector<int32_t> patients_of(const TestReport& r) {
  std::vector<std::string> keys;
  for (const auto& c : r.cases)
    keys.push_back(c.patient.empty() ? c.source + "/" + c.id : c.patient);
  return number_clusters(keys);
}

BootstrapOptions bootstrap_of(const TestReport& r) {
  BootstrapOptions options;
  if (r.bootstrap_samples >= 1) options.samples = static_cast<int>(r.bootstrap_samples);
  return options;
}

const TestedClassifier* model_of(const TestReport& r) {
  for (const auto& c : r.classifiers)
    if (c.is_model) return &c;
  return r.classifiers.empty() ? nullptr : &r.classifiers.front();
}

ReportSection results_section(const TestReport& r) {
  ReportSection s{.name = "results", .title = {"Results", "結果"}};
  const TestedClassifier& m = *model_of(r);
  const Evaluation& e = m.evaluation;
  s.tables.push_back(classifiers(r));
  s.tables.push_back(groups(r, m, "groups"));
  s.tables.push_back(confusion(r, e.confusion));
  s.charts.push_back(confusion_chart(r, e.confusion));
  if (!r.abstention.attainable) return s;
  const int64_t held = e.n - (r.coverage.count >= 0 ? r.coverage.count : e.n);
  ReportTable& t = s.table("abstentions", {"Abstentions, both ways", "保留の二通りの数え方"},
                           {{"counted", "数え方"}, {"right", "正答"}});
  t.rows.push_back({Words{"every report answered, sure or not (" + n_of(e.n) + ")",
                          "確信の有無によらず全件に解答（" + n_of(e.n) + "件）"},
                    Cell::figure(e.accuracy)});
  t.rows.push_back({Words{"only the reports above the threshold; " + n_of(held) + " held back",
                          "閾値以上のレポートだけ（" + n_of(held) + "件は保留）"},
                    Cell::figure(r.answered_accuracy)});
  t.rows.push_back({Words{"held back counted as not right", "保留を不正答に数える"},
                    Cell::figure(right_and_answered(r))});
  return s;
}

ReportSection baselines_section(const TestReport& r) {
  ReportSection s{.name = "baselines",
                  .title = {"Against simple baselines", "単純な比較手法との差"}};
  ReportTable& t = s.table("comparisons",
                           {"The model against each baseline, on the same reports",
                            "同じレポートでの、モデルと各比較手法"},
                           {{"baseline", "比較手法"},
                            {"both right", "両方正答"},
                            {"only the model", "モデルのみ正答"},
                            {"only the baseline", "比較手法のみ正答"},
                            {"both wrong", "両方誤答"},
                            {"McNemar p (exact)", "McNemar p（正確）"},
                            {"macro F1 difference", "マクロF1の差"},
                            {"accuracy difference", "正診率の差"}});
  for (const auto& c : r.comparisons)
    t.rows.push_back({in_both(c.baseline), Cell::count(c.both_right),
                      Cell::count(c.model_only_right), Cell::count(c.baseline_only_right),
                      Cell::count(c.both_wrong), Cell::p_value(c.mcnemar_p),
                      Cell::figure(c.macro_f1_difference), Cell::figure(c.accuracy_difference)});
  size_t at = 0;
  for (const auto& c : r.classifiers)
    if (!c.is_model) s.tables.push_back(groups(r, c, "groups_baseline_" + std::to_string(++at)));
  return s;
}

ReportSection prevalence_section(const TestReport& r) {
  ReportSection s{.name = "natural_prevalence",
                  .title = {"At natural prevalence", "自然な有病割合では"}};
  const auto& e = model_of(r)->evaluation;
  const auto& weighted = e.weighted_evaluation;
  s.say(
      {"The test set was under-sampled by group. Here each report counts 1 / sampling fraction "
       "times; the fractions are taken as known.",
       "テストセットは群ごとに間引かれています。ここでは各レポートを抽出割合の逆数で重み付けしま"
       "す（抽出割合は既知とする）。"});
  ReportTable& t =
      s.table("natural_prevalence",
              {"Weighted back to the natural prevalence", "自然な有病割合への重み戻し"},
              {{"group", "群"},
               {"share in nature (weighted n)", "自然な割合（重み付きn）"},
               {"PPV raw", "陽性的中率（生）"},
               {"PPV weighted", "陽性的中率（重み付き）"},
               {"NPV raw", "陰性的中率（生）"},
               {"NPV weighted", "陰性的中率（重み付き）"},
               {"sensitivity weighted", "感度（重み付き）"}});
  const std::string all = with_commas(static_cast<int64_t>(weighted.confusion.total()));
  for (size_t g = 0; g < weighted.of_class.size(); ++g) {
    const auto& w = weighted.of_class[g];
    t.rows.push_back({group_words(r, static_cast<int>(g)),
                      format_double(100 * w.prevalence, 2) + " % (n = " + all + ")",
                      Cell::figure(e.of_class[g].precision), Cell::figure(w.ppv),
                      Cell::figure(e.of_class[g].npv), Cell::figure(w.npv),
                      Cell::figure(w.sensitivity)});
  }
  ReportTable& a = s.table("natural_accuracy", {"Accuracy", "正診率"},
                           {{"accuracy", "正診率"}, {"figure", "値"}});
  a.rows.push_back({Words{"raw", "生"}, Cell::figure(e.accuracy)});
  a.rows.push_back({Words{"weighted", "重み付き"}, Cell::figure(weighted.accuracy)});
  return s;
}

}  // namespace gantry
