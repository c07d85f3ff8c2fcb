// RecordReader: rows turned into Records by a map of columns, with every check of the intake.
// Import and predict read through it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "records/date.h"
#include "records/row_reader.h"

namespace gantry {

// Which column holds what. Each entry is a list of candidate names: the first that the file has is
// used. Names are compared without regard to case, width (NFKC), spaces, hyphens and underscores.
// An empty list means: not in these data. A list of one name is a promise: a CSV without that
// column is refused (E0205). A column used for none of these is kept in fields_json.
struct ColumnMap {
  std::vector<std::string> id, patient, source, date, label;
  std::vector<std::string> text;                             // the whole report
  std::vector<std::string> indication, findings, diagnosis;  // or its sections apart
  // Of cases: a list of diagnosis records (their texts become the record's text), a list of plans,
  // the code of the one diagnosis where it has a column of its own, the free-text reference answer.
  // Kept in fields_json under the names of records/case_lists.h.
  std::vector<std::string> diagnoses, plans, code, answer;

  // The names hospitals use; the corpora's own (report_id, patient_id, exam_date, report, label)
  // come first.
  static ColumnMap usual();
};

struct RecordOptions {
  RowReaderOptions rows;
  std::vector<std::string> allowed_labels;  // empty: any
  std::string source;    // used where no column gives one; "" is the stem of the file's name
  bool needs_id = true;  // false: a row without one gets "line N" (predict)
  bool needs_text = true;
};

class RecordReader {
 public:
  // As RowReader::open; and E0205 when a CSV lacks a column the map asks for (id; text or one of
  // the sections), naming the columns there are and the nearest.
  RecordReader(const std::filesystem::path& path, const ColumnMap& map,
               const RecordOptions& options);
  RecordReader(std::unique_ptr<RowReader> rows, const ColumnMap& map, const RecordOptions& options);
  ~RecordReader();

  RowReader::Next next();
  Record& record();  // after Next::row; `hash` is not filled in; may be moved from
  const RejectedRow& rejected() const;
  RowReader& rows();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gantry
