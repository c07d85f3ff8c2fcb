// The lists of a radiation-oncology case: diagnosis records with their codes, and plans. They come
// as a JSON column of JSONL or as JSON in a cell of CSV; a plain text stands for a list of one.
//
//   std::string wrong;
//   auto diagnoses = read_diagnoses(R"([{"text": "cT2 N0 ...", "icd10": "C61"}])", wrong);
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "records/record.h"

namespace gantry {

struct DiagnosisRecord {
  std::string text;
  std::string code;  // as written; "" none
};

struct PlanRecord {
  std::string text;
  std::optional<bool> primary;  // not said: nothing
};

// `value` is the column's text: a JSON array of {text, icd10 (or code)}, one such object, an array
// of texts, or a plain text, which is one record. Empty: no record. What is wrong goes to `wrong`
// ("" when nothing is), in words for a person; keys beside the known ones are let pass.
std::vector<DiagnosisRecord> read_diagnoses(std::string_view value, std::string& wrong);
// Likewise {text, primary}; primary is true or false, 1 or 0, "yes" or "no".
std::vector<PlanRecord> read_plans(std::string_view value, std::string& wrong);

// The lists as one JSON text, as RecordReader keeps them in Record::fields_json.
std::string diagnoses_json(const std::vector<DiagnosisRecord>& diagnoses);
std::string plans_json(const std::vector<PlanRecord>& plans);

// Under these keys of Record::fields_json the reader keeps the lists and the free-text reference
// answer, whatever the file called them.
inline constexpr std::string_view kDiagnosesField = "diagnoses";
inline constexpr std::string_view kPlansField = "plans";
inline constexpr std::string_view kAnswerField = "answer";

struct CaseLists {
  std::vector<DiagnosisRecord> diagnoses;
  std::vector<PlanRecord> plans;
  std::string answer;  // free text; "" none
};
// What the reader kept of a record; empty lists where it kept none.
CaseLists case_lists(const Record& record);

}  // namespace gantry
