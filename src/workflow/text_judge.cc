#include "workflow/text_judge.h"

#include "base/error.h"
#include "base/strings.h"
#include "study/cases.h"
#include "study/data_folder.h"
#include "text/mecab.h"
#include "text/normalize.h"

namespace gantry {
namespace {

std::string folded(std::string_view text) { return lower_case(CaseMaker::model_text(text)); }

std::string number(const std::optional<double>& value) {
  if (!value) return {};
  std::string text = format_double(*value, 2);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// The first of the common dictionaries that is on this machine.
std::string mecab_dictionary_here() {
  const char* const names[] = {"ipadic", "unidic_lite", "unidic"};
  for (const char* name : names) {
    try {
      find_mecab_dictionary(name, {});
      return name;
    } catch (const Error&) {  // the last one tells what to install
      if (name == std::string(names[2])) throw;
    }
  }
  return names[0];
}

}  // namespace

TextJudge::TextJudge(const Settings& settings)
    : folds_(settings.regimen.rouge_tokens != "english"),
      words_("lower-case runs of a-z and 0-9, stemmed (Porter), as Google's rouge_score") {
  if (settings.regimen.rouge_tokens == "characters") {
    words_ = "single characters, white space left out, after NFKC and lower case";
    tokens_ = character_rouge_tokens();
  } else if (settings.regimen.rouge_tokens == "morphemes") {
    const std::string dictionary = mecab_dictionary_here();
    words_ = "morphemes by MeCab (" + dictionary + "), after NFKC and lower case";
    tokens_ = morpheme_rouge_tokens(dictionary);
  } else {
    tokens_ = english_rouge_tokens(true);
  }
  if (!settings.regimen.terms.empty())
    terms_.emplace(RegimenTerms::load(data_file("tasks/" + settings.regimen.terms)));
}

TextScores TextJudge::score(std::string_view reference, std::string_view answer) const {
  TextScores out;
  const Rouge figures = folds_ ? rouge(folded(reference), folded(answer), tokens_)
                               : rouge(reference, answer, tokens_);
  out.rouge1 = figures.rouge1.f1;
  out.rouge2 = figures.rouge2.f1;
  out.rouge_l = figures.rouge_l.f1;
  out.exact = folded(reference) == folded(answer);
  if (terms_)
    out.fields = match_fields(parse_regimen(reference, *terms_), parse_regimen(answer, *terms_));
  return out;
}

bool TextJudge::right(const TextScores& scores) const {
  if (scores.fields.empty()) return scores.exact;
  bool scored = false;
  for (RegimenField field : {RegimenField::kTotalDose, RegimenField::kFractions}) {
    const FieldMatch& match = scores.fields[static_cast<size_t>(field)];
    scored = scored || match.scored;
    if (match.scored && !match.right) return false;
  }
  return scored || scores.exact;
}

Regimen TextJudge::parse(std::string_view text) const {
  GANTRY_CHECK(terms_.has_value());
  return parse_regimen(text, *terms_);
}

std::vector<RegimenFlag> TextJudge::flags(std::string_view text, std::string_view modality) const {
  GANTRY_CHECK(terms_.has_value());
  return check_regimen(parse_regimen(text, *terms_), modality, *terms_);
}

std::string TextJudge::with_side_of(std::string_view case_text, std::string text) const {
  return terms_ ? gantry::with_side_of(case_text, std::move(text), *terms_) : text;
}

std::vector<std::string> field_values(const Regimen& regimen) {
  std::string concurrent;
  for (const std::string& drug : regimen.concurrent)
    concurrent += (concurrent.empty() ? "" : ", ") + drug;
  return {regimen.intent,
          regimen.technique,
          regimen.site,
          regimen.laterality,
          number(regimen.total_gy()),
          regimen.fractions() ? std::to_string(*regimen.fractions()) : "",
          number(regimen.per_fraction_gy()),
          regimen.boost ? "yes" : "",
          concurrent};
}

}  // namespace gantry
