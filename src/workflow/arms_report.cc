// What a reader of a test must see first, tuned against the base as it came, and the training.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "report/html.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "workflow/answer_sections.h"

namespace gantry {
namespace {

std::string percent_or_score(double value) { return format_double(value, 3); }

// The steps of all restarts, as columns of steps.csv by name.
struct Curve {
  Words name;
  std::map<std::string, std::vector<double>> columns;
};

std::vector<Curve> read_steps(const std::filesystem::path& file) {
  std::vector<Curve> out;
  if (!std::filesystem::exists(file)) return out;
  const std::string content = read_file(file);
  std::vector<std::string> head;
  for (std::string_view line : split(content, '\n')) {
    if (line.empty()) continue;
    std::vector<std::string> cells;
    for (std::string_view cell : split(line, ',')) cells.emplace_back(cell);
    if (head.empty()) {
      head = cells;
      continue;
    }
    const Words name{cells[0] + ", restart " + cells[1],
                     in_japanese(cells[0]) + "、再学習" + cells[1]};
    if (out.empty() || out.back().name.en != name.en) out.push_back({name, {}});
    for (size_t c = 2; c < cells.size() && c < head.size(); ++c)
      out.back().columns[head[c]].push_back(std::stod(cells[c]));
  }
  return out;
}

Chart step_chart(const std::vector<Curve>& curves, const char* column, Words caption) {
  Chart chart{.name = std::string("steps_") + column,
              .kind = ChartKind::kLines,
              .caption = std::move(caption),
              .x_label = {"step", "ステップ"}};
  for (const Curve& curve : curves) {
    auto at = curve.columns.find(column);
    if (at == curve.columns.end()) continue;
    ChartSeries series;
    series.name = curve.name;
    for (size_t i = 0; i < at->second.size(); ++i) {
      series.x.push_back(static_cast<double>(i + 1));
      series.y.push_back(at->second[i]);
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

}  // namespace

std::string question_words(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kClosedSet:
      return "groups";
    case AnswerKind::kCodes:
      return "codes";
    case AnswerKind::kText:
      return "texts";
  }
  return "";
}

std::vector<ReportParagraph> first_lines(const std::vector<QuestionArms>& questions,
                                         const BootstrapOptions& bootstrap) {
  std::vector<ReportParagraph> out;
  for (const QuestionArms& question : questions) {
    if (question.kind == AnswerKind::kClosedSet) continue;  // the classifiers' own verdict says it
    // Texts are compared by ROUGE-1; codes by being right.
    const CaseScore score =
        question.kind == AnswerKind::kText ? CaseScore::kGraded : CaseScore::kRight;
    for (const Arm& arm : question.arms) {
      if (arm.role != ArmRole::kBaseline || arm.name == question.arms.front().name) continue;
      const ArmComparison c = compare_arms(question, question.arms.front(), arm, score, bootstrap);
      const Words kind = in_both(question_words(question.kind)),
                  by = in_both(score_words(question.kind, score)),
                  difference = figure_words(c.difference), name = in_both(arm.name);
      const std::string first = percent_or_score(c.mean_first),
                        second = percent_or_score(c.mean_second);
      const Words what{
          kind.en + " (" + by.en + "): " + first + " against " + second + ", difference " +
              difference.en + ".",
          kind.ja + "（" + by.ja + "）は" + first + "対" + second + "、差 " + difference.ja + "。"};
      if (c.mean_first <= c.mean_second)
        out.push_back({{"The model does not beat the baseline \"" + name.en + "\" in " + what.en,
                        "モデルは比較手法「" + name.ja + "」を上回りません: " + what.ja},
                       ReportParagraph::Tone::kBad});
      else if (c.difference.has_interval && c.difference.lower <= 0)
        out.push_back(
            {{"The model is ahead of the baseline \"" + name.en + "\" in " + what.en +
                  " The interval includes 0: this test set cannot tell them apart.",
              "モデルは比較手法「" + name.ja +
                  "」を上回りますが、信頼区間が0を含み、差があるとは言えません: " + what.ja},
             ReportParagraph::Tone::kWarning});
    }
  }
  return out;
}

namespace {

// How far each case's score moved from the base as it came to the tuned model.
Chart shift_chart(const QuestionArms& question, const Arm& tuned, const Arm& original) {
  const auto after = case_scores(question, tuned, CaseScore::kGraded),
             before = case_scores(question, original, CaseScore::kGraded);
  std::vector<double> shift;
  for (size_t i = 0; i < after.size(); ++i) shift.push_back(after[i] - before[i]);
  const Words kind = in_both(question_words(question.kind)),
              score = in_both(score_words(question.kind, CaseScore::kGraded));
  return score_shift_chart(
      "shift_" + std::string(word_of(question.kind)),
      {kind.en + ", tuned - untuned: " + score.en, kind.ja + "、調整後 − 調整前: " + score.ja},
      shift);
}

}  // namespace

ReportSection original_section(const std::vector<QuestionArms>& questions,
                               const BootstrapOptions& bootstrap) {
  ReportSection out;
  out.name = "tuned_against_original";
  out.title = {"Tuned against the base model as it came", "調整後と元の基盤モデル"};
  out.say("Both under the same prompt and the same constraint, on the same cases. " +
          wilcoxon_words() +
          ". Effect size: matched-pairs rank-biserial correlation. Difference of the means: paired "
          "bootstrap over patients.");
  out.paragraphs.back().text.ja =
      "同じ症例・同じプロンプト・同じ制約での比較。症例ごとの得点のWilcoxon符号付順位検定（片側、前"
      "者が"
      "高い）。差のない症例は除き、同順位は平均順位、いずれもなければ50対まで正確、他は同順位補正し"
      "た"
      "正規近似。効果量: 対応ありの順位双列相関。平均の差: 患者単位の対応ありブートストラップ。";
  ReportTable& t = out.table("tuned_against_original", {"Tuned against untuned", "調整後と調整前"},
                             {{"answers", "解答"},
                              {"score of a case", "症例の得点"},
                              {"first", "前者"},
                              {"second", "後者"},
                              {"mean of the first", "前者の平均"},
                              {"mean of the second", "後者の平均"},
                              {"difference", "差"},
                              {"p (one-sided)", "p（片側）"},
                              {"effect size", "効果量"},
                              {"cases", "症例"},
                              {"without difference", "差なし"}});
  for (const QuestionArms& question : questions) {
    const std::pair<ArmRole, ArmRole> pairs[] = {{ArmRole::kTuned, ArmRole::kOriginal},
                                                 {ArmRole::kTunedShots, ArmRole::kOriginalShots},
                                                 {ArmRole::kTuned, ArmRole::kOriginalShots},
                                                 {ArmRole::kServed, ArmRole::kOriginal}};
    for (const auto& [first, second] : pairs) {
      const Arm *a = question.find(first), *b = question.find(second);
      if (a == nullptr || b == nullptr) continue;
      if (first == ArmRole::kServed && a == question.find(ArmRole::kTuned)) continue;
      if (first == ArmRole::kTuned && second == ArmRole::kOriginal)
        out.charts.push_back(shift_chart(question, *a, *b));
      for (CaseScore score : {CaseScore::kGraded, CaseScore::kRight}) {
        const ArmComparison c = compare_arms(question, *a, *b, score, bootstrap);
        t.rows.push_back(
            {in_both(question_words(question.kind)), in_both(score_words(question.kind, score)),
             in_both(c.first), in_both(c.second), Cell::value(c.mean_first, 3),
             Cell::value(c.mean_second, 3), Cell::figure(c.difference), Cell::p_value(c.wilcoxon),
             Cell::figure(c.effect), Cell::count(c.cases), Cell::count(c.zeros)});
      }
    }
  }
  for (const QuestionArms& question : questions)
    if (!question.examples.empty()) {
      std::string ids;
      for (const std::string& id : question.examples) ids += (ids.empty() ? "" : ", ") + id;
      out.say({"Examples shown in the few-shot arms for " + question_words(question.kind) + ": " +
                   ids + ".",
               "例示ありの手法で示した症例（" + in_japanese(question_words(question.kind)) +
                   "）: " + ids + "。"},
              ReportParagraph::Tone::kSoft);
    }
  return out;
}

ReportSection tuning_section(const nlohmann::json& run, const std::filesystem::path& run_folder) {
  ReportSection out;
  out.name = "adapters";
  out.title = {"Training of the adapter", "アダプタの学習"};
  ReportTable& t = out.table("adapters", {"Restarts", "再学習"},
                             {{"adapter", "アダプタ"},
                              {"restart", "再学習"},
                              {"tuned on", "調整に使った症例"},
                              {"epochs", "エポック"},
                              {"best epoch", "最良エポック"},
                              {"loss of an answer's token, tuning", "解答トークンの損失（調整用）"},
                              {"serves", "採用"},
                              {"useful tokens/s", "有効トークン/秒"},
                              {"% of the ceiling", "上限に対する%"},
                              {"peak memory", "最大メモリ"}});
  for (const auto& r : run.at("restarts"))
    t.rows.push_back({in_both(r.at("adapter").get<std::string>()),
                      Cell::count(r.at("restart").get<int64_t>()),
                      in_both(r.at("tuned_on").get<std::string>()),
                      Cell::count(static_cast<int64_t>(r.at("epochs").size())),
                      Cell::count(r.at("best_epoch").get<int64_t>()),
                      Cell::value(r.at("tuning").at("loss").get<double>(), 4),
                      r.at("chosen").get<bool>() ? Words{"yes", "はい"} : Words{},
                      Cell::value(r.at("useful_tokens_per_second").get<double>(), 0),
                      Cell::value(r.at("percent_of_ceiling").get<double>(), 0),
                      format_bytes(r.at("peak_memory_bytes").get<double>())});
  const auto curves = read_steps(run_folder / "steps.csv");
  if (!curves.empty()) {
    out.charts.push_back(step_chart(
        curves, "loss", {"Loss of an answer's token, step by step", "解答トークンの損失"}));
    out.charts.push_back(step_chart(curves, "learning_rate", {"Learning rate", "学習率"}));
    out.charts.push_back(
        step_chart(curves, "gradient_norm", {"Norm of the gradient", "勾配のノルム"}));
    out.charts.push_back(
        step_chart(curves, "tokens_per_second", {"Useful tokens a second", "毎秒の有効トークン"}));
  }
  ReportTable& decided =
      out.table("tuning_decisions", {"What the tuning cases decided", "調整用症例で決めたこと"},
                {{"answers", "解答"},
                 {"tuned on", "調整に使った症例"},
                 {"cases", "症例"},
                 {"weight of the TF-IDF ranker", "TF-IDF順位付け器の重み"},
                 {"temperature", "温度"},
                 {"threshold of answering", "解答の閾値"},
                 {"note", "注"}});
  for (const auto& [kind, question] : run.at("questions").items()) {
    const auto& threshold = question.at("abstention").at("threshold");
    decided.rows.push_back({in_both(kind), in_both(question.at("tuned_on").get<std::string>()),
                            Cell::count(question.at("tuning_cases").get<int64_t>()),
                            question.contains("ranker_weight")
                                ? Cell::value(question.at("ranker_weight").get<double>(), 2)
                                : Cell(""),
                            question.contains("temperature")
                                ? Cell::value(question.at("temperature").get<double>(), 3)
                                : Cell(""),
                            threshold.is_null() ? Cell(Words{"none", "なし"})
                                                : Cell::value(threshold.get<double>(), 3),
                            in_both(question.at("abstention_note").get<std::string>())});
  }
  return out;
}

}  // namespace gantry
