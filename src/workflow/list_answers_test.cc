#include "workflow/list_answers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace gantry {
namespace {

ListScores scores_of(std::vector<double> model, std::vector<double> ranker) {
  ListScores out;
  const size_t n = std::max(model.size(), ranker.size());
  for (size_t i = 0; i < n; ++i) out.answers.push_back(std::string(1, static_cast<char>('a' + i)));
  out.model = std::move(model);
  out.ranker = std::move(ranker);
  return out;
}

TEST(ListAnswers, JoinedIsALogLinearPool) {
  const ListScores scores = scores_of({std::log(0.7), std::log(0.2), std::log(0.1)},
                                      {std::log(0.1), std::log(0.6), std::log(0.3)});
  const auto p = joined_probabilities(scores, {.ranker_weight = 0.25, .temperature = 2});
  double expected[3], sum = 0;
  const double model[] = {0.7, 0.2, 0.1}, ranker[] = {0.1, 0.6, 0.3};
  for (int i = 0; i < 3; ++i)
    sum += expected[i] = std::pow(std::pow(model[i], 0.75) * std::pow(ranker[i], 0.25), 1 / 2.0);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(p[i], expected[i] / sum, 1e-12);
}

TEST(ListAnswers, LogProbabilitiesFarFromZeroKeepTheirOrder) {
  const auto p = joined_probabilities(scores_of({-900, -901, -950}, {}), {.temperature = 1});
  EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-12);
  EXPECT_NEAR(p[0] / p[1], std::exp(1.0), 1e-9);
}

TEST(ListAnswers, RankedHighestFirstTiesByAnswer) {
  const ListScores scores = scores_of({0, 0, 0, 0}, {});
  const std::vector<double> p = {0.2, 0.4, 0.2, 0.2};
  const auto ranked = ranked_answers(scores, p, 3);
  ASSERT_EQ(ranked.size(), 3u);
  EXPECT_EQ(ranked[0].answer, "b");
  EXPECT_EQ(ranked[1].answer, "a");
  EXPECT_EQ(ranked[2].answer, "c");
}

// Cases of two voices, of which one is right in `share` of them and sure either way.
struct Drawn {
  std::vector<ListScores> cases;
  std::vector<std::string> truth;
};
Drawn draw(double model_right, double ranker_right, int n, int most_answers = 4) {
  Drawn out;
  for (int i = 0; i < n; ++i) {
    const auto key = static_cast<uint64_t>(i);
    const int answers = 3 + i % (most_answers - 2);  // lists of unlike length
    auto voice = [&](double right, uint64_t stream) {
      const bool is_right = static_cast<double>(mix64(key, stream) % 1000) < 1000 * right;
      std::vector<double> log_p(static_cast<size_t>(answers), std::log(0.05));
      log_p[is_right ? 0 : 1] = std::log(0.85);
      return log_p;
    };
    out.cases.push_back(scores_of(voice(model_right, 1), voice(ranker_right, 2)));
    out.truth.push_back("a");
  }
  return out;
}

double log_loss_of(const Drawn& drawn, const ListChoice& choice) {
  double sum = 0;
  for (size_t i = 0; i < drawn.cases.size(); ++i)
    sum -= std::log(joined_probabilities(drawn.cases[i], choice)[0]);
  return sum / static_cast<double>(drawn.cases.size());
}

TEST(ListAnswers, WeightGoesToTheVoiceThatIsRightAndNoOtherIsBetter) {
  EXPECT_GT(choose_list(draw(0.5, 0.9, 400).cases, draw(0.5, 0.9, 400).truth, {}).ranker_weight,
            0.6);
  EXPECT_LT(choose_list(draw(0.9, 0.5, 400).cases, draw(0.9, 0.5, 400).truth, {}).ranker_weight,
            0.4);
  const Drawn drawn = draw(0.8, 0.75, 400);
  const ListChoice chosen = choose_list(drawn.cases, drawn.truth, {});
  for (int twentieths = 0; twentieths <= 20; ++twentieths) {
    const ListChoice other = calibrate_list(drawn.cases, drawn.truth, twentieths / 20.0, {});
    EXPECT_LE(log_loss_of(drawn, chosen), log_loss_of(drawn, other) + 1e-9) << twentieths;
  }
}

TEST(ListAnswers, ThresholdHoldsTheStatedErrorRateOnTheTuningCases) {
  const Drawn drawn = draw(0.9, 0.85, 500);
  const ListChoice choice = choose_list(drawn.cases, drawn.truth, {.error_rate = 0.05});
  ASSERT_TRUE(choice.abstains);
  int answered = 0, wrong = 0;
  for (size_t i = 0; i < drawn.cases.size(); ++i) {
    const auto best =
        ranked_answers(drawn.cases[i], joined_probabilities(drawn.cases[i], choice), 1);
    if (best[0].probability < choice.threshold) continue;
    ++answered;
    wrong += best[0].answer != drawn.truth[i];
  }
  EXPECT_GT(answered, 100);
  EXPECT_LE(wrong, 0.05 * answered);
}

TEST(ListAnswers, TruthOutsideTheCandidatesCountsAsAnErrorAndTeachesNothing) {
  Drawn drawn = draw(0.95, 0.95, 100);
  const ListChoice before = choose_list(drawn.cases, drawn.truth, {.error_rate = 0.2});
  for (int i = 0; i < 100; ++i) {
    drawn.cases.push_back(drawn.cases[static_cast<size_t>(i)]);
    drawn.truth.push_back("not a candidate");
  }
  const ListChoice after = choose_list(drawn.cases, drawn.truth, {.error_rate = 0.2});
  EXPECT_EQ(after.ranker_weight, before.ranker_weight);
  EXPECT_DOUBLE_EQ(after.temperature, before.temperature);
  EXPECT_TRUE(before.abstains);
  EXPECT_FALSE(after.abstains);  // half of all answers are wrong at every confidence
  EXPECT_FALSE(after.note.empty());
}

TEST(ListAnswers, OneVoiceAloneTakesAllTheWeight) {
  Drawn drawn = draw(0.9, 0.9, 60);
  for (ListScores& one : drawn.cases) one.model.clear();
  EXPECT_EQ(choose_list(drawn.cases, drawn.truth, {}).ranker_weight, 1);
  drawn = draw(0.9, 0.9, 60);
  for (ListScores& one : drawn.cases) one.ranker.clear();
  EXPECT_EQ(choose_list(drawn.cases, drawn.truth, {}).ranker_weight, 0);
}

}  // namespace
}  // namespace gantry
