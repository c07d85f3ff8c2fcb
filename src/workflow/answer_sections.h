// The arms of a test as parts of the report.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "report/test_report.h"
#include "stats/evaluation.h"
#include "workflow/answer_arms.h"
#include "workflow/paired_arms.h"

namespace gantry {

// The closed set's arms as the report's classifiers, with comparisons and cases.
void fill_closed_set(const QuestionArms& question, const std::vector<std::string>& labels,
                     const EvaluationOptions& options, TestReport& report);

struct CodeSectionInput {
  const QuestionArms& question;
  const nlohmann::json& run;  // code list, codes read otherwise
  const CodeList& allowed;
};
ReportSection code_section(const CodeSectionInput& input, const BootstrapOptions& bootstrap);

ReportSection text_section(const QuestionArms& question, const TextJudge& judge,
                           const QuestionArms* closed_set, const BootstrapOptions& bootstrap);

// Tuned against the base as it came, and few-shot; every question.
ReportSection original_section(const std::vector<QuestionArms>& questions,
                               const BootstrapOptions& bootstrap);

// Loss, rate, gradient norm and speed of every step, from the run's steps.csv; what the tuning
// cases decided.
ReportSection tuning_section(const nlohmann::json& run, const std::filesystem::path& run_folder);

// A model that does not beat a baseline, said first.
std::vector<ReportParagraph> first_lines(const std::vector<QuestionArms>& questions,
                                         const BootstrapOptions& bootstrap);

std::string question_words(AnswerKind kind);  // "modality or group", "code", "text"

}  // namespace gantry
