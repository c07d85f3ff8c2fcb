// Reading the values of a config.json with checks: what both encoders and decoders share.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace gantry {

// Upper bounds far above any model, so that products of sizes cannot overflow.
inline constexpr int64_t kMaxConfigWidth = 1 << 17, kMaxConfigLayers = 1 << 12,
                         kMaxConfigRows = 1 << 26;

// Error E0411 when `text` is not JSON or nested beyond reason.
inline nlohmann::json parse_config_json(std::string_view text, std::string_view label) {
  constexpr int kMaxDepth = 64;
  const char* const remedy = "Take config.json from the place where the weights come from.";
  try {
    return nlohmann::json::parse(
        text, [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
          if (depth > kMaxDepth) {
            throw Error("E0411", std::string(label) + ": nested too deeply", remedy);
          }
          return true;
        });
  } catch (const nlohmann::json::exception&) {
    throw Error("E0411", std::string(label) + ": not valid JSON", remedy);
  }
}

class ConfigReader {
 public:
  ConfigReader(const nlohmann::json& config, std::string_view label, std::string reads)
      : config_(config), label_(label), reads_(std::move(reads)) {}

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error("E0411", label_ + ": " + what,
                "Take config.json from the place where the weights come from.");
  }

  [[noreturn]] void unread(const std::string& what) const {
    throw Error("E0412", label_ + ": " + what, reads_);
  }

  // nullptr: not given (or null, as transformers writes what is not set).
  const nlohmann::json* value(const char* key) const {
    const auto found = config_.find(key);
    return found == config_.end() || found->is_null() ? nullptr : &*found;
  }

  std::string text(const char* key, const std::string& fallback) const {
    const nlohmann::json* found = value(key);
    if (!found) return fallback;
    if (!found->is_string()) refuse(std::string(key) + " is not a string");
    return found->get<std::string>();
  }

  int64_t size(const char* key, int64_t low, int64_t high, int64_t fallback = -1) const {
    const nlohmann::json* found = value(key);
    if (!found && fallback < 0) refuse(std::string("no ") + key);
    if (!found) return fallback;
    if (!found->is_number_integer()) {
      refuse(std::string(key) + " is " + shown(*found) + ", not a whole number");
    }
    const bool huge = found->is_number_unsigned() && found->get<uint64_t>() > uint64_t{1} << 40;
    if (huge || found->get<int64_t>() < low || found->get<int64_t>() > high) {
      refuse(std::string(key) + " is " + shown(*found) + ", not between " + std::to_string(low) +
             " and " + std::to_string(high));
    }
    return found->get<int64_t>();
  }

  double number(const char* key, double low, double high, double fallback) const {
    const nlohmann::json* found = value(key);
    if (!found) return fallback;
    if (!found->is_number()) refuse(std::string(key) + " is " + shown(*found) + ", not a number");
    const double number = found->get<double>();
    if (!(number >= low && number < high)) {
      refuse(std::string(key) + " is " + shown(*found) + ", out of its range");
    }
    return number;
  }

  bool flag(const char* key) const {
    const nlohmann::json* found = value(key);
    if (found && !found->is_boolean()) refuse(std::string(key) + " is not true or false");
    return found && found->get<bool>();
  }

  const std::string& label() const { return label_; }

  static std::string shown(const nlohmann::json& value) {
    const std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 60) + "..." : text;
  }

 private:
  const nlohmann::json& config_;
  std::string label_, reads_;
};

}  // namespace gantry
