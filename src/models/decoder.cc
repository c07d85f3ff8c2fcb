#include "models/decoder.h"

#include "base/error.h"
#include "models/decoder_model.h"
#include "weights/decoder_folder.h"

namespace gantry {

DecoderWeights folder_weights(const DecoderFolder& folder) {
  return [&folder](const std::string& name, int64_t begin, int64_t end, std::span<float> out) {
    folder.read_rows_f32(name, begin, end, out);
  };
}

std::unique_ptr<Decoder> make_decoder(const DecoderConfig& config, const DecoderLora& lora,
                                      const DecoderHow& how, const DecoderCapacity& capacity,
                                      TensorSpecs& specs) {
  if (lora.rank != 0) check_decoder_lora(lora, config);
  GANTRY_CHECK(!how.training || lora.rank > 0);
  if (how.bf16_activations) {
    return std::make_unique<DecoderModel<bf16>>(config, lora, how, capacity, specs);
  }
  return std::make_unique<DecoderModel<float>>(config, lora, how, capacity, specs);
}

int64_t frozen_bytes(const DecoderConfig& config, const DecoderHow& how) {
  TensorSpecs specs;
  DecoderHow alone = how;
  alone.training = false;
  make_decoder(config, {}, alone, {.rows = 1, .segments = 1, .labels = 1, .positions = 1}, specs);
  int64_t bytes = 0;
  for (const TensorSpec& spec : specs.specs()) {
    if (spec.group == "frozen weights") bytes += spec.bytes();
  }
  return bytes;
}

int64_t decoder_bytes(const DecoderConfig& config, const DecoderLora& lora, const DecoderHow& how,
                      const DecoderCapacity& capacity) {
  TensorSpecs specs;
  const auto decoder = make_decoder(config, lora, how, capacity, specs);
  constexpr int64_t kCopies = 4;  // adapter, gradients and two moments
  return specs.total_bytes() + kCopies * 4 * decoder->adapters().size();
}

std::string what_would_fit(const DecoderConfig& config, const DecoderLora& lora,
                           const DecoderHow& how, const DecoderCapacity& capacity, int64_t limit) {
  struct Way {
    std::string words;
    DecoderHow how;
    DecoderCapacity capacity;
  };
  std::vector<Way> ways;
  DecoderHow changed = how;
  changed.recompute = true;
  if (how.training && !how.recompute) ways.push_back({"recompute = true", changed, capacity});
  std::string prefix = how.training ? "recompute = true and " : "";
  for (const FrozenType type : {FrozenType::int8, FrozenType::nf4}) {
    if (FrozenLinear::storage_bytes(64, 64, type) >=
        FrozenLinear::storage_bytes(64, 64, how.weights))
      continue;
    changed.weights = type;
    ways.push_back({prefix + "base weights in " + name_of(type), changed, capacity});
  }
  DecoderCapacity fewer = capacity;
  while (fewer.rows > 512) {
    fewer.rows /= 2;
    fewer.labels = std::min(fewer.labels, fewer.rows);
    const std::string words = std::string(name_of(changed.weights)) + " and " +
                              std::to_string(fewer.rows) + " tokens a pass";
    ways.push_back({prefix + "base weights in " + words, changed, fewer});
  }
  for (const Way& way : ways) {
    const int64_t bytes = decoder_bytes(config, lora, way.how, way.capacity);
    if (bytes <= limit) {
      return "It would fit with " + way.words + ": " + std::to_string(bytes >> 20) + " MiB.";
    }
  }
  return "No setting makes it fit: choose a smaller model.";
}

void require_decoder_memory(const DecoderConfig& config, const DecoderLora& lora,
                            const DecoderHow& how, const DecoderCapacity& capacity, int64_t limit) {
  const int64_t bytes = decoder_bytes(config, lora, how, capacity);
  if (limit <= 0 || bytes <= limit) return;
  TensorSpecs specs;
  make_decoder(config, lora, how, capacity, specs);
  throw Error("E0601",
              "needs " + std::to_string(bytes >> 20) + " MiB of memory, " +
                  std::to_string(limit >> 20) + " MiB are allowed:\n" + specs.table(),
              what_would_fit(config, lora, how, capacity, limit));
}

DecoderFlops decoder_flops(const DecoderConfig& config, const AdapterTable& adapters,
                           const DecoderHow& how) {
  const double hidden = static_cast<double>(config.hidden);
  const double q = hidden * static_cast<double>(config.q_cols()),
               kv = 2 * hidden * static_cast<double>(config.kv_cols()),
               mlp = 3 * hidden * static_cast<double>(config.mlp);
  const double layers = static_cast<double>(config.layers), head = hidden * config.vocabulary;
  double all = 0, of_last = 0;  // adapters' weights: of all rows, of label rows
  for (const AdapterModule& m : adapters.modules()) {
    const double n = static_cast<double>(m.rank * (m.in + m.out));
    const bool last = m.layer + 1 == config.layers && m.target != 1 && m.target != 2;
    (last ? of_last : all) += n;
  }
  const double rows = (layers - 1) * (2 * q + kv + mlp) + kv, labels = 2 * q + mlp + head;
  DecoderFlops flops;
  if (!how.training) {
    flops.row = 2 * (rows + all);
    flops.label = 2 * (labels + of_last);
    return flops;
  }
  // Forward and the gradient of the inputs (none below the first block); adapters' own too.
  const double first = layers > 1 ? q + kv : 0;
  flops.row = 4 * rows - 2 * first + 6 * all;
  flops.label = 4 * labels + 6 * of_last;
  return flops;
}

}  // namespace gantry
