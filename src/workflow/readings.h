// Readings: what people answered for the reports of the test set, and how long they took.
//
//   auto in = import_readings(study, "readings.csv");   // reader, report, label, seconds, order
//   attach_readings(study, report);                     // into a test's report
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "records/record.h"
#include "report/test_report.h"
#include "study/study.h"

namespace gantry {

struct Reading {
  std::string reader, source, report, label;
  double seconds = -1;  // -1: not timed
  int64_t order = -1;   // the place in which it was read, from 1; -1: not given
  std::string file;
  int64_t line = 0;
};

struct ReaderProgress {
  std::string reader;
  int64_t read = 0, timed = 0;
};
struct ReadingsImport {
  int64_t rows = 0, added = 0, unchanged = 0, unread = 0;  // unread: rows without a label
  int64_t test_reports = 0;                                // of today's test set
  std::vector<RejectedRow> rejected;
  std::vector<ReaderProgress> readers;  // all that are stored now
};

// Reads a CSV, TSV or JSONL (columns reader, report, label and, where there are, seconds, order,
// source; Japanese names are known too). A row is set aside, with its line and reason, when its
// report is not in the test set or is there under several sources, its label is none of the
// study's, its seconds are negative or no number, or the reader read the report before with another
// answer. A label may be written as value or as name. Stored in STUDY/readings.jsonl. Errors E0781,
// E0514, and those of RowReader and load_cases.
ReadingsImport import_readings(const Study& study, const std::filesystem::path& file,
                               const std::string& encoding = {});

// What is stored, in the order it came. Error E0782: the file is damaged.
std::vector<Reading> stored_readings(const Study& study);

// Puts the stored readings into `report` (readers, reader_notes), by (source, id) of its cases.
void attach_readings(const Study& study, TestReport& report);

// Keeps the non-inferiority margin (test.margin of study.toml; words after a verb do not count) as
// it stands now, with date and the number of times that a test set was opened by then, whenever it
// differs from the one kept last. 0: withdrawn.
void note_margin(const Study& study);
// All that were kept, oldest first.
std::vector<MarginDeclaration> kept_margins(const Study& study);

struct ReadingSheet {
  std::filesystem::path csv, html;
  int64_t reports = 0;
};
// A sheet for one reader: the test set's reports without any label or answer, in an order of the
// reader's own (shuffled by `seed` and the name), to be filled in on paper, in a spreadsheet or in
// the page itself, which also takes the time. `model_text`: only what the model reads instead of
// the whole report. Errors E0514, E0783 (a file of that name is there).
ReadingSheet write_reading_sheet(const Study& study, const std::string& reader,
                                 const std::filesystem::path& folder, uint64_t seed,
                                 bool model_text);

}  // namespace gantry
