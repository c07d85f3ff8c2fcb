#include "workflow/example_maker.h"

#include <algorithm>

#include "base/error.h"
#include "base/random.h"

namespace gantry {

ExampleMaker::ExampleMaker(const Tokenizer& tokenizer, WindowSettings settings)
    : tokenizer_(tokenizer), settings_(std::move(settings)) {
  auto fixed = static_cast<int64_t>(tokenizer_.specials_count() +
                                    tokenizer_.encode(settings_.prefix).ids.size());
  int64_t room = settings_.max_tokens - fixed;
  if (room < 1)
    throw Error("E0705",
                "model.max_tokens = " + std::to_string(settings_.max_tokens) +
                    ": no room is left for text beside the special tokens and the prefix",
                "Raise model.max_tokens.");
  if (settings_.overlap >= room)
    throw Error("E0705",
                "model.window_overlap = " + std::to_string(settings_.overlap) +
                    ": a window holds " + std::to_string(room) + " tokens of text",
                "Lower model.window_overlap.");
}

EncodedText ExampleMaker::encode(std::string_view id, std::string_view text, int label) const {
  // Prefix and text are encoded as one: a tokenizer may join the space between them to the first
  // word.
  Encoding all = tokenizer_.encode(settings_.prefix + std::string(text));
  const auto prefix_bytes = static_cast<uint32_t>(settings_.prefix.size());
  size_t prefix_tokens = 0;
  while (prefix_tokens < all.ids.size() && all.offsets[prefix_tokens].end <= prefix_bytes &&
         all.offsets[prefix_tokens].begin < prefix_bytes)
    ++prefix_tokens;

  const auto before = tokenizer_.specials_before(), after = tokenizer_.specials_after();
  const size_t room =
      static_cast<size_t>(settings_.max_tokens) - before.size() - after.size() - prefix_tokens;
  const size_t body = all.ids.size() - prefix_tokens;
  if (body > room && settings_.refuse_long)
    throw Error("E0706",
                "report '" + std::string(id) + "': " + std::to_string(body) +
                    " tokens, and the model reads " + std::to_string(room) + " at once",
                "Set model.long_texts = \"windows\", or use fewer sections.");

  EncodedText out;
  out.example.key = stream_of(id);
  out.example.label = label;
  const size_t step = room - static_cast<size_t>(settings_.overlap);
  for (size_t begin = 0;; begin += step) {
    const size_t end = std::min(body, begin + room);
    std::vector<int32_t> ids(before.begin(), before.end());
    std::vector<ByteRange> ranges(before.size() + prefix_tokens);
    ids.insert(ids.end(), all.ids.begin(), all.ids.begin() + static_cast<ptrdiff_t>(prefix_tokens));
    for (size_t i = begin; i < end; ++i) {
      const ByteRange& range = all.offsets[prefix_tokens + i];
      ids.push_back(all.ids[prefix_tokens + i]);
      ranges.push_back({std::max(range.begin, prefix_bytes) - prefix_bytes,
                        std::max(range.end, prefix_bytes) - prefix_bytes});
    }
    ids.insert(ids.end(), after.begin(), after.end());
    ranges.resize(ids.size());
    out.example.windows.push_back(std::move(ids));
    out.offsets.push_back(std::move(ranges));
    if (end >= body) break;
  }
  return out;
}

Example ExampleMaker::make(std::string_view id, std::string_view text, int label) const {
  return encode(id, text, label).example;
}

}  // namespace gantry
