// Word tables shared between models of one training. Restarts differ in the few thousand rows that
// the study's texts hold; all other rows are the base's times one number. So one of the folders
// holds the whole table, and the others name it and hold their own rows:
//
//   word_rows.json   {"format": 1, "folder": "../member-0", "sha256": ..., "factor": ..., "rows":
//   [...]} model.safetensors  "embeddings.word_rows" [rows.size(), H] in place of the word table
//
// Row i of the table is the i-th own row where `rows` names it, else the owner's times `factor`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/safetensors.h"

namespace gantry {

inline constexpr char kWordRowsFile[] = "word_rows.json";
inline constexpr char kWordRowsTensor[] = "embeddings.word_rows";
inline constexpr char kWordTable[] = "embeddings.word_embeddings.weight";

struct WordRows {
  std::string folder;         // of the owner, from the folder of the file
  std::string sha256;         // of the owner's model.safetensors, as its gantry.json says
  double factor = 1;          // own untouched decay / the owner's
  std::vector<int32_t> rows;  // rising
};
// Error E0417: damaged, or of another format.
WordRows parse_word_rows(std::string_view json, std::string_view label);
std::string word_rows_json(const WordRows& rows);

// The table as it would stand in a folder of its own.
class SharedWords {
 public:
  // Opens the owner of the table that `folder` shares. `own` is the folder's kWordRowsTensor.
  // Errors E0417 (the owner is missing or of another training, or the rows do not fit it) and those
  // of Safetensors.
  SharedWords(const std::filesystem::path& folder, const StoredTensor* own);

  const StoredTensor& table() const { return *table_; }  // the owner's: name, type, shape
  const std::vector<std::filesystem::path>& files() const { return owner_.files(); }
  // Any rows of the table, [rows.size(), H]; `own` is the tensor of the constructor, in `weights`.
  void read(const Safetensors& weights, std::string_view own, std::span<const int32_t> rows,
            std::span<float> out) const;

 private:
  WordRows about_;
  Safetensors owner_;
  const StoredTensor* table_ = nullptr;
};

}  // namespace gantry
