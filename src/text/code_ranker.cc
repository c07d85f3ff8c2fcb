#include "text/code_ranker.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/threads.h"
#include "stats/conditional_logit.h"
#include "text/code_features.h"
#include "text/ranker_parts.h"

namespace gantry {
namespace {

constexpr size_t kLeastCases = 10;
// Pairs of a case and a candidate in one fit: 1.2 million of 27 features are 130 MB.
constexpr size_t kMostPairs = 1'200'000;
constexpr size_t kLeastCandidates = 200;

struct TrainingCases {
  std::vector<std::string> texts;
  std::vector<int32_t> code, group;
  std::vector<ConceptReading> reading;
};

CodedCases index_of(const TrainingCases& cases, std::span<const size_t> which) {
  std::vector<std::string> texts;
  std::vector<int32_t> code;
  for (size_t i : which) {
    texts.push_back(cases.texts[i]);
    code.push_back(cases.code[i]);
  }
  return {CaseIndex::fit(texts), std::move(code)};
}

// Which fold each case is held out in: its clinic, or, with fewer than three of them, its turn.
std::vector<int32_t> folds_of(const TrainingCases& cases, int folds) {
  const std::set<int32_t> groups(cases.group.begin(), cases.group.end());
  std::vector<int32_t> fold = cases.group;
  if (groups.size() >= 3) return fold;
  for (size_t i = 0; i < fold.size(); ++i) fold[i] = static_cast<int32_t>(i) % folds;
  return fold;
}

// The candidates that enter the fit for one case: all of them, or those a plain sum of features
// puts in front, with the true one first.
std::vector<size_t> candidates_for(std::span<const float> features, size_t truth, size_t most) {
  const size_t codes = features.size() / CodeFeatures::kCount;
  std::vector<size_t> order(codes);
  std::iota(order.begin(), order.end(), size_t{0});
  std::swap(order[0], order[truth]);
  if (most >= codes) return order;
  std::vector<float> plain(codes);
  for (size_t c = 0; c < codes; ++c) {
    const float* row = features.data() + c * CodeFeatures::kCount;
    for (int f = 0; f < 3 * kConceptKinds; ++f) plain[c] += f % 3 == 0 ? row[f] : -row[f];
    for (int f = 3 * kConceptKinds; f + 1 < CodeFeatures::kCount; ++f) plain[c] += 5 * row[f];
  }
  std::partial_sort(
      order.begin() + 1, order.begin() + static_cast<int64_t>(most), order.end(),
      [&](size_t a, size_t b) { return plain[a] != plain[b] ? plain[a] > plain[b] : a < b; });
  order.resize(most);
  return order;
}

ConditionalLogit fit_weights(const TrainingCases& cases, const CodeFeatures& features,
                             const CodeRankerOptions& options) {
  const std::vector<int32_t> fold = folds_of(cases, options.folds);
  const size_t n = cases.texts.size();
  ChoiceSets sets;
  const size_t candidates = std::min(features.codes(), std::max(kLeastCandidates, kMostPairs / n));
  sets.candidates = static_cast<int64_t>(candidates);
  sets.features = CodeFeatures::kCount;
  const size_t row = candidates * CodeFeatures::kCount;
  sets.value.resize(n * row);
  sets.chosen.assign(n, 0);  // the true code stands first
  const std::set<int32_t> folds(fold.begin(), fold.end());
  for (int32_t held : folds) {
    std::vector<size_t> others, apart;
    for (size_t i = 0; i < n; ++i) (fold[i] == held ? apart : others).push_back(i);
    if (others.empty()) continue;
    const CodedCases index = index_of(cases, others);
    parallel_for(static_cast<int64_t>(apart.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const size_t i = apart[k];
        const std::vector<float> all = features.of(cases.texts[i], cases.reading[i], index);
        float* to = sets.value.data() + i * row;
        for (size_t c : candidates_for(all, static_cast<size_t>(cases.code[i]), candidates)) {
          to = std::copy_n(all.data() + c * CodeFeatures::kCount, CodeFeatures::kCount, to);
        }
      }
    });
  }
  return fit_conditional_logit(sets, options.penalty);
}

class CodeRanker : public AnswerRanker {
 public:
  CodeRanker(std::vector<std::string> codes, std::vector<std::string> titles,
             std::unique_ptr<CodeConcepts> concepts, std::unique_ptr<CodeFeatures> features,
             CodedCases cases, ConditionalLogit logit)
      : codes_(std::move(codes)),
        titles_(std::move(titles)),
        concepts_(std::move(concepts)),
        features_(std::move(features)),
        cases_(std::move(cases)),
        logit_(std::move(logit)) {}

  std::vector<RankedAnswer> rank(std::string_view text, size_t most) const override {
    const ConceptReading reading = concepts_->read(text);
    std::vector<double> p = logit_.scores(features_->of(text, reading, cases_));
    const double top = *std::max_element(p.begin(), p.end());
    double sum = 0;
    for (double& v : p) sum += v = std::exp(v - top);
    for (double& v : p) v /= sum;
    return best_answers(codes_, p, most, [&](size_t c) {
      std::string words;
      for (int32_t concept_of : features_->concepts_of(c)) {
        if (reading.named[concept_of]) {
          words += (words.empty() ? "" : ", ") + concepts_->name(concept_of);
        }
      }
      return words;
    });
  }
  bool gives_probabilities() const override { return true; }
  std::string name() const override { return "concepts, titles and nearest cases"; }
  std::string serialize() const override {
    PartsWriter out(kCodeRankerMagic);
    write_texts(out, codes_);
    write_texts(out, titles_);
    write_texts(out, features_->documents());
    out.text(concepts_->source());
    cases_.index.write(out);
    out.numbers<int32_t>(cases_.code);
    out.numbers<double>(logit_.weight);
    return std::move(out).finish();
  }

 private:
  std::vector<std::string> codes_, titles_;
  std::unique_ptr<CodeConcepts> concepts_;
  std::unique_ptr<CodeFeatures> features_;  // refers to *concepts_
  CodedCases cases_;
  ConditionalLogit logit_;
};

class TitleMatcher : public AnswerRanker {
 public:
  TitleMatcher(std::vector<std::string> codes, CaseIndex titles)
      : codes_(std::move(codes)), titles_(std::move(titles)) {}
  std::vector<RankedAnswer> rank(std::string_view text, size_t most) const override {
    return best_answers(codes_, titles_.cosines(text), most, [](size_t) { return std::string(); });
  }
  bool gives_probabilities() const override { return false; }
  std::string name() const override { return "code titles"; }
  std::string serialize() const override {
    PartsWriter out(kTitleMatcherMagic);
    write_texts(out, codes_);
    titles_.write(out);
    return std::move(out).finish();
  }

 private:
  std::vector<std::string> codes_;
  CaseIndex titles_;
};

// The parts of `list` that a ranker keeps: codes and titles.
void columns_of(const CodeList& list, std::vector<std::string>& codes,
                std::vector<std::string>& titles) {
  for (const Code& code : list.codes()) {
    codes.push_back(code.code);
    titles.push_back(code.title);
  }
}

}  // namespace

std::unique_ptr<AnswerRanker> train_code_ranker(std::span<const std::string> texts,
                                                std::span<const std::string> codes,
                                                std::span<const int32_t> groups,
                                                const CodeList& whole, const CodeList& allowed,
                                                CodeConcepts concepts,
                                                const CodeRankerOptions& options) {
  GANTRY_CHECK(texts.size() == codes.size() && texts.size() == groups.size());
  auto kept = std::make_unique<CodeConcepts>(std::move(concepts));
  TrainingCases cases;
  for (size_t i = 0; i < texts.size(); ++i) {
    const int32_t code = allowed.find(codes[i]);
    if (code < 0) continue;
    cases.texts.push_back(texts[i]);
    cases.code.push_back(code);
    cases.group.push_back(groups[i]);
    cases.reading.push_back(kept->read(texts[i]));
  }
  if (cases.texts.size() < kLeastCases) {
    throw Error("E0654",
                "only " + std::to_string(cases.texts.size()) +
                    " training cases have a code of the allowed list " + allowed.name(),
                "Give more cases, or allow more codes.");
  }
  auto features = std::make_unique<CodeFeatures>(allowed, code_documents(allowed, whole), *kept);
  ConditionalLogit logit = fit_weights(cases, *features, options);
  std::vector<size_t> everyone(cases.texts.size());
  std::iota(everyone.begin(), everyone.end(), size_t{0});
  std::vector<std::string> names, titles;
  columns_of(allowed, names, titles);
  return std::make_unique<CodeRanker>(std::move(names), std::move(titles), std::move(kept),
                                      std::move(features), index_of(cases, everyone),
                                      std::move(logit));
}

std::unique_ptr<AnswerRanker> parse_code_ranker(std::string_view bytes) {
  PartsReader in(bytes, kCodeRankerMagic, "code ranker");
  std::vector<std::string> codes = read_texts(in), titles = read_texts(in),
                           documents = read_texts(in);
  auto concepts =
      std::make_unique<CodeConcepts>(CodeConcepts::parse(in.text(), "the ranker's concepts"));
  CaseIndex index = CaseIndex::read(in);
  CodedCases cases{std::move(index), in.numbers<int32_t>()};
  ConditionalLogit logit{in.numbers<double>(), true};
  const auto known = [&](int32_t c) { return c >= 0 && c < static_cast<int32_t>(codes.size()); };
  if (codes.empty() || titles.size() != codes.size() || documents.size() != codes.size() ||
      cases.code.size() != cases.index.cases() ||
      logit.weight.size() != static_cast<size_t>(CodeFeatures::kCount) || !in.at_end() ||
      !std::all_of(cases.code.begin(), cases.code.end(), known)) {
    in.refuse("its parts do not fit each other");
  }
  std::vector<Code> rows;
  for (size_t c = 0; c < codes.size(); ++c) rows.push_back({.code = codes[c], .title = titles[c]});
  const CodeList list("stored", "", std::move(rows));
  auto features = std::make_unique<CodeFeatures>(list, std::move(documents), *concepts);
  return std::make_unique<CodeRanker>(std::move(codes), std::move(titles), std::move(concepts),
                                      std::move(features), std::move(cases), std::move(logit));
}

std::unique_ptr<AnswerRanker> code_title_matcher(const CodeList& whole, const CodeList& allowed) {
  std::vector<std::string> codes, titles;
  columns_of(allowed, codes, titles);
  return std::make_unique<TitleMatcher>(std::move(codes),
                                        CaseIndex::fit(code_documents(allowed, whole), 1));
}

std::unique_ptr<AnswerRanker> parse_title_matcher(std::string_view bytes) {
  PartsReader in(bytes, kTitleMatcherMagic, "code titles");
  std::vector<std::string> codes = read_texts(in);
  CaseIndex titles = CaseIndex::read(in);
  if (titles.cases() != codes.size() || !in.at_end())
    in.refuse("codes and titles differ in number");
  return std::make_unique<TitleMatcher>(std::move(codes), std::move(titles));
}

}  // namespace gantry
