// TextJudge: what a free-text answer is worth beside the reference: ROUGE, exact match, and, where
// the study's texts are radiotherapy regimens, field by field, with checks of its own arithmetic.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "study/settings.h"
#include "text/regimen.h"
#include "text/rouge.h"

namespace gantry {

struct TextScores {
  double rouge1 = 0, rouge2 = 0, rouge_l = 0;  // F1
  bool exact = false;                          // but for case, width and white space
  std::vector<FieldMatch> fields;              // [kRegimenFields]; empty: the text has no fields
};

class TextJudge {
 public:
  // settings.regimen.terms names the words of regimens. Errors E0351; E0331 (morphemes are to be
  // counted and no dictionary is here).
  explicit TextJudge(const Settings& settings);

  bool has_fields() const { return terms_.has_value(); }
  TextScores score(std::string_view reference, std::string_view answer) const;
  // Whether the answer may stand: total dose and fractions are those of the reference, where it has
  // them; without fields, exact.
  bool right(const TextScores& scores) const;

  Regimen parse(std::string_view text) const;
  // The text with the side that the case's names, where it is a regimen; else as it is.
  std::string with_side_of(std::string_view case_text, std::string text) const;
  // What is odd about it; `modality`: of the same case, or "".
  std::vector<RegimenFlag> flags(std::string_view text, std::string_view modality) const;
  const RougeTokens& tokens() const { return tokens_; }       // that ROUGE counts
  const std::string& rouge_tokens() const { return words_; }  // in words, for the report

 private:
  bool folds_;         // texts are folded before they are cut: Japanese
  std::string words_;  // what is counted, for the report
  RougeTokens tokens_;
  std::optional<RegimenTerms> terms_;
};

// The fields of a regimen as words, in the order of RegimenField; "" where the text has none.
std::vector<std::string> field_values(const Regimen& regimen);

}  // namespace gantry
