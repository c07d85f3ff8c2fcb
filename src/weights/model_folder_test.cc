#include "weights/model_folder.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "weights/test_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Every tensor of a folder against expected.tsv (tests/oracles/tiny_models.py): name, shape, sum,
// sum of squares, first, last.
void expect_tensors(const fs::path& path) {
  const ModelFolder folder = ModelFolder::open(path);
  folder.check();
  std::ifstream lines(path / "expected.tsv");
  std::string name, shape;
  double sum, squares, first, last;
  int count = 0;
  while (lines >> name >> shape >> sum >> squares >> first >> last) {
    const StoredTensor* stored = folder.stored(name);
    ASSERT_NE(stored, nullptr) << name;
    std::string found;
    for (int64_t d : stored->shape) found += (found.empty() ? "" : "x") + std::to_string(d);
    EXPECT_EQ(found, shape) << name;
    const std::vector<float> values = folder.read_f32(name);
    double my_sum = 0, my_squares = 0;
    for (float v : values) {
      my_sum += v;
      my_squares += static_cast<double>(v) * v;
    }
    EXPECT_NEAR(my_sum, sum, 1e-10) << name;
    EXPECT_NEAR(my_squares, squares, 1e-10) << name;
    EXPECT_EQ(values.front(), static_cast<float>(first)) << name;
    EXPECT_EQ(values.back(), static_cast<float>(last)) << name;
    ++count;
  }
  EXPECT_GE(count, 37);  // 5 of the embeddings, 16 a layer
}

TEST(ModelFolder, TensorsAreThoseOfTransformers) {
  for (const char* name : {"bert-bare", "bert-classifier", "bert-bf16", "bert-legacy-names",
                           "xlm-roberta-f16", "roberta-sharded", "camembert"}) {
    SCOPED_TRACE(name);
    expect_tensors(test_data(name));
  }
}

TEST(ModelFolder, HeadsAreSeen) {
  const ModelFolder bare = ModelFolder::open(test_data("bert-bare"));
  EXPECT_FALSE(bare.has_pooler());
  EXPECT_FALSE(bare.has_classifier());
  EXPECT_EQ(bare.name(), "bert-bare");
  const ModelFolder classifier = ModelFolder::open(test_data("bert-classifier"));
  EXPECT_TRUE(classifier.has_pooler());
  EXPECT_TRUE(classifier.has_classifier());
  EXPECT_EQ(classifier.config().num_labels, 3);
  const ModelFolder roberta = ModelFolder::open(test_data("roberta-sharded"));
  EXPECT_FALSE(roberta.has_pooler());
  EXPECT_TRUE(roberta.has_classifier());
  EXPECT_EQ(roberta.weights().files().size(), 4u);
}

TEST(ModelFolder, CanonicalNames) {
  const std::pair<const char*, const char*> cases[] = {
      {"bert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight"},
      {"embeddings.LayerNorm.beta", "embeddings.LayerNorm.bias"},
      {"roberta.encoder.layer.1.output.dense.bias", "encoder.layer.1.output.dense.bias"},
      {"module.model.bert.pooler.dense.weight", "pooler.dense.weight"},
      {"classifier.out_proj.weight", "classifier.out_proj.weight"},
      {"cls.predictions.bias", "cls.predictions.bias"}};
  for (const auto& [stored, canonical] : cases) EXPECT_EQ(canonical_tensor_name(stored), canonical);
}

TEST(ModelFolder, CheckNamesWhatDoesNotFit) {
  const TestFolder folder;
  for (const char* name : {"config.json", "model.safetensors"}) {
    fs::copy_file(test_data("bert-bare") / name, folder / name);
  }
  const auto with = [&](const json& change) {
    json config = json::parse(read_file(test_data("bert-bare") / "config.json"));
    config.update(change);
    write_file_atomically(folder / "config.json", config.dump());
    return error_of([&] { ModelFolder::open(folder.path()).check(); });
  };
  EXPECT_EQ(with(json::object()), "");
  EXPECT_TRUE(says(with({{"vocab_size", 60}}),
                   "embeddings.word_embeddings.weight is [53, 32], not [60, 32]"));
  const std::string more_layers = with({{"num_hidden_layers", 3}});
  EXPECT_TRUE(says(more_layers, "E0414"));
  EXPECT_TRUE(says(more_layers, "encoder.layer.2.attention.self.query.weight is missing"));
  EXPECT_TRUE(says(more_layers, "and 8 more"));
}

TEST(ModelFolder, FoldersThatAreNoEncoderAreRefused) {
  const TestFolder folder;
  const auto open = [&] { return error_of([&] { ModelFolder::open(folder.path()); }); };
  EXPECT_TRUE(says(error_of([&] { ModelFolder::open(folder / "nowhere"); }), "no such folder"));
  EXPECT_TRUE(says(open(), "no config.json"));
  write_file_atomically(folder / "x.gguf", "GGUF");
  EXPECT_TRUE(says(open(), "x.gguf is a decoder"));
  fs::copy_file(test_data("bert-bare") / "config.json", folder / "config.json");
  EXPECT_TRUE(says(open(), "no model.safetensors"));
  write_file_atomically(folder / "pytorch_model.bin", "\x80\x02}q");
  EXPECT_TRUE(says(open(), "holds no safetensors, only pytorch_model.bin"));
  EXPECT_TRUE(says(open(), "Convert them once"));
  write_file_atomically(folder / "model.safetensors", "nothing");
  EXPECT_TRUE(says(open(), "E0401"));
  fs::copy_file(test_data("bert-bare") / "model.safetensors", folder / "model.safetensors",
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(open(), "");
  write_file_atomically(folder / "gantry.json", R"({"pooling": "max"})");
  EXPECT_TRUE(says(open(), "E0415"));
}

TEST(ModelFolder, TwoNamesForOneTensorAreRefused) {
  const TestFolder folder;
  fs::copy_file(test_data("bert-bare") / "config.json", folder / "config.json");
  write_safetensors(folder / "model.safetensors",
                    std::vector<NamedTensor>{{"bert.pooler.dense.bias", {1}, {1}},
                                             {"pooler.dense.bias", {1}, {2}}});
  EXPECT_TRUE(says(error_of([&] { ModelFolder::open(folder.path()); }),
                   "are both the tensor pooler.dense.bias"));
}

TEST(ModelAbout, IsReadBackAsWritten) {
  ModelAbout about{.name = "x",
                   .kind = "encoder",
                   .prefix = "query: ",
                   .pooling = "mean",
                   .licence = "MIT",
                   .source = "a test",
                   .files = {{"config.json", "00ff"}}};
  const ModelAbout read = parse_model_about(model_about_json(about), "gantry.json");
  EXPECT_EQ(read.name, about.name);
  EXPECT_EQ(read.prefix, about.prefix);
  EXPECT_EQ(read.pooling, about.pooling);
  EXPECT_EQ(read.licence, about.licence);
  EXPECT_EQ(read.source, about.source);
  EXPECT_EQ(read.files, about.files);
  for (const char* bad : {"", "3", R"({"name":1})", R"({"kind":"x"})", R"({"files":[]})",
                          R"({"files":{"../x":"0"}})", R"({"files":{"x":0}})"}) {
    EXPECT_TRUE(says(error_of([&] { parse_model_about(bad, "gantry.json"); }), "E0415")) << bad;
  }
}

TEST(ModelFolder, IsWrittenWholeOrNotAtAll) {
  const TestFolder folder;
  const ModelFolder from = ModelFolder::open(test_data("bert-bare"));
  write_file_atomically(folder / "vocab.txt", "[PAD]\n");
  EncoderFolderContents contents;
  contents.config_json = from.config().json;
  contents.tensors = encoder_tensors(from.config());
  contents.copied_files = {folder / "vocab.txt"};
  contents.new_files = {{"README.md", "read me"}};
  contents.about.name = "tuned";
  contents.append_tensors = [&](SafetensorsWriter&) { throw Error("E0104", "interrupted", ""); };
  EXPECT_NE(error_of([&] { write_encoder_folder(folder / "out", contents); }), "");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);

  contents.append_tensors = [&](SafetensorsWriter& writer) {
    for (const StoredTensor& tensor : contents.tensors) writer.append(from.read_f32(tensor.name));
  };
  write_encoder_folder(folder / "out", contents);
  const ModelFolder written = ModelFolder::open(folder / "out");
  written.check();
  EXPECT_EQ(written.name(), "tuned");
  EXPECT_EQ(written.about().files.size(), 4u);
  EXPECT_EQ(written.tokenizer_files().size(), 1u);
  for (const StoredTensor& tensor : contents.tensors) {
    EXPECT_EQ(written.read_f32(tensor.name), from.read_f32(tensor.name));
  }
  EXPECT_TRUE(says(error_of([&] { write_encoder_folder(folder / "out", contents); }), "E0416"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 2);
}

TEST(ModelFolder, RemainsOfAKilledWriterAreCleared) {
  const TestFolder folder;
  fs::create_directory(folder / ".out.partial-999999999");  // no such process
  EncoderFolderContents contents;
  contents.append_tensors = [](SafetensorsWriter&) {};
  write_encoder_folder(folder / "out", contents);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(ModelFolder, HashesFollowTheBytes) {
  const ModelFolder one = ModelFolder::open(test_data("bert-bare"));
  const ModelFolder other = ModelFolder::open(test_data("roberta-sharded"));
  EXPECT_EQ(one.weights_hash().size(), 64u);
  EXPECT_EQ(one.weights_hash(), ModelFolder::open(test_data("bert-bare")).weights_hash());
  EXPECT_NE(one.weights_hash(), other.weights_hash());
}

TEST(BaseModels, OnTheShelfAreWhole) {
  const fs::path path = base_model("multilingual-e5-small");
  if (path.empty()) GTEST_SKIP() << "multilingual-e5-small is not on the shelf";
  const ModelFolder folder = ModelFolder::open(path);
  folder.check();
  EXPECT_EQ(folder.about().prefix, "query: ");
  EXPECT_EQ(folder.about().pooling, "mean");
  EXPECT_EQ(folder.config().vocab_size, 250037);
  EXPECT_EQ(folder.config().max_tokens, 512);
  EXPECT_EQ(folder.config().layer_norm_eps, 1e-12);
  int64_t parameters = 0;
  for (const StoredTensor& tensor : folder.weights().tensors()) parameters += tensor.elements();
  EXPECT_EQ(parameters, 117505920);
}

}  // namespace
}  // namespace gantry
