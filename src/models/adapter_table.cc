#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"
#include "models/decoder.h"

namespace gantry {
namespace {

// Matrices that read the same rows lie together, so that their A's are one matrix.
constexpr std::array<std::array<int, 3>, 4> kTogether = {
    {{0, 1, 2}, {3, -1, -1}, {4, 5, -1}, {6, -1, -1}}};

const char* place_of(int target) { return target < 4 ? "self_attn." : "mlp."; }

std::pair<int64_t, int64_t> shape_of(const DecoderConfig& c, int target) {  // in, out
  switch (target) {
    case 0:
      return {c.hidden, c.q_cols()};
    case 1:
    case 2:
      return {c.hidden, c.kv_cols()};
    case 3:
      return {c.q_cols(), c.hidden};
    case 6:
      return {c.mlp, c.hidden};
    default:
      return {c.hidden, c.mlp};
  }
}

}  // namespace

std::span<const std::string> decoder_lora_targets() {
  static const std::vector<std::string> names = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                 "gate_proj", "up_proj", "down_proj"};
  return names;
}

float DecoderLora::scale() const {
  const float r = static_cast<float>(rank);
  return rank == 0 ? 0 : rslora ? alpha / std::sqrt(r) : alpha / r;
}

void check_decoder_lora(const DecoderLora& lora, const DecoderConfig& config) {
  const auto refuse = [](const std::string& what, const std::string& remedy) {
    throw Error("E0621", "LoRA: " + what, remedy);
  };
  if (lora.rank < 1 || lora.rank > std::min<int64_t>(config.hidden, 1024)) {
    refuse("rank " + std::to_string(lora.rank) + " is not between 1 and " +
               std::to_string(std::min<int64_t>(config.hidden, 1024)),
           "8 to 64 is usual.");
  }
  if (!(lora.alpha > 0) || !std::isfinite(lora.alpha)) {
    refuse("alpha " + format_double(lora.alpha, 3) + " is not above 0", "16 to 64 is usual.");
  }
  if (!(lora.dropout >= 0 && lora.dropout < 1)) {
    refuse("dropout " + format_double(lora.dropout, 3) + " is not in [0, 1)", "0 to 0.1 is usual.");
  }
  if (lora.targets.empty())
    refuse("no matrix to adapt is named", "Name q_proj and v_proj, or all.");
  const auto known = decoder_lora_targets();
  for (const std::string& target : lora.targets) {
    if (std::find(known.begin(), known.end(), target) != known.end()) continue;
    const std::string near = nearest_word(target, known);
    refuse("there is no matrix '" + target + "'" + (near.empty() ? "" : "; the nearest is " + near),
           "Name some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj.");
  }
}

AdapterTable::AdapterTable(const DecoderConfig& config, const DecoderLora& lora) {
  const auto names = decoder_lora_targets();
  index_.assign(static_cast<size_t>(config.layers) * names.size(), -1);
  if (lora.rank == 0) return;
  const auto wanted = [&](int target) {
    return target >= 0 && std::find(lora.targets.begin(), lora.targets.end(),
                                    names[static_cast<size_t>(target)]) != lora.targets.end();
  };
  for (int layer = 0; layer < config.layers; ++layer) {
    for (const auto& together : kTogether) {
      const size_t first = modules_.size();
      for (const int target : together) {
        if (!wanted(target)) continue;
        const auto [in, out] = shape_of(config, target);
        index_[static_cast<size_t>(layer) * names.size() + static_cast<size_t>(target)] =
            static_cast<int>(modules_.size());
        modules_.push_back({.name = "model.layers." + std::to_string(layer) + "." +
                                    place_of(target) + names[static_cast<size_t>(target)],
                            .layer = layer,
                            .target = target,
                            .in = in,
                            .out = out,
                            .rank = lora.rank,
                            .a = size_});
        size_ += lora.rank * in;
      }
      for (size_t i = first; i < modules_.size(); ++i) {
        modules_[i].b = size_;
        size_ += modules_[i].out * modules_[i].rank;
      }
    }
  }
}

const AdapterModule* AdapterTable::find(int layer, int target) const {
  const size_t at =
      static_cast<size_t>(layer) * decoder_lora_targets().size() + static_cast<size_t>(target);
  if (at >= index_.size() || index_[at] < 0) return nullptr;
  return &modules_[static_cast<size_t>(index_[at])];
}

void init_adapter(const AdapterTable& table, uint64_t seed, float* adapter) {
  for (const AdapterModule& m : table.modules()) {
    Random random(seed, stream_of(m.name));
    const double bound = 1.0 / std::sqrt(static_cast<double>(m.in));
    for (int64_t i = 0; i < m.rank * m.in; ++i) {
      adapter[m.a + i] = static_cast<float>((2 * random.uniform() - 1) * bound);
    }
    std::fill(adapter + m.b, adapter + m.b + m.out * m.rank, 0.0f);
  }
}

}  // namespace gantry
