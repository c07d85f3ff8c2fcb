// The GGUF side of decoder_export.h: names, order of rows and metadata as llama.cpp has them.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "text/tokenizer_convert.h"
#include "weights/block_encode.h"
#include "weights/decoder_export.h"
#include "weights/decoder_tokenizer.h"
#include "weights/gguf_writer.h"

namespace gantry {

namespace {

namespace fs = std::filesystem;

// llama.cpp's LLAMA_FTYPE_*: what the file mostly holds.
int64_t file_type(BlockType type) {
  switch (type) {
    case BlockType::f32:
      return 0;
    case BlockType::f16:
      return 1;
    case BlockType::q4_0:
      return 2;
    case BlockType::q8_0:
      return 7;
    default:
      return 32;  // bf16
  }
}

bool is_rotated(const std::string& name) {
  return name.ends_with("self_attn.q_proj.weight") || name.ends_with("self_attn.k_proj.weight");
}

// Rows j and j + half of a head come to lie side by side (see DecoderTensor::stored_row).
void interleave(std::vector<float>& values, int64_t rows, int64_t cols, int64_t head_size) {
  const DecoderTensor order{.rotary_half = head_size / 2};
  std::vector<float> out(values.size());
  for (int64_t r = 0; r < rows; ++r)
    std::copy_n(values.begin() + r * cols, cols, out.begin() + order.stored_row(r) * cols);
  values = std::move(out);
}

// transformers' _compute_llama3_parameters: what each rotary frequency is divided by.
std::vector<float> llama3_factors(const DecoderConfig& c) {
  const RopeScaling& s = c.rope_scaling;
  const auto original = static_cast<double>(s.original_context);
  std::vector<float> factors;
  for (int64_t i = 0; i < c.head_size / 2; ++i) {
    const double frequency =
        std::pow(c.rope_base, -2.0 * static_cast<double>(i) / static_cast<double>(c.head_size));
    const double length = 2 * std::numbers::pi / frequency;
    double factor = 1;
    if (length > original / s.low_frequency_factor) {
      factor = s.factor;
    } else if (length > original / s.high_frequency_factor) {
      const double smooth = (original / length - s.low_frequency_factor) /
                            (s.high_frequency_factor - s.low_frequency_factor);
      factor = 1 / ((1 - smooth) / s.factor + smooth);
    }
    factors.push_back(static_cast<float>(factor));
  }
  return factors;
}

GgufVocabulary vocabulary_of(const DecoderFolder& base) {
  if (base.gguf() && base.gguf()->has("tokenizer.ggml.model"))
    return gguf_vocabulary(*base.gguf(), base.path().string());
  const DecoderConfig& c = base.config();
  GgufVocabulary v =
      gguf_vocabulary_of_folder(base.folder(), c.bos_id, c.eos_ids.empty() ? -1 : c.eos_ids[0]);
  const auto rows = static_cast<size_t>(c.vocabulary);
  if (v.tokens.size() > rows)
    throw Error("E0444",
                base.path().string() + ": the tokenizer has " + std::to_string(v.tokens.size()) +
                    " pieces, the model " + std::to_string(rows) + " rows",
                "Put the model's own tokenizer into its folder.");
  // llama.cpp wants a piece for each row.
  while (v.tokens.size() < rows) {
    v.tokens.push_back("[PAD" + std::to_string(v.tokens.size()) + "]");
    if (!v.scores.empty()) v.scores.push_back(-1e6f);
    v.kinds.push_back(5);
  }
  return v;
}

void add_tokenizer(GgufMetadata& m, const GgufVocabulary& v, const std::string& chat_template) {
  const auto put = [&](const char* key, GgufValue value) {
    m.emplace_back(std::string("tokenizer.ggml.") + key, std::move(value));
  };
  put("model", v.model);
  put("pre", v.pre);
  put("tokens", v.tokens);
  if (!v.scores.empty()) put("scores", std::vector<double>(v.scores.begin(), v.scores.end()));
  put("token_type", std::vector<int64_t>(v.kinds.begin(), v.kinds.end()));
  if (!v.merges.empty()) put("merges", v.merges);
  const std::pair<const char*, int32_t> ids[] = {{"bos_token_id", v.begin},
                                                 {"eos_token_id", v.end},
                                                 {"unknown_token_id", v.unk},
                                                 {"padding_token_id", v.pad}};
  for (const auto& [key, id] : ids)
    if (id >= 0) put(key, int64_t{id});
  const std::pair<const char*, std::optional<bool>> flags[] = {
      {"add_bos_token", v.add_begin},
      {"add_eos_token", v.add_end},
      {"add_space_prefix", v.add_space_prefix},
      {"remove_extra_whitespaces", v.remove_extra_spaces}};
  for (const auto& [key, flag] : flags)
    if (flag) put(key, *flag);
  if (!chat_template.empty()) m.emplace_back("tokenizer.chat_template", chat_template);
}

GgufMetadata metadata_of(const MergedDecoder& model, BlockType type, const std::string& name) {
  const DecoderConfig& c = model.config();
  GgufMetadata m = {{"general.architecture", std::string("llama")},
                    {"general.name", name},
                    {"general.file_type", file_type(type)},
                    {"general.quantization_version", int64_t{2}},
                    {"llama.vocab_size", c.vocabulary},
                    {"llama.context_length", c.context},
                    {"llama.embedding_length", c.hidden},
                    {"llama.block_count", c.layers},
                    {"llama.feed_forward_length", c.mlp},
                    {"llama.rope.dimension_count", c.head_size},
                    {"llama.rope.freq_base", c.rope_base},
                    {"llama.attention.head_count", c.heads},
                    {"llama.attention.head_count_kv", c.kv_heads},
                    {"llama.attention.key_length", c.head_size},
                    {"llama.attention.value_length", c.head_size},
                    {"llama.attention.layer_norm_rms_epsilon", c.norm_eps}};
  if (c.window > 0) m.emplace_back("llama.attention.sliding_window", c.window);
  if (c.rope_scaling.kind == RopeScaling::Kind::linear) {
    m.emplace_back("llama.rope.scaling.type", std::string("linear"));
    m.emplace_back("llama.rope.scaling.factor", c.rope_scaling.factor);
  }
  add_tokenizer(m, vocabulary_of(model.base()), chat_template_text(model.base()));
  return m;
}

// What each tensor is stored as. The embedding and the head decide between tokens: 4 bits are too
// few for them.
BlockType type_of(const DecoderTensorShape& t, BlockType asked, GgufExport& out) {
  if (t.shape.size() == 1) return BlockType::f32;
  const bool ends = t.name == "model.embed_tokens.weight" || t.name == "lm_head.weight";
  const BlockType type = ends && asked == BlockType::q4_0 ? BlockType::q8_0 : asked;
  if (t.shape[1] % block_elements(type) == 0) return type;
  ++out.as_f16;
  return BlockType::f16;
}

}  // namespace

GgufExport write_decoder_gguf(const MergedDecoder& model, BlockType type, const fs::path& file,
                              const std::string& name, const ProgressSink& sink) {
  GANTRY_CHECK(can_encode(type));
  const DecoderConfig& c = model.config();
  if (fs::exists(file))
    throw Error("E0416", file.string() + ": exists already", "Give another name, or remove it.");
  if (c.rope_scaling.kind == RopeScaling::Kind::dynamic)
    throw Error("E0444", name + ": llama.cpp has no dynamic RoPE scaling",
                "Export a Hugging Face folder instead.");
  GgufExport out;
  if (c.window > 0 && c.window < c.context)
    out.remark = "llama.cpp reads this architecture without its sliding window of " +
                 std::to_string(c.window) + " tokens: give it texts no longer than that";
  const std::vector<DecoderTensorShape> tensors = decoder_tensors(c);
  std::vector<GgufTensorPlan> plans;
  std::vector<float> factors = c.rope_scaling.factors;
  if (c.rope_scaling.kind == RopeScaling::Kind::llama3) factors = llama3_factors(c);
  if (!factors.empty())
    plans.push_back({"rope_freqs.weight", BlockType::f32, {static_cast<int64_t>(factors.size())}});
  for (const DecoderTensorShape& t : tensors)
    plans.push_back({gguf_tensor_name(t.name), type_of(t, type, out), t.shape});
  GgufWriter writer(file, metadata_of(model, type, name), plans);
  if (!factors.empty()) writer.append(factors);
  std::vector<float> values;
  double done = 0;
  for (const DecoderTensorShape& t : tensors) {
    const int64_t rows = t.shape.size() == 1 ? 1 : t.shape[0], cols = t.shape.back();
    const int64_t at_once = is_rotated(t.name) ? rows : std::min<int64_t>(rows, 4096);
    for (int64_t r = 0; r < rows; r += at_once) {
      const int64_t n = std::min(at_once, rows - r);
      values.resize(static_cast<size_t>(n * cols));
      model.rows(t.name, r, r + n, values);
      if (is_rotated(t.name)) interleave(values, rows, cols, c.head_size);
      writer.append(values);
    }
    tell(sink, {.phase = "writing " + file.filename().string(),
                .done = ++done,
                .total = static_cast<double>(tensors.size()),
                .unit = "tensors"});
  }
  writer.commit();
  out.bytes = static_cast<int64_t>(fs::file_size(file));
  return out;
}

}  // namespace gantry
