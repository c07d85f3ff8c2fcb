#include "study/study_codes.h"

#include <map>
#include <mutex>

#include "base/file.h"
#include "base/sha256.h"
#include "study/data_folder.h"
#include "weights/code_shelf.h"

namespace gantry {
namespace {

std::shared_ptr<const StudyCodes> open_anew(const Settings::Codes& settings) {
  const CodeShelf shelf(default_code_shelf_folder(),
                        read_known_code_lists(data_file("tasks/code-lists.toml")));
  CodeList whole = shelf.open(settings.list);
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
