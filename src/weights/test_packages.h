// For tests: small packages such as `gantry model get` opens, and the 4-bit file inside one.
#pragma once

#include <zip.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace gantry {

inline void write_zip(const std::filesystem::path& path,
                      const std::vector<std::pair<std::string, std::string>>& members) {
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  GANTRY_CHECK(zip != nullptr);
  for (const auto& [name, bytes] : members) {
    zip_source_t* source = zip_source_buffer(zip, bytes.data(), bytes.size(), 0);
    GANTRY_CHECK(zip_file_add(zip, name.c_str(), source, ZIP_FL_ENC_UTF_8) >= 0);
  }
  GANTRY_CHECK(zip_close(zip) == 0);
}

// A 4-bit file of one layer, 32 wide: docs/base-models.md has the layout.
class FourBitFileMaker {
 public:
  static constexpr int kHidden = 32, kMlp = 64, kVocabulary = 12, kPositions = 8;

  std::vector<std::string> pieces = {"<s>", "<pad>", "</s>", "<unk>", "▁",
                                     "a",   "b",     "▁骨",  "転移",  "<mask>"};
  std::vector<std::pair<std::string, bool>> tensors;  // short name, 4-bit

  FourBitFileMaker() {
    tensors = {{"emb.word", true}, {"emb.pos", true}, {"emb.type", false}};
    for (const char* name :
         {"emb.ln", "l0.q", "l0.k", "l0.v", "l0.ao", "l0.aln", "l0.fi", "l0.fo", "l0.oln"}) {
      tensors.emplace_back(std::string(name) + ".w",
                           std::string(name).find("ln") == std::string::npos);
      tensors.emplace_back(std::string(name) + ".b", false);
    }
  }

  static int elements_of(const std::string& name) {
    if (name == "emb.word") return kVocabulary * kHidden;
    if (name == "emb.pos") return kPositions * kHidden;
    if (name == "emb.type") return 2 * kHidden;
    if (name == "l0.fi.b") return kMlp;
    if (name == "l0.fi.w" || name == "l0.fo.w") return kHidden * kMlp;
    if (name.find("ln.") != std::string::npos || name.ends_with(".b")) return kHidden;
    return kHidden * kHidden;
  }

  // Scale 0.5 and nibbles 0 to 15 in turn (so weights -4 to 3.5) in 4-bit tensors; 0.25, 0.5, ...
  // in the others.
  std::string bytes() const {
    std::string out = "E5S1";
    put<uint32_t>(out, 1);
    for (int32_t size : {kHidden, 1, 2, kMlp, kVocabulary, kPositions, 2}) put(out, size);
    put<float>(out, 1e-12f);
    put<int32_t>(out, 32);
    put_pieces(out);
    put_normalizer(out);
    put<int32_t>(out, static_cast<int32_t>(tensors.size()));
    size_t directory = 0;
    for (const auto& [name, four_bit] : tensors) directory += 2 + name.size() + 1 + 4 + 8 + 8;
    uint64_t offset = out.size() + directory;
    std::string data;
    for (const auto& [name, four_bit] : tensors) {
      const std::string body = body_of(elements_of(name), four_bit);
      put<uint16_t>(out, static_cast<uint16_t>(name.size()));
      out += name;
      put<uint8_t>(out, four_bit ? 1 : 0);
      put<uint32_t>(out, static_cast<uint32_t>(elements_of(name)));
      put<uint64_t>(out, offset + data.size());
      put<uint64_t>(out, body.size());
      data += body;
    }
    return out + data;
  }

 private:
  template <typename T>
  static void put(std::string& out, T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    out.append(raw, sizeof(T));
  }

  void put_pieces(std::string& out) const {
    put<int32_t>(out, static_cast<int32_t>(pieces.size()));
    for (int32_t id : {0, 2, 1, 3}) put(out, id);  // begin, end, pad, unknown
    std::string blob;
    std::vector<uint32_t> offsets = {0};
    for (const std::string& piece : pieces) {
      blob += piece;
      offsets.push_back(static_cast<uint32_t>(blob.size()));
    }
    put<uint64_t>(out, blob.size());
    for (uint32_t at : offsets) put(out, at);
    for (size_t i = 0; i < pieces.size(); ++i)
      put<float>(out, i < 4 ? 0.0f : -static_cast<float>(i));
    out += blob;
  }

  static void put_normalizer(std::string& out) {  // U+FF41 (full-width a) -> a; U+200B -> nothing
    put<int32_t>(out, 2);
    put<uint32_t>(out, 4 + 1 + 4 + 4 + 1);
    put<uint32_t>(out, 0xff41);
    put<uint8_t>(out, 1);
    put<uint32_t>(out, 'a');
    put<uint32_t>(out, 0x200b);
    put<uint8_t>(out, 0);
  }

  static std::string body_of(int elements, bool four_bit) {
    std::string body;
    if (!four_bit) {
      for (int i = 0; i < elements; ++i) put<float>(body, static_cast<float>(i + 1) * 0.25f);
      return body;
    }
    for (int block = 0; block < elements / 32; ++block) {
      put<uint16_t>(body, 0x3800);  // 0.5 in half precision
      for (int j = 0; j < 16; ++j) put<uint8_t>(body, static_cast<uint8_t>(j | (15 - j) << 4));
    }
    return body;
  }
};

}  // namespace gantry
