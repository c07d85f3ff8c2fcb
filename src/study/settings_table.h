// The one table of settings: key, place in Settings, what is allowed, and one sentence. The parser,
// the commented study.toml and docs/study.md are made from it, so that they cannot drift apart.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "study/settings.h"

namespace gantry {

// Where in Settings a value lies, and of which type it is.
using SettingPlace =
    std::variant<bool& (*)(Settings&), int64_t& (*)(Settings&), double& (*)(Settings&),
                 std::string& (*)(Settings&), std::vector<std::string>& (*)(Settings&),
                 std::vector<FieldFilter>& (*)(Settings&), SamplingRule& (*)(Settings&),
                 ClassWeights& (*)(Settings&)>;

struct SettingRow {
  std::string_view key;  // "train.epochs"
  SettingPlace place;
  // Text: the words allowed, "auto|bf16|fp32"; "YYYY-MM-DD" for a date; "" for any text.
  // Numbers: unused.
  std::string_view words;
  double low, high;  // numbers: the range allowed, ends included
  bool shown;        // stands uncommented in the study.toml of `gantry init`
  std::string_view meaning;

  std::string_view section() const { return key.substr(0, key.find('.')); }
  std::string_view name() const { return key.substr(key.find('.') + 1); }
  bool is_table() const;  // its value is itself a table with keys of the user's own
};

struct SettingSection {
  std::string_view name;
  std::string_view meaning;
};

std::span<const SettingRow> setting_rows();
std::span<const SettingSection> setting_sections();

// "a whole number from 1 to 1000", "text: auto, bf16 or fp32", ...: for messages and documents.
std::string expected_value(const SettingRow& row);

// The commented study.toml of `gantry init`: beside the settings a study usually touches, those
// that differ from `standard`, the task's own, stand uncommented.
std::string commented_study_toml(const Settings& settings, const Settings& standard);

// The value as TOML: `8`, `"auto"`, `["a", "b"]`, `{ modality = ["CT"] }`.
std::string value_as_toml(const SettingRow& row, const Settings& settings);

}  // namespace gantry
