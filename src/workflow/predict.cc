#include "workflow/predict.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "records/record_reader.h"
#include "workflow/intake.h"
#include "workflow/predictor.h"
#include "workflow/train.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kBatch =
    64;  // reports read, answered and written together: bounds memory and loss on a crash

std::string csv_cell(const std::string& value) {
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  std::string out = "\"";
  for (char c : value) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

// Where answers go: a file grown by whole lines and fsynced a batch, or standard output.
class AnswerFile {
 public:
  AnswerFile(const std::filesystem::path& path, bool resume, std::vector<std::string> labels)
      : path_(path), labels_(std::move(labels)), csv_(path.extension() == ".csv") {
    if (path_.empty()) {
      fd_ = 1;
      return;
    }
    bool there = std::filesystem::exists(path_);
    if (there && !resume)
      throw Error("E0741", path_.string() + ": the file exists",
                  "Give --resume to go on behind its last answer, or another --out.");
    if (there) count_whole_lines();
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) fail();
    if (::ftruncate(fd_, whole_bytes_) != 0 || ::lseek(fd_, whole_bytes_, SEEK_SET) < 0) fail();
    if (csv_ && whole_bytes_ == 0) put(header());
  }
  ~AnswerFile() {
    if (fd_ > 2) ::close(fd_);
  }
  AnswerFile(const AnswerFile&) = delete;
  AnswerFile& operator=(const AnswerFile&) = delete;

  int64_t answered_before() const { return lines_; }

  void add(const Json& answer) {
    pending_ += csv_ ? csv_line(answer)
                     : answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  void flush() {
    put(pending_);
    pending_.clear();
    if (fd_ > 2 && ::fsync(fd_) != 0) fail();
  }

 private:
  std::string header() const {
    std::string line = "id,source,text_hash,label,confidence,abstain";
    for (const auto& label : labels_) line += ",probability_" + csv_cell(label);
    return line + ",tokens,windows,truncated,run,ms,line,error\n";
  }
  std::string csv_line(const Json& a) const {
    auto cell = [&a](const char* key) {
      if (!a.contains(key) || a[key].is_null()) return std::string();
      return csv_cell(a[key].is_string() ? a[key].get<std::string>() : a[key].dump());
    };
    std::string line = cell("id") + "," + cell("source") + "," + cell("text_hash") + "," +
                       cell("label") + "," + cell("confidence") + "," + cell("abstain");
    for (const auto& label : labels_)
      line +=
          "," + (a.contains("probabilities") ? a["probabilities"].at(label).dump() : std::string());
    return line + "," + cell("tokens") + "," + cell("windows") + "," + cell("truncated") + "," +
           cell("run") + "," + cell("ms") + "," + cell("line") + "," + cell("error") + "\n";
  }
  // An answer is whole when its line end is there: a torn last line is written again. Cells hold no
  // line breaks but in quotes (an id may have one), so quotes are followed in CSV.
  void count_whole_lines() {
    MappedFile file(path_);
    bool quoted = false;
    int64_t lines = 0;
    auto text = file.text();
    for (size_t i = 0; i < text.size(); ++i) {
      if (csv_ && text[i] == '"') quoted = !quoted;
      if (text[i] == '\n' && !quoted) {
        ++lines;
        whole_bytes_ = static_cast<int64_t>(i) + 1;
      }
    }
    if (csv_ && lines > 0 && text.substr(0, header().size()) != header())
      throw Error("E0741", path_.string() + ": not a predictions file of this run",
                  "Give another --out.");
    lines_ = csv_ ? std::max<int64_t>(0, lines - 1) : lines;
  }
  void put(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail();
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  [[noreturn]] void fail() const {
    throw Error(
        "E0102",
        (path_.empty() ? std::string("standard output") : path_.string()) +
            ": cannot be written (" + std::strerror(errno) + ")",
        "Mend the cause and run the command again with --resume; the answers so far are kept.");
  }

  std::filesystem::path path_;
  std::vector<std::string> labels_;
  bool csv_ = false;
  int fd_ = -1;
  int64_t lines_ = 0, whole_bytes_ = 0;
  std::string pending_;
};

// A row of the input: a case to answer, or why it cannot be.
struct Answer {
  Json answer;
  bool usable = false;
  PredictorText text;
};

Json unusable(const std::string& id, int64_t line, const std::string& why) {
  Json out;
  out["id"] = id.empty() ? Json(nullptr) : Json(id);
  out["line"] = line;
  out["error"] = why;
  return out;
}

Answer answer_of(const Record& record, const CaseMaker& maker, const Settings& settings,
                 bool with_text) {
  Answer row;
  Case item = maker.make(record);
  if (!item.dropped.empty()) {
    row.answer = unusable(record.id, record.line, item.dropped);
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
  report.run = run.filename();
  // The input is opened first: a wrong name should not wait for a model.
  ColumnMap columns = column_map(study.settings());
  columns.label.clear();  // an answer must not depend on a label that happens to be there, nor fail
                          // for a strange one
  RecordOptions record_options;
  record_options.needs_id = false;
  record_options.rows.encoding = !options.encoding.empty() ? options.encoding
                                 : study.settings().columns.encoding == "auto"
                                     ? std::string()
                                     : study.settings().columns.encoding;
  if (options.in == "-") record_options.rows.format = RowFormat::jsonl;
  RecordReader reader(options.in, columns, record_options);
  report.encoding = reader.rows().about().encoding;

  Predictor predictor =
      Predictor::open(run / "model", precision_from(study.settings().predict.precision));
  report.seconds_load = seconds();
  CaseMaker maker(predictor.settings());
  AnswerFile out(options.out, options.resume, predictor.about().labels);

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
      row.answer = unusable("", reader.rejected().line, reader.rejected().reason);
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
