// The answer of the training case that is nearest by the cosine of TF-IDF vectors.
#include "text/ranker_parts.h"

namespace gantry {
namespace {

class NearestCase : public AnswerRanker {
 public:
  NearestCase(Tfidf tfidf, SparseRows cases, AnswerNumbers answers)
      : tfidf_(std::move(tfidf)), cases_(std::move(cases)), answers_(std::move(answers)) {
    by_column_.resize(static_cast<size_t>(cases_.columns));
    for (int64_t i = 0; i < cases_.rows(); ++i) {
      for (int64_t at = cases_.start[i]; at < cases_.start[i + 1]; ++at) {
        by_column_[cases_.column[at]].push_back({i, cases_.value[at]});
      }
    }
  }

  std::vector<RankedAnswer> rank(std::string_view text, size_t most) const override {
    std::vector<double> cosine(static_cast<size_t>(cases_.rows()));  // rows have length 1
    const SparseRow row = tfidf_.transform(text);
    for (size_t i = 0; i < row.column.size(); ++i) {
      for (const Entry& e : by_column_[row.column[i]]) cosine[e.row] += row.value[i] * e.value;
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
    write_tfidf(out, tfidf_);
    out.numbers<int64_t>(cases_.start);
    out.numbers<int32_t>(cases_.column);
    out.numbers<double>(cases_.value);
    write_texts(out, answers_.answers);
    out.numbers<int>(answers_.of_case);
    return std::move(out).finish();
  }

 private:
  struct Entry {
    int64_t row;
    double value;
  };
  Tfidf tfidf_;
  SparseRows cases_;
  AnswerNumbers answers_;
  std::vector<std::vector<Entry>> by_column_;
};

bool fits(const Tfidf& tfidf, const SparseRows& rows, const AnswerNumbers& answers) {
  const auto within = [](const auto& values, int64_t end) {
    return std::all_of(values.begin(), values.end(), [&](auto v) { return v >= 0 && v < end; });
  };
  return rows.start.size() > 1 && rows.start.front() == 0 &&
         std::is_sorted(rows.start.begin(), rows.start.end()) &&
         rows.start.back() == static_cast<int64_t>(rows.column.size()) &&
         rows.value.size() == rows.column.size() &&
         within(rows.column, static_cast<int64_t>(tfidf.vocabulary().size())) &&
         answers.of_case.size() == rows.start.size() - 1 &&
         within(answers.of_case, static_cast<int64_t>(answers.answers.size()));
}

}  // namespace

std::unique_ptr<AnswerRanker> train_nearest_case(std::span<const std::string> texts,
                                                 std::span<const std::string> answers) {
  GANTRY_CHECK(texts.size() == answers.size() && !texts.empty());
  Tfidf tfidf = Tfidf::fit(
      texts, {.unit = NgramUnit::kWord, .shortest = 1, .longest = 2, .min_documents = 1});
  SparseRows rows = tfidf.transform(texts);
  return std::make_unique<NearestCase>(std::move(tfidf), std::move(rows), number_answers(answers));
}

std::unique_ptr<AnswerRanker> parse_nearest_case(std::string_view bytes) {
  PartsReader in(bytes, kNearestCaseMagic, "nearest-case baseline");
  Tfidf tfidf = read_tfidf(in);
  SparseRows rows;
  rows.columns = static_cast<int64_t>(tfidf.vocabulary().size());
  rows.start = in.numbers<int64_t>();
  rows.column = in.numbers<int32_t>();
  rows.value = in.numbers<double>();
  AnswerNumbers answers{read_texts(in), {}};
  answers.of_case = in.numbers<int>();
  if (!fits(tfidf, rows, answers) || !in.at_end()) in.refuse("its parts do not fit each other");
  return std::make_unique<NearestCase>(std::move(tfidf), std::move(rows), std::move(answers));
}

}  // namespace gantry
