// Speed of the encoder on token-id files: fine-tuning and inference, as useful tokens a second and
// as a share of the matrix ceiling.
//
//   encoder_bench train MODEL train.ids [steps=20] [batch=16] [precision=auto] [freeze=0]
//   encoder_bench infer MODEL all.ids [precision=auto] [single=100]
// train also: [curve=FILE].
// curve: follows the product's schedule (rate 1e-4, 10 % warm-up, linear decay) from the first step
// and writes a line for each: its loss, a tab, and the line numbers of its reports, so that a peer
// can take the same steps. single: reports answered one at a time besides.
// Both: [threads=N] [clock=cpu]; train: [pass=N] tokens a pass
//
// MODEL is a model folder, or "bert-base": 12 layers of 768 with random weights and 32,000 tokens.
// A line of an .ids file is a label and the token ids of a report, special tokens included.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "base/error.h"
#include "base/random.h"
#include "base/threads.h"
#include "infer/classifier.h"
#include "models/encoder.h"
#include "ops/peak.h"
#include "train/order.h"
#include "train/schedule.h"
#include "train/trainer.h"
#include "weights/model_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
// Wall time, or with clock=cpu the processor time of all threads over their number: what the work
// would take on a machine that nobody else uses (OMP_WAIT_POLICY=passive, or waiting counts too).
bool cpu_clock = false;

double now() {
  timespec t{};
  clock_gettime(cpu_clock ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  const double s = static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  return cpu_clock ? s / thread_count() : s;
}

std::vector<Example> read_ids(const std::string& path, int64_t vocabulary) {
  std::ifstream in(path);
  std::vector<Example> out;
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    Example e{.key = out.size()};
    words >> e.label;
    e.windows.emplace_back();
    for (int64_t id; words >> id;) e.windows[0].push_back(static_cast<int32_t>(id % vocabulary));
    out.push_back(e);
  }
  return out;
}

// A classifier of BERT-base's shape with random weights, in a folder of its own.
fs::path random_bert_base() {
  const fs::path folder = fs::temp_directory_path() / "gantry-bench-bert-base";
  if (fs::exists(folder / "model.safetensors")) return folder;
  fs::create_directories(folder);
  const char* config =
      R"({"model_type": "bert", "hidden_size": 768, "num_hidden_layers": 12,
          "num_attention_heads": 12, "intermediate_size": 3072, "vocab_size": 32000,
          "max_position_embeddings": 512, "type_vocab_size": 2, "pad_token_id": 0})";
  std::ofstream(folder / "config.json") << config;
  std::vector<StoredTensor> tensors = encoder_tensors(parse_encoder_config(config, "bench"));
  tensors.push_back({"classifier.weight", StoredType::f32, {3, 768}});
  tensors.push_back({"classifier.bias", StoredType::f32, {3}});
  SafetensorsWriter out(folder / "model.safetensors", tensors);
  Random random(1);
  for (const StoredTensor& t : tensors) {
    std::vector<float> values(static_cast<size_t>(t.elements()));
    const bool norm = t.name.ends_with("LayerNorm.weight");
    for (float& v : values) v = norm ? 1.0f : static_cast<float>(0.02 * random.normal());
    out.append(values);
  }
  out.commit();
  return folder;
}

using Options = std::map<std::string, std::string>;

int number(const Options& options, const std::string& name, int otherwise) {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : std::atoi(found->second.c_str());
}

void train(const ModelFolder& model, const std::vector<Example>& examples, const Options& options) {
  FineTuneSettings s;
  s.classes = 3;
  s.batch_reports = number(options, "batch", 16);
  s.freeze_embeddings = number(options, "freeze", 0) != 0;
  s.lora.rank = number(options, "lora", 0);
  const bool bf16 = !options.contains("precision") || options.at("precision") != "fp32";
  const CompactVocabulary vocabulary =
      CompactVocabulary::of(examples, {}, model.config().vocab_size);
  TrainingShape shape = training_shape(examples, {}, s.batch_reports);
  shape.pass_tokens = number(options, "pass", static_cast<int>(shape.pass_tokens));
  Trainer trainer(model, s, vocabulary, shape, bf16, 0);
  trainer.start(1);
  std::printf("%s", trainer.memory_table().c_str());
  const double peak = matrix_peak(bf16);
  const std::vector<size_t> order = epoch_order(examples, 1, 0, s.batch_reports, false);
  const bool with_curve = options.contains("curve");
  std::ofstream curve(with_curve ? options.at("curve") : std::string("/dev/null"));
  const int steps = number(options, "steps", 20), warmup = with_curve ? 0 : 3;
  int64_t tokens = 0;
  double seconds = 0, loss = 0;
  for (int i = 0; i < steps + warmup; ++i) {
    std::vector<const Example*> batch;
    std::string lines;
    for (int k = 0; k < s.batch_reports; ++k) {
      const size_t line = order[static_cast<size_t>(i * s.batch_reports + k) % order.size()];
      batch.push_back(&examples[line]);
      lines += (k ? "," : "") + std::to_string(line);
    }
    const double factor =
        with_curve ? rate_factor("linear", i + 1, std::max(1, steps / 10), steps + 1) : 0.5;
    const double begin = now();
    const StepOutcome outcome = trainer.step(batch, factor, static_cast<uint64_t>(i));
    if (i < warmup) continue;
    curve << outcome.loss << "\t[" << lines << "]\n";
    seconds += now() - begin;
    tokens += outcome.tokens;
    loss += outcome.loss / steps;
  }
  const double rate = static_cast<double>(tokens) / seconds;
  std::printf("train: %.0f useful tokens/s, %.1f %% of the ceiling (%.0f GFLOP/s), loss %.4f\n",
              rate, 100 * rate * trainer.flops_per_token() / peak, peak / 1e9, loss);
}

void infer(const fs::path& folder, const std::vector<Example>& examples, const Options& options) {
  const double begin = now();
  const Precision precision =
      precision_from(options.contains("precision") ? options.at("precision") : "auto");
  Classifier classifier = Classifier::open(folder, precision);
  const double load = now() - begin;
  const double start = now();
  const std::vector<float> logits = classifier.logits(examples);
  const double seconds = now() - start;
  int64_t tokens = 0;
  for (const Example& e : examples) tokens += static_cast<int64_t>(e.tokens());
  const EncoderConfig config = ModelFolder::open(folder).config();
  const double flops = encoder_flops(config, {}, false).forward * static_cast<double>(tokens);
  const double peak = matrix_peak(classifier.info().precision != Precision::fp32);
  std::printf(
      "infer %s: load %.2f s, %.2f s for %zu reports (%.1f reports/s, %.0f tokens/s), %.1f %% of "
      "the %s ceiling\n",
      name_of(classifier.info().precision), load, seconds, examples.size(),
      static_cast<double>(examples.size()) / seconds, static_cast<double>(tokens) / seconds,
      100 * flops / seconds / peak,
      classifier.info().precision == Precision::fp32 ? "fp32" : "bf16");
  if (const int single = number(options, "single", 0)) {
    const size_t stride = std::max<size_t>(1, examples.size() / static_cast<size_t>(single));
    const double first = now();
    size_t answered = 0;
    for (size_t i = 0; i < examples.size(); i += stride, ++answered)
      classifier.logits(std::span(examples).subspan(i, 1));
    std::printf("  one at a time: %.1f reports/s (%zu reports)\n",
                static_cast<double>(answered) / (now() - first), answered);
  }
}

int run(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "encoder_bench train|infer MODEL FILE.ids [name=value ...]\n");
    return 2;
  }
  Options options;
  for (int i = 4; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    options[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  if (const int threads = number(options, "threads", 0)) set_thread_count(threads);
  cpu_clock = options.contains("clock") && options["clock"] == "cpu";
  const std::string named = argv[2];
  const fs::path folder = named == "bert-base" ? random_bert_base() : fs::path(named);
  const ModelFolder model = ModelFolder::open(folder);
  const std::vector<Example> examples = read_ids(argv[3], model.config().vocab_size);
  if (std::string(argv[1]) == "train")
    train(model, examples, options);
  else
    infer(folder, examples, options);
  return 0;
}

}  // namespace
}  // namespace gantry

int main(int argc, char** argv) {
  try {
    return gantry::run(argc, argv);
  } catch (const gantry::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
