// What lies in a folder, asked without exceptions: an unreadable folder looks empty, and opening
// what is expected there then says why.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

inline bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

inline std::vector<std::string> names_in(const std::filesystem::path& folder) {  // sorted
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The first name in a folder that ends in one of these, or "".
inline std::string name_ending(const std::filesystem::path& folder,
                               std::initializer_list<std::string_view> endings) {
  for (const std::string& name : names_in(folder)) {
    for (std::string_view ending : endings) {
      if (name.ends_with(ending)) return name;
    }
  }
  return {};
}

// Bytes of all files in a folder and below.
inline int64_t bytes_below(const std::filesystem::path& folder) {
  int64_t bytes = 0;
  std::error_code error, gone;  // a file may vanish while it is looked at
  for (std::filesystem::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (!at->is_regular_file(gone)) continue;
    const uintmax_t size = at->file_size(gone);
    if (!gone) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

}  // namespace gantry
