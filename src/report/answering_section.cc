// How an answer is made, how often the test set was opened, and whether answers come out the same
// again.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "stats/proportion.h"

namespace gantry {
namespace {

Words question_words(const std::string& question) {
  if (question == "group") return {"group", "群"};
  if (question == "code") return {"code", "コード"};
  if (question == "text") return {"text", "文章"};
  return question;
}

// Standard deviation of the repeats' scores, n - 1.
double deviation(const std::vector<double>& values) {
  if (values.size() < 2) return std::nan("");
  double mean = 0, sum = 0;
  for (double v : values) mean += v / static_cast<double>(values.size());
  for (double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

ReportTable repeats_table(const TestReport& r) {
  ReportTable t{"repeats",
                {"Answered again: what changes from run to run", "再解答: 実行ごとの変動"},
                {{"question", "問い"},
                 {"how", "方法"},
                 {"repeats", "反復"},
                 {"cases with another answer at least once", "一度でも別の解答となった症例"},
                 {"largest change of the answer's probability", "解答の確率の最大変化"},
                 {"score", "得点"},
                 {"as tested", "テスト時"},
                 {"lowest to highest repeat", "反復の最低から最高"},
                 {"standard deviation", "標準偏差"}},
                {}};
  for (const auto& one : r.repeated) {
    const auto [low, high] = std::minmax_element(one.scores.begin(), one.scores.end());
    const bool any = !one.scores.empty();
    t.rows.push_back({question_words(one.question), in_both(one.how), Cell::count(one.times),
                      Cell::figure(wilson(one.differing, one.cases)),
                      Cell::value(one.largest_change, 6), in_both(one.score),
                      Cell::value(one.as_tested, 3),
                      any ? Cell(Words{format_double(*low, 3) + " to " + format_double(*high, 3),
                                       format_double(*low, 3) + "〜" + format_double(*high, 3)})
                          : Cell(),
                      Cell::value(deviation(one.scores), 4)});
  }
  return t;
}

}  // namespace

ReportSection answering_section(const TestReport& r) {
  ReportSection s{
      .name = "answering",
      .title = {"How an answer is made, and how often it was tried", "解答の作り方と試行回数"}};
  if (r.looks <= 1) {
    s.say(
        {"The test set was opened once, for this test.", "テストセットを開いたのはこの1回です。"});
  } else {
    std::string earlier;
    for (const auto& look : r.earlier_looks) earlier += (earlier.empty() ? "" : "; ") + look;
    s.say({"This is look number " + std::to_string(r.looks) +
               " at this test set. Figures of a later look can be too good, since choices may have "
               "been made in the light of earlier ones. Earlier looks: " +
               earlier + ".",
           "このテストセットを開くのは" + std::to_string(r.looks) +
               "回目です。過去の結果を見た選択により良く見えることがあります。過去: " + earlier +
               "。"},
          ReportParagraph::Tone::kWarning);
  }
  if (!r.repeated.empty()) s.tables.push_back(repeats_table(r));
  if (r.answering.empty()) return s;
  ReportTable& t = s.table("answering", {"Input, prompt and decoding", "入力・プロンプト・復号"},
                           {{"what", "項目"}, {"value", "値"}});
  for (const auto& [key, value] : r.answering) t.rows.push_back({in_both(key), in_both(value)});
  return s;
}

}  // namespace gantry
