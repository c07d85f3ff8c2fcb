// What the tuning cases say: how much the n-gram member should weigh, the temperature, the
// threshold for abstaining, and what each step of the recipe brought. The test set has no part in
// any of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/test_report.h"
#include "stats/abstention.h"

namespace gantry {

struct TuningScores {
  int classes = 0;
  std::vector<int> truth;        // [n] tuning cases
  std::vector<int32_t> patient;  // [n]
  // Logits [n x classes] of each restart on these cases by a restart that did not train on them.
  // With rotating tuning sets a restart covers part of the cases; covers[r][i] says which.
  std::vector<std::vector<float>> restarts;
  std::vector<std::vector<uint8_t>> covers;
  // [n x classes], by a model that did not train on the case.
  std::vector<double> ngrams;    // the ensemble's n-gram member
  std::vector<double> baseline;  // the plain TF-IDF baseline
};

struct TuningChoice {
  double ngram_weight = 0;
  double temperature = 1;
  AbstentionThreshold abstention;
  std::string abstention_note;
  std::vector<RecipeStep> steps;
};

struct TuningOptions {
  bool ngram_member = false;
  bool tune_weight = true;  // false: both halves weigh the same
  double error_rate = 0.02;
  bool upper_bound = false;
  std::vector<int> members;  // restarts that serve; their joined answer is what is calibrated
  BootstrapOptions bootstrap;
};

TuningChoice choose_on_tuning(const TuningScores& scores, const TuningOptions& options);

}  // namespace gantry
