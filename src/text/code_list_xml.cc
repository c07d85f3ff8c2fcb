// The ICD-10-CM tabular list, read by expat as it streams by: the file is 10 MB, its tree would be
// ten times that.
#include <expat.h>

#include <memory>
#include <new>

#include "base/error.h"
#include "text/code_list_readers.h"

namespace gantry {
namespace {

constexpr size_t kDeepest = 64;  // the real one has 12 levels
constexpr size_t kSevenCharacters = 7;

struct Extension {
  std::string character, title;
};

struct Diagnosis {  // an open <diag>
  Code code;
  int64_t line = 0;
  bool has_children = false;
  std::vector<Extension> seventh;  // of its own <sevenChrDef>
};

class TabularReader {
 public:
  TabularReader(std::string_view bytes, std::string label)
      : bytes_(bytes), label_(std::move(label)), parser_(XML_ParserCreate(nullptr)) {
    if (!parser_) throw std::bad_alloc();
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(parser_.get(), &on_start, &on_end);
    XML_SetCharacterDataHandler(parser_.get(), &on_text);
    // A tabular list declares no entities; a file that does may unfold to any size.
    XML_SetEntityDeclHandler(parser_.get(), &on_entity);
  }

  CodeList read(const std::string& name) {
    constexpr size_t kPiece = 1 << 20;
    for (size_t at = 0;; at += kPiece) {
      const std::string_view piece = bytes_.substr(at, kPiece);
      const bool last = at + kPiece >= bytes_.size();
      if (XML_Parse(parser_.get(), piece.data(), static_cast<int>(piece.size()), last) !=
          XML_STATUS_OK) {
        refuse(wrong_.empty() ? XML_ErrorString(XML_GetErrorCode(parser_.get())) : wrong_);
      }
      if (last) break;
    }
    if (codes_.empty()) refuse("no <diag> with a code: not a tabular list");
    return CodeList(name, version_, std::move(codes_), lines_);
  }

 private:
  struct ParserFree {
    void operator()(XML_ParserStruct* parser) const { XML_ParserFree(parser); }
  };

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(
        "E0374",
        label_ + ", line " + std::to_string(XML_GetCurrentLineNumber(parser_.get())) + ": " + what,
        "Give the tabular list of ICD-10-CM as CDC/NCHS publishes it.");
  }
  // No exception may cross the C library: the reason is kept and the parser is stopped.
  void stop(std::string why) {
    if (wrong_.empty()) wrong_ = std::move(why);
    XML_StopParser(parser_.get(), XML_FALSE);
  }

  void start(std::string_view element, const XML_Char** attributes) {
    if (path_.size() >= kDeepest) return stop("elements nested too deep");
    path_.emplace_back(element);
    text_.clear();
    if (element == "diag") {
      if (!open_.empty()) open_.back().has_children = true;
      open_.emplace_back().line = static_cast<int64_t>(XML_GetCurrentLineNumber(parser_.get()));
    }
    if (element != "extension") return;
    character_.clear();
    for (; *attributes; attributes += 2) {
      if (std::string_view(attributes[0]) == "char") character_ = attributes[1];
    }
  }

  bool beneath(std::string_view parent) const {
    return path_.size() >= 2 && path_[path_.size() - 2] == parent;
  }

  void end(std::string_view element) {
    if (element == "version" && open_.empty()) version_ = one_line_title(text_);
    if (!open_.empty()) {
      Diagnosis& now = open_.back();
      if (element == "name" && beneath("diag")) now.code.code = one_line_title(text_);
      if (element == "desc" && beneath("diag")) now.code.title = one_line_title(text_);
      if (element == "note" && beneath("inclusionTerm"))
        now.code.terms.push_back(one_line_title(text_));
      if (element == "extension") now.seventh.push_back({character_, one_line_title(text_)});
      if (element == "diag") close();
    }
    text_.clear();
    path_.pop_back();
  }

  // The seventh characters of the nearest definition: the code's own or an ancestor's.
  const std::vector<Extension>* seventh_characters() const {
    for (size_t i = open_.size(); i-- > 0;) {
      if (!open_[i].seventh.empty()) return &open_[i].seventh;
    }
    return nullptr;
  }

  void add(Code code, int64_t line) {
    codes_.push_back(std::move(code));
    lines_.push_back(line);
  }

  void close() {
    Diagnosis& now = open_.back();
    const std::string plain = undotted_code(now.code.code);
    const std::vector<Extension>* seventh = now.has_children ? nullptr : seventh_characters();
    if (plain.size() >= kSevenCharacters) seventh = nullptr;
    now.code.billable = !now.has_children && !seventh;
    if (plain.empty() || now.code.title.empty()) return stop("a <diag> without name and desc");
    const std::string title = now.code.title;
    const int64_t line = now.line;
    add(now.code, line);
    if (seventh) {
      std::string stem = plain;
      stem.resize(kSevenCharacters - 1, 'X');
      for (const Extension& extension : *seventh) {
        add({.code = stem + extension.character, .title = title + ", " + extension.title}, line);
      }
    }
    open_.pop_back();
  }

  static void on_start(void* self, const XML_Char* element, const XML_Char** attributes) {
    static_cast<TabularReader*>(self)->start(element, attributes);
  }
  static void on_end(void* self, const XML_Char* element) {
    static_cast<TabularReader*>(self)->end(element);
  }
  static void on_text(void* self, const XML_Char* text, int bytes) {
    static_cast<TabularReader*>(self)->text_.append(text, static_cast<size_t>(bytes));
  }
  static void on_entity(void* self, const XML_Char*, int, const XML_Char*, int, const XML_Char*,
                        const XML_Char*, const XML_Char*, const XML_Char*) {
    static_cast<TabularReader*>(self)->stop("an entity is declared");
  }

  std::string_view bytes_;
  std::string label_;
  std::unique_ptr<XML_ParserStruct, ParserFree> parser_;
  std::string wrong_, version_, text_, character_;
  std::vector<std::string> path_;
  std::vector<Diagnosis> open_;
  std::vector<Code> codes_;
  std::vector<int64_t> lines_;
};

}  // namespace

CodeList parse_tabular_xml(std::string_view bytes, const std::string& name,
                           const std::string& label) {
  return TabularReader(bytes, label).read(name);
}

}  // namespace gantry
