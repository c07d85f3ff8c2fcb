#include "text/charsmap.h"

#include <bit>
#include <cstring>
#include <map>

#include "base/error.h"
#include "text/normalize.h"

namespace gantry {

static_assert(std::endian::native == std::endian::little);

namespace {

[[noreturn]] void bad(const std::string& where, const std::string& what) {
  throw Error("E0326", where + ": precompiled_charsmap: " + what,
              "The tokenizer file is damaged: get it again.");
}

}  // namespace

Charsmap Charsmap::parse(std::string_view blob, const std::string& where) {
  uint32_t trie_bytes = 0;
  if (blob.size() < sizeof trie_bytes) bad(where, "shorter than its header");
  std::memcpy(&trie_bytes, blob.data(), sizeof trie_bytes);
  blob.remove_prefix(sizeof trie_bytes);
  if (trie_bytes > blob.size() || trie_bytes % 4 != 0)
    bad(where, "a trie of " + std::to_string(trie_bytes) + " bytes in a blob of " +
                   std::to_string(blob.size()));
  std::vector<uint32_t> units(trie_bytes / 4);
  if (!units.empty()) std::memcpy(units.data(), blob.data(), trie_bytes);
  Charsmap map;
  map.trie_ = DoubleArray(std::move(units));
  map.replacements_ = blob.substr(trie_bytes);
  if (!map.replacements_.empty() && map.replacements_.back() != '\0')
    bad(where, "its last replacement has no end");
  if (!is_valid_utf8(map.replacements_)) bad(where, "a replacement is not UTF-8");
  return map;
}

std::string Charsmap::write(std::span<const std::pair<std::string, std::string>> entries) {
  std::string replacements;
  std::map<std::string_view, uint32_t> place;  // equal replacements are stored once
  std::vector<DoubleArray::Key> keys;
  keys.reserve(entries.size());
  for (const auto& [key, replacement] : entries) {
    GANTRY_CHECK(replacement.find('\0') == std::string::npos);
    const auto [it, fresh] =
        place.try_emplace(replacement, static_cast<uint32_t>(replacements.size()));
    if (fresh) replacements.append(replacement).push_back('\0');
    keys.emplace_back(key, it->second);
  }
  const DoubleArray trie = DoubleArray::build(std::move(keys));
  const auto bytes = static_cast<uint32_t>(trie.units().size() * 4);
  std::string blob(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  blob.append(reinterpret_cast<const char*>(trie.units().data()), bytes);
  return blob + replacements;
}

std::optional<Charsmap::Match> Charsmap::match(size_t length, uint32_t value) const {
  if (value >= replacements_.size()) return std::nullopt;
  return Match{length, std::string_view(replacements_.data() + value)};  // a NUL ends each
}

std::optional<Charsmap::Match> Charsmap::shortest(std::string_view text) const {
  DoubleArray::Place place = trie_.root();
  for (size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    if (!trie_.step(place, static_cast<unsigned char>(text[i]))) return std::nullopt;
    if (place.has_value) return match(i + 1, trie_.value(place));
  }
  return std::nullopt;
}

std::optional<Charsmap::Match> Charsmap::longest(std::string_view text) const {
  size_t best = 0;
  uint32_t best_value = 0;
  trie_.prefixes(text, [&](size_t length, uint32_t value) {
    best = length;
    best_value = value;
  });
  return best ? match(best, best_value) : std::nullopt;
}

}  // namespace gantry
