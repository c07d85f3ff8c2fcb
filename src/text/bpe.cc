#include "text/bpe.h"

#include <array>
#include <bit>
#include <map>

#include "base/error.h"
#include "text/bpe_merge.h"
#include "text/double_array.h"
#include "text/unicode.h"
#include "text/unigram.h"

namespace gantry {

namespace {

// encode_word(word, its first byte, merger, tokens) for each piece that is no token yet.
template <typename EncodeWord>
std::vector<Token> encode_pieces(const Pieces& pieces, const EncodeWord& encode_word) {
  std::vector<Token> tokens;
  tokens.reserve(pieces.text.text.size() / 3);
  BpeMerger merger;
  for (const Piece& piece : pieces.pieces) {
    if (piece.id >= 0)
      tokens.push_back({piece.id, piece.begin, piece.end});
    else
      encode_word(pieces.of(piece), piece.begin, merger, tokens);
  }
  return tokens;
}

// (left id, right id) -> (rank, merged id), by open addressing.
class MergeTable {
 public:
  explicit MergeTable(size_t merges)
      : slots_(std::bit_ceil(std::max<size_t>(16, merges * 2))), mask_(slots_.size() - 1) {}

  // A pair that comes again takes its later rank, as in Hugging Face's table.
  void add(int32_t left, int32_t right, uint32_t rank, int32_t merged) {
    slots_[find(key(left, right))] = {key(left, right), rank, merged};
  }

  std::optional<BpePair> operator()(int32_t left, int32_t right) const {
    const Slot& slot = slots_[find(key(left, right))];
    if (slot.key == kFree) return std::nullopt;
    return BpePair{static_cast<double>(slot.rank), slot.merged};
  }

 private:
  static constexpr uint64_t kFree = UINT64_MAX;
  struct Slot {
    uint64_t key = kFree;
    uint32_t rank = 0;
    int32_t merged = -1;
  };

  static uint64_t key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t find(uint64_t key) const {
    size_t at = (key * 0x9E3779B97F4A7C15u >> 20) & mask_;  // Fibonacci hashing
    while (slots_[at].key != key && slots_[at].key != kFree) at = (at + 1) & mask_;
    return at;
  }

  std::vector<Slot> slots_;
  size_t mask_;
};

class Bpe : public SubwordModel {
 public:
  Bpe(Vocabulary vocabulary, const Merges& merges, BpeOptions options)
      : SubwordModel(std::move(vocabulary)),
        options_(std::move(options)),
        table_(merges.size()),
        unk_(options_.unk_token.empty() ? -1 : this->vocabulary().id(options_.unk_token)) {
    if (options_.byte_fallback) bytes_ = byte_pieces(this->vocabulary());
    if (!options_.unk_token.empty() && unk_ < 0 && bytes_.empty())
      throw Error("E0323",
                  this->vocabulary().where() + ": the unknown token '" + options_.unk_token +
                      "' is not in the vocabulary",
                  "The tokenizer files do not belong together: get them again.");
    const size_t prefix = options_.continuing_prefix.size();
    for (size_t rank = 0; rank < merges.size(); ++rank) {
      const auto& [left, right] = merges[rank];
      const std::string merged = left + (right.size() > prefix ? right.substr(prefix) : "");
      table_.add(known(left, rank), known(right, rank), static_cast<uint32_t>(rank),
                 known(merged, rank));
    }
    for (size_t c = 0; c < small_.size(); ++c)
      small_[c] = this->vocabulary().id(to_utf8(char32_t(c)));
  }

  std::string_view kind() const override { return "BPE"; }
  int32_t unk_id() const override { return unk_; }

  std::vector<Token> encode(const Pieces& pieces) const override {
    return encode_pieces(pieces, [this](auto&&... word) { encode_word(word...); });
  }

 private:
  int32_t known(const std::string& piece, size_t rank) const {
    const int32_t id = vocabulary().id(piece);
    if (id < 0)
      throw Error("E0324",
                  vocabulary().where() + ": merge " + std::to_string(rank + 1) +
                      " needs the piece '" + piece.substr(0, 80) +
                      "', which is not in the vocabulary",
                  "Merges and vocabulary do not belong together: get the tokenizer files again.");
    return id;
  }

  void encode_word(std::string_view word, uint32_t base, BpeMerger& merger,
                   std::vector<Token>& tokens) const {
    if (options_.ignore_merges) {
      if (const int32_t id = vocabulary().id(word); id >= 0) {
        tokens.push_back({id, base, base + static_cast<uint32_t>(word.size())});
        return;
      }
    }
    merger.clear();
    add_symbols(word, merger);
    merger.merge([&](const BpeSymbol& a, const BpeSymbol& b) { return table_(a.id, b.id); },
                 [&](const BpeSymbol& a, const BpeSymbol& b, int32_t id) {
                   const std::optional<BpePair> pair = table_(a.id, b.id);
                   return pair && pair->id == id;
                 });
    for (const BpeSymbol& s : merger.symbols)
      if (s.begin < s.end) tokens.push_back({s.id, base + s.begin, base + s.end});
  }

  void add_symbols(std::string_view word, BpeMerger& merger) const {
    bool unknown_before = false;  // the last symbol is unknown and may grow
    for (uint32_t at = 0; at < word.size();) {
      const auto end = at + static_cast<uint32_t>(utf8_length(word[at]));
      const int32_t id = id_of_character(word, at, end);
      if (id >= 0) {
        merger.add(at, end, id);
        unknown_before = false;
      } else if (!bytes_.empty()) {
        for (uint32_t i = at; i < end; ++i)
          merger.add(i, i + 1, bytes_[static_cast<unsigned char>(word[i])]);
        unknown_before = false;
      } else if (unk_ >= 0) {
        if (unknown_before && options_.fuse_unk)
          merger.symbols.back().end = end;
        else
          merger.add(at, end, unk_);
        unknown_before = true;
      }
      at = end;
    }
  }

  int32_t id_of_character(std::string_view word, uint32_t begin, uint32_t end) const {
    const bool first = begin == 0, last = end == word.size();
    const bool decorated = (!first && !options_.continuing_prefix.empty()) ||
                           (last && !options_.end_of_word_suffix.empty());
    if (decorated) {
      std::string piece = first ? "" : options_.continuing_prefix;
      piece += word.substr(begin, end - begin);
      if (last) piece += options_.end_of_word_suffix;
      return vocabulary().id(piece);
    }
    size_t position = begin;
    const char32_t c = next_code_point(word, position);
    return c < small_.size() ? small_[c] : vocabulary().id(word.substr(begin, end - begin));
  }

  BpeOptions options_;
  MergeTable table_;
  int32_t unk_;
  std::vector<int32_t> bytes_;
  std::array<int32_t, 512> small_;  // ids of the characters below U+0200: all of a byte-level text
};

class SentencePieceBpe : public SubwordModel {
 public:
  SentencePieceBpe(Vocabulary vocabulary, std::vector<float> scores,
                   std::vector<SentencePieceKind> kinds, int32_t unk_id, bool byte_fallback)
      : SubwordModel(std::move(vocabulary)),
        scores_(std::move(scores)),
        kinds_(std::move(kinds)),
        unk_(unk_id) {
    const auto n = static_cast<size_t>(this->vocabulary().size());
    GANTRY_CHECK(scores_.size() == n && kinds_.size() == n);
    if (byte_fallback) bytes_ = byte_pieces(this->vocabulary());
    if (!this->vocabulary().has(unk_))
      throw Error("E0323", this->vocabulary().where() + ": it has no unknown piece",
                  "The tokenizer file is damaged: get it again.");
    std::vector<DoubleArray::Key> defined;
    for (int32_t id = 0; id < this->vocabulary().size(); ++id)
      if (kind_of(id) == SentencePieceKind::kUserDefined)
        defined.emplace_back(this->vocabulary().piece(id), static_cast<uint32_t>(id));
    user_defined_ = DoubleArray::build(std::move(defined));
  }

  std::string_view kind() const override { return "SentencePiece BPE"; }
  int32_t unk_id() const override { return unk_; }

  std::vector<Token> encode(const Pieces& pieces) const override {
    return encode_pieces(pieces, [this](auto&&... word) { encode_word(word...); });
  }

 private:
  SentencePieceKind kind_of(int32_t id) const { return kinds_[static_cast<size_t>(id)]; }

  // The id of a piece that a text may hold, or -1.
  int32_t textual(std::string_view piece) const {
    const int32_t id = vocabulary().id(piece);
    if (id < 0) return -1;
    const SentencePieceKind kind = kind_of(id);
    const bool reserved = kind == SentencePieceKind::kControl ||
                          kind == SentencePieceKind::kUnknown || kind == SentencePieceKind::kByte;
    return reserved ? -1 : id;
  }

  void encode_word(std::string_view word, uint32_t base, BpeMerger& merger,
                   std::vector<Token>& tokens) const {
    merger.clear();
    for (size_t at = 0; at < word.size();) {
      size_t length = 0;
      user_defined_.prefixes(word.substr(at), [&](size_t n, uint32_t) { length = n; });
      const bool frozen = length > 0;
      if (!frozen) length = utf8_length(word[at]);
      const auto begin = static_cast<uint32_t>(at), end = static_cast<uint32_t>(at + length);
      merger.add(begin, end, textual(word.substr(at, length)), frozen);
      at += length;
    }
    Splits splits;
    const auto lookup = [&](const BpeSymbol& a, const BpeSymbol& b) -> std::optional<BpePair> {
      const int32_t id = textual(word.substr(a.begin, b.end - a.begin));
      if (id < 0) return std::nullopt;
      if (kind_of(id) == SentencePieceKind::kUnused)
        splits.insert_or_assign(word.substr(a.begin, b.end - a.begin), a.end - a.begin);
      return BpePair{-static_cast<double>(scores_[static_cast<size_t>(id)]), id};
    };
    merger.merge(lookup, [](const BpeSymbol&, const BpeSymbol&, int32_t) { return true; });
    const size_t before = tokens.size();
    for (const BpeSymbol& s : merger.symbols)
      if (s.begin < s.end) add_symbol(word, s, base, splits, before, tokens);
  }

  // Of an unused piece, the length of its left part.
  using Splits = std::map<std::string_view, uint32_t>;

  // Unused pieces help to merge but are never given: they are taken apart again.
  void add_symbol(std::string_view word, const BpeSymbol& symbol, uint32_t base,
                  const Splits& splits, size_t before, std::vector<Token>& tokens) const {
    std::vector<BpeSymbol> waiting{symbol};
    while (!waiting.empty()) {
      BpeSymbol s = waiting.back();
      waiting.pop_back();
      const std::string_view piece = word.substr(s.begin, s.end - s.begin);
      const int32_t id = textual(piece);
      const auto split = splits.find(piece);
      const bool unused = id >= 0 && kind_of(id) == SentencePieceKind::kUnused;
      if (unused && split != splits.end()) {
        BpeSymbol right = s;
        right.begin = s.end = s.begin + split->second;
        waiting.push_back(right);
        waiting.push_back(s);
      } else {
        add_token(word, {unused ? unk_ : id, base + s.begin, base + s.end}, base, before, tokens);
      }
    }
  }

  void add_token(std::string_view word, Token token, uint32_t base, size_t before,
                 std::vector<Token>& tokens) const {
    if (token.id >= 0 && token.id != unk_) {
      tokens.push_back(token);
    } else if (!bytes_.empty()) {
      for (uint32_t i = token.begin; i < token.end; ++i)
        tokens.push_back({bytes_[static_cast<unsigned char>(word[i - base])], i, i + 1});
    } else if (tokens.size() > before && tokens.back().id == unk_) {
      tokens.back().end = token.end;
    } else {
      tokens.push_back({unk_, token.begin, token.end});
    }
  }

  std::vector<float> scores_;
  std::vector<SentencePieceKind> kinds_;
  int32_t unk_;
  std::vector<int32_t> bytes_;
  DoubleArray user_defined_;
};

}  // namespace

std::unique_ptr<const SubwordModel> make_bpe(Vocabulary vocabulary, const Merges& merges,
                                             BpeOptions options) {
  return std::make_unique<Bpe>(std::move(vocabulary), merges, std::move(options));
}

std::unique_ptr<const SubwordModel> make_sentencepiece_bpe(Vocabulary vocabulary,
                                                           std::vector<float> scores,
                                                           std::vector<SentencePieceKind> kinds,
                                                           int32_t unk_id, bool byte_fallback) {
  return std::make_unique<SentencePieceBpe>(std::move(vocabulary), std::move(scores),
                                            std::move(kinds), unk_id, byte_fallback);
}

}  // namespace gantry
