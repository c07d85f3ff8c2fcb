#include "study/data_folder.h"

#include <cstdlib>
#include <vector>

#include "base/error.h"

namespace gantry {

std::filesystem::path data_file(std::string_view name) {
  namespace fs = std::filesystem;
  std::vector<fs::path> places;
  if (const char* given = std::getenv("GANTRY_DATA"); given != nullptr && *given != 0)
    places.emplace_back(given);
  std::error_code ignored;
  fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) {
    places.push_back(program.parent_path().parent_path() / "share" / "gantry");
    for (fs::path folder = program.parent_path(); folder.has_relative_path();
         folder = folder.parent_path())
      places.push_back(folder);
  }
  std::string looked;
  for (const fs::path& place : places) {
    if (fs::exists(place / name, ignored)) return place / name;
    if (looked.size() < 200) looked += (looked.empty() ? "" : ", ") + place.string();
  }
  throw Error("E0506", "the program's data file '" + std::string(name) + "' is not in " + looked,
              "Install the program whole, or let GANTRY_DATA name its data folder.");
}

}  // namespace gantry
