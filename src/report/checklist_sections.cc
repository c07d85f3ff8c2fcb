// Reporting checklists (tasks/checklists/*.toml) filled from the run, a model card, how an answer
// is made, and how the figures were made.
#include <toml++/toml.h>
#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "report/facts.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "study/data_folder.h"

namespace gantry {
namespace {

constexpr const char* kChecklists[] = {"tripod-llm", "claim-2024", "mi-clear-llm", "stard-ai"};

// A text of the file with its Japanese beside it ("asks", "asks_ja").
Words words_of(const toml::table& table, const std::string& key) {
  return {table[key].value_or(std::string()), table[key + "_ja"].value_or(std::string())};
}

ReportSection checklist(const std::string& name, const std::map<std::string, Words>& facts) {
  const auto file = data_file("tasks/checklists/" + name + ".toml");
  toml::table data;
  try {
    data = toml::parse(read_file(file));
  } catch (const toml::parse_error& error) {
    throw Error("E0803",
                file.string() + ": not a checklist (" + std::string(error.description()) + ")",
                "Restore the file from the program's package.");
  }
  ReportSection s{.name = "checklist_" + name};
  const std::string title = data["title"].value_or(name);
  ReportTable t{"checklist_" + name,
                Words(title),
                {{"item", "項目"},
                 {"asks for", "求めるもの"},
                 {"from this run", "この実行から"},
                 {"state", "状態"}},
                {},
                true};
  int64_t filled = 0, partly = 0, all = 0;
  if (auto* items = data["item"].as_array())
    for (const auto& node : *items) {
      const auto& item = *node.as_table();
      ++all;
      std::vector<std::string> missing;
      const Words answer = words_of(item, "answer");
      Words text = fill_facts(answer, facts, missing);
      const bool for_authors = text.en.find("for the authors") != std::string::npos;
      Words state{"filled", "記入済"};
      if (answer.empty() || text.empty() || (!missing.empty() && text.en.size() < 24)) {
        state = {"GAP: for the authors", "未記入: 著者が記入"};
        text = {};
      } else if (!missing.empty() || for_authors) {
        state = {"in part", "一部"};
        ++partly;
      } else {
        ++filled;
      }
      if (!missing.empty()) {
        std::string names, names_ja;
        for (const auto& m : missing) {
          names += " " + m;
          names_ja += (names_ja.empty() ? "" : "、") + in_japanese(m);
        }
        text = {text.en + (text.empty() ? "" : " ") + "(not in this run:" + names + ")",
                text.ja + "（この実行にないもの: " + names_ja + "）"};
      }
      t.rows.push_back({item["id"].value_or(std::string()), words_of(item, "asks"), text, state});
    }
  const std::string counts = std::to_string(filled) + " / " + std::to_string(all);
  t.caption = {title + ": " + std::to_string(filled) + " of " + std::to_string(all) +
                   " items filled from the run, " + std::to_string(partly) + " in part, " +
                   std::to_string(all - filled - partly) + " left to the authors",
               title + ": " + std::to_string(all) + "項目中" + std::to_string(filled) +
                   "項目を記入、" + std::to_string(partly) + "項目は一部、残りは著者が記入"};
  s.tables.push_back(std::move(t));
  s.say(words_of(data, "source"), ReportParagraph::Tone::kSoft);
  return s;
}

}  // namespace

std::vector<ReportSection> checklist_sections(const TestReport& r) {
  const auto facts = report_facts(r);
  std::vector<ReportSection> out;
  for (const char* name : kChecklists) out.push_back(checklist(name, facts));
  out.front().title = {"Reporting checklists", "報告チェックリスト"};
  return out;
}

ReportSection model_card_section(const TestReport& r) {
  ReportSection s{.name = "model_card", .title = {"Model card", "モデルカード"}};
  const auto facts = report_facts(r);
  ReportTable& t = s.table("model_card", {"The model in short", "モデルの要約"},
                           {{"what", "項目"}, {"value", "内容"}});
  auto row = [&](Words what, const char* fact) {
    auto found = facts.find(fact);
    t.rows.push_back({std::move(what), found == facts.end() ? Cell(Words{"not known to this run",
                                                                         "この実行では不明"})
                                                            : Cell(found->second)});
  };
  row({"what it does", "用途"}, "question");
  row({"model", "モデル"}, "model");
  row({"base model", "基盤モデル"}, "base_model");
  row({"data", "データ"}, "data_note");
  row({"trained on", "学習"}, "training_set");
  row({"tested on", "テスト"}, "test_set");
  row({"groups", "群"}, "groups");
  row({"performance", "性能"}, "performance");
  row({"when not sure", "確信がないとき"}, "abstention");
  row({"failures", "誤り"}, "failures");
  row({"repeats", "反復"}, "repeats");
  row({"restarts", "再学習"}, "restarts");
  row({"software", "ソフトウェア"}, "software");
  t.rows.push_back(
      {Words{"not for", "用途外"},
       Words{"deciding without a clinician; reports of a kind, language or hospital it "
             "was not tested on; it is not a medical device",
             "臨床医なしの判断、テストしていない種類・言語・施設のレポート。医療機器ではありませ"
             "ん"}});
  return s;
}

ReportSection methods_section(const TestReport& r) {
  ReportSection s{.name = "methods", .title = {"How the figures were made", "数値の求め方"}};
  Words text{"Intervals are 95 %. ", "区間は95 %信頼区間です。"};
  if (const auto* m = model_of(r)) {
    const std::string shares = m->evaluation.accuracy.method, sums = m->evaluation.macro_f1.method;
    text.en += "Accuracy, sensitivity, specificity, PPV, NPV: " + shares +
               ". F1, kappa and other sums: " + sums + ". AUC: DeLong. ";
    text.ja += "正診率・感度・特異度・陽性的中率・陰性的中率は" + shares + "、F1・κなどは" +
               in_japanese(sums) + "、AUCはDeLong。";
  }
  s.say(
      {text.en +
           "A figure whose denominator is empty is \"not defined\". Internal testing: no report of "
           "the test set was used for training or tuning. Every unrounded figure is in "
           "metrics.json; formulas and sources are in the program's docs/statistics.md.",
       text.ja + "分母が空の値は「定義されない」とします。内部テスト: "
                 "テストセットのレポートは学習・調整に"
                 "使っていません。丸めない値はmetrics.jsonに、計算式と出典はプログラムの"
                 "docs/statistics.mdにあります。"});
  ReportTable& t =
      s.table("identity", {"Run identity", "実行の同定"}, {{"what", "項目"}, {"value", "値"}});
  for (const auto& [key, value] : r.identity) t.rows.push_back({in_both(key), value});
  if (!r.source.empty())
    s.say({"The defaults of this task follow: " + r.source, "この課題の既定値の出典: " + r.source},
          ReportParagraph::Tone::kSoft);
  return s;
}

}  // namespace gantry
