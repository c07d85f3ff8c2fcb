#include "weights/hf_config.h"

#include <nlohmann/json.hpp>

#include "weights/test_folder.h"

namespace gantry {
namespace {

using nlohmann::json;

json bert() {
  return {{"model_type", "bert"},    {"hidden_size", 32},
          {"num_hidden_layers", 2},  {"num_attention_heads", 4},
          {"intermediate_size", 40}, {"vocab_size", 53},
          {"type_vocab_size", 2},    {"max_position_embeddings", 20}};
}

EncoderConfig parse(const json& config) { return parse_encoder_config(config.dump(), "c.json"); }

TEST(HfConfig, BertDefaultsAreThoseOfTransformers) {
  const EncoderConfig c = parse(bert());
  EXPECT_EQ(c.model_type, "bert");
  EXPECT_EQ(c.head_size(), 8);
  EXPECT_EQ(c.pad_token_id, 0);
  EXPECT_EQ(c.layer_norm_eps, 1e-12);
  EXPECT_EQ(c.hidden_act, HiddenAct::gelu);
  EXPECT_EQ(c.hidden_dropout_prob, 0.1);
  EXPECT_LT(c.classifier_dropout, 0);
  EXPECT_EQ(c.position_offset, 0);
  EXPECT_EQ(c.max_tokens, 20);
  EXPECT_EQ(c.num_labels, 0);
  EXPECT_EQ(json::parse(c.json), bert());
}

TEST(HfConfig, RobertaCountsPositionsFromBehindThePadding) {
  for (const auto& [type, read_as] : {std::pair{"roberta", "roberta"},
                                      {"camembert", "roberta"},
                                      {"xlm-roberta", "xlm-roberta"}}) {
    json config = bert();
    config.update({{"model_type", type},
                   {"pad_token_id", 1},
                   {"layer_norm_eps", 1e-5},
                   {"max_position_embeddings", 514}});
    const EncoderConfig c = parse(config);
    EXPECT_EQ(c.model_type, read_as);
    EXPECT_TRUE(c.is_roberta());
    EXPECT_EQ(c.position_offset, 2);
    EXPECT_EQ(c.max_tokens, 512);
    EXPECT_EQ(c.layer_norm_eps, 1e-5);
  }
}

TEST(HfConfig, ActivationsAndLabels) {
  for (const auto& [name, act] : {std::pair{"gelu", HiddenAct::gelu},
                                  {"gelu_new", HiddenAct::gelu_new},
                                  {"gelu_pytorch_tanh", HiddenAct::gelu_new},
                                  {"relu", HiddenAct::relu}}) {
    json config = bert();
    config["hidden_act"] = name;
    EXPECT_EQ(parse(config).hidden_act, act);
  }
  json config = bert();
  config["id2label"] = {{"1", "progressive"}, {"0", "none"}, {"2", "stable"}};
  config["classifier_dropout"] = 0.25;
  const EncoderConfig c = parse(config);
  EXPECT_EQ(c.num_labels, 3);
  EXPECT_EQ(c.id2label, (std::vector<std::string>{"none", "progressive", "stable"}));
  EXPECT_EQ(c.classifier_dropout, 0.25);
}

TEST(HfConfig, WrongValuesAreNamed) {
  const struct {
    json change;
    std::string says;
  } cases[] = {
      {{{"hidden_size", "32"}}, "E0411: c.json: hidden_size is \"32\", not a whole number"},
      {{{"hidden_size", 32.5}}, "hidden_size is 32.5, not a whole number"},
      {{{"hidden_size", nullptr}}, "no hidden_size"},
      {{{"hidden_size", -1}}, "hidden_size is -1, not between"},
      {{{"hidden_size", 18446744073709551615u}}, "not between"},
      {{{"num_attention_heads", 5}}, "not a multiple of 5 attention heads"},
      {{{"num_hidden_layers", 0}}, "num_hidden_layers is 0"},
      {{{"pad_token_id", 53}}, "pad_token_id is 53"},
      {{{"layer_norm_eps", "1e-12"}}, "layer_norm_eps is \"1e-12\", not a number"},
      {{{"hidden_dropout_prob", 1.0}}, "hidden_dropout_prob is 1.0, out of its range"},
      {{{"max_position_embeddings", 2}}, "leaves no room for a text"},
      {{{"model_type", "llama"}}, "E0412: c.json: the architecture 'llama'"},
      {{{"model_type", "deberta-v2"}}, "bert, roberta, camembert and xlm-roberta"},
      {{{"model_type", nullptr}}, "no model_type"},
      {{{"model_type", 3}}, "model_type is not a string"},
      {{{"hidden_act", "swish"}}, "E0412: c.json: hidden_act is 'swish'"},
      {{{"position_embedding_type", "relative_key"}}, "position_embedding_type 'relative_key'"},
      {{{"is_decoder", true}}, "a decoder"},
      {{{"is_decoder", "yes"}}, "is_decoder is not true or false"},
      {{{"id2label", {{"0", "a"}, {"2", "b"}}}}, "does not name the labels 0 to 1"},
      {{{"id2label", {{"0", "a"}, {"00", "b"}}}}, "does not name the labels"},
      {{{"id2label", {{"0", 1}}}}, "does not name the labels"},
      {{{"id2label", json::array()}}, "id2label is not an object"},
      {{{"id2label", {{"0", "a"}}}, {"num_labels", 2}}, "num_labels is 2 but id2label names 1"},
  };
  for (const auto& c : cases) {
    json config = bert();
    config.update(c.change);
    EXPECT_TRUE(says(error_of([&] { parse(config); }), c.says));
  }
  EXPECT_TRUE(says(error_of([] { parse_encoder_config("{", "c.json"); }), "not valid JSON"));
  EXPECT_TRUE(says(error_of([] { parse_encoder_config("[]", "c.json"); }), "not a JSON object"));
  EXPECT_TRUE(says(error_of([] { parse_encoder_config(std::string(9999, '['), "c.json"); }),
                   "nested too deeply"));
}

}  // namespace
}  // namespace gantry
