// TrainingPlan: which cases each restart trains on and which it is tuned on.
#pragma once

#include <string>
#include <vector>

#include "study/cases.h"
#include "study/settings.h"

namespace gantry {

struct TrainingRound {
  std::string tuned_on;          // "tuning set", "fold 2 of 5"
  std::vector<size_t> training;  // indices into `cases`
  std::vector<size_t> tuning;
  // Left out of training, because a case of the fold is of the same patient, or reads nearly the
  // same.
  int64_t same_patient = 0, near_identical = 0;
};

struct TrainingPlan {
  std::vector<const Case*> cases;  // answered cases of the training and tuning sets
  std::vector<TrainingRound> rounds;
  std::vector<int> round_of;   // restart -> round
  int64_t pairs_compared = 0;  // of texts, for near-identical ones
  // Cases that have a tuning prediction from some restart, ascending.
  std::vector<size_t> tuned_cases() const;
  // What was left out of rotating rounds, and what is proved of them; "" for a fixed tuning set.
  std::string sentence() const;
};

// train.tuning = "fixed": one round, the split's tuning set. "rotate": restart r is tuned on fold r
// mod train.folds of training + tuning and trained on the other folds. Error E0722: a round without
// tuning cases, or with a group of the closed set missing from its training part.
TrainingPlan plan_training(const Cases& cases, const Settings& settings);

}  // namespace gantry
