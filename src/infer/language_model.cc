#include "infer/language_model.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "models/decoder_inference.h"
#include "weights/decoder_adapter.h"
#include "weights/decoder_folder.h"
#include "weights/decoder_tokenizer.h"

namespace gantry {
namespace {

constexpr std::array kActivationNames = {"int16", "int8", "exact"};
constexpr std::array kPrecisionNames = {"stored", "int8", "bf16", "fp32"};

// What work of the usual kind keeps at once.
constexpr int64_t kUsualTokens = 4096;

// Of prompts kept for the next call: those of some 60 cases for a small model, of one for a large.
constexpr int64_t kKeptTokens = 8192, kKeptBytes = int64_t{384} << 20;

// Ends of a turn in the chat templates of the models this architecture has, beside eos.
constexpr std::array kTurnEnds = {"<|im_end|>", "<|eot_id|>"};

MatrixForm form_of(WeightPrecision precision) {
  switch (precision) {
    case WeightPrecision::kInt8:
      return MatrixForm::kInt8;
    case WeightPrecision::kBf16:
      return MatrixForm::kBf16;
    case WeightPrecision::kFp32:
      return MatrixForm::kFp32;
    default:
      return MatrixForm::kStored;
  }
}

DecoderInferenceOptions engine_options(const LanguageModelOptions& options) {
  DecoderInferenceOptions o;
  constexpr std::array kForms = {ProductRows::kInt16, ProductRows::kInt8, ProductRows::kExact};
  o.activations = kForms[static_cast<size_t>(options.activations)];
  o.cache_tokens = options.cache_tokens;
  return o;
}

// None where the cache is bounded.
int64_t kept_tokens_of(const DecoderConfig& config, const LanguageModelOptions& options) {
  if (options.cache_tokens > 0) return 0;
  return std::min(kKeptTokens, kKeptBytes / cache_bytes_per_token(config));
}

MemoryNeed need_of(const DecoderFolder& base, const LanguageModelOptions& options) {
  const DecoderConfig& config = base.config();
  const auto bytes = DecoderInferenceWeights::bytes(base, form_of(options.precision));
  MemoryNeed need;
  need.mapped = bytes.mapped;
  need.converted = bytes.converted;
  if (!options.adapter.empty()) {
    const auto file = options.adapter / "adapter_model.safetensors";
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (!error) need.converted += static_cast<int64_t>(size);
  }
  need.cache_per_token = cache_bytes_per_token(config);
  need.cache = need.cache_per_token *
               (options.cache_tokens > 0
                    ? options.cache_tokens
                    : std::min(config.context, kUsualTokens) + kept_tokens_of(config, options));
  need.work = pass_bytes(config, engine_options(options));
  return need;
}

// MemAvailable of the system; a large number where it does not say.
int64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  while (file >> word) {
    int64_t kib = 0;
    if (word == "MemAvailable:" && file >> kib) return kib * 1024;
  }
  return std::numeric_limits<int64_t>::max();
}

// Mapped pages come and go with what is free, but a model that is read whole for each token must be
// in memory to be of use.
void check_memory(const DecoderFolder& base, const LanguageModelOptions& options,
                  const MemoryNeed& need) {
  const int64_t limit = options.memory_limit > 0 ? options.memory_limit : available_memory();
  if (need.total() <= limit) return;
  std::string advice;
  const auto fits = [&](LanguageModelOptions other, const std::string& what) {
    if (advice.empty() && need_of(base, other).total() <= limit) advice = what;
  };
  const int64_t fixed = need.total() - need.cache;
  if (fixed < limit) {
    const int64_t tokens = (limit - fixed) / need.cache_per_token / 16 * 16;
    if (tokens >= 256) advice = "With a cache of " + with_commas(tokens) + " tokens it fits.";
  }
  LanguageModelOptions smaller = options;
  smaller.cache_tokens = std::min<int64_t>(2048, base.config().context);
  smaller.precision = WeightPrecision::kStored;
  fits(smaller, "As it is stored, with a cache of 2,048 tokens, it fits.");
  smaller.precision = WeightPrecision::kInt8;
  fits(smaller, "In int8 with a cache of 2,048 tokens it fits.");
  if (advice.empty())
    advice =
        "A file in fewer bits (a GGUF in Q4_K or Q4_0), a smaller model, or a machine with "
        "more memory would fit.";
  throw Error("E0762",
              base.path().string() + " needs " + format_bytes(static_cast<double>(need.total())) +
                  " of memory and " + format_bytes(static_cast<double>(limit)) + " are free (" +
                  need.table() + ")",
              advice);
}

std::string describe_weights(const DecoderFolder& base, WeightPrecision precision) {
  std::map<std::string, int> count;
  for (const DecoderTensor* t : base.tensors()) {
    const BlockType type =
        t->rows() == 1 ? BlockType::f32 : converted_type(t->type, t->cols(), form_of(precision));
    ++count[std::string(name_of(type))];
  }
  std::string text;
  for (const auto& [type, n] : count) {
    text += (text.empty() ? "" : ", ") + type + " " + std::to_string(n);
  }
  return text;
}

}  // namespace

WeightPrecision weight_precision_from(const std::string& name) {
  for (size_t i = 0; i < kPrecisionNames.size(); ++i) {
    if (name == kPrecisionNames[i]) return static_cast<WeightPrecision>(i);
  }
  throw Error("E0761", "'" + name + "' is no precision of weights",
              "Choose stored, int8, bf16 or fp32.");
}

const char* name_of(WeightPrecision precision) {
  return kPrecisionNames[static_cast<size_t>(precision)];
}

ActivationPrecision activation_precision_from(const std::string& name) {
  for (size_t i = 0; i < kActivationNames.size(); ++i) {
    if (name == kActivationNames[i]) return static_cast<ActivationPrecision>(i);
  }
  throw Error("E0761", "'" + name + "' is no precision of activations",
              "Choose int16, int8 or exact.");
}

const char* name_of(ActivationPrecision precision) {
  return kActivationNames[static_cast<size_t>(precision)];
}

std::string MemoryNeed::table() const {
  const auto line = [](const char* what, int64_t bytes) {
    return std::string(what) + " " + format_bytes(static_cast<double>(bytes));
  };
  return line("mapped weights", mapped) + ", " + line("converted weights", converted) + ", " +
         line("keys and values", cache) + " at " + line("", cache_per_token).substr(1) +
         " a token, " + line("work", work);
}

struct LanguageModel::Impl {
  DecoderFolder base;
  LanguageModelOptions options;
  LanguageModelInfo info;
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<DecoderInferenceWeights> weights;
  std::unique_ptr<DecoderInference> engine;
  std::vector<int32_t> end_ids;
  KeptPrompts kept;

  Impl(DecoderFolder folder, const LanguageModelOptions& o) : base(std::move(folder)), options(o) {}

  void add_end(int32_t id) {
    if (id >= 0 && std::find(end_ids.begin(), end_ids.end(), id) == end_ids.end()) {
      end_ids.push_back(id);
    }
  }
};

LanguageModel LanguageModel::open(const std::filesystem::path& path,
                                  const LanguageModelOptions& options) {
  auto impl = std::make_unique<Impl>(DecoderFolder::open(path), options);
  const DecoderFolder& base = impl->base;
  base.check();
  LanguageModelInfo& info = impl->info;
  info.need = need_of(base, options);
  check_memory(base, options, info.need);
  impl->tokenizer = open_decoder_tokenizer(base);

  std::optional<DecoderAdapter> adapter;
  if (!options.adapter.empty()) {
    adapter = read_decoder_adapter(options.adapter);
    check_decoder_adapter(*adapter, base, options.adapter.string());
  }
  impl->weights.emplace(base, form_of(options.precision), adapter ? &adapter->lora : nullptr);
  impl->engine =
      std::make_unique<DecoderInference>(base.config(), *impl->weights, engine_options(options));
  info.name = base.name();
  info.config = base.config();
  info.weights = describe_weights(base, options.precision);
  info.adapter = options.adapter.string();
  info.parameters =
      base.config().block_weights() + base.config().head_weights() * (base.config().tied ? 1 : 2);
  info.chat_template = chat_template_text(base);
  for (int32_t id : base.config().eos_ids) impl->add_end(id);
  impl->add_end(impl->tokenizer->end_id());
  for (const char* token : kTurnEnds) impl->add_end(impl->tokenizer->id(token));
  if (impl->end_ids.empty())
    throw Error("E0411",
                path.string() + ": neither the config nor the tokenizer names an end token",
                "Set eos_token_id in config.json.");
  return LanguageModel(std::move(impl));
}

MemoryNeed LanguageModel::need(const std::filesystem::path& path,
                               const LanguageModelOptions& options) {
  return need_of(DecoderFolder::open(path), options);
}

LanguageModel::LanguageModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LanguageModel::LanguageModel(LanguageModel&&) noexcept = default;
LanguageModel& LanguageModel::operator=(LanguageModel&&) noexcept = default;
LanguageModel::~LanguageModel() = default;

const LanguageModelInfo& LanguageModel::info() const { return impl_->info; }
std::string LanguageModel::weights_hash() const { return impl_->base.weights_hash(); }
const Tokenizer& LanguageModel::tokenizer() const { return *impl_->tokenizer; }
int64_t LanguageModel::context() const { return impl_->info.config.context; }
std::span<const int32_t> LanguageModel::end_ids() const { return impl_->end_ids; }
DecoderInference& LanguageModel::engine() { return *impl_->engine; }
KeptPrompts& LanguageModel::kept() { return impl_->kept; }
int64_t LanguageModel::kept_tokens() const {
  return kept_tokens_of(impl_->info.config, impl_->options);
}

std::vector<int32_t> LanguageModel::prompt_ids(std::string_view text) const {
  const auto before = impl_->tokenizer->specials_before();
  std::vector<int32_t> ids(before.begin(), before.end());
  const Encoding encoding = impl_->tokenizer->encode(text);
  ids.insert(ids.end(), encoding.ids.begin(), encoding.ids.end());
  return ids;
}

std::vector<int32_t> LanguageModel::continuation_ids(std::string_view text) const {
  return impl_->tokenizer->encode(text).ids;
}

std::vector<float> LanguageModel::logits(std::span<const int32_t> ids) {
  const int64_t vocabulary = impl_->info.config.vocabulary;
  std::vector<float> out(ids.size() * static_cast<size_t>(vocabulary));
  DecoderInference& engine = *impl_->engine;
  const Sequence sequence = engine.open();
  engine.add(sequence, ids, Wanted::kAll);
  engine.run([&](int64_t row, Matrix<const float> logits) {
    std::copy_n(logits.data, logits.rows * vocabulary, out.begin() + row * vocabulary);
  });
  engine.close(sequence);
  return out;
}

}  // namespace gantry
