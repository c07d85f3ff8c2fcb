// The free text that a study gives, where both a language model and training cases speak: of the
// model's text and the nearest cases' texts the one that most agree with (text/text_consensus.h).
// How far the model is trusted is chosen on tuning cases; at 1 its text always stands.
//
//   JoinedText joined(neighbours, item.baseline_text, written.text, modalities, judge);
//   TextAnswer answer = joined.choose(model_weight);
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/answer_ranker.h"
#include "text/text_consensus.h"
#include "workflow/text_judge.h"

namespace gantry {

class JoinedText {
 public:
  // `neighbours`: a nearest-case ranker. `written`: the model's text; none: the neighbours speak
  // alone. `modalities`: the case's, with probabilities, where the study asks for it too: a regimen
  // of a likely modality counts as more alike; none: likeness of the texts alone. Regimens take
  // over the side that the case's text names (text/regimen.h with_side_of). ROUGE's tokens are
  // those of the study's figures (TextJudge).
  JoinedText(const AnswerRanker& neighbours, std::string_view case_text,
             const std::optional<std::string>& written, std::span<const RankedAnswer> modalities,
             const TextJudge& judge);

  struct Choice {
    std::string text;
    double agreement = 0;  // expected ROUGE-1 with what the candidates say, in [0, 1]
    bool by_model = false;
  };
  // model_weight in [0, 1]: the trust in the model's text; the neighbours share the rest by their
  // likeness. Without a model's text all of it is theirs.
  Choice choose(double model_weight) const;

 private:
  bool model_;  // texts_[0] is the model's
  std::vector<std::string> texts_;
  std::vector<double> neighbour_share_;  // of texts_ but the model's, sum 1
  TextConsensus consensus_;
};

// The weights that tuning chooses among: 0, 0.1, ... 1.
std::vector<double> model_weights();

struct WeightChoice {
  double model_weight = 1;
  std::vector<double> mean;  // of each of model_weights()
};
// scores[case][weight]: what each weight's text is worth on each tuning case. The highest mean; of
// equals the one that trusts the model more. No cases: 1.
WeightChoice choose_model_weight(std::span<const std::vector<double>> scores);

}  // namespace gantry
