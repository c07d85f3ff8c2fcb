#include "workflow/test_answerer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/version.h"
#include "records/store.h"
#include "report/write_report.h"
#include "study/cases.h"
#include "workflow/answer_arms.h"
#include "workflow/answer_failures.h"
#include "workflow/answer_repeats.h"
#include "workflow/answer_sections.h"
#include "workflow/evidence.h"
#include "workflow/robustness.h"
#include "workflow/run_json.h"
#include "workflow/study_answerer.h"
#include "workflow/test_parts.h"

namespace gantry {
namespace {

void describe_training(const nlohmann::json& run, TestReport& report) {
  for (const auto& step : run.at("recipe"))
    report.recipe.push_back({step.at("step"), estimate_from_json(step.at("accuracy")),
                             estimate_from_json(step.at("macro_f1"))});
  report.recipe_cases = run.at("recipe_cases");
  if (run.at("questions").contains("closed-set")) {
    const auto& closed = run.at("questions").at("closed-set");
    report.temperature = closed.value("temperature", 1.0);
    report.abstention = abstention_from_json(closed.at("abstention"));
    report.abstention_note = closed.at("abstention_note");
  }
  report.training_seconds = run.at("training_seconds");
  report.useful_tokens_per_second = run.at("useful_tokens_per_second");
  report.percent_of_ceiling = run.at("percent_of_ceiling");
  report.peak_memory_bytes = run.at("peak_memory_bytes");
  const auto& id = run.at("identity");
  auto word = [&](const char* key) { return id.at(key).get<std::string>(); };
  report.identity = {{"run", run.at("run")},
                     {"base model", run.at("base")},
                     {"base weights (SHA-256)", word("base_weights")},
                     {"tokenizer (SHA-256)", word("tokenizer")},
                     {"chat template", run.at("chat")},
                     {"code list (SHA-256)", word("code_list")},
                     {"data (SHA-256)", word("data")},
                     {"split (SHA-256)", word("split")},
                     {"settings (SHA-256)", word("settings")},
                     {"seed", id.at("seed").dump()},
                     {"precision of training", run.at("precision")},
                     {"trained by", "gantry " + word("gantry") + ", commit " + word("commit")},
                     {"tested by", std::string("gantry ") + version() + ", commit " + commit()}};
  std::erase_if(report.identity, [](const auto& entry) { return entry.second.empty(); });
}

void note_refused(const std::vector<QuestionArms>& questions, TestReport& report) {
  for (const QuestionArms& question : questions)
    if (!question.refused.empty()) {
      std::string list;
      for (const std::string& one : question.refused) list += (list.empty() ? "" : "; ") + one;
      report.notes.push_back(
          with_commas(static_cast<int64_t>(question.refused.size())) +
          " test cases could not be read by every arm and are left out of the figures for " +
          question_words(question.kind) + ": " + list);
    }
}

}  // namespace

bool is_answerer_run(const nlohmann::json& run) { return run.value("kind", "") == "answerer"; }

TestOutcome test_answerer(const Study& study, const std::filesystem::path& run_folder,
                          const nlohmann::json& run, const ProgressSink& progress) {
  const Settings& settings = study.settings();
  auto store = Store::open_read_only(study.records_path());
  const Cases cases = load_cases(study, *store, progress);
  TestOutcome outcome = begin_test(study, run_folder, run, cases);
  TestReport& report = outcome.report;
  describe_training(run, report);

  StudyAnswerer answerer(run_folder / "model", settings);
  const TextJudge judge(answerer.settings());
  std::vector<const Case*> training = cases.of(CaseSet::kTraining);
  const auto tuning = cases.of(CaseSet::kTuning);
  training.insert(training.end(), tuning.begin(), tuning.end());
  const auto questions =
      answer_all_arms(answerer, settings, cases.of(CaseSet::kTest), training, judge, progress);

  const EvaluationOptions options = evaluation_options(settings);
  report.bootstrap_samples = options.bootstrap.samples;
  report.first_lines = first_lines(questions, options.bootstrap);
  const QuestionArms* closed_set = nullptr;
  for (const QuestionArms& question : questions)
    if (question.kind == AnswerKind::kClosedSet) closed_set = &question;
  if (closed_set != nullptr) fill_closed_set(*closed_set, settings.labels.values, options, report);
  for (const QuestionArms& question : questions) {
    if (question.kind == AnswerKind::kCodes)
      report.sections.push_back(
          code_section({.question = question, .run = run, .allowed = answerer.codes()->allowed},
                       options.bootstrap));
    if (question.kind == AnswerKind::kText)
      report.sections.push_back(text_section(question, judge, closed_set, options.bootstrap));
  }
  if (questions.front().find(ArmRole::kOriginal) != nullptr)
    report.sections.push_back(original_section(questions, options.bootstrap));
  if (answerer.file().base != kNoBase) {
    report.sections.push_back(tuning_section(run, run_folder));
  }
  note_refused(questions, report);
  repeat_answers(answerer, questions, judge, settings, report, progress);
  add_answer_failures(answerer, questions, cases.of(CaseSet::kTraining), judge,
                      settings.test.occluded, report, progress);
  add_answer_scores(questions, judge, report);
  if (settings.test.robustness)
    report.sections.push_back(
        answers_robustness(*store, answerer, questions, cases.of(CaseSet::kTest), judge, progress));
  if (closed_set != nullptr) {
    ReportSection unseen{.name = "unseen",
                         .title = {"Unseen hospitals and years", "学習にない施設と年"}};
    unseen.tables.push_back(unseen_table(cases, report));
    report.sections.push_back(std::move(unseen));
  }
  describe_prompts(settings, report);
  add_evidence(study, report);
  write_report(report, outcome.folder);
  return outcome;
}

}  // namespace gantry
