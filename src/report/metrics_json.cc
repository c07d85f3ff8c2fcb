#include "report/metrics_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

Json figure(const Estimate& e) {
  Json out;
  out["value"] = e.defined ? Json(e.value) : Json(nullptr);  // null: not defined
  out["lower"] = e.defined && e.has_interval ? Json(e.lower) : Json(nullptr);
  out["upper"] = e.defined && e.has_interval ? Json(e.upper) : Json(nullptr);
  out["n"] = e.n;
  if (e.count >= 0) out["count"] = e.count;
  out["method"] = e.method;
  return out;
}

Json matrix(const ConfusionMatrix& m) {
  Json rows = Json::array();
  for (int t = 0; t < m.classes(); ++t) {
    Json row = Json::array();
    for (int p = 0; p < m.classes(); ++p) row.push_back(m.at(t, p));
    rows.push_back(row);
  }
  return rows;
}

Json bins(const std::vector<ReliabilityBin>& reliability) {
  Json out = Json::array();
  for (const auto& bin : reliability)
    out.push_back({{"low", bin.low},
                   {"high", bin.high},
                   {"n", bin.n},
                   {"mean_probability", bin.n > 0 ? Json(bin.mean_probability) : Json(nullptr)},
                   {"observed", figure(bin.observed)}});
  return out;
}

Json group(const ClassEvaluation& c) {
  return {{"support", c.support},
          {"sensitivity", figure(c.sensitivity)},
          {"specificity", figure(c.specificity)},
          {"precision", figure(c.precision)},
          {"npv", figure(c.npv)},
          {"f1", figure(c.f1)},
          {"auc", figure(c.auc)},
          {"auc_bootstrap", figure(c.auc_bootstrap)},
          {"average_precision", figure(c.average_precision)},
          {"brier", figure(c.brier)},
          {"calibration_slope", figure(c.calibration.slope)},
          {"calibration_intercept", figure(c.calibration.intercept)},
          {"reliability", bins(c.reliability)}};
}

Json weighted(const WeightedEvaluation& w, const std::vector<std::string>& labels) {
  Json groups = Json::object();
  for (size_t g = 0; g < w.of_class.size(); ++g) {
    const auto& c = w.of_class[g];
    groups[labels[g]] = {{"prevalence", c.prevalence},
                         {"sensitivity", figure(c.sensitivity)},
                         {"specificity", figure(c.specificity)},
                         {"ppv", figure(c.ppv)},
                         {"npv", figure(c.npv)},
                         {"f1", figure(c.f1)}};
  }
  return {{"accuracy", figure(w.accuracy)},
          {"balanced_accuracy", figure(w.balanced_accuracy)},
          {"macro_f1", figure(w.macro_f1)},
          {"groups", groups}};
}

Json classifier(const TestedClassifier& tested, const std::vector<std::string>& labels) {
  const Evaluation& e = tested.evaluation;
  Json out;
  out["name"] = tested.name;
  out["n"] = e.n;
  out["patients"] = e.patients;
  out["accuracy"] = figure(e.accuracy);
  out["macro_f1"] = figure(e.macro_f1);
  out["weighted_f1"] = figure(e.weighted_f1);
  out["balanced_accuracy"] = figure(e.balanced_accuracy);
  out["kappa"] = figure(e.kappa);
  out["mcc"] = figure(e.mcc);
  out["macro_auc"] = figure(e.macro_auc);
  out["brier"] = figure(e.brier);
  out["log_loss"] = figure(e.log_loss);
  out["calibration_error"] = figure(e.calibration_error);
  out["aurc"] = figure(e.aurc);
  out["confusion_matrix"] = matrix(e.confusion);
  out["groups"] = Json::object();
  for (size_t g = 0; g < e.of_class.size(); ++g) out["groups"][labels[g]] = group(e.of_class[g]);
  out["reliability"] = bins(e.reliability);
  if (e.weighted) out["at_natural_prevalence"] = weighted(e.weighted_evaluation, labels);
  out["seconds"] = tested.seconds;
  out["seconds_load"] = tested.seconds_load;
  out["seconds_per_report"] =
      e.n > 0 ? Json(tested.seconds / static_cast<double>(e.n)) : Json(nullptr);
  return out;
}

Json cell(const Cell& c) {
  if (c.kind == Cell::Kind::kFigure) return figure(c.estimate);
  if (c.kind == Cell::Kind::kNumber) return c.defined ? Json(c.number) : Json(nullptr);
  return c.text.en;
}

Json table(const ReportTable& t) {
  Json head = Json::array(), rows = Json::array();
  for (const auto& h : t.head) head.push_back(h.en);
  for (const auto& r : t.rows) {
    Json row = Json::array();
    for (const auto& c : r) row.push_back(cell(c));
    rows.push_back(std::move(row));
  }
  return {{"caption", t.caption.en}, {"head", std::move(head)}, {"rows", std::move(rows)}};
}

Json numbers(const std::vector<double>& values) {
  Json out = Json::array();
  for (double v : values) out.push_back(std::isfinite(v) ? Json(v) : Json(nullptr));
  return out;
}

Json chart(const Chart& c) {
  Json series = Json::array();
  for (const auto& s : c.series)
    series.push_back({{"name", s.name.en},
                      {"x", numbers(s.x)},
                      {"y", numbers(s.y)},
                      {"lower", numbers(s.lower)},
                      {"upper", numbers(s.upper)}});
  return {{"caption", c.caption.en},
          {"categories", c.categories},
          {"columns", c.columns},
          {"series", std::move(series)}};
}

Json sections_object(const std::vector<ReportSection>& sections) {
  Json out = Json::object();
  for (const auto& s : sections) {
    Json paragraphs = Json::array(), tables = Json::object(), charts = Json::object();
    for (const auto& p : s.paragraphs) paragraphs.push_back(p.text.en);
    for (const auto& t : s.tables) tables[t.name] = table(t);
    for (const auto& c : s.charts)
      if (c.kind != ChartKind::kSvg) charts[c.name] = chart(c);
    out[s.name] = {{"title", s.title.en},
                   {"paragraphs", std::move(paragraphs)},
                   {"tables", std::move(tables)},
                   {"charts", std::move(charts)}};
  }
  return out;
}

std::string as_text(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string sections_json(const std::vector<ReportSection>& sections) {
  return as_text(sections_object(sections));
}

std::string metrics_json(const TestReport& r, const std::vector<ReportSection>& sections) {
  Json out;
  out["study"] = r.study;
  out["task"] = r.task;
  out["run"] = r.run;
  out["tested_at"] = r.tested_at;
  out["synthetic"] = r.synthetic;
  out["data_note"] = r.data_note;
  out["looks_at_test_set"] = r.looks;
  out["earlier_looks"] = r.earlier_looks;
  out["labels"] = r.labels;
  out["label_names"] = r.label_names;
  for (const auto& tested : r.classifiers)
    if (tested.is_model) out["model"] = classifier(tested, r.labels);
  out["baselines"] = Json::array();
  for (const auto& tested : r.classifiers)
    if (!tested.is_model) out["baselines"].push_back(classifier(tested, r.labels));
  out["comparisons"] = Json::array();
  for (const auto& c : r.comparisons)
    out["comparisons"].push_back({{"baseline", c.baseline},
                                  {"both_right", c.both_right},
                                  {"model_only_right", c.model_only_right},
                                  {"baseline_only_right", c.baseline_only_right},
                                  {"both_wrong", c.both_wrong},
                                  {"mcnemar_p", c.mcnemar_p},
                                  {"macro_f1_difference", figure(c.macro_f1_difference)},
                                  {"accuracy_difference", figure(c.accuracy_difference)}});
  out["temperature"] = r.temperature;
  out["abstention"] = {
      {"threshold", r.abstention.attainable ? Json(r.abstention.threshold) : Json(nullptr)},
      {"stated_error_rate", r.abstention.stated_error_rate},
      {"rule", r.abstention.rule},
      {"note", r.abstention_note},
      {"test_coverage", figure(r.coverage)},
      {"test_accuracy_of_answers", figure(r.answered_accuracy)}};
  out["windowed_reports"] = r.windowed_cases;
  out["identity"] = Json::object();
  for (const auto& [key, value] : r.identity) out["identity"][key] = value;
  out["sections"] = sections_object(sections);
  return as_text(out);
}

}  // namespace gantry
