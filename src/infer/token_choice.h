// The next token of a sequence, from its logits.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/random.h"

namespace gantry {

struct TokenChoice {
  int32_t token = 0;
  double log_probability = 0;  // of the model itself, whatever temperature and top_p
};

TokenChoice greedy_token(std::span<const float> logits);

// Softmax of logits / temperature, restricted to the top_k most probable tokens (0: all) and then
// to the fewest of them that hold top_p of the probability; one draw of `random` a token.
class Sampler {
 public:
  Sampler(double temperature, double top_p, int64_t top_k)
      : temperature_(temperature), top_p_(top_p), top_k_(top_k) {}
  TokenChoice draw(std::span<const float> logits, Random& random);

 private:
  double temperature_, top_p_;
  int64_t top_k_;
  std::vector<std::pair<float, int32_t>> tokens_;  // logit, token
  std::vector<double> mass_;
};

// The `count` most probable tokens, best first; of equals the lower id first.
std::vector<TokenChoice> best_tokens(std::span<const float> logits, size_t count);

}  // namespace gantry
