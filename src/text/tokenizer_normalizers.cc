#include "text/tokenizer_normalizers.h"

#include <array>
#include <utility>

#include "text/tokenizer_regex.h"
#include "text/unicode.h"

namespace gantry {

namespace {

// Calls per_character(c, begin, end) for each character of the text.
template <typename PerCharacter>
void for_each_character(const std::string& text, PerCharacter per_character) {
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = next_code_point(text, i);
    per_character(c, begin, i);
  }
}

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<NormalizerPtr> steps) : steps_(std::move(steps)) {}
  void apply(AlignedText& text) const override {
    for (const auto& step : steps_) step->apply(text);
  }

 private:
  std::vector<NormalizerPtr> steps_;
};

class Form : public Normalizer {
 public:
  explicit Form(NormalForm form) : form_(form) {}
  void apply(AlignedText& text) const override { normalize(text, form_); }

 private:
  NormalForm form_;
};

class Lowercase : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    AlignedText out;
    out.reserve(text.text.size());
    std::string lower;
    for_each_character(text.text, [&](char32_t c, size_t begin, size_t end) {
      lower.clear();
      append_lower_case(lower, c);
      out.append(lower, text.range(begin, end));
    });
    text = std::move(out);
  }
};

class Bert : public Normalizer {
 public:
  explicit Bert(BertNormalization options) : options_(options) {}
  void apply(AlignedText& text) const override {
    if (options_.clean_text || options_.handle_chinese_chars) clean(text);
    if (options_.strip_accents.value_or(options_.lowercase)) {
      normalize(text, NormalForm::kNfd);
      drop_accents(text);
    }
    if (options_.lowercase) Lowercase().apply(text);
  }

 private:
  void clean(AlignedText& text) const {
    AlignedText out;
    out.reserve(text.text.size() + text.text.size() / 4);
    for_each_character(text.text, [&](char32_t c, size_t begin, size_t end) {
      const ByteRange from = text.range(begin, end);
      if (options_.clean_text) {
        if (c == 0 || c == 0xFFFD || is_bert_control(c)) return;
        if (options_.drop_unassigned && is_unassigned(c)) return;
        if (is_white_space(c)) return out.append(" ", from);
      }
      if (options_.handle_chinese_chars && is_cjk_ideograph(c)) {
        out.append(" ", {from.begin, from.begin});
        out.append(text, begin, end);
        out.append(" ", {from.end, from.end});
      } else {
        out.append(text, begin, end);
      }
    });
    text = std::move(out);
  }

  static void drop_accents(AlignedText& text) {
    AlignedText out;
    out.reserve(text.text.size());
    for_each_character(text.text, [&](char32_t c, size_t begin, size_t end) {
      if (!is_nonspacing_mark(c)) out.append(text, begin, end);
    });
    text = std::move(out);
  }

  BertNormalization options_;
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(AlignedText& text) const override {
    size_t begin = text.text.size(), end = 0;
    for_each_character(text.text, [&](char32_t c, size_t from, size_t to) {
      if (is_white_space(c)) return;
      begin = std::min(begin, from);
      end = to;
    });
    if (!left_) begin = 0;
    if (!right_) end = text.text.size();
    AlignedText out;
    if (begin < end) out.append(text, begin, end);
    text = std::move(out);
  }

 private:
  bool left_, right_;
};

class StripAccents : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    AlignedText out;
    out.reserve(text.text.size());
    for_each_character(text.text, [&](char32_t c, size_t begin, size_t end) {
      if (!is_mark(c)) out.append(text, begin, end);
    });
    text = std::move(out);
  }
};

class Replace : public Normalizer {
 public:
  Replace(std::string text, std::string content)
      : text_(std::move(text)), content_(std::move(content)) {}
  Replace(const std::string& pattern, std::string content, const std::string& where)
      : content_(std::move(content)), regex_(std::make_unique<TokenizerRegex>(pattern, where)) {}

  void apply(AlignedText& text) const override {
    AlignedText out;
    out.reserve(text.text.size());
    size_t done = 0;
    const auto replace = [&](size_t begin, size_t end) {
      out.append(text, done, begin);
      out.append(content_, text.range(begin, end));
      done = end;
    };
    if (regex_) {
      for (const auto& [begin, end] : regex_->find_all(text.text)) replace(begin, end);
    } else if (!text_.empty()) {
      for (size_t at = 0; (at = text.text.find(text_, at)) != std::string::npos; at = done)
        replace(at, at + text_.size());
    }
    if (done == 0 && out.text.empty()) return;
    out.append(text, done, text.text.size());
    text = std::move(out);
  }

 private:
  std::string text_, content_;
  std::unique_ptr<TokenizerRegex> regex_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(AlignedText& text) const override {
    if (text.text.empty()) return;
    AlignedText out;
    out.reserve(text.text.size() + prefix_.size());
    out.append(prefix_, text.range(0, 0));
    out.append(text, 0, text.text.size());
    text = std::move(out);
  }

 private:
  std::string prefix_;
};

class Nmt : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    AlignedText out;
    out.reserve(text.text.size());
    for_each_character(text.text, [&](char32_t c, size_t begin, size_t end) {
      if (is_dropped(c)) return;
      if (is_space(c))
        out.append(" ", text.range(begin, end));
      else
        out.append(text, begin, end);
    });
    text = std::move(out);
  }

 private:
  static bool is_dropped(char32_t c) {
    return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
           c == 0x8F || c == 0x9F;
  }
  static bool is_space(char32_t c) {
    return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
           c == 0xFEFF || c == 0xFFFD;
  }
};

class ByteLevel : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    AlignedText out;
    out.reserve(text.text.size() * 2);
    for (size_t i = 0; i < text.text.size(); ++i)
      out.append(byte_level_character(static_cast<unsigned char>(text.text[i])),
                 text.range(i, i + 1));
    text = std::move(out);
  }
};

class Precompiled : public Normalizer {
 public:
  explicit Precompiled(Charsmap map) : map_(std::move(map)) {
    for (unsigned c = 0; c < 128; ++c) {
      const char byte = static_cast<char>(c);
      ascii_stays_[c] = c >= 0x20 && !map_.shortest({&byte, 1});
    }
  }

  void apply(AlignedText& text) const override {
    AlignedText out;
    out.reserve(text.text.size());
    const std::string& s = text.text;
    size_t begin = 0;
    while (begin < s.size()) {
      if (is_plain(s, begin)) {
        out.append(text, begin, begin + 1);
        ++begin;
        continue;
      }
      const size_t end = grapheme_end(s, begin);
      const std::string_view grapheme(s.data() + begin, end - begin);
      if (const auto match =
              grapheme.size() < kWholeGraphemeBelow ? map_.shortest(grapheme) : std::nullopt) {
        out.append(match->replacement, text.range(begin, end));
      } else {
        by_character(text, begin, end, out);
      }
      begin = end;
    }
    text = std::move(out);
  }

 private:
  static constexpr size_t kWholeGraphemeBelow = 6;  // bytes; as in the spm_precompiled crate

  // An ASCII character that the map leaves alone and that no mark can follow.
  bool is_plain(const std::string& s, size_t i) const {
    const auto byte = static_cast<unsigned char>(s[i]);
    return byte < 128 && ascii_stays_[byte] &&
           (i + 1 == s.size() || static_cast<unsigned char>(s[i + 1]) < 128);
  }

  static size_t grapheme_end(const std::string& s, size_t begin) {
    int32_t state = 0;
    size_t end = begin;
    char32_t left = next_code_point(s, end);
    while (end < s.size()) {
      size_t after = end;
      const char32_t right = next_code_point(s, after);
      if (is_grapheme_boundary(left, right, state)) break;
      left = right;
      end = after;
    }
    return end;
  }

  void by_character(const AlignedText& text, size_t begin, size_t end, AlignedText& out) const {
    const std::string_view s = text.text;
    while (begin < end) {
      const size_t length = utf8_length(s[begin]);
      if (const auto match = map_.shortest(s.substr(begin, length)))
        out.append(match->replacement, text.range(begin, begin + length));
      else
        out.append(text, begin, begin + length);
      begin += length;
    }
  }

  Charsmap map_;
  std::array<bool, 128> ascii_stays_;
};

// GPT-2's table: printable Latin-1 stands for itself, the rest for U+0100 and up, in byte order.
struct ByteCharacters {
  std::array<std::string, 256> of_byte;
  std::array<int, 324> byte_of;
  ByteCharacters() {
    byte_of.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable =
          (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const char32_t c = printable ? static_cast<char32_t>(byte) : next++;
      of_byte[static_cast<size_t>(byte)] = to_utf8(c);
      byte_of[c] = byte;
    }
  }
};

const ByteCharacters& byte_characters() {
  static const ByteCharacters table;
  return table;
}

}  // namespace

NormalizerPtr make_normalizer_sequence(std::vector<NormalizerPtr> steps) {
  return std::make_unique<Sequence>(std::move(steps));
}
NormalizerPtr make_bert_normalizer(BertNormalization options) {
  return std::make_unique<Bert>(options);
}
NormalizerPtr make_form_normalizer(NormalForm form) { return std::make_unique<Form>(form); }
NormalizerPtr make_lowercase_normalizer() { return std::make_unique<Lowercase>(); }
NormalizerPtr make_strip_normalizer(bool left, bool right) {
  return std::make_unique<Strip>(left, right);
}
NormalizerPtr make_strip_accents_normalizer() { return std::make_unique<StripAccents>(); }
NormalizerPtr make_replace_normalizer(std::string text, std::string content) {
  return std::make_unique<Replace>(std::move(text), std::move(content));
}
NormalizerPtr make_regex_replace_normalizer(const std::string& pattern, std::string content,
                                            const std::string& where) {
  return std::make_unique<Replace>(pattern, std::move(content), where);
}
NormalizerPtr make_prepend_normalizer(std::string text) {
  return std::make_unique<Prepend>(std::move(text));
}
NormalizerPtr make_nmt_normalizer() { return std::make_unique<Nmt>(); }
NormalizerPtr make_byte_level_normalizer() { return std::make_unique<ByteLevel>(); }
NormalizerPtr make_charsmap_normalizer(Charsmap map) {
  return std::make_unique<Precompiled>(std::move(map));
}

const std::string& byte_level_character(unsigned char byte) {
  return byte_characters().of_byte[byte];
}

int byte_of_character(char32_t c) {
  const auto& table = byte_characters().byte_of;
  return c < table.size() ? table[c] : -1;
}

}  // namespace gantry
