// Record: one report as it came in, and a row that could not be used.
#pragma once

#include <cstdint>
#include <string>

namespace gantry {

// Texts are UTF-8 and original: nothing is folded or trimmed but the ends of id, patient, source
// and label. A report is known by (source, id); a changed one gets the next version.
struct Record {
  std::string id;
  std::string patient;  // "" when the data name none: then every report is its own patient
  std::string source;   // hospital; by default the stem of the file's name
  std::string date;     // "YYYY-MM-DD" or ""
  std::string text;     // whole report with its headings; "" when the sections are given apart
  std::string indication, findings, diagnosis;  // when given apart
  std::string label;                            // as in the data, in ASCII digits; "" is none
  std::string fields_json = "{}";               // all other columns as one JSON object, values kept
  std::string file;                             // name of the file it came from, without folders
  int64_t line = 0;  // first physical line of the row in that file, from 1
  std::string hash;  // SHA-256 of everything above but file and line
  int version = 1;   // 1 for the first text under this (source, id)
};

// Fills `hash`. Equal hashes mean that a second import of the row changes nothing.
std::string record_hash(const Record& record);

// A row that was set aside.
struct RejectedRow {
  std::string file;
  int64_t line = 0;     // first physical line of the row, from 1
  std::string code;     // "missing_id", "bad_date", ...; see docs/errors/records.md
  std::string reason;   // for people: "column 'exam_date', value '2023-02-30': not a date"
  std::string excerpt;  // the first bytes of the row as read, valid UTF-8, at most 200 characters
};

}  // namespace gantry
