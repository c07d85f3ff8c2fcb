// The figures by which an epoch is judged. The full set with intervals is stats/'s; these are what
// the training loop needs at every epoch.
#pragma once

#include <span>
#include <vector>

#include "models/example.h"

namespace gantry {

struct TuningMetrics {
  double loss = 0;  // mean cross-entropy, natural logarithm
  double accuracy = 0;
  double macro_f1 = 0;              // mean over the classes; a class never met nor given counts 0
  std::vector<double> f1;           // per class
  std::vector<double> sensitivity;  // per class; 0 where the class is absent
};

// logits [examples.size() * classes]. Examples without a label are not counted.
TuningMetrics tuning_metrics(std::span<const float> logits, std::span<const Example> examples,
                             int classes);

}  // namespace gantry
