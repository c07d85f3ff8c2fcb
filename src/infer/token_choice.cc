#include "infer/token_choice.h"

#include <algorithm>
#include <cmath>

#include "ops/log_sum_exp.h"

namespace gantry {
namespace {

// Higher logit first, of equals the lower id: one order for every use.
bool before(const std::pair<float, int32_t>& a, const std::pair<float, int32_t>& b) {
  return a.first > b.first || (a.first == b.first && a.second < b.second);
}

}  // namespace

TokenChoice greedy_token(std::span<const float> logits) {
  const RowSummary summary = summarise_row(logits);
  const auto at = static_cast<size_t>(summary.largest);
  return {static_cast<int32_t>(at), static_cast<double>(logits[at]) - summary.log_sum_exp};
}

TokenChoice Sampler::draw(std::span<const float> logits, Random& random) {
  const RowSummary summary = summarise_row(logits);
  const float top = logits[static_cast<size_t>(summary.largest)];
  // Tokens less probable than the best by a factor of e^-40 are never drawn: their sum is below
  // what a double can tell from 0 beside 1.
  const float floor = top - static_cast<float>(40 * temperature_);
  tokens_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= floor) tokens_.emplace_back(logits[i], static_cast<int32_t>(i));
  }
  std::sort(tokens_.begin(), tokens_.end(), before);
  if (top_k_ > 0 && static_cast<size_t>(top_k_) < tokens_.size()) {
    tokens_.resize(static_cast<size_t>(top_k_));
  }
  mass_.clear();
  double sum = 0;
  for (const auto& [logit, token] : tokens_) {
    sum += std::exp((static_cast<double>(logit) - top) / temperature_);
    mass_.push_back(sum);
  }
  const auto last = std::lower_bound(mass_.begin(), mass_.end(), top_p_ * sum);
  const size_t kept = std::min(mass_.size(), static_cast<size_t>(last - mass_.begin()) + 1);
  const double drawn = random.uniform() * mass_[kept - 1];
  const auto it =
      std::upper_bound(mass_.begin(), mass_.begin() + static_cast<int64_t>(kept), drawn);
  const size_t at = std::min(static_cast<size_t>(it - mass_.begin()), kept - 1);
  return {tokens_[at].second, static_cast<double>(tokens_[at].first) - summary.log_sum_exp};
}

std::vector<TokenChoice> best_tokens(std::span<const float> logits, size_t count) {
  const double log_sum = summarise_row(logits).log_sum_exp;
  std::vector<std::pair<float, int32_t>> best;  // a heap, the worst on top
  for (size_t i = 0; i < logits.size(); ++i) {
    const std::pair<float, int32_t> entry(logits[i], static_cast<int32_t>(i));
    if (best.size() == count && !before(entry, best.front())) continue;
    if (best.size() == count) {
      std::pop_heap(best.begin(), best.end(), before);
      best.pop_back();
    }
    best.push_back(entry);
    std::push_heap(best.begin(), best.end(), before);
  }
  std::sort(best.begin(), best.end(), before);
  std::vector<TokenChoice> out;
  for (const auto& [logit, token] : best) {
    out.push_back({token, static_cast<double>(logit) - log_sum});
  }
  return out;
}

}  // namespace gantry
