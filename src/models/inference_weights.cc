#include "models/inference_weights.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/threads.h"
#include "tensor/bfloat16.h"
#include "weights/peft.h"

namespace gantry {
namespace {

// Nearest half, ties to even, of a normal number in range; what a Q8_0 scale is.
uint16_t to_half(float x) {
  const auto u = std::bit_cast<uint32_t>(x);
  const uint32_t sign = (u >> 16) & 0x8000, magnitude = u & 0x7fffffff;
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7bff);  // the largest half
  if (magnitude < 0x38800000) {  // subnormal halves: units of 2^-24
    const float units = std::bit_cast<float>(magnitude) * 0x1p24f;
    return static_cast<uint16_t>(sign | static_cast<uint32_t>(std::nearbyint(units)));
  }
  const uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}

float half_value(uint16_t bits) {
  float value;
  uint8_t bytes[2];
  std::memcpy(bytes, &bits, 2);
  blocks_to_float(BlockType::f16, {bytes, 2}, {&value, 1});
  return value;
}

void to_q8_0(const float* from, int64_t n, uint8_t* to) {
  for (int64_t b = 0; b < n / 32; ++b, from += 32, to += 34) {
    float top = 0;
    for (int i = 0; i < 32; ++i) top = std::max(top, std::abs(from[i]));
    const uint16_t bits = to_half(top / 127.0f);
    const float scale = half_value(bits), inverse = scale > 0 ? 1.0f / scale : 0.0f;
    std::memcpy(to, &bits, 2);
    for (int i = 0; i < 32; ++i) {
      const float q = std::clamp(std::nearbyint(from[i] * inverse), -127.0f, 127.0f);
      to[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(q));
    }
  }
}

void convert_row(const float* from, int64_t n, BlockType type, uint8_t* to) {
  switch (type) {
    case BlockType::f32:
      std::memcpy(to, from, static_cast<size_t>(n) * 4);
      return;
    case BlockType::bf16:
      for (int64_t i = 0; i < n; ++i) {
        const bf16 x = to_bf16(from[i]);
        std::memcpy(to + 2 * i, &x, 2);
      }
      return;
    case BlockType::q8_0:
      to_q8_0(from, n, to);
      return;
    default:
      GANTRY_CHECK(false);
  }
}

int64_t bytes_of_row(BlockType type, int64_t in) {
  return in / block_elements(type) * block_bytes(type);
}

std::string layer_name(int64_t layer, const char* rest) {
  return "model.layers." + std::to_string(layer) + "." + rest;
}

}  // namespace

BlockType converted_type(BlockType stored, int64_t in, MatrixForm form) {
  switch (form) {
    case MatrixForm::kInt8:
      return in % 32 == 0 ? BlockType::q8_0 : BlockType::f32;
    case MatrixForm::kBf16:
      return BlockType::bf16;
    case MatrixForm::kFp32:
      return BlockType::f32;
    default:
      return stored;
  }
}

struct DecoderInferenceWeights::Impl {
  const DecoderFolder& base;
  MatrixForm form;
  const PeftAdapter* adapter;
  std::vector<std::unique_ptr<uint8_t[]>> owned;
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  std::vector<std::unique_ptr<uint8_t, Free>> packed_memory;
  BlockMatrix embedding, head;
  std::vector<float> final_norm;
  std::vector<DecoderBlockWeights> blocks;

  BlockMatrix matrix(const std::string& name) {
    const DecoderTensor& t = base.tensor(name);
    BlockMatrix m{t.type, t.rows(), t.cols(), t.data, t.row_bytes, t.rotary_half};
    const BlockType type = converted_type(t.type, t.cols(), form);
    if (type == t.type) return m;
    const int64_t row_bytes = bytes_of_row(type, m.in);
    owned.push_back(
        std::make_unique_for_overwrite<uint8_t[]>(static_cast<size_t>(row_bytes * m.out)));
    uint8_t* to = owned.back().get();
    parallel_for(m.out, 16, [&](int64_t begin, int64_t end) {
      std::vector<float> row(static_cast<size_t>(m.in));
      for (int64_t r = begin; r < end; ++r) {
        blocks_to_float(m.type, {m.row(r), static_cast<size_t>(m.row_bytes)}, row);
        convert_row(row.data(), m.in, type, to + r * row_bytes);
      }
    });
    return {type, m.out, m.in, to, row_bytes, 0};
  }

  FrozenLinear packed(const std::vector<float>& values, int64_t rows, int64_t cols) {
    constexpr int64_t kLine = 64;
    const int64_t bytes = FrozenLinear::storage_bytes(cols, rows, FrozenType::f32);
    packed_memory.emplace_back(static_cast<uint8_t*>(
        std::aligned_alloc(kLine, static_cast<size_t>((bytes + kLine - 1) / kLine * kLine))));
    GANTRY_CHECK(packed_memory.back() != nullptr);
    FrozenLinear matrix(cols, rows, FrozenType::f32, packed_memory.back().get());
    matrix.pack(0, rows, values.data());
    return matrix;
  }

  const LoraModule* adapted(const std::string& module) const {
    if (!adapter) return nullptr;
    const auto it = std::find_if(adapter->modules.begin(), adapter->modules.end(),
                                 [&](const LoraModule& m) { return m.module == module; });
    return it == adapter->modules.end() ? nullptr : &*it;
  }

  AdaptedGroup group(int64_t layer, std::initializer_list<const char*> modules) {
    AdaptedGroup group;
    std::vector<float> a;
    for (const char* name : modules) {
      const std::string module = layer_name(layer, name);
      AdaptedMatrix m;
      m.weight = matrix(module + ".weight");
      if (const LoraModule* lora = adapted(module)) {
        m.rank = lora->rank;
        std::vector<float> b = lora->b;
        const auto scale = static_cast<float>(adapter->scale_of(*lora));
        for (float& x : b) x *= scale;
        m.b = packed(b, lora->out, lora->rank);
        a.insert(a.end(), lora->a.begin(), lora->a.end());
        group.rank += lora->rank;
      }
      group.matrices.push_back(m);
    }
    if (group.rank > 0) group.a = packed(a, group.rank, group.matrices.front().weight.in);
    return group;
  }
};

DecoderInferenceWeights::DecoderInferenceWeights(const DecoderFolder& base, MatrixForm form,
                                                 const PeftAdapter* adapter)
    : impl_(new Impl{base, form, adapter, {}, {}, {}, {}, {}, {}}) {
  const DecoderConfig& config = base.config();
  impl_->embedding = impl_->matrix("model.embed_tokens.weight");
  impl_->head = config.tied ? impl_->embedding : impl_->matrix("lm_head.weight");
  impl_->final_norm = base.read_f32("model.norm.weight");
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    DecoderBlockWeights block;
    block.input_norm = base.read_f32(layer_name(layer, "input_layernorm.weight"));
    block.mlp_norm = base.read_f32(layer_name(layer, "post_attention_layernorm.weight"));
    block.qkv = impl_->group(layer, {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"});
    block.output = impl_->group(layer, {"self_attn.o_proj"});
    block.gate_up = impl_->group(layer, {"mlp.gate_proj", "mlp.up_proj"});
    block.down = impl_->group(layer, {"mlp.down_proj"});
    impl_->blocks.push_back(std::move(block));
  }
  impl_->adapter = nullptr;  // copied: it may go
}
DecoderInferenceWeights::DecoderInferenceWeights(DecoderInferenceWeights&&) noexcept = default;
DecoderInferenceWeights::~DecoderInferenceWeights() = default;

DecoderInferenceWeights::Bytes DecoderInferenceWeights::bytes(const DecoderFolder& base,
                                                              MatrixForm form) {
  Bytes sum;
  for (const DecoderTensor* t : base.tensors()) {
    if (t->rows() == 1) continue;  // norms
    const BlockType type = converted_type(t->type, t->cols(), form);
    if (type == t->type) {
      sum.mapped += t->rows() * t->row_bytes;
    } else {
      sum.converted += t->rows() * bytes_of_row(type, t->cols());
    }
  }
  return sum;
}

const BlockMatrix& DecoderInferenceWeights::embedding() const { return impl_->embedding; }
const BlockMatrix& DecoderInferenceWeights::head() const { return impl_->head; }
const std::vector<float>& DecoderInferenceWeights::final_norm() const { return impl_->final_norm; }
const std::vector<DecoderBlockWeights>& DecoderInferenceWeights::blocks() const {
  return impl_->blocks;
}

}  // namespace gantry
