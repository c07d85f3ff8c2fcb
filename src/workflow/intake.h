// gantry import: files into the store, and how well the headings of the study's reports are
// understood.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "records/import.h"
#include "records/record_reader.h"
#include "study/study.h"

namespace gantry {

struct IntakeOptions {
  std::string encoding, source;  // "": as study.toml says, else detected; the file's stem
};

struct IntakeReport {
  ImportReport import;
  int64_t records = 0, patients = 0;
  int64_t whole_reports = 0;       // reports that came as one text, to be cut at their headings
  int64_t incomplete_reports = 0;  // of these, without one of the sections the study uses
  std::map<std::string, int64_t> sections_found;  // section -> reports that have it
};

// Errors: of import_files; E0103 when another import is at work in this study.
IntakeReport intake(const Study& study, const std::vector<std::filesystem::path>& files,
                    const IntakeOptions& options, const ProgressSink& progress);

// One call a stored report in which a section that the study uses was not found.
void for_each_unfound(
    const Study& study,
    const std::function<void(const Record&, const std::vector<std::string>& missing)>& visit);

// The input as the study reads it, without its reference answers and plans: an answer must not
// depend on one that happens to be there, nor fail for a strange one.
std::unique_ptr<RecordReader> open_cases_to_answer(const Study& study,
                                                   const std::filesystem::path& in,
                                                   const std::string& encoding);

// The study's columns as the intake reads them.
ColumnMap column_map(const Settings& settings);

}  // namespace gantry
