#include "weights/package_file.h"

#include <zip.h>

#include "base/error.h"
#include "base/file.h"

namespace gantry {
namespace {

// A base model's package has some twenty members of up to 100 MB; beyond these it is no package.
constexpr int64_t kMaxMembers = 10'000;
constexpr uint64_t kMaxMemberBytes = uint64_t{8} << 30;

[[noreturn]] void damaged_package(const std::string& label, const std::string& what) {
  throw Error("E0425", label + ": " + what,
              "The package file is damaged or not the one expected: fetch it again.");
}

// Relative, below the folder, and in one spelling only.
bool is_safe(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\\') != name.npos ||
      name.find('\0') != name.npos) {
    return false;
  }
  const std::filesystem::path path(name);
  for (const auto& part : path) {
    if (part == ".." || part == ".") return false;
  }
  return path.is_relative();
}

}  // namespace

struct PackageFile::Zip {
  std::unique_ptr<MappedFile> map;
  zip_t* handle = nullptr;
  ~Zip() {
    if (handle) zip_discard(handle);
  }
};

PackageFile::PackageFile(PackageFile&&) noexcept = default;
PackageFile::~PackageFile() = default;

PackageFile::PackageFile(std::unique_ptr<Zip> zip, std::string label)
    : zip_(std::move(zip)), label_(std::move(label)) {
  const int64_t count = zip_get_num_entries(zip_->handle, 0);
  if (count > kMaxMembers) damaged_package(label_, std::to_string(count) + " members");
  for (int64_t i = 0; i < count; ++i) {
    zip_stat_t info;
    if (zip_stat_index(zip_->handle, static_cast<uint64_t>(i), 0, &info) != 0 ||
        !(info.valid & ZIP_STAT_NAME) || !(info.valid & ZIP_STAT_SIZE)) {
      damaged_package(label_, "member " + std::to_string(i) + " cannot be read");
    }
    const std::string_view name = info.name;
    if (name.ends_with('/')) continue;
    if (!is_safe(name))
      damaged_package(label_, "member " + std::to_string(i) + " leaves the folder");
    if (info.size > kMaxMemberBytes)
      damaged_package(label_, "member " + std::string(name) + " is too large");
    members_.push_back({std::string(name), static_cast<int64_t>(info.size)});
    indices_.push_back(static_cast<uint64_t>(i));
  }
  if (members_.empty())
    damaged_package(label_, "no files in it");  // libzip opens an empty file too
}

PackageFile PackageFile::parse(std::span<const uint8_t> bytes, std::string label) {
  auto zip = std::make_unique<Zip>();
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, nullptr);
  GANTRY_CHECK(source != nullptr);
  zip->handle = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, nullptr);
  if (!zip->handle) {
    zip_source_free(source);
    damaged_package(label, "not a zip file, or a damaged one");
  }
  return PackageFile(std::move(zip), std::move(label));
}

PackageFile PackageFile::open(const std::filesystem::path& file) {
  auto map = std::make_unique<MappedFile>(file);
  PackageFile package = parse(map->bytes(), file.string());
  package.zip_->map = std::move(map);
  return package;
}

template <typename Sink>
void PackageFile::stream(std::string_view name, const Sink& sink) const {
  size_t m = 0;
  while (m < members_.size() && members_[m].name != name) ++m;
  if (m == members_.size()) damaged_package(label_, "no member " + std::string(name));
  zip_file_t* file = zip_fopen_index(zip_->handle, indices_[m], 0);
  if (!file) damaged_package(label_, "member " + std::string(name) + " cannot be read");
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> closer(file, zip_fclose);
  std::string piece(1 << 20, '\0');
  int64_t read = 0;
  for (;;) {
    const int64_t n = zip_fread(file, piece.data(), piece.size());
    if (n == 0) break;
    read += n;
    if (n < 0 || read > members_[m].bytes) {
      damaged_package(label_, "member " + std::string(name) + " is damaged");
    }
    sink(std::string_view(piece.data(), static_cast<size_t>(n)));
  }
  if (read != members_[m].bytes)
    damaged_package(label_, "member " + std::string(name) + " is cut short");
}

std::string PackageFile::read(std::string_view name) const {
  std::string bytes;
  stream(name, [&](std::string_view piece) { bytes += piece; });
  return bytes;
}

void PackageFile::copy_to(std::string_view name, const std::filesystem::path& file) const {
  AtomicFile out(file);
  stream(name, [&](std::string_view piece) { out.write(piece); });
  out.commit();
}

}  // namespace gantry
