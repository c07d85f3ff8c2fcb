#include "text/rouge.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "text/code_points.h"
#include "text/mecab.h"
#include "text/porter_stemmer.h"

namespace gantry {
namespace {

using Ids = std::vector<int32_t>;  // tokens of both texts, numbered

RougeScore score(double hits, double target, double prediction) {
  RougeScore s;
  if (!(target > 0) || !(prediction > 0)) return s;
  s.precision = hits / prediction;
  s.recall = hits / target;
  if (s.precision + s.recall > 0) s.f1 = 2 * s.precision * s.recall / (s.precision + s.recall);
  return s;
}

class Numbering {
 public:
  Ids operator()(const std::vector<std::string>& tokens) {
    Ids ids;
    for (const std::string& token : tokens) {
      ids.push_back(number_.try_emplace(token, static_cast<int32_t>(number_.size())).first->second);
    }
    return ids;
  }
  size_t size() const { return number_.size(); }

 private:
  std::unordered_map<std::string, int32_t> number_;
};

// n is 1 or 2: an n-gram fits one 64-bit key.
std::unordered_map<uint64_t, int64_t> count_ngrams(const Ids& ids, size_t n) {
  std::unordered_map<uint64_t, int64_t> count;
  for (size_t i = 0; i + n <= ids.size(); ++i) {
    uint64_t key = 0;
    for (size_t j = i; j < i + n; ++j) key = key << 32 | static_cast<uint32_t>(ids[j]);
    ++count[key];
  }
  return count;
}

RougeScore rouge_n(const Ids& target, const Ids& prediction, size_t n) {
  const auto in_prediction = count_ngrams(prediction, n);
  int64_t hits = 0;
  for (const auto& [key, count] : count_ngrams(target, n)) {
    const auto found = in_prediction.find(key);
    if (found != in_prediction.end()) hits += std::min(count, found->second);
  }
  const auto grams = [n](const Ids& ids) {
    return ids.size() >= n ? static_cast<double>(ids.size() - n + 1) : 0.0;
  };
  return score(static_cast<double>(hits), grams(target), grams(prediction));
}

// Length of the longest common subsequence, one row at a time.
int32_t lcs_length(const Ids& a, const Ids& b) {
  std::vector<int32_t> row(b.size() + 1);
  for (int32_t token : a) {
    int32_t diagonal = 0;
    for (size_t j = 1; j <= b.size(); ++j) {
      const int32_t above = row[j];
      row[j] = token == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row.back();
}

// Marks the places in `a` of one longest common subsequence: the one rouge_score reads out.
void mark_lcs(const Ids& a, const Ids& b, std::vector<bool>& marked) {
  const size_t width = b.size() + 1;
  std::vector<int32_t> table((a.size() + 1) * width);
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      table[i * width + j] = a[i - 1] == b[j - 1]
                                 ? table[(i - 1) * width + j - 1] + 1
                                 : std::max(table[(i - 1) * width + j], table[i * width + j - 1]);
    }
  }
  for (size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
    if (a[i - 1] == b[j - 1]) {
      marked[--i] = true;
      --j;
    } else if (table[i * width + j - 1] > table[(i - 1) * width + j]) {
      --j;
    } else {
      --i;
    }
  }
}

std::vector<std::string_view> sentences_of(std::string_view text, SentenceEnd end) {
  std::vector<std::string_view> sentences;
  size_t begin = 0;
  const auto cut = [&](size_t at, size_t next) {
    if (at > begin) sentences.push_back(text.substr(begin, at - begin));
    begin = next;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') cut(i, i + 1);
    if (end == SentenceEnd::kNewline) continue;
    for (std::string_view stop : {"\u3002", "\uFF0E"}) {  // 。 ．
      if (text.substr(i, stop.size()) == stop) cut(i + stop.size(), i + stop.size());
    }
  }
  cut(text.size(), text.size());
  return sentences;
}

RougeScore rouge_lsum(const std::vector<Ids>& target, const std::vector<Ids>& prediction,
                      size_t tokens) {
  std::vector<int64_t> left_target(tokens), left_prediction(tokens);
  double target_size = 0, prediction_size = 0, hits = 0;
  for (const Ids& sentence : target) {
    for (int32_t id : sentence) ++left_target[id];
    target_size += static_cast<double>(sentence.size());
  }
  for (const Ids& sentence : prediction) {
    for (int32_t id : sentence) ++left_prediction[id];
    prediction_size += static_cast<double>(sentence.size());
  }
  for (const Ids& sentence : target) {
    std::vector<bool> in_union(sentence.size());
    for (const Ids& other : prediction) mark_lcs(sentence, other, in_union);
    for (size_t i = 0; i < sentence.size(); ++i) {  // each token of either text counts once
      const int32_t id = sentence[i];
      if (!in_union[i] || left_target[id] == 0 || left_prediction[id] == 0) continue;
      --left_target[id];
      --left_prediction[id];
      hits += 1;
    }
  }
  return score(hits, target_size, prediction_size);
}

}  // namespace

RougeTokens english_rouge_tokens(bool stem) {
  return [stem](std::string_view text) {
    std::vector<std::string> tokens;
    std::string token, lower;
    const auto flush = [&] {
      if (!token.empty()) {
        tokens.push_back(stem && token.size() > 3 ? porter_stem(token) : token);
      }
      token.clear();
    };
    for_each_code_point(text, [&](const CodePoint& c) {
      lower.clear();
      append_lower_case(lower, c.value);
      for (char byte : lower) {
        if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9')) {
          token.push_back(byte);
        } else {
          flush();
        }
      }
    });
    flush();
    return tokens;
  };
}

RougeTokens character_rouge_tokens() {
  return [](std::string_view text) {
    std::vector<std::string> tokens;
    for_each_code_point(text, [&](const CodePoint& c) {
      if (!is_python_space(c.value)) tokens.emplace_back(text.substr(c.begin, c.end - c.begin));
    });
    return tokens;
  };
}

RougeTokens morpheme_rouge_tokens(const std::string& name) {
  const auto mecab = std::make_shared<const Mecab>(find_mecab_dictionary(name, {}), name);
  return [mecab](std::string_view text) {
    std::vector<std::string> tokens;
    for (const auto& [begin, end] : mecab->morphemes(text))
      tokens.emplace_back(text.substr(begin, end - begin));
    return tokens;
  };
}

Rouge rouge(std::string_view target, std::string_view prediction, const RougeTokens& tokens,
            SentenceEnd sentences) {
  Numbering number;
  const Ids t = number(tokens(target)), p = number(tokens(prediction));
  Rouge result;
  result.rouge1 = rouge_n(t, p, 1);
  result.rouge2 = rouge_n(t, p, 2);
  result.rouge_l =
      score(lcs_length(t, p), static_cast<double>(t.size()), static_cast<double>(p.size()));
  std::vector<Ids> target_sentences, prediction_sentences;
  for (std::string_view s : sentences_of(target, sentences)) {
    target_sentences.push_back(number(tokens(s)));
  }
  for (std::string_view s : sentences_of(prediction, sentences)) {
    prediction_sentences.push_back(number(tokens(s)));
  }
  result.rouge_lsum = rouge_lsum(target_sentences, prediction_sentences, number.size());
  return result;
}

}  // namespace gantry
