// Voice: a model that is asked about cases and gives log-probabilities of every group and code, or
// free text. StudyAnswerer joins what voices and rankers say.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "text/code_list.h"
#include "workflow/prompt_maker.h"

namespace gantry {

// What a voice says about one case.
struct VoiceList {
  std::string refused;                  // why it cannot read the case; "" when it did
  std::vector<double> log_probability;  // of the list that was asked for, natural logarithm
  std::vector<std::pair<std::string, double>> found;  // by a search over the whole list, best first
  int64_t tokens = 0, taken_out = 0;
};

struct VoiceText {
  std::string refused;
  std::string text;
  double confidence = 0;  // geometric mean probability of its tokens
  bool ended = true;      // false: cut at the most tokens allowed
  int64_t tokens = 0, taken_out = 0;
};

class Voice {
 public:
  virtual ~Voice() = default;
  virtual bool gives(AnswerKind kind) const = 0;
  // The same examples before every case, where the voice reads a prompt; empty: none. They must
  // outlive their use.
  virtual void show(AnswerKind kind, std::vector<PromptExample> examples) = 0;
  // One result a case, in order. Log-probabilities of every answer of `list` as a whole.
  virtual std::vector<VoiceList> score(std::span<const Case> cases, AnswerKind kind,
                                       const std::vector<std::string>& list,
                                       const ProgressSink& progress) = 0;
  // Likewise for codes: the candidates of each case, which `allowed` holds (none: only the search),
  // and what a search over `allowed` finds.
  virtual std::vector<VoiceList> score_codes(std::span<const Case> cases,
                                             std::span<const std::vector<std::string>> candidates,
                                             const CodeList& allowed,
                                             const ProgressSink& progress) = 0;
  virtual std::vector<VoiceText> write(std::span<const Case> cases,
                                       const ProgressSink& progress) = 0;
  // From now on texts are drawn by chance at this temperature, case by case from `seed`; 0: written
  // as the study's settings say. For a voice that writes none it means nothing.
  virtual void draw(double temperature, uint64_t seed) {
    (void)temperature;
    (void)seed;
  }
};

}  // namespace gantry
