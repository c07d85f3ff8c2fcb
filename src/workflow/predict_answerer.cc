#include "workflow/predict_answerer.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "study/cases.h"
#include "workflow/answer_file.h"
#include "workflow/intake.h"
#include "workflow/text_judge.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

// Cases read, answered and written together: bounds memory and what a crash loses.
constexpr size_t kCasesAtOnce = 64;

// What an answer to each question is called in a line: the column's own name.
std::string name_of(AnswerKind kind, const Settings& settings) {
  const auto& columns = settings.columns;
  const std::vector<std::string>& names = kind == AnswerKind::kClosedSet ? columns.label
                                          : kind == AnswerKind::kCodes   ? columns.code
                                                                         : columns.answer;
  return names.empty() ? std::string(word_of(kind)) : names.front();
}

Json closed_set_json(const ListAnswer& answer, const std::vector<std::string>& labels) {
  const std::string& best = answer.best();
  // Group numbers stay numbers, as in the data; other labels are text.
  const bool number = !best.empty() && best.size() < 10 &&
                      best.find_first_not_of("0123456789") == std::string::npos;
  Json probabilities = Json::object();
  for (const std::string& label : labels)
    for (const RankedProbability& one : answer.ranked)
      if (one.answer == label) probabilities[label] = one.probability;
  return {{"label", number ? Json(std::stoll(best)) : Json(best)},
          {"probabilities", probabilities},
          {"confidence", answer.confidence},
          {"abstain", answer.abstain}};
}

Json codes_json(const ListAnswer& answer, const AnswererAbout& about, const CodeList& allowed) {
  Json codes = Json::array();
  for (const RankedProbability& one : answer.ranked) {
    const int32_t row = allowed.find(one.answer);
    codes.push_back({{"code", one.answer},
                     {"title", row < 0 ? "" : allowed[static_cast<size_t>(row)].title},
                     {"probability", one.probability}});
  }
  return {
      {"label", answer.best()},
      {"codes", codes},
      {"confidence", answer.confidence},
      {"abstain", answer.abstain},
      {"code_list",
       {{"name", about.code_list}, {"edition", about.code_edition}, {"hash", about.code_hash}}}};
}

Json text_json(const TextAnswer& answer, const TextJudge& judge, const std::string& modality) {
  Json out{{"text", answer.text}};
  if (judge.has_fields()) {
    const auto values = field_values(judge.parse(answer.text));
    out["fields"] = Json::object();
    for (int f = 0; f < kRegimenFields; ++f)
      if (!values[static_cast<size_t>(f)].empty())
        out["fields"][field_name(static_cast<RegimenField>(f))] = values[static_cast<size_t>(f)];
    out["flags"] = Json::array();
    for (const RegimenFlag& flag : judge.flags(answer.text, modality))
      out["flags"].push_back({{"code", flag.code}, {"words", flag.words}});
  }
  out["ended"] = answer.ended;
  out["confidence"] = answer.confidence;
  out["abstain"] = answer.abstain;
  return out;
}

// All answers to one case as one line.
class LineMaker {
 public:
  LineMaker(const StudyAnswerer& answerer, const TextJudge& judge)
      : answerer_(answerer), judge_(judge), questions_(questions_of(answerer.settings())) {}

  void add(const CaseAnswers& answers, Json& line) const {
    bool abstain = false;
    std::vector<std::pair<AnswerKind, Json>> parts;
    for (AnswerKind kind : questions_) {
      parts.emplace_back(kind, part(answers, kind));
      abstain = abstain || parts.back().second.at("abstain").get<bool>();
    }
    if (parts.size() == 1) {
      line.update(parts[0].second);
    } else {
      for (const auto& [kind, part] : parts)
        line[kind == AnswerKind::kClosedSet ? "label"
             : kind == AnswerKind::kCodes   ? "code"
                                            : "text"] =
            part.at(kind == AnswerKind::kText ? "text" : "label");
      for (const auto& [kind, part] : parts) line[name_of(kind, answerer_.settings())] = part;
      line["abstain"] = abstain;
    }
    line["tokens"] = answers.tokens;
    line["truncated"] = answers.taken_out > 0;
    if (answers.taken_out > 0) line["tokens_taken_out"] = answers.taken_out;
    line["run"] = answerer_.about().run;
  }

  std::vector<CsvColumn> columns() const {
    std::vector<CsvColumn> out;
    for (const char* name : {"id", "source", "text_hash"}) out.push_back({name, {name}});
    for (AnswerKind kind : questions_) add_columns(kind, out);
    for (const char* name : {"abstain", "tokens", "truncated", "run", "ms", "line", "error"})
      out.push_back({name, {name}});
    return out;
  }

 private:
  Json part(const CaseAnswers& answers, AnswerKind kind) const {
    if (kind == AnswerKind::kClosedSet)
      return closed_set_json(*answers.closed_set, answerer_.about().labels);
    if (kind == AnswerKind::kCodes)
      return codes_json(*answers.codes, answerer_.about(), answerer_.codes()->allowed);
    return text_json(*answers.text, judge_, answers.closed_set ? answers.closed_set->best() : "");
  }

  void add_columns(AnswerKind kind, std::vector<CsvColumn>& out) const {
    const bool one = questions_.size() == 1;
    const std::string name = name_of(kind, answerer_.settings());
    auto path = [&](std::vector<std::string> keys) {
      if (!one) keys.insert(keys.begin(), name);
      return keys;
    };
    auto column = [&](const std::string& word) { return one ? word : name + "_" + word; };
    if (kind == AnswerKind::kText) {
      out.push_back({column("text"), path({"text"})});
      out.push_back({column("fields"), path({"fields"})});
      out.push_back({column("flags"), path({"flags"})});
    } else {
      out.push_back({column("label"), path({"label"})});
      if (kind == AnswerKind::kCodes) {
        out.push_back({column("codes"), path({"codes"})});
        out.push_back({column("code_list_hash"), path({"code_list", "hash"})});
      } else {
        for (const std::string& label : answerer_.about().labels)
          out.push_back({column("probability_" + label), path({"probabilities", label})});
      }
    }
    out.push_back({column("confidence"), path({"confidence"})});
  }

  const StudyAnswerer& answerer_;
  const TextJudge& judge_;
  std::vector<AnswerKind> questions_;
};

struct WaitingRow {
  Json line;
  std::optional<Case> item;  // none: the row cannot be used
  int64_t input_line = 0;
};

WaitingRow waiting_row(const Record& record, const CaseMaker& maker, bool with_text) {
  WaitingRow row;
  row.input_line = record.line;
  Case item = maker.make(record);
  if (!item.dropped.empty()) {
    row.line = unusable_row(record.id, record.line, item.dropped);
    return row;
  }
  row.line["id"] = record.id;
  row.line["source"] = record.source;
  row.line["text_hash"] = sha256_hex(item.original);
  if (with_text) row.line["model_text"] = item.text;
  row.item = std::move(item);
  return row;
}

void answer_rows(StudyAnswerer& answerer, const LineMaker& lines, std::vector<WaitingRow>& rows,
                 PredictReport& report) {
  std::vector<Case> cases;
  for (const WaitingRow& row : rows)
    if (row.item) cases.push_back(*row.item);
  if (cases.empty()) return;
  const auto began = std::chrono::steady_clock::now();
  const auto answers = answerer.answer(cases);
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count() /
      static_cast<double>(cases.size());
  size_t next = 0;
  for (WaitingRow& row : rows) {
    if (!row.item) continue;
    const CaseAnswers& of_case = answers[next++];
    if (!of_case.refused.empty()) {
      row.line = unusable_row(row.item->id, row.input_line, of_case.refused);
      ++report.unusable;
      continue;
    }
    lines.add(of_case, row.line);
    row.line["ms"] = ms;
    ++report.answered;
    report.abstained += row.line.at("abstain").get<bool>();
    report.windowed += of_case.taken_out > 0;
    report.tokens += of_case.tokens;
  }
}

}  // namespace

PredictReport predict_by_answerer(const Study& study, const std::filesystem::path& run,
                                  const PredictOptions& options, const ProgressSink& progress) {
  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&began] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  PredictReport report;
  report.run = run.filename();
  auto reader = open_cases_to_answer(study, options.in, options.encoding);
  report.encoding = reader->rows().about().encoding;
  StudyAnswerer answerer(run / "model", study.settings());
  report.seconds_load = seconds();
  const TextJudge judge(answerer.settings());
  const CaseMaker maker(answerer.settings());
  const LineMaker lines(answerer, judge);
  AnswerFile out(options.out, options.resume, lines.columns());
  int64_t to_skip = out.answered_before();
  std::vector<WaitingRow> rows;
  auto flush = [&] {
    answer_rows(answerer, lines, rows, report);
    for (const WaitingRow& row : rows) out.add(row.line);
    out.flush();
    rows.clear();
    const double done = static_cast<double>(report.answered + report.unusable + report.skipped);
    tell(progress,
         Progress{.phase = "predicting",
                  .done = done,
                  .unit = "cases",
                  .detail = format_double(done / std::max(1e-9, seconds()), 1) + " cases/s"});
    if (interrupted())
      throw_if_interrupted("The answers so far are kept: run the command again with --resume.");
  };
  for (auto next = reader->next(); next != RowReader::Next::end; next = reader->next()) {
    if (to_skip > 0) {
      --to_skip;
      ++report.skipped;
      continue;
    }
    if (next == RowReader::Next::rejected) {
      rows.push_back({unusable_row("", reader->rejected().line, reader->rejected().reason), {}});
    } else {
      rows.push_back(waiting_row(reader->record(), maker, options.with_text));
    }
    if (!rows.back().item) ++report.unusable;
    if (rows.size() == kCasesAtOnce) flush();
  }
  if (!rows.empty()) flush();
  report.seconds = seconds();
  return report;
}

}  // namespace gantry
