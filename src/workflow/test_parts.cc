#include "workflow/test_parts.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"

namespace gantry {

using Json = nlohmann::ordered_json;

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

void describe_study(const Study& study, const nlohmann::json& run, TestReport& report) {
  const Settings& s = study.settings();
  report.study = s.study.name;
  report.task = study.task().name;
  report.title = study.task().title;
  report.title_ja = study.task().title_ja;
  report.question = study.task().question;
  report.source = study.task().source;
  report.synthetic = s.study.synthetic;
  report.data_note = s.study.data_note;
  report.labels = s.labels.values;
  report.label_names = s.labels.names;
  report.label_names_ja = s.labels.names_ja;
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

}  // namespace gantry
