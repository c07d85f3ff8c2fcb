#include "weights/gguf.h"

#include <cmath>
#include <cstring>
#include <fstream>

#include "weights/safetensors.h"
#include "weights/test_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

GgufFile parse(const std::string& bytes) {
  return GgufFile::parse({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "x.gguf");
}

TEST(Gguf, MetadataAsWrittenByTheGgufPackage) {
  const GgufFile file = GgufFile::open(test_data("gguf") / "tiny.gguf");
  EXPECT_EQ(file.text("general.architecture"), "llama");
  EXPECT_EQ(file.text("general.name"), "日本語の名前");
  EXPECT_EQ(file.integer("llama.block_count"), 3);
  EXPECT_EQ(file.number("llama.block_count"), 3.0);
  EXPECT_EQ(file.number("llama.rope.freq_base"), 100000.0);
  EXPECT_EQ(file.integer("test.negative"), -7);
  EXPECT_EQ(file.integer("test.byte"), 200);
  EXPECT_EQ(file.number("test.double"), 0.1);
  EXPECT_EQ(std::get<bool>(file.metadata().at("test.flag")), true);
  EXPECT_EQ(file.texts("tokenizer.ggml.tokens"), (std::vector<std::string>{"<s>", "▁骨", ""}));
  EXPECT_EQ(file.numbers("tokenizer.ggml.scores"), (std::vector<double>{0, -1.5, 2}));
  EXPECT_EQ(file.integers("tokenizer.ggml.token_type"), (std::vector<int64_t>{3, 1, 1}));
  EXPECT_TRUE(says(error_of([&] { file.integer("llama.head_count"); }), "E0443: "));
  EXPECT_TRUE(says(error_of([&] { file.text("llama.block_count"); }), "is not a text"));
}

TEST(Gguf, EveryTypeIsDecodedAsByTheGgufPackage) {
  const GgufFile file = GgufFile::open(test_data("gguf") / "tiny.gguf");
  const Safetensors expected = Safetensors::open(test_data("gguf") / "expected.safetensors");
  ASSERT_EQ(file.tensors().size(), expected.tensors().size());
  for (const GgufTensor& tensor : file.tensors()) {
    ASSERT_NE(expected.find(tensor.name), nullptr) << tensor.name;
    EXPECT_EQ(tensor.shape, expected.find(tensor.name)->shape) << tensor.name;
    const std::vector<float> values = file.read_f32(tensor.name);
    EXPECT_EQ(values, expected.read_f32(tensor.name)) << tensor.name;
    const std::vector<int32_t> rows = {1, 0, 1};
    const auto width = static_cast<size_t>(tensor.shape[1]);
    std::vector<float> chosen(3 * width);
    file.read_rows_f32(tensor.name, rows, chosen);
    EXPECT_EQ(std::vector<float>(chosen.begin(), chosen.begin() + static_cast<long>(width)),
              std::vector<float>(values.begin() + static_cast<long>(width),
                                 values.begin() + static_cast<long>(2 * width)));
  }
  EXPECT_NO_THROW(file.check_finite());
  EXPECT_TRUE(says(error_of([&] { file.read_f32("block.q4_l"); }), "the nearest is 'block.q4_"));
}

TEST(Gguf, CutAnywhereItIsRefused) {
  const std::string whole = read_file(test_data("gguf") / "tiny.gguf");
  for (size_t length = 0; length < whole.size() - 31; length += length < 2000 ? 1 : 53) {
    EXPECT_TRUE(says(error_of([&] { parse(whole.substr(0, length)); }), "E0441")) << length;
  }
}

// A file of one 4-element F32 tensor "w", with chosen details.
struct Maker {
  uint32_t version = 3, dimensions = 1, type = 0;
  uint64_t tensors = 1, values = 0, size = 4, offset = 0;
  std::string metadata, name = "w", data = std::string(32, '\0');

  template <typename T>
  static std::string raw(T value) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
  }
  static std::string text(const std::string& t) { return raw<uint64_t>(t.size()) + t; }
  std::string bytes() const {
    std::string out = "GGUF" + raw(version) + raw(tensors) + raw(values) + metadata;
    for (uint64_t t = 0; t < std::min<uint64_t>(tensors, 2); ++t) {
      out += text(name) + raw(dimensions);
      for (uint32_t d = 0; d < std::min<uint32_t>(dimensions, 8); ++d) out += raw(size);
      out += raw(type) + raw(offset);
    }
    out.resize((out.size() + 31) / 32 * 32, '\0');
    return out + data;
  }
};

TEST(Gguf, DamageIsNamed) {
  EXPECT_EQ(parse(Maker().bytes()).read_f32("w"), std::vector<float>(4));
  const std::string key = Maker::text("k");
  const auto values = [&](const std::string& metadata) {
    return Maker{.values = 1, .metadata = metadata};
  };
  const std::pair<Maker, std::string> cases[] = {
      {{.version = 1}, "version 1, not 2 or 3"},
      {{.dimensions = 5}, "too many dimensions"},
      {{.type = 99}, "E0442: x.gguf: tensor 'w' is of ggml type 99"},
      {{.type = 2}, "rows of 4, not a multiple"},
      {{.tensors = 2}, "listed twice"},
      {{.tensors = uint64_t{1} << 60}, "E0441"},
      {{.values = uint64_t{1} << 60}, "E0441"},
      {{.size = 0}, "impossible shape"},
      {{.size = uint64_t{1} << 62}, "impossible shape"},
      {{.dimensions = 4, .size = uint64_t{1} << 20}, "impossible shape"},
      {{.size = 9}, "lies outside the file"},
      {{.offset = 8}, "lies outside the file"},
      {{.offset = uint64_t{1} << 63}, "lies outside the file"},
      {values(key + Maker::raw<uint32_t>(77)), "unknown type 77"},
      {values(key + Maker::raw<uint32_t>(10) + Maker::raw<uint64_t>(~0ull)), "beyond 63 bits"},
      {values(key + Maker::raw<uint32_t>(8) + Maker::raw<uint64_t>(1ull << 40)), "a text of"},
      {values(key + Maker::raw<uint32_t>(9) + Maker::raw<uint32_t>(9) + Maker::raw<uint64_t>(1)),
       "an array of arrays"},
      {values(key + Maker::raw<uint32_t>(9) + Maker::raw<uint32_t>(4) + Maker::raw<uint64_t>(1e9)),
       "an array longer than the file"},
      {values(Maker::text("general.alignment") + Maker::raw<uint32_t>(4) + Maker::raw<uint32_t>(3)),
       "not a power of two"},
  };
  for (const auto& [maker, words] : cases) {
    EXPECT_TRUE(says(error_of([&, &made = maker] { parse(made.bytes()); }), words));
  }
  EXPECT_TRUE(says(error_of([] { parse("GGML"); }), "does not begin with GGUF"));
  Maker nan;
  const float bad = std::nanf("");
  std::memcpy(nan.data.data() + 4, &bad, 4);
  EXPECT_TRUE(says(error_of([&] { parse(nan.bytes()).read_f32("w"); }), "E0404"));
  EXPECT_TRUE(says(error_of([&] { parse(nan.bytes()).check_finite(); }), "E0404"));
}

TEST(Gguf, TheDefaultDecoderIsReadWhole) {
  const fs::path folder = base_model("smollm2-135m-instruct");
  if (folder.empty()) GTEST_SKIP() << "smollm2-135m-instruct is not on the shelf";
  const GgufFile file = GgufFile::open(folder / "SmolLM2-135M-Instruct.Q4_1.gguf");
  EXPECT_EQ(file.text("general.architecture"), "llama");
  EXPECT_EQ(file.integer("llama.block_count"), 30);
  EXPECT_EQ(file.integer("llama.embedding_length"), 576);
  EXPECT_EQ(file.texts("tokenizer.ggml.tokens").size(), 49152u);
  EXPECT_EQ(file.find("token_embd.weight")->shape, (std::vector<int64_t>{49152, 576}));
  int64_t parameters = 0;
  for (const GgufTensor& tensor : file.tensors()) parameters += tensor.elements();
  EXPECT_EQ(parameters, 134515008);
  EXPECT_NO_THROW(file.check_finite());
}

}  // namespace
}  // namespace gantry
