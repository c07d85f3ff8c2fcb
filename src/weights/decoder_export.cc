#include "weights/decoder_export.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/threads.h"
#include "text/tokenizer_convert.h"
#include "weights/decoder_tokenizer.h"
#include "weights/folder_listing.h"
#include "weights/fresh_folder.h"
#include "weights/safetensors.h"

namespace gantry {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kRowsAtOnce = 4096;

json scaling_json(const RopeScaling& s) {
  switch (s.kind) {
    case RopeScaling::Kind::linear:
      return {{"rope_type", "linear"}, {"factor", s.factor}};
    case RopeScaling::Kind::dynamic:
      return {{"rope_type", "dynamic"}, {"factor", s.factor}};
    case RopeScaling::Kind::llama3:
      return {{"rope_type", "llama3"},
              {"factor", s.factor},
              {"low_freq_factor", s.low_frequency_factor},
              {"high_freq_factor", s.high_frequency_factor},
              {"original_max_position_embeddings", s.original_context}};
    case RopeScaling::Kind::factors:
      throw Error("E0444", "the model's rope_freqs have no form in config.json",
                  "Export it as GGUF, or merge into the Hugging Face folder it was made of.");
    default:
      return nullptr;
  }
}

}  // namespace

MergedDecoder::MergedDecoder(const DecoderFolder& base, const DecoderAdapter* adapter)
    : base_(base), adapter_(adapter) {
  if (!adapter) return;
  check_decoder_adapter(*adapter, base, "the adapter");
  for (const LoraModule& m : adapter->lora.modules) modules_[m.module + ".weight"] = &m;
}

void MergedDecoder::rows(const std::string& name, int64_t begin, int64_t end,
                         std::span<float> out) const {
  base_.read_rows_f32(name, begin, end, out);
  const auto found = modules_.find(name);
  if (found == modules_.end()) return;
  const LoraModule& m = *found->second;
  const auto scale = static_cast<float>(adapter_->lora.scale_of(m));
  parallel_for(end - begin, 8, [&](int64_t first, int64_t last) {
    std::vector<float> sum(static_cast<size_t>(m.in));
    for (int64_t i = first; i < last; ++i) {
      std::fill(sum.begin(), sum.end(), 0.0f);
      for (int64_t r = 0; r < m.rank; ++r) {
        const float b = m.b[static_cast<size_t>((begin + i) * m.rank + r)];
        const float* a = m.a.data() + r * m.in;
        for (int64_t j = 0; j < m.in; ++j) sum[static_cast<size_t>(j)] += b * a[j];
      }
      float* row = out.data() + i * m.in;
      for (int64_t j = 0; j < m.in; ++j) row[j] += scale * sum[static_cast<size_t>(j)];
    }
  });
}

std::string hugging_face_config(const DecoderConfig& c, StoredType type) {
  const char* dtype = type == StoredType::f32   ? "float32"
                      : type == StoredType::f16 ? "float16"
                                                : "bfloat16";
  json j = c.json.empty() ? json::object() : json::parse(c.json);
  j["torch_dtype"] = dtype;
  j.erase("dtype");
  j.erase("quantization_config");
  if (!c.json.empty()) return j.dump(2) + "\n";
  const bool mistral = c.family == DecoderFamily::mistral;
  j["architectures"] = {mistral ? "MistralForCausalLM" : "LlamaForCausalLM"};
  j["model_type"] = mistral ? "mistral" : "llama";
  j["hidden_act"] = "silu";
  j["hidden_size"] = c.hidden;
  j["num_hidden_layers"] = c.layers;
  j["num_attention_heads"] = c.heads;
  j["num_key_value_heads"] = c.kv_heads;
  j["head_dim"] = c.head_size;
  j["intermediate_size"] = c.mlp;
  j["vocab_size"] = c.vocabulary;
  j["max_position_embeddings"] = c.context;
  j["rope_theta"] = c.rope_base;
  j["rope_scaling"] = scaling_json(c.rope_scaling);
  j["rms_norm_eps"] = c.norm_eps;
  j["tie_word_embeddings"] = c.tied;
  if (mistral) j["sliding_window"] = c.window > 0 ? json(c.window) : json(nullptr);
  if (!mistral) {
    j["attention_bias"] = false;
    j["mlp_bias"] = false;
  }
  j["bos_token_id"] = c.bos_id >= 0 ? json(c.bos_id) : json(nullptr);
  j["eos_token_id"] = c.eos_ids.empty()       ? json(nullptr)
                      : c.eos_ids.size() == 1 ? json(c.eos_ids[0])
                                              : json(c.eos_ids);
  return j.dump(2) + "\n";
}

std::string write_decoder_folder(const MergedDecoder& model, StoredType type,
                                 const fs::path& folder, const std::string& name,
                                 const ProgressSink& sink) {
  const DecoderFolder& base = model.base();
  std::vector<StoredTensor> tensors;
  for (const DecoderTensorShape& t : decoder_tensors(model.config()))
    tensors.push_back({t.name, type, t.shape});
  FreshFolder fresh(folder);
  {
    SafetensorsWriter writer(fresh.path() / "model.safetensors", tensors, {{"format", "pt"}});
    std::vector<float> values;
    double done = 0;
    for (const StoredTensor& t : tensors) {
      const int64_t rows = t.shape.size() == 1 ? 1 : t.shape[0], cols = t.shape.back();
      for (int64_t r = 0; r < rows; r += kRowsAtOnce) {
        const int64_t n = std::min(kRowsAtOnce, rows - r);
        values.resize(static_cast<size_t>(n * cols));
        model.rows(t.name, r, r + n, values);
        writer.append(values);
      }
      tell(sink, {.phase = "writing " + folder.filename().string(),
                  .done = ++done,
                  .total = static_cast<double>(tensors.size()),
                  .unit = "tensors"});
    }
    writer.commit();
  }
  write_file_atomically(fresh.path() / "config.json", hugging_face_config(model.config(), type));
  bool tokenizer = false;
  for (const char* file : {"tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt",
                           "tokenizer_config.json", "special_tokens_map.json",
                           "chat_template.jinja", "generation_config.json", "added_tokens.json"}) {
    if (!is_there(base.folder() / file)) continue;
    copy_file_synced(base.folder() / file, fresh.path() / file);
    tokenizer = tokenizer || std::string(file).starts_with("tokenizer.");
  }
  if (!tokenizer && base.gguf() && base.gguf()->has("tokenizer.ggml.model")) {
    const std::string label = base.path().string();
    for (const auto& [file, content] : hugging_face_tokenizer(gguf_vocabulary(*base.gguf(), label),
                                                              chat_template_text(base), label))
      write_file_atomically(fresh.path() / file, content);
  }
  ModelAbout about = base.about();
  about.name = name;
  about.kind = "decoder";
  about.files.clear();
  about.source =
      "made of " + base.name() + (model.adapter() ? " and an adapter merged into it" : "");
  write_file_atomically(fresh.path() / "gantry.json", model_about_json(about));
  fresh.commit();
  return DecoderFolder::open(folder).weights_hash();
}

}  // namespace gantry
