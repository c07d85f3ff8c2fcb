// Readers: against the reference standard, against the clock, against each other, and the model
// against each of them.
#include <cmath>

#include "base/strings.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "stats/agreement.h"
#include "stats/descriptive.h"
#include "stats/multiple_testing.h"
#include "stats/paired_tests.h"
#include "stats/proportion.h"
#include "stats/wilcoxon.h"

namespace gantry {
namespace {

using Tone = ReportParagraph::Tone;

std::string n_of(int64_t n) { return with_commas(n); }

Words range_words(double low, double high) {
  return {format_double(low, 1) + " to " + format_double(high, 1),
          format_double(low, 1) + "〜" + format_double(high, 1)};
}

// Who answers the cases: a reader, or the model; -1 where a case was not read.
struct Answers {
  std::string name;
  std::vector<int> label;
  bool is_model = false;
};

std::vector<Answers> all_answers(const TestReport& r) {
  std::vector<Answers> out;
  if (model_of(r) != nullptr) {
    Answers model{model_of(r)->name, {}, true};
    for (const auto& c : r.cases) model.label.push_back(c.predicted);
    out.push_back(std::move(model));
  }
  for (const auto& reader : r.readers) out.push_back({reader.reader, reader.label, false});
  return out;
}

int64_t read_by(const ReaderReadings& reader) {
  int64_t n = 0;
  for (int label : reader.label) n += label >= 0;
  return n;
}

void say_completeness(const TestReport& r, ReportSection& s) {
  const auto all = static_cast<int64_t>(r.cases.size());
  for (const auto& reader : r.readers) {
    const int64_t n = read_by(reader);
    if (n < all)
      s.say({"Incomplete: " + reader.reader + " read " + n_of(n) + " of " + n_of(all) +
                 " reports. The " + n_of(all - n) +
                 " others are not filled in; every comparison uses the reports that both sides "
                 "answered, and says how many.",
             "未完了: " + reader.reader + "は" + n_of(all) + "件中" + n_of(n) + "件を判読。残り" +
                 n_of(all - n) + "件は補完せず、比較は双方が答えたレポートだけで行います。"},
            Tone::kWarning);
  }
  for (const auto& note : r.reader_notes) s.say(in_both(note), Tone::kItem);
}

ReportTable standard_table(const TestReport& r, const std::vector<Answers>& answers) {
  ReportTable t{
      "readers",
      {"Readers and model against the reference standard", "参照基準に対する読影者とモデル"},
      {{"who", "判定者"}, {"accuracy", "正診率"}, {"macro F1", "マクロF1"}},
      {}};
  for (const auto& label : r.labels)
    t.head.push_back({"sensitivity, group " + label, "感度 群 " + in_japanese(label)});
  t.head.push_back({"kappa with the reference standard", "参照基準とのκ"});
  const auto patients = patients_of(r);
  for (const auto& who : answers) {
    Predictions p;
    p.classes = static_cast<int>(r.labels.size());
    std::vector<std::string> keys;
    for (size_t i = 0; i < r.cases.size(); ++i) {
      if (who.label[i] < 0) continue;
      p.truth.push_back(r.cases[i].truth);
      p.predicted.push_back(who.label[i]);
      keys.push_back(std::to_string(patients[i]));
    }
    p.patient = number_clusters(keys);
    EvaluationOptions options;
    options.bootstrap = bootstrap_of(r);
    const Evaluation e = evaluate(p, options);
    std::vector<Cell> row = {
        who.is_model ? Words{who.name + " (model)", in_japanese(who.name) + "（モデル）"}
                     : Words{who.name},
        Cell::figure(e.accuracy), Cell::figure(e.macro_f1)};
    for (const auto& c : e.of_class) row.push_back(Cell::figure(c.sensitivity));
    row.push_back(Cell::figure(e.kappa));
    t.rows.push_back(std::move(row));
  }
  return t;
}

std::vector<double> timed(const ReaderReadings& reader) {
  std::vector<double> out;
  for (size_t i = 0; i < reader.seconds.size(); ++i)
    if (reader.label[i] >= 0 && reader.seconds[i] >= 0) out.push_back(reader.seconds[i]);
  return out;
}

ReportTable time_table(const TestReport& r) {
  ReportTable t{"reading_times",
                {"Reading times in seconds; the model's total includes loading",
                 "読影時間（秒）。モデルの合計は読込みを含む"},
                {{"who", "判定者"},
                 {"reports timed", "計時したレポート"},
                 {"total", "合計"},
                 {"median (interval)", "中央値（区間）"},
                 {"quartiles", "四分位"},
                 {"shortest to longest", "最短から最長"}},
                {}};
  if (const auto* m = model_of(r); m != nullptr && m->seconds > 0)
    t.rows.push_back(
        {Words{m->name + " (model)", in_japanese(m->name) + "（モデル）"},
         Cell::count(m->evaluation.n), Cell::value(m->seconds, 1),
         Words{"answers in batches: not timed singly", "一括処理のため個別には計時なし"}, "", ""});
  for (const auto& reader : r.readers) {
    const auto seconds = timed(reader);
    const Quartiles q = quartiles(seconds);
    if (q.n == 0) {
      t.rows.push_back({reader.reader, Cell::count(0), Words{"not timed", "計時なし"}, "", "", ""});
      continue;
    }
    t.rows.push_back({reader.reader, Cell::count(q.n), Cell::value(q.total, 1),
                      Cell::figure(median_estimate(seconds), 1), range_words(q.first, q.third),
                      range_words(q.lowest, q.highest)});
  }
  return t;
}

ReportTable time_tests(const TestReport& r) {
  ReportTable t{"reading_time_tests",
                {"Times of two readers on the same reports", "同じレポートでの二人の読影時間"},
                {{"readers", "読影者"},
                 {"reports timed by both", "双方が計時したレポート"},
                 {"shift in seconds (Hodges-Lehmann)", "差（秒, Hodges-Lehmann）"},
                 {"Wilcoxon signed-rank p", "Wilcoxon符号付順位p"}},
                {}};
  for (size_t a = 0; a < r.readers.size(); ++a)
    for (size_t b = a + 1; b < r.readers.size(); ++b) {
      const auto &first = r.readers[a], &second = r.readers[b];
      std::vector<double> difference;
      for (size_t i = 0; i < first.label.size(); ++i)
        if (first.label[i] >= 0 && second.label[i] >= 0 && first.seconds[i] >= 0 &&
            second.seconds[i] >= 0)
          difference.push_back(first.seconds[i] - second.seconds[i]);
      t.rows.push_back({first.reader + " - " + second.reader,
                        Cell::count(static_cast<int64_t>(difference.size())),
                        Cell::figure(hodges_lehmann(difference), 2),
                        Cell::p_value(signed_rank(difference))});
    }
  return t;
}

ConfusionMatrix cross_table(int classes, const std::vector<int>& a, const std::vector<int>& b) {
  ConfusionMatrix table(classes);
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] >= 0 && b[i] >= 0) table.at(a[i], b[i]) += 1;
  return table;
}

const Words kModel{"model", "モデル"}, kReference{"reference", "参照基準"};

Words in_words(const Answers& who) {
  for (const Words& known : {kModel, kReference})
    if (who.name == known.en) return known;
  return {who.name, who.name};
}

// Pairs of readers, model and reference standard; the heat map holds the kappas.
void add_agreement(const TestReport& r, std::vector<Answers> who, ReportSection& s) {
  const int classes = static_cast<int>(r.labels.size());
  Answers standard{kReference.en, {}, false};
  for (const auto& c : r.cases) standard.label.push_back(c.truth);
  who.push_back(std::move(standard));
  for (auto& w : who)
    if (w.is_model) w.name = kModel.en;  // its whole name is in the table of readers
  ReportTable t{"agreement",
                {"Agreement of every pair", "全ての組の一致度"},
                {{"pair", "組"},
                 {"same answer", "一致率"},
                 {"Cohen's kappa", "Cohenのκ"},
                 {"quadratic kappa", "二次重みκ"},
                 {"margins differ: Stuart-Maxwell p", "周辺分布の差: Stuart-Maxwell p"},
                 {"symmetry: Bowker p", "対称性: Bowker p"}},
                {}};
  Chart map{.name = "agreement",
            .kind = ChartKind::kHeatMap,
            .caption = {"Cohen's kappa of every pair, and the number of reports that both answered",
                        "全ての組のCohenのκとレポート数"}};
  map.wide = who.size() > 4;
  for (const auto& w : who) {
    map.columns.push_back(w.name);
    map.series.push_back({.name = in_words(w),
                          .y = std::vector<double>(who.size(), std::nan("")),
                          .texts = std::vector<std::string>(who.size())});
  }
  for (size_t a = 0; a < who.size(); ++a)
    for (size_t b = a + 1; b < who.size(); ++b) {
      const auto table = cross_table(classes, who[a].label, who[b].label);
      const Estimate kappa = cohen_kappa(table);
      const auto n = static_cast<int64_t>(table.total());
      const Words first = in_words(who[a]), second = in_words(who[b]);
      t.rows.push_back({Words{first.en + " / " + second.en, first.ja + " / " + second.ja},
                        Cell::figure(wilson(static_cast<int64_t>(table.correct()), n)),
                        Cell::figure(kappa),
                        Cell::figure(cohen_kappa(table, AgreementWeights::kQuadratic)),
                        Cell::p_value(stuart_maxwell(table)), Cell::p_value(bowker(table))});
      for (auto [i, j] : {std::pair{a, b}, std::pair{b, a}}) {
        map.series[i].y[j] = kappa.defined ? kappa.value : std::nan("");
        map.series[i].texts[j] =
            (kappa.defined ? format_double(kappa.value, 3) : "not defined") + "\nn = " + n_of(n);
      }
    }
  s.tables.push_back(std::move(t));
  s.charts.push_back(std::move(map));
}

void add_overall_agreement(const TestReport& r, ReportSection& s) {
  if (r.readers.size() < 2) return;
  const int people = static_cast<int>(r.readers.size());
  std::vector<int> reading;
  for (size_t i = 0; i < r.cases.size(); ++i)
    for (const auto& reader : r.readers) reading.push_back(reader.label[i]);
  const auto counts = count_readings(static_cast<int>(r.labels.size()), people, reading);
  ReportTable& t =
      s.table("agreement_overall",
              {"Agreement of all " + std::to_string(people) + " readers together",
               std::to_string(people) + "名全員の一致度"},
              {{"coefficient", "係数"},
               {"value (n: reports read by two or more)", "値（n: 二名以上が判読したレポート）"}});
  t.rows.push_back({Words{"Fleiss' kappa", "Fleissのκ"}, Cell::figure(fleiss_kappa(counts))});
  t.rows.push_back({Words{"Krippendorff's alpha (nominal)", "Krippendorffのα（名義尺度）"},
                    Cell::figure(krippendorff_alpha(counts))});
  t.rows.push_back({Words{"Gwet's AC1", "GwetのAC1"}, Cell::figure(gwet_ac(counts))});
}

struct Pair {
  PairedCounts counts;
  std::vector<int32_t> patient;    // of the cases both answered
  std::vector<int8_t> difference;  // first right - second right
};

Pair pair_of(const TestReport& r, const std::vector<int>& first, const std::vector<int>& second) {
  Pair out;
  const auto patients = patients_of(r);
  std::vector<std::string> keys;
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i] < 0 || second[i] < 0) continue;
    const bool a = first[i] == r.cases[i].truth, b = second[i] == r.cases[i].truth;
    ++(a && b ? out.counts.both
       : a    ? out.counts.first_only
       : b    ? out.counts.second_only
              : out.counts.neither);
    out.difference.push_back(static_cast<int8_t>(a - b));
    keys.push_back(std::to_string(patients[i]));
  }
  out.patient = number_clusters(keys);
  return out;
}

Estimate clustered_difference(const Pair& pair, const BootstrapOptions& options) {
  const auto n = static_cast<int64_t>(pair.difference.size());
  if (n == 0) return not_defined();
  int32_t patients = 0;
  for (int32_t p : pair.patient) patients = std::max(patients, p + 1);
  auto result = cluster_bootstrap(
      patients, 1,
      [&](std::span<const int32_t> times, std::span<double> figures) {
        double sum = 0, cases = 0;
        for (size_t i = 0; i < pair.difference.size(); ++i) {
          const double weight = times[static_cast<size_t>(pair.patient[i])];
          sum += weight * pair.difference[i];
          cases += weight;
        }
        figures[0] = sum / cases;
      },
      options);
  return result.figures[0].estimate(n, result.method);
}

void add_model_against_readers(const TestReport& r, const std::vector<Answers>& answers,
                               ReportSection& s) {
  const Answers& model = answers.at(0);
  ReportTable t{"model_against_readers",
                {"The model against each reader, on the reports that both answered; differences in "
                 "accuracy are model - reader",
                 "双方が答えたレポートでの、モデルと各読影者。正診率の差はモデル − 読影者"},
                {{"reader", "読影者"},
                 {"both right", "両方正答"},
                 {"only the model", "モデルのみ正答"},
                 {"only the reader", "読影者のみ正答"},
                 {"both wrong", "両方誤答"},
                 {"McNemar p (exact)", "McNemar p（正確）"},
                 {"adjusted (Holm)", "調整後（Holm）"},
                 {"difference (Newcombe, paired)", "差（Newcombe, 対応あり）"},
                 {"difference (bootstrap over patients)", "差（患者単位ブートストラップ）"}},
                {}};
  std::vector<double> p;
  std::vector<Pair> pairs;
  for (size_t i = 1; i < answers.size(); ++i) {
    pairs.push_back(pair_of(r, model.label, answers[i].label));
    const auto& c = pairs.back().counts;
    p.push_back(c.n() > 0 ? mcnemar(c.first_only, c.second_only).p : std::nan(""));
  }
  const auto adjusted = holm(p);
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto& c = pairs[i].counts;
    t.rows.push_back({answers[i + 1].name, Cell::count(c.both), Cell::count(c.first_only),
                      Cell::count(c.second_only), Cell::count(c.neither), Cell::p_value(p[i]),
                      Cell::p_value(adjusted[i]), Cell::figure(newcombe_paired_difference(c)),
                      Cell::figure(clustered_difference(pairs[i], bootstrap_of(r)))});
  }
  s.tables.push_back(std::move(t));
  if (r.margins.empty() || r.margins.back().margin <= 0) {
    s.say({"No non-inferiority margin is declared (test.margin in study.toml), so none is tested.",
           "非劣性マージンは宣言されていないため（study.tomlのtest.margin）、検定しません。"},
          Tone::kSoft);
    return;
  }
  const double margin = r.margins.back().margin;
  ReportTable& ni =
      s.table("noninferiority",
              {"Non-inferiority of the model's accuracy, margin " + format_double(margin, 3),
               "モデルの正診率の非劣性（マージン " + format_double(margin, 3) + "）"},
              {{"reader", "読影者"},
               {"model - reader (Tango)", "モデル − 読影者（Tango）"},
               {"p, one-sided", "p（片側）"},
               {"lower limit above -margin", "下限 > −マージン"}});
  for (size_t i = 0; i < pairs.size(); ++i) {
    const Estimate e = tango_paired_difference(pairs[i].counts);
    ni.rows.push_back({answers[i + 1].name, Cell::figure(e),
                       Cell::p_value(tango_noninferiority(pairs[i].counts, margin)),
                       !e.has_interval     ? Words{"not defined", "定義されない"}
                       : e.lower > -margin ? Words{"yes: not inferior", "はい: 非劣性"}
                                           : Words{"no: not shown", "いいえ: 示されず"}});
  }
}

void say_margin(const TestReport& r, ReportSection& s) {
  if (r.margins.empty()) return;
  const auto& first = r.margins.front();
  const std::string value = format_double(first.margin, 3);
  if (first.looks == 0)
    s.say({"Non-inferiority margin " + value + " declared " + first.at +
               ", before the test set was first opened.",
           "非劣性マージン" + value + "は" + first.at +
               "に、テストセットを開く前に宣言されました。"});
  else
    s.say({"The non-inferiority margin " + value + " was first declared " + first.at +
               ", AFTER the test set had been opened " + std::to_string(first.looks) +
               " time(s): it does not count as declared in advance.",
           "非劣性マージン" + value + "は" + first.at + "に、テストセットを" +
               std::to_string(first.looks) +
               "回開いた後に宣言されました。事前の宣言ではありません。"},
          Tone::kBad);
  for (size_t i = 1; i < r.margins.size(); ++i) {
    const auto& m = r.margins[i];
    const std::string from = format_double(r.margins[i - 1].margin, 3),
                      to = format_double(m.margin, 3);
    const bool late = m.looks > 0;
    s.say(
        {(m.margin > 0 ? "Margin changed from " + from + " to " + to : "Margin withdrawn") +
             " on " + m.at +
             (late ? ", AFTER the test set had been opened." : ", before the test set was opened."),
         "マージンは" + m.at + "に" + from + "から" + to + "へ変更（テストセットを開" +
             (late ? "いた後" : "く前") + "）。"},
        late ? Tone::kBad : Tone::kWarning);
  }
}

void add_cochran(const TestReport& r, const std::vector<Answers>& answers, ReportSection& s) {
  if (answers.size() < 3) return;
  std::vector<uint8_t> right;
  int64_t n = 0;
  for (size_t i = 0; i < r.cases.size(); ++i) {
    bool all = true;
    for (const auto& who : answers) all = all && who.label[i] >= 0;
    if (!all) continue;
    ++n;
    for (const auto& who : answers) right.push_back(who.label[i] == r.cases[i].truth);
  }
  const TestResult q = cochran_q(static_cast<int>(answers.size()), right);
  ReportTable& t = s.table("cochran", {"All of them at once", "全員を同時に"},
                           {{"test", "検定"},
                            {"reports answered by all", "全員が答えたレポート"},
                            {"statistic", "統計量"},
                            "p"});
  t.rows.push_back({Words{"Cochran's Q: equal accuracy of the model and all readers",
                          "CochranのQ: モデルと全読影者の正診率が等しい"},
                    Cell::count(n), Cell::value(q.defined ? q.statistic : std::nan(""), 3),
                    Cell::p_value(q)});
}

}  // namespace

ReportSection readers_section(const TestReport& r) {
  ReportSection s{.name = "readers", .title = {"Readers", "読影者"}};
  const auto answers = all_answers(r);
  say_completeness(r, s);
  say_margin(r, s);
  s.tables.push_back(standard_table(r, answers));
  s.tables.push_back(time_table(r));
  if (r.readers.size() > 1) s.tables.push_back(time_tests(r));
  add_agreement(r, answers, s);
  add_overall_agreement(r, s);
  if (model_of(r) != nullptr) {
    add_model_against_readers(r, answers, s);
    add_cochran(r, answers, s);
  }
  return s;
}

}  // namespace gantry
