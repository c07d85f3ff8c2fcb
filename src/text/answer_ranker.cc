#include "text/answer_ranker.h"

#include "base/error.h"
#include "text/ranker_parts.h"

namespace gantry {
namespace {

class MajorityRanker : public AnswerRanker {
 public:
  MajorityRanker(std::vector<std::string> answers, std::vector<double> share)
      : answers_(std::move(answers)), share_(std::move(share)) {}

  std::vector<RankedAnswer> rank(std::string_view, size_t most) const override {
    return best_answers(answers_, share_, most, [](size_t) { return std::string(); });
  }
  bool gives_probabilities() const override { return true; }
  std::string name() const override { return "majority"; }
  std::string serialize() const override {
    PartsWriter out(kMajorityMagic);
    write_texts(out, answers_);
    out.numbers<double>(share_);
    return std::move(out).finish();
  }

 private:
  std::vector<std::string> answers_;
  std::vector<double> share_;
};

}  // namespace

AnswerNumbers number_answers(std::span<const std::string> answers) {
  std::map<std::string_view, int> number;
  for (const std::string& answer : answers) number.emplace(answer, 0);
  AnswerNumbers numbered;
  for (auto& [answer, n] : number) {
    n = static_cast<int>(numbered.answers.size());
    numbered.answers.emplace_back(answer);
  }
  for (const std::string& answer : answers) numbered.of_case.push_back(number.at(answer));
  return numbered;
}

void write_texts(PartsWriter& out, std::span<const std::string> texts) {
  out.number(static_cast<uint64_t>(texts.size()));
  for (const std::string& text : texts) out.text(text);
}

std::vector<std::string> read_texts(PartsReader& in) {
  std::vector<std::string> texts;
  for (uint64_t n = in.number<uint64_t>(); n > 0; --n) texts.emplace_back(in.text());
  return texts;
}

void write_tfidf(PartsWriter& out, const Tfidf& tfidf) {
  const TfidfOptions& o = tfidf.options();
  for (int32_t value : {static_cast<int32_t>(o.unit), static_cast<int32_t>(o.shortest),
                        static_cast<int32_t>(o.longest)}) {
    out.number(value);
  }
  out.number(o.min_documents);
  for (bool flag : {o.lower_case, o.sublinear, o.smooth}) out.number(static_cast<uint8_t>(flag));
  write_texts(out, tfidf.vocabulary());
  out.numbers<double>(tfidf.idf());
}

Tfidf read_tfidf(PartsReader& in) {
  TfidfOptions o;
  const int32_t unit = in.number<int32_t>();
  o.shortest = in.number<int32_t>();
  o.longest = in.number<int32_t>();
  if (unit < 0 || unit > static_cast<int32_t>(NgramUnit::kWord) || o.shortest < 1 ||
      o.longest < o.shortest) {
    in.refuse("impossible n-grams");
  }
  o.unit = static_cast<NgramUnit>(unit);
  o.min_documents = in.number<int64_t>();
  for (bool* flag : {&o.lower_case, &o.sublinear, &o.smooth}) *flag = in.number<uint8_t>() != 0;
  std::vector<std::string> vocabulary = read_texts(in);
  std::vector<double> idf = in.numbers<double>();
  if (idf.size() != vocabulary.size()) in.refuse("weights and vocabulary differ in size");
  return Tfidf(o, std::move(vocabulary), std::move(idf));
}

std::unique_ptr<AnswerRanker> train_majority(std::span<const std::string> answers) {
  GANTRY_CHECK(!answers.empty());
  AnswerNumbers numbered = number_answers(answers);
  std::vector<double> share(numbered.answers.size());
  for (int n : numbered.of_case) share[n] += 1.0 / static_cast<double>(answers.size());
  return std::make_unique<MajorityRanker>(std::move(numbered.answers), std::move(share));
}

std::unique_ptr<AnswerRanker> parse_majority(std::string_view bytes) {
  PartsReader in(bytes, kMajorityMagic, "majority baseline");
  std::vector<std::string> answers = read_texts(in);
  std::vector<double> share = in.numbers<double>();
  if (answers.empty() || share.size() != answers.size() || !in.at_end()) {
    in.refuse("answers and shares differ in number");
  }
  return std::make_unique<MajorityRanker>(std::move(answers), std::move(share));
}

std::unique_ptr<AnswerRanker> parse_ranker(std::string_view bytes) {
  if (bytes.starts_with(kNgramRankerMagic)) return parse_ngram_ranker(bytes);
  if (bytes.starts_with(kNearestCaseMagic)) return parse_nearest_case(bytes);
  if (bytes.starts_with(kCodeRankerMagic)) return parse_code_ranker(bytes);
  if (bytes.starts_with(kTitleMatcherMagic)) return parse_title_matcher(bytes);
  return parse_majority(bytes);
}

}  // namespace gantry
