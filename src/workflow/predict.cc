#include "workflow/predict.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "records/record_reader.h"
#include "workflow/answer_file.h"
#include "workflow/intake.h"
#include "workflow/predict_answerer.h"
#include "workflow/predictor.h"
#include "workflow/train.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kBatch =
    64;  // reports read, answered and written together: bounds memory and loss on a crash

// A row of the input: a case to answer, or why it cannot be.
struct Answer {
  Json answer;
  bool usable = false;
  PredictorText text;
};

std::vector<CsvColumn> csv_columns(const std::vector<std::string>& labels) {
  std::vector<CsvColumn> out;
  for (const char* name : {"id", "source", "text_hash", "label", "confidence", "abstain"})
    out.push_back({name, {name}});
  for (const auto& label : labels)
    out.push_back({"probability_" + label, {"probabilities", label}});
  for (const char* name : {"tokens", "windows", "truncated", "run", "ms", "line", "error"})
    out.push_back({name, {name}});
  return out;
}

Answer answer_of(const Record& record, const CaseMaker& maker, const Settings& settings,
                 bool with_text) {
  Answer row;
  Case item = maker.make(record);
  if (!item.dropped.empty()) {
    row.answer = unusable_row(record.id, record.line, item.dropped);
    return row;
  }
  row.text = predictor_text(item, settings);
  row.usable = true;
  row.answer["id"] = record.id;
  row.answer["source"] = record.source;
  row.answer["text_hash"] = sha256_hex(item.original);
  if (with_text) row.answer["model_text"] = item.text;
  return row;
}

void answer(Predictor& predictor, std::vector<Answer>& rows, PredictReport& report) {
  std::vector<PredictorText> texts;
  for (auto& row : rows)
    if (row.usable) texts.push_back(row.text);
  if (texts.empty()) return;
  const auto began = std::chrono::steady_clock::now();
  auto predictions = predictor.predict(texts);
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count() /
      static_cast<double>(texts.size());
  const auto& labels = predictor.about().labels;
  size_t next = 0;
  for (auto& row : rows) {
    if (!row.usable) continue;
    const Prediction& p = predictions[next++];
    const auto& label = labels[static_cast<size_t>(p.label)];
    // Group numbers stay numbers, as in the data; other labels are text.
    bool number = !label.empty() && label.find_first_not_of("0123456789") == std::string::npos &&
                  label.size() < 10;
    row.answer["label"] = number ? Json(std::stoll(label)) : Json(label);
    Json probabilities = Json::object();
    for (size_t c = 0; c < labels.size(); ++c) probabilities[labels[c]] = p.probabilities[c];
    row.answer["probabilities"] = probabilities;
    row.answer["confidence"] = p.probabilities[static_cast<size_t>(p.label)];
    row.answer["abstain"] = p.abstain;
    row.answer["tokens"] = p.tokens;
    row.answer["windows"] = p.windows;
    row.answer["truncated"] = false;
    row.answer["run"] = predictor.about().run;
    row.answer["ms"] = ms;
    ++report.answered;
    report.abstained += p.abstain;
    report.windowed += p.windows > 1;
    report.tokens += p.tokens;
  }
}

}  // namespace

PredictReport predict(const Study& study, const PredictOptions& options,
                      const ProgressSink& progress) {
  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&began] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  PredictReport report;
  auto run = find_run(study, options.run);
  if (is_study_answerer(run / "model")) return predict_by_answerer(study, run, options, progress);
  report.run = run.filename();
  // The input is opened first: a wrong name should not wait for a model.
  auto reader_of_input = open_cases_to_answer(study, options.in, options.encoding);
  RecordReader& reader = *reader_of_input;
  report.encoding = reader.rows().about().encoding;

  Predictor predictor =
      Predictor::open(run / "model", precision_from(study.settings().predict.precision));
  report.seconds_load = seconds();
  CaseMaker maker(predictor.settings());
  AnswerFile out(options.out, options.resume, csv_columns(predictor.about().labels));

  int64_t to_skip = out.answered_before();
  std::vector<Answer> rows;
  auto flush = [&] {
    answer(predictor, rows, report);
    for (auto& row : rows) out.add(row.answer);
    out.flush();
    rows.clear();
    tell(progress,
         Progress{
             .phase = "predicting",
             .done = static_cast<double>(report.answered + report.unusable + report.skipped),
             .unit = "reports",
             .detail = format_double(
                           static_cast<double>(report.answered) / std::max(1e-9, seconds()), 1) +
                       " reports/s"});
    if (interrupted())
      throw_if_interrupted("The answers so far are kept: run the command again with --resume.");
  };
  for (auto next = reader.next(); next != RowReader::Next::end; next = reader.next()) {
    if (to_skip > 0) {
      --to_skip;
      ++report.skipped;
      continue;
    }
    if (next == RowReader::Next::rejected) {
      Answer row;
      row.answer = unusable_row("", reader.rejected().line, reader.rejected().reason);
      rows.push_back(std::move(row));
    } else {
      rows.push_back(answer_of(reader.record(), maker, predictor.settings(), options.with_text));
    }
    if (!rows.back().usable) ++report.unusable;
    if (rows.size() == kBatch) flush();
  }
  if (!rows.empty()) flush();
  report.seconds = seconds();
  return report;
}

}  // namespace gantry
