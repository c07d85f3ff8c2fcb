#include "train/pair_json.h"

#include <nlohmann/json.hpp>

#include "train/restart_figures.h"

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
  nlohmann::json j = restart_figures(r);
  j["steps"] = std::move(steps);
  j["epochs"] = std::move(epochs);
  j["computed_tokens"] = r.computed_tokens;
  return j;
}

PairTuneResult pair_result_from_json(const nlohmann::json& j) {
  PairTuneResult r;
  read_restart_figures(j, r);
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
  r.computed_tokens = j.at("computed_tokens");
  return r;
}

}  // namespace gantry
