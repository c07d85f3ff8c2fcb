#include "workflow/questions.h"

#include <algorithm>

namespace gantry {

std::string_view word_of(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kClosedSet:
      return "closed-set";
    case AnswerKind::kCodes:
      return "codes";
    case AnswerKind::kText:
      return "text";
  }
  return "";
}

std::vector<AnswerKind> questions_of(const Settings& settings) {
  std::vector<AnswerKind> out;
  for (const std::string& word : settings.study.answers)
    for (AnswerKind kind : {AnswerKind::kClosedSet, AnswerKind::kCodes, AnswerKind::kText})
      if (word_of(kind) == word) out.push_back(kind);
  return out;
}

const std::string& reference_answer(const Case& item, AnswerKind kind) {
  static const std::string kNone;
  switch (kind) {
    case AnswerKind::kClosedSet:
      return item.label >= 0 ? item.answer : kNone;
    case AnswerKind::kCodes:
      return item.code;
    case AnswerKind::kText:
      return item.free_text;
  }
  return kNone;
}

bool is_answered(const Case& item, const Settings& settings) {
  const auto questions = questions_of(settings);
  return std::any_of(questions.begin(), questions.end(),
                     [&](AnswerKind kind) { return !reference_answer(item, kind).empty(); });
}

}  // namespace gantry
