#include "infer/beam_search.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/progress.h"
#include "infer/answer_text.h"
#include "infer/token_choice.h"
#include "models/decoder_inference.h"

namespace gantry {
namespace {

constexpr size_t kRows = 32;  // open hypotheses of all prompts at once

struct Hypothesis {
  Sequence sequence = -1;
  std::vector<int32_t> ids;
  double log_probability = 0;
  std::vector<TokenChoice> next;
};

struct Complete {
  std::vector<int32_t> ids;
  double log_probability, score;
  StopReason stop;
};

class BeamSearch {
 public:
  BeamSearch(LanguageModel& model, const GenerationSettings& settings, size_t prompt,
             PromptStarts& starts)
      : model_(&model), settings_(&settings), prompt_(prompt) {
    Hypothesis first;
    first.sequence = starts.begin(prompt);
    model.engine().add(first.sequence, starts.rest(prompt), Wanted::kLast);
    open_.push_back(std::move(first));
  }

  size_t prompt() const { return prompt_; }
  bool done() const { return open_.empty(); }
  std::vector<Hypothesis>& open() { return open_; }

  void plan() {
    for (Hypothesis& h : open_) {
      model_->engine().add(h.sequence, std::span(&h.ids.back(), 1), Wanted::kLast);
    }
  }
  void advance();
  GenerationResult result() const;

 private:
  double score(double log_probability, size_t tokens) const {
    return log_probability / std::pow(static_cast<double>(tokens), settings_->length_penalty);
  }
  void complete(std::vector<int32_t> ids, double log_probability, size_t tokens, StopReason stop);
  void finish_if_settled();
  void close_open() {
    for (const Hypothesis& h : open_) model_->engine().close(h.sequence);
    open_.clear();
  }

  LanguageModel* model_;
  const GenerationSettings* settings_;
  size_t prompt_;
  std::vector<Hypothesis> open_;
  std::vector<Complete> complete_;  // best first, at most as many as beams
};

void BeamSearch::complete(std::vector<int32_t> ids, double log_probability, size_t tokens,
                          StopReason stop) {
  complete_.push_back({std::move(ids), log_probability, score(log_probability, tokens), stop});
  std::stable_sort(complete_.begin(), complete_.end(),
                   [](const Complete& a, const Complete& b) { return a.score > b.score; });
  if (complete_.size() > static_cast<size_t>(settings_->beams)) complete_.pop_back();
}

// The 2 x beams best continuations hold at least `beams` that do not end the answer.
void BeamSearch::advance() {
  struct Candidate {
    double log_probability;
    size_t from;
    int32_t token;
  };
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < open_.size(); ++i) {
    for (const TokenChoice& choice : open_[i].next) {
      candidates.push_back({open_[i].log_probability + choice.log_probability, i, choice.token});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    return a.log_probability > b.log_probability;
  });
  const auto beams = static_cast<size_t>(settings_->beams);
  std::vector<Hypothesis> next;
  std::vector<size_t> from;
  for (size_t rank = 0; rank < candidates.size() && next.size() < beams; ++rank) {
    const Candidate& c = candidates[rank];
    const Hypothesis& parent = open_[c.from];
    if (ends_answer(*model_, *settings_, c.token)) {
      // An end that is not among the best would not have been followed either.
      if (rank < beams)
        complete(parent.ids, c.log_probability, parent.ids.size() + 1, StopReason::kEnd);
      continue;
    }
    Hypothesis h;
    h.ids = parent.ids;
    h.ids.push_back(c.token);
    h.log_probability = c.log_probability;
    AnswerText text(model_->tokenizer(), settings_->stop_texts);
    text.update(h.ids);
    if (text.stopped()) {
      const size_t tokens = h.ids.size();
      complete(std::move(h.ids), h.log_probability, tokens, StopReason::kStopText);
      continue;
    }
    from.push_back(c.from);
    next.push_back(std::move(h));
  }
  for (size_t i = 0; i < next.size(); ++i) {
    next[i].sequence = model_->engine().fork(open_[from[i]].sequence, true);
  }
  close_open();
  open_ = std::move(next);
  finish_if_settled();
}

void BeamSearch::finish_if_settled() {
  if (open_.empty()) return;
  const size_t tokens = open_.front().ids.size();
  const bool long_enough = static_cast<int64_t>(tokens) >= settings_->max_tokens;
  const bool full = model_->engine().length(open_.front().sequence) + 1 >= model_->context();
  if (long_enough || full || interrupted()) {
    const StopReason stop = interrupted() ? StopReason::kInterrupted
                            : long_enough ? StopReason::kMaxTokens
                                          : StopReason::kContext;
    for (Hypothesis& h : open_) complete(h.ids, h.log_probability, tokens, stop);
    return close_open();
  }
  if (complete_.size() < static_cast<size_t>(settings_->beams)) return;
  // Certain tokens cost nothing, so that length alone may lift a score.
  const auto longest = static_cast<size_t>(settings_->max_tokens);
  const double reach = settings_->length_penalty > 0 ? score(open_.front().log_probability, longest)
                                                     : score(open_.front().log_probability, tokens);
  if (reach <= complete_.back().score) close_open();
}

GenerationResult BeamSearch::result() const {
  const Complete& best = complete_.front();
  AnswerText text(model_->tokenizer(), settings_->stop_texts);
  text.update(best.ids);
  return {best.ids, text.text(), best.log_probability, best.stop};
}

void run_pass(DecoderInference& engine, std::vector<BeamSearch>& searches, size_t choices) {
  std::vector<Hypothesis*> rows;
  for (BeamSearch& search : searches) {
    for (Hypothesis& h : search.open()) rows.push_back(&h);
  }
  engine.run([&](int64_t first, Matrix<const float> logits) {
    for (int64_t r = 0; r < logits.rows; ++r) {
      rows[static_cast<size_t>(first + r)]->next =
          best_tokens(std::span(logits.row(r), static_cast<size_t>(logits.cols)), choices);
    }
  });
}

}  // namespace

std::vector<GenerationResult> search_beams(LanguageModel& model,
                                           std::span<const std::vector<int32_t>> prompts,
                                           const GenerationSettings& settings, PromptStarts& starts,
                                           const StreamCallback& stream, const DoneCallback& done) {
  const auto beams = static_cast<size_t>(settings.beams);
  const size_t at_once =
      settings.batch > 0 ? static_cast<size_t>(settings.batch) : std::max<size_t>(1, kRows / beams);
  std::vector<GenerationResult> results(prompts.size());
  std::vector<BeamSearch> active;
  size_t next = 0;
  while (next < prompts.size() || !active.empty()) {
    for (BeamSearch& search : active) search.plan();
    for (; next < prompts.size() && active.size() < at_once; ++next) {
      active.emplace_back(model, settings, next, starts);
    }
    run_pass(model.engine(), active, 2 * beams);
    for (BeamSearch& search : active) {
      search.advance();
      if (!search.done()) continue;
      GenerationResult& result = results[search.prompt()] = search.result();
      if (stream) stream(search.prompt(), result.text);
      if (done) done(search.prompt(), result);
    }
    std::erase_if(active, [](const BeamSearch& search) { return search.done(); });
    if (interrupted()) next = prompts.size();
  }
  return results;
}

}  // namespace gantry
