// The answer of the training case that is nearest by the cosine of TF-IDF vectors.
#include "text/case_index.h"
#include "text/ranker_parts.h"

namespace gantry {
namespace {

class NearestCase : public AnswerRanker {
 public:
  NearestCase(std::vector<CaseIndex> indices, AnswerNumbers answers)
      : indices_(std::move(indices)), answers_(std::move(answers)) {}

  std::vector<RankedAnswer> rank(std::string_view text, size_t most) const override {
    std::vector<double> cosine(answers_.of_case.size(), 0);  // the mean of the indices'
    for (const CaseIndex& index : indices_) {
      const std::vector<double> one = index.cosines(text);
      for (size_t i = 0; i < one.size(); ++i)
        cosine[i] += one[i] / static_cast<double>(indices_.size());
    }
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
    out.number(static_cast<uint64_t>(indices_.size()));
    for (const CaseIndex& index : indices_) index.write(out);
    write_texts(out, answers_.answers);
    out.numbers<int>(answers_.of_case);
    return std::move(out).finish();
  }

 private:
  std::vector<CaseIndex> indices_;
  AnswerNumbers answers_;
};

}  // namespace

std::unique_ptr<AnswerRanker> train_nearest_case(std::span<const std::string> texts,
                                                 std::span<const std::string> answers,
                                                 Likeness likeness) {
  GANTRY_CHECK(texts.size() == answers.size() && !texts.empty());
  std::vector<CaseIndex> indices;
  indices.push_back(CaseIndex::fit(texts));
  if (likeness == Likeness::kWordsAndCharacters)
    indices.push_back(CaseIndex::fit_characters(texts));
  return std::make_unique<NearestCase>(std::move(indices), number_answers(answers));
}

std::unique_ptr<AnswerRanker> parse_nearest_case(std::string_view bytes) {
  PartsReader in(bytes, kNearestCaseMagic, "nearest-case baseline");
  const auto count = in.number<uint64_t>();
  if (count < 1 || count > 2) in.refuse("one or two indices are expected");
  std::vector<CaseIndex> indices;
  while (indices.size() < count) indices.push_back(CaseIndex::read(in));
  AnswerNumbers answers{read_texts(in), {}};
  answers.of_case = in.numbers<int>();
  const auto known = [&](int a) { return a >= 0 && a < static_cast<int>(answers.answers.size()); };
  const auto fits = [&](const CaseIndex& index) { return index.cases() == answers.of_case.size(); };
  if (!std::all_of(indices.begin(), indices.end(), fits) || !in.at_end() ||
      !std::all_of(answers.of_case.begin(), answers.of_case.end(), known)) {
    in.refuse("cases and answers do not fit each other");
  }
  return std::make_unique<NearestCase>(std::move(indices), std::move(answers));
}

}  // namespace gantry
