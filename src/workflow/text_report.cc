// Free-text answers in the report: ROUGE, fields of a regimen, checks of its arithmetic.
#include <algorithm>
#include <limits>
#include <map>

#include "base/strings.h"
#include "report/japanese.h"
#include "stats/code_evaluation.h"
#include "stats/proportion.h"
#include "workflow/answer_sections.h"

namespace gantry {
namespace {

std::vector<double> pick(const Arm& arm, double TextScores::*member) {
  std::vector<double> out;
  for (const TextScores& scores : arm.scores) out.push_back(scores.*member);
  return out;
}

FieldEvaluation fields_of(const Arm& arm) {
  std::vector<std::vector<uint8_t>> scored(kRegimenFields), right(kRegimenFields);
  for (const TextScores& scores : arm.scores)
    for (size_t f = 0; f < static_cast<size_t>(kRegimenFields); ++f) {
      scored[f].push_back(scores.fields[f].scored);
      right[f].push_back(scores.fields[f].right);
    }
  return evaluate_fields(scored, right);
}

void figures_table(const QuestionArms& question, const std::vector<FieldEvaluation>& fields,
                   const BootstrapOptions& bootstrap, ReportSection& out) {
  std::vector<Words> head = {"", "ROUGE-1", "ROUGE-2", "ROUGE-L", {"exact", "完全一致"}};
  if (!fields.empty()) head.push_back({"every field right", "全項目正答"});
  head.push_back({"seconds", "秒"});
  ReportTable& t = out.table("text_figures",
                             {"Texts: every arm on the same test cases; means with 95 % intervals",
                              "文章: 同じテスト症例での各手法（平均と95 %区間）"},
                             head);
  for (size_t a = 0; a < question.arms.size(); ++a) {
    const Arm& arm = question.arms[a];
    const auto exact = std::count_if(arm.scores.begin(), arm.scores.end(),
                                     [](const TextScores& scores) { return scores.exact; });
    std::vector<Cell> row = {in_both(arm.name)};
    for (double TextScores::*member :
         {&TextScores::rouge1, &TextScores::rouge2, &TextScores::rouge_l})
      row.push_back(Cell::figure(mean_score(pick(arm, member), question.patient, bootstrap)));
    row.push_back(Cell::figure(wilson(exact, static_cast<int64_t>(arm.scores.size()))));
    if (!fields.empty()) row.push_back(Cell::figure(fields[a].all_fields));
    row.push_back(Cell::value(arm.seconds, 1));
    t.rows.push_back(std::move(row));
  }
}

void fields_table(const QuestionArms& question, const std::vector<FieldEvaluation>& fields,
                  ReportSection& out) {
  std::vector<Words> head = {{"field", "項目"}};
  for (const Arm& arm : question.arms) head.push_back(in_both(arm.name));
  ReportTable& t = out.table("text_fields",
                             {"Regimen by fields: right where the reference has the field; Wilson",
                              "レジメンの項目別正答（参照基準にある項目。Wilson区間）"},
                             head);
  for (int f = 0; f < kRegimenFields; ++f) {
    std::vector<Cell> row = {in_both(field_name(static_cast<RegimenField>(f)))};
    for (const FieldEvaluation& of_arm : fields)
      row.push_back(Cell::figure(of_arm.of_field[static_cast<size_t>(f)]));
    t.rows.push_back(std::move(row));
  }
  Chart chart{.name = "text_fields",
              .kind = ChartKind::kBars,
              .caption = {"Fields of the regimen", "レジメンの項目"},
              .y_label = {"right", "正答"}};
  chart.fixed_y = true;
  chart.wide = true;
  for (int f = 0; f < kRegimenFields; ++f)
    chart.categories.push_back(field_name(static_cast<RegimenField>(f)));
  for (size_t a = 0; a < question.arms.size(); ++a) {
    if (question.arms[a].role == ArmRole::kTunedShots ||
        question.arms[a].role == ArmRole::kOriginalShots)
      continue;
    ChartSeries series;
    series.name = in_both(question.arms[a].name);
    for (const Estimate& e : fields[a].of_field) {
      series.y.push_back(e.defined ? e.value : std::numeric_limits<double>::quiet_NaN());
      series.lower.push_back(e.lower);
      series.upper.push_back(e.upper);
    }
    chart.series.push_back(std::move(series));
  }
  out.charts.push_back(std::move(chart));
}

std::string modality_of(const QuestionArms* closed_set, const Case* item) {
  if (closed_set == nullptr) return {};
  for (size_t i = 0; i < closed_set->cases.size(); ++i)
    if (closed_set->cases[i] == item) return closed_set->served[i].closed_set->best();
  return {};
}

void flags_and_cases(const QuestionArms& question, const TextJudge& judge,
                     const QuestionArms* closed_set, ReportSection& out) {
  std::map<std::string, int64_t> flags;
  std::vector<Words> flags_of(question.cases.size());
  int64_t flagged = 0;
  const Arm& served = question.arms.front();
  for (size_t i = 0; judge.has_fields() && i < question.cases.size(); ++i) {
    for (const RegimenFlag& flag :
         judge.flags(served.texts[i], modality_of(closed_set, question.cases[i]))) {
      ++flags[flag.code];
      const bool first = flags_of[i].empty();
      flags_of[i] = {
          flags_of[i].en + (first ? "" : "; ") + flag.code + " " + flag.words,
          flags_of[i].ja + (first ? "" : "、") + flag.code + " " + in_japanese(flag.words)};
    }
    flagged += !flags_of[i].empty();
  }
  if (judge.has_fields()) {
    ReportTable& t = out.table(
        "text_flags", {"Drafts that the checks mark for review", "検査が確認を求めた下書き"},
        {{"check", "検査"}, {"drafts", "下書き"}});
    t.rows.push_back({Words{"any", "いずれか"},
                      Cell::figure(wilson(flagged, static_cast<int64_t>(question.cases.size())))});
    for (const auto& [code, n] : flags) t.rows.push_back({code, Cell::count(n)});
  }
  ReportTable& t = out.table("text_cases", {"Every test case", "全てのテスト症例"},
                             {{"case", "症例"},
                              {"source", "施設"},
                              {"reference", "参照基準"},
                              {"draft", "下書き"},
                              "ROUGE-1",
                              {"may stand", "そのまま可"},
                              {"held back", "保留"},
                              {"marks", "指摘"},
                              {"untuned base", "調整前の基盤モデル"}});
  t.folded = true;
  const Arm* original = question.find(ArmRole::kOriginal);
  for (size_t i = 0; i < question.cases.size(); ++i)
    t.rows.push_back({question.cases[i]->id, question.cases[i]->source, question.truth[i],
                      served.texts[i], Cell::value(served.scores[i].rouge1, 3),
                      judge.right(served.scores[i]) ? Words{"yes", "はい"} : Words{"no", "いいえ"},
                      question.served[i].text->abstain ? Words{"yes", "はい"} : Words{},
                      flags_of[i], original == nullptr ? std::string() : original->texts[i]});
}

void say_abstention(const QuestionArms& question, const TextJudge& judge, ReportSection& out) {
  int64_t given = 0, right = 0;
  for (size_t i = 0; i < question.cases.size(); ++i) {
    given += !question.served[i].text->abstain;
    right += !question.served[i].text->abstain && judge.right(question.arms.front().scores[i]);
  }
  ReportTable& t = out.table(
      "text_abstention", {"Answering only when sure", "確信のあるときだけ答える"},
      {{"share of drafts given", "出した下書きの割合"},
       judge.has_fields()
           ? Words("total dose and fractions right among them", "うち総線量と分割回数が正しい")
           : Words("exact among them", "うち完全一致")});
  t.rows.push_back({Cell::figure(wilson(given, static_cast<int64_t>(question.cases.size()))),
                    Cell::figure(wilson(right, given))});
}

}  // namespace

ReportSection text_section(const QuestionArms& question, const TextJudge& judge,
                           const QuestionArms* closed_set, const BootstrapOptions& bootstrap) {
  ReportSection out;
  out.name = "texts";
  out.title = judge.has_fields() ? Words("Regimens", "レジメン") : Words("Texts", "文章");
  out.say("A draft for a clinician to judge, never an order. ROUGE with " + judge.rouge_tokens() +
          "." +
          (judge.has_fields() ? " Fields are read from both texts by the same rules; a field that "
                                "the reference does not have is not scored."
                              : ""));
  out.paragraphs.back().text.ja =
      "臨床医が判断するための下書きで、指示ではありません。ROUGEの数え方: " +
      in_japanese(judge.rouge_tokens()) + "。" +
      (judge.has_fields() ? "項目は両方の文章から同じ規則で読み、参照基準にない項目は採点しません。"
                          : "");
  std::vector<FieldEvaluation> fields;
  if (judge.has_fields())
    for (const Arm& arm : question.arms) fields.push_back(fields_of(arm));
  figures_table(question, fields, bootstrap, out);
  if (judge.has_fields()) fields_table(question, fields, out);
  say_abstention(question, judge, out);
  flags_and_cases(question, judge, closed_set, out);
  return out;
}

}  // namespace gantry
