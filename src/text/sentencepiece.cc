#include "text/sentencepiece.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "text/charsmap.h"
#include "text/normalize.h"
#include "text/protobuf_reader.h"
#include "text/tokenizer_decoders.h"
#include "text/unicode.h"
#include "text/unigram.h"

namespace gantry {

namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

[[noreturn]] void bad(const std::string& where, const std::string& what) {
  throw Error("E0323", where + ": " + what, "The tokenizer file is damaged: get it again.");
}

[[noreturn]] void unknown(const std::string& where, const std::string& what) {
  throw Error("E0321", where + ": " + what + " is not known to this version of Gantry",
              "Use another base model, or report the component's name.");
}

SentencePiecePiece read_piece(std::string_view bytes, const std::string& where) {
  SentencePiecePiece piece;
  for (ProtobufReader reader(bytes, where); reader.next();) {
    if (reader.number() == 1) piece.text = reader.bytes();
    if (reader.number() == 2) piece.score = reader.float32();
    if (reader.number() == 3) {
      const uint64_t kind = reader.varint();
      if (kind < 1 || kind > 6) unknown(where, "a piece of kind " + std::to_string(kind));
      piece.kind = static_cast<SentencePieceKind>(kind);
    }
  }
  if (piece.text.empty() || !is_valid_utf8(piece.text)) bad(where, "a piece is empty or not UTF-8");
  if (!std::isfinite(piece.score)) bad(where, "the score of '" + piece.text + "' is no number");
  return piece;
}

void read_trainer_spec(std::string_view bytes, const std::string& where,
                       SentencePieceModel& model) {
  for (ProtobufReader reader(bytes, where); reader.next();) {
    switch (reader.number()) {
      case 3:
        model.type = reader.varint();
        break;
      case 24:
        model.suffix_space = reader.boolean();
        break;
      case 35:
        model.byte_fallback = reader.boolean();
        break;
      case 46:
        model.bos = reader.bytes();
        break;
      case 47:
        model.eos = reader.bytes();
        break;
      case 48:
        model.pad = reader.bytes();
        break;
      default:
        break;  // how it was trained
    }
  }
}

void read_normalizer_spec(std::string_view bytes, const std::string& where,
                          SentencePieceModel& model) {
  for (ProtobufReader reader(bytes, where); reader.next();) {
    switch (reader.number()) {
      case 2:
        model.charsmap = reader.bytes();
        break;
      case 3:
        model.dummy_prefix = reader.boolean();
        break;
      case 4:
        model.remove_extra_spaces = reader.boolean();
        break;
      case 5:
        model.escape_spaces = reader.boolean();
        break;
      default:
        break;
    }
  }
}

// SentencePiece's normalizer.cc: the longest key of the charsmap at each place, user-defined pieces
// untouched, runs of spaces as one, a space in front, spaces as U+2581.
class SentencePieceNormalizer : public Normalizer {
 public:
  explicit SentencePieceNormalizer(const SentencePieceModel& model, const std::string& where)
      : space_(model.escape_spaces ? kSpace : " "),
        dummy_prefix_(model.dummy_prefix),
        remove_extra_(model.remove_extra_spaces) {
    if (!model.charsmap.empty()) map_ = Charsmap::parse(model.charsmap, where);
    std::vector<DoubleArray::Key> defined;
    for (const SentencePiecePiece& piece : model.pieces)
      if (piece.kind == SentencePieceKind::kUserDefined) defined.emplace_back(piece.text, 0);
    user_defined_ = DoubleArray::build(std::move(defined));
  }

  void apply(AlignedText& text) const override {
    const std::string_view s = text.text;
    size_t at = 0;
    while (remove_extra_ && at < s.size()) {
      const Charsmap::Match match = prefix(s.substr(at));
      if (match.replacement != " ") break;
      at += match.length;
    }
    AlignedText out;
    out.reserve(s.size() + s.size() / 4 + kSpace.size());
    if (at < s.size() && dummy_prefix_) out.append(space_, text.range(at, at));
    bool after_space = remove_extra_;
    while (at < s.size()) {
      Charsmap::Match match = prefix(s.substr(at));
      const ByteRange from = text.range(at, at + match.length);
      while (after_space && match.replacement.starts_with(' ')) match.replacement.remove_prefix(1);
      if (!match.replacement.empty()) {
        append(out, match.replacement, from);
        after_space = remove_extra_ && match.replacement.ends_with(' ');
      }
      at += match.length;
    }
    while (remove_extra_ && out.text.ends_with(space_)) {
      out.text.resize(out.text.size() - space_.size());
      out.source.resize(out.text.size());
    }
    text = std::move(out);
  }

 private:
  void append(AlignedText& out, std::string_view text, ByteRange from) const {
    for (size_t done = 0; done < text.size();) {
      const size_t space = std::min(text.find(' ', done), text.size());
      out.append(text.substr(done, space - done), from);
      if (space < text.size()) out.append(space_, from);
      done = space + 1;
    }
  }

  // What the start of `text` becomes, and how much of it.
  Charsmap::Match prefix(std::string_view text) const {
    size_t defined = 0;
    user_defined_.prefixes(text, [&](size_t length, uint32_t) { defined = length; });
    if (defined > 0) return {defined, text.substr(0, defined)};
    if (const auto match = map_.longest(text)) return *match;
    const size_t length = utf8_length(text[0]);
    return {length, text.substr(0, length)};
  }

  std::string_view space_;
  bool dummy_prefix_, remove_extra_;
  Charsmap map_;
  DoubleArray user_defined_;
};

// Where the pieces of the file stand in the vocabulary.
std::vector<int32_t> ids_of(const SentencePieceModel& model, SentencePieceIds ids,
                            const std::string& where) {
  std::vector<int32_t> places(model.pieces.size());
  for (size_t i = 0; i < places.size(); ++i)
    places[i] = static_cast<int32_t>(i) + (ids == SentencePieceIds::kXlmR ? 1 : 0);
  if (ids == SentencePieceIds::kXlmR) {
    if (places.size() < 3 || model.pieces[0].text != "<unk>" || model.pieces[1].text != "<s>" ||
        model.pieces[2].text != "</s>")
      bad(where, "an XLM-R model starts with <unk>, <s>, </s>; this one does not");
    places[0] = 3;
    places[1] = 0;
    places[2] = 2;
  }
  return places;
}

// By id: what the models want to know about the pieces.
struct Tables {
  Vocabulary vocabulary;
  std::vector<float> scores;
  std::vector<SentencePieceKind> kinds;
  int32_t unk = -1;
};

Tables make_tables(const SentencePieceModel& model, SentencePieceIds ids, const std::string& name) {
  const std::vector<int32_t> places = ids_of(model, ids, name);
  Tables tables{Vocabulary(name), {}, {}, -1};
  for (size_t i = 0; i < places.size(); ++i) {
    tables.vocabulary.add(model.pieces[i].text, places[i]);
    if (model.pieces[i].kind == SentencePieceKind::kUnknown) {
      if (tables.unk >= 0) bad(name, "it has two unknown pieces");
      tables.unk = places[i];
    }
  }
  if (tables.unk < 0) bad(name, "it has no unknown piece");
  const auto size = static_cast<size_t>(tables.vocabulary.size());
  tables.scores.assign(size, 0.0f);
  tables.kinds.assign(size, SentencePieceKind::kControl);
  for (size_t i = 0; i < places.size(); ++i) {
    tables.scores[static_cast<size_t>(places[i])] = model.pieces[i].score;
    tables.kinds[static_cast<size_t>(places[i])] = model.pieces[i].kind;
  }
  return tables;
}

std::unique_ptr<const SubwordModel> unigram(Tables tables, bool byte_fallback) {
  std::vector<UnigramPiece> kinds;
  for (SentencePieceKind kind : tables.kinds)
    kinds.push_back(kind == SentencePieceKind::kNormal        ? UnigramPiece::kNormal
                    : kind == SentencePieceKind::kUserDefined ? UnigramPiece::kUserDefined
                                                              : UnigramPiece::kNeverMatched);
  UnigramOptions options{
      .unk_id = tables.unk, .byte_fallback = byte_fallback, .single_precision = true};
  std::vector<double> scores(tables.scores.begin(), tables.scores.end());
  return make_unigram(std::move(tables.vocabulary), std::move(scores), std::move(kinds), options);
}

PieceDecoderPtr make_decoder(const SentencePieceModel& model) {
  std::vector<PieceDecoderPtr> steps;
  steps.push_back(make_replace_decoder(std::string(kSpace), " "));
  steps.push_back(make_byte_fallback_decoder());
  steps.push_back(make_fuse_decoder());
  if (model.dummy_prefix) steps.push_back(make_strip_decoder(" ", 1, 0));
  return make_decoder_sequence(std::move(steps));
}

// Control pieces (<s>, </s>): no text yields them, and they decode to nothing.
void add_controls(TokenizerPipeline& pipeline, const SentencePieceModel& model) {
  for (size_t i = 0; i < model.pieces.size(); ++i)
    if (model.pieces[i].kind == SentencePieceKind::kControl)
      pipeline.added.push_back({.id = static_cast<int32_t>(i),
                                .content = model.pieces[i].text,
                                .special = true,
                                .in_text = false});
}

void add_xlmr_specials(TokenizerPipeline& pipeline) {
  const int32_t mask = pipeline.model->vocabulary().size();
  const std::pair<const char*, int32_t> tokens[] = {
      {"<s>", 0}, {"<pad>", 1}, {"</s>", 2}, {"<unk>", 3}, {"<mask>", mask}};
  for (const auto& [content, id] : tokens)
    pipeline.added.push_back({.id = id, .content = content, .special = true, .lstrip = id == mask});
  pipeline.before = {0};
  pipeline.after = {2};
}

}  // namespace

SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& where) {
  SentencePieceModel model;
  for (ProtobufReader reader(bytes, where); reader.next();) {
    if (reader.number() == 1) model.pieces.push_back(read_piece(reader.bytes(), where));
    if (reader.number() == 2) read_trainer_spec(reader.bytes(), where, model);
    if (reader.number() == 3) read_normalizer_spec(reader.bytes(), where, model);
  }
  if (model.pieces.empty()) bad(where, "it holds no pieces");
  if (model.suffix_space) unknown(where, "treat_whitespace_as_suffix");
  if (model.type != SentencePieceModel::kUnigram && model.type != SentencePieceModel::kBpe)
    unknown(where, "a SentencePiece model of type " + std::to_string(model.type));
  return model;
}

TokenizerPipeline make_sentencepiece(const SentencePieceModel& model, const std::string& name,
                                     SentencePieceIds ids, SentencePieceSpecials* specials) {
  Tables tables = make_tables(model, ids, name);
  if (specials) {
    const auto id = [&](const std::string& piece) { return tables.vocabulary.id(piece); };
    *specials = {id(model.bos), id(model.eos), id(model.pad), tables.unk};
  }
  TokenizerPipeline pipeline;
  pipeline.normalizer = std::make_unique<SentencePieceNormalizer>(model, name);
  pipeline.unk = tables.unk;
  if (model.type == SentencePieceModel::kUnigram)
    pipeline.model = unigram(std::move(tables), model.byte_fallback);
  else
    pipeline.model =
        make_sentencepiece_bpe(std::move(tables.vocabulary), std::move(tables.scores),
                               std::move(tables.kinds), tables.unk, model.byte_fallback);
  pipeline.decoder = make_decoder(model);
  if (ids == SentencePieceIds::kXlmR)
    add_xlmr_specials(pipeline);
  else
    add_controls(pipeline, model);
  pipeline.finish();
  return pipeline;
}

TokenizerPipeline read_sentencepiece(std::string_view bytes, const std::string& name,
                                     SentencePieceIds ids, SentencePieceSpecials* specials) {
  return make_sentencepiece(read_sentencepiece_model(bytes, name), name, ids, specials);
}

}  // namespace gantry
