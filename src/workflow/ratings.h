// Ratings: clinicians' grades of answers, from arms they cannot tell apart.
//
//   write_rating_sheet(study, {.file = "answers.csv"}, out, seed);  // case, arm, answer
//                                                           // -> sheet and key
//   import_ratings(study, "filled.csv");                    // rater, item, grade, comment
//   attach_ratings(study, report);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "records/record.h"
#include "report/test_report.h"
#include "study/study.h"

namespace gantry {

struct RatingsImport {
  int64_t rows = 0, added = 0, unchanged = 0, ungraded = 0;
  std::vector<RejectedRow> rejected;
  Ratings stored;  // all that are stored now
};
// Reads a CSV, TSV or JSONL with columns rater, grade, comment, and either `item` (the code on the
// sheet, looked up in the key) or case and arm. Set aside: an unknown item, a grade that is not on
// ratings.scale, a second grade of one rater for the same answer. Stored in STUDY/ratings.jsonl.
// Errors E0781, those of RowReader.
RatingsImport import_ratings(const Study& study, const std::filesystem::path& file,
                             const std::string& encoding = {});

// What is stored, on today's scale. Error E0782.
Ratings stored_ratings(const Study& study);
void attach_ratings(const Study& study, TestReport& report);

struct RatingSheet {
  std::filesystem::path csv, html, key;
  int64_t answers = 0, cases = 0, arms = 0;
  std::vector<RejectedRow> rejected;
};
// Where the answers come from. `file`: a CSV, TSV or JSONL with columns case, arm, answer and,
// where there is one, question (what was asked: the diagnosis). No file: the test of `run` (empty:
// the latest) whose answers are texts, with the arms clinical (the reference), tuned and original.
struct RatedAnswers {
  std::filesystem::path file;
  std::string run;
};
// Each answer gets a code and a place by chance, so that neither tells the arm; the key stays in
// the study (STUDY/rating-key.csv). Errors E0781, E0783 (files there already), E0784 (an arm twice
// for one case, or no answer), E0733 (no such test).
RatingSheet write_rating_sheet(const Study& study, const RatedAnswers& answers,
                               const std::filesystem::path& folder, uint64_t seed);

}  // namespace gantry
