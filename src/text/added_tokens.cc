#include <algorithm>

#include "base/error.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"

namespace gantry {

namespace {

// The character that ends at `at`; at > 0.
char32_t character_before(std::string_view text, size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return next_code_point(text, at);
}

char32_t character_at(std::string_view text, size_t at) { return next_code_point(text, at); }

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  return (begin == 0 || !is_word_character(character_before(text, begin))) &&
         (end == text.size() || !is_word_character(character_at(text, end)));
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(const std::vector<AddedToken>& tokens, bool normalized,
                                   const Normalizer* normalizer, bool specials) {
  for (const AddedToken& token : tokens) {
    if (token.normalized != normalized || !token.in_text) continue;
    if (token.special && !specials) continue;
    std::string content = token.content;
    if (normalized && normalizer) {
      AlignedText text = aligned(content, nullptr);
      normalizer->apply(text);
      content = std::move(text.text);
    }
    if (!content.empty()) entries_.push_back({std::move(content), token});
  }
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    const auto key = [](const Entry& e) { return static_cast<unsigned char>(e.content[0]); };
    return key(a) != key(b) ? key(a) < key(b) : a.content.size() > b.content.size();
  });
  first_.assign(257, 0);
  for (const Entry& entry : entries_) ++first_[static_cast<unsigned char>(entry.content[0]) + 1u];
  for (size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
}

const AddedTokenFinder::Entry* AddedTokenFinder::at(std::string_view text) const {
  const auto byte = static_cast<unsigned char>(text[0]);
  for (uint32_t i = first_[byte]; i < first_[byte + 1u]; ++i)
    if (text.starts_with(entries_[i].content)) return &entries_[i];
  return nullptr;
}

std::vector<Piece> AddedTokenFinder::cut(std::string_view text) const {
  GANTRY_CHECK(text.size() < UINT32_MAX);
  std::vector<Piece> out;
  const auto size = static_cast<uint32_t>(text.size());
  uint32_t done = 0;
  for (size_t i = 0; !entries_.empty() && i < text.size();) {
    const Entry* found = at(text.substr(i));
    if (!found) {
      ++i;
      continue;
    }
    size_t begin = i, end = i + found->content.size();
    i = end;
    if (found->token.single_word && !stands_alone(text, begin, end)) continue;
    if (found->token.lstrip)
      while (begin > done && is_white_space(character_before(text, begin)))
        begin -= to_utf8(character_before(text, begin)).size();
    if (found->token.rstrip)
      while (end < text.size() && is_white_space(character_at(text, end)))
        end += utf8_length(text[end]);
    if (begin < done) continue;  // a token before it took its start as white space
    if (done < begin) out.push_back({done, static_cast<uint32_t>(begin)});
    out.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end), found->token.id});
    done = static_cast<uint32_t>(end);
    i = std::max<size_t>(i, end);
  }
  if (done < size) out.push_back({done, size});
  return out;
}

void TokenizerPipeline::finish() {
  std::stable_sort(added.begin(), added.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  raw_added = AddedTokenFinder(added, false, nullptr);
  normalized_added = AddedTokenFinder(added, true, normalizer.get());
  raw_plain = AddedTokenFinder(added, false, nullptr, false);
  normalized_plain = AddedTokenFinder(added, true, normalizer.get(), false);
}

const AddedToken* TokenizerPipeline::added_token(int32_t id) const {
  const auto it = std::lower_bound(added.begin(), added.end(), id,
                                   [](const AddedToken& a, int32_t b) { return a.id < b; });
  return it != added.end() && it->id == id ? &*it : nullptr;
}

int32_t TokenizerPipeline::vocab_size() const {
  const int32_t largest = added.empty() ? -1 : added.back().id;
  return std::max(model->vocabulary().size(), largest + 1);
}

}  // namespace gantry
