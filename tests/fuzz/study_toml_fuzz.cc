// study.toml: any bytes give settings or an Error; settings that pass the checks survive being
// written and read again, and lines of the input as `key=value` words do no harm.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "study/settings.h"

static constexpr std::string_view kShown[] = {"labels"};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Settings settings;
  try {
    read_settings_text(settings, text, "study.toml", SettingsFile::kStudy);
    check_settings(settings);
    Settings again;
    read_settings_text(again, commented_study_toml(settings), "study.toml", SettingsFile::kStudy);
    // What `gantry init` leaves as a comment stands at its default in `again`; this does not:
    auto before = settings_json(settings, kShown), after = settings_json(again, kShown);
    if (before != after) std::abort();
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
