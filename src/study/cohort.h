// Cohort rules: which records belong to the study. Cheap rules come first, since a store may hold a
// million records and a cohort a few thousand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "study/cases.h"
#include "study/open_report.h"

namespace gantry {

struct Drop {
  std::string step;    // as in FlowStep::step
  std::string reason;  // for people
};

class CohortRules {
 public:
  explicit CohortRules(const Settings& settings);

  // The steps that are switched on, in order, with what they say in the diagram.
  std::vector<FlowStep> steps() const;

  // The rules that look at the record and its report: date, fields, diagnosis records and plans,
  // keywords. Thread-safe.
  std::optional<Drop> judge(OpenReport& report) const;
  // The rules that look at the case made of it: sections, length, reference answer. "label", no
  // answer to any of the study's questions, is the last one.
  std::optional<Drop> judge(const Case& made) const;
  // One report a patient: sets `dropped_at` and `dropped` of the others.
  void choose_per_patient(std::vector<Case>& cases) const;

  // NFKC, lower case, white space taken out beside Japanese characters and else one blank: how
  // keywords and texts are compared. Hard-wrapped reports break lines inside words.
  static std::string fold(std::string_view text);

 private:
  struct Filter {
    std::string column;               // folded
    std::vector<std::string> values;  // folded
  };
  static std::vector<Filter> folded(const std::vector<FieldFilter>& filters);
  std::optional<Drop> judge_date(const Record& record) const;
  std::optional<Drop> judge_fields(const Record& record) const;
  std::optional<Drop> judge_lists(const Record& record) const;
  std::optional<Drop> judge_keywords(OpenReport& report) const;
  std::optional<Drop> judge_answers(const Case& made) const;

  Settings settings_;
  std::vector<std::string> any_, all_, none_;  // folded keywords
  std::vector<Filter> where_, where_not_;
};

// Counts what each step keeps. Every report is told once, with the step that dropped it or ""; a
// patient is kept by a step while one of his reports is.
class FlowCounter {
 public:
  explicit FlowCounter(std::vector<FlowStep> steps);
  void add(std::string_view patient, std::string_view dropped_at);
  // "imported" first, then the steps with their counts.
  std::vector<FlowStep> finish() const;

 private:
  std::vector<FlowStep> steps_;
  std::vector<int64_t> dropped_;                    // reports by step
  std::unordered_map<uint64_t, uint32_t> reached_;  // patient -> steps passed by his best report
  int64_t reports_ = 0;
};

}  // namespace gantry
