#include "train/write_model.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "weights/model_folder.h"
#include "weights/shared_words.h"

namespace gantry {

namespace {

constexpr int64_t kRowsAtOnce = 8192;

// Which tensors are written, and under which prefix.
struct Selection {
  std::string prefix;  // of all but the classifier
  int below_depth = 0;
  bool own_words_only = false;  // the word table is another folder's

  bool takes(const Parameter& p) const {
    return p.depth < below_depth && p.name.find(".lora_") == std::string::npos;
  }
  // "embeddings.LayerNorm.bias" -> "bert.embeddings.LayerNorm.bias".
  std::string stored_name(const std::string& canonical) const {
    return canonical.starts_with("classifier.") ? canonical : prefix + canonical;
  }
};

std::vector<StoredTensor> tensors_of(const EncoderConfig& config, const ParameterTable& table,
                                     const Selection& selection) {
  std::vector<StoredTensor> tensors;
  for (const Parameter& p : table.all()) {
    if (!selection.takes(p)) continue;
    if (p.offset == table.embedding().word && selection.own_words_only) {
      tensors.push_back({.name = selection.stored_name(kWordRowsTensor),
                         .type = StoredType::f32,
                         .shape = {p.rows, p.cols}});
      continue;
    }
    const int64_t rows = p.offset == table.embedding().word
                             ? config.vocab_size
                             : p.rows / static_cast<int64_t>(p.pieces.size());
    for (const std::string& piece : p.pieces)
      tensors.push_back(
          {.name = selection.stored_name(piece),
           .type = StoredType::f32,
           .shape = p.vector ? std::vector<int64_t>{rows} : std::vector<int64_t>{rows, p.cols}});
  }
  return tensors;
}

void append_word_table(const ModelFolder& base, const CompactVocabulary& vocabulary,
                       const float* compact, double untouched_decay, SafetensorsWriter& out) {
  const int64_t h = base.config().hidden_size, all = base.config().vocab_size;
  std::vector<int32_t> ids;
  std::vector<float> rows;
  const auto factor = static_cast<float>(untouched_decay);
  for (int64_t begin = 0; begin < all; begin += kRowsAtOnce) {
    ids.clear();
    for (int64_t i = begin; i < std::min(all, begin + kRowsAtOnce); ++i)
      ids.push_back(static_cast<int32_t>(i));
    rows.resize(ids.size() * static_cast<size_t>(h));
    base.read_rows_f32(kWordTable, ids, rows);
    for (size_t i = 0; i < ids.size(); ++i) {
      float* row = rows.data() + i * static_cast<size_t>(h);
      if (const int32_t trained = vocabulary.row(ids[i]); trained >= 0)
        std::copy_n(compact + trained * h, h, row);
      else
        for (int64_t c = 0; c < h; ++c) row[c] *= factor;
    }
    out.append(rows);
  }
}

std::string config_json(const EncoderConfig& config, const FineTuneSettings& settings,
                        const ModelDescription& description) {
  const Architecture& architecture = architecture_of(config.model_type);
  nlohmann::json j = nlohmann::json::parse(config.json);
  j["architectures"] = {settings.pooler ? architecture.classifier_class
                                        : architecture.encoder_class};
  j["problem_type"] = "single_label_classification";
  j["id2label"] = nlohmann::json::object();
  j["label2id"] = nlohmann::json::object();
  for (size_t i = 0; i < description.labels.size(); ++i) {
    j["id2label"][std::to_string(i)] = description.labels[i];
    j["label2id"][description.labels[i]] = i;
  }
  j.erase("num_labels");
  return j.dump(2) + "\n";
}

std::string classifier_json(const FineTuneSettings& settings, const ModelDescription& description,
                            double untouched_decay) {
  nlohmann::json j = nlohmann::json::parse(description.extra_json);
  j["labels"] = description.labels;
  j["pooling"] = settings.pooling;
  j["pooler"] = settings.pooler;
  j["window_pooling"] = settings.window_pooling;
  j["temperature"] = description.temperature;
  j["prefix"] = description.prefix;
  j["untouched_decay"] = untouched_decay;
  return j.dump(2) + "\n";
}

// What a folder says that shares the word table of `description.words_of`.
std::string word_rows_of(const ModelDescription& description, const std::filesystem::path& folder,
                         const CompactVocabulary& vocabulary, double untouched_decay) {
  const auto& owner = description.words_of;
  const auto head = nlohmann::json::parse(read_file(owner / "classifier.json"));
  const ModelAbout about =
      parse_model_about(read_file(owner / "gantry.json"), (owner / "gantry.json").string());
  return word_rows_json({.folder = owner.lexically_relative(folder).generic_string(),
                         .sha256 = about.files.at("model.safetensors"),
                         .factor = untouched_decay / head.at("untouched_decay").get<double>(),
                         .rows = vocabulary.ids()});
}

// Fills `contents` with the encoder's values and everything that stays as in the base.
void describe_contents(const ModelFolder& base, const ParameterTable& table,
                       const CompactVocabulary& vocabulary, std::span<const float> weights,
                       double untouched_decay, const Selection& selection,
                       EncoderFolderContents& contents) {
  contents.tensors = tensors_of(base.config(), table, selection);
  contents.copied_files = base.tokenizer_files();
  contents.about = base.about();
  contents.about.files.clear();
  contents.append_tensors = [&base, &table, &vocabulary, weights, untouched_decay,
                             selection](SafetensorsWriter& out) {
    for (const Parameter& p : table.all()) {
      if (!selection.takes(p)) continue;
      const float* values = weights.data() + p.offset;
      if (p.offset == table.embedding().word && !selection.own_words_only)
        append_word_table(base, vocabulary, values, untouched_decay, out);
      else
        out.append({values, static_cast<size_t>(p.elements())});
    }
  };
}

// Writes beside `folder`, and puts the complete new folder in the place of an old one.
void put_in_place(const EncoderFolderContents& contents, const std::filesystem::path& folder) {
  const std::filesystem::path made = folder.string() + ".new", old = folder.string() + ".old";
  std::filesystem::remove_all(made);
  write_encoder_folder(made, contents);
  std::filesystem::remove_all(old);
  if (std::filesystem::exists(folder)) std::filesystem::rename(folder, old);
  std::filesystem::rename(made, folder);
  std::filesystem::remove_all(old);
}

}  // namespace

void merge_lora(const EncoderConfig& config, const ParameterTable& table, const LoraShape& lora,
                float* weights) {
  if (lora.rank == 0) return;
  const int64_t h = config.hidden_size, f = config.intermediate_size;
  const float scale = lora.alpha / static_cast<float>(lora.rank);
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    const BlockOffsets& b = table.block(l);
    const int64_t bases[6] = {b.qkv, b.qkv + h * h, b.qkv + 2 * h * h, b.out, b.up, b.down};
    for (int t = 0; t < 6; ++t) {
      if (b.lora[t].a < 0) continue;
      const int64_t in = t == 5 ? f : h, out = t == 4 ? f : h;
      const float* a_matrix = weights + b.lora[t].a;
      float* b_matrix = weights + b.lora[t].b;
      for (int64_t o = 0; o < out; ++o) {
        float* row = weights + bases[t] + o * in;
        for (int64_t r = 0; r < lora.rank; ++r) {
          const float s = scale * b_matrix[o * lora.rank + r];
          for (int64_t i = 0; i < in; ++i) row[i] += s * a_matrix[r * in + i];
        }
      }
      std::fill_n(b_matrix, out * lora.rank, 0.0f);
    }
  }
}

PeftAdapter trained_adapter(const ModelFolder& base, const FineTuneSettings& settings,
                            const ParameterTable& table, std::span<const float> weights) {
  PeftAdapter adapter{.rank = settings.lora.rank,
                      .alpha = settings.lora.alpha,
                      .dropout = settings.lora.dropout,
                      .base_model = base.name()};
  std::map<std::string, LoraModule> modules;
  for (const Parameter& p : table.all()) {
    const auto at = weights.begin() + p.offset;
    std::vector<float> values(at, at + p.elements());
    if (const size_t lora = p.name.find(".lora_"); lora != std::string::npos) {
      LoraModule& module = modules[p.name.substr(0, lora)];
      const bool is_a = p.name.ends_with("lora_A.weight");
      (is_a ? module.in : module.out) = is_a ? p.cols : p.rows;
      (is_a ? module.a : module.b) = std::move(values);
      module.rank = settings.lora.rank;
    } else if (p.depth >= table.head_depth()) {
      adapter.head.push_back(
          {p.name, p.vector ? std::vector<int64_t>{p.rows} : std::vector<int64_t>{p.rows, p.cols},
           std::move(values)});
    }
  }
  for (auto& [name, module] : modules) {
    module.module = name;
    adapter.modules.push_back(std::move(module));
  }
  return adapter;
}

void write_classifier_folder(const ModelFolder& base, const FineTuneSettings& settings,
                             const ParameterTable& table, const CompactVocabulary& vocabulary,
                             std::span<const float> weights, double untouched_decay,
                             const ModelDescription& description,
                             const std::filesystem::path& folder) {
  if (description.labels.size() != static_cast<size_t>(settings.classes))
    throw Error("E0611",
                "the model is described with " + std::to_string(description.labels.size()) +
                    " labels and has " + std::to_string(settings.classes) + " classes",
                "Give one label a class.");
  EncoderFolderContents contents;
  describe_contents(base, table, vocabulary, weights, untouched_decay,
                    {.prefix = architecture_of(base.config().model_type).prefix,
                     .below_depth = table.head_depth() + 1,
                     .own_words_only = !description.words_of.empty()},
                    contents);
  contents.config_json = config_json(base.config(), settings, description);
  contents.new_files = {
      {"classifier.json", classifier_json(settings, description, untouched_decay)}};
  if (!description.words_of.empty())
    contents.new_files.emplace_back(kWordRowsFile,
                                    word_rows_of(description, folder, vocabulary, untouched_decay));
  contents.about.name = description.name.empty() ? base.name() : description.name;
  contents.about.prefix = description.prefix;
  contents.about.pooling = settings.pooling;
  put_in_place(contents, folder);
}

void write_base_folder(const ModelFolder& base, const ParameterTable& table,
                       const CompactVocabulary& vocabulary, std::span<const float> weights,
                       double untouched_decay,
                       const std::vector<std::pair<std::string, std::string>>& extra,
                       const std::filesystem::path& folder) {
  EncoderFolderContents contents;
  describe_contents(base, table, vocabulary, weights, untouched_decay,
                    {.below_depth = table.adapter_depth()}, contents);
  contents.config_json = base.config().json;
  contents.new_files = extra;
  contents.about.name = base.name();
  put_in_place(contents, folder);
}

}  // namespace gantry
