#include "text/normalize.h"

#include <utf8proc.h>

#include <array>
#include <set>

#include "text/normalize_aligned.h"
#include "text/unicode.h"

namespace gantry {

namespace {

// The starters (combining class 0) that can compose with a character before them: the vowel and
// final jamo, and a few vowel signs of Indic scripts.
const std::set<char32_t>& starters_that_compose() {
  static const std::set<char32_t> found = [] {
    std::set<char32_t> set;
    for (char32_t c = 0x1161; c <= 0x1175; ++c) set.insert(c);
    for (char32_t c = 0x11A8; c <= 0x11C2; ++c) set.insert(c);
    for (utf8proc_int32_t c = 0x80; c < 0x110000; ++c) {
      const utf8proc_property_t* property = utf8proc_get_property(c);
      if (property->decomp_seqindex == UINT16_MAX || property->decomp_type != 0) continue;
      std::array<utf8proc_int32_t, 8> parts;
      int last_class = 0;
      const auto n =
          utf8proc_decompose_char(c, parts.data(), parts.size(), UTF8PROC_DECOMPOSE, &last_class);
      if (n < 2) continue;
      const auto last = parts[static_cast<size_t>(n) - 1];
      if (utf8proc_get_property(last)->combining_class == 0) set.insert(char32_t(last));
    }
    return set;
  }();
  return found;
}

// Whether nothing before `c` can change what `c` becomes, nor what stood before it.
bool starts_segment(char32_t c, bool compat) {
  if (c < 0x300) return true;
  if ((c >= 0x3041 && c <= 0x3096) || (c >= 0x30A1 && c <= 0x30FA) || (c >= 0x4E00 && c <= 0x9FFF))
    return true;
  std::array<utf8proc_int32_t, 24> parts;
  int last_class = 0;
  const auto option =
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compat ? UTF8PROC_COMPAT : 0));
  const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(),
                                         parts.size(), option, &last_class);
  const auto first = n > 0 ? parts[0] : static_cast<utf8proc_int32_t>(c);
  return utf8proc_get_property(first)->combining_class == 0 &&
         !starters_that_compose().contains(static_cast<char32_t>(first));
}

// One segment into its normal form, appended to `out`.
void append_normalized(std::string& out, std::string_view segment, utf8proc_option_t options) {
  std::array<utf8proc_int32_t, 64> small;
  std::vector<utf8proc_int32_t> large;
  utf8proc_int32_t* buffer = small.data();
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(segment.data());
  const auto size = static_cast<utf8proc_ssize_t>(segment.size());
  auto n = utf8proc_decompose(bytes, size, buffer, small.size(), options);
  if (n > static_cast<utf8proc_ssize_t>(small.size())) {
    large.resize(static_cast<size_t>(n));
    buffer = large.data();
    n = utf8proc_decompose(bytes, size, buffer, n, options);
  }
  if (n > 0) n = utf8proc_normalize_utf32(buffer, n, options);
  for (utf8proc_ssize_t i = 0; i < n; ++i) append_utf8(out, static_cast<char32_t>(buffer[i]));
}

struct Form {
  utf8proc_option_t options;
  bool compat, compose;
};

Form form_of(NormalForm form) {
  const bool compat = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  const bool compose = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  return {static_cast<utf8proc_option_t>((compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                                         (compat ? UTF8PROC_COMPAT : 0) | UTF8PROC_STABLE),
          compat, compose};
}

// Characters that are their own normal form in every form, whatever stands around them unless a
// mark follows: ASCII, ideographs of the main block, kana without a voicing mark.
bool is_inert(char32_t c) {
  return c < 0x80 || (c >= 0x4E00 && c <= 0x9FFF) || c == 0x3001 || c == 0x3002 ||
         (c >= 0x3041 && c <= 0x304A) || (c >= 0x306A && c <= 0x306F);
}

// Calls `unchanged(begin, end)` or `changed(begin, end, text)` for each segment of valid UTF-8.
template <typename Unchanged, typename Changed>
void for_each_segment(std::string_view text, NormalForm form, Unchanged unchanged,
                      Changed changed) {
  const Form f = form_of(form);
  std::string buffer;
  size_t begin = 0, position = 0;
  while (begin < text.size()) {
    const char32_t first = next_code_point(text, position);
    size_t end = position;
    bool alone = true;
    while (end < text.size()) {
      size_t after = end;
      if (starts_segment(next_code_point(text, after), f.compat)) break;
      end = after;
      alone = false;
    }
    if (alone && is_inert(first)) {
      unchanged(begin, end);
    } else {
      buffer.clear();
      append_normalized(buffer, text.substr(begin, end - begin), f.options);
      if (buffer == text.substr(begin, end - begin))
        unchanged(begin, end);
      else
        changed(begin, end, buffer);
    }
    begin = position = end;
  }
}

std::string normalized(std::string_view bytes, NormalForm form) {
  std::string repaired;
  if (!is_valid_utf8(bytes)) bytes = repaired = repair_utf8(bytes);
  std::string out;
  out.reserve(bytes.size());
  for_each_segment(
      bytes, form, [&](size_t begin, size_t end) { out += bytes.substr(begin, end - begin); },
      [&](size_t, size_t, const std::string& text) { out += text; });
  return out;
}

}  // namespace

void normalize(AlignedText& text, NormalForm form) {
  AlignedText out;
  out.reserve(text.text.size());
  for_each_segment(
      text.text, form, [&](size_t begin, size_t end) { out.append(text, begin, end); },
      [&](size_t begin, size_t end, const std::string& changed) {
        out.append(changed, text.range(begin, end));
      });
  text = std::move(out);
}

std::string nfc(std::string_view utf8) { return normalized(utf8, NormalForm::kNfc); }
std::string nfd(std::string_view utf8) { return normalized(utf8, NormalForm::kNfd); }
std::string nfkc(std::string_view utf8) { return normalized(utf8, NormalForm::kNfkc); }
std::string nfkd(std::string_view utf8) { return normalized(utf8, NormalForm::kNfkd); }

std::string lower_case(std::string_view utf8) {
  const std::string text = repair_utf8(utf8);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) append_lower_case(out, next_code_point(text, i));
  return out;
}

std::string strip_accents(std::string_view utf8) {
  const std::string text = nfd(utf8);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    if (!is_nonspacing_mark(next_code_point(text, i))) out.append(text, begin, i - begin);
  }
  return out;
}

std::string repair_utf8(std::string_view bytes, size_t* replaced) {
  size_t count = 0;
  std::string out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    size_t skip;
    if (const size_t length = valid_utf8_length(bytes.substr(i, 4), &skip)) {
      out += bytes.substr(i, length);
      i += length;
    } else {
      out += "\xEF\xBF\xBD";
      ++count;
      i += skip;
    }
  }
  if (replaced) *replaced = count;
  return out;
}

bool is_valid_utf8(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const size_t length = valid_utf8_length(bytes.substr(i, 4));
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace gantry
