#include "weights/shared_words.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "weights/folder_listing.h"
#include "weights/model_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
constexpr int kFormat = 1;

[[noreturn]] void refuse(const std::string& what) {
  throw Error("E0417", what,
              "A model that shares its word table stays beside the one that owns it: restore that "
              "folder, train again, or write whole folders with `gantry model export`.");
}

}  // namespace

WordRows parse_word_rows(std::string_view text, std::string_view label) {
  WordRows out;
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("format").get<int>() != kFormat) refuse(std::string(label) + ": another format");
    out.folder = json.at("folder");
    out.sha256 = json.at("sha256");
    out.factor = json.at("factor");
    out.rows = json.at("rows").get<std::vector<int32_t>>();
  } catch (const nlohmann::json::exception& error) {
    refuse(std::string(label) + ": not a description of word rows (" + error.what() + ")");
  }
  const bool rising = std::adjacent_find(out.rows.begin(), out.rows.end(),
                                         std::greater_equal<>()) == out.rows.end();
  if (!rising || (!out.rows.empty() && out.rows.front() < 0) || !std::isfinite(out.factor))
    refuse(std::string(label) + ": impossible rows or factor");
  return out;
}

std::string word_rows_json(const WordRows& rows) {
  return nlohmann::ordered_json{{"format", kFormat},
                                {"folder", rows.folder},
                                {"sha256", rows.sha256},
                                {"factor", rows.factor},
                                {"rows", rows.rows}}
             .dump() +
         "\n";
}

namespace {

Safetensors open_owner(const fs::path& folder, const WordRows& about) {
  const fs::path owner = folder / about.folder;
  if (!is_there(owner / "model.safetensors") || !is_there(owner / "gantry.json"))
    refuse(folder.string() + ": its word table is shared with " + owner.string() +
           ", which is not there");
  const ModelAbout owner_about =
      parse_model_about(read_file(owner / "gantry.json"), (owner / "gantry.json").string());
  const auto recorded = owner_about.files.find("model.safetensors");
  if (recorded == owner_about.files.end() || recorded->second != about.sha256)
    refuse(folder.string() + ": its word table is shared with " + owner.string() +
           ", which holds another model now");
  return Safetensors::open(owner / "model.safetensors");
}

}  // namespace

SharedWords::SharedWords(const fs::path& folder, const StoredTensor* own)
    : about_(parse_word_rows(read_file(folder / kWordRowsFile), (folder / kWordRowsFile).string())),
      owner_(open_owner(folder, about_)) {
  for (const StoredTensor& tensor : owner_.tensors())
    if (canonical_tensor_name(tensor.name) == kWordTable) table_ = &tensor;
  const auto n = static_cast<int64_t>(about_.rows.size());
  if (!table_ || table_->shape.size() != 2 || !own ||
      own->shape != std::vector<int64_t>{n, table_->shape[1]} ||
      (n > 0 && about_.rows.back() >= table_->shape[0]))
    refuse(folder.string() + ": its word rows do not fit the table of " + about_.folder);
}

void SharedWords::read(const Safetensors& weights, std::string_view own,
                       std::span<const int32_t> rows, std::span<float> out) const {
  const auto width = static_cast<size_t>(table_->shape[1]);
  GANTRY_CHECK(out.size() == rows.size() * width);
  owner_.read_rows_f32(table_->name, rows, out);
  const auto factor = static_cast<float>(about_.factor);
  std::vector<int32_t> mine;
  std::vector<size_t> places;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto at = std::lower_bound(about_.rows.begin(), about_.rows.end(), rows[i]);
    if (at != about_.rows.end() && *at == rows[i]) {
      mine.push_back(static_cast<int32_t>(at - about_.rows.begin()));
      places.push_back(i);
    } else if (factor != 1) {
      for (float& value : out.subspan(i * width, width)) value *= factor;
    }
  }
  std::vector<float> values(mine.size() * width);
  weights.read_rows_f32(own, mine, values);
  for (size_t k = 0; k < places.size(); ++k)
    std::copy_n(values.data() + k * width, width, out.data() + places[k] * width);
}

}  // namespace gantry
