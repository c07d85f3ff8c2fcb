#include "text/mecab.h"

#include <mecab.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace gantry {

namespace fs = std::filesystem;

namespace {

// Folder names under which the dictionaries of a family are installed.
std::vector<std::string> folder_names(const std::string& name) {
  if (name == "unidic_lite") return {"unidic_lite", "unidic-lite"};
  if (name == "ipadic") return {"ipadic-utf8", "ipadic"};
  if (name == "unidic") return {"unidic", "unidic-mecab", "unidic-cwj", "unidic-cwj-3.1.0"};
  return {name, name + "-utf8"};
}

std::string remedy(const std::string& name) {
  if (name == "ipadic")
    return "Install it (apt install mecab-ipadic-utf8), or put the dictionary's folder into the "
           "model folder as dic/, or name it in GANTRY_MECAB_DIC.";
  if (name == "unidic_lite")
    return "Get the Python package unidic-lite (pip download unidic-lite), unpack it, and put its "
           "folder unidic_lite/dicdir into the model folder as dic/, or name it in "
           "GANTRY_MECAB_DIC.";
  return "Install the MeCab dictionary '" + name +
         "' (in UTF-8), and put its folder into the model folder as dic/, or name it in "
         "GANTRY_MECAB_DIC.";
}

bool is_dictionary(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "sys.dic", ignored);
}

// "unidic", "ipadic", ... as the dictionary's own dicrc tells, or "" when it does not.
std::string family_of(const fs::path& dictionary) {
  std::error_code ignored;
  if (!fs::exists(dictionary / "dicrc", ignored)) return "";
  std::string text = read_file(dictionary / "dicrc");
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (text.find("unidic") != std::string::npos) return "unidic";
  if (text.find("ipadic") != std::string::npos) return "ipadic";
  if (text.find("juman") != std::string::npos) return "juman";
  return "";
}

bool is_utf8(const fs::path& dictionary) {
  // The charset stands in the header of sys.dic: ten 32-bit numbers, then 32 characters.
  const MappedFile file(dictionary / "sys.dic");
  if (file.text().size() < 72) return false;
  std::string charset(file.text().substr(40, 32));
  std::transform(charset.begin(), charset.end(), charset.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return charset.starts_with("utf8") || charset.starts_with("utf-8");
}

// The dictionary that a folder the user named holds: itself, or one below it. One of another family
// is passed over and noted in `*other`.
fs::path in_named_folder(const fs::path& folder, const std::string& name, std::string* other) {
  for (const std::string& below : folder_names(name))
    for (const fs::path& path : {folder / below, folder / below / "dicdir"})
      if (is_dictionary(path)) return path;
  for (const fs::path& path : {folder, folder / "dicdir"}) {
    if (!is_dictionary(path)) continue;
    const std::string family = family_of(path);
    if (family.empty() || name.starts_with(family)) return path;
    *other = path.string() + " is a dictionary of the " + family + " family";
  }
  return {};
}

}  // namespace

fs::path find_mecab_dictionary(const std::string& name, const fs::path& model_folder) {
  std::string other;
  if (const char* named = std::getenv("GANTRY_MECAB_DIC"); named && *named)
    if (fs::path path = in_named_folder(named, name, &other); !path.empty()) return path;
  if (fs::path path = in_named_folder(model_folder / "dic", name, &other); !path.empty())
    return path;
  for (const fs::path folder :
       {"/var/lib/mecab/dic", "/usr/share/mecab/dic", "/usr/lib/x86_64-linux-gnu/mecab/dic",
        "/usr/lib/mecab/dic", "/usr/local/lib/mecab/dic"})
    for (const std::string& below : folder_names(name))
      if (is_dictionary(folder / below) && is_utf8(folder / below)) return folder / below;
  if (!other.empty())
    throw Error("E0332", other + ", but the model was trained with " + name, remedy(name));
  throw Error("E0331",
              "the model's text is to be cut by MeCab with the dictionary '" + name +
                  "', which is not on this machine",
              remedy(name));
}

struct Mecab::Handle {
  std::unique_ptr<MeCab::Model> model;
  std::unique_ptr<MeCab::Tagger> tagger;
};

Mecab::Mecab(const fs::path& dictionary, std::string name)
    : handle_(std::make_unique<Handle>()), name_(std::move(name)) {
  std::array<std::string, 5> arguments = {"mecab", "-r", "/dev/null", "-d", dictionary.string()};
  std::array<char*, 5> pointers;
  for (size_t i = 0; i < arguments.size(); ++i) pointers[i] = arguments[i].data();
  handle_->model.reset(MeCab::createModel(static_cast<int>(pointers.size()), pointers.data()));
  if (handle_->model) handle_->tagger.reset(handle_->model->createTagger());
  if (!handle_->tagger) {
    const char* why = MeCab::getLastError();
    throw Error("E0332",
                dictionary.string() + ": MeCab cannot open this dictionary" +
                    (why && *why ? std::string(": ") + std::string(trim(why)) : ""),
                remedy(name_));
  }
  if (!is_utf8(dictionary))
    throw Error("E0332", dictionary.string() + ": this MeCab dictionary is not in UTF-8",
                remedy(name_));
}

Mecab::~Mecab() = default;

std::string Mecab::identity() const {
  std::string out = "mecab " + name_;
  for (const auto* info = handle_->model->dictionary_info(); info; info = info->next)
    out += std::string(" ") + info->charset + " " + std::to_string(info->size) + " " +
           std::to_string(info->lsize) + "x" + std::to_string(info->rsize) + " version " +
           std::to_string(info->version);
  return out;
}

std::vector<std::pair<size_t, size_t>> Mecab::morphemes(std::string_view text) const {
  std::vector<std::pair<size_t, size_t>> found;
  if (text.empty()) return found;
  // A lattice of its own for each call: model and tagger are shared between threads.
  const std::unique_ptr<MeCab::Lattice> lattice(handle_->model->createLattice());
  lattice->set_sentence(text.data(), text.size());
  if (!handle_->tagger->parse(lattice.get()))
    throw Error("E0332", std::string("MeCab cannot cut a text: ") + lattice->what(),
                "Shorten the text.");
  for (const MeCab::Node* node = lattice->bos_node(); node; node = node->next) {
    if (node->stat == MECAB_BOS_NODE || node->stat == MECAB_EOS_NODE) continue;
    const auto begin = static_cast<size_t>(node->surface - lattice->sentence());
    found.emplace_back(begin, begin + node->length);
  }
  return found;
}

void Mecab::apply(Pieces& pieces) const {
  std::vector<Piece> out;
  for (const Piece& piece : pieces.pieces) {
    if (piece.id >= 0) {
      out.push_back(piece);
      continue;
    }
    for (const auto& [begin, end] : morphemes(pieces.of(piece)))
      out.push_back(
          {piece.begin + static_cast<uint32_t>(begin), piece.begin + static_cast<uint32_t>(end)});
  }
  pieces.pieces = std::move(out);
}

}  // namespace gantry
