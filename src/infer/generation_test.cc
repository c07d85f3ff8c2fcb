#include "infer/generation.h"

#include <cmath>

#include "base/error.h"
#include "infer/answer_text.h"
#include "infer/stories_test.h"
#include "infer/token_choice.h"

namespace gantry {
namespace {

LanguageModel open(const stories::Folder& folder, const LanguageModelOptions& options = {}) {
  folder.write("tokenizer.json", stories::small_tokenizer());
  return LanguageModel::open(folder.path(), options);
}

std::vector<std::vector<int32_t>> story_prompts() {
  std::vector<std::vector<int32_t>> prompts;
  const auto reference = stories::reference("reference_logits.json");
  for (const auto& c : reference["cases"]) {
    prompts.push_back(c["ids"].get<std::vector<int32_t>>());
  }
  return prompts;
}

TEST(Generation, GreedyOfManyPromptsIsThatOfEach) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  LanguageModel model = open(folder);
  auto prompts = story_prompts();
  const auto reference = stories::reference("reference_logits.json");
  for (int i = 0; i < 4; ++i) prompts.push_back(prompts[static_cast<size_t>(i) % 3]);
  const GenerationSettings settings{.max_tokens = 24, .batch = 2};
  std::vector<std::string> streamed(prompts.size());
  size_t finished = 0;
  const auto results = generate(
      model, prompts, settings,
      [&](size_t i, std::string_view piece) {
        streamed[i] += piece;
        return true;
      },
      [&](size_t, const GenerationResult&) { ++finished; });
  EXPECT_EQ(finished, prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto want = reference["cases"][i % 3]["greedy"].get<std::vector<int32_t>>();
    const size_t n = std::min(want.size(), results[i].ids.size());
    EXPECT_GE(n, 20u);
    EXPECT_TRUE(
        std::equal(want.begin(), want.begin() + static_cast<int64_t>(n), results[i].ids.begin()));
    EXPECT_EQ(results[i].stop, StopReason::kMaxTokens);
    EXPECT_EQ(streamed[i], results[i].text);
    EXPECT_EQ(results[i].log_probability, results[i % 3].log_probability);
  }
}

TEST(Generation, SamplesDependOnTheSeedAndThePromptAlone) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  LanguageModel model = open(folder);
  const auto prompts = story_prompts();
  GenerationSettings settings{.max_tokens = 16, .temperature = 1, .top_p = 0.9, .seed = 5};
  const auto first = generate(model, prompts, settings);
  settings.batch = 1;
  const auto again = generate(model, prompts, settings);
  for (size_t i = 0; i < prompts.size(); ++i) EXPECT_EQ(first[i].ids, again[i].ids);
  settings.seed = 6;
  const auto other = generate(model, prompts, settings);
  EXPECT_NE(first[0].ids, other[0].ids);
}

// Beams of a small model against all sequences of that length.
TEST(Generation, BeamsFindNoLessThanGreedy) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  LanguageModel model = open(folder);
  const auto prompts = story_prompts();
  const GenerationSettings plain{.max_tokens = 8};
  const auto greedy = generate(model, prompts, plain);
  GenerationSettings wide{.max_tokens = 8, .beams = 6, .length_penalty = 0};
  const auto beams = generate(model, prompts, wide);
  wide.batch = 1;
  const auto one_by_one = generate(model, prompts, wide);
  for (size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_GE(beams[i].log_probability, greedy[i].log_probability - 1e-9);
    EXPECT_EQ(beams[i].ids, one_by_one[i].ids);
    EXPECT_EQ(beams[i].log_probability, one_by_one[i].log_probability);
  }
  const auto one_beam = generate(model, prompts, {.max_tokens = 8, .beams = 1});
  for (size_t i = 0; i < prompts.size(); ++i) EXPECT_EQ(one_beam[i].ids, greedy[i].ids);
}

TEST(Generation, StopsWhereItIsTold) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  LanguageModel model = open(folder);
  const auto prompts = story_prompts();
  const auto free = generate(model, std::span(prompts).first(1), {.max_tokens = 12});
  GenerationSettings settings{.max_tokens = 12};
  settings.stop_ids = {free[0].ids[5]};
  const auto by_id = generate(model, std::span(prompts).first(1), settings);
  EXPECT_EQ(by_id[0].stop, StopReason::kEnd);
  EXPECT_LE(by_id[0].ids.size(), 5u);

  const auto interrupted = generate(model, std::span(prompts).first(1), {.max_tokens = 400},
                                    [](size_t, std::string_view) { return false; });
  EXPECT_EQ(interrupted[0].stop, StopReason::kInterrupted);
  EXPECT_LT(interrupted[0].ids.size(), 400u);

  // To the end of the context, and no further.
  std::vector<int32_t> long_prompt(509, 20);
  long_prompt[0] = 1;
  const auto full = generate(model, std::span(&long_prompt, 1), {.max_tokens = 12});
  if (full[0].stop != StopReason::kEnd) {
    EXPECT_EQ(full[0].stop, StopReason::kContext);
    EXPECT_EQ(full[0].ids.size(), 3u);
  }
}

TEST(Generation, SettingsThatContradictAreRefused) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  LanguageModel model = open(folder);
  const auto prompts = story_prompts();
  for (const GenerationSettings& bad :
       {GenerationSettings{.max_tokens = 0}, GenerationSettings{.beams = 0},
        GenerationSettings{.beams = 2, .temperature = 1}, GenerationSettings{.temperature = -1},
        GenerationSettings{.top_p = 0}, GenerationSettings{.top_p = 1.5},
        GenerationSettings{.top_k = -1}}) {
    try {
      generate(model, prompts, bad);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "E0764");
    }
  }
}

// A call that fails leaves the model as it was.
TEST(Generation, GoesOnAfterAFullCache) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  LanguageModel model = open(folder, {.cache_tokens = 256});
  const auto prompts = story_prompts();
  const auto want = generate(model, std::span(prompts).first(1), {.max_tokens = 8});
  const std::vector<std::vector<int32_t>> many(40, std::vector<int32_t>(60, 7));
  EXPECT_THROW(generate(model, many, {.max_tokens = 100}), Error);
  const auto again = generate(model, std::span(prompts).first(1), {.max_tokens = 8});
  EXPECT_EQ(again[0].ids, want[0].ids);
}

TEST(LanguageModel, RefusesWhatDoesNotFitInMemory) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  folder.write("tokenizer.json", stories::small_tokenizer());
  try {
    LanguageModel::open(folder.path(), {.memory_limit = 100000});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0762");
  }
  const MemoryNeed need = LanguageModel::need(folder.path());
  EXPECT_EQ(need.cache_per_token, 5 * 4 * (8 + 16) * 4) << "head size 8; values are padded to 16";
  EXPECT_NO_THROW(LanguageModel::open(folder.path(), {.memory_limit = need.total()}));
}

TEST(TokenChoice, SamplerKeepsToItsSet) {
  const std::vector<float> logits = {1, 5, 4, 3.9f, -2, 4.5f};
  EXPECT_EQ(greedy_token(logits).token, 1);
  std::vector<int> drawn(logits.size());
  Sampler top2(1, 1, 2);
  Random random(3);
  for (int i = 0; i < 2000; ++i) ++drawn[static_cast<size_t>(top2.draw(logits, random).token)];
  EXPECT_EQ(drawn[0] + drawn[2] + drawn[3] + drawn[4], 0);
  const double share = 1 / (1 + std::exp(-0.5));  // of token 1 against token 5
  EXPECT_NEAR(drawn[1] / 2000.0, share, 4 * std::sqrt(share * (1 - share) / 2000));

  double sum = 0;
  for (float x : logits) sum += std::exp(x);
  Sampler tiny(1, 0.2, 0);
  for (int i = 0; i < 50; ++i) {
    const TokenChoice c = tiny.draw(logits, random);
    EXPECT_EQ(c.token, 1);
    EXPECT_NEAR(c.log_probability, 5 - std::log(sum), 1e-6);
  }
  // All of the distribution: frequencies within four standard errors.
  Sampler all(2, 1, 0);
  std::vector<int> counts(logits.size());
  double at_two = 0;
  for (float x : logits) at_two += std::exp(x / 2);
  for (int i = 0; i < 20000; ++i) ++counts[static_cast<size_t>(all.draw(logits, random).token)];
  for (size_t i = 0; i < logits.size(); ++i) {
    const double p = std::exp(logits[i] / 2) / at_two;
    EXPECT_NEAR(counts[i] / 20000.0, p, 4 * std::sqrt(p * (1 - p) / 20000)) << i;
  }
}

TEST(TokenChoice, BestTokensInOrder) {
  const std::vector<float> logits = {1, 5, 4, 5, -2, 4.5f};
  const auto best = best_tokens(logits, 4);
  ASSERT_EQ(best.size(), 4u);
  EXPECT_EQ(best[0].token, 1);
  EXPECT_EQ(best[1].token, 3);
  EXPECT_EQ(best[2].token, 5);
  EXPECT_EQ(best[3].token, 2);
}

TEST(AnswerText, ShowsWholeCharactersAndHoldsBackStopTexts) {
  const auto tokenizer = Tokenizer::from_json(stories::small_tokenizer(), "small");
  const std::vector<std::string> stops = {"\n\nNote"};
  const auto ids = tokenizer->encode("骨 a\n\nNo b\n\nNote: x").ids;
  AnswerText text(*tokenizer, stops);
  std::string shown;
  std::vector<int32_t> so_far;
  for (int32_t id : ids) {
    so_far.push_back(id);
    const std::string piece(text.update(so_far));
    shown += piece;
    EXPECT_EQ(shown.find("\n\nNote"), std::string::npos);
    EXPECT_EQ(tokenizer->encode(shown).replaced, 0u) << "half a character";
    if (text.stopped()) break;
  }
  EXPECT_TRUE(text.stopped());
  EXPECT_EQ(shown, "骨 a\n\nNo b");
  EXPECT_EQ(text.text(), shown);

  AnswerText unstopped(*tokenizer, stops);
  const auto end = tokenizer->encode("a\n\nNo").ids;
  std::string all(unstopped.update(end));
  EXPECT_EQ(all, "a");
  all += unstopped.rest();
  EXPECT_EQ(all, "a\n\nNo");
}

}  // namespace
}  // namespace gantry
