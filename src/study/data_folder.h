// Where the program's data files lie (tasks/, corpora/).
#pragma once

#include <filesystem>
#include <string_view>

namespace gantry {

// The path of `name` ("tasks/headings.toml"), looked for in $GANTRY_DATA, then in ../share/gantry
// beside the program, then in the folders above the program (a build folder in the source tree).
// Error E0506, naming the places looked at.
std::filesystem::path data_file(std::string_view name);

}  // namespace gantry
