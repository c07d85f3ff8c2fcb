#include "train/restart_json.h"

#include <nlohmann/json.hpp>

namespace gantry {

namespace {

nlohmann::json epoch_to_json(const EpochRecord& e) {
  return {{"training_loss", e.training_loss},
          {"tuning_loss", e.tuning_loss},
          {"accuracy", e.accuracy},
          {"macro_f1", e.macro_f1},
          {"f1", e.f1},
          {"sensitivity", e.sensitivity},
          {"seconds", e.seconds}};
}

EpochRecord epoch_from_json(const nlohmann::json& j) {
  return {.training_loss = j.at("training_loss"),
          .tuning_loss = j.at("tuning_loss"),
          .accuracy = j.at("accuracy"),
          .macro_f1 = j.at("macro_f1"),
          .f1 = j.at("f1").get<std::vector<double>>(),
          .sensitivity = j.at("sensitivity").get<std::vector<double>>(),
          .seconds = j.at("seconds")};
}

}  // namespace

nlohmann::json restart_to_json(const RestartResult& r) {
  nlohmann::json steps = nlohmann::json::array(), epochs = nlohmann::json::array();
  for (const StepRecord& s : r.steps)
    steps.push_back({s.loss, s.learning_rate, s.gradient_norm, s.tokens});
  for (const EpochRecord& e : r.epochs) epochs.push_back(epoch_to_json(e));
  return {{"restart", r.restart},
          {"seed", r.seed},
          {"steps", std::move(steps)},
          {"epochs", std::move(epochs)},
          {"best_epoch", r.best_epoch},
          {"best_metric", r.best_metric},
          {"stopped_early", r.stopped_early},
          {"tuning_logits", r.tuning_logits},
          {"useful_tokens", r.useful_tokens},
          {"training_seconds", r.training_seconds},
          {"seconds", r.seconds},
          {"useful_tokens_per_second", r.useful_tokens_per_second},
          {"percent_of_ceiling", r.percent_of_ceiling},
          {"peak_memory_bytes", r.peak_memory_bytes},
          {"weights", r.weights.string()}};
}

RestartResult restart_from_json(const nlohmann::json& j) {
  RestartResult r;
  r.restart = j.at("restart");
  r.seed = j.at("seed");
  for (const auto& s : j.at("steps"))
    r.steps.push_back(
        {.loss = s.at(0), .learning_rate = s.at(1), .gradient_norm = s.at(2), .tokens = s.at(3)});
  for (const auto& e : j.at("epochs")) r.epochs.push_back(epoch_from_json(e));
  r.best_epoch = j.at("best_epoch");
  r.best_metric = j.at("best_metric");
  r.stopped_early = j.at("stopped_early");
  r.tuning_logits = j.at("tuning_logits").get<std::vector<float>>();
  r.useful_tokens = j.at("useful_tokens");
  r.training_seconds = j.at("training_seconds");
  r.seconds = j.at("seconds");
  r.useful_tokens_per_second = j.at("useful_tokens_per_second");
  r.percent_of_ceiling = j.at("percent_of_ceiling");
  r.peak_memory_bytes = j.at("peak_memory_bytes");
  r.weights = j.at("weights").get<std::string>();
  return r;
}

}  // namespace gantry
