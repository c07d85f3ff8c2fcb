#include "train/restart_json.h"

#include <nlohmann/json.hpp>

#include "train/restart_figures.h"

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
  nlohmann::json j = restart_figures(r);
  j["steps"] = std::move(steps);
  j["epochs"] = std::move(epochs);
  j["tuning_logits"] = r.tuning_logits;
  return j;
}

RestartResult restart_from_json(const nlohmann::json& j) {
  RestartResult r;
  read_restart_figures(j, r);
  for (const auto& s : j.at("steps"))
    r.steps.push_back(
        {.loss = s.at(0), .learning_rate = s.at(1), .gradient_norm = s.at(2), .tokens = s.at(3)});
  for (const auto& e : j.at("epochs")) r.epochs.push_back(epoch_from_json(e));
  r.tuning_logits = j.at("tuning_logits").get<std::vector<float>>();
  return r;
}

}  // namespace gantry
