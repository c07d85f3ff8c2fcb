#include "train/check_setting.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"

namespace gantry {

void check_number(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw Error("E0611",
              std::string("setting '") + name + "', value " + nlohmann::json(value).dump() +
                  ": out of range",
              std::string("Give a number from ") + nlohmann::json(low).dump() + " to " +
                  nlohmann::json(high).dump() + ".");
}

void check_word(const char* name, const std::string& value, std::span<const std::string> allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  std::string list;
  for (const std::string& a : allowed) list += (list.empty() ? "" : ", ") + a;
  const std::string near = nearest_word(value, allowed);
  throw Error("E0611", std::string("setting '") + name + "', value '" + value + "': not known",
              "Use one of: " + list + (near.empty() ? "." : ". Did you mean '" + near + "'?"));
}

void check_word(const char* name, const std::string& value,
                std::initializer_list<std::string> allowed) {
  check_word(name, value, std::span<const std::string>(allowed.begin(), allowed.size()));
}

}  // namespace gantry
