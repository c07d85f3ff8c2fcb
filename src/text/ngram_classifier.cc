#include "text/ngram_classifier.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/threads.h"
#include "stats/calibration.h"
#include "stats/confusion.h"
#include "text/stored_parts.h"

namespace gantry {
namespace {

constexpr std::string_view kMagic = "GANTRY N-GRAM MODEL 3\n";

BlockTfidf fit_blocks(std::span<const std::string> texts, const NgramClassifierOptions& options) {
  std::vector<TfidfOptions> blocks;
  for (const NgramBlock& block : options.blocks) blocks.push_back(block.tfidf);
  return BlockTfidf::fit(texts, blocks);
}

// The weight of each column's block.
std::vector<double> column_weights(const BlockTfidf& tfidf, const NgramClassifierOptions& options) {
  std::vector<double> weights;
  for (size_t b = 0; b < tfidf.blocks().size(); ++b)
    weights.insert(weights.end(), tfidf.blocks()[b].vocabulary().size(), options.blocks[b].weight);
  return weights;
}

SparseRows weighted_rows(const BlockTfidf& tfidf, std::span<const std::string> texts,
                         const NgramClassifierOptions& options) {
  SparseRows rows = tfidf.transform(texts);
  const std::vector<double> weights = column_weights(tfidf, options);
  for (size_t i = 0; i < rows.value.size(); ++i)
    rows.value[i] *= weights[static_cast<size_t>(rows.column[i])];
  return rows;
}

TfidfOptions read_options(PartsReader& in) {
  TfidfOptions o;
  const int32_t unit = in.number<int32_t>();
  if (unit < 0 || unit > static_cast<int32_t>(NgramUnit::kWord))
    in.refuse("an unknown n-gram unit");
  o.unit = static_cast<NgramUnit>(unit);
  o.shortest = in.number<int32_t>();
  o.longest = in.number<int32_t>();
  if (o.shortest < 1 || o.longest < o.shortest) in.refuse("impossible n-gram lengths");
  o.min_documents = in.number<int64_t>();
  for (bool* flag : {&o.lower_case, &o.sublinear, &o.smooth}) *flag = in.number<uint8_t>() != 0;
  return o;
}

// Cases to fit on and cases kept apart.
struct Fold {
  SparseRows train, held;
  std::vector<int> train_labels, held_labels;
};

// Runs body(0) ... body(n - 1) on the pool. An Error is rethrown here, that of the lowest number.
template <typename Body>
void run_jobs(int64_t n, const Body& body) {
  std::vector<std::exception_ptr> error(n);
  parallel_for(n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      try {
        body(i);
      } catch (...) {
        error[i] = std::current_exception();
      }
    }
  });
  for (const std::exception_ptr& e : error) {
    if (e) std::rethrow_exception(e);
  }
}

// Probabilities of the held-out cases at each candidate: [fold * candidates + candidate]. The fits
// run side by side, each on one thread: the parallel part of a single fit is too short to share.
std::vector<std::vector<double>> held_probabilities(std::span<const Fold> folds, int classes,
                                                    LogisticRegressionOptions options,
                                                    std::span<const double> candidates) {
  // Good to 0.02 in the logits, which is plenty to rank settings by, at 60 % of the time.
  options.gradient_tolerance = std::max(options.gradient_tolerance, 1e-6);
  const auto settings = static_cast<int64_t>(candidates.size());
  std::vector<std::vector<double>> probability(folds.size() * candidates.size());
  run_jobs(static_cast<int64_t>(probability.size()), [&](int64_t job) {
    const Fold& fold = folds[job / settings];
    LogisticRegressionOptions regression = options;
    regression.c = candidates[job % settings];
    const LogisticRegression model =
        LogisticRegression::fit(fold.train, fold.train_labels, classes, regression);
    for (int64_t r = 0; r < fold.held.rows(); ++r) {
      const std::vector<double> p = model.probabilities(fold.held.row(r));
      probability[job].insert(probability[job].end(), p.begin(), p.end());
    }
  });
  return probability;
}

// The candidate with the lowest log loss over the held-out cases of all folds.
CChoice choose(std::span<const Fold> folds, int classes, const LogisticRegressionOptions& options,
               std::span<const double> candidates) {
  const auto by_job = held_probabilities(folds, classes, options, candidates);
  std::vector<int> truth;
  for (const Fold& f : folds) {
    truth.insert(truth.end(), f.held_labels.begin(), f.held_labels.end());
  }
  CChoice choice;
  for (size_t c = 0; c < candidates.size(); ++c) {
    std::vector<double> probability;
    for (size_t f = 0; f < folds.size(); ++f) {
      const std::vector<double>& part = by_job[f * candidates.size() + c];
      probability.insert(probability.end(), part.begin(), part.end());
    }
    const TopLabel top = top_label(classes, probability, truth);
    choice.c.push_back(candidates[c]);
    choice.log_loss.push_back(log_loss(classes, probability, truth));
    choice.macro_f1.push_back(ConfusionMatrix::of(classes, truth, top.predicted).macro_f1());
    if (choice.log_loss[c] < choice.log_loss[choice.chosen]) choice.chosen = c;
  }
  return choice;
}

// Fold of each group: the largest groups first, each to the fold with the fewest cases so far.
std::vector<int> deal_groups(std::span<const int32_t> group, int folds) {
  const int32_t groups = group.empty() ? 0 : *std::max_element(group.begin(), group.end()) + 1;
  std::vector<int64_t> size(groups), load(folds);
  for (int32_t g : group) {
    GANTRY_CHECK(g >= 0);
    ++size[g];
  }
  std::vector<int32_t> order(groups);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return size[a] > size[b]; });
  std::vector<int> fold(groups);
  for (int32_t g : order) {
    fold[g] = static_cast<int>(std::min_element(load.begin(), load.end()) - load.begin());
    load[fold[g]] += size[g];
  }
  return fold;
}

}  // namespace

NgramClassifier::NgramClassifier(BlockTfidf tfidf, LogisticRegression regression)
    : tfidf_(std::move(tfidf)), regression_(std::move(regression)) {}

NgramClassifier NgramClassifier::fit(std::span<const std::string> texts,
                                     std::span<const int> labels, int classes,
                                     const NgramClassifierOptions& options) {
  BlockTfidf tfidf = fit_blocks(texts, options);
  LogisticRegression regression = LogisticRegression::fit(weighted_rows(tfidf, texts, options),
                                                          labels, classes, options.regression);
  // The weights of the blocks go into the regression's, so that answering needs none.
  const std::vector<double> weights = column_weights(tfidf, options);
  for (size_t i = 0; i < regression.weight.size() && !weights.empty(); ++i)
    regression.weight[i] *= weights[i / static_cast<size_t>(classes)];
  return NgramClassifier(std::move(tfidf), std::move(regression));
}

std::vector<double> NgramClassifier::logits(std::string_view text) const {
  return regression_.logits(tfidf_.transform(text));
}

std::vector<double> NgramClassifier::probabilities(std::string_view text) const {
  return regression_.probabilities(tfidf_.transform(text));
}

std::vector<NgramClassifier::Ngram> NgramClassifier::explain(std::string_view text, int c,
                                                             size_t most) const {
  std::vector<Ngram> ngrams;
  for (const Contribution& part : contributions(regression_, tfidf_.transform(text), c)) {
    ngrams.push_back({tfidf_.ngram(part.column), part.value});
  }
  std::stable_sort(ngrams.begin(), ngrams.end(), [](const Ngram& a, const Ngram& b) {
    return std::fabs(a.contribution) > std::fabs(b.contribution);
  });
  if (ngrams.size() > most) ngrams.resize(most);
  return ngrams;
}

std::vector<double> NgramClassifier::contribution_by_byte(std::string_view text, int c) const {
  return tfidf_.by_byte(text, contributions(regression_, tfidf_.transform(text), c));
}

std::string NgramClassifier::serialize() const {
  PartsWriter out(kMagic);
  out.number(static_cast<uint32_t>(tfidf_.blocks().size()));
  for (const Tfidf& block : tfidf_.blocks()) {
    const TfidfOptions& o = block.options();
    out.number(static_cast<int32_t>(o.unit));
    out.number(static_cast<int32_t>(o.shortest));
    out.number(static_cast<int32_t>(o.longest));
    out.number(o.min_documents);
    for (bool flag : {o.lower_case, o.sublinear, o.smooth}) out.number(static_cast<uint8_t>(flag));
    out.number(static_cast<uint64_t>(block.vocabulary().size()));
    for (const std::string& ngram : block.vocabulary()) out.text(ngram);
    out.numbers<double>(block.idf());
  }
  out.number(static_cast<int32_t>(regression_.classes));
  out.number(static_cast<int32_t>(regression_.iterations));
  out.number(static_cast<uint8_t>(regression_.converged));
  out.numbers<double>(regression_.intercept);
  out.numbers<double>(regression_.weight);
  return std::move(out).finish();
}

NgramClassifier NgramClassifier::parse(std::string_view bytes) {
  PartsReader in(bytes, kMagic, "n-gram model");
  std::vector<Tfidf> blocks;
  for (uint32_t left = in.number<uint32_t>(); left > 0; --left) {
    const TfidfOptions o = read_options(in);
    std::vector<std::string> vocabulary;
    for (uint64_t n = in.number<uint64_t>(); n > 0; --n) vocabulary.emplace_back(in.text());
    std::vector<double> idf = in.numbers<double>();
    if (idf.size() != vocabulary.size()) in.refuse("weights and vocabulary differ in size");
    blocks.emplace_back(o, std::move(vocabulary), std::move(idf));
  }
  if (blocks.empty()) in.refuse("no block");
  BlockTfidf tfidf(std::move(blocks));

  LogisticRegression regression;
  regression.classes = in.number<int32_t>();
  regression.iterations = in.number<int32_t>();
  regression.converged = in.number<uint8_t>() != 0;
  regression.features = tfidf.columns();
  regression.intercept = in.numbers<double>();
  regression.weight = in.numbers<double>();
  if (regression.classes < 1 ||
      regression.intercept.size() != static_cast<size_t>(regression.classes) ||
      regression.weight.size() !=
          regression.intercept.size() * static_cast<size_t>(tfidf.columns()) ||
      !in.at_end()) {
    in.refuse("weights and groups differ in size");
  }
  return NgramClassifier(std::move(tfidf), std::move(regression));
}

CChoice choose_c(std::span<const std::string> texts, std::span<const int> labels,
                 std::span<const int32_t> group, int classes, const NgramClassifierOptions& options,
                 std::span<const double> candidates, int folds) {
  GANTRY_CHECK(texts.size() == labels.size() && texts.size() == group.size() && folds >= 2);
  const std::vector<int> fold = deal_groups(group, folds);
  std::vector<Fold> parts(folds);
  run_jobs(folds, [&](int64_t f) {
    std::vector<std::string> train, held;
    for (size_t i = 0; i < texts.size(); ++i) {
      const bool out = fold[group[i]] == f;
      (out ? held : train).push_back(texts[i]);
      (out ? parts[f].held_labels : parts[f].train_labels).push_back(labels[i]);
    }
    if (held.empty()) return;
    const BlockTfidf tfidf = fit_blocks(train, options);
    parts[f].train = weighted_rows(tfidf, train, options);
    parts[f].held = weighted_rows(tfidf, held, options);
  });
  std::erase_if(parts, [](const Fold& part) { return part.held_labels.empty(); });
  return choose(parts, classes, options.regression, candidates);
}

CChoice choose_c_on_tuning(std::span<const std::string> texts, std::span<const int> labels,
                           std::span<const std::string> tuning_texts,
                           std::span<const int> tuning_labels, int classes,
                           const NgramClassifierOptions& options,
                           std::span<const double> candidates) {
  const BlockTfidf tfidf = fit_blocks(texts, options);
  Fold part{
      weighted_rows(tfidf, texts, options), weighted_rows(tfidf, tuning_texts, options), {}, {}};
  part.train_labels.assign(labels.begin(), labels.end());
  part.held_labels.assign(tuning_labels.begin(), tuning_labels.end());
  return choose({&part, 1}, classes, options.regression, candidates);
}

}  // namespace gantry
