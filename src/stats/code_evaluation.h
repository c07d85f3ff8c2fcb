// Figures of a task whose answers are codes of a hierarchy (ICD-10), and of a ranked list of them.
// Codes are numbers here: the caller numbers them, and their shortened forms.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stats/bootstrap.h"
#include "stats/estimate.h"

namespace gantry {

// Numbers are the caller's, any values >= 0; -1 in an answer means none or outside the list.
struct CodePredictions {
  std::vector<int32_t> truth;                // [n] whole codes
  std::vector<std::vector<int32_t>> ranked;  // [n] answers, best first; empty: no answer
  // Shortened forms of every code number: at4[code], at3[code] number the forms of 4 and 3
  // characters. Both cover every number used above.
  std::vector<int32_t> at4, at3;
  std::vector<int32_t> patient;  // [n] from 0; empty: one case each
  std::vector<uint8_t> seen;     // [n] the truth occurred in training; empty: not known
  std::vector<uint8_t> invalid;  // [n] the first answer is not in the list
};

struct ConfusedPair {
  int32_t truth = 0, answer = 0;
  int64_t cases = 0;
};

struct CodeEvaluation {
  int64_t n = 0, patients = 0;
  Estimate exact, at4, at3, top3, top5;  // Wilson
  Estimate exact_bootstrap, at4_bootstrap, at3_bootstrap, top3_bootstrap,
      top5_bootstrap;  // over patients
  Estimate macro_f1, macro_precision,
      macro_recall;                    // over whole codes that occur in truth or answers; bootstrap
  Estimate macro_f1_at3;               // over categories
  Estimate invalid_rate;               // Wilson
  Estimate exact_seen, exact_unseen;   // by whether training had the code; Wilson
  std::vector<ConfusedPair> confused;  // most frequent first, then by numbers; all of them
};

CodeEvaluation evaluate_codes(const CodePredictions& predictions,
                              const BootstrapOptions& options = {});

// Accuracy per field of a structured answer. scored[f][i], right[f][i].
struct FieldEvaluation {
  std::vector<Estimate> of_field;  // Wilson; not defined where no case is scored
  Estimate all_fields;             // cases right in every scored field
};
FieldEvaluation evaluate_fields(std::span<const std::vector<uint8_t>> scored,
                                std::span<const std::vector<uint8_t>> right);

// Mean of a score per case (ROUGE, exact match) with the bootstrap over patients.
Estimate mean_score(std::span<const double> score, std::span<const int32_t> patient,
                    const BootstrapOptions& options = {});

}  // namespace gantry
