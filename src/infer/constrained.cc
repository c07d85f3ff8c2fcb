#include "infer/constrained.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "base/progress.h"
#include "infer/prompt_prefix.h"
#include "models/decoder_inference.h"
#include "ops/log_sum_exp.h"

namespace gantry {
namespace {

constexpr int64_t kBatch = 24;  // prompts decoded at once: some 100 to 200 rows a pass

// A prefix of answers that is followed. Tokens that nothing else can follow are taken together.
struct Beam {
  Sequence sequence = -1;
  double log_probability = 0;  // of the tokens up to `node`, after run()
  int32_t node = AnswerTrie::kRoot;
  std::vector<int32_t> tokens;  // planned in the coming pass
  std::vector<double> next;     // log p of each edge of `node`
  int64_t first_row = 0;
};

struct Finished {
  int32_t answer;
  double log_probability;
};

class Ranker {
 public:
  Ranker(DecoderInference& engine, const AnswerTrie& trie, const RankSettings& settings)
      : engine_(engine), trie_(trie), settings_(settings) {}

  // Starts with the prompt's own rest, behind the shared beginning.
  void start(Sequence prefix, std::span<const int32_t> rest) {
    Beam beam;
    beam.sequence = engine_.fork(prefix);
    beam.tokens.assign(rest.begin(), rest.end());
    beam.first_row = engine_.add(beam.sequence, rest, Wanted::kLast);
    beams_.push_back(std::move(beam));
    started_ = false;
  }
  bool done() const { return beams_.empty(); }
  std::vector<Beam>& beams() { return beams_; }

  // A prompt gives the row of its last token only, a beam one for each token.
  size_t rows_of(const Beam& beam) const { return started_ ? beam.tokens.size() : 1; }

  // Row `within` of a beam's rows: the last gives the edges, the others the tokens that
  // were taken together.
  void take_row(Beam& beam, int64_t within, std::span<const float> logits) const {
    const double log_sum = summarise_row(logits).log_sum_exp;
    const auto of = [&](int32_t token) {
      return static_cast<double>(logits[static_cast<size_t>(token)]) - log_sum;
    };
    if (started_ && within + 1 < static_cast<int64_t>(beam.tokens.size())) {
      beam.log_probability += of(beam.tokens[static_cast<size_t>(within) + 1]);
      return;
    }
    beam.next.clear();
    for (const AnswerTrie::Edge& edge : trie_.children(beam.node)) {
      beam.next.push_back(of(edge.token));
    }
  }

  // Follows the best prefixes one step on and plans their rows.
  void advance();
  ScoredAnswers result() const;

 private:
  struct Candidate {
    double log_probability;
    size_t beam;
    const AnswerTrie::Edge* edge;
  };
  void drop(double log_probability) { dropped_.push_back(log_probability); }
  double worst_of_top() const;

  DecoderInference& engine_;
  const AnswerTrie& trie_;
  const RankSettings& settings_;
  std::vector<Beam> beams_;
  std::vector<Finished> finished_;
  std::vector<double> dropped_;
  bool started_ = false;
};

// What an answer must beat to be among those returned.
double Ranker::worst_of_top() const {
  if (finished_.size() < settings_.top) return -std::numeric_limits<double>::infinity();
  std::vector<double> values;
  for (const Finished& f : finished_) values.push_back(f.log_probability);
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(settings_.top) - 1,
                   values.end(), std::greater<>());
  return values[settings_.top - 1];
}

void Ranker::advance() {
  std::vector<Candidate> candidates;
  for (size_t b = 0; b < beams_.size(); ++b) {
    const auto edges = trie_.children(beams_[b].node);
    for (size_t e = 0; e < edges.size(); ++e) {
      const double log_probability = beams_[b].log_probability + beams_[b].next[e];
      if (edges[e].is_answer()) {
        finished_.push_back({edges[e].answer(), log_probability});
      } else {
        candidates.push_back({log_probability, b, &edges[e]});
      }
    }
  }
  // Of equals the first in the list's order of tokens: nothing depends on chance.
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto& x, const auto& y) {
    return x.log_probability > y.log_probability;
  });
  const auto width = static_cast<size_t>(settings_.beams);
  const bool whole_list = width >= trie_.size();
  const double bar = whole_list ? -std::numeric_limits<double>::infinity() : worst_of_top();
  size_t kept = 0;
  while (kept < std::min(width, candidates.size()) && candidates[kept].log_probability > bar) {
    ++kept;
  }
  for (size_t i = kept; i < candidates.size(); ++i) drop(candidates[i].log_probability);

  std::vector<Beam> next;
  for (size_t i = 0; i < kept; ++i) {
    const Candidate& c = candidates[i];
    Beam beam;
    beam.sequence = engine_.fork(beams_[c.beam].sequence);
    beam.log_probability = c.log_probability;
    beam.node = c.edge->target;
    beam.tokens = {c.edge->token};
    for (auto edges = trie_.children(beam.node); edges.size() == 1 && !edges[0].is_answer();
         edges = trie_.children(beam.node)) {
      beam.tokens.push_back(edges[0].token);
      beam.node = edges[0].target;
    }
    next.push_back(std::move(beam));
  }
  for (Beam& beam : beams_) engine_.close(beam.sequence);
  beams_ = std::move(next);
  for (Beam& beam : beams_) beam.first_row = engine_.add(beam.sequence, beam.tokens, Wanted::kAll);
  started_ = true;
}

ScoredAnswers Ranker::result() const {
  std::vector<Finished> all = finished_;
  std::stable_sort(all.begin(), all.end(), [](const Finished& a, const Finished& b) {
    return a.log_probability > b.log_probability ||
           (a.log_probability == b.log_probability && a.answer < b.answer);
  });
  ScoredAnswers result;
  const double top = all.front().log_probability;
  double found = 0, dropped = 0;
  for (const Finished& f : all) found += std::exp(f.log_probability - top);
  for (double x : dropped_) dropped += std::exp(x - top);
  result.dropped = dropped / (found + dropped);
  result.exact = dropped_.empty();
  all.resize(std::min(all.size(), settings_.top));
  for (const Finished& f : all) {
    const double mass = std::exp(f.log_probability - top);
    result.answers.push_back({f.answer, f.log_probability, mass / (found + dropped), mass / found});
  }
  return result;
}

// The rankers' rows of the coming pass, in order.
void run_pass(DecoderInference& engine, std::vector<Ranker>& rankers) {
  struct Place {
    Ranker* ranker;
    Beam* beam;
    int64_t within;
  };
  std::vector<Place> places;
  for (Ranker& ranker : rankers) {
    for (Beam& beam : ranker.beams()) {
      const auto first = static_cast<size_t>(beam.first_row);
      const size_t rows = ranker.rows_of(beam);
      if (places.size() < first + rows) places.resize(first + rows);
      for (size_t i = 0; i < rows; ++i)
        places[first + i] = {&ranker, &beam, static_cast<int64_t>(i)};
    }
  }
  engine.run([&](int64_t first, Matrix<const float> logits) {
    for (int64_t r = 0; r < logits.rows; ++r) {
      const Place& place = places[static_cast<size_t>(first + r)];
      place.ranker->take_row(*place.beam, place.within,
                             std::span(logits.row(r), static_cast<size_t>(logits.cols)));
    }
  });
}

}  // namespace

std::vector<ScoredAnswers> rank_answers(LanguageModel& model,
                                        std::span<const std::vector<int32_t>> prompts,
                                        const AnswerTrie& answers, const RankSettings& settings) {
  if (settings.beams < 1 || settings.top < 1)
    throw Error(
        "E0764",
        "beams = " + std::to_string(settings.beams) + ", top = " + std::to_string(settings.top),
        "Both must be at least 1.");
  std::vector<ScoredAnswers> results(prompts.size());
  if (prompts.empty()) return results;
  check_prompts(model, prompts, answers.longest());
  EngineGuard guard(model);
  DecoderInference& engine = model.engine();
  const SharedPrefix prefix = share_prefix(model, prompts);
  const auto batch = static_cast<size_t>(settings.batch > 0 ? settings.batch : kBatch);
  for (size_t first = 0; first < prompts.size(); first += batch) {
    const size_t last = std::min(prompts.size(), first + batch);
    std::vector<Ranker> rankers;
    rankers.reserve(last - first);
    for (size_t i = first; i < last; ++i) {
      rankers.emplace_back(engine, answers, settings);
      rankers.back().start(prefix.sequence,
                           std::span(prompts[i]).subspan(static_cast<size_t>(prefix.length)));
    }
    while (engine.planned_rows() > 0) {
      run_pass(engine, rankers);
      for (Ranker& ranker : rankers) {
        if (!ranker.done()) ranker.advance();
      }
    }
    for (size_t i = first; i < last; ++i) results[i] = rankers[i - first].result();
    if (settings.progress) settings.progress(last);
    throw_if_interrupted("The cases so far are not kept.");
  }
  return results;
}

}  // namespace gantry
