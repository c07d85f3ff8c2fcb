#include "text/tokenizer_pretokenizers.h"

#include <algorithm>

#include "text/tokenizer_normalizers.h"
#include "text/tokenizer_regex.h"
#include "text/unicode.h"

namespace gantry {

namespace {

// Cuts every piece that is not an added token; the text stays as it is.
class Cutter : public PreTokenizer {
 public:
  explicit Cutter(SplitBehavior behavior) : behavior_(behavior) {}

  void apply(Pieces& pieces) const override {
    std::vector<Piece> out;
    out.reserve(pieces.pieces.size());
    std::vector<Stretch> stretches;
    for (const Piece& piece : pieces.pieces) {
      if (piece.id >= 0) {
        out.push_back(piece);
        continue;
      }
      stretches.clear();
      cut(pieces.of(piece), stretches);
      for (const Stretch& s : apply_behavior(stretches, behavior_))
        if (s.begin < s.end)
          out.push_back({piece.begin + static_cast<uint32_t>(s.begin),
                         piece.begin + static_cast<uint32_t>(s.end)});
    }
    pieces.pieces = std::move(out);
  }

 protected:
  // Appends stretches that cover `text` without gaps.
  virtual void cut(std::string_view text, std::vector<Stretch>& stretches) const = 0;

 private:
  SplitBehavior behavior_;
};

// Each character of a class is a match of its own.
template <typename IsMatch>
class CharacterCutter : public Cutter {
 public:
  CharacterCutter(SplitBehavior behavior, IsMatch is_match)
      : Cutter(behavior), is_match_(is_match) {}

 protected:
  void cut(std::string_view text, std::vector<Stretch>& stretches) const override {
    for (size_t i = 0; i < text.size();) {
      const size_t begin = i;
      const bool match = is_match_(next_code_point(text, i));
      if (!match && !stretches.empty() && !stretches.back().match)
        stretches.back().end = i;
      else
        stretches.push_back({begin, i, match});
    }
  }

 private:
  IsMatch is_match_;
};

template <typename IsMatch>
PreTokenizerPtr make_cutter(SplitBehavior behavior, IsMatch is_match) {
  return std::make_unique<CharacterCutter<IsMatch>>(behavior, is_match);
}

// Stretches between and of matches given as [begin, end).
void cover(std::string_view text, const std::vector<std::pair<size_t, size_t>>& matches,
           bool invert, std::vector<Stretch>& stretches) {
  size_t done = 0;
  for (const auto& [begin, end] : matches) {
    if (done < begin) stretches.push_back({done, begin, invert});
    stretches.push_back({begin, end, !invert});
    done = end;
  }
  if (done < text.size()) stretches.push_back({done, text.size(), invert});
}

class TextCutter : public Cutter {
 public:
  TextCutter(std::string text, SplitBehavior behavior, bool invert)
      : Cutter(behavior), text_(std::move(text)), invert_(invert) {}

 protected:
  void cut(std::string_view text, std::vector<Stretch>& stretches) const override {
    std::vector<std::pair<size_t, size_t>> matches;
    if (!text_.empty())
      for (size_t at = 0; (at = text.find(text_, at)) != std::string_view::npos; at += text_.size())
        matches.emplace_back(at, at + text_.size());
    cover(text, matches, invert_, stretches);
  }

 private:
  std::string text_;
  bool invert_;
};

class RegexCutter : public Cutter {
 public:
  RegexCutter(const std::string& pattern, SplitBehavior behavior, bool invert,
              const std::string& where)
      : Cutter(behavior), regex_(pattern, where), invert_(invert) {}

 protected:
  void cut(std::string_view text, std::vector<Stretch>& stretches) const override {
    cover(text, regex_.find_all(text), invert_, stretches);
  }

 private:
  TokenizerRegex regex_;
  bool invert_;
};

// Runs of word characters, and runs of what is neither that nor white space.
class Whitespace : public Cutter {
 public:
  Whitespace() : Cutter(SplitBehavior::kRemoved) {}

 protected:
  void cut(std::string_view text, std::vector<Stretch>& stretches) const override {
    enum { kNothing, kWord, kSpace, kOther };
    int previous = kNothing;
    for (size_t i = 0; i < text.size();) {
      const size_t begin = i;
      const char32_t c = next_code_point(text, i);
      const int now = is_word_character(c) ? kWord : is_white_space(c) ? kSpace : kOther;
      if (now == previous)
        stretches.back().end = i;
      else
        stretches.push_back({begin, i, now == kSpace});
      previous = now;
    }
  }
};

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<PreTokenizerPtr> steps) : steps_(std::move(steps)) {}
  void apply(Pieces& pieces) const override {
    for (const auto& step : steps_) step->apply(pieces);
  }

 private:
  std::vector<PreTokenizerPtr> steps_;
};

class Metaspace : public PreTokenizer {
 public:
  Metaspace(std::string replacement, PrependScheme scheme, bool split)
      : replacement_(std::move(replacement)), scheme_(scheme), split_(split) {}

  void apply(Pieces& pieces) const override {
    Pieces out;
    out.text.reserve(pieces.text.text.size() + pieces.text.text.size() / 4);
    out.pieces.reserve(pieces.pieces.size());
    for (const Piece& piece : pieces.pieces) {
      const auto begin = static_cast<uint32_t>(out.text.text.size());
      if (piece.id >= 0) {
        out.text.append(pieces.text, piece.begin, piece.end);
        out.pieces.push_back({begin, static_cast<uint32_t>(out.text.text.size()), piece.id});
        continue;
      }
      rewrite(pieces, piece, out.text);
      const auto end = static_cast<uint32_t>(out.text.text.size());
      if (split_)
        cut(out, begin, end);
      else if (begin < end)
        out.pieces.push_back({begin, end});
    }
    pieces = std::move(out);
  }

 private:
  void rewrite(const Pieces& pieces, const Piece& piece, AlignedText& out) const {
    const std::string& text = pieces.text.text;
    const std::string_view here = pieces.of(piece);
    const ByteRange start = pieces.text.range(piece.begin, piece.begin);
    const bool wanted =
        scheme_ == PrependScheme::kAlways || (scheme_ == PrependScheme::kFirst && start.begin == 0);
    if (wanted && !here.starts_with(' ') && !here.starts_with(replacement_))
      out.append(replacement_, start);
    uint32_t done = piece.begin;
    for (uint32_t i = piece.begin; i < piece.end; ++i) {
      if (text[i] != ' ') continue;
      out.append(pieces.text, done, i);
      out.append(replacement_, pieces.text.range(i, i + 1));
      done = i + 1;
    }
    out.append(pieces.text, done, piece.end);
  }

  // Each replacement character starts a new piece.
  void cut(Pieces& out, uint32_t begin, uint32_t end) const {
    const std::string_view text = out.text.text;
    while (begin < end) {
      const auto next = text.find(replacement_, begin + 1);
      const uint32_t stop = next == std::string_view::npos ? end : static_cast<uint32_t>(next);
      out.pieces.push_back({begin, std::min(stop, end)});
      begin = std::min(stop, end);
    }
  }

  std::string replacement_;
  PrependScheme scheme_;
  bool split_;
};

// GPT-2's pattern, as published.
constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space) {
    if (use_regex)
      words_ = make_regex_split_pretokenizer(kGpt2Pattern, SplitBehavior::kIsolated, false,
                                             "byte-level pre-tokenizer");
  }

  void apply(Pieces& pieces) const override {
    if (add_prefix_space_) prefix(pieces);
    if (words_) words_->apply(pieces);
    Pieces out;
    out.text.reserve(pieces.text.text.size() * 2);
    out.pieces.reserve(pieces.pieces.size());
    for (const Piece& piece : pieces.pieces) {
      const auto begin = static_cast<uint32_t>(out.text.text.size());
      if (piece.id >= 0) {
        out.text.append(pieces.text, piece.begin, piece.end);
      } else {
        for (uint32_t i = piece.begin; i < piece.end; ++i)
          out.text.append(byte_level_character(static_cast<unsigned char>(pieces.text.text[i])),
                          pieces.text.source[i]);
      }
      out.pieces.push_back({begin, static_cast<uint32_t>(out.text.text.size()), piece.id});
    }
    pieces = std::move(out);
  }

 private:
  static void prefix(Pieces& pieces) {
    Pieces out;
    for (const Piece& piece : pieces.pieces) {
      const auto begin = static_cast<uint32_t>(out.text.text.size());
      if (piece.id < 0 && !pieces.of(piece).starts_with(' '))
        out.text.append(" ", pieces.text.range(piece.begin, piece.begin));
      out.text.append(pieces.text, piece.begin, piece.end);
      out.pieces.push_back({begin, static_cast<uint32_t>(out.text.text.size()), piece.id});
    }
    pieces = std::move(out);
  }

  bool add_prefix_space_;
  PreTokenizerPtr words_;
};

}  // namespace

std::vector<Stretch> apply_behavior(const std::vector<Stretch>& stretches, SplitBehavior behavior) {
  std::vector<Stretch> out;
  out.reserve(stretches.size());
  bool previous = false;  // whether the stretch before was a match
  switch (behavior) {
    case SplitBehavior::kIsolated:
      return stretches;
    case SplitBehavior::kRemoved:
      for (const Stretch& s : stretches)
        if (!s.match) out.push_back(s);
      break;
    case SplitBehavior::kContiguous:
      for (const Stretch& s : stretches) {
        if (s.match == previous && !out.empty())
          out.back().end = s.end;
        else
          out.push_back(s);
        previous = s.match;
      }
      break;
    case SplitBehavior::kMergedWithPrevious:
      for (const Stretch& s : stretches) {
        if (s.match && !previous && !out.empty())
          out.back().end = s.end;
        else
          out.push_back(s);
        previous = s.match;
      }
      break;
    case SplitBehavior::kMergedWithNext:
      for (size_t i = stretches.size(); i-- > 0;) {
        const Stretch& s = stretches[i];
        if (s.match && !previous && !out.empty())
          out.back().begin = s.begin;
        else
          out.push_back(s);
        previous = s.match;
      }
      std::reverse(out.begin(), out.end());
      break;
  }
  return out;
}

PreTokenizerPtr make_pretokenizer_sequence(std::vector<PreTokenizerPtr> steps) {
  return std::make_unique<Sequence>(std::move(steps));
}

PreTokenizerPtr make_bert_pretokenizer() {
  std::vector<PreTokenizerPtr> steps;
  steps.push_back(make_whitespace_split_pretokenizer());
  steps.push_back(make_cutter(SplitBehavior::kIsolated, is_bert_punctuation));
  return make_pretokenizer_sequence(std::move(steps));
}

PreTokenizerPtr make_whitespace_pretokenizer() { return std::make_unique<Whitespace>(); }

PreTokenizerPtr make_whitespace_split_pretokenizer() {
  return make_cutter(SplitBehavior::kRemoved, is_white_space);
}

PreTokenizerPtr make_python_split_pretokenizer() {
  return make_cutter(SplitBehavior::kRemoved,
                     [](char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); });
}

PreTokenizerPtr make_punctuation_pretokenizer(SplitBehavior behavior) {
  return make_cutter(behavior, is_bert_punctuation);
}

PreTokenizerPtr make_digits_pretokenizer(bool individual) {
  return make_cutter(individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous,
                     is_numeric);
}

PreTokenizerPtr make_character_pretokenizer(char32_t delimiter) {
  return make_cutter(SplitBehavior::kRemoved, [delimiter](char32_t c) { return c == delimiter; });
}

PreTokenizerPtr make_each_character_pretokenizer() {
  return make_cutter(SplitBehavior::kIsolated, [](char32_t) { return true; });
}

PreTokenizerPtr make_split_pretokenizer(std::string text, SplitBehavior behavior, bool invert) {
  return std::make_unique<TextCutter>(std::move(text), behavior, invert);
}

PreTokenizerPtr make_regex_split_pretokenizer(const std::string& pattern, SplitBehavior behavior,
                                              bool invert, const std::string& where) {
  return std::make_unique<RegexCutter>(pattern, behavior, invert, where);
}

PreTokenizerPtr make_metaspace_pretokenizer(std::string replacement, PrependScheme scheme,
                                            bool split) {
  return std::make_unique<Metaspace>(std::move(replacement), scheme, split);
}

PreTokenizerPtr make_byte_level_pretokenizer(bool add_prefix_space, bool use_regex) {
  return std::make_unique<ByteLevel>(add_prefix_space, use_regex);
}

}  // namespace gantry
