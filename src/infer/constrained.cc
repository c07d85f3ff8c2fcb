#include "infer/constrained.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/progress.h"
#include "infer/trie_pass.h"
#include "ops/log_sum_exp.h"

namespace gantry {
namespace {

constexpr size_t kPromptsAtOnce = 32;  // prompts searched at once: some 100 to 250 rows a pass
// Of prompts and the answers scored behind them, each branch of which holds a page of the cache.
constexpr int64_t kTriePassTokens = 512;

// A prefix of answers that is followed. Tokens that nothing else can follow are taken together.
struct Beam {
  Sequence sequence = -1;      // -1: only the prompt's own, its path is not in it
  double log_probability = 0;  // of the tokens up to `node`, after run()
  int32_t node = AnswerTrie::kRoot;
  std::vector<int32_t> path;    // its tokens behind the prompt
  std::vector<int32_t> tokens;  // the last of them, computed in the coming pass
  std::vector<double> next;     // log p of each edge of `node`
  int64_t first_row = 0;
};

struct Finished {
  int32_t answer;
  double log_probability;
};

// The search for one prompt. Nodes that were computed with the prompt are known: beams pass through
// them without a row of their own.
class Ranker {
 public:
  Ranker(DecoderInference& engine, const AnswerTrie& trie, const RankSettings& settings)
      : engine_(engine), trie_(trie), settings_(settings) {}

  // The edges of a node, from the prompt's own pass.
  void know(int32_t node, std::vector<double> edges) { known_[node] = std::move(edges); }
  // Once the root is known. The sequence ends with the prompt and is closed when the search ends.
  void start(Sequence prompt) {
    prompt_ = prompt;
    beams_.push_back({.next = known_.at(AnswerTrie::kRoot)});
    advance();
  }
  // log p of an answer all of whose nodes are known.
  double log_probability(int32_t answer) const;

  bool done() const { return beams_.empty(); }
  std::vector<Beam>& beams() { return beams_; }

  // Row `within` of a beam's rows: the last gives the edges, the others the tokens that
  // were taken together.
  void take_row(Beam& beam, int64_t within, std::span<const float> logits) const {
    if (within + 1 < static_cast<int64_t>(beam.tokens.size())) {
      const int32_t token = beam.tokens[static_cast<size_t>(within) + 1];
      beam.log_probability += static_cast<double>(logits[static_cast<size_t>(token)]) -
                              summarise_row(logits).log_sum_exp;
      return;
    }
    edge_log_probabilities(trie_, beam.node, logits, beam.next);
  }

  // Follows the best prefixes on until one of them needs rows, and plans those.
  void advance() {
    while (!beams_.empty() && !step()) {
    }
    if (beams_.empty()) engine_.close(prompt_);
  }
  ScoredAnswers result() const;

 private:
  struct Candidate {
    double log_probability;
    size_t beam;
    const AnswerTrie::Edge* edge;
  };
  bool step();  // whether rows were planned
  void follow(const Candidate& candidate, std::vector<Beam>& next);
  bool plan();
  std::vector<Candidate> take_edges();
  void drop(double log_probability) { dropped_.push_back(log_probability); }
  double worst_of_top() const;

  DecoderInference& engine_;
  const AnswerTrie& trie_;
  const RankSettings& settings_;
  Sequence prompt_ = -1;
  std::unordered_map<int32_t, std::vector<double>> known_;
  std::vector<Beam> beams_;
  std::vector<Finished> finished_;
  std::vector<double> dropped_;
};

double Ranker::log_probability(int32_t answer) const {
  double sum = 0;
  int32_t node = AnswerTrie::kRoot;
  const auto take = [&](int32_t token) {
    const AnswerTrie::Edge* edge = trie_.child(node, token);
    sum += known_.at(node)[static_cast<size_t>(edge - trie_.children(node).data())];
    return edge->target;
  };
  for (int32_t token : trie_.tokens(static_cast<size_t>(answer))) node = take(token);
  take(trie_.end_id());
  return sum;
}

// What an answer must beat to be among those returned.
double Ranker::worst_of_top() const {
  if (finished_.size() < settings_.top) return -std::numeric_limits<double>::infinity();
  std::vector<double> values;
  for (const Finished& f : finished_) values.push_back(f.log_probability);
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(settings_.top) - 1,
                   values.end(), std::greater<>());
  return values[settings_.top - 1];
}

// Of the beams' edges those that end an answer are finished, the others may be followed.
std::vector<Ranker::Candidate> Ranker::take_edges() {
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
  return candidates;
}

// The beam of an edge, and of the only way on from there. What is known is taken, the rest becomes
// tokens of the coming pass; along an only way either all nodes are known or none.
void Ranker::follow(const Candidate& candidate, std::vector<Beam>& next) {
  const Beam& from = beams_[candidate.beam];
  Beam beam;
  beam.log_probability = candidate.log_probability;
  beam.path = from.path;
  const AnswerTrie::Edge* edge = candidate.edge;
  for (;;) {
    beam.node = edge->target;
    beam.path.push_back(edge->token);
    const auto known = known_.find(beam.node);
    if (known == known_.end()) {
      beam.tokens.push_back(edge->token);
    } else {
      beam.next = known->second;
    }
    const auto edges = trie_.children(beam.node);
    if (edges.size() != 1 || edges[0].is_answer()) break;
    if (known != known_.end()) beam.log_probability += known->second[0];
    edge = &edges[0];
  }
  if (!beam.tokens.empty())
    beam.sequence = engine_.fork(from.sequence >= 0 ? from.sequence : prompt_);
  next.push_back(std::move(beam));
}

bool Ranker::plan() {
  bool planned = false;
  for (Beam& beam : beams_) {
    if (beam.tokens.empty()) continue;
    // Behind the prompt alone, the path is still to be computed.
    const auto before = static_cast<int64_t>(beam.path.size() - beam.tokens.size());
    const int64_t there = engine_.length(beam.sequence) - engine_.length(prompt_);
    const std::span<const int32_t> path(beam.path);
    if (there < before)
      engine_.add(beam.sequence,
                  path.subspan(static_cast<size_t>(there), static_cast<size_t>(before - there)),
                  Wanted::kNone);
    beam.first_row = engine_.add(beam.sequence, beam.tokens, Wanted::kAll);
    planned = true;
  }
  return planned;
}

bool Ranker::step() {
  const std::vector<Candidate> candidates = take_edges();
  const auto width = static_cast<size_t>(settings_.beams);
  const bool whole_list = width >= trie_.size();
  const double bar = whole_list ? -std::numeric_limits<double>::infinity() : worst_of_top();
  size_t kept = 0;
  while (kept < std::min(width, candidates.size()) && candidates[kept].log_probability > bar) {
    ++kept;
  }
  for (size_t i = kept; i < candidates.size(); ++i) drop(candidates[i].log_probability);

  std::vector<Beam> next;
  for (size_t i = 0; i < kept; ++i) follow(candidates[i], next);
  for (Beam& beam : beams_)
    if (beam.sequence >= 0) engine_.close(beam.sequence);
  beams_ = std::move(next);
  return plan();
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
      const size_t rows = beam.tokens.size();
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

// Nodes on the way to these answers.
std::unordered_set<int32_t> nodes_of(const AnswerTrie& trie, std::span<const int32_t> answers) {
  std::unordered_set<int32_t> nodes;
  for (int32_t answer : answers) {
    int32_t node = AnswerTrie::kRoot;
    for (int32_t token : trie.tokens(static_cast<size_t>(answer)))
      nodes.insert(node = trie.child(node, token)->target);
  }
  return nodes;
}

// Prompts [first, last): computed, with the answers of settings.also behind each.
void compute_prompts(LanguageModel& model, const AnswerTrie& trie, const RankSettings& settings,
                     PromptStarts& starts, size_t first, size_t last,
                     std::vector<Ranker>& rankers) {
  DecoderInference& engine = model.engine();
  TriePass pass(engine, trie, starts);
  std::vector<Sequence> sequences(last - first);
  for (size_t i = first; i < last; ++i) {
    const auto nodes =
        nodes_of(trie, settings.also.empty() ? std::vector<int32_t>() : settings.also[i]);
    pass.plan(i, &nodes);
    if (engine.planned_rows() < kTriePassTokens && i + 1 < last) continue;
    pass.run(
        [&](size_t prompt, int32_t node, std::vector<double> edges) {
          rankers[prompt - first].know(node, std::move(edges));
        },
        [&](size_t prompt, Sequence sequence) {
          starts.keep(prompt, sequence);
          sequences[prompt - first] = sequence;
        });
  }
  for (size_t i = 0; i < rankers.size(); ++i) rankers[i].start(sequences[i]);
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
  GANTRY_CHECK(settings.also.empty() || settings.also.size() == prompts.size());
  EngineGuard guard(model);
  DecoderInference& engine = model.engine();
  PromptStarts starts(model, prompts);
  const size_t batch = settings.batch > 0 ? static_cast<size_t>(settings.batch) : kPromptsAtOnce;
  for (size_t first = 0; first < prompts.size(); first += batch) {
    const size_t last = std::min(prompts.size(), first + batch);
    std::vector<Ranker> rankers;
    for (size_t i = first; i < last; ++i) rankers.emplace_back(engine, answers, settings);
    compute_prompts(model, answers, settings, starts, first, last, rankers);
    while (engine.planned_rows() > 0) {
      run_pass(engine, rankers);
      for (Ranker& ranker : rankers) {
        if (!ranker.done()) ranker.advance();
      }
    }
    for (size_t i = first; i < last; ++i) {
      results[i] = rankers[i - first].result();
      if (settings.also.empty()) continue;
      for (int32_t answer : settings.also[i])
        results[i].also.push_back(rankers[i - first].log_probability(answer));
    }
    if (settings.progress) settings.progress(last);
    throw_if_interrupted("The cases so far are not kept.");
  }
  return results;
}

}  // namespace gantry
