// Two arms of a test on the same cases: one-sided Wilcoxon signed-rank on the scores of each case,
// its effect size, and the difference of the means by paired bootstrap over patients.
#pragma once

#include <string>
#include <vector>

#include "stats/bootstrap.h"
#include "stats/estimate.h"
#include "workflow/answer_arms.h"

namespace gantry {

// What a case scores with an arm.
enum class CaseScore {
  kRight,  // 1 or 0: the first answer is the reference; of texts: exact
  // Closed set: the probability of the reference. Codes: 1 for the code, 2/3 and 1/3 where 4 or 3
  // characters of it are right. Text: F1 of ROUGE-1.
  kGraded
};
std::vector<double> case_scores(const QuestionArms& question, const Arm& arm, CaseScore score);
std::string score_words(AnswerKind kind, CaseScore score);

struct ArmComparison {
  AnswerKind kind = AnswerKind::kClosedSet;
  CaseScore score = CaseScore::kGraded;
  std::string first, second;
  double mean_first = 0, mean_second = 0;
  int64_t cases = 0, zeros = 0;  // zeros: cases without difference, left out of the ranks
  TestResult wilcoxon;           // alternative: first greater
  Estimate effect;               // matched-pairs rank-biserial correlation, -1 to 1
  Estimate difference;           // of the means, first - second
};

// Zeros are left out (Wilcoxon 1945); ties share their mean rank; exact up to 50 pairs without ties
// and zeros, else the normal approximation with tie correction.
ArmComparison compare_arms(const QuestionArms& question, const Arm& first, const Arm& second,
                           CaseScore score, const BootstrapOptions& bootstrap);
std::string wilcoxon_words();  // the rule above, for the report

}  // namespace gantry
