// score(): logits of many reports, packed. Windows are scored by themselves and then pooled, so
// that memory does not grow with the number of a report's windows, and a report's logits do not
// depend on what it was packed with.
#pragma once

#include <functional>
#include <span>

#include "models/classifier_model.h"

namespace gantry {

struct ScoreSettings {
  StepCapacity capacity;  // of the model
  int64_t position_offset = 0;
  int classes = 0;
  WindowPooling window_pooling = WindowPooling::kMean;
};

// logits [examples.size() * classes]. `between` is called after each packed step.
void score(ClassifierModel& model, const ScoreSettings& settings,
           const CompactVocabulary& vocabulary, std::span<const Example> examples, float* logits,
           const std::function<void(size_t windows_done, size_t windows)>& between = {});

}  // namespace gantry
