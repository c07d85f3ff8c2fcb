// The arms of a test: the study's model, its language model alone, the untuned base under the same
// prompt and constraint, both with examples in the prompt, and the simple baselines - all on the
// same cases, with every case's answer kept.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "workflow/study_answerer.h"
#include "workflow/text_judge.h"

namespace gantry {

enum class ArmRole {
  kServed,         // what `gantry predict` answers with
  kTuned,          // the tuned language model alone
  kOriginal,       // the untuned base
  kTunedShots,     // the tuned model with examples in the prompt
  kOriginalShots,  // the untuned base with the same examples
  kBaseline
};

struct Arm {
  ArmRole role = ArmRole::kServed;
  std::string name, about;
  double seconds = 0;
  // Of groups and codes: best first, with probabilities where the arm gives any.
  std::vector<std::vector<RankedProbability>> ranked;  // [cases]
  std::vector<double> truth_probability;               // [cases]
  bool probabilities = true;
  // Of texts.
  std::vector<std::string> texts;  // [cases]
  std::vector<TextScores> scores;  // [cases]
  std::vector<double> confidence;  // [cases]
};

struct QuestionArms {
  AnswerKind kind = AnswerKind::kClosedSet;
  std::vector<const Case*> cases;  // with a reference answer, and answered by every arm
  std::vector<std::string> truth;
  std::vector<int32_t> patient;
  std::vector<Arm> arms;                // the served one first
  std::vector<std::string> refused;     // "id: why", cases that some arm could not read
  std::vector<std::string> examples;    // ids of the cases shown in the few-shot arms
  std::vector<CaseAnswers> served;      // [cases]
  std::vector<uint8_t> truth_seen;      // [cases]: the answer occurs in training
  const Arm* find(ArmRole role) const;  // null: there is no such arm
};

// All questions of the study on `tests`; `training` gives the examples of the few-shot arms.
std::vector<QuestionArms> answer_all_arms(StudyAnswerer& answerer, const Settings& settings,
                                          const std::vector<const Case*>& tests,
                                          const std::vector<const Case*>& training,
                                          const TextJudge& judge, const ProgressSink& progress);

}  // namespace gantry
