// Speed of answering with causal language models.
//
//   decode_bench speed MODEL [prompt=512] [decode=64] [context=0] [repeat=3]
//   decode_bench closed MODEL prompts.txt answer answer ... [cases=500]
//   decode_bench codes MODEL codes.txt [tokens=256]
// All: [activations=int8|int16|exact] [precision=stored] [threads=N] [clock=cpu]
//
// speed: tokens a second of a prompt read in one go and of one sequence going on token by token
// (behind `context` tokens). closed: cases of a closed set a second; prompts.txt has one prompt a
// line, line breaks within it written \n. codes: seconds to compile a list of codes (one a line),
// and what walking it costs beside free decoding.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "infer/closed_set.h"
#include "infer/constrained.h"
#include "models/decoder_inference.h"
#include "ops/log_sum_exp.h"

namespace gantry {
namespace {

bool cpu_clock = false;

// Wall time, or with clock=cpu the processor time of all threads over their number.
double now() {
  timespec t{};
  clock_gettime(cpu_clock ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  const double s = static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  return cpu_clock ? s / thread_count() : s;
}

struct Arguments {
  std::vector<std::string> words;
  std::map<std::string, std::string> settings;

  Arguments(int count, char** values) {
    for (int i = 1; i < count; ++i) {
      const std::string word = values[i];
      const size_t equal = word.find('=');
      if (equal == std::string::npos) {
        words.push_back(word);
      } else {
        settings[word.substr(0, equal)] = word.substr(equal + 1);
      }
    }
  }
  int64_t number(const std::string& name, int64_t otherwise) const {
    const auto it = settings.find(name);
    return it == settings.end() ? otherwise : std::atoll(it->second.c_str());
  }
  std::string text(const std::string& name, const std::string& otherwise) const {
    const auto it = settings.find(name);
    return it == settings.end() ? otherwise : it->second;
  }
};

LanguageModel open(const Arguments& arguments) {
  LanguageModelOptions options;
  options.precision = weight_precision_from(arguments.text("precision", "stored"));
  options.activations = activation_precision_from(arguments.text("activations", "int8"));
  const double start = now();
  LanguageModel model = LanguageModel::open(arguments.words.at(1), options);
  std::printf("%s: %s, %s rows, %d threads, opened in %.2f s\n", model.info().name.c_str(),
              model.info().weights.c_str(), name_of(options.activations), thread_count(),
              now() - start);
  std::printf("memory: %s\n", model.info().need.table().c_str());
  return model;
}

// Some text of the vocabulary; what it says does not matter to the speed.
std::vector<int32_t> some_tokens(const LanguageModel& model, int64_t count) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>((i * 7919 + 13) % (model.info().config.vocabulary - 300)) +
                  259);
  }
  return ids;
}

void speed(const Arguments& arguments) {
  LanguageModel model = open(arguments);
  DecoderInference& engine = model.engine();
  const int64_t prompt = arguments.number("prompt", 512), decode = arguments.number("decode", 64),
                context = arguments.number("context", 0);
  const std::vector<int32_t> ids = some_tokens(model, std::max(prompt, context) + decode);
  const auto ignore = [](int64_t, Matrix<const float>) {};
  for (int64_t i = 0; i < arguments.number("repeat", 3); ++i) {
    const Sequence sequence = engine.open();
    double start = now();
    engine.add(sequence, std::span(ids).first(static_cast<size_t>(prompt)), Wanted::kLast);
    engine.run(ignore);
    const double prompt_rate = static_cast<double>(prompt) / (now() - start);
    const Sequence other = engine.open();
    if (context > 0) {
      engine.add(other, std::span(ids).first(static_cast<size_t>(context)), Wanted::kNone);
      engine.run(ignore);
    }
    start = now();
    int64_t largest = 1;
    for (int64_t t = 0; t < decode; ++t) {
      const auto token = static_cast<int32_t>(largest);
      engine.add(other, std::span(&token, 1), Wanted::kLast);
      engine.run([&](int64_t, Matrix<const float> logits) {
        largest = summarise_row({logits.data, static_cast<size_t>(logits.cols)}).largest;
      });
    }
    const double decode_rate = static_cast<double>(decode) / (now() - start);
    engine.close(other);
    engine.close(sequence);
    std::printf("prompt %.1f tokens/s, decode %.1f tokens/s\n", prompt_rate, decode_rate);
  }
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      const bool line_break = line[i] == '\\' && i + 1 < line.size() && line[i + 1] == 'n';
      text += line_break ? '\n' : line[i];
      if (line_break) ++i;
    }
    if (!text.empty()) lines.push_back(text);
  }
  return lines;
}

void closed(const Arguments& arguments) {
  LanguageModel model = open(arguments);
  std::vector<std::string> texts = lines_of(arguments.words.at(2));
  const auto cases = static_cast<size_t>(arguments.number("cases", 500));
  for (size_t i = 0; texts.size() < cases; ++i) texts.push_back(texts[i]);
  texts.resize(cases);
  double start = now();
  std::vector<std::vector<int32_t>> prompts;
  int64_t tokens = 0;
  for (const std::string& text : texts) {
    prompts.push_back(model.prompt_ids(text));
    tokens += static_cast<int64_t>(prompts.back().size());
  }
  const AnswerTrie trie = AnswerTrie::compile(
      model.tokenizer(), model.end_id(),
      std::vector<std::string>(arguments.words.begin() + 3, arguments.words.end()));
  const int64_t before = model.engine().computed_tokens();
  const auto scores = score_closed_set(model, prompts, trie);
  const double seconds = now() - start;
  std::vector<int> counts(trie.size());
  for (const auto& s : scores) ++counts[s.best()];
  std::printf("%zu cases of %.1f tokens in %.2f s: %.2f cases/s (%lld rows computed)\n", cases,
              static_cast<double>(tokens) / static_cast<double>(cases), seconds,
              static_cast<double>(cases) / seconds,
              static_cast<long long>(model.engine().computed_tokens() - before));
  for (size_t a = 0; a < trie.size(); ++a) {
    std::printf("  %s: %d\n", trie.answer(a).c_str(), counts[a]);
  }
}

void codes(const Arguments& arguments) {
  LanguageModel model = open(arguments);
  const std::vector<std::string> list = lines_of(arguments.words.at(2));
  const double start = now();
  const AnswerTrie trie = AnswerTrie::compile(model.tokenizer(), model.end_id(), list);
  std::printf("%zu codes compiled in %.3f s: %d nodes, longest %lld tokens, %.1f MB\n", trie.size(),
              now() - start, trie.nodes(), static_cast<long long>(trie.longest()),
              static_cast<double>(trie.bytes()) / 1e6);
  // The same passes, the next token chosen from all tokens and from the trie's.
  DecoderInference& engine = model.engine();
  const int64_t steps = arguments.number("tokens", 256);
  double seconds[2] = {0, 0};
  for (int64_t t = 0; t < steps; ++t) {
    for (const bool constrained : {false, true}) {
      const Sequence sequence = engine.open();
      const std::vector<int32_t> prompt = some_tokens(model, 1);
      int32_t node = AnswerTrie::kRoot, token = prompt[0];
      const double begin = now();
      for (int step = 0; step < 6; ++step) {
        engine.add(sequence, std::span(&token, 1), Wanted::kLast);
        engine.run([&](int64_t, Matrix<const float> logits) {
          const std::span row(logits.data, static_cast<size_t>(logits.cols));
          const RowSummary summary = summarise_row(row);
          token = static_cast<int32_t>(summary.largest);
          if (!constrained) return;
          const auto edges = trie.children(node);
          const auto best =
              std::max_element(edges.begin(), edges.end(), [&](const auto& a, const auto& b) {
                return row[static_cast<size_t>(a.token)] < row[static_cast<size_t>(b.token)];
              });
          token = best->token;
          node = best->is_answer() ? AnswerTrie::kRoot : best->target;
        });
      }
      seconds[constrained] += now() - begin;
      engine.close(sequence);
    }
  }
  std::printf("free %.3f s, along the list %.3f s: %+.2f %%\n", seconds[0], seconds[1],
              100 * (seconds[1] / seconds[0] - 1));
}

int run(const Arguments& arguments) {
  if (arguments.number("threads", 0) > 0)
    set_thread_count(static_cast<int>(arguments.number("threads", 0)));
  cpu_clock = arguments.text("clock", "wall") == "cpu";
  const std::string what = arguments.words.empty() ? "" : arguments.words[0];
  if (what == "speed" && arguments.words.size() == 2) {
    speed(arguments);
  } else if (what == "closed" && arguments.words.size() > 4) {
    closed(arguments);
  } else if (what == "codes" && arguments.words.size() == 3) {
    codes(arguments);
  } else {
    std::fprintf(stderr, "decode_bench speed|closed|codes MODEL ...: see decode_bench.cc\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace gantry

int main(int count, char** values) {
  try {
    return gantry::run(gantry::Arguments(count, values));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
