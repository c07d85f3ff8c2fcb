// The forward pass of models/decoder_inference.h, on real small weights.
#include "models/decoder_inference.h"

#include <unistd.h>

#include <cmath>
#include <cstring>

#include "infer/stories_test.h"
#include "tensor/instruction_set.h"
#include "weights/decoder_folder.h"

namespace gantry {
namespace {

using nlohmann::json;

struct Engine {
  DecoderFolder base;
  DecoderInferenceWeights weights;
  DecoderInference engine;
  Engine(const std::filesystem::path& path, MatrixForm form, DecoderInferenceOptions options = {})
      : base(DecoderFolder::open(path)),
        weights(base, form, nullptr),
        engine(base.config(), weights, options) {}

  // Logits of every token, one row after the other.
  std::vector<float> add_and_run(Sequence sequence, std::span<const int32_t> tokens) {
    std::vector<float> all;
    engine.add(sequence, tokens, Wanted::kAll);
    engine.run([&](int64_t, Matrix<const float> logits) {
      all.insert(all.end(), logits.data, logits.data + logits.rows * logits.cols);
    });
    return all;
  }
  std::vector<float> whole(std::span<const int32_t> tokens) {
    const Sequence sequence = engine.open();
    std::vector<float> all = add_and_run(sequence, tokens);
    engine.close(sequence);
    return all;
  }
  int64_t vocabulary() const { return base.config().vocabulary; }
};

void expect_last_logits(const std::vector<float>& all, const json& expected, double tolerance) {
  const std::vector<double> want = expected.get<std::vector<double>>();
  const float* last = all.data() + all.size() - want.size();
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(last[i], want[i], tolerance) << "logit " << i;
}

std::vector<int32_t> greedy(Engine& e, std::vector<int32_t> prompt, size_t count) {
  std::vector<int32_t> out;
  const Sequence sequence = e.engine.open();
  while (out.size() < count) {
    const std::vector<float> all = e.add_and_run(sequence, prompt);
    const float* last = all.data() + static_cast<int64_t>(all.size()) - e.vocabulary();
    out.push_back(static_cast<int32_t>(std::max_element(last, last + e.vocabulary()) - last));
    prompt = {out.back()};
  }
  e.engine.close(sequence);
  return out;
}

TEST(DecoderInference, LogitsAndGreedyTokensOfStories260K) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  Engine e(folder.path(), MatrixForm::kStored);
  const json reference = stories::reference("reference_logits.json");
  for (const json& c : reference["cases"]) {
    const auto ids = c["ids"].get<std::vector<int32_t>>();
    const std::vector<float> all = e.whole(ids);
    expect_last_logits(all, c["last_logits"], 1e-4);
    const auto expected = c["token_logprob"].get<std::vector<double>>();
    for (size_t i = 0; i < expected.size(); ++i) {
      const float* row = all.data() + static_cast<int64_t>(i) * e.vocabulary();
      double sum = 0;
      for (int64_t j = 0; j < e.vocabulary(); ++j) sum += std::exp(static_cast<double>(row[j]));
      EXPECT_NEAR(row[ids[i + 1]] - std::log(sum), expected[i], 1e-4);
    }
    const auto want = c["greedy"].get<std::vector<int32_t>>();
    EXPECT_EQ(greedy(e, ids, want.size()), want);
  }
}

TEST(DecoderInference, SlidingWindowsOfStories260K) {
  SKIP_WITHOUT_STORIES();
  const json reference = stories::reference("reference_logits_sliding_window.json");
  int seen = 0;
  for (int window : {4, 8}) {
    const stories::Folder folder(window);
    Engine e(folder.path(), MatrixForm::kStored);
    for (const json& c : reference["cases"]) {
      if (c["window"] != window) continue;
      ++seen;
      expect_last_logits(e.whole(c["ids"].get<std::vector<int32_t>>()), c["last_logits"], 1e-4);
    }
  }
  EXPECT_EQ(seen, 6);
}

std::vector<int32_t> text_of(size_t length, int32_t seed) {
  std::vector<int32_t> ids = {1};
  while (ids.size() < length) ids.push_back((ids.back() * 37 + seed * 11 + 5) % 500 + 3);
  return ids;
}

// Every way of computing the same text gives the same bits: whole, cut into passes, behind a
// shared prefix, token by token, beside others.
TEST(DecoderInference, TheSameBitsHoweverATextIsComputed) {
  SKIP_WITHOUT_STORIES();
  for (int window : {0, 8}) {
    for (MatrixForm form : {MatrixForm::kStored, MatrixForm::kInt8}) {
      const stories::Folder folder(window);
      Engine e(folder.path(), form), small(folder.path(), form, {.pass_rows = 7, .logit_rows = 3});
      const std::vector<int32_t> text = text_of(75, 1);
      const std::vector<float> want = e.whole(text);
      EXPECT_EQ(small.whole(text), want) << "cut into passes of 7 rows";

      for (size_t cut : {size_t{1}, size_t{16}, size_t{21}, size_t{74}}) {
        for (bool copy_tail : {false, true}) {
          const Sequence prefix = e.engine.open();
          e.add_and_run(prefix, std::span(text).first(cut));
          const Sequence rest = e.engine.fork(prefix, copy_tail),
                         other = e.engine.fork(prefix, copy_tail);
          e.engine.close(prefix);
          const std::vector<int32_t> noise = text_of(33, 2);
          std::vector<float> got;
          e.engine.add(other, noise, Wanted::kAll);
          e.engine.add(rest, std::span(text).subspan(cut), Wanted::kAll);
          e.engine.run([&](int64_t row, Matrix<const float> logits) {
            for (int64_t i = 0; i < logits.rows; ++i) {
              if (row + i < 33) continue;
              got.insert(got.end(), logits.row(i), logits.row(i) + logits.cols);
            }
          });
          const std::vector<float> tail(want.begin() + static_cast<int64_t>(cut) * e.vocabulary(),
                                        want.end());
          EXPECT_TRUE(got == tail) << "behind a prefix of " << cut << ", window " << window;
          e.engine.close(rest);
          e.engine.close(other);
        }
      }
      const Sequence sequence = e.engine.open();
      std::vector<float> one_by_one;
      for (int32_t token : text) {
        const std::vector<float> row = e.add_and_run(sequence, std::span(&token, 1));
        one_by_one.insert(one_by_one.end(), row.begin(), row.end());
      }
      EXPECT_TRUE(one_by_one == want) << "token by token, window " << window;
      e.engine.close(sequence);
      EXPECT_EQ(e.engine.tokens_kept(), 0) << "pages are given back";
    }
  }
}

// A branch planned in the same pass as what it stands behind; only last rows wanted.
TEST(DecoderInference, BranchesInThePassOfTheirPrompt) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  Engine e(folder.path(), MatrixForm::kStored);
  const std::vector<int32_t> prompt = text_of(21, 3), a = text_of(5, 4), b = text_of(9, 5);
  const auto last_row = [&](const std::vector<int32_t>& tail) {
    std::vector<int32_t> whole = prompt;
    whole.insert(whole.end(), tail.begin(), tail.end());
    const std::vector<float> all = e.whole(whole);
    return std::vector<float>(all.end() - e.vocabulary(), all.end());
  };
  const Sequence s = e.engine.open();
  EXPECT_EQ(e.engine.add(s, prompt, Wanted::kNone), 0);
  const Sequence sa = e.engine.fork(s), sb = e.engine.fork(s);
  EXPECT_EQ(e.engine.add(sa, a, Wanted::kLast), 0);
  EXPECT_EQ(e.engine.add(sb, b, Wanted::kLast), 1);
  std::vector<float> rows[2];
  e.engine.run([&](int64_t row, Matrix<const float> logits) {
    for (int64_t i = 0; i < logits.rows; ++i) {
      rows[row + i].assign(logits.row(i), logits.row(i) + logits.cols);
    }
  });
  EXPECT_TRUE(rows[0] == last_row(a));
  EXPECT_TRUE(rows[1] == last_row(b));
}

TEST(DecoderInference, AFullCacheIsSaid) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  Engine e(folder.path(), MatrixForm::kStored, {.cache_tokens = 64});
  const Sequence s = e.engine.open();
  try {
    e.engine.add(s, text_of(80, 1), Wanted::kLast);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0767");
  }
  EXPECT_EQ(e.engine.planned_rows(), 0);
}

TEST(DecoderInference, EveryInstructionSetGivesTheReferenceLogits) {
  SKIP_WITHOUT_STORIES();
  const stories::Folder folder;
  const json reference = stories::reference("reference_logits.json");
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (isa > best_instruction_set()) continue;
    SCOPED_TRACE(instruction_set_name(isa));
    set_instruction_set(isa);
    Engine e(folder.path(), MatrixForm::kStored);
    const json& c = reference["cases"][0];
    expect_last_logits(e.whole(c["ids"].get<std::vector<int32_t>>()), c["last_logits"], 1e-4);
  }
  set_instruction_set(best_instruction_set());
}

}  // namespace
}  // namespace gantry
