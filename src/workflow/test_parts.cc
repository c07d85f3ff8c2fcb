#include "workflow/test_parts.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "stats/paired_tests.h"
#include "workflow/run_json.h"

namespace gantry {

namespace {

using Json = nlohmann::ordered_json;

// Returns the earlier looks at this split.
std::vector<std::string> record_look(const Study& study, const std::string& run,
                                     const std::string& split_hash, const std::string& when) {
  auto file = study.tests_folder() / "looks.jsonl";
  std::string content = std::filesystem::exists(file) ? read_file(file) : std::string();
  std::vector<std::string> earlier;
  for (auto line : split(content, '\n')) {
    if (line.empty()) continue;
    auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded() || json.value("split", "") != split_hash) continue;
    earlier.push_back(json.value("at", "") + " " + json.value("run", ""));
  }
  content += Json{{"at", when}, {"run", run}, {"split", split_hash}}.dump() + "\n";
  write_file_atomically(file, content);
  return earlier;
}

// Names, flow and sets of the study as run.json tells them.
void describe_study(const Study& study, const nlohmann::json& run, TestReport& report) {
  const Settings& s = study.settings();
  report.task = study.task().name;
  report.source = study.task().source;
  report.labels = s.labels.values;
  name_things(study, report);
  report.split_method = run.at("split_method");
  report.split_proof = run.at("split_proof");
  report.notes = run.at("notes").get<std::vector<std::string>>();
  for (const auto& step : run.at("flow"))
    report.flow.push_back({step.at("text"), step.at("kept_reports"), step.at("kept_patients"),
                           step.at("dropped_reports"), step.at("dropped_patients")});
  for (const char* name : {"training", "tuning", "test"}) {
    if (!run.at("sets").contains(name)) continue;
    const auto& set = run["sets"][name];
    SetBox box{name, set.at("reports"), set.at("patients"), {}, {}};
    for (const auto& label : report.labels) {
      box.per_group.push_back(set.at("per_label").value(label, int64_t{0}));
      box.per_group_before.push_back(set.at("per_label_before_sampling").value(label, int64_t{0}));
    }
    report.sets.push_back(std::move(box));
  }
}

}  // namespace

void name_things(const Study& study, TestReport& report) {
  const Settings& s = study.settings();
  report.study = s.study.name;
  report.title = study.task().title;
  report.title_ja = study.task().title_ja;
  report.question = study.task().question;
  report.question_ja = study.task().question_ja;
  report.synthetic = report.synthetic || s.study.synthetic;
  report.data_note = s.study.data_note;
  if (report.labels != s.labels.values) return;
  report.label_names = s.labels.names;
  report.label_names_ja = s.labels.names_ja;
}

TestOutcome begin_test(const Study& study, const std::filesystem::path& run_folder,
                       const nlohmann::json& run, const Cases& cases) {
  if (cases.split_hash != run.at("identity").at("split").get<std::string>())
    throw Error("E0731",
                "run " + run.at("run").get<std::string>() +
                    " was trained with another split: its test set is not today's",
                "Train again (`gantry train`): records imported or settings changed since then.");
  check_for_test(cases, study.settings());
  TestOutcome outcome{study.tests_folder() / run_folder.filename(), {}};
  TestReport& report = outcome.report;
  make_private_folder(outcome.folder);
  report.run = run.at("run");
  report.tested_at = utc_now();
  report.earlier_looks = record_look(study, report.run, cases.split_hash, report.tested_at);
  report.looks = static_cast<int64_t>(report.earlier_looks.size()) + 1;
  describe_study(study, run, report);
  return outcome;
}

EvaluationOptions evaluation_options(const Settings& settings) {
  EvaluationOptions options;
  options.proportion = settings.test.interval == "clopper-pearson"
                           ? ProportionInterval::kClopperPearson
                           : ProportionInterval::kWilson;
  options.bootstrap = {.samples = static_cast<int>(settings.test.bootstrap),
                       .seed = static_cast<uint64_t>(settings.test.seed),
                       .level = settings.test.confidence};
  return options;
}

std::vector<std::pair<std::string, std::string>> shown_fields(const std::string& fields_json) {
  std::vector<std::pair<std::string, std::string>> out;
  auto json = nlohmann::ordered_json::parse(fields_json, nullptr, false);
  if (!json.is_object()) return out;
  for (const auto& [key, value] : json.items())
    if (!value.is_null())
      out.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  return out;
}

BaselineComparison comparison_of(const std::string& name, const Predictions& model,
                                 const Predictions& other, const BootstrapOptions& bootstrap) {
  BaselineComparison out;
  out.baseline = name;
  const size_t n = model.truth.size();
  for (size_t i = 0; i < n; ++i) {
    const bool a = model.predicted[i] == model.truth[i], b = other.predicted[i] == other.truth[i];
    ++(a && b ? out.both_right
       : a    ? out.model_only_right
       : b    ? out.baseline_only_right
              : out.both_wrong);
  }
  out.mcnemar_p = mcnemar(out.model_only_right, out.baseline_only_right).p;
  const int64_t patients =
      n == 0 ? 0 : 1 + *std::max_element(model.patient.begin(), model.patient.end());
  const auto result = cluster_bootstrap(
      patients, 2,
      [&](std::span<const int32_t> times, std::span<double> figures) {
        ConfusionMatrix first(model.classes), second(model.classes);
        for (size_t i = 0; i < n; ++i) {
          const double weight = times[static_cast<size_t>(model.patient[i])];
          first.at(model.truth[i], model.predicted[i]) += weight;
          second.at(model.truth[i], other.predicted[i]) += weight;
        }
        figures[0] = first.macro_f1() - second.macro_f1();
        figures[1] = first.accuracy() - second.accuracy();
      },
      bootstrap);
  out.macro_f1_difference = result.figures[0].estimate(static_cast<int64_t>(n), result.method);
  out.accuracy_difference = result.figures[1].estimate(static_cast<int64_t>(n), result.method);
  return out;
}

}  // namespace gantry
