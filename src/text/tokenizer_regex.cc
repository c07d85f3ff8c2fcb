#include "text/tokenizer_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "text/unicode.h"

namespace gantry {

namespace {

// Bound on the steps of one match: the patterns in use need a few per character.
constexpr uint32_t kMatchLimit = 10'000'000;
constexpr size_t kJitStackBytes = size_t{1} << 20;

[[noreturn]] void refuse(const std::string& where, std::string_view pattern,
                         const std::string& why) {
  throw Error("E0327",
              where + ": regular expression '" + std::string(pattern.substr(0, 200)) + "': " + why,
              "This tokenizer cannot be run as it was trained: use another base model, or report "
              "the pattern.");
}

struct Free {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  void operator()(pcre2_compile_context* p) const { pcre2_compile_context_free(p); }
  void operator()(pcre2_jit_stack* p) const { pcre2_jit_stack_free(p); }
};

// "p{Han}" at the start of `text`, or "" when the property has no braces.
std::string property_at(std::string_view text) {
  const size_t end = text.find('}');
  return text.substr(1, 1) == "{" && end != std::string_view::npos
             ? std::string(text.substr(0, end + 1))
             : std::string();
}

// [:name:] as Oniguruma reads it in Unicode.
const std::map<std::string, std::string>& bracket_names() {
  static const std::map<std::string, std::string> names = {
      {"alpha", "\\p{Alphabetic}"},  {"alnum", "\\p{Alphabetic}\\p{Nd}"},
      {"digit", "\\p{Nd}"},          {"lower", "\\p{Lowercase}"},
      {"upper", "\\p{Uppercase}"},   {"xdigit", "0-9a-fA-F"},
      {"space", "\\p{White_Space}"}, {"word", "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"}};
  return names;
}

bool compiles(const std::string& pattern) {
  int code = 0;
  size_t at = 0;
  return std::unique_ptr<pcre2_code, Free>(
             pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF,
                           &code, &at, nullptr)) != nullptr;
}

// PCRE2 reads \p{Han} as the script's extensions, to which U+3002 belongs; Oniguruma as the script.
std::string translated_property(const std::string& property) {
  const bool negated = property.substr(2, 1) == "^";
  const std::string name = property.substr(negated ? 3 : 2);
  const std::string script = property.substr(0, negated ? 3 : 2) + "sc:" + name;
  return name.size() > 3 && compiles("\\" + script) ? script : property;
}

}  // namespace

struct TokenizerRegex::Compiled {
  std::unique_ptr<pcre2_code, Free> code;
};

std::string TokenizerRegex::translated(std::string_view pattern, const std::string& where) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      if (++i == pattern.size()) refuse(where, pattern, "it ends in a backslash");
      const std::string open = in_class ? "" : "[", close = in_class ? "" : "]";
      switch (pattern[i]) {
        case 's':
          out += "\\p{White_Space}";
          break;
        case 'S':
          out += "\\P{White_Space}";
          break;
        case 'w':
          out += open + "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}" + close;
          break;
        case 'h':
          out += open + "0-9a-fA-F" + close;
          break;
        case 'W':
        case 'H':
          if (in_class) refuse(where, pattern, "\\W or \\H within brackets");
          out += pattern[i] == 'W' ? "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]" : "[^0-9a-fA-F]";
          break;
        case 'b':
        case 'B':
          if (!in_class) refuse(where, pattern, "\\b and \\B are not supported");
          [[fallthrough]];
        case 'p':
        case 'P': {
          const std::string property = property_at(pattern.substr(i));
          out += "\\" +
                 (property.empty() ? std::string(1, pattern[i]) : translated_property(property));
          i += property.empty() ? 0 : property.size() - 1;
          break;
        }
        default:
          out.append({'\\', pattern[i]});
      }
    } else if (in_class && c == '[') {
      const size_t end = pattern.find(":]", i);
      if (pattern.substr(i, 2) != "[:" || end == std::string_view::npos)
        refuse(where, pattern, "a set within a set");
      const std::string name(pattern.substr(i + 2, end - i - 2));
      const auto it = bracket_names().find(name);
      if (it == bracket_names().end()) refuse(where, pattern, "the set [:" + name + ":]");
      out += it->second;
      i = end + 1;
    } else if (in_class && pattern.substr(i, 2) == "&&") {
      refuse(where, pattern, "an intersection of sets");
    } else if (!in_class && c == '[') {
      in_class = true;
      out += c;
      if (pattern.substr(i + 1, 1) == "^") out += pattern[++i];
      if (pattern.substr(i + 1, 1) == "]") refuse(where, pattern, "an empty set");
    } else {
      if (c == ']') in_class = false;
      out += c;
    }
  }
  return out;
}

TokenizerRegex::TokenizerRegex(std::string_view pattern, std::string where)
    : compiled_(std::make_unique<Compiled>()), where_(std::move(where)) {
  const std::string text = translated(pattern, where_);
  const std::unique_ptr<pcre2_compile_context, Free> context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int code = 0;
  size_t at = 0;
  // In Ruby's syntax ^ and $ always stand at lines.
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  compiled_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                      options, &code, &at, context.get()));
  if (!compiled_->code) {
    unsigned char message[256] = {};
    pcre2_get_error_message(code, message, sizeof message);
    refuse(where_, pattern, reinterpret_cast<const char*>(message));
  }
  pcre2_jit_compile(compiled_->code.get(), PCRE2_JIT_COMPLETE);  // without it the same, slower
}

TokenizerRegex::~TokenizerRegex() = default;

namespace {

// One stack a thread, kept: mapping one for each text took most of the time of short texts.
pcre2_match_context* match_context() {
  struct Memory {
    std::unique_ptr<pcre2_jit_stack, Free> stack;
    std::unique_ptr<pcre2_match_context, Free> context;
  };
  thread_local const Memory memory = [] {
    Memory m{std::unique_ptr<pcre2_jit_stack, Free>(
                 pcre2_jit_stack_create(32 * 1024, kJitStackBytes, nullptr)),
             std::unique_ptr<pcre2_match_context, Free>(pcre2_match_context_create(nullptr))};
    pcre2_jit_stack_assign(m.context.get(), nullptr, m.stack.get());
    pcre2_set_match_limit(m.context.get(), kMatchLimit);
    return m;
  }();
  return memory.context.get();
}

}  // namespace

std::vector<std::pair<size_t, size_t>> TokenizerRegex::find_all(std::string_view text) const {
  const pcre2_code* code = compiled_->code.get();
  const std::unique_ptr<pcre2_match_data, Free> match(
      pcre2_match_data_create_from_pattern(code, nullptr));
  pcre2_match_context* context = match_context();
  std::vector<std::pair<size_t, size_t>> found;
  size_t at = 0;
  while (at <= text.size()) {
    const int rc = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                               PCRE2_NO_UTF_CHECK, match.get(), context);
    if (rc == PCRE2_ERROR_NOMATCH) break;
    if (rc < 0)
      throw Error("E0328",
                  where_ + ": its regular expression gave up at byte " + std::to_string(at) +
                      " of a text (PCRE2 error " + std::to_string(rc) + ")",
                  "Shorten the text, or use another base model.");
    const size_t* range = pcre2_get_ovector_pointer(match.get());
    const size_t begin = std::max(range[0], at), end = std::max(begin, range[1]);
    found.emplace_back(begin, end);
    at = end;
    if (begin == end) at += at < text.size() ? utf8_length(text[at]) : 1;
  }
  return found;
}

}  // namespace gantry
