#include "weights/peft.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "weights/folder_listing.h"
#include "weights/fresh_folder.h"
#include "weights/model_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight";

const char* const kReadsAdapters =
    "Gantry computes plain LoRA on linear layers (with or without rslora), without biases.";

[[noreturn]] void refuse_config(const fs::path& file, const std::string& what,
                                const char* remedy = kReadsAdapters) {
  throw Error("E0431", file.string() + ": " + what, remedy);
}

[[noreturn]] void refuse_tensors(const fs::path& file, const std::string& what) {
  throw Error("E0432", file.string() + ": " + what,
              "Check that the adapter was trained on an encoder and copied whole.");
}

double number_in(const json& config, const char* key, double low, const fs::path& file) {
  const auto found = config.find(key);
  if (found == config.end() || !found->is_number() || !(found->get<double>() >= low)) {
    refuse_config(file, std::string(key) + " is missing or not a number of at least " +
                            std::to_string(static_cast<int>(low)));
  }
  return found->get<double>();
}

// Set to something that changes what is computed, in a way that Gantry does not follow.
bool asks_for(const json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return false;
  if (found->is_boolean()) return found->get<bool>();
  if (found->is_string()) return *found != "none" && *found != "";
  return !found->empty();
}

PeftAdapter read_settings(const fs::path& file) {
  json config;
  try {
    config = json::parse(read_file(file));
  } catch (const json::exception&) {
    refuse_config(file, "not valid JSON", "Copy the adapter again.");
  }
  if (!config.is_object()) refuse_config(file, "not a JSON object", "Copy the adapter again.");
  if (const auto type = config.find("peft_type"); type == config.end() || *type != "LORA") {
    refuse_config(file, "peft_type is not LORA");
  }
  for (const char* key : {"use_dora", "bias", "lora_bias", "fan_in_fan_out", "alpha_pattern",
                          "layer_replication", "target_parameters", "use_qalora", "use_bdlora",
                          "trainable_token_indices", "alora_invocation_tokens"}) {
    if (asks_for(config, key)) refuse_config(file, std::string(key) + " is set");
  }
  PeftAdapter adapter;
  const double rank = number_in(config, "r", 1, file);
  if (rank != std::floor(rank) || rank > 65536) refuse_config(file, "r is not a rank");
  adapter.rank = static_cast<int64_t>(rank);
  adapter.alpha = number_in(config, "lora_alpha", 0, file);
  if (config.contains("lora_dropout")) adapter.dropout = number_in(config, "lora_dropout", 0, file);
  if (adapter.dropout >= 1) refuse_config(file, "lora_dropout is not below 1");
  adapter.rslora = asks_for(config, "use_rslora");
  if (const auto base = config.find("base_model_name_or_path");
      base != config.end() && base->is_string()) {
    adapter.base_model = base->get<std::string>();
  }
  return adapter;
}

bool is_head_tensor(std::string_view canonical) {
  return canonical.starts_with("classifier.") || canonical.starts_with("pooler.");
}

// What stands for `module` in the file: "base_model.model.bert.encoder.layer.0..."
std::string wrapped_prefix(const PeftAdapter& adapter, const EncoderConfig& config) {
  if (adapter.head.empty()) return std::string(kPrefix);
  return std::string(kPrefix) + (config.is_roberta() ? "roberta." : "bert.");
}

json adapter_config(const PeftAdapter& adapter) {
  // peft matches a target by the end of the module's path: whole canonical names are unambiguous
  // where "dense" alone would also take in the pooler and other layers.
  std::set<std::string> targets;
  for (const LoraModule& module : adapter.modules) targets.insert(module.module);
  json rank_pattern = json::object();
  for (const LoraModule& module : adapter.modules) {
    if (module.rank != adapter.rank) rank_pattern[module.module] = module.rank;
  }
  std::set<std::string> saved;
  for (const NamedTensor& tensor : adapter.head) {
    saved.insert(tensor.name.substr(0, tensor.name.find('.')));
  }
  json config = {{"peft_type", "LORA"},
                 {"r", adapter.rank},
                 {"lora_alpha", adapter.alpha},
                 {"lora_dropout", adapter.dropout},
                 {"use_rslora", adapter.rslora},
                 {"bias", "none"},
                 {"fan_in_fan_out", false},
                 {"inference_mode", true},
                 {"init_lora_weights", true},
                 {"target_modules", targets},
                 {"rank_pattern", rank_pattern},
                 {"alpha_pattern", json::object()},
                 {"task_type", nullptr},
                 {"modules_to_save", nullptr},
                 {"base_model_name_or_path", nullptr}};
  if (!saved.empty()) {
    config["task_type"] = "SEQ_CLS";
    config["modules_to_save"] = saved;
  }
  if (!adapter.base_model.empty()) config["base_model_name_or_path"] = adapter.base_model;
  return config;
}

}  // namespace

double PeftAdapter::scale_of(const LoraModule& module) const {
  const auto rank = static_cast<double>(module.rank);
  return alpha / (rslora ? std::sqrt(rank) : rank);
}

PeftAdapter read_peft_adapter(const fs::path& folder) {
  const fs::path settings = folder / "adapter_config.json";
  const fs::path file = folder / "adapter_model.safetensors";
  if (!is_there(settings)) {
    throw Error("E0413", folder.string() + ": no adapter_config.json",
                "Give a PEFT adapter folder.");
  }
  if (!is_there(file)) {
    throw Error("E0413", folder.string() + ": no adapter_model.safetensors",
                "Pickle files (adapter_model.bin) are not read: save the adapter again with "
                "safe_serialization=True.");
  }
  PeftAdapter adapter = read_settings(settings);
  const Safetensors weights = Safetensors::open(file);
  std::map<std::string, LoraModule> modules;
  for (const StoredTensor& tensor : weights.tensors()) {
    std::string_view name = tensor.name;
    if (!name.starts_with(kPrefix)) refuse_tensors(file, tensor.name + " is not of an adapter");
    name.remove_prefix(kPrefix.size());
    const bool is_a = name.ends_with(kA);
    if (!is_a && !name.ends_with(kB)) {
      const std::string canonical = canonical_tensor_name(name);
      if (!is_head_tensor(canonical))
        refuse_tensors(file, tensor.name + " is not of a LoRA adapter");
      adapter.head.push_back({canonical, tensor.shape, weights.read_f32(tensor.name)});
      continue;
    }
    name.remove_suffix(kA.size());
    if (tensor.shape.size() != 2) refuse_tensors(file, tensor.name + " is not a matrix");
    LoraModule& module = modules[canonical_tensor_name(name)];
    (is_a ? module.in : module.out) = tensor.shape[is_a ? 1 : 0];
    const int64_t rank = tensor.shape[is_a ? 0 : 1];
    if (rank < 1 || (module.rank != 0 && module.rank != rank)) {
      refuse_tensors(file, tensor.name + " has rank " + std::to_string(rank) + ", its partner " +
                               std::to_string(module.rank));
    }
    module.rank = rank;
    (is_a ? module.a : module.b) = weights.read_f32(tensor.name);
  }
  for (auto& [name, module] : modules) {
    if (module.a.empty() || module.b.empty())
      refuse_tensors(file, name + " lacks lora_A or lora_B");
    module.module = name;
    adapter.modules.push_back(std::move(module));
  }
  if (adapter.modules.empty()) refuse_tensors(file, "no LoRA matrices");
  return adapter;
}

void check_adapter_fits(const PeftAdapter& adapter, const EncoderConfig& config,
                        const std::string& label) {
  const auto refuse = [&](const std::string& what) {
    throw Error("E0433", label + ": " + what,
                "Use the base model that the adapter was trained on" +
                    (adapter.base_model.empty() ? "." : ": " + adapter.base_model + "."));
  };
  std::map<std::string, std::vector<int64_t>> shapes;
  for (StoredTensor& tensor : encoder_tensors(config)) shapes[tensor.name] = tensor.shape;
  for (const LoraModule& module : adapter.modules) {
    const auto found = shapes.find(module.module + ".weight");
    if (found == shapes.end() || found->second.size() != 2) {
      refuse("the base has no linear layer " + module.module);
    }
    if (found->second != std::vector<int64_t>{module.out, module.in}) {
      refuse(module.module + " is made for " + shape_text(std::vector{module.out, module.in}) +
             ", the base has " + shape_text(found->second));
    }
  }
  for (const NamedTensor& tensor : adapter.head) {
    const int64_t width = tensor.shape.empty() ? 0 : tensor.shape.back();
    if (tensor.name.ends_with(".weight") && width != config.hidden_size) {
      refuse(tensor.name + " is " + shape_text(tensor.shape) + ", the base is " +
             std::to_string(config.hidden_size) + " wide");
    }
  }
}

void write_peft_adapter(const fs::path& folder, const PeftAdapter& adapter,
                        const EncoderConfig& config) {
  const std::string prefix = wrapped_prefix(adapter, config);
  std::vector<NamedTensor> tensors;
  for (const LoraModule& m : adapter.modules) {
    tensors.push_back({prefix + m.module + std::string(kA), {m.rank, m.in}, m.a});
    tensors.push_back({prefix + m.module + std::string(kB), {m.out, m.rank}, m.b});
  }
  for (const NamedTensor& tensor : adapter.head) {
    // transformers keeps the pooler inside the encoder and the classifier beside it.
    const bool inside = tensor.name.starts_with("pooler.");
    tensors.push_back(
        {(inside ? prefix : std::string(kPrefix)) + tensor.name, tensor.shape, tensor.values});
  }
  FreshFolder fresh(folder);
  write_safetensors(fresh.path() / "adapter_model.safetensors", tensors);
  write_file_atomically(fresh.path() / "adapter_config.json",
                        adapter_config(adapter).dump(2) + "\n");
  fresh.commit();
}

}  // namespace gantry
