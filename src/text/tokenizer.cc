#include "text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/tokenizer_parts.h"

namespace gantry {

Tokenizer::Tokenizer(TokenizerPipeline pipeline)
    : pipeline_(std::make_unique<const TokenizerPipeline>(std::move(pipeline))) {
  GANTRY_CHECK(pipeline_->model != nullptr);
}

Tokenizer::~Tokenizer() = default;

Encoding Tokenizer::encode(std::string_view utf8) const { return encode_cut(utf8, true); }
Encoding Tokenizer::encode_plain(std::string_view utf8) const { return encode_cut(utf8, false); }

Encoding Tokenizer::encode_cut(std::string_view utf8, bool specials) const {
  if (utf8.size() >= UINT32_MAX / 4)
    throw Error("E0329", "a text of " + std::to_string(utf8.size()) + " bytes",
                "A text to be tokenized must be under 1 GB: cut it.");
  Encoding encoding;
  AlignedText given = aligned(utf8, &encoding.replaced);
  Pieces pieces;
  const TokenizerPipeline& p = *pipeline_;
  const AddedTokenFinder& raw = specials ? p.raw_added : p.raw_plain;
  const AddedTokenFinder& normalized = specials ? p.normalized_added : p.normalized_plain;
  for (const Piece& part : raw.cut(given.text)) {
    AlignedText text;
    if (part.begin == 0 && part.end == given.text.size())
      std::swap(text, given);  // the only part
    else
      text.append(given, part.begin, part.end);
    if (part.id < 0 && p.normalizer) p.normalizer->apply(text);
    const auto base = static_cast<uint32_t>(pieces.text.text.size());
    std::vector<Piece> parts =
        part.id >= 0 ? std::vector<Piece>{{0, static_cast<uint32_t>(text.text.size()), part.id}}
                     : normalized.cut(text.text);
    for (const Piece& q : parts) pieces.pieces.push_back({base + q.begin, base + q.end, q.id});
    if (base == 0)
      pieces.text = std::move(text);
    else
      pieces.text.append(text, 0, text.text.size());
  }
  if (p.pre_tokenizer) p.pre_tokenizer->apply(pieces);
  const std::vector<Token> tokens = p.model->encode(pieces);
  encoding.ids.reserve(tokens.size());
  encoding.offsets.reserve(tokens.size());
  for (const Token& token : tokens) {
    encoding.ids.push_back(token.id);
    encoding.offsets.push_back(pieces.text.range(token.begin, token.end));
  }
  return encoding;
}

std::vector<int32_t> Tokenizer::with_specials(std::span<const int32_t> ids) const {
  std::vector<int32_t> out;
  out.reserve(ids.size() + specials_count());
  out.insert(out.end(), pipeline_->before.begin(), pipeline_->before.end());
  out.insert(out.end(), ids.begin(), ids.end());
  out.insert(out.end(), pipeline_->after.begin(), pipeline_->after.end());
  return out;
}

std::span<const int32_t> Tokenizer::specials_before() const { return pipeline_->before; }
std::span<const int32_t> Tokenizer::specials_after() const { return pipeline_->after; }

std::string Tokenizer::decode(std::span<const int32_t> ids, bool keep_specials) const {
  std::vector<std::string> pieces;
  pieces.reserve(ids.size());
  for (int32_t id : ids) {
    const AddedToken* added = pipeline_->added_token(id);
    if (added && added->special && !keep_specials) continue;
    if (added || pipeline_->model->vocabulary().has(id)) pieces.emplace_back(token(id));
  }
  if (pipeline_->decoder) pipeline_->decoder->apply(pieces);
  std::string text;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0 && !pipeline_->decoder) text += ' ';
    text += pieces[i];
  }
  return text;
}

std::string_view Tokenizer::token(int32_t id) const {
  if (const AddedToken* added = pipeline_->added_token(id)) return added->content;
  return pipeline_->model->vocabulary().piece(id);
}

int32_t Tokenizer::id(std::string_view token) const {
  for (const AddedToken& added : pipeline_->added)
    if (added.content == token) return added.id;
  return pipeline_->model->vocabulary().id(token);
}

int32_t Tokenizer::vocab_size() const { return pipeline_->vocab_size(); }
int32_t Tokenizer::begin_id() const { return pipeline_->begin; }
int32_t Tokenizer::end_id() const { return pipeline_->end; }
int32_t Tokenizer::pad_id() const { return pipeline_->pad; }
int32_t Tokenizer::unk_id() const { return pipeline_->unk; }
int32_t Tokenizer::mask_id() const { return pipeline_->mask; }

void Tokenizer::check_fits(int64_t model_vocab_size) const {
  if (vocab_size() <= model_vocab_size) return;
  throw Error("E0330",
              "the tokenizer (" + description() + ") gives ids up to " +
                  std::to_string(vocab_size() - 1) + ", but the model has only " +
                  std::to_string(model_vocab_size) + " rows in its vocabulary",
              "Tokenizer and weights do not belong together: get the model folder again, or put "
              "the right tokenizer files into it.");
}

const std::string& Tokenizer::hash() const { return pipeline_->hash; }
const std::string& Tokenizer::description() const { return pipeline_->description; }

}  // namespace gantry
