#include "weights/e5_four_bit.h"

#include "weights/hf_config.h"
#include "weights/test_folder.h"
#include "weights/test_packages.h"

namespace gantry {
namespace {

E5FourBitFile parse(const std::string& bytes) {
  return E5FourBitFile::parse({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "q4");
}

TEST(E5FourBit, IsDecoded) {
  const std::string bytes = FourBitFileMaker().bytes();
  const E5FourBitFile file = parse(bytes);
  EXPECT_EQ(file.sizes().hidden, 32);
  EXPECT_EQ(file.pieces().texts[8], "転移");
  EXPECT_EQ(file.pieces().scores[5], -5.0f);
  EXPECT_EQ(file.pieces().pad, 1);
  ASSERT_EQ(file.normalizer().size(), 2u);
  EXPECT_EQ(file.normalizer()[0].first, U'ａ');
  EXPECT_EQ(file.normalizer()[0].second, U"a");
  EXPECT_EQ(file.normalizer()[1].second, U"");
  ASSERT_EQ(file.tensors().size(), 21u);
  EXPECT_EQ(file.tensors()[0].described.name, "embeddings.word_embeddings.weight");
  EXPECT_EQ(file.tensors()[0].described.shape, (std::vector<int64_t>{12, 32}));

  std::vector<float> row(32);
  E5FourBitFile::decode(file.tensors()[0], 32, row);
  for (int j = 0; j < 16; ++j) {
    EXPECT_EQ(row[static_cast<size_t>(j)], (static_cast<float>(j) - 8) * 0.5f);
    EXPECT_EQ(row[static_cast<size_t>(j) + 16], (7 - static_cast<float>(j)) * 0.5f);
  }
  E5FourBitFile::decode(file.tensors()[2], 1, std::span(row).first(2));
  EXPECT_EQ(row[0], 0.5f);

  const EncoderConfig config = parse_encoder_config(file.config_json(), "config.json");
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
  EXPECT_EQ(config.pad_token_id, 1);
  EXPECT_EQ(config.max_tokens, 8);
}

TEST(E5FourBit, CutAnywhereItIsRefused) {
  const std::string whole = FourBitFileMaker().bytes();
  for (size_t length = 0; length < whole.size(); length += length < 1200 ? 1 : 97) {
    EXPECT_TRUE(says(error_of([&] { parse(whole.substr(0, length)); }), "E0426")) << length;
  }
}

TEST(E5FourBit, DamageIsNamed) {
  const auto with = [](size_t at, char byte) {
    std::string bytes = FourBitFileMaker().bytes();
    bytes[at] = byte;
    return error_of([&] { parse(bytes); });
  };
  EXPECT_TRUE(says(with(0, 'X'), "does not begin with E5S1"));
  EXPECT_TRUE(says(with(4, 2), "version 2, not 1"));
  EXPECT_TRUE(says(with(11, '\x7f'), "an impossible size"));
  EXPECT_TRUE(says(with(8, 33), "an impossible size"));
  EXPECT_TRUE(says(with(40, 16), "blocks of 16, not 32"));
  EXPECT_TRUE(says(with(44, 40), "E0426"));                   // more pieces than rows
  EXPECT_TRUE(says(with(48, 99), "outside the vocabulary"));  // begin

  FourBitFileMaker maker;
  maker.tensors.pop_back();
  EXPECT_TRUE(says(error_of([&] { parse(maker.bytes()); }),
                   "no tensor for encoder.layer.0.output.LayerNorm.bias"));
  maker = {};
  maker.tensors.push_back({"l9.q.w", true});
  EXPECT_TRUE(says(error_of([&] { parse(maker.bytes()); }), "tensors that no encoder has"));
  maker = {};
  maker.tensors.push_back(maker.tensors[0]);
  EXPECT_TRUE(says(error_of([&] { parse(maker.bytes()); }), "is listed twice"));
}

}  // namespace
}  // namespace gantry
