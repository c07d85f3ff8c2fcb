// GGUF files of causal models that are damaged or hostile: each ends in an Error that says what is
// wrong, before a weight is used.
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "weights/decoder_folder.h"
#include "weights/gguf_writer.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

// A small sound model; a test damages a copy of it.
struct Parts {
  GgufMetadata metadata = {{"general.architecture", std::string("llama")},
                           {"llama.block_count", int64_t{1}},
                           {"llama.context_length", int64_t{64}},
                           {"llama.embedding_length", int64_t{32}},
                           {"llama.feed_forward_length", int64_t{64}},
                           {"llama.attention.head_count", int64_t{2}},
                           {"llama.attention.head_count_kv", int64_t{1}},
                           {"llama.attention.layer_norm_rms_epsilon", 1e-5},
                           {"tokenizer.ggml.eos_token_id", int64_t{2}}};
  std::vector<GgufTensorPlan> tensors = {{"token_embd.weight", BlockType::q8_0, {40, 32}},
                                         {"blk.0.attn_q.weight", BlockType::q8_0, {32, 32}},
                                         {"blk.0.attn_k.weight", BlockType::q8_0, {16, 32}},
                                         {"blk.0.attn_v.weight", BlockType::q8_0, {16, 32}},
                                         {"blk.0.attn_output.weight", BlockType::q8_0, {32, 32}},
                                         {"blk.0.ffn_gate.weight", BlockType::q8_0, {64, 32}},
                                         {"blk.0.ffn_up.weight", BlockType::q8_0, {64, 32}},
                                         {"blk.0.ffn_down.weight", BlockType::q8_0, {32, 64}},
                                         {"blk.0.attn_norm.weight", BlockType::f32, {32}},
                                         {"blk.0.ffn_norm.weight", BlockType::f32, {32}},
                                         {"output_norm.weight", BlockType::f32, {32}}};

  GgufValue& value(const std::string& key) {
    for (auto& [name, v] : metadata) {
      if (name == key) return v;
    }
    return metadata.emplace_back(key, int64_t{0}).second;
  }
  void erase(const std::string& key) {
    std::erase_if(metadata, [&](const auto& entry) { return entry.first == key; });
    std::erase_if(tensors, [&](const auto& tensor) { return tensor.name == key; });
  }
  GgufTensorPlan& tensor(const std::string& name) {
    for (GgufTensorPlan& t : tensors) {
      if (t.name == name) return t;
    }
    GANTRY_CHECK(false);
  }
};

// The code and words of the Error that opening and checking the file ends in; "" for none.
std::string outcome(const Parts& parts,
                    const std::function<void(std::string& bytes)>& damage = {}) {
  const fs::path path =
      fs::temp_directory_path() / ("gantry_hostile_" + std::to_string(::getpid()) + ".gguf");
  GgufWriter writer(path, parts.metadata, parts.tensors);
  for (const GgufTensorPlan& t : parts.tensors) {
    int64_t count = 1;
    for (int64_t n : t.shape) count *= n;
    writer.append(std::vector<float>(static_cast<size_t>(count), 0.5f));
  }
  writer.commit();
  if (damage) {
    std::string bytes = read_file(path);
    damage(bytes);
    write_file_atomically(path, bytes);
  }
  std::string said;
  try {
    const DecoderFolder folder = DecoderFolder::open(path);
    folder.check();
    for (const DecoderTensorShape& t : decoder_tensors(folder.config())) folder.read_f32(t.name);
  } catch (const Error& error) {
    said = error.code() + ": " + error.message();
  }
  fs::remove(path);
  return said;
}

void expect_said(const Parts& parts, const std::string& code, const std::string& word) {
  const std::string said = outcome(parts);
  EXPECT_TRUE(said.starts_with(code)) << said;
  EXPECT_NE(said.find(word), std::string::npos) << said;
}

TEST(HostileDecoder, ASoundFileOpens) { EXPECT_EQ(outcome(Parts()), ""); }

TEST(HostileDecoder, EveryMissingTensorIsNamed) {
  for (const GgufTensorPlan& t : Parts().tensors) {
    Parts parts;
    parts.erase(t.name);
    const std::string said = outcome(parts);
    EXPECT_TRUE(said.starts_with("E0414") || said.starts_with("E0403")) << t.name << ": " << said;
  }
}

TEST(HostileDecoder, EveryWrongShapeIsNamed) {
  for (const GgufTensorPlan& t : Parts().tensors) {
    if (t.name == "token_embd.weight") continue;  // its rows are the vocabulary
    Parts parts;
    parts.tensor(t.name).shape[0] += 1;
    if (t.shape.size() == 1) parts.tensor(t.name).shape[0] = 31;
    const std::string said = outcome(parts);
    EXPECT_TRUE(said.starts_with("E0414")) << t.name << ": " << said;
  }
  Parts narrow;
  narrow.tensor("token_embd.weight").shape = {40, 64};
  expect_said(narrow, "E0414", "embed_tokens");
  Parts vector;
  vector.tensor("blk.0.attn_q.weight").shape = {1024};
  EXPECT_FALSE(outcome(vector).empty());
}

TEST(HostileDecoder, MetadataOutOfRangeIsNamed) {
  const auto with = [](const std::string& key, GgufValue value) {
    Parts parts;
    parts.value(key) = std::move(value);
    return parts;
  };
  expect_said(with("general.architecture", std::string("rwkv7")), "E0412", "rwkv7");
  for (const char* key : {"llama.block_count", "llama.embedding_length", "llama.context_length",
                          "llama.feed_forward_length", "llama.attention.head_count"}) {
    for (int64_t value : {int64_t{0}, int64_t{-1}, int64_t{1} << 40}) {
      expect_said(with(key, value), "E04", key);
    }
    Parts missing;
    missing.erase(key);
    expect_said(missing, "E0443", key);
    expect_said(with(key, std::string("32")), "E0443", key);
  }
  EXPECT_NE(outcome(with("llama.attention.head_count", int64_t{3})), "") << "32 / 3 a head";
  EXPECT_NE(outcome(with("llama.attention.head_count_kv", int64_t{3})), "") << "3 of 2 heads";
  EXPECT_NE(outcome(with("llama.attention.layer_norm_rms_epsilon", -1.0)), "");
  EXPECT_NE(outcome(with("llama.attention.key_length", int64_t{15})), "") << "odd heads";
  EXPECT_NE(outcome(with("llama.rope.dimension_count", int64_t{8})), "") << "half a head rotated";
  EXPECT_NE(outcome(with("llama.rope.freq_base", -5.0)), "");
  EXPECT_NE(outcome(with("llama.block_count", int64_t{2})), "") << "blocks that are not there";
}

// The type of the first tensor lies behind its name and its two dimensions.
TEST(HostileDecoder, AnUnknownQuantisationIsNamed) {
  for (uint32_t type : {4u, 9u, 16u, 39u, 0x7fffffffu}) {
    const std::string said = outcome(Parts(), [&](std::string& bytes) {
      const std::string name = "token_embd.weight";
      const size_t at = bytes.find(name) + name.size() + 4 + 2 * 8;
      bytes.replace(at, 4, reinterpret_cast<const char*>(&type), 4);
    });
    EXPECT_TRUE(said.starts_with("E0442")) << type << ": " << said;
    EXPECT_NE(said.find("token_embd.weight"), std::string::npos) << said;
  }
}

TEST(HostileDecoder, ValuesThatAreNoNumbersAreNamed) {
  const std::string said = outcome(Parts(), [](std::string& bytes) {
    // The last 0.5 of the file is a weight of a norm: a NaN instead.
    const float half = 0.5f;
    const uint32_t nan = 0x7fc00000;
    const size_t at = bytes.rfind(std::string(reinterpret_cast<const char*>(&half), 4));
    bytes.replace(at, 4, reinterpret_cast<const char*>(&nan), 4);
  });
  EXPECT_TRUE(said.starts_with("E0404")) << said;
  EXPECT_NE(said.find("norm"), std::string::npos) << said;
}

TEST(HostileDecoder, CutAnywhereItIsRefused) {
  for (size_t keep : {size_t{0}, size_t{3}, size_t{24}, size_t{200}, size_t{600}, size_t{5000}}) {
    const std::string said = outcome(Parts(), [&](std::string& bytes) { bytes.resize(keep); });
    EXPECT_TRUE(said.starts_with("E04")) << keep << ": " << said;
  }
}

}  // namespace
}  // namespace gantry
