#include "weights/decoder_folder.h"

#include <nlohmann/json.hpp>

#include "weights/test_folder.h"

namespace gantry {
namespace {

using nlohmann::json;

json llama() {
  return {{"model_type", "llama"},    {"hidden_size", 32},
          {"num_hidden_layers", 2},   {"num_attention_heads", 4},
          {"intermediate_size", 44},  {"vocab_size", 71},
          {"rms_norm_eps", 1e-5},     {"max_position_embeddings", 64},
          {"num_key_value_heads", 2}, {"tie_word_embeddings", true},
          {"bos_token_id", 1},        {"eos_token_id", {2, 5}}};
}
DecoderConfig parse(const json& config) { return parse_decoder_config(config.dump(), "c"); }
json with(const char* key, json value) {
  json config = llama();
  config[key] = std::move(value);
  return config;
}

TEST(DecoderConfig, ReadsLlama) {
  const DecoderConfig c = parse(llama());
  EXPECT_EQ(c.family, DecoderFamily::llama);
  EXPECT_EQ(c.head_size, 8);
  EXPECT_EQ(c.kv_cols(), 16);
  EXPECT_EQ(c.window, 0);
  EXPECT_TRUE(c.tied);
  EXPECT_EQ(c.eos_ids, (std::vector<int32_t>{2, 5}));
  EXPECT_EQ(c.rope_base, 10000);
  EXPECT_EQ(decoder_tensors(c).size(), 1u + 2 * 9 + 1);
  EXPECT_EQ(c.block_weights(), 2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 44));
}

TEST(DecoderConfig, MistralHasAWindowUnlessItSaysNone) {
  json config = with("model_type", "mistral");
  EXPECT_EQ(parse(config).window, 4096);  // MistralConfig's default
  config["sliding_window"] = nullptr;
  EXPECT_EQ(parse(config).window, 0);
  config["sliding_window"] = 9;
  EXPECT_EQ(parse(config).window, 9);
}

TEST(DecoderConfig, ReadsRotaryScalingOldAndNew) {
  json old = with("rope_scaling", {{"type", "linear"}, {"factor", 4.0}});
  old["rope_theta"] = 5e5;
  EXPECT_EQ(parse(old).rope_scaling.kind, RopeScaling::Kind::linear);
  EXPECT_EQ(parse(old).rope_scaling.factor, 4);
  EXPECT_EQ(parse(old).rope_base, 5e5);
  const DecoderConfig c =
      parse(with("rope_parameters", {{"rope_type", "llama3"},
                                     {"rope_theta", 5e5},
                                     {"factor", 8.0},
                                     {"low_freq_factor", 1.0},
                                     {"high_freq_factor", 4.0},
                                     {"original_max_position_embeddings", 32}}));
  EXPECT_EQ(c.rope_scaling.kind, RopeScaling::Kind::llama3);
  EXPECT_EQ(c.rope_scaling.original_context, 32);
  EXPECT_EQ(c.rope_base, 5e5);
}

TEST(DecoderConfig, RefusesWhatItCannotCompute) {
  const struct {
    const char *key, *code, *words;
    json value;
  } kCases[] = {
      {"model_type", "E0412", "gpt2", "gpt2"},
      {"hidden_size", "E0411", "hidden_size", -3},
      {"hidden_size", "E0411", "hidden_size", 1e30},
      {"num_attention_heads", "E0411", "not a multiple", 3},
      {"head_dim", "E0411", "odd", 7},
      {"head_dim", "E0411", "head_dim", 131072 * 4},
      {"attention_bias", "E0412", "biases", true},
      {"hidden_act", "E0412", "gelu", "gelu"},
      {"rope_scaling", "E0412", "yarn", {{"rope_type", "yarn"}, {"factor", 2.0}}},
      {"rope_scaling", "E0411", "rope_scaling", "linear"},
      {"eos_token_id", "E0411", "eos_token_id", 71},
      {"rms_norm_eps", "E0411", "rms_norm_eps", "small"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.key + c.value.dump());
    const std::string error = error_of([&] { parse(with(c.key, c.value)); });
    EXPECT_TRUE(says(error, c.code));
    EXPECT_TRUE(says(error, c.words));
  }
  json wide = with("head_dim", 131072);
  wide["num_attention_heads"] = 64;
  EXPECT_TRUE(says(error_of([&] { parse(wide); }), "too wide"));
  EXPECT_TRUE(says(error_of([] { parse_decoder_config("{", "c"); }), "E0411"));
  EXPECT_TRUE(says(error_of([] { parse_decoder_config("[]", "c"); }), "E0411"));
}

std::filesystem::path tiny_decoder(const char* name) {
  return std::filesystem::path(GANTRY_SOURCE_DIR) / "tests/data/decoder" / name;
}

TEST(DecoderFolder, OpensShardsAndReadsRows) {
  const DecoderFolder base = DecoderFolder::open(tiny_decoder("llama_gqa_tied"));
  base.check();
  EXPECT_TRUE(DecoderFolder::is_decoder(base.path()));
  EXPECT_EQ(base.gguf(), nullptr);
  EXPECT_GT(base.weight_files().size(), 1u);
  EXPECT_EQ(base.weights_hash().size(), 64u);
  const std::string name = "model.layers.1.self_attn.q_proj.weight";
  const std::vector<float> all = base.read_f32(name);
  std::vector<float> rows(3 * 32);
  base.read_rows_f32(name, 4, 7, rows);
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], all[4 * 32 + i]);
  EXPECT_TRUE(
      says(error_of([&] { base.read_f32("model.layers.1.self_attn.q_porj.weight"); }), "q_proj"));
}

TEST(DecoderFolder, SaysWhatIsMissing) {
  TestFolder folder;
  EXPECT_TRUE(says(error_of([&] { DecoderFolder::open(folder.path()); }), "E0413"));
  EXPECT_TRUE(says(error_of([&] { DecoderFolder::open(folder / "none"); }), "E0413"));
  EXPECT_FALSE(DecoderFolder::is_decoder(folder.path()));
  const std::filesystem::path from = tiny_decoder("llama");
  json config = json::parse(read_file(from / "config.json"));
  config["num_hidden_layers"] = 4;
  config["intermediate_size"] = 45;
  write_file_atomically(folder / "config.json", config.dump());
  EXPECT_TRUE(says(error_of([&] { DecoderFolder::open(folder.path()); }), "E0413"));  // no weights
  const std::string weights = read_file(from / "model.safetensors");
  write_file_atomically(folder / "model.safetensors", weights);
  const std::string error = error_of([&] { DecoderFolder::open(folder.path()).check(); });
  EXPECT_TRUE(says(error, "E0414"));
  EXPECT_TRUE(says(error, "gate_proj.weight is [44, 32], not [45, 32]"));
  write_file_atomically(folder / "model.safetensors", weights.substr(0, weights.size() / 2));
  EXPECT_TRUE(says(error_of([&] { DecoderFolder::open(folder.path()); }), "E0401"));
  write_file_atomically(folder / "a.gguf", "GGUF");
  std::filesystem::remove(folder / "config.json");
  EXPECT_TRUE(says(error_of([&] { DecoderFolder::open(folder.path()); }), "E0441"));
  write_file_atomically(folder / "b.gguf", "GGUF");
  EXPECT_TRUE(says(error_of([&] { DecoderFolder::open(folder.path()); }), "a.gguf, b.gguf"));
}

// llama.cpp interleaves the two halves of each head of q and k.
TEST(DecoderTensor, UndoesTheOrderOfRotatedRows) {
  DecoderTensor t;
  t.rotary_half = 4;
  std::vector<int64_t> rows;
  for (int64_t r = 0; r < 16; ++r) rows.push_back(t.stored_row(r));
  EXPECT_EQ(rows, (std::vector<int64_t>{0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15}));
}

}  // namespace
}  // namespace gantry
