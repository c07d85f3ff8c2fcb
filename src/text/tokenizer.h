// Tokenizer: text into the token ids of a base model, exactly as the model was trained with.
//
//   auto tokenizer = Tokenizer::open("models/multilingual-e5-small");
//   Encoding e = tokenizer->encode("query: 骨転移は増大している。");
//   std::vector<int32_t> input = tokenizer->with_specials(e.ids);  // <s> ... </s>
//
// Every kind of tokenizer file is turned into one pipeline: added tokens, normalizer,
// pre-tokenizer, subword model, post-processor, decoder (see tokenizer_parts.h). Which file of a
// model folder is read, the first that is there:
//   1. tokenizer.json                                  (Hugging Face `tokenizers`)
//   2. sentencepiece.bpe.model, tokenizer.model, spiece.model   (SentencePiece; XLM-R's shifted
//   ids)
//   3. vocab.txt                                       (BERT WordPiece; BertJapaneseTokenizer,
//   MeCab)
//   4. vocab.json and merges.txt                       (byte-level BPE: RoBERTa, GPT-2)
// A part of a file that Gantry does not know is an Error that names it, never an approximation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

// A range of bytes [begin, end) of the text that was given to encode().
struct ByteRange {
  uint32_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};

// Token ids of a text, without the specials that a model wants around it.
struct Encoding {
  std::vector<int32_t> ids;
  std::vector<ByteRange> offsets;  // ids.size(): which bytes of the given text each token came from
  size_t replaced = 0;             // ill-formed UTF-8 sequences read as U+FFFD
};

struct TokenizerPipeline;  // tokenizer_parts.h

// Immutable and thread-safe once opened.
class Tokenizer {
 public:
  // Opens the tokenizer of a model folder. Errors E0320 (no tokenizer file), E0321 - E0332 (what is
  // wrong with it): docs/errors/tokenizers.md.
  static std::unique_ptr<Tokenizer> open(const std::filesystem::path& model_folder);
  // The same of the text of a tokenizer.json; `name` stands in errors.
  static std::unique_ptr<Tokenizer> from_json(std::string_view json, const std::string& name);

  explicit Tokenizer(TokenizerPipeline pipeline);
  ~Tokenizer();

  // The text as ids. Ill-formed UTF-8 is read as U+FFFD and counted. Texts up to 4 GiB - 1 bytes.
  Encoding encode(std::string_view utf8) const;
  // The same for a text that must not give commands: special tokens written out in it
  // ("<|im_end|>") are read as the characters they are written in.
  Encoding encode_plain(std::string_view utf8) const;

  // `ids` with the model's specials: BERT [CLS] x [SEP], RoBERTa and XLM-R <s> x </s>, ...
  std::vector<int32_t> with_specials(std::span<const int32_t> ids) const;
  std::span<const int32_t> specials_before() const;
  std::span<const int32_t> specials_after() const;
  size_t specials_count() const { return specials_before().size() + specials_after().size(); }

  // Text of ids, as the model's decoder says. Specials are left out unless asked for; ids outside
  // the vocabulary are left out.
  std::string decode(std::span<const int32_t> ids, bool keep_specials = false) const;

  // The piece that an id stands for, as in the vocabulary ("▁骨", "##移"); "" for a hole.
  std::string_view token(int32_t id) const;
  // -1 when there is none.
  int32_t id(std::string_view token) const;

  // One more than the largest id, added tokens included (a vocabulary may have holes).
  int32_t vocab_size() const;

  // -1 where the model has none. begin is [CLS] or <s> (bos), end is [SEP] or </s> (eos).
  int32_t begin_id() const;
  int32_t end_id() const;
  int32_t pad_id() const;
  int32_t unk_id() const;
  int32_t mask_id() const;

  // Error E0330 when an id of this tokenizer has no row in a model of `model_vocab_size` rows.
  void check_fits(int64_t model_vocab_size) const;

  // SHA-256 over the files that were read (and, with MeCab, the dictionary's identity).
  const std::string& hash() const;
  // What was read, for people: "tokenizer.json (Unigram, 250,002 pieces)".
  const std::string& description() const;

 private:
  Encoding encode_cut(std::string_view utf8, bool specials) const;
  std::unique_ptr<const TokenizerPipeline> pipeline_;
};

}  // namespace gantry
