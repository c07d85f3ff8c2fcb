// gantry codes get | import | list | show: code lists on the shelf.
#include <memory>

#include "base/error.h"
#include "base/strings.h"
#include "cli/face.h"
#include "study/data_folder.h"
#include "weights/code_shelf.h"

namespace gantry::cli {
namespace {

CodeShelf open_code_shelf() {
  return {default_code_shelf_folder(), read_known_code_lists(data_file("tasks/code-lists.toml"))};
}

nlohmann::json json_of(const CodeListAbout& about) {
  return {{"name", about.name},       {"title", about.title},
          {"edition", about.edition}, {"format", about.format},
          {"source", about.source},   {"source_sha256", about.source_sha256},
          {"hash", about.hash},       {"licence", about.licence},
          {"codes", about.codes},     {"billable", about.billable}};
}

std::string words_of(const CodeListAbout& about) {
  return about.name + ": " + with_commas(about.codes) + " codes, " + with_commas(about.billable) +
         " billable (" + about.format + ", edition " +
         (about.edition.empty() ? "not stated" : about.edition) + ")";
}

void add_codes_get(CLI::App& codes, Face& face) {
  auto* verb = codes.add_subcommand("get", "Bring a known code list onto the shelf (downloads)");
  auto name = std::make_shared<std::string>();
  auto from = std::make_shared<std::string>();
  verb->add_option("name", *name, "See `gantry codes list`")->required();
  verb->add_option("--from", *from, "Take this package file instead of the network");
  verb->footer("Example: gantry codes get icd10cm-2026-04");
  verb->callback([&face, name, from] {
    const CodeListAbout about = open_code_shelf().get(*name, {.from_file = *from}, face.progress());
    face.say(words_of(about));
    face.result(json_of(about), "");
  });
}

void add_codes_import(CLI::App& codes, Face& face) {
  auto* verb = codes.add_subcommand(
      "import", "A code list from a file: ICD-10-CM tabular XML, CMS order file, or TSV");
  auto file = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  auto title = std::make_shared<std::string>();
  verb->add_option("file", *file, "TSV: first line code<tab>title[<tab>billable ...]")->required();
  verb->add_option("--name", *name, "Its name on the shelf")->required();
  verb->add_option("--title", *title, "What it is, in a few words");
  verb->footer("Example: gantry codes import icd10cm_order_2027.txt --name icd10cm-2027");
  verb->callback([&face, file, name, title] {
    const CodeListAbout about = open_code_shelf().import(*file, *name, *title);
    face.say(words_of(about));
    face.result(json_of(about), "");
  });
}

void add_codes_list(CLI::App& codes, Face& face) {
  auto* verb = codes.add_subcommand("list", "Code lists on the shelf and lists that can be had");
  verb->footer("Example: gantry codes list");
  verb->callback([&face] {
    const CodeShelf shelf = open_code_shelf();
    nlohmann::json rows = nlohmann::json::array();
    std::string text = "shelf: " + shelf.folder().string() + "\n";
    for (const CodeShelfEntry& entry : shelf.list()) {
      nlohmann::json row = json_of(entry.about);
      row["present"] = entry.present;
      row["known"] = entry.known;
      rows.push_back(std::move(row));
      text += (entry.present ? words_of(entry.about) : entry.about.name + ": can be had") + "; " +
              entry.about.title +
              (entry.about.licence.empty() ? "" : " [" + entry.about.licence + "]") + "\n";
    }
    face.result({{"shelf", shelf.folder().string()}, {"lists", rows}}, text);
  });
}

// The list asked for, or the only one there is, or the one that a fresh machine is told to get.
std::string chosen_list(const CodeShelf& shelf, const std::string& asked) {
  if (!asked.empty()) return asked;
  std::string first_known, only;
  size_t present = 0;
  for (const CodeShelfEntry& entry : shelf.list()) {
    if (entry.known && first_known.empty()) first_known = entry.about.name;
    if (!entry.present) continue;
    ++present;
    only = entry.about.name;
  }
  return present == 1 ? only : first_known;
}

nlohmann::json json_of(const CodeList& list, int32_t row) {
  const Code& code = list[static_cast<size_t>(row)];
  return {{"code", code.code},         {"title", code.title},
          {"billable", code.billable}, {"valid_from", code.valid_from},
          {"valid_to", code.valid_to}, {"terms", code.terms}};
}

std::string validity_words(const Code& code) {
  if (code.valid_from.empty() && code.valid_to.empty()) return {};
  return ", valid " + (code.valid_from.empty() ? "" : "from " + code.valid_from) +
         (code.valid_to.empty() ? "" : " to " + code.valid_to);
}

void show(Face& face, const CodeShelf& shelf, const std::string& name, const std::string& code) {
  const CodeListAbout about = shelf.about(name);
  const CodeList list = shelf.open(name);
  const int32_t row = list.find(code);
  if (row < 0) {
    throw Error("E0377", "'" + code + "' is not a code of " + name,
                "Dots may be left out; `gantry codes show` with the first three characters lists "
                "what lies beneath.");
  }
  const std::vector<int32_t> line = list.line_of(row);
  nlohmann::json object = json_of(list, row);
  object["list"] = json_of(about);
  object["parents"] = nlohmann::json::array();
  object["children"] = nlohmann::json::array();
  std::string text;
  std::string indent;
  for (size_t i = line.size(); i-- > 0;) {
    const Code& at = list[static_cast<size_t>(line[i])];
    if (i > 0) object["parents"].push_back(json_of(list, line[i]));
    text += indent + at.code + "  " + at.title + (at.billable ? " (billable" : " (not billable") +
            validity_words(at) + ")\n";
    indent += "  ";
  }
  for (const std::string& term : list[static_cast<size_t>(row)].terms) {
    text += indent + "- " + term + "\n";
  }
  for (int32_t child : list.children(row)) {
    const Code& at = list[static_cast<size_t>(child)];
    object["children"].push_back(json_of(list, child));
    text += indent + at.code + "  " + at.title + (at.billable ? " (billable)" : "") + "\n";
  }
  text += "list: " + about.name + ", edition " + about.edition + ", SHA-256 " + about.hash + "\n";
  face.result(object, text);
}

void add_codes_show(CLI::App& codes, Face& face) {
  auto* verb = codes.add_subcommand("show", "A code's title, parents and validity");
  auto code = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  verb->add_option("code", *code, "With or without its dot")->required();
  verb->add_option("--list", *name, "Which list (default: the one on the shelf)");
  verb->footer("Example: gantry codes show C79.51");
  verb->callback([&face, code, name] {
    const CodeShelf shelf = open_code_shelf();
    show(face, shelf, chosen_list(shelf, *name), *code);
  });
}

}  // namespace

void add_codes(CLI::App& app, Face& face) {
  auto* codes = app.add_subcommand("codes", "Code lists: get, import, list, show");
  codes->require_subcommand(1);
  codes->fallthrough();
  add_codes_get(*codes, face);
  add_codes_import(*codes, face);
  add_codes_list(*codes, face);
  add_codes_show(*codes, face);
}

}  // namespace gantry::cli
