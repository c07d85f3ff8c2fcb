// The answer of the training case that is nearest by the cosine of TF-IDF vectors.
#include "text/case_index.h"
#include "text/ranker_parts.h"

namespace gantry {
namespace {

class NearestCase : public AnswerRanker {
 public:
  NearestCase(CaseIndex index, AnswerNumbers answers)
      : index_(std::move(index)), answers_(std::move(answers)) {}

  std::vector<RankedAnswer> rank(std::string_view text, size_t most) const override {
    const std::vector<double> cosine = index_.cosines(text);
    std::vector<double> score(answers_.answers.size(), -1);
    std::vector<size_t> nearest(score.size());
    for (size_t i = 0; i < cosine.size(); ++i) {
      const int answer = answers_.of_case[i];
      if (cosine[i] <= score[answer]) continue;
      score[answer] = cosine[i];
      nearest[answer] = i;
    }
    return best_answers(answers_.answers, score, most, [&](size_t a) {
      return "training case " + std::to_string(nearest[a] + 1);
    });
  }
  bool gives_probabilities() const override { return false; }
  std::string name() const override { return "nearest training case"; }
  std::string serialize() const override {
    PartsWriter out(kNearestCaseMagic);
    index_.write(out);
    write_texts(out, answers_.answers);
    out.numbers<int>(answers_.of_case);
    return std::move(out).finish();
  }

 private:
  CaseIndex index_;
  AnswerNumbers answers_;
};

}  // namespace

std::unique_ptr<AnswerRanker> train_nearest_case(std::span<const std::string> texts,
                                                 std::span<const std::string> answers) {
  GANTRY_CHECK(texts.size() == answers.size() && !texts.empty());
  return std::make_unique<NearestCase>(CaseIndex::fit(texts), number_answers(answers));
}

std::unique_ptr<AnswerRanker> parse_nearest_case(std::string_view bytes) {
  PartsReader in(bytes, kNearestCaseMagic, "nearest-case baseline");
  CaseIndex index = CaseIndex::read(in);
  AnswerNumbers answers{read_texts(in), {}};
  answers.of_case = in.numbers<int>();
  const auto known = [&](int a) { return a >= 0 && a < static_cast<int>(answers.answers.size()); };
  if (answers.of_case.size() != index.cases() || !in.at_end() ||
      !std::all_of(answers.of_case.begin(), answers.of_case.end(), known)) {
    in.refuse("cases and answers do not fit each other");
  }
  return std::make_unique<NearestCase>(std::move(index), std::move(answers));
}

}  // namespace gantry
