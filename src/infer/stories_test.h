// What the tests of answering share: stories260K, a small trained model, as a folder of the family
// and window that a test asks for; and a way to say that reference data is not there.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "text/test_byte_tokenizer.h"

namespace gantry::stories {

inline std::filesystem::path source() {
  return std::filesystem::path(GANTRY_SHARED_DIR) / "reference/weights/stories260K";
}
inline nlohmann::json reference(const std::string& name) {
  return nlohmann::json::parse(read_file(source() / name));
}

// A byte-level tokenizer.json of ids 3 to 258 for the bytes, and a few merged pieces behind them:
// any text can be spelled, "C50" as one piece, so that answers share beginnings and part within
// words.
inline std::string small_tokenizer() {
  nlohmann::json vocabulary = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int b = 0; b < 256; ++b) vocabulary[byte_letter(b)] = 3 + b;
  nlohmann::json merges = nlohmann::json::array();
  int next = 259;
  for (const auto& [left, right] :
       {std::pair{"C", "5"}, {"C5", "0"}, {"C", "7"}, {"C7", "9"}, {"p", "h"}, {"o", "n"}}) {
    merges.push_back(std::string(left) + " " + right);
    vocabulary[std::string(left) + right] = next++;
  }
  return byte_level_tokenizer(
      {special_token(0, "<unk>"), special_token(1, "<s>"), special_token(2, "</s>")}, vocabulary,
      merges);
}

// A Hugging Face folder under the system's temporary folder, removed with the object. It has no
// tokenizer, unless one is written into it.
class Folder {
 public:
  explicit Folder(int window = 0) {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() /
            (std::string("gantry_") + test->test_suite_name() + "_" + test->name() + "_" +
             std::to_string(window) + "_" + std::to_string(::getpid()));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    const auto hf = source() / "hf";
    auto config = nlohmann::json::parse(
        read_file(hf / (window > 0 ? "config.mistral.json" : "config.llama.json")));
    if (window > 0) config["sliding_window"] = window;
    write("config.json", config.dump());
    std::filesystem::create_symlink(hf / "model.safetensors", path_ / "model.safetensors");
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace gantry::stories

#define SKIP_WITHOUT_STORIES()                             \
  if (!std::filesystem::exists(gantry::stories::source())) \
  GTEST_SKIP() << "the reference weights of stories260K are not here"
