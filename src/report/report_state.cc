#include "report/report_state.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"

// JSON has no infinity; the threshold of a rule that cannot be met is one.
namespace nlohmann {
template <>
struct adl_serializer<gantry::ConfusionMatrix> {
  static void to_json(json& j, const gantry::ConfusionMatrix& m) {
    j = json{{"classes", m.classes()},
             {"cells", std::vector<double>(m.cells().begin(), m.cells().end())}};
  }
  static gantry::ConfusionMatrix from_json(const json& j) {
    gantry::ConfusionMatrix m(j.at("classes").get<int>());
    auto cells = j.at("cells").get<std::vector<double>>();
    if (cells.size() != m.cells().size())
      throw gantry::Error("E0801", "a confusion matrix of the wrong size");
    std::copy(cells.begin(), cells.end(), m.cells().begin());
    return m;
  }
};
}  // namespace nlohmann

namespace gantry {

#define GANTRY_FIELDS NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT  // absent in older files
GANTRY_FIELDS(Estimate, value, lower, upper, n, count, method, defined, has_interval)
GANTRY_FIELDS(RiskCoveragePoint, threshold, coverage, risk, answered, errors)
GANTRY_FIELDS(ReliabilityBin, low, high, n, mean_probability, observed)
GANTRY_FIELDS(CalibrationLine, slope, intercept, calibration_in_the_large)
GANTRY_FIELDS(ClassEvaluation, support, sensitivity, specificity, precision, npv, f1,
              average_precision, auc, auc_bootstrap, brier, calibration, reliability)
GANTRY_FIELDS(WeightedEvaluation::OfClass, prevalence, sensitivity, specificity, ppv, npv, f1)

void to_json(nlohmann::json& j, const WeightedEvaluation& w) {
  j = {{"confusion", w.confusion},
       {"accuracy", w.accuracy},
       {"balanced_accuracy", w.balanced_accuracy},
       {"macro_f1", w.macro_f1},
       {"of_class", w.of_class}};
}
void from_json(const nlohmann::json& j, WeightedEvaluation& w) {
  w.confusion = j.at("confusion").get<ConfusionMatrix>();
  j.at("accuracy").get_to(w.accuracy);
  j.at("balanced_accuracy").get_to(w.balanced_accuracy);
  j.at("macro_f1").get_to(w.macro_f1);
  j.at("of_class").get_to(w.of_class);
}

namespace {
struct Named {
  const char* name;
  Estimate Evaluation::*member;
};
constexpr Named kEstimates[] = {{"accuracy", &Evaluation::accuracy},
                                {"balanced_accuracy", &Evaluation::balanced_accuracy},
                                {"macro_f1", &Evaluation::macro_f1},
                                {"weighted_f1", &Evaluation::weighted_f1},
                                {"micro_f1", &Evaluation::micro_f1},
                                {"mcc", &Evaluation::mcc},
                                {"kappa", &Evaluation::kappa},
                                {"macro_precision", &Evaluation::macro_precision},
                                {"macro_sensitivity", &Evaluation::macro_sensitivity},
                                {"macro_auc", &Evaluation::macro_auc},
                                {"weighted_auc", &Evaluation::weighted_auc},
                                {"macro_auc_one_vs_one", &Evaluation::macro_auc_one_vs_one},
                                {"brier", &Evaluation::brier},
                                {"log_loss", &Evaluation::log_loss},
                                {"calibration_error", &Evaluation::calibration_error},
                                {"aurc", &Evaluation::aurc}};
}  // namespace

void to_json(nlohmann::json& j, const Evaluation& e) {
  j = {{"n", e.n},
       {"patients", e.patients},
       {"confusion", e.confusion},
       {"of_class", e.of_class},
       {"reliability", e.reliability},
       {"risk_coverage", e.risk_coverage},
       {"weighted", e.weighted},
       {"weighted_evaluation", e.weighted_evaluation}};
  for (const auto& named : kEstimates) j[named.name] = e.*named.member;
}
void from_json(const nlohmann::json& j, Evaluation& e) {
  j.at("n").get_to(e.n);
  j.at("patients").get_to(e.patients);
  e.confusion = j.at("confusion").get<ConfusionMatrix>();
  j.at("of_class").get_to(e.of_class);
  j.at("reliability").get_to(e.reliability);
  j.at("risk_coverage").get_to(e.risk_coverage);
  j.at("weighted").get_to(e.weighted);
  j.at("weighted_evaluation").get_to(e.weighted_evaluation);
  for (const auto& named : kEstimates) j.at(named.name).get_to(e.*named.member);
}

void to_json(nlohmann::json& j, const AbstentionThreshold& a) {
  j = {{"threshold", a.attainable ? nlohmann::json(a.threshold) : nlohmann::json(nullptr)},
       {"stated_error_rate", a.stated_error_rate},
       {"confidence_level", a.confidence_level},
       {"upper_bound", a.upper_bound},
       {"error_rate", a.error_rate},
       {"coverage", a.coverage},
       {"rule", a.rule}};
}
void from_json(const nlohmann::json& j, AbstentionThreshold& a) {
  a.attainable = !j.at("threshold").is_null();
  a.threshold =
      a.attainable ? j.at("threshold").get<double>() : std::numeric_limits<double>::infinity();
  j.at("stated_error_rate").get_to(a.stated_error_rate);
  j.at("confidence_level").get_to(a.confidence_level);
  j.at("upper_bound").get_to(a.upper_bound);
  j.at("error_rate").get_to(a.error_rate);
  j.at("coverage").get_to(a.coverage);
  j.at("rule").get_to(a.rule);
}

GANTRY_FIELDS(TestedClassifier, name, description, is_model, evaluation, seconds, seconds_load)
GANTRY_FIELDS(BaselineComparison, baseline, model_only_right, baseline_only_right, both_right,
              both_wrong, mcnemar_p, macro_f1_difference, accuracy_difference)
GANTRY_FIELDS(RestartCurve, restart, seed, best_epoch, chosen, tuned_on, training_loss, tuning_loss,
              accuracy, macro_f1, best_accuracy, best_macro_f1)
GANTRY_FIELDS(RecipeStep, name, accuracy, macro_f1)
GANTRY_FIELDS(WeighedSpan, begin, end, weight)
GANTRY_FIELDS(Neighbour, id, source, text, label, similarity, answer)
GANTRY_FIELDS(AnswerFailure, question, id, source, date, original, model_text, truth, answer,
              confidence, held, others, other_arms, fields, weighed, neighbours)
GANTRY_FIELDS(AnswerScores, question, score, cases, patients, values)
GANTRY_FIELDS(RepeatedAnswers, question, how, times, cases, differing, largest_change, score,
              as_tested, scores)
GANTRY_FIELDS(ReaderReadings, reader, label, seconds)
GANTRY_FIELDS(MarginDeclaration, margin, at, looks)
GANTRY_FIELDS(Rating, rater, item, arm, grade, comment)
GANTRY_FIELDS(Ratings, scale, acceptable, ratings, items, notes)
GANTRY_FIELDS(TestedCase, id, patient, source, date, original, model_text, truth, predicted,
              probability, abstained, tokens, windows, baseline_predicted, weighed, fields, scores,
              neighbours)
GANTRY_FIELDS(Words, en, ja)
namespace {
// NaN marks "no point"; JSON has none.
nlohmann::json numbers(const std::vector<double>& values) {
  nlohmann::json out = nlohmann::json::array();
  for (double v : values) out.push_back(std::isfinite(v) ? nlohmann::json(v) : nullptr);
  return out;
}
std::vector<double> numbers(const nlohmann::json& json) {
  std::vector<double> out;
  for (const auto& v : json) out.push_back(v.is_null() ? std::nan("") : v.get<double>());
  return out;
}
}  // namespace

void to_json(nlohmann::json& j, const ChartSeries& s) {
  j = {{"name", s.name},   {"x", numbers(s.x)},         {"y", numbers(s.y)},
       {"texts", s.texts}, {"lower", numbers(s.lower)}, {"upper", numbers(s.upper)},
       {"style", s.style}, {"strong", s.strong},        {"colour", s.colour}};
}
void from_json(const nlohmann::json& j, ChartSeries& s) {
  j.at("name").get_to(s.name);
  s.x = numbers(j.at("x"));
  s.y = numbers(j.at("y"));
  s.lower = numbers(j.at("lower"));
  s.upper = numbers(j.at("upper"));
  j.at("texts").get_to(s.texts);
  j.at("style").get_to(s.style);
  j.at("strong").get_to(s.strong);
  j.at("colour").get_to(s.colour);
}
GANTRY_FIELDS(Chart, name, kind, caption, x_label, y_label, categories, columns, series, fixed_x,
              fixed_y, x_low, x_high, y_low, y_high, has_reference, reference, log_x, wide, svg,
              words)
GANTRY_FIELDS(Cell, kind, text, number, defined, estimate, decimals)
GANTRY_FIELDS(ReportTable, name, caption, head, rows, folded)
GANTRY_FIELDS(ReportParagraph, text, tone)
GANTRY_FIELDS(ReportSection, name, title, paragraphs, tables, charts)
GANTRY_FIELDS(FlowBox, text, kept_reports, kept_patients, dropped_reports, dropped_patients)
GANTRY_FIELDS(SetBox, name, reports, patients, per_group, per_group_before)
GANTRY_FIELDS(TestReport, study, task, title, title_ja, question, question_ja, source, synthetic,
              data_note, run, tested_at, looks, earlier_looks, labels, label_names, label_names_ja,
              flow, sets, split_method, split_proof, notes, classifiers, comparisons, restarts,
              recipe, recipe_cases, temperature, abstention, abstention_note, answered_accuracy,
              coverage, windowed_cases, cases, weighed_by, bootstrap_samples, training_seconds,
              useful_tokens_per_second, percent_of_ceiling, peak_memory_bytes, identity, answering,
              repeated, answer_failures, answers_judged, answer_scores, readers, reader_notes,
              margins, ratings, first_lines, sections)
#undef GANTRY_FIELDS

std::string report_state(const TestReport& report) {
  nlohmann::json j = report;
  j["format"] = 1;
  return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

TestReport read_report_state(std::string_view json, const std::string& file) {
  try {
    auto j = nlohmann::json::parse(json);
    if (j.at("format").get<int>() != 1)
      throw Error("E0801", file + ": written by a later Gantry",
                  "Use that version, or run `gantry test` again.");
    for (const char* field : {"run", "labels", "cases"}) j.at(field);
    return j.get<TestReport>();
  } catch (const nlohmann::json::exception& error) {
    throw Error("E0801", file + ": not a stored test (" + error.what() + ")",
                "Run `gantry test` again.");
  }
}

}  // namespace gantry
