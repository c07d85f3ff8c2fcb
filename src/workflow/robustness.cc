#include "workflow/robustness.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/strings.h"
#include "records/store.h"
#include "stats/multiple_testing.h"
#include "stats/paired_tests.h"
#include "stats/proportion.h"
#include "workflow/text_changes.h"

namespace gantry {
namespace {

constexpr int64_t kOneErrorIn = 50;  // characters
constexpr uint64_t kSeed = 1;

struct Change {
  Words name;
  std::function<std::string(std::string_view)> apply;
};

std::vector<Change> changes(const SectionTable& table) {
  return {{{"full and half width changed over", "全角・半角の入替え"}, change_widths},
          {{"line breaks lost", "改行の消失"}, lose_line_breaks},
          {{"sections in reverse order", "区分の順の反転"},
           [&table](std::string_view text) { return swap_sections(text, table); }},
          {{"typing errors, 1 in " + std::to_string(kOneErrorIn) + " characters",
            "打ち間違い（" + std::to_string(kOneErrorIn) + "字に1字）"},
           [](std::string_view text) { return make_typing_errors(text, kOneErrorIn, kSeed); }}};
}

Record changed(Record record, const Change& change) {
  for (std::string* part : {&record.text, &record.indication, &record.findings, &record.diagnosis})
    if (!part->empty()) *part = change.apply(*part);
  return record;
}

struct Outcome {
  int64_t touched = 0, other_text = 0, other_answer = 0, unreadable = 0;
  PairedCounts pairs;  // first: as they came, second: changed
};

Outcome answer(const std::vector<Record>& records, const Change& change, const CaseMaker& maker,
               Predictor& predictor, const TestReport& report) {
  Outcome out;
  std::vector<PredictorText> texts;
  std::vector<size_t> place;
  std::vector<int> label(records.size(), -1);
  for (size_t i = 0; i < records.size(); ++i) {
    const Record record = changed(records[i], change);
    out.touched += record.text != records[i].text || record.diagnosis != records[i].diagnosis ||
                   record.indication != records[i].indication ||
                   record.findings != records[i].findings;
    const Case item = maker.make(record);
    if (!item.dropped_at.empty()) {
      ++out.unreadable;
      continue;
    }
    out.other_text += item.text != report.cases[i].model_text;
    texts.push_back(predictor_text(item, predictor.settings()));
    place.push_back(i);
  }
  const auto answers = predictor.predict(texts);
  for (size_t k = 0; k < answers.size(); ++k) label[place[k]] = answers[k].label;
  for (size_t i = 0; i < records.size(); ++i) {
    const auto& c = report.cases[i];
    out.other_answer += label[i] != c.predicted;
    const bool before = c.predicted == c.truth, after = label[i] == c.truth;
    ++(before && after ? out.pairs.both
       : before        ? out.pairs.first_only
       : after         ? out.pairs.second_only
                       : out.pairs.neither);
  }
  return out;
}

}  // namespace

ReportSection robustness_section(const Store& store, const Cases& cases, Predictor& predictor,
                                 const TestReport& report, const ProgressSink& progress) {
  ReportSection s{.name = "robustness", .title = {"Robustness", "頑健性"}};
  s.say(
      {"The same test set, answered again with its reports changed in ways that do not touch what "
       "they mean; each changed report goes through the same intake as a new one. This is part of "
       "the same look at the test set.",
       "意味を変えない変更を加えた同じ報告に再度解答させ、症例ごとに比べます。"});
  ReportTable& t = s.table(
      "robustness", {"Changed reports against the reports as they came", "変更した報告と元の報告"},
      {{"change", "変更"},
       {"reports changed", "変わった報告"},
       {"model's text changed", "モデルの入力が変化"},
       {"other answer", "別の解答"},
       {"not readable any more", "判読不能"},
       {"accuracy", "正解率"},
       {"difference, changed - as it came", "差（変更後 − 元）"},
       {"McNemar p", "McNemar p"},
       {"adjusted (Holm)", "調整後（Holm）"}});
  std::vector<Record> records;
  for (const auto& c : report.cases) {
    auto record = store.find(c.source, c.id);
    records.push_back(record ? *record : Record{});
  }
  const CaseMaker maker(predictor.settings());
  const auto all = static_cast<int64_t>(records.size());
  std::vector<double> p;
  const auto list = changes(maker.table());
  for (size_t k = 0; k < list.size(); ++k) {
    tell(progress, Progress{.phase = "robustness",
                            .done = static_cast<double>(k),
                            .total = static_cast<double>(list.size()),
                            .unit = "changes"});
    const Outcome o = answer(records, list[k], maker, predictor, report);
    PairedCounts turned = o.pairs;
    std::swap(turned.first_only, turned.second_only);
    p.push_back(mcnemar(turned.first_only, turned.second_only).p);
    t.rows.push_back({list[k].name, Cell::figure(wilson(o.touched, all)), Cell::count(o.other_text),
                      Cell::count(o.other_answer), Cell::count(o.unreadable),
                      Cell::figure(wilson(turned.both + turned.first_only, all)),
                      Cell::figure(newcombe_paired_difference(turned)), Cell::p_value(p.back()),
                      Cell()});
  }
  const auto adjusted = holm(p);
  for (size_t i = 0; i < adjusted.size(); ++i) t.rows[i].back() = Cell::p_value(adjusted[i]);
  s.tables.push_back(unseen_table(cases, report));
  return s;
}

ReportTable unseen_table(const Cases& cases, const TestReport& report) {
  std::set<std::string> seen;
  std::string last;
  for (const auto set : {CaseSet::kTraining, CaseSet::kTuning})
    for (const auto* item : cases.of(set)) {
      seen.insert(item->source);
      last = std::max(last, item->date);
    }
  ReportTable t{"unseen",
                {"Hospitals and years that training did not see", "学習にない施設と年"},
                {{"question", "問い"},
                 {"accuracy there", "該当する報告の正解率"},
                 {"accuracy elsewhere", "その他の正解率"},
                 {"difference (Newcombe)", "差（Newcombe）"}},
                {}};
  auto add = [&](Words name, const std::function<bool(const TestedCase&)>& there) {
    int64_t right[2] = {0, 0}, n[2] = {0, 0};
    for (const auto& c : report.cases) {
      const size_t side = there(c) ? 0 : 1;
      ++n[side];
      right[side] += c.predicted == c.truth;
    }
    t.rows.push_back({std::move(name), Cell::figure(wilson(right[0], n[0])),
                      Cell::figure(wilson(right[1], n[1])),
                      Cell::figure(newcombe_difference(right[0], n[0], right[1], n[1]))});
  };
  add({"hospital not seen in training", "学習にない施設"},
      [&](const TestedCase& c) { return !seen.count(c.source); });
  const std::string year = last.substr(0, std::min<size_t>(4, last.size()));
  add({"year after the last of training (" + (year.empty() ? "no dates" : year) + ")",
       "学習の最終年（" + (year.empty() ? "日付なし" : year) + "）より後の年"},
      [&](const TestedCase& c) { return !year.empty() && c.date.substr(0, 4) > year; });
  return t;
}

}  // namespace gantry
