// What is on the shelf: list, inspect and verify.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "text/tokenizer.h"
#include "weights/folder_listing.h"
#include "weights/gguf.h"
#include "weights/shelf.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

// The folder's GGUF file, or "".
fs::path gguf_in(const fs::path& folder) {
  const std::string name = name_ending(folder, {".gguf"});
  return name.empty() ? fs::path() : folder / name;
}

ModelAbout about_in(const fs::path& folder) {
  ModelAbout about;
  if (const fs::path file = folder / "gantry.json"; is_there(file)) {
    about = parse_model_about(read_file(file), file.string());
  } else if (!gguf_in(folder).empty()) {
    about.kind = "decoder";
  }
  if (about.name.empty()) about.name = folder.filename().string();
  return about;
}

void count_tensors(const Safetensors& weights, ModelFacts& facts) {
  std::map<std::string, int64_t> types;
  for (const StoredTensor& tensor : weights.tensors()) {
    if (!is_floating_point(tensor.type)) continue;
    facts.parameters += tensor.elements();
    types[std::string(name_of(tensor.type))] += tensor.elements();
    if (canonical_tensor_name(tensor.name).starts_with("embeddings.")) {
      facts.embedding_parameters += tensor.elements();
    }
  }
  facts.types.assign(types.begin(), types.end());
  facts.load_bytes = facts.parameters * 4;
}

std::string in_words(const ModelFacts& facts) {
  return std::to_string(facts.layers) + " layers, " + std::to_string(facts.hidden_size) +
         " wide, " + format_double(static_cast<double>(facts.parameters) / 1e6, 1) +
         " M parameters";
}

ModelFacts facts_of_encoder(const fs::path& path) {
  const ModelFolder folder = ModelFolder::open(path);
  const EncoderConfig& config = folder.config();
  ModelFacts facts;
  facts.architecture = config.model_type;
  facts.layers = config.num_hidden_layers;
  facts.hidden_size = config.hidden_size;
  facts.heads = config.num_attention_heads;
  facts.intermediate_size = config.intermediate_size;
  facts.vocab_size = config.vocab_size;
  facts.max_tokens = config.max_tokens;
  facts.pooler = folder.has_pooler();
  facts.classifier = folder.has_classifier();
  count_tensors(folder.weights(), facts);
  return facts;
}

// A text, or a number, of a GGUF file's metadata that may be missing.
std::string text_or(const GgufFile& file, const std::string& key, const std::string& otherwise) {
  return file.has(key) ? file.text(key) : otherwise;
}
int64_t integer_or_0(const GgufFile& file, const std::string& key) {
  return file.has(key) ? file.integer(key) : 0;
}

ModelFacts facts_of_decoder(const fs::path& path) {
  const GgufFile file = GgufFile::open(gguf_in(path));
  ModelFacts facts;
  facts.architecture = text_or(file, "general.architecture", "unknown");
  const std::string prefix = facts.architecture + ".";
  facts.layers = integer_or_0(file, prefix + "block_count");
  facts.hidden_size = integer_or_0(file, prefix + "embedding_length");
  facts.heads = integer_or_0(file, prefix + "attention.head_count");
  facts.intermediate_size = integer_or_0(file, prefix + "feed_forward_length");
  facts.max_tokens = integer_or_0(file, prefix + "context_length");
  if (file.has("tokenizer.ggml.tokens")) {
    facts.vocab_size = static_cast<int64_t>(file.texts("tokenizer.ggml.tokens").size());
  }
  facts.tokenizer = "in the GGUF file (" + text_or(file, "tokenizer.ggml.model", "none") + ")";
  std::map<std::string, int64_t> types;
  for (const GgufTensor& tensor : file.tensors()) {
    facts.parameters += tensor.elements();
    types[std::string(name_of(tensor.type))] += tensor.elements();
    if (tensor.name == "token_embd.weight") facts.embedding_parameters = tensor.elements();
  }
  facts.types.assign(types.begin(), types.end());
  facts.load_bytes = facts.parameters * 4;
  return facts;
}

ModelFacts facts_of(const ModelAbout& about, const fs::path& path) {
  return about.kind == "encoder" ? facts_of_encoder(path) : facts_of_decoder(path);
}

// Runs one check; an Error becomes a line of the report.
template <typename Check>
void check(VerifyReport& report, const std::string& passed, const Check& body) {
  try {
    body();
    report.passed.push_back(passed);
  } catch (const Error& error) {
    if (error.code() == "E0104") throw;
    report.failed.push_back(error.what());
  }
}

void verify_hashes(const fs::path& folder, const ModelAbout& about, VerifyReport& report,
                   const ProgressSink& progress) {
  for (const auto& file : about.files) {
    const std::string &name = file.first, &expected = file.second;
    tell(progress, Progress{.phase = "hashing " + name});
    throw_if_interrupted("");
    check(report, name + ": SHA-256 as recorded", [&] {
      const std::string found = sha256_of_file(folder / name);
      if (found == expected) return;
      throw Error("E0428",
                  (folder / name).string() + ": SHA-256 is " + found + ", recorded is " + expected,
                  "The file was changed after it was put on the shelf: get or add the model "
                  "again.");
    });
  }
}

}  // namespace

std::vector<ShelfEntry> Shelf::list() const {
  std::map<std::string, ShelfEntry> entries;
  for (const KnownModel& model : known_) {
    entries[model.name] = {.name = model.name,
                           .kind = model.kind,
                           .known = true,
                           .bytes = model.download_bytes,
                           .licence = model.licence,
                           .summary = model.summary};
  }
  std::error_code error;
  for (const std::string& name : names_in(folder_)) {
    const fs::path place = folder_ / name;
    if (name.starts_with('.') || !fs::is_directory(place, error)) continue;
    ShelfEntry& entry = entries[name];
    entry.name = name;
    entry.present = true;
    entry.folder = place;
    entry.bytes = bytes_below(fs::canonical(place));
    try {
      const ModelAbout about = about_in(place);
      entry.kind = about.kind;
      if (!about.licence.empty()) entry.licence = about.licence;
      entry.summary = in_words(facts_of(about, place));
    } catch (const Error& wrong) {
      entry.kind.clear();
      entry.summary = wrong.what();
    }
  }
  std::vector<ShelfEntry> result;
  for (auto& [name, entry] : entries) result.push_back(std::move(entry));
  return result;
}

ModelFacts Shelf::inspect(std::string_view name_or_path) const {
  const fs::path path = find(name_or_path);
  const ModelAbout about = about_in(path);
  ModelFacts facts = facts_of(about, path);
  if (about.kind == "encoder") {
    const ModelFolder folder = ModelFolder::open(path);
    facts.weights_hash = folder.weights_hash();
    facts.tokenizer_hash = folder.tokenizer_hash();
    facts.tokenizer = Tokenizer::open(path)->description();
  } else {
    facts.weights_hash = sha256_of_file(gguf_in(path));
  }
  facts.name = about.name;
  facts.kind = about.kind;
  facts.licence = about.licence;
  facts.source = about.source;
  facts.prefix = about.prefix;
  facts.pooling = about.pooling;
  facts.folder = path;
  facts.disk_bytes = bytes_below(fs::canonical(path));
  return facts;
}

VerifyReport verify_model_folder(const fs::path& path, const ProgressSink& progress) {
  VerifyReport report;
  ModelAbout about;
  check(report, "gantry.json: read", [&] { about = about_in(path); });
  verify_hashes(path, about, report, progress);
  if (about.kind == "decoder") {
    check(report, "weights: every tensor inside the file, all finite", [&] {
      const fs::path file = gguf_in(path);
      if (file.empty()) {
        throw Error("E0413", path.string() + ": no GGUF file", "Copy the weights into the folder.");
      }
      GgufFile::open(file).check_finite();
    });
    return report;
  }
  check(report, "config.json and weights: every tensor there, of the right shape",
        [&] { ModelFolder::open(path).check(); });
  if (!report.good()) return report;
  const ModelFolder folder = ModelFolder::open(path);
  tell(progress, Progress{.phase = "looking for NaN and infinite weights"});
  check(report, "weights: all finite", [&] { folder.weights().check_finite(); });
  check(report, "tokenizer: fits the vocabulary",
        [&] { Tokenizer::open(path)->check_fits(folder.config().vocab_size); });
  return report;
}

VerifyReport Shelf::verify(std::string_view name_or_path, const ProgressSink& progress) const {
  return verify_model_folder(find(name_or_path), progress);
}

}  // namespace gantry
