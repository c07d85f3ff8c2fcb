#include "workflow/intake.h"

#include <algorithm>

#include "base/file.h"
#include "study/data_folder.h"
#include "text/sections.h"

namespace gantry {
namespace {

// The sections a study's model text is made of; those of the usual report when it reads the whole
// text.
std::vector<std::string> wanted_sections(const Settings& settings) {
  std::vector<std::string> wanted;
  for (const auto& part : settings.sections.use) {
    const std::string section =
        part.substr(0, part.find('.'));  // "diagnosis.focus" is cut from the diagnosis
    if (section != "whole" && std::find(wanted.begin(), wanted.end(), section) == wanted.end())
      wanted.push_back(section);
  }
  if (wanted.empty()) wanted = {"indication", "findings", "diagnosis"};
  return wanted;
}

}  // namespace

ColumnMap column_map(const Settings& settings) {
  const auto& c = settings.columns;
  return {.id = c.id,
          .patient = c.patient,
          .source = c.source,
          .date = c.date,
          .label = c.label,
          .text = c.text,
          .indication = c.indication,
          .findings = c.findings,
          .diagnosis = c.diagnosis,
          .diagnoses = c.diagnoses,
          .plans = c.plans,
          .code = c.code,
          .answer = c.answer};
}

IntakeReport intake(const Study& study, const std::vector<std::filesystem::path>& files,
                    const IntakeOptions& options, const ProgressSink& progress) {
  const Settings& settings = study.settings();
  RecordOptions record_options;
  record_options.allowed_labels = settings.labels.values;
  record_options.source = options.source;
  record_options.rows.encoding = !options.encoding.empty()             ? options.encoding
                                 : settings.columns.encoding == "auto" ? std::string()
                                                                       : settings.columns.encoding;
  IntakeReport report;
  auto store = Store::open(study.records_path());
  report.import = import_files(*store, files, column_map(settings), record_options, progress);

  const bool reports = settings.columns.diagnoses.empty();  // cases have lists, not headings
  SectionTable table = SectionTable::load(data_file("tasks/headings.toml"));
  const auto wanted = wanted_sections(settings);
  for (const auto& kind : wanted)
    if (reports) report.sections_found[kind] = 0;
  if (reports)
    store->for_each([&](const Record& record) {
      if (record.text.empty()) return true;
      ++report.whole_reports;
      auto missing = table.cut(record.text, wanted).missing;
      for (const auto& kind : wanted)
        if (std::find(missing.begin(), missing.end(), kind) == missing.end())
          ++report.sections_found[kind];
      report.incomplete_reports += !missing.empty();
      return true;
    });
  auto counts = store->counts();
  report.records = counts.records;
  report.patients = counts.patients;
  return report;
}

void for_each_unfound(
    const Study& study,
    const std::function<void(const Record&, const std::vector<std::string>&)>& visit) {
  auto store = Store::open_read_only(study.records_path());
  if (!study.settings().columns.diagnoses.empty()) return;  // cases have lists, not headings
  SectionTable table = SectionTable::load(data_file("tasks/headings.toml"));
  const auto wanted = wanted_sections(study.settings());
  store->for_each([&](const Record& record) {
    if (record.text.empty()) return true;
    auto missing = table.cut(record.text, wanted).missing;
    if (!missing.empty()) visit(record, missing);
    return true;
  });
}

std::unique_ptr<RecordReader> open_cases_to_answer(const Study& study,
                                                   const std::filesystem::path& in,
                                                   const std::string& encoding) {
  const Settings& settings = study.settings();
  ColumnMap columns = column_map(settings);
  columns.label.clear();
  columns.code.clear();
  columns.plans.clear();
  columns.answer.clear();
  RecordOptions record_options;
  record_options.needs_id = false;
  record_options.rows.encoding = !encoding.empty()                     ? encoding
                                 : settings.columns.encoding == "auto" ? std::string()
                                                                       : settings.columns.encoding;
  if (in == "-") record_options.rows.format = RowFormat::jsonl;
  return std::make_unique<RecordReader>(in, columns, record_options);
}

}  // namespace gantry
