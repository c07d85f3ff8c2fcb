// The components of a tokenizer.json, made from their JSON: {"type": "Lowercase"} and so on.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "text/tokenizer_decoders.h"
#include "text/tokenizer_normalizers.h"
#include "text/tokenizer_pretokenizers.h"

namespace gantry {

// Each takes null as "none". `where` names the file in errors: E0321 for a type or an option that
// Gantry does not know, E0323 for a field that is missing or of the wrong type.
NormalizerPtr normalizer_from_json(const nlohmann::json& json, const std::string& where);
PreTokenizerPtr pretokenizer_from_json(const nlohmann::json& json, const std::string& where);
PieceDecoderPtr decoder_from_json(const nlohmann::json& json, const std::string& where);

struct SpecialsAround {
  std::vector<int32_t> before, after;
};
SpecialsAround post_processor_from_json(const nlohmann::json& json, const std::string& where);

// A field of an object, for all who read tokenizer files. Error E0323 when it is missing (without a
// default) or of another type; null counts as missing.
std::string string_field(const nlohmann::json& json, const char* name, const std::string& where);
std::string string_field(const nlohmann::json& json, const char* name, const std::string& where,
                         const std::string& otherwise);
bool bool_field(const nlohmann::json& json, const char* name, const std::string& where,
                bool otherwise);
int64_t integer_field(const nlohmann::json& json, const char* name, const std::string& where);
int64_t integer_field(const nlohmann::json& json, const char* name, const std::string& where,
                      int64_t otherwise);

}  // namespace gantry
