// study.toml as `gantry init` writes it, and docs/study.md.
#include "base/strings.h"
#include "study/settings_table.h"

namespace gantry {
namespace {

// Comment lines of at most 98 columns.
std::string comment(std::string_view text) {
  std::string out, line = "#";
  for (std::string_view word : split(text, ' ')) {
    if (line.size() + 1 + word.size() > 98) {
      out += line + "\n";
      line = "#";
    }
    line += " " + std::string(word);
  }
  return out + line + "\n";
}

std::string without_bars(std::string_view text) {  // inside a table of Markdown
  std::string out;
  for (char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

}  // namespace

std::string commented_study_toml(const Settings& settings, const Settings& standard) {
  std::string out = comment(
      "Settings of this study. A line that begins with # shows a setting at its default; take the "
      "# away to change it. Any of them can also be given after a verb, as in `gantry train "
      "runs=10`.");
  for (const SettingSection& section : setting_sections()) {
    out += "\n" + comment(section.meaning) + "[" + std::string(section.name) + "]\n";
    for (const SettingRow& row : setting_rows()) {
      if (row.section() != section.name) continue;
      out += comment(row.meaning);
      const std::string value = value_as_toml(row, settings);
      const bool shown = row.shown || value != value_as_toml(row, standard);
      out += (shown ? "" : "#") + std::string(row.name()) + " = " + value + "\n";
    }
  }
  return out;
}

std::string commented_study_toml(const Settings& settings) {
  return commented_study_toml(settings, settings);
}

std::string settings_document(std::span<const std::pair<std::string, Settings>> tasks) {
  std::string out =
      "# study.toml\n\n"
      "Every setting, its default and its meaning. Written by the program from its own table of\n"
      "settings (`src/study/settings_table.cc`); a test compares the two.\n\n"
      "Layers, each over the one before: the defaults below, the task file (`tasks/NAME.toml`),\n"
      "the study's `study.toml`, and `key=value` words after a verb. In such a word the key's "
      "last\n"
      "part is enough where no other setting ends in it (`runs=3`), text needs no quotes\n"
      "(`base=multilingual-e5-small`), and a list may be written `split.test_sources=hk,hj`.\n";
  Settings plain;
  for (const SettingSection& section : setting_sections()) {
    out += "\n## [" + std::string(section.name) + "]\n\n" + std::string(section.meaning) +
           "\n\n| key | default | allowed | meaning |\n|---|---|---|---|\n";
    for (const SettingRow& row : setting_rows()) {
      if (row.section() != section.name) continue;
      std::string standard = "`" + without_bars(value_as_toml(row, plain)) + "`";
      for (const auto& [task, settings] : tasks)
        if (std::string own = value_as_toml(row, settings);
            own != value_as_toml(row, plain) && row.key != "study.task")
          standard += "; " + task + ": `" + without_bars(own) + "`";
      out += "| `" + std::string(row.name()) + "` | " + standard + " | " +
             without_bars(expected_value(row)) + " | " + without_bars(row.meaning) + " |\n";
    }
  }
  return out;
}

}  // namespace gantry
