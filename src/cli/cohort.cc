// gantry cohort and gantry split: who is in the study and in which set, with every drop counted.
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/study_verbs.h"
#include "records/store.h"
#include "study/cases.h"
#include "workflow/run_json.h"

namespace gantry::cli {
namespace {

std::string flow_text(const Cases& cases) {
  std::string text;
  for (const auto& step : cases.flow)
    text += "  " + step.text + ": kept " + with_commas(step.kept_reports) + " reports of " +
            with_commas(step.kept_patients) + " patients, dropped " +
            with_commas(step.dropped_reports) + " of " + with_commas(step.dropped_patients) + "\n";
  return text;
}

std::string sets_text(const Cases& cases) {
  std::string text = "split by " + cases.method + (cases.reused ? " (as stored)\n" : "\n");
  for (const auto& [name, counts] : cases.sets) {
    text += "  " + name + ": " + with_commas(counts.reports) + " reports of " +
            with_commas(counts.patients) + " patients";
    for (const auto& [label, count] : counts.per_label) {
      text += "; group " + label + " " + with_commas(count);
      auto before = counts.per_label_before.find(label);
      if (before != counts.per_label_before.end() && before->second != count)
        text += " of " + with_commas(before->second);
    }
    text += "\n";
  }
  return text + cases.check.sentence() + "\n";
}

nlohmann::json dropped_json(const std::vector<Case>& dropped) {
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& item : dropped)
    rows.push_back({{"id", item.id}, {"source", item.source}, {"why", item.dropped}});
  return rows;
}

void add_verb(CLI::App& app, Face& face, const char* name, const char* what, bool sets) {
  auto* verb = app.add_subcommand(name, what);
  auto list = std::make_shared<bool>(false);
  auto words = std::make_shared<std::vector<std::string>>();
  verb->add_flag("--dropped", *list, "List every report that is in no set, and why");
  verb->add_option("settings", *words, "key=value");
  verb->footer(std::string("Example: gantry ") + name + " --study s --dropped");
  verb->callback([&face, list, words, sets] {
    Study study = open_study(face, only_overrides(*words));
    auto store = Store::open_read_only(study.records_path());
    std::vector<Case> dropped;
    Cases cases = load_cases(study, *store, face.progress(), [&](const Case& item) {
      if (*list) dropped.push_back({.id = item.id, .source = item.source, .dropped = item.dropped});
    });
    for (const auto& note : cases.notes) face.say(note);
    std::string text = flow_text(cases) + (sets ? sets_text(cases) : "");
    for (const auto& item : dropped)
      text += item.source + " " + item.id + ": " + item.dropped + "\n";
    nlohmann::json object{
        {"flow", flow_json(cases)}, {"notes", cases.notes}, {"data_hash", cases.data_hash}};
    if (sets) {
      object["sets"] = sets_json(cases);
      object["method"] = cases.method;
      object["split_hash"] = cases.split_hash;
      object["check"] = {{"patients_in_two_sets", cases.check.patients_in_two_sets},
                         {"near_identical_pairs", cases.check.near_identical_pairs},
                         {"pairs_compared", cases.check.pairs_compared}};
    }
    if (*list) object["dropped"] = dropped_json(dropped);
    face.result(object, text);
  });
}

}  // namespace

void add_cohort(CLI::App& app, Face& face) {
  add_verb(app, face, "cohort", "Apply the cohort's rules and count what each keeps and drops",
           false);
}

void add_split(CLI::App& app, Face& face) {
  add_verb(app, face, "split", "Deal patients into training, tuning and test sets, and prove it",
           true);
}

}  // namespace gantry::cli
