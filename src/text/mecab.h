// MeCab as a pre-tokenizer: Japanese text into morphemes, for models whose vocabulary was made so
// (the Tohoku BERTs). libmecab is linked; its dictionaries are data that the user installs.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer_parts.h"

namespace gantry {

// The folder of a MeCab dictionary in UTF-8 by the name a model's configuration gives:
// "unidic_lite", "unidic", "ipadic" (others are looked for under their own name). Looked in, in
// this order: $GANTRY_MECAB_DIC (the dictionary itself or a folder of dictionaries),
// `model_folder`/dic (the same), and where Debian puts them. Error E0331, saying what to install,
// when there is none; E0332 when $GANTRY_MECAB_DIC or `model_folder`/dic is a dictionary of another
// family.
std::filesystem::path find_mecab_dictionary(const std::string& name,
                                            const std::filesystem::path& model_folder);

class Mecab : public PreTokenizer {
 public:
  // Error E0332 when MeCab cannot open the dictionary, or it is not in UTF-8. `name` is as in the
  // configuration.
  Mecab(const std::filesystem::path& dictionary, std::string name);
  ~Mecab() override;

  void apply(Pieces& pieces) const override;
  // The byte lengths and places of the morphemes of a text; white space is in none.
  std::vector<std::pair<size_t, size_t>> morphemes(std::string_view text) const;
  // Name, charset, size and version of the dictionary: stands in the tokenizer's hash.
  std::string identity() const;

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
  std::string name_;
};

}  // namespace gantry
