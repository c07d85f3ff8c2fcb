// TextConsensus: of several candidate texts the one that agrees most with all of them, by minimum
// Bayes risk (Kumar and Byrne, HLT-NAACL 2004) with the F1 of ROUGE-1 as the gain:
//
//   E(i) = sum over j of p(j) ROUGE-1(candidate i, candidate j)
//
// where p is how far each candidate is trusted. A text that three neighbours nearly agree on beats
// the single nearest one when that is odd.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "text/rouge.h"

namespace gantry {

class TextConsensus {
 public:
  // Compares the texts pair by pair: size^2 / 2 calls of rouge().
  TextConsensus(const std::vector<std::string>& texts, const RougeTokens& tokens);

  struct Choice {
    size_t text = 0;       // index of the best; the first of equals
    double agreement = 0;  // E, in [0, 1]
  };
  // p: one a text, not negative, with a sum of 1.
  Choice choose(std::span<const double> p) const;

 private:
  size_t size_;
  std::vector<double> gain_;  // [size, size], symmetric
};

// exp(score / temperature), scaled to a sum of 1.
std::vector<double> softmax_of(std::span<const double> scores, double temperature);

}  // namespace gantry
