// Answerer: the model of a study as its tasks see it. It is asked for an answer of some kind - one
// of a closed set, a code, free text - and says whether it gives that kind; what is inside (an
// encoder, a causal language model, rankers) is its own affair.
//
//   auto answerer = open_answerer(run / "model", settings);
//   for (const CaseAnswers& a : answerer->answer(cases)) ...
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "study/cases.h"
#include "study/settings.h"
#include "text/regimen.h"
#include "workflow/list_answers.h"
#include "workflow/questions.h"

namespace gantry {

// One of a list: the groups of a closed set, or codes.
struct ListAnswer {
  std::vector<RankedProbability> ranked;  // best first; of a closed set all of it
  double confidence = 0;                  // probability of the first
  bool abstain = false;
  const std::string& best() const { return ranked.front().answer; }
};

struct TextAnswer {
  std::string text;
  double confidence = 0;  // geometric mean probability of its tokens
  bool abstain = false;
  bool ended = true;  // false: cut at model.answer_tokens
};

struct CaseAnswers {
  std::string refused;  // why the case cannot be answered; "" when it was
  std::optional<ListAnswer> closed_set, codes;
  std::optional<TextAnswer> text;
  int64_t tokens = 0;     // of the prompts
  int64_t taken_out = 0;  // tokens of the case's text that did not fit (prompt.too_long)
};

struct AnswererAbout {
  std::string run, base;
  std::vector<std::string> labels;
  std::string code_list, code_edition, code_hash;  // "" where no codes are answered
  ListChoice closed_set, codes;
  double text_threshold = 0;
  bool text_abstains = false;
};

class Answerer {
 public:
  virtual ~Answerer() = default;
  virtual const AnswererAbout& about() const = 0;
  virtual const Settings& settings() const = 0;  // as trained; for making cases
  virtual bool answers(AnswerKind kind) const = 0;
  // To all questions of the study that it answers, in the order of `cases`; a case's answers do not
  // depend on the others in the call. Reference answers in `cases` are not looked at.
  virtual std::vector<CaseAnswers> answer(std::span<const Case> cases) = 0;
};

// The model of a finished run. `today` gives the precision (predict.precision). Errors E0711 (not a
// model's folder), E0725 (the code list is not the one the run was trained with), and those of the
// model itself.
std::unique_ptr<Answerer> open_answerer(const std::filesystem::path& model_folder,
                                        const Settings& today);

}  // namespace gantry
