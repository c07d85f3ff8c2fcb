// What every restart is told by, whatever was trained: its numbers under the names they are stored
// by. `Result` is RestartResult or PairTuneResult, const or not.
#pragma once

#include <nlohmann/json.hpp>

namespace gantry {

template <typename Result, typename Use>
void for_each_restart_figure(Result& r, const Use& use) {
  use("restart", r.restart);
  use("seed", r.seed);
  use("best_epoch", r.best_epoch);
  use("best_metric", r.best_metric);
  use("stopped_early", r.stopped_early);
  use("useful_tokens", r.useful_tokens);
  use("training_seconds", r.training_seconds);
  use("seconds", r.seconds);
  use("useful_tokens_per_second", r.useful_tokens_per_second);
  use("percent_of_ceiling", r.percent_of_ceiling);
  use("peak_memory_bytes", r.peak_memory_bytes);
}

template <typename Result>
nlohmann::json restart_figures(const Result& r) {
  nlohmann::json j = {{"weights", r.weights.string()}};
  for_each_restart_figure(r, [&](const char* name, const auto& value) { j[name] = value; });
  return j;
}

template <typename Result>
void read_restart_figures(const nlohmann::json& j, Result& r) {
  for_each_restart_figure(r, [&](const char* name, auto& value) { j.at(name).get_to(value); });
  r.weights = j.at("weights").get<std::string>();
}

}  // namespace gantry
