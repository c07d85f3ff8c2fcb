#include "text/vocabulary.h"

#include <functional>

#include "base/error.h"

namespace gantry {

void Vocabulary::reserve(size_t pieces, size_t bytes) {
  bytes_.reserve(bytes);
  places_.reserve(pieces);
  size_t slots = 64;
  while (slots < pieces * 2) slots *= 2;
  if (slots > slots_.size()) {
    slots_.resize(slots / 2);
    grow();
  }
}

void Vocabulary::add(std::string_view piece, int64_t id) {
  const auto bad = [&](const std::string& what) {
    throw Error("E0324", where_ + ": piece '" + std::string(piece.substr(0, 80)) + "': " + what,
                "The vocabulary is damaged: get the tokenizer file again.");
  };
  if (id < 0 || id > kLargestId) bad("id " + std::to_string(id) + " is out of range");
  if (bytes_.size() + piece.size() >= UINT32_MAX) bad("the pieces are over 4 GB together");
  if (has(static_cast<int32_t>(id)))
    bad("id " + std::to_string(id) + " is given twice, first to '" +
        std::string(this->piece(static_cast<int32_t>(id)).substr(0, 80)) + "'");
  if ((count_ + 1) * 2 > slots_.size()) grow();
  const size_t at = slot(piece);
  if (slots_[at] >= 0) {
    if (repeated_ == Repeated::kError)
      bad("given twice, with the ids " + std::to_string(slots_[at]) + " and " + std::to_string(id));
    places_[static_cast<size_t>(slots_[at])] = {};
    --count_;
  }
  if (id >= size()) places_.resize(static_cast<size_t>(id) + 1);
  places_[static_cast<size_t>(id)] = {static_cast<uint32_t>(bytes_.size()),
                                      static_cast<uint32_t>(piece.size())};
  bytes_ += piece;
  slots_[at] = static_cast<int32_t>(id);
  ++count_;
}

int32_t Vocabulary::id(std::string_view piece) const {
  return slots_.empty() ? -1 : slots_[slot(piece)];
}

std::string_view Vocabulary::piece(int32_t id) const {
  if (!has(id)) return {};
  const Place& place = places_[static_cast<size_t>(id)];
  return std::string_view(bytes_).substr(place.begin, place.length);
}

bool Vocabulary::has(int32_t id) const {
  return id >= 0 && id < size() && places_[static_cast<size_t>(id)].begin != UINT32_MAX;
}

// Where the piece is or would be.
size_t Vocabulary::slot(std::string_view piece) const {
  const size_t mask = slots_.size() - 1;
  size_t at = std::hash<std::string_view>{}(piece)&mask;
  while (slots_[at] >= 0 && this->piece(slots_[at]) != piece) at = (at + 1) & mask;
  return at;
}

void Vocabulary::grow() {
  slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, -1);
  for (int32_t id = 0; id < size(); ++id)
    if (has(id)) slots_[slot(piece(id))] = id;
}

}  // namespace gantry
