#include "workflow/robustness.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
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

// The texts of a list of diagnosis records lie in a column of their own: {text, ...}, or plain.
void change_lists(nlohmann::ordered_json& value, const Change& change) {
  if (value.is_string()) {
    value = change.apply(value.get<std::string>());
  } else if (value.is_array()) {
    for (auto& one : value) change_lists(one, change);
  } else if (value.is_object() && value.contains("text")) {
    change_lists(value["text"], change);
  }
}

Record changed(Record record, const Change& change, const std::vector<std::string>& lists) {
  for (std::string* part : {&record.text, &record.indication, &record.findings, &record.diagnosis})
    if (!part->empty()) *part = change.apply(*part);
  auto fields = nlohmann::ordered_json::parse(record.fields_json, nullptr, false);
  if (!fields.is_object()) return record;
  for (const auto& name : lists)
    if (fields.contains(name)) change_lists(fields[name], change);
  record.fields_json = fields.dump();
  return record;
}

bool same_texts(const Record& a, const Record& b) {
  return a.text == b.text && a.diagnosis == b.diagnosis && a.indication == b.indication &&
         a.findings == b.findings && a.fields_json == b.fields_json;
}

// What one question's answers did.
struct Moved {
  int64_t other_answer = 0;
  PairedCounts pairs;  // first: changed, second: as they came
};

class Changed {
 public:
  Changed(const Change& change, const std::vector<Record>& records,
          const std::vector<const Case*>& cases, const CaseMaker& maker,
          const std::vector<std::string>& lists, const AnswersAgain& answer) {
    std::vector<Case> made;
    std::vector<size_t> place;
    for (size_t i = 0; i < records.size(); ++i) {
      // As stored columns are written, so that only the change itself counts.
      const Change none{{}, [](std::string_view text) { return std::string(text); }};
      const Record record = changed(records[i], change, lists);
      touched_.push_back(!same_texts(record, changed(records[i], none, lists)));
      Case item = maker.make(record);
      readable_.push_back(item.dropped_at.empty());
      other_text_.push_back(readable_.back() && item.text != cases[i]->text);
      if (!readable_.back()) continue;
      made.push_back(std::move(item));
      place.push_back(i);
    }
    const auto said = answer(made);
    for (const auto& of_question : said) {
      answers_.emplace_back(records.size());
      for (size_t k = 0; k < place.size(); ++k) answers_.back()[place[k]] = of_question.at(k);
    }
  }

  // The row of one question, its last cell (the adjusted p) left open.
  std::vector<Cell> row(const RobustQuestion& question, size_t number, const Words& change,
                        double& p) const {
    Moved m;
    int64_t touched = 0, other_text = 0, unreadable = 0;
    for (size_t k = 0; k < question.of.size(); ++k) {
      const size_t i = question.of[k];
      const std::string& after = answers_[number][i];
      touched += touched_[i];
      other_text += other_text_[i];
      unreadable += !readable_[i];
      m.other_answer += after != question.before[k];
      const bool right_before = question.right(k, question.before[k]),
                 right_after = readable_[i] && question.right(k, after);
      ++(right_before && right_after ? m.pairs.both
         : right_after               ? m.pairs.first_only
         : right_before              ? m.pairs.second_only
                                     : m.pairs.neither);
    }
    const auto all = static_cast<int64_t>(question.of.size());
    p = mcnemar(m.pairs.first_only, m.pairs.second_only).p;
    Words name = change;
    if (!question.name.empty())
      name = {question.name.en + ": " + change.en, question.name.ja + ": " + change.ja};
    return {name,
            Cell::figure(wilson(touched, all)),
            Cell::count(other_text),
            Cell::count(m.other_answer),
            Cell::count(unreadable),
            Cell::figure(wilson(m.pairs.both + m.pairs.first_only, all)),
            Cell::figure(newcombe_paired_difference(m.pairs)),
            Cell::p_value(p),
            Cell()};
  }

 private:
  std::vector<uint8_t> touched_, readable_, other_text_;  // [records]
  std::vector<std::vector<std::string>> answers_;         // [questions][records]
};

}  // namespace

ReportSection robustness_section(const Store& store, const Settings& settings,
                                 const std::vector<const Case*>& cases,
                                 const std::vector<RobustQuestion>& questions,
                                 const AnswersAgain& answer, const ProgressSink& progress) {
  ReportSection s{.name = "robustness", .title = {"Robustness", "頑健性"}};
  s.say(
      {"The same test set, answered again with its reports changed in ways that do not touch what "
       "they mean; each changed report goes through the same intake as a new one. This is part of "
       "the same look at the test set.",
       "意味を変えない変更を加えた同じレポートに再度解答させ、症例ごとに比べます。"});
  ReportTable& t = s.table(
      "robustness",
      {"Changed reports against the reports as they came", "変更したレポートと元のレポート"},
      {{"change", "変更"},
       {"reports changed", "変わったレポート"},
       {"model's text changed", "モデルの入力が変化"},
       {"other answer", "別の解答"},
       {"not readable any more", "判読不能"},
       {"right", "正答"},
       {"difference, changed - as it came", "差（変更後 − 元）"},
       {"McNemar p", "McNemar p"},
       {"adjusted (Holm)", "調整後（Holm）"}});
  std::vector<Record> records;
  for (const Case* item : cases) {
    auto record = store.find(item->source, item->id);
    records.push_back(record ? *record : Record{});
  }
  const CaseMaker maker(settings);
  std::vector<double> p;
  const auto list = changes(maker.table());
  for (size_t k = 0; k < list.size(); ++k) {
    tell(progress, Progress{.phase = "robustness",
                            .done = static_cast<double>(k),
                            .total = static_cast<double>(list.size()),
                            .unit = "changes"});
    const Changed again(list[k], records, cases, maker, settings.columns.diagnoses, answer);
    for (size_t q = 0; q < questions.size(); ++q) {
      p.push_back(1);
      t.rows.push_back(again.row(questions[q], q, list[k].name, p.back()));
    }
  }
  const auto adjusted = holm(p);
  for (size_t i = 0; i < adjusted.size(); ++i) t.rows[i].back() = Cell::p_value(adjusted[i]);
  return s;
}

ReportSection robustness_section(const Store& store, const Cases& cases, Predictor& predictor,
                                 const TestReport& report, const ProgressSink& progress) {
  std::vector<const Case*> tests;
  for (const Case* item : cases.of(CaseSet::kTest))
    if (item->label >= 0) tests.push_back(item);
  RobustQuestion question;
  for (size_t i = 0; i < tests.size(); ++i) {
    question.of.push_back(i);
    question.before.push_back(std::to_string(report.cases[i].predicted));
  }
  question.right = [&report](size_t i, const std::string& answer) {
    return answer == std::to_string(report.cases[i].truth);
  };
  auto answer = [&predictor](std::span<const Case> changed_cases) {
    std::vector<PredictorText> texts;
    for (const Case& item : changed_cases)
      texts.push_back(predictor_text(item, predictor.settings()));
    std::vector<std::vector<std::string>> out(1);
    for (const auto& one : predictor.predict(texts)) out[0].push_back(std::to_string(one.label));
    return out;
  };
  ReportSection s =
      robustness_section(store, predictor.settings(), tests, {question}, answer, progress);
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
                 {"accuracy there", "該当するレポートの正診率"},
                 {"accuracy elsewhere", "その他の正診率"},
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
