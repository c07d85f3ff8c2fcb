// ROUGE-1, -2, -L and -Lsum (Lin 2004), with the counting of Google's rouge_score.
//
//   Rouge r = rouge(reference, answer, english_rouge_tokens(true));
//   Rouge j = rouge(reference, answer, character_rouge_tokens());   // Japanese; say so in the
//   report
//
// rouge_score drops every character but a-z and 0-9: on Japanese its figures mean nothing. Here the
// tokenizer is always named by the caller: characters, or morphemes through a tokenizer handed in.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

struct RougeScore {
  double precision = 0, recall = 0, f1 = 0;  // 0 where a text has no tokens, as in rouge_score
};

struct Rouge {
  RougeScore rouge1, rouge2, rouge_l, rouge_lsum;
};

// Cuts a UTF-8 text into tokens. Must not keep the view.
using RougeTokens = std::function<std::vector<std::string>(std::string_view)>;

// Lower case, runs of a-z and 0-9; stemmed (tokens of four letters or more) when asked.
RougeTokens english_rouge_tokens(bool stem);
// Each code point a token; white space is left out. Give NFKC text when widths should not matter.
RougeTokens character_rouge_tokens();
// Morphemes as MeCab cuts them with a dictionary that is on this machine: `name` is "ipadic",
// "unidic_lite", ... (find_mecab_dictionary). Errors E0331 (none there), E0332.
RougeTokens morpheme_rouge_tokens(const std::string& name);

enum class SentenceEnd {
  kNewline,            // as rouge_score
  kNewlineOrFullStop,  // also after 。 and ．
};

// Scores `prediction` against `target`. Lsum is the union of longest common subsequences over the
// sentences; the others see the whole text.
Rouge rouge(std::string_view target, std::string_view prediction, const RougeTokens& tokens,
            SentenceEnd sentences = SentenceEnd::kNewline);

}  // namespace gantry
