// study.toml: any bytes give settings or an Error; settings that pass the checks survive being
// written and read again, and lines of the input as `key=value` words do no harm.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "study/settings.h"

namespace {

// The commented file is long: only some inputs pay for it.
void check_round_trip(const gantry::Settings& settings) {
  // What `gantry init` leaves as a comment stands at its default in `again`; the labels do not.
  constexpr std::string_view kShown[] = {"labels"};
  gantry::Settings again;
  read_settings_text(again, commented_study_toml(settings), "study.toml",
                     gantry::SettingsFile::kStudy);
  if (settings_json(settings, kShown) != settings_json(again, kShown)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Settings settings;
  try {
    read_settings_text(settings, text, "study.toml", SettingsFile::kStudy);
    check_settings(settings);
    if (size % 8 == 0) check_round_trip(settings);
  } catch (const Error&) {
  }
  Settings words;
  for (size_t begin = 0, lines = 0; begin < size && lines < 2; ++lines) {
    size_t end = text.find('\n', begin);
    try {
      override_setting(words, text.substr(begin, end - begin));
    } catch (const Error&) {
    }
    if (end == std::string_view::npos) break;
    begin = end + 1;
  }
  return 0;
}
