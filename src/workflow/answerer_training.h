// Training of a study whose model is an Answerer: a causal language model with LoRA adapters, an
// encoder for codes or several closed questions, or rankers alone (model.base = "none"). `gantry
// train` comes here by what is asked and by what the base can do.
#pragma once

#include "base/progress.h"
#include "study/study.h"
#include "workflow/train.h"

namespace gantry {

// Whether the study is trained here: all but one closed set asked of an encoder.
bool is_answerer_study(const Study& study);

// As train() (workflow/train.h). Errors: of the study, the base and PairTuner; E0724 the base
// cannot be tuned as the settings say.
TrainReport train_answerer(const Study& study, const ProgressSink& progress);

}  // namespace gantry
