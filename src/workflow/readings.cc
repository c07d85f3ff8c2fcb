#include "workflow/readings.h"

#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "records/store.h"
#include "study/cases.h"
#include "workflow/evidence_rows.h"
#include "workflow/run_json.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;
using Key = std::pair<std::string, std::string>;  // source, id

std::filesystem::path readings_path(const Study& study) {
  return study.folder() / "readings.jsonl";
}
std::filesystem::path margins_path(const Study& study) { return study.folder() / "margins.jsonl"; }

const std::vector<EvidenceColumn>& columns() {
  static const std::vector<EvidenceColumn> known = {
      {"reader", {"reader", "読影者", "判定者", "rater"}, true},
      {"report", {"report", "report_id", "id", "報告書ID", "レポートID", "accession_number"}, true},
      {"label", {"label", "group", "answer", "reading", "ラベル", "判定", "群", "解答"}, true},
      {"seconds", {"seconds", "time", "秒", "秒数", "時間（秒）", "時間"}, false},
      {"order", {"order", "順", "順番", "順序"}, false},
      {"source", {"source", "hospital", "site", "施設", "施設名", "病院"}, false}};
  return known;
}

std::string line_of(const Reading& r) {
  Json out = {{"reader", r.reader}, {"source", r.source}, {"report", r.report}, {"label", r.label}};
  if (r.seconds >= 0) out["seconds"] = r.seconds;
  if (r.order >= 0) out["order"] = r.order;
  out["file"] = r.file;
  out["line"] = r.line;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// The labels as people may write them: values, names, names in Japanese.
std::map<std::string, std::string> written_labels(const Settings& settings) {
  std::map<std::string, std::string> out;
  const auto& l = settings.labels;
  for (size_t i = 0; i < l.values.size(); ++i) {
    if (i < l.names.size()) out.emplace(folded_name(l.names[i]), l.values[i]);
    if (i < l.names_ja.size()) out.emplace(folded_name(l.names_ja[i]), l.values[i]);
  }
  for (const auto& value : l.values) out[folded_name(value)] = value;
  return out;
}

// A number a person typed: -1 when empty; NaN when it is none.
double number_of(const std::string& text) {
  if (text.empty()) return -1;
  const std::string plain = folded_name(text);
  char* end = nullptr;
  const double value = std::strtod(plain.c_str(), &end);
  return end == plain.c_str() + plain.size() && std::isfinite(value) ? value : std::nan("");
}

class ReadingsImporter {
 public:
  ReadingsImporter(const Study& study, const Cases& cases)
      : labels_(written_labels(study.settings())) {
    for (const auto* item : cases.of(CaseSet::kTest)) {
      in_test_.insert({item->source, item->id});
      sources_[item->id].push_back(item->source);
    }
    for (const auto& label : study.settings().labels.values)
      known_ += (known_.empty() ? "" : ", ") + label;
    stored_ = stored_readings(study);
    for (size_t i = 0; i < stored_.size(); ++i)
      by_key_[{stored_[i].reader, stored_[i].source, stored_[i].report}] = i;
  }

  void use(EvidenceFile& file, int64_t line, const std::vector<std::string>& v,
           ReadingsImport& out) {
    Reading r{.reader = v[0], .source = v[5], .report = v[1], .file = file.name, .line = line};
    if (r.reader.empty()) return file.reject(line, "missing_reader", "no reader");
    if (!place(file, line, r)) return;
    if (v[2].empty()) {
      ++out.unread;
      return;
    }
    const auto label = labels_.find(folded_name(v[2]));
    if (label == labels_.end())
      return file.reject(line, "unknown_label",
                         "label '" + v[2] + "' is none of the study's (" + known_ + ")");
    r.label = label->second;
    r.seconds = number_of(v[3]);
    if (std::isnan(r.seconds) || (!v[3].empty() && r.seconds < 0))
      return file.reject(line, "bad_seconds", "seconds '" + v[3] + "': not a number of 0 or more");
    const double order = number_of(v[4]);
    r.order = order >= 0 ? static_cast<int64_t>(order) : -1;
    keep(file, std::move(r), out);
  }

  const std::vector<Reading>& stored() const { return stored_; }
  int64_t test_reports() const { return static_cast<int64_t>(in_test_.size()); }

 private:
  bool place(EvidenceFile& file, int64_t line, Reading& r) {
    if (r.source.empty()) {
      auto found = sources_.find(r.report);
      if (found != sources_.end() && found->second.size() > 1) {
        file.reject(line, "ambiguous_report",
                    "report '" + r.report +
                        "' is in the test set under several sources; add a "
                        "column 'source'");
        return false;
      }
      if (found != sources_.end()) r.source = found->second[0];
    }
    if (in_test_.count({r.source, r.report})) return true;
    file.reject(line, "not_in_test_set", "report '" + r.report + "' is not in the test set");
    return false;
  }

  void keep(EvidenceFile& file, Reading r, ReadingsImport& out) {
    auto [at, fresh] = by_key_.try_emplace({r.reader, r.source, r.report}, stored_.size());
    if (fresh) {
      ++out.added;
      stored_.push_back(std::move(r));
      return;
    }
    const Reading& before = stored_[at->second];
    if (before.label == r.label && before.seconds == r.seconds && before.file == r.file) {
      ++out.unchanged;  // the same file again
      return;
    }
    file.reject(r.line, "read_twice",
                "reader '" + r.reader + "' read report '" + r.report + "' before (" + before.file +
                    ", line " + std::to_string(before.line) + "); the first reading is kept");
  }

  std::map<std::string, std::string> labels_;
  std::string known_;
  std::set<Key> in_test_;
  std::map<std::string, std::vector<std::string>> sources_;
  std::vector<Reading> stored_;
  std::map<std::tuple<std::string, std::string, std::string>, size_t> by_key_;
};

int64_t looks_so_far(const Study& study) {
  int64_t n = 0;
  for_each_json_line(study.tests_folder() / "looks.jsonl", [&](const std::string&) { ++n; });
  return n;
}

}  // namespace

std::vector<Reading> stored_readings(const Study& study) {
  std::vector<Reading> out;
  const auto file = readings_path(study);
  for_each_json_line(file, [&](const std::string& line) {
    try {
      const auto j = nlohmann::json::parse(line);
      out.push_back({.reader = j.at("reader"),
                     .source = j.at("source"),
                     .report = j.at("report"),
                     .label = j.at("label"),
                     .seconds = j.value("seconds", -1.0),
                     .order = j.value("order", int64_t{-1}),
                     .file = j.value("file", ""),
                     .line = j.value("line", int64_t{0})});
    } catch (const nlohmann::json::exception& error) {
      throw Error("E0782", file.string() + ": a line cannot be read (" + error.what() + ")",
                  "Restore the file, or move it away and import the readings again.");
    }
  });
  return out;
}

ReadingsImport import_readings(const Study& study, const std::filesystem::path& path,
                               const std::string& encoding) {
  auto store = Store::open_read_only(study.records_path());
  const Cases cases = load_cases(study, *store);
  check_for_test(cases, study.settings());
  ReadingsImporter importer(study, cases);
  ReadingsImport out;
  EvidenceFile file =
      read_evidence(path, encoding, columns(),
                    [&](EvidenceFile& f, int64_t line, const std::vector<std::string>& values) {
                      importer.use(f, line, values, out);
                    });
  out.rows = file.rows;
  out.rejected = std::move(file.rejected);
  out.test_reports = importer.test_reports();
  std::string content;
  std::map<std::string, ReaderProgress> progress;
  for (const auto& r : importer.stored()) {
    content += line_of(r);
    auto& p = progress[r.reader];
    p.reader = r.reader;
    ++p.read;
    p.timed += r.seconds >= 0;
  }
  for (auto& [name, p] : progress) out.readers.push_back(p);
  if (out.added > 0) write_file_atomically(readings_path(study), content);
  return out;
}

void attach_readings(const Study& study, TestReport& report) {
  report.readers.clear();
  report.reader_notes.clear();
  std::map<Key, size_t> place;
  for (size_t i = 0; i < report.cases.size(); ++i)
    place[{report.cases[i].source, report.cases[i].id}] = i;
  std::map<std::string, int> label;
  for (size_t g = 0; g < report.labels.size(); ++g) label[report.labels[g]] = static_cast<int>(g);
  std::map<std::string, ReaderReadings> readers;
  int64_t elsewhere = 0;
  for (const auto& r : stored_readings(study)) {
    auto at = place.find({r.source, r.report});
    auto group = label.find(r.label);
    if (at == place.end() || group == label.end()) {
      ++elsewhere;
      continue;
    }
    auto& reader = readers[r.reader];
    reader.reader = r.reader;
    reader.label.resize(report.cases.size(), -1);
    reader.seconds.resize(report.cases.size(), -1);
    reader.label[at->second] = group->second;
    reader.seconds[at->second] = r.seconds;
  }
  for (auto& [name, reader] : readers) report.readers.push_back(std::move(reader));
  if (elsewhere > 0)
    report.reader_notes.push_back(with_commas(elsewhere) +
                                  " stored readings are of reports that are not in this test set, "
                                  "or of labels it does not have; they are left out.");
}

std::vector<MarginDeclaration> kept_margins(const Study& study) {
  std::vector<MarginDeclaration> out;
  for_each_json_line(margins_path(study), [&](const std::string& line) {
    const auto j = nlohmann::json::parse(line, nullptr, false);
    if (j.is_object())
      out.push_back({j.value("margin", 0.0), j.value("at", ""), j.value("looks", int64_t{0})});
  });
  return out;
}

void note_margin(const Study& study) {
  // As study.toml has it: a word after a verb declares nothing.
  const double margin = Study::open(study.folder()).settings().test.margin;
  const auto kept = kept_margins(study);
  const double last = kept.empty() ? 0 : kept.back().margin;
  if (margin == last) return;
  std::string content =
      std::filesystem::exists(margins_path(study)) ? read_file(margins_path(study)) : std::string();
  content +=
      Json{{"margin", margin}, {"at", utc_now()}, {"looks", looks_so_far(study)}}.dump() + "\n";
  write_file_atomically(margins_path(study), content);
}

}  // namespace gantry
