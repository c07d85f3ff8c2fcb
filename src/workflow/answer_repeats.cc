#include "workflow/answer_repeats.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/random.h"
#include "base/strings.h"
#include "workflow/robustness.h"

namespace gantry {
namespace {

// By lot, the same for every question.
std::vector<const Case*> chosen_cases(const std::vector<QuestionArms>& questions,
                                      const Settings& settings) {
  std::set<const Case*> all;
  for (const QuestionArms& question : questions)
    all.insert(question.cases.begin(), question.cases.end());
  std::vector<const Case*> out(all.begin(), all.end());
  const auto seed = static_cast<uint64_t>(settings.test.seed);
  auto lot = [&](const Case* item) {
    const std::string key = item->source + "/" + item->id;
    return std::pair(mix64(seed, stream_of(key)), key);
  };
  std::sort(out.begin(), out.end(), [&](const Case* a, const Case* b) { return lot(a) < lot(b); });
  const auto most = static_cast<size_t>(settings.test.repeat_cases);
  if (most > 0 && out.size() > most) out.resize(most);
  return out;
}

double share(double sum, size_t n) { return sum / static_cast<double>(std::max<size_t>(1, n)); }

// The answer to one question; "" where there is none.
std::string words_of(const CaseAnswers& answers, AnswerKind kind) {
  if (kind == AnswerKind::kText) return answers.text ? answers.text->text : "";
  const auto& list = kind == AnswerKind::kCodes ? answers.codes : answers.closed_set;
  return !list || list->ranked.empty() ? "" : list->best();
}

// One question's answers on the chosen cases, beside those of the test.
class Repeated {
 public:
  Repeated(const QuestionArms& question, const std::vector<const Case*>& chosen,
           const TextJudge& judge, int64_t times)
      : question_(question), judge_(judge) {
    for (size_t k = 0; k < chosen.size(); ++k) {
      const auto at = std::find(question.cases.begin(), question.cases.end(), chosen[k]);
      if (at == question.cases.end()) continue;
      pairs_.emplace_back(k, static_cast<size_t>(at - question.cases.begin()));
    }
    const bool text = question.kind == AnswerKind::kText;
    out_ = {.question = text                                  ? "text"
                        : question.kind == AnswerKind::kCodes ? "code"
                                                              : "group",
            .how = "same settings",
            .times = times,
            .cases = static_cast<int64_t>(pairs_.size()),
            .score = text ? "ROUGE-1 F1" : "right"};
    double sum = 0;
    for (const auto& [k, i] : pairs_) sum += score(question.served[i], i);
    out_.as_tested = share(sum, pairs_.size());
  }

  bool any() const { return !pairs_.empty(); }

  void note(const std::vector<CaseAnswers>& again) {
    double sum = 0;
    for (const auto& [k, i] : pairs_) {
      const CaseAnswers& before = question_.served[i];
      if (words(again[k]) != words(before)) differing_.insert(k);
      out_.largest_change = std::max(
          out_.largest_change, std::abs(probability(again[k], words(before)) - confidence(before)));
      sum += score(again[k], i);
    }
    out_.scores.push_back(share(sum, pairs_.size()));
  }

  RepeatedAnswers finish() {
    out_.differing = static_cast<int64_t>(differing_.size());
    return std::move(out_);
  }

 private:
  const ListAnswer* list(const CaseAnswers& answers) const {
    const auto& one = question_.kind == AnswerKind::kCodes ? answers.codes : answers.closed_set;
    return one ? &*one : nullptr;
  }
  std::string words(const CaseAnswers& answers) const { return words_of(answers, question_.kind); }
  double confidence(const CaseAnswers& answers) const {
    if (question_.kind == AnswerKind::kText) return answers.text ? answers.text->confidence : 0;
    const ListAnswer* one = list(answers);
    return one == nullptr ? 0 : one->confidence;
  }
  // Of the answer `before` in another run.
  double probability(const CaseAnswers& answers, const std::string& before) const {
    if (question_.kind == AnswerKind::kText) return confidence(answers);
    if (const ListAnswer* one = list(answers))
      for (const auto& ranked : one->ranked)
        if (ranked.answer == before) return ranked.probability;
    return 0;
  }
  double score(const CaseAnswers& answers, size_t i) const {
    return question_.kind == AnswerKind::kText
               ? judge_.score(question_.truth[i], words(answers)).rouge1
           : words(answers) == question_.truth[i] ? 1
                                                  : 0;
  }

  const QuestionArms& question_;
  const TextJudge& judge_;
  std::vector<std::pair<size_t, size_t>> pairs_;  // place among the chosen, among the question's
  std::set<size_t> differing_;
  RepeatedAnswers out_;
};

// The language model's own texts, drawn by chance, beside those that it writes without chance.
void draw_texts(const StudyAnswerer& answerer, Voice& voice, const std::vector<Case>& cases,
                const TextJudge& judge, const Settings& settings, TestReport& report,
                const ProgressSink& progress) {
  auto written = [&] {
    std::vector<std::string> refused;
    return answerer.texts(cases, &voice, refused);
  };
  std::vector<TextScores> before;
  const auto first = written();
  RepeatedAnswers words{.question = "text",
                        .how = "the language model's own text, drawn at temperature " +
                               format_double(settings.test.draw_temperature, 2) + ", seeds 1 to " +
                               std::to_string(settings.test.draws),
                        .times = settings.test.draws,
                        .cases = static_cast<int64_t>(cases.size()),
                        .score = "ROUGE-1 F1"};
  RepeatedAnswers right = words;
  right.score = judge.has_fields() ? "total dose and fractions right" : "exact";
  for (size_t k = 0; k < cases.size(); ++k) {
    before.push_back(judge.score(cases[k].free_text, first[k].text));
    words.as_tested += share(before[k].rouge1, cases.size());
    right.as_tested += share(judge.right(before[k]), cases.size());
  }
  std::set<size_t> other_words, other_right;
  for (int64_t seed = 1; seed <= settings.test.draws; ++seed) {
    tell(progress, Progress{.phase = "drawing texts again",
                            .done = static_cast<double>(seed - 1),
                            .total = static_cast<double>(settings.test.draws),
                            .unit = "draws"});
    voice.draw(settings.test.draw_temperature, static_cast<uint64_t>(seed));
    const auto drawn = written();
    double rouge = 0, stands = 0;
    for (size_t k = 0; k < cases.size(); ++k) {
      const TextScores scores = judge.score(cases[k].free_text, drawn[k].text);
      rouge += scores.rouge1;
      stands += judge.right(scores);
      if (drawn[k].text != first[k].text) other_words.insert(k);
      if (judge.right(scores) != judge.right(before[k])) other_right.insert(k);
      words.largest_change =
          std::max(words.largest_change, std::abs(drawn[k].confidence - first[k].confidence));
    }
    words.scores.push_back(share(rouge, cases.size()));
    right.scores.push_back(share(stands, cases.size()));
  }
  voice.draw(0, 0);
  words.differing = static_cast<int64_t>(other_words.size());
  right.differing = static_cast<int64_t>(other_right.size());
  right.largest_change = words.largest_change;
  report.repeated.push_back(std::move(words));
  report.repeated.push_back(std::move(right));
}

}  // namespace

void repeat_answers(StudyAnswerer& answerer, const std::vector<QuestionArms>& questions,
                    const TextJudge& judge, const Settings& settings, TestReport& report,
                    const ProgressSink& progress) {
  const auto chosen = chosen_cases(questions, settings);
  std::vector<Case> cases, with_text;
  for (const Case* item : chosen) cases.push_back(*item);
  std::vector<Repeated> repeated;
  for (const QuestionArms& question : questions) {
    repeated.emplace_back(question, chosen, judge, settings.test.repeats);
    if (question.kind == AnswerKind::kText)
      for (const Case* item : chosen)
        if (std::count(question.cases.begin(), question.cases.end(), item))
          with_text.push_back(*item);
  }
  for (int64_t t = 0; t < settings.test.repeats; ++t) {
    tell(progress, Progress{.phase = "answering again",
                            .done = static_cast<double>(t),
                            .total = static_cast<double>(settings.test.repeats),
                            .unit = "repeats"});
    const auto again = answerer.answer(cases);
    for (Repeated& one : repeated) one.note(again);
  }
  for (Repeated& one : repeated)
    if (one.any() && settings.test.repeats > 0) report.repeated.push_back(one.finish());
  Voice* voice = answerer.answers(AnswerKind::kText) ? answerer.voice(AnswerKind::kText) : nullptr;
  if (voice != nullptr && settings.test.draws > 0 && !with_text.empty())
    draw_texts(answerer, *voice, with_text, judge, settings, report, progress);
}

ReportSection answers_robustness(const Store& store, StudyAnswerer& answerer,
                                 const std::vector<QuestionArms>& questions,
                                 const std::vector<const Case*>& tests, const TextJudge& judge,
                                 const ProgressSink& progress) {
  std::vector<RobustQuestion> asked;
  for (const QuestionArms& question : questions) {
    RobustQuestion one;
    if (questions.size() > 1)
      one.name = question.kind == AnswerKind::kText    ? Words("texts", "文章")
                 : question.kind == AnswerKind::kCodes ? Words("codes", "コード")
                                                       : Words("groups", "群");
    for (size_t k = 0; k < question.cases.size(); ++k) {
      const auto at = std::find(tests.begin(), tests.end(), question.cases[k]);
      one.of.push_back(static_cast<size_t>(at - tests.begin()));
      one.before.push_back(words_of(question.served[k], question.kind));
    }
    one.right = [&question, &judge](size_t k, const std::string& answer) {
      return question.kind == AnswerKind::kText
                 ? judge.right(judge.score(question.truth[k], answer))
                 : answer == question.truth[k];
    };
    asked.push_back(std::move(one));
  }
  auto again = [&](std::span<const Case> cases) {
    const auto answers = answerer.answer(cases);
    std::vector<std::vector<std::string>> out;
    for (const QuestionArms& question : questions) {
      out.emplace_back();
      for (const CaseAnswers& one : answers) out.back().push_back(words_of(one, question.kind));
    }
    return out;
  };
  return robustness_section(store, answerer.settings(), tests, asked, again, progress);
}

}  // namespace gantry
