// The closed set's arms as the report's classifiers.
#include <algorithm>

#include "base/error.h"
#include "stats/proportion.h"
#include "workflow/answer_sections.h"
#include "workflow/test_parts.h"

namespace gantry {
namespace {

int number_of(const std::vector<std::string>& labels, const std::string& label) {
  auto at = std::find(labels.begin(), labels.end(), label);
  return at == labels.end() ? -1 : static_cast<int>(at - labels.begin());
}

Predictions predictions_of(const QuestionArms& question, const Arm& arm,
                           const std::vector<std::string>& labels) {
  Predictions p;
  p.classes = static_cast<int>(labels.size());
  p.patient = question.patient;
  for (size_t i = 0; i < question.cases.size(); ++i) {
    p.truth.push_back(question.cases[i]->label);
    p.predicted.push_back(number_of(labels, arm.ranked[i].front().answer));
    if (!arm.probabilities) continue;
    std::vector<double> row(labels.size(), 0);
    for (const RankedProbability& one : arm.ranked[i])
      if (int at = number_of(labels, one.answer); at >= 0)
        row[static_cast<size_t>(at)] = one.probability;
    p.probability.insert(p.probability.end(), row.begin(), row.end());
  }
  if (std::any_of(question.cases.begin(), question.cases.end(),
                  [](const Case* item) { return item->sampling_fraction < 1; }))
    for (const Case* item : question.cases) p.weight.push_back(1 / item->sampling_fraction);
  return p;
}

TestedCase case_of(const QuestionArms& question, size_t i, const Predictions& served) {
  const Case& item = *question.cases[i];
  const auto classes = static_cast<ptrdiff_t>(served.classes);
  const auto row = served.probability.begin() + static_cast<ptrdiff_t>(i) * classes;
  const CaseAnswers& answers = question.served[i];
  return {.id = item.id,
          .patient = item.patient,
          .source = item.source,
          .date = item.date,
          .original = item.original,
          .model_text = item.text,
          .truth = item.label,
          .predicted = served.predicted[i],
          .probability = {row, row + classes},
          .abstained = answers.closed_set->abstain,
          .tokens = answers.tokens,
          .fields = shown_fields(item.fields_json)};
}

}  // namespace

void fill_closed_set(const QuestionArms& question, const std::vector<std::string>& labels,
                     const EvaluationOptions& options, TestReport& report) {
  std::vector<Predictions> all;
  for (const Arm& arm : question.arms) {
    all.push_back(predictions_of(question, arm, labels));
    TestedClassifier tested{.name = arm.name,
                            .description = arm.about,
                            .is_model = arm.role == ArmRole::kServed,
                            .evaluation = evaluate(all.back(), options),
                            .seconds = arm.seconds};
    report.classifiers.push_back(std::move(tested));
  }
  for (size_t a = 1; a < all.size(); ++a)
    if (question.arms[a].role != ArmRole::kTuned)  // a part of the model is no baseline of it
      report.comparisons.push_back(
          comparison_of(question.arms[a].name, all[0], all[a], options.bootstrap));
  int64_t answered = 0, right = 0;
  for (size_t i = 0; i < question.cases.size(); ++i) {
    TestedCase one = case_of(question, i, all[0]);
    for (size_t a = 1; a < all.size(); ++a) one.baseline_predicted.push_back(all[a].predicted[i]);
    for (const Arm& arm : question.arms)
      if (arm.probabilities)
        one.scores.emplace_back(arm.role == ArmRole::kServed
                                    ? "probability of the reference"
                                    : "probability of the reference, " + arm.name,
                                arm.truth_probability[i]);
    answered += !one.abstained;
    right += !one.abstained && one.predicted == one.truth;
    report.cases.push_back(std::move(one));
  }
  report.coverage = wilson(answered, static_cast<int64_t>(question.cases.size()));
  report.answered_accuracy = wilson(right, answered);
}

}  // namespace gantry
