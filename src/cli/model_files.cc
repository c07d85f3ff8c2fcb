// gantry model merge; gantry model export --gguf | --hf: tuned causal models taken out.
#include <memory>

#include "base/error.h"
#include "base/strings.h"
#include "cli/face.h"
#include "cli/model_verbs.h"
#include "study/data_folder.h"
#include "weights/decoder_export.h"
#include "weights/shelf.h"
#include "workflow/model_merge.h"

namespace gantry::cli {

namespace {

namespace fs = std::filesystem;

fs::path model_path(const std::string& name) {
  std::error_code ignored;
  if (fs::exists(name, ignored)) return name;
  const Shelf shelf(default_shelf_folder(), read_known_models(data_file("tasks/base-models.toml")));
  return shelf.find(name);
}

StoredType stored_type(const std::string& name) {
  if (name == "f32") return StoredType::f32;
  return name == "f16" ? StoredType::f16 : StoredType::bf16;
}

BlockType block_type(const std::string& name) {
  if (name == "f32") return BlockType::f32;
  if (name == "f16") return BlockType::f16;
  if (name == "bf16") return BlockType::bf16;
  return name == "q4_0" ? BlockType::q4_0 : BlockType::q8_0;
}

}  // namespace

void add_merge(CLI::App& model, Face& face) {
  struct Words {
    std::string base, adapter, out, type = "bf16", texts;
  };
  auto words = std::make_shared<Words>();
  auto* verb = model.add_subcommand(
      "merge", "A base model and its tuned adapter as one Hugging Face folder, checked");
  verb->add_option("base", words->base, "A model on the shelf, a folder, or a GGUF file")
      ->required();
  verb->add_option("adapter", words->adapter, "A PEFT folder")->required();
  verb->add_option("out", words->out, "A new folder")->required();
  verb->add_option("--type", words->type, "How its weights are stored")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}))
      ->capture_default_str();
  verb->add_option("--texts", words->texts,
                   "Compare on these texts (a line each, or JSONL) instead of the study's own");
  verb->footer("Example: gantry model merge smollm2-135m-instruct s/runs/run-1/adapter tuned");
  verb->callback([&face, words] {
    const std::vector<std::string> texts =
        words->texts.empty() ? texts_for_comparison(face.study) : texts_of_file(words->texts);
    const MergeReport report = merge_adapter(model_path(words->base), words->adapter, words->out,
                                             stored_type(words->type), texts, face.progress());
    const MergeCheck& c = report.check;
    face.say("merged and unmerged compared on " + with_commas(c.tokens) + " tokens of " +
             with_commas(c.texts) + " texts in " + c.precision +
             ": largest difference of a token's log-probability " + format_double(c.largest, 6) +
             ", mean " + format_double(c.mean, 6) + ", same likeliest token at " +
             format_double(100 * c.same_next, 2) + " %");
    face.result({{"folder", words->out},
                 {"weights_hash", report.weights_hash},
                 {"texts", c.texts},
                 {"tokens", c.tokens},
                 {"largest_difference", c.largest},
                 {"mean_difference", c.mean},
                 {"same_likeliest_token", c.same_next},
                 {"compared_in", c.precision}},
                "");
  });
}

void export_decoder(const ExportWords& words, Face& face) {
  if (words.model.empty())
    throw Error(
        "E0911", "model export --gguf or --hf without --model",
        "Say which: gantry model export tuned.gguf --gguf q8_0 --model NAME [--adapter DIR].");
  const DecoderFolder base = DecoderFolder::open(model_path(words.model));
  base.check();
  std::unique_ptr<DecoderAdapter> adapter;
  if (!words.adapter.empty())
    adapter = std::make_unique<DecoderAdapter>(read_decoder_adapter(words.adapter));
  const MergedDecoder model(base, adapter.get());
  const std::string name = base.name() + (adapter ? "-tuned" : "");
  nlohmann::json result = {{"out", words.out}, {"type", words.gguf + words.hf}};
  if (!words.hf.empty()) {
    result["weights_hash"] =
        write_decoder_folder(model, stored_type(words.hf), words.out, name, face.progress());
    face.result(result, "");
    return;
  }
  const GgufExport written =
      write_decoder_gguf(model, block_type(words.gguf), words.out, name, face.progress());
  face.say(words.out + ": " + format_bytes(static_cast<double>(written.bytes)) +
           (written.as_f16 > 0 ? ", " + std::to_string(written.as_f16) +
                                     " matrices as f16, whose rows do not fit its blocks"
                               : ""));
  if (!written.remark.empty()) face.say(written.remark);
  result["bytes"] = written.bytes;
  result["matrices_as_f16"] = written.as_f16;
  result["remark"] = written.remark;
  face.result(result, "");
}

}  // namespace gantry::cli
