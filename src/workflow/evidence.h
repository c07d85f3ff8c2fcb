// What a test's report holds beside the answers themselves: readings, ratings, the margin as it was
// declared, how an answer is made, the training cases nearest to each failure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "report/test_report.h"
#include "study/cases.h"
#include "study/study.h"
#include "workflow/predictor.h"

namespace gantry {

// Readings, ratings and margins of the study as they are stored now. For every kind of task; called
// by `gantry test` and again by `gantry report`.
void add_evidence(const Study& study, TestReport& report);

// Input, members, temperature, threshold: how the predictor makes an answer.
void describe_answering(const Predictor& predictor, TestReport& report);

// The same of a causal language model's study: the prompts word for word, how texts are fitted, how
// answers are searched.
void describe_prompts(const Settings& settings, TestReport& report);

// For each failure (the surest 500) the three training cases with the most similar text, by the
// cosine of the baseline's TF-IDF vectors; their texts are cut to 400 characters.
void add_neighbours(const Predictor& predictor, const Cases& cases, TestReport& report);

// Answers the test set `times` more and counts the answers that differ in group; says by how much a
// probability changed.
void count_repeats(Predictor& predictor, std::span<const PredictorText> texts,
                   std::span<const Prediction> answers, int64_t times, TestReport& report);

}  // namespace gantry
