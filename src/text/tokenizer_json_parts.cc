#include "text/tokenizer_json_parts.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/base64.h"
#include "text/unicode.h"

namespace gantry {

namespace {

using nlohmann::json;

[[noreturn]] void bad(const std::string& where, const std::string& what) {
  throw Error("E0323", where + ": " + what, "The tokenizer file is damaged: get it again.");
}

[[noreturn]] void unknown(const std::string& where, const std::string& what) {
  throw Error("E0321", where + ": " + what + " is not known to this version of Gantry",
              "Use another base model, or report the component's name.");
}

const json* field(const json& object, const char* name, const std::string& where) {
  if (!object.is_object()) bad(where, std::string("an object with '") + name + "' was expected");
  const auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

std::string type_of(const json& object, const std::string& where) {
  return string_field(object, "type", where);
}

const json& array_field(const json& object, const char* name, const std::string& where) {
  const json* value = field(object, name, where);
  if (!value || !value->is_array()) bad(where, std::string("'") + name + "' must be a list");
  return *value;
}

// {"String": "x"} or {"Regex": "x"}; some old files hold the bare string.
struct Pattern {
  std::string text;
  bool regex;
};

Pattern pattern_field(const json& object, const std::string& where) {
  const json* value = field(object, "pattern", where);
  if (!value) bad(where, "'pattern' is missing");
  if (value->is_string()) return {value->get<std::string>(), false};
  if (field(*value, "Regex", where)) return {string_field(*value, "Regex", where), true};
  return {string_field(*value, "String", where), false};
}

SplitBehavior behavior_field(const json& object, const std::string& where,
                             const std::string& otherwise) {
  const std::string name = string_field(object, "behavior", where, otherwise);
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  unknown(where, "the split behavior '" + name + "'");
}

// Metaspace: older files say add_prefix_space, newer ones prepend_scheme.
PrependScheme prepend_scheme(const json& object, const std::string& where) {
  const bool prefix = bool_field(object, "add_prefix_space", where, true);
  const std::string name =
      string_field(object, "prepend_scheme", where, prefix ? "always" : "never");
  if (name == "always") return PrependScheme::kAlways;
  if (name == "first") return PrependScheme::kFirst;
  if (name == "never") return PrependScheme::kNever;
  unknown(where, "the prepend scheme '" + name + "'");
}

std::string metaspace_character(const json& object, const std::string& where) {
  return string_field(object, "replacement", where, "\u2581");
}

NormalizerPtr bert_normalizer(const json& object, const std::string& where) {
  BertNormalization options;
  options.clean_text = bool_field(object, "clean_text", where, true);
  options.handle_chinese_chars = bool_field(object, "handle_chinese_chars", where, true);
  options.lowercase = bool_field(object, "lowercase", where, true);
  if (field(object, "strip_accents", where))
    options.strip_accents = bool_field(object, "strip_accents", where, true);
  return make_bert_normalizer(options);
}

NormalizerPtr precompiled(const json& object, const std::string& where) {
  const auto blob = from_base64(string_field(object, "precompiled_charsmap", where));
  if (!blob) bad(where, "'precompiled_charsmap' is not base64");
  return make_charsmap_normalizer(Charsmap::parse(*blob, where));
}

// Single-sequence template of TemplateProcessing.
SpecialsAround template_specials(const json& object, const std::string& where) {
  const json* tokens = field(object, "special_tokens", where);
  SpecialsAround around;
  int sequences = 0;
  for (const json& part : array_field(object, "single", where)) {
    if (field(part, "Sequence", where)) {
      ++sequences;
      continue;
    }
    const json* special = field(part, "SpecialToken", where);
    if (!special) unknown(where, "the template part '" + part.dump().substr(0, 80) + "'");
    const std::string name = string_field(*special, "id", where);
    const json* token = tokens ? field(*tokens, name.c_str(), where) : nullptr;
    if (!token) bad(where, "the template's special token '" + name + "' is not described");
    for (const json& id : array_field(*token, "ids", where)) {
      if (!id.is_number_integer() || id < 0 || id > Vocabulary::kLargestId)
        bad(where, "the template's special token '" + name + "' has a bad id");
      (sequences ? around.after : around.before).push_back(id.get<int32_t>());
    }
  }
  if (sequences != 1) bad(where, "the template does not hold the text exactly once");
  return around;
}

// BertProcessing and RobertaProcessing: "cls" and "sep" are [token, id].
int32_t token_pair_id(const json& object, const char* name, const std::string& where) {
  const json& pair = array_field(object, name, where);
  if (pair.size() != 2 || !pair[1].is_number_integer() || pair[1] < 0 ||
      pair[1] > Vocabulary::kLargestId)
    bad(where, std::string("'") + name + "' must be a token and its id");
  return pair[1].get<int32_t>();
}

template <typename Part, typename Make>
std::vector<Part> each(const json& object, const char* name, const std::string& where,
                       const Make& make) {
  std::vector<Part> parts;
  for (const json& part : array_field(object, name, where))
    if (Part made = make(part, where)) parts.push_back(std::move(made));
  return parts;
}

}  // namespace

NormalizerPtr normalizer_from_json(const json& object, const std::string& where) {
  if (object.is_null()) return nullptr;
  const std::string type = type_of(object, where);
  const std::string here = where + ": normalizer " + type;
  if (type == "Sequence")
    return make_normalizer_sequence(
        each<NormalizerPtr>(object, "normalizers", here, normalizer_from_json));
  if (type == "BertNormalizer") return bert_normalizer(object, here);
  if (type == "NFC") return make_form_normalizer(NormalForm::kNfc);
  if (type == "NFD") return make_form_normalizer(NormalForm::kNfd);
  if (type == "NFKC") return make_form_normalizer(NormalForm::kNfkc);
  if (type == "NFKD") return make_form_normalizer(NormalForm::kNfkd);
  if (type == "Lowercase") return make_lowercase_normalizer();
  if (type == "Strip")
    return make_strip_normalizer(bool_field(object, "strip_left", here, true),
                                 bool_field(object, "strip_right", here, true));
  if (type == "StripAccents") return make_strip_accents_normalizer();
  if (type == "Nmt") return make_nmt_normalizer();
  if (type == "ByteLevel") return make_byte_level_normalizer();
  if (type == "Prepend") return make_prepend_normalizer(string_field(object, "prepend", here));
  if (type == "Precompiled") return precompiled(object, here);
  if (type == "Replace") {
    const Pattern pattern = pattern_field(object, here);
    std::string content = string_field(object, "content", here);
    if (pattern.regex) return make_regex_replace_normalizer(pattern.text, content, here);
    return make_replace_normalizer(pattern.text, content);
  }
  unknown(where, "the normalizer '" + type + "'");
}

PreTokenizerPtr pretokenizer_from_json(const json& object, const std::string& where) {
  if (object.is_null()) return nullptr;
  const std::string type = type_of(object, where);
  const std::string here = where + ": pre-tokenizer " + type;
  if (type == "Sequence")
    return make_pretokenizer_sequence(
        each<PreTokenizerPtr>(object, "pretokenizers", here, pretokenizer_from_json));
  if (type == "BertPreTokenizer") return make_bert_pretokenizer();
  if (type == "Whitespace") return make_whitespace_pretokenizer();
  if (type == "WhitespaceSplit") return make_whitespace_split_pretokenizer();
  if (type == "Punctuation")
    return make_punctuation_pretokenizer(behavior_field(object, here, "Isolated"));
  if (type == "Digits")
    return make_digits_pretokenizer(bool_field(object, "individual_digits", here, false));
  if (type == "CharDelimiterSplit") {
    const std::string delimiter = string_field(object, "delimiter", here);
    size_t end = 0;
    if (delimiter.empty()) bad(here, "'delimiter' is empty");
    return make_character_pretokenizer(next_code_point(delimiter, end));
  }
  if (type == "Split") {
    const Pattern pattern = pattern_field(object, here);
    const SplitBehavior behavior = behavior_field(object, here, "Isolated");
    const bool invert = bool_field(object, "invert", here, false);
    if (pattern.regex) return make_regex_split_pretokenizer(pattern.text, behavior, invert, here);
    return make_split_pretokenizer(pattern.text, behavior, invert);
  }
  if (type == "Metaspace") {
    return make_metaspace_pretokenizer(metaspace_character(object, here),
                                       prepend_scheme(object, here),
                                       bool_field(object, "split", here, true));
  }
  if (type == "ByteLevel")
    return make_byte_level_pretokenizer(bool_field(object, "add_prefix_space", here, true),
                                        bool_field(object, "use_regex", here, true));
  unknown(where, "the pre-tokenizer '" + type + "'");
}

SpecialsAround post_processor_from_json(const json& object, const std::string& where) {
  if (object.is_null()) return {};
  const std::string type = type_of(object, where);
  const std::string here = where + ": post-processor " + type;
  if (type == "TemplateProcessing") return template_specials(object, here);
  if (type == "BertProcessing" || type == "RobertaProcessing")
    return {{token_pair_id(object, "cls", here)}, {token_pair_id(object, "sep", here)}};
  if (type == "ByteLevel") return {};  // only trims offsets
  if (type == "Sequence") {
    SpecialsAround all;
    for (const json& step : array_field(object, "processors", here)) {
      const SpecialsAround one = post_processor_from_json(step, where);
      all.before.insert(all.before.begin(), one.before.begin(), one.before.end());
      all.after.insert(all.after.end(), one.after.begin(), one.after.end());
    }
    return all;
  }
  unknown(where, "the post-processor '" + type + "'");
}

PieceDecoderPtr decoder_from_json(const json& object, const std::string& where) {
  if (object.is_null()) return nullptr;
  const std::string type = type_of(object, where);
  const std::string here = where + ": decoder " + type;
  if (type == "Sequence")
    return make_decoder_sequence(
        each<PieceDecoderPtr>(object, "decoders", here, decoder_from_json));
  if (type == "WordPiece")
    return make_wordpiece_decoder(string_field(object, "prefix", here, "##"),
                                  bool_field(object, "cleanup", here, true));
  if (type == "ByteLevel") return make_byte_level_decoder();
  if (type == "Metaspace")
    return make_metaspace_decoder(metaspace_character(object, here),
                                  prepend_scheme(object, here) != PrependScheme::kNever);
  if (type == "Fuse") return make_fuse_decoder();
  if (type == "ByteFallback") return make_byte_fallback_decoder();
  if (type == "BPEDecoder") return make_bpe_decoder(string_field(object, "suffix", here, "</w>"));
  if (type == "Strip") {
    const int64_t start = integer_field(object, "start", here, 0);
    const int64_t stop = integer_field(object, "stop", here, 0);
    if (start < 0 || stop < 0) bad(here, "'start' or 'stop' is negative");
    return make_strip_decoder(string_field(object, "content", here), static_cast<size_t>(start),
                              static_cast<size_t>(stop));
  }
  if (type == "Replace") {
    const Pattern pattern = pattern_field(object, here);
    std::string content = string_field(object, "content", here);
    if (pattern.regex) return make_regex_replace_decoder(pattern.text, content, here);
    return make_replace_decoder(pattern.text, content);
  }
  unknown(where, "the decoder '" + type + "'");
}

std::string string_field(const json& object, const char* name, const std::string& where) {
  const json* value = field(object, name, where);
  if (!value || !value->is_string()) bad(where, std::string("'") + name + "' must be a string");
  return value->get<std::string>();
}

std::string string_field(const json& object, const char* name, const std::string& where,
                         const std::string& otherwise) {
  return field(object, name, where) ? string_field(object, name, where) : otherwise;
}

bool bool_field(const json& object, const char* name, const std::string& where, bool otherwise) {
  const json* value = field(object, name, where);
  if (!value) return otherwise;
  if (!value->is_boolean()) bad(where, std::string("'") + name + "' must be true or false");
  return value->get<bool>();
}

int64_t integer_field(const json& object, const char* name, const std::string& where) {
  const json* value = field(object, name, where);
  if (!value || !value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t{1} << 62))
    bad(where, std::string("'") + name + "' must be an integer");
  return value->get<int64_t>();
}

int64_t integer_field(const json& object, const char* name, const std::string& where,
                      int64_t otherwise) {
  return field(object, name, where) ? integer_field(object, name, where) : otherwise;
}

}  // namespace gantry
