// A published result table given as counts (tasks/examples/NAME.toml), told as a report: accuracy
// and sensitivities with intervals, times, and what natural prevalence does to PPV. Needs no study.
#pragma once

#include <string>
#include <vector>

#include "report/page.h"

namespace gantry {

struct PublishedRater {
  Words name;
  bool is_model = false;
  std::vector<int64_t> errors;  // by group
  double seconds = 0;
};
struct PublishedTable {
  Words title, assumption;
  std::string source;
  Words note;
  std::vector<std::string> groups;
  std::vector<Words> names;
  std::vector<int64_t> cases;    // of the test set, by group
  std::vector<int64_t> natural;  // patients in nature, by group
  std::vector<PublishedRater> raters;
};

// Names of the examples that come with the program.
std::vector<std::string> known_examples();
// Error E0806 (no such example), E0804 (the file is not one: counts that do not fit).
PublishedTable read_published_table(const std::string& name);

// PPV of "answered `group`" when the wrong answers of other groups may have been any wrong group:
// every split of them that the counts allow lies between the two. `weight`: how many patients a
// case of each group stands for. NaN: nobody may be answered so.
struct PpvRange {
  double lowest = 0, highest = 0;
};
PpvRange ppv_range(const std::vector<int64_t>& cases, const std::vector<int64_t>& errors,
                   const std::vector<double>& weight, size_t group);
// The same for "answered any group but the first" (any metastasis).
PpvRange ppv_range_any(const std::vector<int64_t>& cases, const std::vector<int64_t>& errors,
                       const std::vector<double>& weight);

std::vector<ReportSection> published_sections(const PublishedTable& table);
PlainPage published_page(const PublishedTable& table);

}  // namespace gantry
