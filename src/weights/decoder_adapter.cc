#include "weights/decoder_adapter.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "weights/decoder_folder.h"
#include "weights/folder_listing.h"
#include "weights/fresh_folder.h"

namespace gantry {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// "model.layers.3.self_attn.q_proj" -> "q_proj".
std::string last_part(const std::string& module) { return module.substr(module.rfind('.') + 1); }

// peft matches a target by the end of a module's path: the short name where every layer has it,
// else the whole.
std::set<std::string> target_modules(const PeftAdapter& adapter) {
  std::map<std::string, std::set<std::string>> by_kind;
  std::set<std::string> layers;
  for (const LoraModule& m : adapter.modules) {
    const size_t from = m.module.find("layers.");
    const std::string layer = m.module.substr(from, m.module.find('.', from + 7) - from);
    by_kind[last_part(m.module)].insert(layer);
    layers.insert(layer);
  }
  std::set<std::string> targets;
  for (const LoraModule& m : adapter.modules) {
    const std::string kind = last_part(m.module);
    targets.insert(by_kind[kind].size() == layers.size() ? kind : m.module);
  }
  return targets;
}

json adapter_config(const DecoderAdapter& adapter) {
  const PeftAdapter& lora = adapter.lora;
  json config = {{"peft_type", "LORA"},
                 {"task_type", "CAUSAL_LM"},
                 {"r", lora.rank},
                 {"lora_alpha", lora.alpha},
                 {"lora_dropout", lora.dropout},
                 {"use_rslora", lora.rslora},
                 {"bias", "none"},
                 {"fan_in_fan_out", false},
                 {"inference_mode", true},
                 {"init_lora_weights", true},
                 {"target_modules", target_modules(lora)},
                 {"rank_pattern", json::object()},
                 {"alpha_pattern", json::object()},
                 {"modules_to_save", nullptr},
                 {"base_model_name_or_path", nullptr}};
  for (const LoraModule& m : lora.modules)
    if (m.rank != lora.rank) config["rank_pattern"][m.module] = m.rank;
  if (!lora.base_model.empty()) config["base_model_name_or_path"] = lora.base_model;
  return config;
}

json about_json(const DecoderAdapterAbout& about) {
  json j = json::parse(about.extra_json);
  j["kind"] = "decoder adapter";
  j["base"] = {{"name", about.base_name}, {"weights_hash", about.base_hash}};
  j["tokenizer_hash"] = about.tokenizer_hash;
  j["chat_template"] = about.chat_template;
  return j;
}

DecoderAdapterAbout read_adapter_about(const fs::path& file) {
  DecoderAdapterAbout about;
  if (!is_there(file)) return about;
  const json j = json::parse(read_file(file), nullptr, false);
  try {
    if (!j.is_object()) throw Error("E0415", "");
    if (j.contains("base")) {
      about.base_name = j["base"].value("name", "");
      about.base_hash = j["base"].value("weights_hash", "");
    }
    about.tokenizer_hash = j.value("tokenizer_hash", "");
    about.chat_template = j.value("chat_template", "");
    about.extra_json = j.dump();
  } catch (const std::exception&) {
    throw Error("E0415", file.string() + ": damaged", "Copy the adapter's folder again.");
  }
  return about;
}

}  // namespace

DecoderAdapter read_decoder_adapter(const fs::path& folder) {
  DecoderAdapter adapter{read_peft_adapter(folder), read_adapter_about(folder / "gantry.json")};
  for (LoraModule& m : adapter.lora.modules)
    if (m.module.starts_with("layers.")) m.module = "model." + m.module;
  if (!adapter.lora.head.empty())
    throw Error("E0432",
                folder.string() + ": holds " + adapter.lora.head[0].name +
                    ", which is not of a LoRA adapter of a causal model",
                "Save the adapter without modules_to_save.");
  return adapter;
}

void check_decoder_adapter(const DecoderAdapter& adapter, const DecoderConfig& base,
                           const std::string& base_hash, const std::string& label) {
  const std::string remedy =
      "Use the base model that the adapter was trained on" +
      (adapter.about.base_name.empty() ? std::string(".") : ": " + adapter.about.base_name + ".");
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const DecoderTensorShape& t : decoder_tensors(base)) shapes[t.name] = t.shape;
  for (const LoraModule& m : adapter.lora.modules) {
    const auto found = shapes.find(m.module + ".weight");
    if (found == shapes.end() || found->second.size() != 2 ||
        !m.module.starts_with("model.layers."))
      throw Error("E0433", label + ": the base has no linear layer " + m.module, remedy);
    const std::vector<int64_t> made_for = {m.out, m.in};
    if (found->second != made_for)
      throw Error("E0433",
                  label + ": " + m.module + " is made for " + shape_text(made_for) +
                      ", the base has " + shape_text(found->second),
                  remedy);
  }
  if (!adapter.about.base_hash.empty() && !base_hash.empty() &&
      adapter.about.base_hash != base_hash)
    throw Error("E0434",
                label + ": trained on other weights (" + adapter.about.base_hash.substr(0, 12) +
                    "..., given " + base_hash.substr(0, 12) + "...)",
                remedy);
}

void check_decoder_adapter(const DecoderAdapter& adapter, const DecoderFolder& base,
                           const std::string& label) {
  check_decoder_adapter(adapter, base.config(), {}, label);  // before a large file is read
  if (!adapter.about.base_hash.empty())
    check_decoder_adapter(adapter, base.config(), base.weights_hash(), label);
}

void write_decoder_adapter(const fs::path& folder, const DecoderAdapter& adapter) {
  std::vector<NamedTensor> tensors;
  for (const LoraModule& m : adapter.lora.modules) {
    const std::string name = "base_model.model." + m.module;
    tensors.push_back({name + ".lora_A.weight", {m.rank, m.in}, m.a});
    tensors.push_back({name + ".lora_B.weight", {m.out, m.rank}, m.b});
  }
  FreshFolder fresh(folder);
  write_safetensors(fresh.path() / "adapter_model.safetensors", tensors, StoredType::f32,
                    {{"format", "pt"}});
  write_file_atomically(fresh.path() / "adapter_config.json",
                        adapter_config(adapter).dump(2) + "\n");
  write_file_atomically(fresh.path() / "gantry.json", about_json(adapter.about).dump(2) + "\n");
  fresh.commit();
}

}  // namespace gantry
