// The pieces of a tokenizer and their ids, both ways.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

class Vocabulary {
 public:
  // Ids past this are taken for damage: it is 64 times the largest vocabulary known.
  static constexpr int64_t kLargestId = (1 << 24) - 1;
  enum class Repeated { kError, kLastWins };

  // `where` names the file in errors. With kLastWins a piece that comes again moves to its new id
  // (as Python's dict does when a vocab.txt repeats a line).
  explicit Vocabulary(std::string where, Repeated repeated = Repeated::kError)
      : where_(std::move(where)), repeated_(repeated) {}

  // Error E0324: an id below 0 or past kLargestId, an id given twice, a piece given twice.
  void add(std::string_view piece, int64_t id);
  void reserve(size_t pieces, size_t bytes);

  int32_t id(std::string_view piece) const;  // -1 when unknown
  std::string_view piece(int32_t id) const;  // "" for a hole
  bool has(int32_t id) const;                // neither a hole nor outside
  int32_t size() const { return static_cast<int32_t>(places_.size()); }  // largest id + 1
  size_t count() const { return count_; }                                // pieces
  const std::string& where() const { return where_; }

 private:
  struct Place {
    uint32_t begin = UINT32_MAX, length = 0;
  };
  size_t slot(std::string_view piece) const;
  void grow();

  std::string where_;
  Repeated repeated_;
  std::string bytes_;           // all pieces, one behind the other
  std::vector<Place> places_;   // by id
  std::vector<int32_t> slots_;  // open addressing; -1 is free; a power of two
  size_t count_ = 0;
};

}  // namespace gantry
