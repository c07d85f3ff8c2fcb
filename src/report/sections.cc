#include "report/sections.h"

namespace gantry {
namespace {

bool any_scores(const TestReport& r) {
  for (const auto& c : r.cases)
    if (!c.scores.empty()) return true;
  return false;
}

bool any_probability(const TestReport& r) {
  return !r.cases.empty() && !r.cases.front().probability.empty();
}

}  // namespace

std::vector<ReportSection> report_sections(const TestReport& r) {
  std::vector<ReportSection> out;
  const bool model = model_of(r) != nullptr;
  if (model) {
    out.push_back(results_section(r));
    if (!r.comparisons.empty()) out.push_back(baselines_section(r));
    if (model_of(r)->evaluation.weighted) out.push_back(prevalence_section(r));
  }
  if (!r.readers.empty()) out.push_back(readers_section(r));
  for (const auto& s : r.sections) out.push_back(s);
  if (!r.ratings.ratings.empty()) out.push_back(ratings_section(r.ratings, bootstrap_of(r)));
  if (model && any_probability(r)) {
    out.push_back(ranking_section(r));
    out.push_back(calibration_section(r));
  }
  if (any_scores(r)) out.push_back(scores_section(r));
  if (model && !r.cases.empty()) out.push_back(subgroups_section(r));
  if (!r.sets.empty() || !r.flow.empty()) out.push_back(data_section(r));
  if (!r.restarts.empty()) out.push_back(training_section(r));
  out.push_back(answering_section(r));
  out.push_back(model_card_section(r));
  for (auto& s : checklist_sections(r)) out.push_back(std::move(s));
  out.push_back(methods_section(r));
  return out;
}

}  // namespace gantry
