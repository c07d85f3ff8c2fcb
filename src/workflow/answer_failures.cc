#include "workflow/answer_failures.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/strings.h"
#include "workflow/neighbours.h"
#include "workflow/occlusion.h"
#include "workflow/paired_arms.h"
#include "workflow/test_parts.h"

namespace gantry {
namespace {

constexpr size_t kMostFailures = 500;  // with neighbours
constexpr size_t kNextAnswers = 5;

bool fails(const QuestionArms& question, size_t i, const TextJudge& judge) {
  switch (question.kind) {
    case AnswerKind::kClosedSet:
      return question.served[i].closed_set->best() != question.truth[i];
    case AnswerKind::kCodes:
      return question.served[i].codes->best() != question.truth[i];
    case AnswerKind::kText:
      return !judge.right(question.arms.front().scores[i]);
  }
  return false;
}

double confidence_of(const CaseAnswers& answers, AnswerKind kind) {
  return kind == AnswerKind::kText    ? answers.text->confidence
         : kind == AnswerKind::kCodes ? answers.codes->confidence
                                      : answers.closed_set->confidence;
}

// The surest first.
std::vector<size_t> failures_of(const QuestionArms& question, const TextJudge& judge) {
  std::vector<size_t> out;
  for (size_t i = 0; i < question.cases.size(); ++i)
    if (fails(question, i, judge)) out.push_back(i);
  auto sure = [&](size_t i) { return confidence_of(question.served[i], question.kind); };
  std::stable_sort(out.begin(), out.end(), [&](size_t a, size_t b) { return sure(a) > sure(b); });
  return out;
}

std::vector<WeighedSpan> weighed(StudyAnswerer& answerer, AnswerKind kind, const Case& item,
                                 const std::string& answer) {
  const ListChoice& choice = answerer.file().choices.at(kind);
  return weigh_by_occlusion(item, [&](std::span<const Case> cases) {
    const auto lists = answerer.list_scores(cases, kind, answerer.voice(kind));
    std::vector<double> out;
    for (const ListScores& scores : lists.scores) {
      const int at = scores.find(answer);
      out.push_back(scores.answers.empty() ? std::numeric_limits<double>::quiet_NaN()
                    : at < 0               ? 0
                             : joined_probabilities(scores, choice)[static_cast<size_t>(at)]);
    }
    return out;
  });
}

// A code with its title, where the study's list has one.
std::string titled(const StudyAnswerer& answerer, AnswerKind kind, const std::string& answer) {
  if (kind != AnswerKind::kCodes || answerer.codes() == nullptr) return answer;
  const CodeList& list = answerer.codes()->allowed;
  const int32_t row = list.find(answer);
  return row < 0 ? answer : answer + " " + list[static_cast<size_t>(row)].title;
}

AnswerFailure failure_of(const StudyAnswerer& answerer, const QuestionArms& question, size_t i) {
  const Case& item = *question.cases[i];
  const bool codes = question.kind == AnswerKind::kCodes;
  const CaseAnswers& served = question.served[i];
  AnswerFailure out{.question = codes ? "code" : "text",
                    .id = item.id,
                    .source = item.source,
                    .date = item.date,
                    .original = item.original,
                    .model_text = item.text,
                    .truth = titled(answerer, question.kind, question.truth[i]),
                    .confidence = confidence_of(served, question.kind),
                    .fields = shown_fields(item.fields_json)};
  out.answer = codes ? titled(answerer, question.kind, served.codes->best()) : served.text->text;
  out.held = codes ? served.codes->abstain : served.text->abstain;
  if (codes)
    for (size_t k = 0; k < std::min(kNextAnswers, served.codes->ranked.size()); ++k)
      out.others.emplace_back(served.codes->ranked[k].answer, served.codes->ranked[k].probability);
  for (size_t a = 1; a < question.arms.size(); ++a) {
    const Arm& arm = question.arms[a];
    if (codes && !arm.ranked[i].empty())
      out.other_arms.emplace_back(arm.name, arm.ranked[i].front().answer);
    if (!codes) out.other_arms.emplace_back(arm.name, arm.texts[i]);
  }
  return out;
}

TestedCase* tested_case(TestReport& report, const Case& item) {
  for (auto& c : report.cases)
    if (c.id == item.id && c.source == item.source) return &c;
  return nullptr;
}

}  // namespace

void add_answer_failures(StudyAnswerer& answerer, const std::vector<QuestionArms>& questions,
                         const std::vector<const Case*>& training, const TextJudge& judge,
                         int64_t occluded, TestReport& report, const ProgressSink& progress) {
  const TrainingNeighbours neighbours(training);
  bool any_weighed = false;
  for (const QuestionArms& question : questions) {
    const auto failures = failures_of(question, judge);
    const bool is_list = question.kind != AnswerKind::kText;
    const size_t weigh = is_list ? std::min(failures.size(), static_cast<size_t>(occluded)) : 0;
    if (question.kind != AnswerKind::kClosedSet)
      report.answers_judged += static_cast<int64_t>(question.cases.size());
    for (size_t k = 0; k < failures.size(); ++k) {
      const size_t i = failures[k];
      const Case& item = *question.cases[i];
      std::vector<Neighbour> near;
      if (k < kMostFailures) near = neighbours.of(item, question.kind);
      std::vector<WeighedSpan> spans;
      if (k < weigh) {
        const auto& list = question.kind == AnswerKind::kCodes ? question.served[i].codes
                                                               : question.served[i].closed_set;
        spans = weighed(answerer, question.kind, item, list->best());
        any_weighed = true;
        tell(progress, Progress{.phase = "weighing clauses",
                                .done = static_cast<double>(k + 1),
                                .total = static_cast<double>(weigh),
                                .unit = "failures"});
      }
      if (question.kind == AnswerKind::kClosedSet) {
        if (TestedCase* c = tested_case(report, item)) {
          c->neighbours = std::move(near);
          c->weighed = std::move(spans);
        }
        continue;
      }
      report.answer_failures.push_back(failure_of(answerer, question, i));
      report.answer_failures.back().neighbours = std::move(near);
      report.answer_failures.back().weighed = std::move(spans);
    }
  }
  if (any_weighed)
    report.weighed_by =
        "occlusion: each clause left out in turn, and by how much the log-probability of the "
        "answer "
        "then falls (of groups and codes, the " +
        with_commas(occluded) +
        " surest failures of each; drafts of texts are not weighed, and gradients are not used)";
}

void add_answer_scores(const std::vector<QuestionArms>& questions, const TextJudge& judge,
                       TestReport& report) {
  for (const QuestionArms& question : questions) {
    if (question.kind == AnswerKind::kClosedSet) continue;
    const Arm& served = question.arms.front();
    const bool text = question.kind == AnswerKind::kText;
    AnswerScores blank{.question = text ? "text" : "code"};
    for (const Case* item : question.cases) {
      blank.cases.push_back(item->source + "/" + item->id);
      blank.patients.push_back(item->patient);
    }
    for (CaseScore score : {CaseScore::kRight, CaseScore::kGraded}) {
      AnswerScores out = blank;
      out.score = score_words(question.kind, score);
      out.values = case_scores(question, served, score);
      report.answer_scores.push_back(std::move(out));
    }
    if (!text || !judge.has_fields()) continue;
    blank.score = "total dose and fractions right";
    for (const TextScores& scores : served.scores) blank.values.push_back(judge.right(scores));
    report.answer_scores.push_back(std::move(blank));
  }
}

}  // namespace gantry
