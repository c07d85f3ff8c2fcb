// Answers out of a list (groups, codes): what the voices of a study's model say to each candidate,
// how they are joined, and what the tuning cases decide about that.
//
// A voice gives natural log-probabilities. The joined score of a candidate is
// (1 - w) * model + w * ranker, probabilities are softmax(score / temperature) over the case's
// candidates: a log-linear pool (Genest and Zidek, Stat Sci 1986;1:114).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stats/abstention.h"

namespace gantry {

// One case: its candidates, and what each voice gives them. A voice that does not speak is empty.
struct ListScores {
  std::vector<std::string> answers;
  std::vector<double> model, ranker;          // [answers]
  int find(const std::string& answer) const;  // -1: not a candidate
};

// What was decided on tuning cases.
struct ListChoice {
  double ranker_weight = 0;
  double temperature = 1;
  bool abstains = false;  // false: no threshold keeps the stated error rate; every answer is given
  double threshold = 0;   // an answer is given when its probability is at least this
  AbstentionThreshold abstention;
  std::string note;  // said in the report where no threshold was found
};

struct ListRule {
  double error_rate = 0.02;
  bool upper_bound = false;
  bool tune_weight = true;  // false: both voices weigh the same
};

// [answers]; temperature 1 when none was chosen yet.
std::vector<double> joined_probabilities(const ListScores& scores, const ListChoice& choice);

// The weight with the lowest log loss on the cases whose truth is among their candidates, each
// weight at its best temperature; then temperature and threshold for that weight. A truth outside
// the candidates counts as an error where the threshold is chosen. truth[i]: a candidate or not.
ListChoice choose_list(std::span<const ListScores> cases, std::span<const std::string> truth,
                       const ListRule& rule);
// Temperature and threshold for a weight that is given.
ListChoice calibrate_list(std::span<const ListScores> cases, std::span<const std::string> truth,
                          double ranker_weight, const ListRule& rule);

// Highest first; ties by answer.
struct RankedProbability {
  std::string answer;
  double probability = 0;
};
std::vector<RankedProbability> ranked_answers(const ListScores& scores,
                                              std::span<const double> probability, size_t most);

}  // namespace gantry
