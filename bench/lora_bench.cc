// Speed of LoRA training on token-id files: useful tokens a second, share of the matrix ceiling,
// peak memory.
//
//   lora_bench MODEL pairs.ids [steps=20] [batch=8] [base=bf16] [rank=16] [alpha=32] [dropout=0.05]
//              [pass=2048] [recompute=0] [curve=FILE] [save=DIR] [threads=N] [clock=cpu]
//
// MODEL is a folder or GGUF file, or "llama-2-7b" or "mistral-7b": their shapes with random
// weights. A line of an .ids file is a case's number, the prompt's ids, a bar, and the answer's
// ids. curve: the product's schedule (5 % warm-up, linear decay) over `steps` from the first step,
// and a line for each: its loss, a tab, and the line numbers of its pairs, so that a peer can take
// the same steps.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"
#include "base/threads.h"
#include "ops/peak.h"
#include "train/pair_trainer.h"
#include "train/process_memory.h"
#include "train/schedule.h"
#include "weights/decoder_adapter.h"
#include "weights/decoder_folder.h"

namespace gantry {
namespace {

using Options = std::map<std::string, std::string>;

double number(const Options& options, const char* name, double otherwise) {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : std::atof(found->second.c_str());
}

// Wall time, or processor time of all threads over their number (see encoder_bench.cc).
double now(bool cpu) {
  timespec t{};
  clock_gettime(cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  const double s = static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  return cpu ? s / thread_count() : s;
}

std::vector<Pair> read_pairs(const std::string& path, int64_t vocabulary) {
  std::ifstream in(path);
  std::vector<Pair> pairs;
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    Pair pair{.id = "line " + std::to_string(pairs.size() + 1)};
    words >> pair.key;
    bool answer = false;
    for (std::string word; words >> word;) {
      if (word == "|")
        answer = true;
      else
        (answer ? pair.answer : pair.prompt.ids)
            .push_back(static_cast<int32_t>(std::atoll(word.c_str()) % vocabulary));
    }
    pairs.push_back(std::move(pair));
  }
  if (pairs.empty()) throw Error("E0101", path + ": no pairs", "Give an .ids file.");
  return pairs;
}

DecoderConfig seven_billion(bool mistral) {
  DecoderConfig c;
  c.family = mistral ? DecoderFamily::mistral : DecoderFamily::llama;
  c.hidden = 4096;
  c.layers = 32;
  c.heads = 32;
  c.kv_heads = mistral ? 8 : 32;
  c.head_size = 128;
  c.mlp = mistral ? 14336 : 11008;
  c.vocabulary = 32000;
  c.context = 4096;
  c.window = mistral ? 4096 : 0;
  c.norm_eps = 1e-5;
  c.eos_ids = {2};
  return c;
}

// N(0, 0.02)-like by sums of uniforms, cheap enough for 7 billion of them.
void random_weights(const std::string& name, int64_t begin, int64_t end, std::span<float> out) {
  const auto cols = static_cast<int64_t>(out.size()) / (end - begin);
  const bool norm = name.ends_with("norm.weight");
  const uint64_t key = mix64(stream_of(name), static_cast<uint64_t>(begin));
  parallel_for(static_cast<int64_t>(out.size()), 1 << 14, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      const uint64_t r = mix64(key + static_cast<uint64_t>(i));
      const auto sum = static_cast<float>(r & 0xffff) + static_cast<float>(r >> 16 & 0xffff) +
                       static_cast<float>(r >> 32 & 0xffff) + static_cast<float>(r >> 48);
      out[static_cast<size_t>(i)] = norm ? 1.0f : (sum / 65535.0f - 2) * 0.035f;
    }
  });
  GANTRY_CHECK(cols > 0);
}

struct Totals {
  double tokens = 0, computed = 0, flops = 0, seconds = 0;
};

void print_step(int64_t step, const PairOutcome& o, double seconds, double peak) {
  std::printf(
      "step %lld: loss %.4f, gradient %.3f, %lld tokens (%lld computed), %.0f useful tok/s, "
      "%.1f %% of ceiling\n",
      static_cast<long long>(step + 1), o.loss, o.gradient_norm, static_cast<long long>(o.tokens),
      static_cast<long long>(o.computed), static_cast<double>(o.tokens) / seconds,
      100 * o.flops / seconds / peak);
  std::fflush(stdout);
}

void run(const std::string& model, const std::string& ids, const Options& options) {
  const bool random = model == "llama-2-7b" || model == "mistral-7b";
  std::optional<DecoderFolder> base;
  if (!random) base.emplace(DecoderFolder::open(model));
  const DecoderConfig config = random ? seven_billion(model == "mistral-7b") : base->config();
  const auto at = [&](const char* name, double otherwise) {
    return number(options, name, otherwise);
  };
  PairTuneSettings settings{.batch_pairs = static_cast<int>(at("batch", 8)),
                            .pass_tokens = static_cast<int64_t>(at("pass", 2048)),
                            .learning_rate = at("rate", 2e-4),
                            .rank = static_cast<int64_t>(at("rank", 16)),
                            .alpha = at("alpha", 32),
                            .dropout = at("dropout", 0.05),
                            .recompute = at("recompute", 0) != 0};
  if (const auto form = options.find("base"); form != options.end())
    settings.base_weights = form->second;
  const std::vector<Pair> pairs = read_pairs(ids, config.vocabulary);
  const PairPlan plan(pairs);
  const PairCapacity capacity =
      pair_capacity(plan, PairPlan({}), pairs, {}, settings, config.context);
  const DecoderWeights weights = random ? DecoderWeights(random_weights) : folder_weights(*base);
  PairTrainer trainer(config, weights, settings, capacity, available_memory(), {});
  std::printf("%s\n", trainer.memory_table().c_str());
  const double peak = matrix_peak(settings.base_weights != "fp32");
  const auto steps = static_cast<int64_t>(at("steps", 20));
  const bool cpu = options.contains("clock") && options.at("clock") == "cpu";
  const auto curve_path = options.find("curve");
  std::ofstream curve;
  if (curve_path != options.end()) curve.open(curve_path->second);
  const auto warmup = std::llround(0.05 * static_cast<double>(steps));
  Totals totals;
  std::vector<std::vector<size_t>> order;
  for (int64_t step = 0, epoch = 0; step < steps; ++step) {
    if (order.empty()) order = plan.steps(settings, settings.seed, static_cast<int>(epoch++));
    const std::vector<size_t> units = order.front();
    order.erase(order.begin());
    const double factor = rate_factor("linear", step + 1, warmup + 1, steps + 1);
    const double begin = now(cpu);
    const PairOutcome outcome =
        trainer.step(plan, units, factor, mix64(stream_of("bench"), static_cast<uint64_t>(step)));
    const double seconds = now(cpu) - begin;
    print_step(step, outcome, seconds, peak);
    if (curve.is_open()) {
      curve << outcome.loss << '\t';
      for (const Pair* pair : plan.pairs_of(units)) curve << ' ' << pair - pairs.data();
      curve << '\n';
    }
    if (step == 0 && steps > 1) continue;  // the first makes plans and touches memory
    totals.tokens += static_cast<double>(outcome.tokens);
    totals.computed += static_cast<double>(outcome.computed);
    totals.flops += outcome.flops;
    totals.seconds += seconds;
  }
  std::printf(
      "%s %s: %.0f useful tok/s, %.0f computed, %.1f %% of the ceiling (%.0f GFLOP/s), "
      "peak memory %s\n",
      model.c_str(), settings.base_weights.c_str(), totals.tokens / totals.seconds,
      totals.computed / totals.seconds, 100 * totals.flops / totals.seconds / peak, peak / 1e9,
      format_bytes(static_cast<double>(peak_memory())).c_str());
  const auto save = options.find("save");
  if (save == options.end()) return;
  write_decoder_adapter(save->second, {trainer.peft_adapter(model), {.base_name = model}});
  std::printf("adapter of %zu modules saved\n", trainer.table().modules().size());
}

}  // namespace
}  // namespace gantry

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "lora_bench MODEL pairs.ids [option=value ...]\n");
    return 2;
  }
  gantry::Options options;
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    if (equals != std::string::npos) options[word.substr(0, equals)] = word.substr(equals + 1);
  }
  gantry::set_thread_count(static_cast<int>(gantry::number(options, "threads", 0)));
  try {
    gantry::run(argv[1], argv[2], options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
