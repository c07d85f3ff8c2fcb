#include "text/porter_stemmer.h"

#include <span>
#include <utility>
#include <vector>

namespace gantry {
namespace {

bool is_vowel_letter(char c) { return std::string_view("aeiou").find(c) != std::string_view::npos; }

// For each letter whether it is a consonant; y is one at the start and after a vowel.
std::vector<bool> consonants(std::string_view word) {
  std::vector<bool> flags;
  for (char c : word) {
    flags.push_back(c == 'y' ? flags.empty() || !flags.back() : !is_vowel_letter(c));
  }
  return flags;
}

// Porter's m: how often a vowel is followed by a consonant.
int measure(std::string_view stem) {
  const std::vector<bool> flags = consonants(stem);
  int m = 0;
  for (size_t i = 1; i < flags.size(); ++i) m += flags[i] && !flags[i - 1];
  return m;
}

bool has_vowel(std::string_view stem) {
  for (bool consonant : consonants(stem)) {
    if (!consonant) return true;
  }
  return false;
}

bool ends_in_consonant(std::string_view stem) { return !stem.empty() && consonants(stem).back(); }

bool ends_in_double_consonant(std::string_view word) {
  const size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && ends_in_consonant(word);
}

// Consonant, vowel, consonant other than w, x, y; or (NLTK) a word of vowel and consonant.
bool ends_in_short_syllable(std::string_view word) {
  const std::vector<bool> f = consonants(word);
  const size_t n = f.size();
  if (n == 2) return !f[0] && f[1];
  return n >= 3 && f[n - 3] && !f[n - 2] && f[n - 1] &&
         std::string_view("wxy").find(word[n - 1]) == std::string_view::npos;
}

using Rule = std::pair<std::string_view, std::string_view>;  // suffix, replacement

// Applies the first rule whose suffix fits when holds(stem), and looks no further.
template <typename Condition>
std::string replace_first(const std::string& word, std::span<const Rule> rules,
                          const Condition& holds) {
  for (const auto& [suffix, replacement] : rules) {
    if (!word.ends_with(suffix)) continue;
    const std::string stem = word.substr(0, word.size() - suffix.size());
    return holds(stem, suffix) ? stem + std::string(replacement) : word;
  }
  return word;
}

std::string plurals(const std::string& word) {  // step 1a
  if (word.ends_with("ies") && word.size() == 4) return word.substr(0, 3);
  static constexpr Rule kRules[] = {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}};
  return replace_first(word, kRules, [](const auto&, auto) { return true; });
}

std::string past_and_gerund(const std::string& word) {  // step 1b
  const size_t n = word.size();
  if (word.ends_with("ied")) return word.substr(0, n == 4 ? n - 1 : n - 2);
  if (word.ends_with("eed")) {
    return measure(word.substr(0, n - 3)) > 0 ? word.substr(0, n - 1) : word;
  }
  std::string stem;
  if (word.ends_with("ed") && has_vowel(word.substr(0, n - 2))) {
    stem = word.substr(0, n - 2);
  } else if (word.ends_with("ing") && has_vowel(word.substr(0, n - 3))) {
    stem = word.substr(0, n - 3);
  } else {
    return word;
  }
  if (stem.ends_with("at") || stem.ends_with("bl") || stem.ends_with("iz")) return stem + "e";
  if (ends_in_double_consonant(stem)) {
    const char last = stem.back();
    return last == 'l' || last == 's' || last == 'z' ? stem : stem.substr(0, stem.size() - 1);
  }
  return measure(stem) == 1 && ends_in_short_syllable(stem) ? stem + "e" : stem;
}

std::string final_y(const std::string& word) {  // step 1c
  const std::string stem = word.substr(0, word.empty() ? 0 : word.size() - 1);
  return word.ends_with("y") && stem.size() > 1 && ends_in_consonant(stem) ? stem + "i" : word;
}

std::string double_suffixes(const std::string& word) {  // step 2
  if (word.ends_with("alli") && measure(word.substr(0, word.size() - 4)) > 0) {
    return double_suffixes(word.substr(0, word.size() - 2));
  }
  static constexpr Rule kRules[] = {
      {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
      {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
      {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
      {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
      {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
      {"fulli", "ful"},   {"logi", "log"}};
  return replace_first(word, kRules, [](const std::string& stem, std::string_view suffix) {
    return measure(suffix == "logi" ? stem + "l" : stem) > 0;
  });
}

std::string derived_forms(const std::string& word) {  // step 3
  static constexpr Rule kRules[] = {{"icate", "ic"}, {"ative", ""},  {"alize", "al"},
                                    {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""},
                                    {"ness", ""}};
  return replace_first(word, kRules, [](const auto& stem, auto) { return measure(stem) > 0; });
}

std::string long_suffixes(const std::string& word) {  // step 4
  static constexpr Rule kRules[] = {{"al", ""},    {"ance", ""}, {"ence", ""}, {"er", ""},
                                    {"ic", ""},    {"able", ""}, {"ible", ""}, {"ant", ""},
                                    {"ement", ""}, {"ment", ""}, {"ent", ""},  {"ion", ""},
                                    {"ou", ""},    {"ism", ""},  {"ate", ""},  {"iti", ""},
                                    {"ous", ""},   {"ive", ""},  {"ize", ""}};
  return replace_first(word, kRules, [](const std::string& stem, std::string_view suffix) {
    return measure(stem) > 1 && (suffix != "ion" || stem.ends_with('s') || stem.ends_with('t'));
  });
}

std::string final_e_and_l(const std::string& word) {  // step 5
  std::string result = word;
  if (word.ends_with("e")) {
    const std::string stem = word.substr(0, word.size() - 1);
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_in_short_syllable(stem))) result = stem;
  }
  if (result.ends_with("ll") && measure(result.substr(0, result.size() - 1)) > 1) {
    result.pop_back();
  }
  return result;
}

// Words that NLTK looks up before any rule.
std::string_view irregular(std::string_view word) {
  static constexpr Rule kForms[] = {
      {"sky", "sky"},        {"skies", "sky"},        {"dying", "die"},
      {"lying", "lie"},      {"tying", "tie"},        {"news", "news"},
      {"innings", "inning"}, {"inning", "inning"},    {"outings", "outing"},
      {"outing", "outing"},  {"cannings", "canning"}, {"canning", "canning"},
      {"howe", "howe"},      {"proceed", "proceed"},  {"exceed", "exceed"},
      {"succeed", "succeed"}};
  for (const auto& [form, stem] : kForms) {
    if (form == word) return stem;
  }
  return {};
}

}  // namespace

std::string porter_stem(std::string_view word) {
  if (const std::string_view known = irregular(word); !known.empty()) return std::string(known);
  if (word.size() <= 2) return std::string(word);
  std::string stem = plurals(std::string(word));
  stem = final_y(past_and_gerund(stem));
  return final_e_and_l(long_suffixes(derived_forms(double_suffixes(stem))));
}

}  // namespace gantry
