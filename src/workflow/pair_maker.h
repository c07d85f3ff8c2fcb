// Cases and their reference answers as pairs for PairTuner, and its settings from study.toml.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "study/settings.h"
#include "train/pair_tuning.h"
#include "workflow/prompt_maker.h"

namespace gantry {

struct MadePairs {
  std::vector<Pair> pairs;
  // Cases left out because they do not fit the context, one line each.
  std::vector<std::string> refused;
};

// One pair for each of `kinds` that a case has a reference answer to; the pairs of a case share its
// key.
MadePairs make_pairs(const PromptMaker& maker, std::span<const Case* const> cases,
                     std::span<const AnswerKind> kinds, const Settings& settings);

PairTuneSettings pair_tune_settings(const Settings& settings, size_t questions, int64_t context);

// train.metric "macro_f1" or "accuracy" of the closed set on the tuning cases; empty for "loss" and
// where no closed set is asked for: then the tuning loss of an answer's token chooses.
TuningMetric closed_set_metric(const PromptMaker& maker, std::span<const Case* const> tuning,
                               const Settings& settings);

}  // namespace gantry
