// Base64 (RFC 4648, section 4), in which a tokenizer.json holds bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gantry {

std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);  // nothing when it is not base64

}  // namespace gantry
