#include "weights/peft.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "weights/test_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

EncoderConfig config_of(const char* model) {
  return read_encoder_config(test_data(model) / "config.json");
}

TEST(Peft, AdaptersOfPeftAreRead) {
  const PeftAdapter bert = read_peft_adapter(test_data("peft-bert"));
  EXPECT_EQ(bert.rank, 4);
  EXPECT_EQ(bert.alpha, 8);
  EXPECT_EQ(bert.dropout, 0.1);
  EXPECT_FALSE(bert.rslora);
  ASSERT_EQ(bert.modules.size(), 4u);
  EXPECT_EQ(bert.modules[0].module, "encoder.layer.0.attention.self.query");
  EXPECT_EQ(bert.scale_of(bert.modules[0]), 2);
  ASSERT_EQ(bert.head.size(), 2u);
  EXPECT_EQ(bert.head[0].name.substr(0, 11), "classifier.");
  check_adapter_fits(bert, config_of("bert-classifier"), "adapter");

  const PeftAdapter roberta = read_peft_adapter(test_data("peft-roberta"));
  EXPECT_EQ(roberta.modules.size(), 12u);
  EXPECT_EQ(roberta.scale_of(roberta.modules[0]), 4);  // 8 / sqrt(4)
  EXPECT_EQ(roberta.head.size(), 4u);
  check_adapter_fits(roberta, config_of("roberta-sharded"), "adapter");

  const PeftAdapter bare = read_peft_adapter(test_data("peft-bare"));
  EXPECT_EQ(bare.modules.size(), 4u);
  EXPECT_TRUE(bare.head.empty());
}

TEST(Peft, WrittenAdaptersHaveTheNamesOfPeft) {
  const TestFolder folder;
  for (const auto& [name, base] : {std::pair{"peft-bert", "bert-classifier"},
                                   {"peft-roberta", "roberta-sharded"},
                                   {"peft-bare", "bert-bare"}}) {
    const PeftAdapter adapter = read_peft_adapter(test_data(name));
    write_peft_adapter(folder / name, adapter, config_of(base));
    const auto original = Safetensors::open(test_data(name) / "adapter_model.safetensors");
    const auto written = Safetensors::open(folder / name / "adapter_model.safetensors");
    ASSERT_EQ(original.tensors().size(), written.tensors().size());
    for (const StoredTensor& tensor : original.tensors()) {
      ASSERT_NE(written.find(tensor.name), nullptr) << tensor.name;
      EXPECT_EQ(written.find(tensor.name)->shape, tensor.shape);
      EXPECT_EQ(written.read_f32(tensor.name), original.read_f32(tensor.name));
    }
    const PeftAdapter again = read_peft_adapter(folder / name);
    EXPECT_EQ(again.rslora, adapter.rslora);
    EXPECT_EQ(again.alpha, adapter.alpha);
    EXPECT_TRUE(says(error_of([&] { write_peft_adapter(folder / name, adapter, config_of(base)); }),
                     "E0416"));
  }
}

TEST(Peft, AnAdapterOfAnotherBaseIsRefused) {
  const PeftAdapter adapter = read_peft_adapter(test_data("peft-bert"));
  EncoderConfig config = config_of("bert-classifier");
  config.num_hidden_layers = 1;
  EXPECT_TRUE(says(error_of([&] { check_adapter_fits(adapter, config, "a"); }),
                   "E0433: a: the base has no linear layer encoder.layer.1."));
  config = config_of("bert-classifier");
  config.hidden_size = 64;
  EXPECT_TRUE(says(error_of([&] { check_adapter_fits(adapter, config, "a"); }),
                   "is made for [32, 32], the base has [64, 64]"));
}

class DamagedPeft : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"adapter_config.json", "adapter_model.safetensors"}) {
      fs::copy_file(test_data("peft-bare") / name, folder / name);
    }
  }
  std::string with(const json& change) {
    json config = json::parse(read_file(test_data("peft-bare") / "adapter_config.json"));
    config.update(change);
    write_file_atomically(folder / "adapter_config.json", config.dump());
    return error_of([&] { read_peft_adapter(folder.path()); });
  }
  std::string with_tensors(const std::vector<NamedTensor>& tensors) {
    write_safetensors(folder / "adapter_model.safetensors", tensors);
    return error_of([&] { read_peft_adapter(folder.path()); });
  }
  TestFolder folder;
};

TEST_F(DamagedPeft, SettingsThatChangeTheResultAreRefused) {
  EXPECT_EQ(with(json::object()), "");
  EXPECT_TRUE(says(with({{"use_dora", true}}), "use_dora is set"));
  EXPECT_TRUE(says(with({{"bias", "all"}}), "bias is set"));
  EXPECT_TRUE(says(with({{"peft_type", "IA3"}}), "peft_type is not LORA"));
  EXPECT_TRUE(says(with({{"alpha_pattern", {{"query", 3}}}}), "alpha_pattern is set"));
  EXPECT_TRUE(says(with({{"r", 0}}), "E0431"));
  EXPECT_TRUE(says(with({{"r", "4"}}), "r is missing or not a number"));
  EXPECT_TRUE(says(with({{"lora_dropout", 1.5}}), "not below 1"));
  write_file_atomically(folder / "adapter_config.json", "{");
  EXPECT_TRUE(says(error_of([&] { read_peft_adapter(folder.path()); }), "not valid JSON"));
}

TEST_F(DamagedPeft, TensorsMustPair) {
  const std::string q = "base_model.model.encoder.layer.0.attention.self.query";
  const NamedTensor a{q + ".lora_A.weight", {1, 2}, {1, 2}},
      b{q + ".lora_B.weight", {2, 1}, {1, 2}};
  EXPECT_EQ(with_tensors({a, b}), "");
  EXPECT_TRUE(says(with_tensors({a}), "lacks lora_A or lora_B"));
  EXPECT_TRUE(says(with_tensors({}), "no LoRA matrices"));
  EXPECT_TRUE(says(with_tensors({a, {b.name, {1, 2}, {1, 2}}}), "has rank 2, its partner 1"));
  EXPECT_TRUE(says(with_tensors({a, {b.name, {2}, {1, 2}}}), "is not a matrix"));
  EXPECT_TRUE(says(with_tensors({a, b, {"x", {1}, {1}}}), "x is not of an adapter"));
  EXPECT_TRUE(says(with_tensors({a, b, {q + ".lora_embedding_A", {1}, {1}}}), "not of a LoRA"));
  EXPECT_TRUE(says(with_tensors({{a.name, {1, 2}, {NAN, 2}}, b}), "E0404"));
  fs::remove(folder / "adapter_model.safetensors");
  EXPECT_TRUE(says(error_of([&] { read_peft_adapter(folder.path()); }), "Pickle files"));
}

}  // namespace
}  // namespace gantry
