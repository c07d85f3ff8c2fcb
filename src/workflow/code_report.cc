// Codes in the report: figures of every arm, confused pairs, codes that were read otherwise.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "report/japanese.h"
#include "stats/code_evaluation.h"
#include "stats/proportion.h"
#include "workflow/answer_sections.h"

namespace gantry {
namespace {

constexpr size_t kRanked = 5;
constexpr size_t kShownPairs = 30;

// Codes as numbers, with their shortened forms as numbers too.
class CodeNumbers {
 public:
  int32_t of(const std::string& code) {
    auto [at, is_new] = number_.try_emplace(code, static_cast<int32_t>(codes_.size()));
    if (is_new) {
      codes_.push_back(code);
      at4_.push_back(form(shortened_code(code, 4)));
      at3_.push_back(form(shortened_code(code, 3)));
    }
    return at->second;
  }
  const std::string& code(int32_t number) const { return codes_[static_cast<size_t>(number)]; }
  const std::vector<int32_t>& at4() const { return at4_; }
  const std::vector<int32_t>& at3() const { return at3_; }

 private:
  int32_t form(const std::string& text) {
    return forms_.try_emplace(text, static_cast<int32_t>(forms_.size())).first->second;
  }
  std::map<std::string, int32_t> number_, forms_;
  std::vector<std::string> codes_;
  std::vector<int32_t> at4_, at3_;
};

CodeEvaluation evaluate_arm(const QuestionArms& question, const Arm& arm, const CodeList& allowed,
                            CodeNumbers& numbers, const BootstrapOptions& bootstrap) {
  CodePredictions p;
  p.patient = question.patient;
  p.seen = question.truth_seen;
  for (size_t i = 0; i < question.cases.size(); ++i) {
    p.truth.push_back(numbers.of(question.truth[i]));
    std::vector<int32_t> ranked;
    for (size_t k = 0; k < std::min(kRanked, arm.ranked[i].size()); ++k)
      ranked.push_back(numbers.of(arm.ranked[i][k].answer));
    p.invalid.push_back(arm.ranked[i].empty() || allowed.find(arm.ranked[i][0].answer) < 0);
    p.ranked.push_back(std::move(ranked));
  }
  p.at4 = numbers.at4();
  p.at3 = numbers.at3();
  return evaluate_codes(p, bootstrap);
}

void figures_table(const QuestionArms& question, const std::vector<CodeEvaluation>& evaluations,
                   ReportSection& out) {
  ReportTable& t = out.table("code_figures",
                             {"Codes: every arm on the same test cases; 95 % intervals",
                              "コード: 同じテスト症例での各手法（95 %区間）"},
                             {"",
                              {"exact", "完全一致"},
                              {"first 4 characters", "先頭4文字"},
                              {"first 3 characters", "先頭3文字"},
                              {"within the first 3", "上位3以内"},
                              {"within the first 5", "上位5以内"},
                              {"macro F1", "マクロF1"},
                              {"outside the list", "リスト外"},
                              {"seconds", "秒"}});
  for (size_t a = 0; a < question.arms.size(); ++a) {
    const CodeEvaluation& e = evaluations[a];
    t.rows.push_back({in_both(question.arms[a].name), Cell::figure(e.exact), Cell::figure(e.at4),
                      Cell::figure(e.at3), Cell::figure(e.top3), Cell::figure(e.top5),
                      Cell::figure(e.macro_f1), Cell::figure(e.invalid_rate),
                      Cell::value(question.arms[a].seconds, 1)});
  }
}

void seen_table(const QuestionArms& question, const std::vector<CodeEvaluation>& evaluations,
                ReportSection& out) {
  ReportTable& t =
      out.table("code_seen",
                {"Exact, by whether training had the code", "完全一致（学習にあったコードか否か）"},
                {"",
                 {"codes of training", "学習にあるコード"},
                 {"codes new in the test set", "テストで初めてのコード"}});
  for (size_t a = 0; a < question.arms.size(); ++a)
    t.rows.push_back({in_both(question.arms[a].name), Cell::figure(evaluations[a].exact_seen),
                      Cell::figure(evaluations[a].exact_unseen)});
}

std::string titled(const std::string& code, const CodeList& allowed) {
  const int32_t row = allowed.find(code);
  return row < 0 ? code : code + " " + allowed[static_cast<size_t>(row)].title;
}

void confused_table(const CodeEvaluation& served, const CodeNumbers& numbers,
                    const CodeList& allowed, ReportSection& out) {
  ReportTable& t = out.table("code_confused",
                             {"Codes taken for another by the model", "モデルが取り違えたコード"},
                             {{"reference", "参照基準"}, {"answered", "解答"}, {"cases", "症例"}});
  t.folded = true;
  for (size_t i = 0; i < std::min(kShownPairs, served.confused.size()); ++i) {
    const ConfusedPair& pair = served.confused[i];
    t.rows.push_back({titled(numbers.code(pair.truth), allowed),
                      titled(numbers.code(pair.answer), allowed), Cell::count(pair.cases)});
  }
}

void cases_table(const QuestionArms& question, const CodeList& allowed, ReportSection& out) {
  std::vector<Words> head = {{"case", "症例"},          {"source", "施設"},
                             {"reference", "参照基準"}, {"answered", "解答"},
                             {"probability", "確率"},   {"next codes", "次のコード"},
                             {"held back", "保留"}};
  for (size_t a = 1; a < question.arms.size(); ++a) head.push_back(in_both(question.arms[a].name));
  ReportTable& t = out.table("code_cases", {"Every test case", "全てのテスト症例"}, head);
  t.folded = true;
  for (size_t i = 0; i < question.cases.size(); ++i) {
    const ListAnswer& answer = *question.served[i].codes;
    std::string next;
    for (size_t k = 1; k < std::min(kRanked, answer.ranked.size()); ++k)
      next += (next.empty() ? "" : ", ") + answer.ranked[k].answer;
    std::vector<Cell> row = {question.cases[i]->id,
                             question.cases[i]->source,
                             titled(question.truth[i], allowed),
                             answer.best(),
                             Cell::value(answer.confidence, 3),
                             next,
                             answer.abstain ? Words{"yes", "はい"} : Words{}};
    for (size_t a = 1; a < question.arms.size(); ++a) {
      const auto& ranked = question.arms[a].ranked[i];
      row.emplace_back(ranked.empty() ? std::string() : ranked.front().answer);
    }
    t.rows.push_back(std::move(row));
  }
}

void read_table(const nlohmann::json& run, ReportSection& out) {
  const auto& read = run.at("codes_read");
  if (read.empty()) return;
  int64_t left_out = 0;
  for (const auto& one : read) left_out += one.at("code").get<std::string>().empty();
  const std::string all = with_commas(static_cast<int64_t>(read.size())),
                    otherwise = with_commas(static_cast<int64_t>(read.size()) - left_out),
                    out_of_score = with_commas(left_out);
  out.say(
      {"Codes of " + all + " cases of the cohort are not in the list as they stand: " + otherwise +
           " are read as another code, " + out_of_score +
           " are left out of the score; each is listed below.",
       "コホートの" + all + "症例のコードはそのままではコード表になく、" + otherwise +
           "件は別のコードと読み替え、" + out_of_score + "件は採点から除きました（下に一覧）。"});
  ReportTable& t =
      out.table("codes_read",
                {"Codes that were read otherwise, or left out of the score",
                 "読み替えたコードと採点から除いたコード"},
                {{"case", "症例"}, {"source", "施設"}, {"read as", "読み替え"}, {"why", "理由"}});
  t.folded = true;
  for (const auto& one : read)
    t.rows.push_back({one.at("id").get<std::string>(), one.at("source").get<std::string>(),
                      one.at("code").get<std::string>(),
                      in_both(one.at("words").get<std::string>())});
}

void say_abstention(const QuestionArms& question, ReportSection& out) {
  int64_t answered = 0, right = 0;
  for (size_t i = 0; i < question.cases.size(); ++i) {
    const ListAnswer& answer = *question.served[i].codes;
    answered += !answer.abstain;
    right += !answer.abstain && answer.best() == question.truth[i];
  }
  ReportTable& t =
      out.table("code_abstention", {"Answering only when sure", "確信のあるときだけ答える"},
                {{"share of cases answered", "解答した割合"},
                 {"right among the answers given", "出した解答の正答"}});
  t.rows.push_back({Cell::figure(wilson(answered, static_cast<int64_t>(question.cases.size()))),
                    Cell::figure(wilson(right, answered))});
}

}  // namespace

ReportSection code_section(const CodeSectionInput& input, const BootstrapOptions& bootstrap) {
  const QuestionArms& question = input.question;
  ReportSection out;
  out.name = "codes";
  out.title = {"Codes", "コード"};
  const auto& list = input.run.at("code_list");
  const auto word = [&](const char* key) { return list.at(key).get<std::string>(); };
  const std::string size = with_commas(static_cast<int64_t>(input.allowed.size())),
                    known = with_commas(list.at("codes_in_training").get<int64_t>()),
                    hash = word("hash").substr(0, 16), ranges = word("ranges");
  out.say({"Reference codes and answers are of " + word("name") + ", edition " + word("edition") +
               ", " + (ranges.empty() ? "the whole list" : "codes " + ranges) + " (" + size +
               " codes may be answered; SHA-256 " + hash + "...). Training held " + known +
               " of them. Probabilities are shares among the codes of training and those that the "
               "search over the whole list found.",
           "参照基準と解答のコードは" + word("name") + "（" + word("edition") + "年版）、" +
               (ranges.empty() ? "全コード" : "範囲" + ranges) + "（解答できるコードは" + size +
               "件、SHA-256 " + hash + "…）。うち学習にあったのは" + known +
               "件。確率は、学習にあったコードと全コードの探索で得たコードの中での割合です。"});
  CodeNumbers numbers;
  std::vector<CodeEvaluation> evaluations;
  for (const Arm& arm : question.arms)
    evaluations.push_back(evaluate_arm(question, arm, input.allowed, numbers, bootstrap));
  figures_table(question, evaluations, out);
  seen_table(question, evaluations, out);
  say_abstention(question, out);
  confused_table(evaluations.front(), numbers, input.allowed, out);
  read_table(input.run, out);
  cases_table(question, input.allowed, out);
  return out;
}

}  // namespace gantry
