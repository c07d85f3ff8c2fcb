#include "text/text_consensus.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace gantry {

TextConsensus::TextConsensus(const std::vector<std::string>& texts, const RougeTokens& tokens)
    : size_(texts.size()), gain_(size_ * size_, 1) {
  for (size_t i = 0; i < size_; ++i)
    for (size_t j = 0; j < i; ++j)
      gain_[i * size_ + j] = gain_[j * size_ + i] =
          texts[i] == texts[j] ? 1 : rouge(texts[i], texts[j], tokens).rouge1.f1;
}

TextConsensus::Choice TextConsensus::choose(std::span<const double> p) const {
  GANTRY_CHECK(p.size() == size_ && size_ > 0);
  Choice best{.text = 0, .agreement = -1};
  for (size_t i = 0; i < size_; ++i) {
    double sum = 0;
    for (size_t j = 0; j < size_; ++j) sum += p[j] * gain_[i * size_ + j];
    if (sum > best.agreement) best = {.text = i, .agreement = sum};
  }
  return best;
}

std::vector<double> softmax_of(std::span<const double> scores, double temperature) {
  GANTRY_CHECK(!scores.empty() && temperature > 0);
  const double highest = *std::max_element(scores.begin(), scores.end());
  std::vector<double> p;
  double sum = 0;
  for (double score : scores) sum += p.emplace_back(std::exp((score - highest) / temperature));
  for (double& one : p) one /= sum;
  return p;
}

}  // namespace gantry
