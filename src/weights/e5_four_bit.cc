#include "weights/e5_four_bit.h"

#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "weights/byte_reader.h"
#include "weights/hf_config.h"
#include "weights/model_folder.h"

namespace gantry {
namespace {

constexpr int64_t kBlock = 32;       // weights that share a scale
constexpr int64_t kBlockBytes = 18;  // f16 scale and 32 nibbles
constexpr int32_t kMaxSize = 1 << 24;

[[noreturn]] void refuse(const std::string& label, const std::string& what) {
  throw Error("E0426", label + ": " + what,
              "The 4-bit file is damaged or of another version: get the package again.");
}

// The file's short name of a canonical tensor name.
std::string name_in_file(std::string_view canonical) {
  static const std::pair<std::string_view, std::string_view> kParts[] = {
      {"embeddings.word_embeddings.weight", "emb.word"},
      {"embeddings.position_embeddings.weight", "emb.pos"},
      {"embeddings.token_type_embeddings.weight", "emb.type"},
      {"embeddings.LayerNorm.", "emb.ln."},
      {"attention.self.query.", "q."},
      {"attention.self.key.", "k."},
      {"attention.self.value.", "v."},
      {"attention.output.dense.", "ao."},
      {"attention.output.LayerNorm.", "aln."},
      {"intermediate.dense.", "fi."},
      {"output.dense.", "fo."},
      {"output.LayerNorm.", "oln."}};
  std::string layer;
  constexpr std::string_view kLayer = "encoder.layer.";
  if (canonical.starts_with(kLayer)) {
    canonical.remove_prefix(kLayer.size());
    const size_t dot = canonical.find('.');
    layer = "l" + std::string(canonical.substr(0, dot)) + ".";
    canonical.remove_prefix(dot + 1);
  }
  for (const auto& [from, to] : kParts) {
    if (!canonical.starts_with(from)) continue;
    const std::string_view rest = canonical.substr(from.size());  // "weight", "bias" or ""
    return layer + std::string(to) + std::string(rest.substr(0, 1));
  }
  GANTRY_CHECK_MSG(false, std::string(canonical));
}

template <typename Reader>
E5FourBitFile::Sizes read_sizes(Reader& in, const std::string& label) {
  if (in.text(4) != "E5S1") refuse(label, "does not begin with E5S1");
  if (const auto version = in.template number<uint32_t>(); version != 1) {
    refuse(label, "version " + std::to_string(version) + ", not 1");
  }
  E5FourBitFile::Sizes s;
  for (int32_t* field : {&s.hidden, &s.layers, &s.heads, &s.intermediate, &s.vocabulary,
                         &s.positions, &s.token_types}) {
    *field = in.template number<int32_t>();
    if (*field < 1 || *field > kMaxSize) refuse(label, "an impossible size in the header");
  }
  s.layer_norm_eps = in.template number<float>();
  const auto block = in.template number<int32_t>();
  if (block != kBlock) refuse(label, "blocks of " + std::to_string(block) + ", not 32");
  if (s.hidden % kBlock != 0 || s.intermediate % kBlock != 0 || s.layers > 1024) {
    refuse(label, "an impossible size in the header");
  }
  return s;
}

template <typename Reader>
E5FourBitFile::Pieces read_pieces(Reader& in, const std::string& label) {
  E5FourBitFile::Pieces pieces;
  const auto count = in.template number<int32_t>();
  for (int32_t* id : {&pieces.begin, &pieces.end, &pieces.pad, &pieces.unknown}) {
    *id = in.template number<int32_t>();
    if (*id < 0 || *id >= count) refuse(label, "a special piece outside the vocabulary");
  }
  const auto blob_bytes = in.template number<uint64_t>();
  if (static_cast<uint64_t>(count) > in.left() / 8) refuse(label, "cut short");
  std::vector<uint32_t> offsets(static_cast<size_t>(count) + 1);
  for (uint32_t& offset : offsets) offset = in.template number<uint32_t>();
  pieces.scores.resize(static_cast<size_t>(count));
  for (float& score : pieces.scores) score = in.template number<float>();
  const std::string_view blob = in.text(blob_bytes);
  pieces.texts.reserve(static_cast<size_t>(count));
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    if (offsets[i] > offsets[i + 1] || offsets[i + 1] > blob.size()) {
      refuse(label, "piece " + std::to_string(i) + " lies outside the text of the pieces");
    }
    pieces.texts.emplace_back(blob.substr(offsets[i], offsets[i + 1] - offsets[i]));
  }
  return pieces;
}

template <typename Reader>
std::vector<std::pair<char32_t, std::u32string>> read_normalizer(Reader& in,
                                                                 const std::string& label) {
  const auto count = in.template number<int32_t>();
  const auto bytes = in.template number<uint32_t>();
  const uint64_t begin = in.position();
  std::vector<std::pair<char32_t, std::u32string>> table;
  const auto code_point = [&] {
    const auto c = in.template number<uint32_t>();
    if (c > 0x10ffff) refuse(label, "the normaliser names an impossible character");
    return static_cast<char32_t>(c);
  };
  for (int32_t i = 0; i < count; ++i) {
    const char32_t from = code_point();
    std::u32string to(in.template number<uint8_t>(), U' ');
    for (char32_t& c : to) c = code_point();
    table.emplace_back(from, std::move(to));
  }
  if (in.position() - begin != bytes) refuse(label, "the normaliser's length is wrong");
  return table;
}

struct TableEntry {
  bool four_bit;
  int64_t elements;
  std::span<const uint8_t> bytes;
};

template <typename Reader>
std::map<std::string, TableEntry> read_directory(Reader& in, std::span<const uint8_t> file,
                                                 const std::string& label) {
  std::map<std::string, TableEntry> entries;
  const auto count = in.template number<int32_t>();
  for (int32_t i = 0; i < count; ++i) {
    const std::string name(in.text(in.template number<uint16_t>()));
    const auto type = in.template number<uint8_t>();
    const int64_t elements = in.template number<uint32_t>();
    const auto offset = in.template number<uint64_t>();
    const auto bytes = in.template number<uint64_t>();
    if (type > 1) refuse(label, "tensor " + std::to_string(i) + " is of an unknown type");
    const int64_t needed = type == 1 ? elements / kBlock * kBlockBytes : elements * 4;
    if ((type == 1 && elements % kBlock != 0) || bytes != static_cast<uint64_t>(needed)) {
      refuse(label, "the size of tensor " + std::to_string(i) + " does not fit its type");
    }
    if (offset > file.size() || bytes > file.size() - offset) {
      refuse(label, "tensor " + std::to_string(i) + " lies outside the file");
    }
    if (!entries.emplace(name, TableEntry{type == 1, elements, file.subspan(offset, bytes)})
             .second) {
      refuse(label, "tensor " + std::to_string(i) + " is listed twice");
    }
  }
  return entries;
}

}  // namespace

E5FourBitFile E5FourBitFile::parse(std::span<const uint8_t> bytes, const std::string& label) {
  ByteReader in(bytes, [&] { refuse(label, "cut short"); });
  E5FourBitFile file;
  file.sizes_ = read_sizes(in, label);
  file.pieces_ = read_pieces(in, label);
  if (static_cast<int32_t>(file.pieces_.texts.size()) > file.sizes_.vocabulary) {
    refuse(label, "more pieces than rows in the embedding table");
  }
  file.normalizer_ = read_normalizer(in, label);
  const auto entries = read_directory(in, bytes, label);

  const EncoderConfig config = parse_encoder_config(file.config_json(), label);
  for (const StoredTensor& expected : encoder_tensors(config)) {
    const auto found = entries.find(name_in_file(expected.name));
    if (found == entries.end()) refuse(label, "no tensor for " + expected.name);
    if (found->second.elements != expected.elements()) {
      refuse(label, expected.name + " has " + std::to_string(found->second.elements) +
                        " elements, not " + std::to_string(expected.elements()));
    }
    file.tensors_.push_back({expected, found->second.four_bit, found->second.bytes});
  }
  if (entries.size() != file.tensors_.size()) refuse(label, "tensors that no encoder has");
  return file;
}

void E5FourBitFile::decode(const Tensor& tensor, int64_t first, std::span<float> out) {
  const int64_t count = static_cast<int64_t>(out.size());
  GANTRY_CHECK(first >= 0 && count <= tensor.described.elements() - first);
  if (!tensor.four_bit) {
    stored_to_float(StoredType::f32,
                    tensor.bytes.subspan(static_cast<size_t>(first) * 4, out.size() * 4), out);
    return;
  }
  GANTRY_CHECK(first % kBlock == 0 && count % kBlock == 0);
  const uint8_t* block = tensor.bytes.data() + first / kBlock * kBlockBytes;
  for (int64_t at = 0; at < count; at += kBlock, block += kBlockBytes) {
    float scale;
    stored_to_float(StoredType::f16, {block, 2}, {&scale, 1});
    float* values = out.data() + at;
    for (int64_t j = 0; j < kBlock / 2; ++j) {
      const int nibbles = block[2 + j];
      values[j] = static_cast<float>((nibbles & 15) - 8) * scale;
      values[j + kBlock / 2] = static_cast<float>((nibbles >> 4) - 8) * scale;
    }
  }
}

std::string E5FourBitFile::config_json() const {
  // The header's epsilon is the float nearest to 1e-12; its shortest decimal form is the value
  // meant.
  char eps[32];
  std::snprintf(eps, sizeof eps, "%.7g", static_cast<double>(sizes_.layer_norm_eps));
  const nlohmann::ordered_json config = {{"architectures", {"BertModel"}},
                                         {"model_type", "bert"},
                                         {"attention_probs_dropout_prob", 0.1},
                                         {"classifier_dropout", nullptr},
                                         {"hidden_act", "gelu"},
                                         {"hidden_dropout_prob", 0.1},
                                         {"hidden_size", sizes_.hidden},
                                         {"initializer_range", 0.02},
                                         {"intermediate_size", sizes_.intermediate},
                                         {"layer_norm_eps", std::strtod(eps, nullptr)},
                                         {"max_position_embeddings", sizes_.positions},
                                         {"num_attention_heads", sizes_.heads},
                                         {"num_hidden_layers", sizes_.layers},
                                         {"bos_token_id", pieces_.begin},
                                         {"eos_token_id", pieces_.end},
                                         {"pad_token_id", pieces_.pad},
                                         {"position_embedding_type", "absolute"},
                                         {"tokenizer_class", "XLMRobertaTokenizer"},
                                         {"type_vocab_size", sizes_.token_types},
                                         {"use_cache", true},
                                         {"vocab_size", sizes_.vocabulary}};
  return config.dump(2) + "\n";
}

}  // namespace gantry
