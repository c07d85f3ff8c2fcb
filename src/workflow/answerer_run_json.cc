#include "workflow/answerer_run_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "workflow/run_json.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

Json epochs_json(const PairTuneResult& result) {
  Json out = Json::array();
  for (const PairEpochRecord& e : result.epochs)
    out.push_back({{"training_loss", e.training_loss},
                   {"tuning_loss", e.tuning_loss},
                   {"metric", e.metric},
                   {"seconds", e.seconds}});
  return out;
}

Json restart_of(const AdapterGroup& group, size_t index, const TrainingPlan& plan) {
  const PairTuneResult& result = group.restarts[index];
  const TrainingRound& round = plan.rounds[static_cast<size_t>(group.round_of[index])];
  Json out;
  out["adapter"] = group.name;
  out["restart"] = result.restart + 1;
  out["seed"] = result.seed;
  out["chosen"] = static_cast<int>(index) == group.best;
  out["tuned_on"] = round.tuned_on;
  out["training_reports"] = round.training.size();
  out["tuning_reports"] = round.tuning.size();
  out["best_epoch"] = result.best_epoch + 1;
  out["stopped_early"] = result.stopped_early;
  out["tuning"] = {{"loss", result.epochs.at(static_cast<size_t>(result.best_epoch)).tuning_loss},
                   {"metric", result.best_metric}};
  out["epochs"] = epochs_json(result);
  out["steps"] = result.steps.size();
  out["useful_tokens"] = result.useful_tokens;
  out["computed_tokens"] = result.computed_tokens;
  out["training_seconds"] = result.training_seconds;
  out["seconds"] = result.seconds;
  out["useful_tokens_per_second"] = result.useful_tokens_per_second;
  out["percent_of_ceiling"] = result.percent_of_ceiling;
  out["peak_memory_bytes"] = result.peak_memory_bytes;
  return out;
}

void add_training(const AnswererRun& run, Json& out) {
  double seconds = 0, tokens = 0, computed = 0, percent = 0;
  int64_t peak = 0, planned = 0, restarts = 0;
  out["restarts"] = Json::array();
  out["adapters"] = Json::array();
  for (const AdapterGroup& group : run.groups) {
    planned = std::max(planned, group.memory_bytes);
    for (size_t i = 0; i < group.restarts.size(); ++i) {
      const PairTuneResult& result = group.restarts[i];
      seconds += result.training_seconds;
      tokens += static_cast<double>(result.useful_tokens);
      computed += static_cast<double>(result.computed_tokens);
      percent += result.percent_of_ceiling;
      peak = std::max(peak, result.peak_memory_bytes);
      ++restarts;
      out["restarts"].push_back(restart_of(group, i, run.plan));
    }
    Json kinds = Json::array();
    for (AnswerKind kind : group.kinds) kinds.push_back(word_of(kind));
    if (!group.restarts.empty())
      out["adapters"].push_back({{"name", group.name},
                                 {"answers", kinds},
                                 {"ceiling_tokens_per_second", group.ceiling},
                                 {"memory", group.memory_table},
                                 {"first_pair", group.masked_sample},
                                 {"shortened", group.shortened}});
  }
  out["training_seconds"] = seconds;
  out["useful_tokens"] = tokens;
  out["computed_tokens"] = computed;
  out["useful_tokens_per_second"] = seconds > 0 ? tokens / seconds : 0;
  out["percent_of_ceiling"] = restarts > 0 ? percent / static_cast<double>(restarts) : 0;
  out["peak_memory_bytes"] = peak;
  out["planned_memory_bytes"] = planned;
}

void add_evidence(const AnswererRun& run, Json& out) {
  out["questions"] = Json::object();
  out["recipe"] = Json::array();
  std::string cases;
  for (const auto& question : run.evidence.questions) {
    Json steps = Json::array();
    for (const RecipeStep& step : question.steps) {
      Json entry{{"step", step.name},
                 {"accuracy", estimate_json(step.accuracy)},
                 {"macro_f1", estimate_json(step.macro_f1)}};
      steps.push_back(entry);
      out["recipe"].push_back(std::move(entry));
    }
    Json entry{{"tuned_on", question.tuned_on}, {"tuning_cases", question.cases}, {"steps", steps}};
    if (auto at = run.about.choices.find(question.kind); at != run.about.choices.end()) {
      entry["ranker_weight"] = at->second.ranker_weight;
      entry["temperature"] = at->second.temperature;
    }
    entry["abstention"] = abstention_json(question.abstention);
    entry["abstention_note"] = question.note;
    out["questions"][std::string(word_of(question.kind))] = std::move(entry);
    cases += (cases.empty() ? "" : "; ") + std::string(word_of(question.kind)) + ": " +
             with_commas(question.cases) + " tuning cases (" + question.tuned_on + ")";
  }
  out["recipe_cases"] = cases + ", each answered by what was not trained on it";
}

void add_cases(const AnswererRun& run, Json& out) {
  out["sets"] = sets_json(run.cases);
  out["flow"] = flow_json(run.cases);
  out["split_method"] = run.cases.method;
  out["split_proof"] = run.cases.check.sentence();
  out["notes"] = run.cases.notes;
  const Settings& settings = run.study.settings();
  if (settings.train.tuning == "rotate")
    out["notes"].push_back(
        "Training and tuning sets were used together: each restart was tuned on another of " +
        std::to_string(settings.train.folds) +
        " folds of them and trained on the other folds; where there are as many sources, a fold is "
        "made of whole sources.");
  if (!run.refused.empty())
    out["notes"].push_back(with_commas(static_cast<int64_t>(run.refused.size())) +
                           " pairs of training and tuning do not fit the model's context and were "
                           "left out; run.json lists them.");
  out["refused"] = run.refused;
  out["codes_read"] = Json::array();
  for (const CodeReading& one : run.codes_read)
    out["codes_read"].push_back(
        {{"id", one.id}, {"source", one.source}, {"code", one.code}, {"words", one.words}});
}

}  // namespace

Json answerer_run_json(const AnswererRun& run) {
  const Settings& settings = run.study.settings();
  Json out;
  out["run"] = run.identity.run();
  out["finished"] = utc_now();
  out["kind"] = "answerer";
  out["base"] = settings.model.base;
  out["precision"] = run.groups.empty() || settings.model.base == kNoBase ? "fp64"
                     : settings.model.base_weights == "auto"              ? "bf16"
                                                             : settings.model.base_weights;
  out["chat"] = run.chat;
  out["seconds"] = run.seconds;
  add_training(run, out);
  out["metric"] = settings.train.metric;
  add_evidence(run, out);
  if (!run.about.code_list.empty())
    out["code_list"] = {{"name", run.about.code_list},
                        {"edition", run.about.code_edition},
                        {"ranges", settings.codes.ranges},
                        {"hash", run.about.code_hash},
                        {"codes_in_training", run.about.known_codes.size()}};
  out["identity"] = {{"gantry", version()},
                     {"commit", commit()},
                     {"data", run.identity.data},
                     {"split", run.identity.split},
                     {"settings", run.identity.settings},
                     {"base_weights", run.identity.weights},
                     {"tokenizer", run.identity.tokenizer},
                     {"code_list", run.about.code_hash},
                     {"seed", settings.train.seed}};
  out["settings"] = settings_json(settings);
  out["overrides"] = run.study.overrides();
  add_cases(run, out);
  return out;
}

std::string answerer_summary(const Json& run, const std::filesystem::path& folder) {
  std::string text = "trained: " + folder.string() + "\n";
  for (const auto& step : run.at("recipe")) {
    const Estimate accuracy = estimate_from_json(step.at("accuracy"));
    text += "  " + step.at("step").get<std::string>() + ": " +
            (accuracy.defined ? format_double(accuracy.value, 3) : "not defined") + " of " +
            with_commas(accuracy.n) + " tuning cases right\n";
  }
  if (run.at("training_seconds").get<double>() > 0)
    text += "  " +
            with_commas(static_cast<int64_t>(run.at("useful_tokens_per_second").get<double>())) +
            " useful tokens/s, " + format_double(run.at("percent_of_ceiling").get<double>(), 0) +
            " % of the ceiling, peak memory " +
            format_bytes(run.at("peak_memory_bytes").get<double>()) + "\n";
  return text + "next: gantry test\n";
}

}  // namespace gantry
