#include "weights/safetensors.h"

#include <cmath>
#include <cstring>

#include "weights/test_folder.h"

namespace gantry {
namespace {

std::string file_of(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

Safetensors parse(const std::string& bytes) {
  return Safetensors::parse({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "x.st");
}

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  const TestFolder folder;
  for (StoredType type : {StoredType::f32, StoredType::f16, StoredType::bf16}) {
    const std::vector<NamedTensor> tensors = {
        {"b", {2, 3}, {1, -2, 0.5, 4, 5.25, 6}}, {"a", {}, {0.125}}, {"none", {0, 4}, {}}};
    write_safetensors(folder / "x.safetensors", tensors, type, {{"made by", "a test"}});
    const Safetensors read = Safetensors::open(folder / "x.safetensors");
    ASSERT_EQ(read.tensors().size(), 3u);
    EXPECT_EQ(read.metadata().at("format"), "pt");
    EXPECT_EQ(read.metadata().at("made by"), "a test");
    for (const NamedTensor& tensor : tensors) {
      EXPECT_EQ(read.find(tensor.name)->shape, tensor.shape);
      EXPECT_EQ(read.find(tensor.name)->type, type);
      EXPECT_EQ(read.read_f32(tensor.name), tensor.values);
    }
    EXPECT_EQ(read.find("c"), nullptr);
  }
}

TEST(Safetensors, HeaderIsAlignedAndPiecesMayCrossTensors) {
  const TestFolder folder;
  std::vector<float> values(300000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 251) / 8;
  SafetensorsWriter writer(folder / "x.safetensors", {{"one", StoredType::bf16, {100, 1000}},
                                                      {"two", StoredType::bf16, {200, 1000}}});
  for (size_t at = 0; at < values.size(); at += 70001) {
    writer.append(std::span(values).subspan(at, std::min<size_t>(70001, values.size() - at)));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "x.safetensors"));
  writer.commit();
  const std::string bytes = read_file(folder / "x.safetensors");
  uint64_t header;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0u);
  const Safetensors read = Safetensors::open(folder / "x.safetensors");
  EXPECT_EQ(read.read_f32("two"), std::vector<float>(values.begin() + 100000, values.end()));
  const std::vector<int32_t> rows = {199, 0, 7};
  std::vector<float> chosen(3000);
  read.read_rows_f32("two", rows, chosen);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = 0; j < 1000; j += 333) {
      EXPECT_EQ(chosen[i * 1000 + j], values[100000 + static_cast<size_t>(rows[i]) * 1000 + j]);
    }
  }
}

TEST(Safetensors, NothingRemainsOfAnUnfinishedFile) {
  const TestFolder folder;
  { SafetensorsWriter writer(folder / "x.safetensors", {{"w", StoredType::f32, {4}}}); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, DamagedFilesAreRefusedWithTheTensorNamed) {
  const std::string tensor = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string data(8, '\0');
  EXPECT_EQ(parse(file_of(tensor, data)).read_f32("w"), (std::vector<float>{0, 0}));
  EXPECT_TRUE(parse(file_of("{}", "")).tensors().empty());

  const auto entry = [](const std::string& body) { return "{\"w\":" + body + "}"; };
  const struct {
    std::string bytes, says;
  } cases[] = {
      {"", "shorter than 8 bytes"},
      {file_of(tensor, data).substr(0, 30), "ends inside its header"},
      {std::string(8, '\xff') + tensor, "a header of 18446744073709551615 bytes"},
      {file_of(tensor, data + "x"), "1 bytes after the last tensor"},
      {file_of(tensor, data.substr(1)), "'w' lies at bytes 0 to 8 of 7 bytes"},
      {file_of("{", ""), "not valid JSON"},
      {file_of("[]", ""), "not a JSON object"},
      {file_of(R"({"w":3})", ""), "'w' is not described"},
      {file_of(std::string(5000, '['), ""), "nested too deeply"},
      {file_of(entry(R"({"shape":[2],"data_offsets":[0,8]})"), data), "'w' has no dtype"},
      {file_of(entry(R"({"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]})"), data), "F8_E4M3"},
      {file_of(entry(R"({"dtype":"F32","data_offsets":[0,8]})"), data), "'w' has no shape"},
      {file_of(entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), data), "impossible"},
      {file_of(entry(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"), data), "impossible"},
      {file_of(entry(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"),
               data),
       "impossible"},
      {file_of(entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), data),
       "needs 12 bytes but has 8"},
      {file_of(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), data), "lies at"},
      {file_of(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"), data),
       "no data_offsets"},
      {file_of(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]})"),
               data),
       "lies at"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
               R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
               std::string(12, '\0')),
       "'b' overlaps another"},
      {file_of(R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", data), "a hole before"},
      {file_of(R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
               R"("w":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
               data),
       "'w' is listed twice"},
  };
  for (const auto& c : cases) {
    const std::string error = error_of([&] { parse(c.bytes); });
    EXPECT_TRUE(says(error, c.says));
    EXPECT_TRUE(says(error, "x.st"));
  }
}

TEST(Safetensors, CutAnywhereTheFileIsRefused) {
  const TestFolder folder;
  write_safetensors(folder / "x.safetensors", std::vector<NamedTensor>{{"w", {3}, {1, 2, 3}}});
  const std::string whole = read_file(folder / "x.safetensors");
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(error_of([&] { parse(whole.substr(0, length)); }), "") << length;
  }
}

TEST(Safetensors, NanAndInfiniteWeightsAreNamed) {
  const TestFolder folder;
  std::vector<float> values(600000, 0.5f);
  values[412345] = std::nanf("");
  values[500000] = INFINITY;
  write_safetensors(folder / "x.safetensors",
                    std::vector<NamedTensor>{{"good", {2}, {1, 2}}, {"bad", {600, 1000}, values}});
  const Safetensors read = Safetensors::open(folder / "x.safetensors");
  EXPECT_NO_THROW(read.read_f32("good"));
  for (const std::string& error :
       {error_of([&] { read.read_f32("bad"); }), error_of([&] { read.check_finite(); })}) {
    EXPECT_TRUE(says(error, "E0404"));
    EXPECT_TRUE(says(error, "'bad' holds a NaN or an infinite value (element 412,345)"));
  }
  std::vector<float> row(1000);
  const std::vector<int32_t> fine = {411}, bad = {412};
  EXPECT_NO_THROW(read.read_rows_f32("bad", fine, row));
  EXPECT_TRUE(says(error_of([&] { read.read_rows_f32("bad", bad, row); }), "element 412,345"));
}

TEST(Safetensors, AnUnknownTensorNamesTheNearest) {
  const TestFolder folder;
  write_safetensors(folder / "x.safetensors",
                    std::vector<NamedTensor>{{"pooler.dense.weight", {1}, {1}}});
  const Safetensors read = Safetensors::open(folder / "x.safetensors");
  const std::string error = error_of([&] { read.read_f32("pooler.dens.weight"); });
  EXPECT_TRUE(says(error, "E0403"));
  EXPECT_TRUE(says(error, "the nearest is 'pooler.dense.weight'"));
}

class Shards : public ::testing::Test {
 protected:
  void SetUp() override {
    write_safetensors(folder / "one.safetensors", std::vector<NamedTensor>{{"a", {1}, {1}}});
    write_safetensors(folder / "two.safetensors", std::vector<NamedTensor>{{"b", {2}, {2, 3}}});
  }
  std::string open(const std::string& index) {
    write_file_atomically(folder / "i.json", index);
    return error_of([&] {
      const Safetensors read = Safetensors::open(folder / "i.json");
      EXPECT_EQ(read.read_f32("b"), (std::vector<float>{2, 3}));
      EXPECT_EQ(read.files().size(), 2u);
    });
  }
  TestFolder folder;
};

TEST_F(Shards, AreReadAsOneAndMustAgreeWithTheIndex) {
  EXPECT_EQ(open(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})"), "");
  EXPECT_TRUE(says(open(R"({"weight_map":{"a":"two.safetensors","b":"two.safetensors"}})"),
                   "'a' is not in two.safetensors"));
  EXPECT_TRUE(says(open(R"({"weight_map":{"c":"one.safetensors"}})"), "'c' is not in"));
  EXPECT_TRUE(
      says(open(R"({"weight_map":{"a":"three.safetensors"}})"), "three.safetensors is not"));
  EXPECT_TRUE(says(open(R"({"weight_map":{"a":"../one.safetensors"}})"), "outside the folder"));
  EXPECT_TRUE(says(open(R"({"weight_map":{"a":"/etc/passwd"}})"), "outside the folder"));
  EXPECT_TRUE(says(open(R"({"weight_map":{}})"), "empty weight_map"));
  EXPECT_TRUE(says(open(R"({"weight_map":{"a":1}})"), "not a string"));
  EXPECT_TRUE(says(open("{}"), "no weight_map"));
  EXPECT_TRUE(says(open("{"), "not valid JSON"));
  std::filesystem::copy_file(folder / "one.safetensors", folder / "three.safetensors");
  EXPECT_TRUE(says(open(R"({"weight_map":{"a":"one.safetensors","x":"three.safetensors"}})"),
                   "'a' is in two shards"));
}

}  // namespace
}  // namespace gantry
