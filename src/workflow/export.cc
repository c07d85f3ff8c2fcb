#include "workflow/export.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "study/study.h"
#include "weights/model_folder.h"
#include "workflow/study_answerer.h"
#include "workflow/train.h"

namespace gantry {
namespace {

// How to get Gantry's logits out of a folder with a pooling that no transformers class has: the
// mean of all tokens, or the first token without the architecture's own pooler.
std::string pooling_readme(const std::string& prefix, bool mean) {
  return "# A classifier tuned by Gantry\n\nPooled tokens and one linear "
         "layer:\n\n"
         "```python\n"
         "import torch\nfrom safetensors.torch import load_file\nfrom transformers import "
         "AutoModel, AutoTokenizer\n"
         "folder = \".\"\n"
         "model, tokenizer = AutoModel.from_pretrained(folder, dtype=torch.float32).eval(), "
         "AutoTokenizer.from_pretrained(folder)\n"
         "head = load_file(f\"{folder}/model.safetensors\")\n"
         "x = tokenizer([" +
         nlohmann::json(prefix).dump() +
         " + text for text in texts], return_tensors=\"pt\", padding=True)\n"
         "h, m = model(**x).last_hidden_state, x[\"attention_mask\"][..., None]\n"
         "pooled = " +
         std::string(mean ? "(h * m).sum(1) / m.sum(1)" : "h[:, 0]") +
         "\n"
         "logits = pooled @ head[\"classifier.weight\"].T + "
         "head[\"classifier.bias\"]\n"
         "```\n\nTexts longer than the model are read by Gantry in windows whose logits are "
         "pooled; do the same.\n";
}

// Of a run whose answers come from several parts.
std::string what_answers(const std::filesystem::path& model) {
  std::string parts;
  for (const auto& entry : std::filesystem::directory_iterator(model))
    if (entry.is_directory())
      parts += (parts.empty() ? "" : ", ") + entry.path().filename().string();
  return parts.empty() ? "rankers alone" : parts + " with rankers beside";
}

// An adapter is merged with its base; an encoder's folder is a Hugging Face folder already.
std::string export_advice(const std::filesystem::path& model) {
  const std::string base =
      nlohmann::json::parse(read_file(model / "answers.json")).value("base", "BASE");
  std::string advice = "There is no model in it to export: only Gantry serves rankers.";
  for (const auto& entry : std::filesystem::directory_iterator(model)) {
    if (!entry.is_directory()) continue;
    if (!std::filesystem::exists(entry.path() / "adapter_config.json"))
      return "Each encoder's folder in " + model.string() + " is a Hugging Face folder: copy it.";
    advice = "A tuned causal model is base and adapter: `gantry model merge " + base + " " +
             entry.path().string() + " NEW-FOLDER`, or `gantry model export NEW.gguf --gguf q8_0 " +
             "--model " + base + " --adapter " + entry.path().string() + "`.";
  }
  return advice;
}

}  // namespace

ExportReport export_classifier(const std::filesystem::path& study_folder,
                               const std::string& run_name, const std::filesystem::path& out,
                               const ProgressSink& progress) {
  Study study = Study::open(study_folder.empty() ? "." : study_folder);
  auto run = find_run(study, run_name);
  if (std::filesystem::exists(out))
    throw Error("E0751", out.string() + ": it exists", "Name a folder that does not exist yet.");
  if (is_study_answerer(run / "model"))
    throw Error("E0752",
                run.string() + ": no single classifier, but " + what_answers(run / "model"),
                export_advice(run / "model"));
  auto predictor = nlohmann::json::parse(read_file(run / "model" / "predictor.json"));
  auto members = predictor.at("members").get<std::vector<std::string>>();
  ExportReport report;
  for (size_t m = 0; m < members.size(); ++m) {
    tell(progress, Progress{.phase = "exporting",
                            .done = static_cast<double>(m),
                            .total = static_cast<double>(members.size()),
                            .unit = "encoders"});
    auto to = members.size() == 1 ? out : out / members[m];
    if (members.size() > 1) make_private_folder(out);
    copy_model_folder(run / "model" / members[m], to);
    auto config = nlohmann::json::parse(read_file(to / "config.json"));
    auto about = nlohmann::json::parse(read_file(to / "gantry.json"));
    const auto architectures = config.value("architectures", std::vector<std::string>{});
    const bool sequence =
        !architectures.empty() && architectures[0].ends_with("ForSequenceClassification");
    if (sequence) {
      report.opens_as = architectures[0];
    } else {
      report.opens_as = "AutoModel, with the ten lines of its README.md";
      write_file_atomically(
          to / "README.md",
          pooling_readme(about.value("prefix", ""), about.value("pooling", "mean") == "mean"));
    }
  }
  if (members.size() > 1)
    report.notes.push_back(
        "The study's answer is the mean of the logits of " + std::to_string(members.size()) +
        " encoders, each row centred: " + members.front() + " to " + members.back() + ".");
  if (predictor.at("ngram_weight").get<double>() > 0)
    report.notes.push_back("The TF-IDF member (weight " + predictor.at("ngram_weight").dump() +
                           ") is not in the export: only Gantry serves it.");
  report.notes.push_back("Probabilities: softmax(logits / " + predictor.at("temperature").dump() +
                         ").");
  report.notes.push_back(
      "ONNX is not written: Debian's onnx library holds the format, but no kept C++ library there "
      "turns a model into "
      "it; from the exported folder `optimum-cli export onnx` does.");
  return report;
}

}  // namespace gantry
