// One adapter of a study - for all its questions, or for one of them - with its restarts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/pair_tuning.h"
#include "workflow/questions.h"

namespace gantry {

struct AdapterGroup {
  std::string name;  // of its folder: "adapter", "adapter-codes"
  std::vector<AnswerKind> kinds;
  std::vector<PairTuneResult> restarts;
  std::vector<int> round_of;  // [restarts]
  int best = 0;               // index into restarts
  std::string memory_table, masked_sample;
  int64_t memory_bytes = 0;
  double ceiling = 0;                  // tokens a second
  std::vector<std::string> shortened;  // pairs whose text was shortened, one line each
};

}  // namespace gantry
