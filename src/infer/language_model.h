// LanguageModel: a causal language model that answers. Opens a Hugging Face folder or a GGUF file
// of the LLaMA or Mistral architecture, with a LoRA adapter on top where there is one.
//
//   LanguageModel model = LanguageModel::open(folder, {.adapter = "runs/run-1/adapter"});
//   std::vector<int32_t> prompt = model.prompt_ids("Diagnosis: ...\nModality:");
//   GenerationResult answer = generate(model, {{prompt}}, {.max_tokens = 64}).front();
//
// The matrices stay as they are stored (mapped from the file, not copied) unless another precision
// is asked for; the adapter is computed beside them in float32. A sequence's results are the same
// bits whatever else is computed with it and however its prompt was cut into cached parts.
// Not thread-safe: one model a thread; it uses all threads of the pool itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "weights/decoder_config.h"

namespace gantry {

class DecoderInference;  // models/decoder_inference.h

// What stays computed between calls: the beginning that the last call's prompts shared, and those
// prompts themselves, as the next call often asks something else about the same texts.
struct KeptPrompts {
  struct Line {
    int32_t sequence = -1;
    std::vector<int32_t> ids;
  };
  Line shared;
  std::vector<Line> prompts;
};

// How the matrices are held. kStored maps the file's own blocks; the others are converted at load.
enum class WeightPrecision { kStored, kInt8, kBf16, kFp32 };
WeightPrecision weight_precision_from(const std::string& name);  // Error E0761
const char* name_of(WeightPrecision precision);

// What is multiplied with matrices that are held in 4 to 8 bits. kInt8 and kInt16 round each 32
// values of a row to 8 bits (what llama.cpp does) or 16, with a step of their own; kExact
// multiplies float32 values with the decoded weights, which is the reference. docs/numerics.md has
// the differences. Float matrices always meet float32 rows.
enum class ActivationPrecision { kInt16, kInt8, kExact };
ActivationPrecision activation_precision_from(const std::string& name);  // Error E0761
const char* name_of(ActivationPrecision precision);                      // "int16", ...

struct LanguageModelOptions {
  std::filesystem::path adapter;  // a PEFT folder; empty: none
  WeightPrecision precision = WeightPrecision::kStored;
  ActivationPrecision activations = ActivationPrecision::kInt8;
  // Tokens of all sequences together that are kept at once; 0: as many as the work needs.
  int64_t cache_tokens = 0;
  int64_t memory_limit = 0;  // bytes; 0: what the system says is available
};

// What a model needs before anything is read.
struct MemoryNeed {
  int64_t mapped = 0;           // the file's pages: shared, and given back under pressure
  int64_t converted = 0;        // weights copied into another precision, and the adapter
  int64_t cache_per_token = 0;  // keys and values of one token
  // Of cache_tokens; or of 4,096 positions (the context, if that is less) and of kept prompts.
  int64_t cache = 0;
  int64_t work = 0;  // activations of one pass
  int64_t total() const { return mapped + converted + cache + work; }
  std::string table() const;  // for people, one line each
};

struct LanguageModelInfo {
  std::string name;
  DecoderConfig config;
  std::string weights;  // "Q4_1 210 matrices, Q8_0 1, F32 61"
  std::string adapter;  // folder, "" = none
  int64_t parameters = 0;
  MemoryNeed need;
  std::string chat_template;  // as the model's files give it, "" = none
};

class LanguageModel {
 public:
  // `path`: a Hugging Face folder, a folder with one .gguf, or a .gguf file. Errors: those of
  // weights/decoder_folder.h and weights/peft.h; E0762 it does not fit in memory (says what would);
  // E0434 an adapter of another base.
  static LanguageModel open(const std::filesystem::path& path,
                            const LanguageModelOptions& options = {});
  // The same sums without reading weights.
  static MemoryNeed need(const std::filesystem::path& path,
                         const LanguageModelOptions& options = {});

  LanguageModel(LanguageModel&&) noexcept;
  LanguageModel& operator=(LanguageModel&&) noexcept;
  ~LanguageModel();

  const LanguageModelInfo& info() const;
  std::string weights_hash() const;  // SHA-256 of the base weights' files; reads them
  const Tokenizer& tokenizer() const;
  int64_t context() const;  // longest prompt and answer together, in tokens
  // Ids that end an answer: eos of the config and of the tokenizer, and the template's end of turn
  // where the vocabulary has it (<|im_end|>, <|eot_id|>).
  std::span<const int32_t> end_ids() const;
  int32_t end_id() const { return end_ids().front(); }

  // A whole prompt as ids: begin token where the model wants one, special tokens written in the
  // text read as such.
  std::vector<int32_t> prompt_ids(std::string_view text) const;
  // A piece that follows a prompt: no begin token.
  std::vector<int32_t> continuation_ids(std::string_view text) const;

  // Logits [ids.size(), vocabulary] of a text on its own; for checks and small texts.
  std::vector<float> logits(std::span<const int32_t> ids);

  // For the calls of infer/: the forward pass, and what it keeps between calls: prompts of at most
  // kept_tokens() positions together.
  DecoderInference& engine();
  KeptPrompts& kept();
  int64_t kept_tokens() const;

 private:
  struct Impl;
  explicit LanguageModel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry
