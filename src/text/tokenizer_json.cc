#include "text/tokenizer_json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "text/bpe.h"
#include "text/json_scanner.h"
#include "text/tokenizer_json_parts.h"
#include "text/unigram.h"
#include "text/wordpiece.h"

namespace gantry {

namespace {

using nlohmann::json;

[[noreturn]] void bad(const std::string& where, const std::string& what) {
  throw Error("E0323", where + ": " + what, "The tokenizer file is damaged: get it again.");
}

json parsed(std::string_view text, const std::string& where) {
  try {
    return json::parse(text);
  } catch (const json::exception& error) {
    throw Error("E0322", where + ": " + error.what(),
                "The file is damaged or cut short: get it again.");
  }
}

// "model" as it stands in the file: the large tables apart, the small fields as JSON.
struct ModelFields {
  Vocabulary vocabulary;
  bool has_vocabulary = false;
  std::vector<double> scores;  // Unigram only
  Merges merges;
  json rest = json::object();
};

// {"piece": id, ...} or, for Unigram, [["piece", score], ...].
void read_vocabulary(JsonScanner& scanner, ModelFields& model) {
  bool first = true;
  model.has_vocabulary = true;
  if (scanner.peek() == '[') {
    scanner.expect('[');
    while (scanner.more(']', first)) {
      scanner.expect('[');
      const auto id = static_cast<int64_t>(model.scores.size());
      model.vocabulary.add(scanner.string(), id);
      scanner.expect(',');
      model.scores.push_back(scanner.number());
      scanner.expect(']');
    }
    return;
  }
  scanner.expect('{');
  std::string piece;
  while (scanner.more('}', first)) {
    piece = scanner.key();
    model.vocabulary.add(piece, scanner.integer());
  }
}

// ["left right", ...] or [["left", "right"], ...].
Merges read_merges(JsonScanner& scanner) {
  Merges merges;
  bool first = true;
  scanner.expect('[');
  while (scanner.more(']', first)) {
    if (scanner.peek() == '[') {
      scanner.expect('[');
      std::string left(scanner.string());
      scanner.expect(',');
      merges.emplace_back(std::move(left), scanner.string());
      scanner.expect(']');
      continue;
    }
    const std::string_view pair = scanner.string();
    const size_t space = pair.find(' ');
    if (space == std::string_view::npos || pair.find(' ', space + 1) != std::string_view::npos)
      scanner.fail("a merge that is not two pieces: '" + std::string(pair.substr(0, 80)) + "'");
    merges.emplace_back(pair.substr(0, space), pair.substr(space + 1));
  }
  return merges;
}

ModelFields read_model(JsonScanner& scanner, const std::string& where) {
  ModelFields model{Vocabulary(where), false, {}, {}, json::object()};
  bool first = true;
  scanner.expect('{');
  while (scanner.more('}', first)) {
    const std::string key(scanner.key());
    if (key == "vocab") {
      if (model.has_vocabulary) bad(where, "the model's vocab is given twice");
      read_vocabulary(scanner, model);
    } else if (key == "merges" && scanner.peek() == '[') {
      model.merges = read_merges(scanner);
    } else {
      model.rest[key] = parsed(scanner.raw_value(), where + ": model: " + key);
    }
  }
  return model;
}

std::unique_ptr<const SubwordModel> unigram(ModelFields model, const std::string& where) {
  if (model.scores.size() != static_cast<size_t>(model.vocabulary.size()))
    bad(where, "'vocab' must be a list of pieces and scores");
  UnigramOptions options;
  const int64_t unk = integer_field(model.rest, "unk_id", where, -1);
  if (unk < -1 || unk > Vocabulary::kLargestId) bad(where, "'unk_id' is out of range");
  options.unk_id = static_cast<int32_t>(unk);
  options.byte_fallback = bool_field(model.rest, "byte_fallback", where, false);
  return make_unigram(std::move(model.vocabulary), std::move(model.scores), {}, options);
}

std::unique_ptr<const SubwordModel> bpe(ModelFields model, const std::string& where) {
  BpeOptions options;
  options.unk_token = string_field(model.rest, "unk_token", where, "");
  options.continuing_prefix = string_field(model.rest, "continuing_subword_prefix", where, "");
  options.end_of_word_suffix = string_field(model.rest, "end_of_word_suffix", where, "");
  options.fuse_unk = bool_field(model.rest, "fuse_unk", where, false);
  options.byte_fallback = bool_field(model.rest, "byte_fallback", where, false);
  options.ignore_merges = bool_field(model.rest, "ignore_merges", where, false);
  return make_bpe(std::move(model.vocabulary), model.merges, std::move(options));
}

std::unique_ptr<const SubwordModel> wordpiece(ModelFields model, const std::string& where) {
  WordPieceOptions options;
  options.unk_token = string_field(model.rest, "unk_token", where, "[UNK]");
  options.continuing_prefix = string_field(model.rest, "continuing_subword_prefix", where, "##");
  const int64_t longest = integer_field(model.rest, "max_input_chars_per_word", where, 100);
  if (longest < 0) bad(where, "'max_input_chars_per_word' is negative");
  options.max_characters = static_cast<size_t>(longest);
  return make_wordpiece(std::move(model.vocabulary), std::move(options));
}

// Files of the first years hold no type: what is there tells.
std::string model_type(const ModelFields& model, const std::string& where) {
  std::string type = string_field(model.rest, "type", where, "");
  if (!type.empty()) return type;
  if (!model.scores.empty()) return "Unigram";
  if (!model.merges.empty()) return "BPE";
  return model.rest.contains("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

std::unique_ptr<const SubwordModel> make_model(ModelFields model, const std::string& where) {
  const std::string type = model_type(model, where);
  const std::string here = where + ": model " + type;
  if (!model.has_vocabulary) bad(here, "'vocab' is missing");
  if (type == "Unigram") return unigram(std::move(model), here);
  if (!model.scores.empty()) bad(here, "'vocab' must map pieces to ids");
  if (type == "BPE") return bpe(std::move(model), here);
  if (type == "WordPiece") return wordpiece(std::move(model), here);
  if (type == "WordLevel") {
    std::string unk = string_field(model.rest, "unk_token", here, "<unk>");
    return make_word_level(std::move(model.vocabulary), std::move(unk));
  }
  throw Error("E0321", where + ": the model '" + type + "' is not known to this version of Gantry",
              "Use another base model, or report the component's name.");
}

// The model's own id of a token wins over the list's, as in Hugging Face.
std::vector<AddedToken> added_tokens(const json& list, const Vocabulary& vocabulary,
                                     const std::string& where) {
  if (list.is_null()) return {};
  if (!list.is_array()) bad(where, "'added_tokens' must be a list");
  std::vector<AddedToken> tokens;
  for (const json& item : list) {
    AddedToken token;
    token.content = string_field(item, "content", where);
    const int64_t id = integer_field(item, "id", where);
    if (id < 0 || id > Vocabulary::kLargestId)
      throw Error("E0324",
                  where + ": '" + token.content + "' has the id " + std::to_string(id) +
                      ", which is out of range",
                  "The vocabulary is damaged: get the tokenizer file again.");
    const int32_t own = vocabulary.id(token.content);
    token.id = own >= 0 ? own : static_cast<int32_t>(id);
    if (own < 0 && vocabulary.has(token.id))
      throw Error("E0324",
                  where + ": '" + token.content + "' has the id " + std::to_string(id) +
                      ", which is that of '" + std::string(vocabulary.piece(token.id)) + "'",
                  "The vocabulary is damaged: get the tokenizer file again.");
    token.special = bool_field(item, "special", where, false);
    token.normalized = bool_field(item, "normalized", where, !token.special);
    token.lstrip = bool_field(item, "lstrip", where, false);
    token.rstrip = bool_field(item, "rstrip", where, false);
    token.single_word = bool_field(item, "single_word", where, false);
    if (!token.content.empty()) tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace

TokenizerPipeline read_tokenizer_json(std::string_view text, const std::string& name) {
  JsonScanner scanner(text, name);
  ModelFields model{Vocabulary(name), false, {}, {}, json::object()};
  json rest = json::object();
  bool first = true, has_model = false;
  scanner.expect('{');
  while (scanner.more('}', first)) {
    const std::string key(scanner.key());
    if (key == "model") {
      model = read_model(scanner, name);
      has_model = true;
    } else {
      rest[key] = parsed(scanner.raw_value(), name + ": " + key);
    }
  }
  scanner.end();
  if (!has_model) bad(name, "'model' is missing");

  TokenizerPipeline pipeline;
  pipeline.normalizer = normalizer_from_json(rest["normalizer"], name);
  pipeline.pre_tokenizer = pretokenizer_from_json(rest["pre_tokenizer"], name);
  pipeline.decoder = decoder_from_json(rest["decoder"], name);
  pipeline.model = make_model(std::move(model), name);
  pipeline.added = added_tokens(rest["added_tokens"], pipeline.model->vocabulary(), name);
  SpecialsAround around = post_processor_from_json(rest["post_processor"], name);
  pipeline.before = std::move(around.before);
  pipeline.after = std::move(around.after);
  pipeline.unk = pipeline.model->unk_id();
  pipeline.finish();
  return pipeline;
}

}  // namespace gantry
