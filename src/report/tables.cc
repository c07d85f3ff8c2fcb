#include "base/strings.h"
#include "report/page.h"

namespace gantry {
namespace {

std::string group_name(const TestReport& r, size_t g) {
  std::string name = r.labels[g];
  if (g < r.label_names.size() && !r.label_names[g].empty()) name += " " + r.label_names[g];
  if (g < r.label_names_ja.size() && !r.label_names_ja[g].empty())
    name += " (" + r.label_names_ja[g] + ")";
  return escape_html(name);
}

std::string p_value(double p) { return p < 0.001 ? "&lt; 0.001" : format_double(p, 3); }

Table classifiers(const TestReport& r) {
  Table t{"All classifiers on the same test set; 95 % intervals in brackets",
          {"classifier", "n", "accuracy", "macro F1", "kappa", "AUC (mean one-vs-rest)", "Brier",
           "calibration error", "seconds, whole set"},
          {}};
  for (const auto& c : r.classifiers) {
    const auto& e = c.evaluation;
    t.rows.push_back(
        {(c.is_model ? "<strong>" : "") + escape_html(c.name) + (c.is_model ? "</strong>" : "") +
             "<br><small>" + escape_html(c.description) + "</small>",
         with_commas(e.n), figure_text(e.accuracy), figure_text(e.macro_f1), figure_text(e.kappa),
         figure_text(e.macro_auc), figure_text(e.brier), figure_text(e.calibration_error),
         c.seconds > 0 ? format_double(c.seconds, 2) : "not timed"});
  }
  return t;
}

Table groups(const TestReport& r, const TestedClassifier& c) {
  Table t{"By group, each against the rest: " + c.name,
          {"group", "n", "sensitivity", "specificity", "precision (PPV)", "NPV", "F1", "AUC"},
          {}};
  for (size_t g = 0; g < c.evaluation.of_class.size(); ++g) {
    const auto& e = c.evaluation.of_class[g];
    t.rows.push_back({group_name(r, g), with_commas(e.support), figure_with_n(e.sensitivity),
                      figure_with_n(e.specificity), figure_with_n(e.precision),
                      figure_with_n(e.npv), figure_text(e.f1), figure_text(e.auc)});
  }
  return t;
}

Table confusion(const TestReport& r) {
  Table t{
      "Confusion matrix of the model: rows are the reference standard", {"reference standard"}, {}};
  for (const auto& label : r.labels) t.head.push_back("answered " + label);
  t.head.push_back("n");
  const auto& m = r.classifiers.at(0).evaluation.confusion;
  for (int truth = 0; truth < m.classes(); ++truth) {
    std::vector<std::string> row = {group_name(r, static_cast<size_t>(truth))};
    for (int p = 0; p < m.classes(); ++p)
      row.push_back(with_commas(static_cast<int64_t>(m.at(truth, p))));
    row.push_back(with_commas(static_cast<int64_t>(m.with_truth(truth))));
    t.rows.push_back(row);
  }
  return t;
}

Table comparisons(const TestReport& r) {
  Table t{"The model against each baseline, on the same reports",
          {"baseline", "both right", "only the model", "only the baseline", "both wrong",
           "McNemar p (exact)", "macro F1 difference", "accuracy difference"},
          {}};
  for (const auto& c : r.comparisons)
    t.rows.push_back({escape_html(c.baseline), with_commas(c.both_right),
                      with_commas(c.model_only_right), with_commas(c.baseline_only_right),
                      with_commas(c.both_wrong), p_value(c.mcnemar_p),
                      figure_text(c.macro_f1_difference), figure_text(c.accuracy_difference)});
  return t;
}

Table weighted(const TestReport& r) {
  Table t{"Weighted back to the natural prevalence (each report counts 1 / sampling fraction)",
          {"group", "share in nature", "PPV raw", "PPV weighted", "NPV raw", "NPV weighted",
           "sensitivity weighted"},
          {}};
  const auto& e = r.classifiers.at(0).evaluation;
  for (size_t g = 0; g < e.weighted_evaluation.of_class.size(); ++g) {
    const auto& w = e.weighted_evaluation.of_class[g];
    t.rows.push_back(
        {group_name(r, g),
         format_double(100 * w.prevalence, 2) + " % (weighted n = " +
             with_commas(static_cast<int64_t>(e.weighted_evaluation.confusion.total())) + ")",
         figure_with_n(e.of_class[g].precision), figure_text(w.ppv),
         figure_with_n(e.of_class[g].npv), figure_text(w.npv), figure_text(w.sensitivity)});
  }
  t.rows.push_back({"accuracy", "", figure_with_n(e.accuracy),
                    figure_text(e.weighted_evaluation.accuracy), "", "", ""});
  return t;
}

Table sets(const TestReport& r) {
  Table t{"The three sets", {"set", "reports", "patients"}, {}};
  for (const auto& label : r.labels) t.head.push_back("group " + label);
  for (const auto& set : r.sets) {
    std::vector<std::string> row = {set.name, with_commas(set.reports), with_commas(set.patients)};
    for (size_t g = 0; g < r.labels.size(); ++g) {
      std::string cell = with_commas(set.per_group[g]);
      if (set.per_group_before[g] > set.per_group[g])
        cell += " of " + with_commas(set.per_group_before[g]);
      row.push_back(cell);
    }
    t.rows.push_back(row);
  }
  return t;
}

Table flow(const TestReport& r) {
  Table t{"Cohort, step by step",
          {"step", "kept reports", "kept patients", "left out", "patients left out"},
          {}};
  for (const auto& step : r.flow)
    t.rows.push_back({escape_html(step.text), with_commas(step.kept_reports),
                      with_commas(step.kept_patients), with_commas(step.dropped_reports),
                      with_commas(step.dropped_patients)});
  return t;
}

Table restarts(const TestReport& r) {
  Table t{"Restarts", {"restart", "tuned on", "best epoch", "accuracy", "macro F1", "serves"}, {}};
  double low = 1, high = 0;
  for (const auto& c : r.restarts) {
    t.rows.push_back({std::to_string(c.restart) + " (seed " + std::to_string(c.seed) + ")",
                      escape_html(c.tuned_on),
                      std::to_string(c.best_epoch) + " of " + std::to_string(c.macro_f1.size()),
                      format_double(c.best_accuracy, 3), format_double(c.best_macro_f1, 3),
                      c.chosen ? "yes" : "no"});
    low = std::min(low, c.best_macro_f1);
    high = std::max(high, c.best_macro_f1);
  }
  if (r.restarts.size() > 1)
    t.caption = "Restarts: macro F1 from " + format_double(low, 3) + " to " +
                format_double(high, 3) + " on their tuning cases";
  return t;
}

Table recipe(const TestReport& r) {
  Table t{"What each step of the recipe brought, on " + r.recipe_cases,
          {"step", "n", "accuracy", "macro F1"},
          {}};
  for (const auto& step : r.recipe)
    t.rows.push_back({escape_html(step.name), with_commas(step.accuracy.n),
                      figure_text(step.accuracy), figure_text(step.macro_f1)});
  return t;
}

Table identity(const TestReport& r) {
  Table t{"Run identity", {"what", "value"}, {}};
  for (const auto& [key, value] : r.identity)
    t.rows.push_back({escape_html(key), "<code>" + escape_html(value) + "</code>"});
  return t;
}

}  // namespace

std::map<std::string, Table> report_tables(const TestReport& r) {
  std::map<std::string, Table> out;
  out["classifiers"] = classifiers(r);
  for (size_t c = 0; c < r.classifiers.size(); ++c)
    out[c == 0 ? "groups" : "groups_baseline_" + std::to_string(c)] = groups(r, r.classifiers[c]);
  out["confusion_matrix"] = confusion(r);
  out["comparisons"] = comparisons(r);
  if (r.classifiers.at(0).evaluation.weighted) out["natural_prevalence"] = weighted(r);
  out["sets"] = sets(r);
  out["flow"] = flow(r);
  out["restarts"] = restarts(r);
  out["recipe"] = recipe(r);
  out["identity"] = identity(r);
  return out;
}

}  // namespace gantry
