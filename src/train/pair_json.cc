#include "train/pair_json.h"

#include <nlohmann/json.hpp>

namespace gantry {

nlohmann::json pair_result_to_json(const PairTuneResult& r) {
  nlohmann::json steps = nlohmann::json::array(), epochs = nlohmann::json::array();
  for (const PairStepRecord& s : r.steps)
    steps.push_back({s.loss, s.learning_rate, s.gradient_norm, s.tokens, s.computed, s.labels,
                     s.seconds, s.percent_of_ceiling});
  for (const PairEpochRecord& e : r.epochs)
    epochs.push_back({{"training_loss", e.training_loss},
                      {"tuning_loss", e.tuning_loss},
                      {"metric", e.metric},
                      {"seconds", e.seconds}});
  return {{"restart", r.restart},
          {"seed", r.seed},
          {"steps", std::move(steps)},
          {"epochs", std::move(epochs)},
          {"best_epoch", r.best_epoch},
          {"best_metric", r.best_metric},
          {"stopped_early", r.stopped_early},
          {"useful_tokens", r.useful_tokens},
          {"computed_tokens", r.computed_tokens},
          {"training_seconds", r.training_seconds},
          {"seconds", r.seconds},
          {"useful_tokens_per_second", r.useful_tokens_per_second},
          {"percent_of_ceiling", r.percent_of_ceiling},
          {"peak_memory_bytes", r.peak_memory_bytes},
          {"weights", r.weights.string()}};
}

PairTuneResult pair_result_from_json(const nlohmann::json& j) {
  PairTuneResult r;
  r.restart = j.at("restart");
  r.seed = j.at("seed");
  for (const auto& s : j.at("steps"))
    r.steps.push_back({.loss = s.at(0),
                       .learning_rate = s.at(1),
                       .gradient_norm = s.at(2),
                       .tokens = s.at(3),
                       .computed = s.at(4),
                       .labels = s.at(5),
                       .seconds = s.at(6),
                       .percent_of_ceiling = s.at(7)});
  for (const auto& e : j.at("epochs"))
    r.epochs.push_back({.training_loss = e.at("training_loss"),
                        .tuning_loss = e.at("tuning_loss"),
                        .metric = e.at("metric"),
                        .seconds = e.at("seconds")});
  r.best_epoch = j.at("best_epoch");
  r.best_metric = j.at("best_metric");
  r.stopped_early = j.at("stopped_early");
  r.useful_tokens = j.at("useful_tokens");
  r.computed_tokens = j.at("computed_tokens");
  r.training_seconds = j.at("training_seconds");
  r.seconds = j.at("seconds");
  r.useful_tokens_per_second = j.at("useful_tokens_per_second");
  r.percent_of_ceiling = j.at("percent_of_ceiling");
  r.peak_memory_bytes = j.at("peak_memory_bytes");
  r.weights = j.at("weights").get<std::string>();
  return r;
}

}  // namespace gantry
