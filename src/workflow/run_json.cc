#include "workflow/run_json.h"

#include <ctime>
#include <limits>
#include <nlohmann/json.hpp>

namespace gantry {

using Json = nlohmann::ordered_json;

std::string utc_now() {
  std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char buffer[32];
  std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return buffer;
}

Json estimate_json(const Estimate& e) {
  Json out;
  out["value"] = e.defined ? Json(e.value) : Json(nullptr);
  out["lower"] = e.defined && e.has_interval ? Json(e.lower) : Json(nullptr);
  out["upper"] = e.defined && e.has_interval ? Json(e.upper) : Json(nullptr);
  out["n"] = e.n;
  if (e.count >= 0) out["count"] = e.count;
  out["method"] = e.method;
  return out;
}

Estimate estimate_from_json(const nlohmann::json& json) {
  Estimate e;
  e.defined = !json.at("value").is_null();
  if (e.defined) e.value = json.at("value");
  e.has_interval = !json.at("lower").is_null();
  if (e.has_interval) {
    e.lower = json.at("lower");
    e.upper = json.at("upper");
  }
  e.n = json.at("n");
  e.count = json.value("count", int64_t{-1});
  e.method = json.at("method");
  return e;
}

Json abstention_json(const AbstentionThreshold& a) {
  return {{"threshold", a.attainable ? Json(a.threshold) : Json(nullptr)},
          {"stated_error_rate", a.stated_error_rate},
          {"confidence_level", a.confidence_level},
          {"upper_bound", a.upper_bound},
          {"error_rate", estimate_json(a.error_rate)},
          {"coverage", estimate_json(a.coverage)},
          {"rule", a.rule}};
}

AbstentionThreshold abstention_from_json(const nlohmann::json& json) {
  AbstentionThreshold a;
  a.attainable = !json.at("threshold").is_null();
  a.threshold =
      a.attainable ? json.at("threshold").get<double>() : std::numeric_limits<double>::infinity();
  a.stated_error_rate = json.at("stated_error_rate");
  a.confidence_level = json.at("confidence_level");
  a.upper_bound = json.at("upper_bound");
  a.error_rate = estimate_from_json(json.at("error_rate"));
  a.coverage = estimate_from_json(json.at("coverage"));
  a.rule = json.at("rule");
  return a;
}

Json restart_json(const RestartResult& result, const std::string& tuned_on, int64_t training,
                  int64_t tuning, bool chosen) {
  const auto& best = result.epochs.at(static_cast<size_t>(result.best_epoch));
  Json out;
  out["restart"] = result.restart + 1;
  out["seed"] = result.seed;
  out["chosen"] = chosen;
  out["tuned_on"] = tuned_on;
  out["training_reports"] = training;
  out["tuning_reports"] = tuning;
  out["best_epoch"] = result.best_epoch + 1;
  out["stopped_early"] = result.stopped_early;
  out["tuning"] = {{"accuracy", best.accuracy},
                   {"macro_f1", best.macro_f1},
                   {"f1", best.f1},
                   {"sensitivity", best.sensitivity},
                   {"loss", best.tuning_loss}};
  out["epochs"] = Json::array();
  for (const auto& e : result.epochs)
    out["epochs"].push_back({{"training_loss", e.training_loss},
                             {"tuning_loss", e.tuning_loss},
                             {"accuracy", e.accuracy},
                             {"macro_f1", e.macro_f1},
                             {"seconds", e.seconds}});
  out["useful_tokens"] = result.useful_tokens;
  out["training_seconds"] = result.training_seconds;
  out["seconds"] = result.seconds;
  out["useful_tokens_per_second"] = result.useful_tokens_per_second;
  out["percent_of_ceiling"] = result.percent_of_ceiling;
  out["peak_memory_bytes"] = result.peak_memory_bytes;
  return out;
}

Json sets_json(const Cases& cases) {
  Json out = Json::object();
  for (const auto& [name, counts] : cases.sets)
    out[name] = {{"reports", counts.reports},
                 {"patients", counts.patients},
                 {"per_label", counts.per_label},
                 {"per_label_before_sampling", counts.per_label_before},
                 {"fraction", counts.fraction}};
  return out;
}

Json flow_json(const Cases& cases) {
  Json out = Json::array();
  for (const auto& step : cases.flow)
    out.push_back({{"step", step.step},
                   {"text", step.text},
                   {"kept_reports", step.kept_reports},
                   {"kept_patients", step.kept_patients},
                   {"dropped_reports", step.dropped_reports},
                   {"dropped_patients", step.dropped_patients}});
  return out;
}

}  // namespace gantry
