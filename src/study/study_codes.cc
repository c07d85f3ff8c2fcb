#include "study/study_codes.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "study/data_folder.h"
#include "text/code_list_readers.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

fs::path codes_folder() {
  if (const char* given = std::getenv("GANTRY_CODES"); given != nullptr && *given) return given;
  const char* home = std::getenv("XDG_DATA_HOME");
  if (home != nullptr && *home) return fs::path(home) / "gantry/codes";
  home = std::getenv("HOME");
  return fs::path(home == nullptr ? "." : home) / ".local/share/gantry/codes";
}

CodeList open_list(const std::string& name) {
  const fs::path file = codes_folder() / (name + ".tsv");
  if (!fs::exists(file))
    throw Error("E0521", "there is no code list '" + name + "' in " + codes_folder().string(),
                "Get it with `gantry codes get " + name +
                    "`, or bring one in with `gantry codes import FILE`.");
  return read_code_list(file, name);
}

std::shared_ptr<const StudyCodes> open_anew(const Settings::Codes& settings) {
  CodeList whole = open_list(settings.list);
  CodeList allowed = whole.subset(settings.ranges, settings.billable_only);
  CodeReplacements replacements;
  std::string text;
  if (!settings.replaced.empty()) {
    const auto file = data_file("tasks/" + settings.replaced);
    text = read_file(file);
    replacements = CodeReplacements::load(file);
  }
  return std::make_shared<const StudyCodes>(std::move(whole), std::move(allowed),
                                            std::move(replacements), text);
}

}  // namespace

StudyCodes::StudyCodes(CodeList whole_list, CodeList allowed_part, CodeReplacements replaced,
                       std::string_view replacements_text)
    : whole(std::move(whole_list)),
      allowed(std::move(allowed_part)),
      replacements(std::move(replaced)),
      hash_(sha256_hex(whole.hash() + allowed.hash() + sha256_hex(replacements_text))) {}

ReadCode StudyCodes::read(std::string_view code, std::string_view text) const {
  return read_case_code(code, text, whole, allowed, replacements);
}

std::shared_ptr<const StudyCodes> open_study_codes(const Settings& settings) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const StudyCodes>> opened;
  const std::string_view sections[] = {"codes"};
  std::lock_guard lock(mutex);
  auto& codes = opened[settings_hash(settings, sections)];
  if (!codes) codes = open_anew(settings.codes);
  return codes;
}

}  // namespace gantry
