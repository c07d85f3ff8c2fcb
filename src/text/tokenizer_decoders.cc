#include "text/tokenizer_decoders.h"

#include <charconv>

#include "text/normalize.h"
#include "text/tokenizer_normalizers.h"
#include "text/tokenizer_regex.h"
#include "text/unicode.h"

namespace gantry {

namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string out;
  for (const std::string& piece : pieces) out += piece;
  return out;
}

class Sequence : public PieceDecoder {
 public:
  explicit Sequence(std::vector<PieceDecoderPtr> steps) : steps_(std::move(steps)) {}
  void apply(std::vector<std::string>& pieces) const override {
    for (const auto& step : steps_) step->apply(pieces);
  }

 private:
  std::vector<PieceDecoderPtr> steps_;
};

class WordPiece : public PieceDecoder {
 public:
  WordPiece(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  void apply(std::vector<std::string>& pieces) const override {
    for (size_t i = 0; i < pieces.size(); ++i) {
      std::string& piece = pieces[i];
      if (i > 0) {
        if (piece.starts_with(prefix_))
          piece.erase(0, prefix_.size());
        else
          piece.insert(0, " ");
      }
      if (cleanup_) clean(piece);
    }
  }

 private:
  // English punctuation joins the word before it; the list and its order are Hugging Face's.
  static void clean(std::string& piece) {
    static constexpr std::pair<const char*, const char*> kRules[] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (const auto& [from, to] : kRules) replace_all(piece, from, to);
  }

  std::string prefix_;
  bool cleanup_;
};

class ByteLevel : public PieceDecoder {
 public:
  void apply(std::vector<std::string>& pieces) const override {
    std::string bytes;
    for (const std::string& piece : pieces) append_bytes(bytes, piece);
    pieces.assign(1, repair_utf8(bytes));
  }

 private:
  // A piece with any character that stands for no byte is an added token: it is taken as it is.
  static void append_bytes(std::string& bytes, const std::string& piece) {
    std::string own;
    for (size_t i = 0; i < piece.size();) {
      const int byte = byte_of_character(next_code_point(piece, i));
      if (byte < 0) {
        bytes += piece;
        return;
      }
      own += static_cast<char>(byte);
    }
    bytes += own;
  }
};

class Metaspace : public PieceDecoder {
 public:
  Metaspace(std::string replacement, bool drop_first)
      : replacement_(std::move(replacement)), drop_first_(drop_first) {}
  void apply(std::vector<std::string>& pieces) const override {
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (i == 0 && drop_first_) drop_leading(pieces[i]);
      replace_all(pieces[i], replacement_, " ");
    }
  }

 private:
  void drop_leading(std::string& piece) const {
    while (piece.starts_with(replacement_)) piece.erase(0, replacement_.size());
  }

  std::string replacement_;
  bool drop_first_;
};

class Replace : public PieceDecoder {
 public:
  Replace(std::string text, std::string content)
      : text_(std::move(text)), content_(std::move(content)) {}
  Replace(const std::string& pattern, std::string content, const std::string& where)
      : content_(std::move(content)), regex_(std::make_unique<TokenizerRegex>(pattern, where)) {}
  void apply(std::vector<std::string>& pieces) const override {
    for (std::string& piece : pieces) {
      if (!regex_) {
        replace_all(piece, text_, content_);
        continue;
      }
      std::string out;
      size_t done = 0;
      for (const auto& [begin, end] : regex_->find_all(piece)) {
        out.append(piece, done, begin - done).append(content_);
        done = end;
      }
      piece = out.append(piece, done);
    }
  }

 private:
  std::string text_, content_;
  std::unique_ptr<TokenizerRegex> regex_;
};

class Fuse : public PieceDecoder {
 public:
  void apply(std::vector<std::string>& pieces) const override { pieces.assign(1, joined(pieces)); }
};

class ByteFallback : public PieceDecoder {
 public:
  void apply(std::vector<std::string>& pieces) const override {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (is_valid_utf8(bytes))
        out.push_back(bytes);
      else
        out.insert(out.end(), bytes.size(), "\xEF\xBF\xBD");
      bytes.clear();
    };
    for (const std::string& piece : pieces) {
      unsigned byte = 0;
      const char* end = piece.data() + piece.size();
      if (piece.size() == 6 && piece.starts_with("<0x") && piece.ends_with('>') &&
          std::from_chars(piece.data() + 3, end - 1, byte, 16).ptr == end - 1) {
        bytes += static_cast<char>(byte);
      } else {
        flush();
        out.push_back(piece);
      }
    }
    flush();
    pieces = std::move(out);
  }
};

class Strip : public PieceDecoder {
 public:
  Strip(std::string character, size_t start, size_t stop)
      : character_(std::move(character)), start_(start), stop_(stop) {}
  void apply(std::vector<std::string>& pieces) const override {
    for (std::string& piece : pieces) {
      for (size_t i = 0; i < start_ && piece.starts_with(character_); ++i)
        piece.erase(0, character_.size());
      for (size_t i = 0; i < stop_ && piece.ends_with(character_); ++i)
        piece.erase(piece.size() - character_.size());
    }
  }

 private:
  std::string character_;
  size_t start_, stop_;
};

class BpeSuffix : public PieceDecoder {
 public:
  explicit BpeSuffix(std::string suffix) : suffix_(std::move(suffix)) {}
  void apply(std::vector<std::string>& pieces) const override {
    for (size_t i = 0; i < pieces.size(); ++i)
      replace_all(pieces[i], suffix_, i + 1 < pieces.size() ? " " : "");
  }

 private:
  std::string suffix_;
};

}  // namespace

PieceDecoderPtr make_decoder_sequence(std::vector<PieceDecoderPtr> steps) {
  return std::make_unique<Sequence>(std::move(steps));
}
PieceDecoderPtr make_wordpiece_decoder(std::string prefix, bool cleanup) {
  return std::make_unique<WordPiece>(std::move(prefix), cleanup);
}
PieceDecoderPtr make_byte_level_decoder() { return std::make_unique<ByteLevel>(); }
PieceDecoderPtr make_metaspace_decoder(std::string replacement, bool drop_first) {
  return std::make_unique<Metaspace>(std::move(replacement), drop_first);
}
PieceDecoderPtr make_replace_decoder(std::string text, std::string content) {
  return std::make_unique<Replace>(std::move(text), std::move(content));
}
PieceDecoderPtr make_regex_replace_decoder(const std::string& pattern, std::string content,
                                           const std::string& where) {
  return std::make_unique<Replace>(pattern, std::move(content), where);
}
PieceDecoderPtr make_fuse_decoder() { return std::make_unique<Fuse>(); }
PieceDecoderPtr make_byte_fallback_decoder() { return std::make_unique<ByteFallback>(); }
PieceDecoderPtr make_strip_decoder(std::string character, size_t start, size_t stop) {
  return std::make_unique<Strip>(std::move(character), start, stop);
}
PieceDecoderPtr make_bpe_decoder(std::string suffix) {
  return std::make_unique<BpeSuffix>(std::move(suffix));
}

}  // namespace gantry
