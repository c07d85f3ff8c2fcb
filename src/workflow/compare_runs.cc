#include "workflow/compare_runs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "report/japanese.h"
#include "report/report_state.h"
#include "report/sections.h"
#include "stats/multiple_testing.h"
#include "stats/paired_tests.h"
#include "stats/proportion.h"
#include "stats/roc.h"
#include "stats/wilcoxon.h"
#include "workflow/compare_answers.h"
#include "workflow/train.h"

namespace gantry {
namespace {

using Key = std::pair<std::string, std::string>;

[[noreturn]] void different(const std::string& how) {
  throw Error("E0786", "the runs were tested on different test sets: " + how,
              "Compare runs of one split; test a run again (`gantry test --run`) if need be.");
}

std::vector<uint8_t> right_of(const TestReport& t) {
  std::vector<uint8_t> out;
  for (const auto& c : t.cases) out.push_back(c.predicted == c.truth);
  return out;
}

ReportTable overview(const std::vector<TestReport>& tests) {
  ReportTable t{"runs",
                {"The runs on the same test set", "同じテストセットでの各実行"},
                {{"run", "実行"},
                 {"accuracy", "正診率"},
                 {"macro F1", "マクロF1"},
                 {"AUC (mean one-vs-rest)", "AUC（各群対その他の平均）"},
                 {"Brier", "Brierスコア"},
                 {"looks", "開いた回数"}},
                {}};
  for (const auto& test : tests) {
    const auto& e = model_of(test)->evaluation;
    const std::string& name = model_of(test)->name;
    t.rows.push_back({Words{test.run + "\n" + name, test.run + "\n" + in_japanese(name)},
                      Cell::figure(e.accuracy), Cell::figure(e.macro_f1), Cell::figure(e.macro_auc),
                      Cell::figure(e.brier), Cell::count(test.looks)});
  }
  return t;
}

// Macro F1 and accuracy of the first less those of the second, patients drawn together.
std::pair<Estimate, Estimate> differences(const TestReport& a, const TestReport& b) {
  const int classes = static_cast<int>(a.labels.size());
  const auto patients = patients_of(a);
  int32_t count = 0;
  for (int32_t p : patients) count = std::max(count, p + 1);
  auto result = cluster_bootstrap(
      count, 2,
      [&](std::span<const int32_t> times, std::span<double> figures) {
        ConfusionMatrix first(classes), second(classes);
        for (size_t i = 0; i < a.cases.size(); ++i) {
          const double weight = times[static_cast<size_t>(patients[i])];
          first.at(a.cases[i].truth, a.cases[i].predicted) += weight;
          second.at(a.cases[i].truth, b.cases[i].predicted) += weight;
        }
        figures[0] = first.macro_f1() - second.macro_f1();
        figures[1] = first.accuracy() - second.accuracy();
      },
      bootstrap_of(a));
  const auto n = static_cast<int64_t>(a.cases.size());
  return {result.figures[0].estimate(n, result.method),
          result.figures[1].estimate(n, result.method)};
}

ReportTable pairs(const std::vector<TestReport>& tests) {
  ReportTable t{"paired",
                {"Every pair, first - second; p by exact McNemar, adjusted by Holm",
                 "全ての組（前者 − 後者）。pはMcNemar（正確）、調整はHolm"},
                {{"runs", "実行"},
                 {"both right", "両方正答"},
                 {"first only", "前者のみ"},
                 {"second only", "後者のみ"},
                 {"both wrong", "両方誤答"},
                 "McNemar p",
                 {"adjusted", "調整後"},
                 {"accuracy difference (Newcombe, paired)", "正診率の差（Newcombe）"},
                 {"macro F1 difference (bootstrap)", "マクロF1の差（ブートストラップ）"},
                 {"other answer, symmetry: Bowker p", "解答の対称性: Bowker p"}},
                {}};
  std::vector<double> p;
  for (size_t a = 0; a < tests.size(); ++a)
    for (size_t b = a + 1; b < tests.size(); ++b) {
      const auto first = right_of(tests[a]), second = right_of(tests[b]);
      PairedCounts c;
      ConfusionMatrix answers(static_cast<int>(tests[a].labels.size()));
      for (size_t i = 0; i < first.size(); ++i) {
        ++(first[i] && second[i] ? c.both
           : first[i]            ? c.first_only
           : second[i]           ? c.second_only
                                 : c.neither);
        answers.at(tests[a].cases[i].predicted, tests[b].cases[i].predicted) += 1;
      }
      const TestResult test = mcnemar(c.first_only, c.second_only);
      p.push_back(test.p);
      t.rows.push_back(
          {tests[a].run + " - " + tests[b].run, Cell::count(c.both), Cell::count(c.first_only),
           Cell::count(c.second_only), Cell::count(c.neither), Cell::p_value(test), Cell(),
           Cell::figure(newcombe_paired_difference(c)),
           Cell::figure(differences(tests[a], tests[b]).first), Cell::p_value(bowker(answers))});
    }
  const auto adjusted = holm(p);
  for (size_t i = 0; i < adjusted.size(); ++i) t.rows[i][6] = Cell::p_value(adjusted[i]);
  return t;
}

ReportTable auc_pairs(const std::vector<TestReport>& tests) {
  ReportTable t{
      "auc",
      {"AUC of each group, first - second (DeLong, paired)", "群別AUCの差（DeLong, 対応あり）"},
      {{"runs", "実行"},
       {"group", "群"},
       {"first", "前者"},
       {"second", "後者"},
       {"difference", "差"},
       "p"},
      {}};
  auto scores = [](const TestReport& test, size_t g) {
    std::vector<double> out;
    for (const auto& c : test.cases) out.push_back(g < c.probability.size() ? c.probability[g] : 0);
    return out;
  };
  for (size_t a = 0; a < tests.size(); ++a)
    for (size_t b = a + 1; b < tests.size(); ++b)
      for (size_t g = 0; g < tests[a].labels.size(); ++g) {
        std::vector<uint8_t> positive;
        for (const auto& c : tests[a].cases) positive.push_back(c.truth == static_cast<int>(g));
        const auto c = auc_compare(scores(tests[a], g), scores(tests[b], g), positive);
        t.rows.push_back({tests[a].run + " - " + tests[b].run,
                          group_words(tests[a], static_cast<int>(g)), Cell::figure(c.first),
                          Cell::figure(c.second), Cell::figure(c.difference),
                          Cell::p_value(c.test)});
      }
  return t;
}

// The scores that all runs have, case by case ("rouge1"): a histogram of the shifts beside the
// test.
void add_scores(const std::vector<TestReport>& tests, ReportSection& s) {
  auto score_of = [](const TestedCase& c, const std::string& name) {
    for (const auto& [key, value] : c.scores)
      if (key == name) return value;
    return std::nan("");
  };
  std::set<std::string> names;
  if (!tests.front().cases.empty())
    for (const auto& [name, value] : tests.front().cases.front().scores) names.insert(name);
  std::erase_if(names, [&](const std::string& name) {
    return std::any_of(tests.begin(), tests.end(), [&](const TestReport& test) {
      return std::any_of(test.cases.begin(), test.cases.end(),
                         [&](const TestedCase& c) { return std::isnan(score_of(c, name)); });
    });
  });
  if (names.empty()) return;
  ReportTable t{"scores",
                {"Scores case by case, first - second", "症例ごとの得点の差（前者 − 後者）"},
                {{"runs", "実行"},
                 {"score", "得点"},
                 {"cases", "症例"},
                 {"shift (Hodges-Lehmann)", "差（Hodges-Lehmann）"},
                 {"Wilcoxon p, two-sided", "Wilcoxon p（両側）"},
                 {"Wilcoxon p, first higher", "Wilcoxon p（前者が高い）"}},
                {}};
  for (size_t a = 0; a < tests.size(); ++a)
    for (size_t b = a + 1; b < tests.size(); ++b)
      for (const auto& name : names) {
        std::vector<double> shift;
        for (size_t i = 0; i < tests[a].cases.size(); ++i) {
          const double d = score_of(tests[a].cases[i], name) - score_of(tests[b].cases[i], name);
          if (std::isfinite(d)) shift.push_back(d);
        }
        // Baselines answer alike in every run: where nothing differs there is nothing to draw, and
        // of a score that is not the model's own nothing to say.
        const bool differs =
            std::any_of(shift.begin(), shift.end(), [](double d) { return d != 0; });
        if (!differs && name.find(", ") != std::string::npos) continue;
        t.rows.push_back(
            {tests[a].run + " - " + tests[b].run, in_both(name),
             Cell::count(static_cast<int64_t>(shift.size())), Cell::figure(hodges_lehmann(shift)),
             Cell::p_value(signed_rank(shift)),
             Cell::p_value(signed_rank(shift, {.alternative = Alternative::kGreater}))});
        if (!differs) continue;
        s.charts.push_back(
            score_shift_chart("shift_" + std::to_string(s.charts.size() + 1),
                              {tests[a].run + " - " + tests[b].run + ": " + name,
                               tests[a].run + " − " + tests[b].run + ": " + in_japanese(name)},
                              shift));
      }
  if (!t.rows.empty()) s.tables.push_back(std::move(t));
}

}  // namespace

void align_tests(std::vector<TestReport>& tests) {
  for (size_t k = 1; k < tests.size(); ++k) {
    if (tests[k].labels != tests[0].labels) different("their groups are not the same");
    if (tests[k].cases.size() != tests[0].cases.size())
      different(tests[0].run + " has " + with_commas(static_cast<int64_t>(tests[0].cases.size())) +
                " cases, " + tests[k].run + " " +
                with_commas(static_cast<int64_t>(tests[k].cases.size())));
    std::map<Key, size_t> place;
    for (size_t i = 0; i < tests[k].cases.size(); ++i)
      place[{tests[k].cases[i].source, tests[k].cases[i].id}] = i;
    std::vector<TestedCase> ordered;
    for (const auto& c : tests[0].cases) {
      auto found = place.find({c.source, c.id});
      if (found == place.end())
        different("report '" + c.id + "' was not tested by " + tests[k].run);
      ordered.push_back(std::move(tests[k].cases[found->second]));
      if (ordered.back().truth != c.truth)
        different("report '" + c.id + "' has another reference label in " + tests[k].run);
    }
    tests[k].cases = std::move(ordered);
  }
}

std::vector<ReportSection> compared_sections(const std::vector<TestReport>& tests) {
  ReportSection s{.name = "comparison", .title = {"Comparison of runs", "実行の比較"}};
  if (tests.front().looks > 1 || tests.size() > 1)
    s.say({"The test set was opened for each of these runs: choosing the best of them on it would "
           "make its figures too good.",
           "テストセットは各実行で開かれています。その結果で最良を選ぶと数値は良く見えすぎます。"},
          ReportParagraph::Tone::kWarning);
  bool classified = true, ranked = true;
  for (const auto& t : tests) {
    classified = classified && model_of(t) != nullptr;
    for (const auto& c : t.cases) ranked = ranked && c.probability.size() == t.labels.size();
  }
  if (classified) {
    s.tables.push_back(overview(tests));
    s.tables.push_back(pairs(tests));
    if (tests.size() > 2) {
      std::vector<uint8_t> right;
      for (size_t i = 0; i < tests[0].cases.size(); ++i)
        for (const auto& t : tests) right.push_back(t.cases[i].predicted == t.cases[i].truth);
      const TestResult q = cochran_q(static_cast<int>(tests.size()), right);
      ReportTable& t = s.table("cochran", {"All runs at once", "全実行を同時に"},
                               {{"test", "検定"}, {"statistic", "統計量"}, "p"});
      t.rows.push_back({Words{"Cochran's Q", "CochranのQ"},
                        Cell::value(q.defined ? q.statistic : std::nan(""), 3), Cell::p_value(q)});
    }
    if (ranked) s.tables.push_back(auc_pairs(tests));
  }
  compare_answer_scores(tests, s);
  add_scores(tests, s);
  return {std::move(s)};
}

RunComparison compare_runs(const Study& study, const std::vector<std::string>& runs) {
  if (runs.size() < 2 || std::set<std::string>(runs.begin(), runs.end()).size() != runs.size())
    throw Error("E0785", "two different runs or more are needed to compare",
                "Name them: gantry compare run-1a2b3c4d run-5e6f7a8b.");
  std::vector<TestReport> tests;
  for (const auto& run : runs) {
    const auto folder = study.tests_folder() / find_run(study, run).filename();
    const auto state = folder / "test.json";
    if (!std::filesystem::exists(state))
      throw Error("E0733", folder.string() + ": this run has not been tested",
                  "Run `gantry test --run " + run + "` first.");
    tests.push_back(read_report_state(read_file(state), state.string()));
  }
  align_tests(tests);
  RunComparison out;
  out.sections = compared_sections(tests);
  const auto& first = tests.front();
  size_t cases = first.cases.size();
  for (const auto& one : first.answer_scores) cases = std::max(cases, one.cases.size());
  const std::string n = with_commas(static_cast<int64_t>(cases));
  out.page = {.title = {first.title + ": comparison of runs",
                        (first.title_ja.empty() ? first.title : first.title_ja) + "：実行の比較"},
              .lead = {n + " reports of the same test set; " + first.study,
                       "同じテストセットの" + n + "件。" + first.study},
              .synthetic = first.synthetic,
              .data_note = first.data_note,
              .foot = first.study};
  return out;
}

}  // namespace gantry
