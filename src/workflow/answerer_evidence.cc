#include "workflow/answerer_evidence.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "stats/code_evaluation.h"
#include "stats/proportion.h"
#include "workflow/joined_text.h"
#include "workflow/study_rankers.h"
#include "workflow/text_judge.h"

namespace gantry {
namespace {

// What is said to one tuning case in free text, and what that is worth.
struct TextVoices {
  // Of a text: its confidence, whether it may stand, ROUGE-1.
  struct Worth {
    double confidence = 0;
    bool right = false;
    double rouge1 = 0;
  };
  Worth model, nearest;
  std::vector<Worth> joined;  // [model_weights()]; the last is the model's with its own confidence
};

// What the tuning cases of several rounds say to one question.
struct Gathered {
  std::vector<ListScores> scores;
  std::vector<std::string> truth;
  std::vector<std::string> patients;
  std::vector<TextVoices> texts;
  std::set<std::string> tuned_on;
};

std::vector<Case> answered(const TrainingPlan& plan, const std::vector<size_t>& indices,
                           AnswerKind kind) {
  std::vector<Case> out;
  for (size_t i : indices)
    if (!reference_answer(*plan.cases[i], kind).empty()) out.push_back(*plan.cases[i]);
  return out;
}

// The rankers of one question, fitted to `cases`.
void fit_rankers(const std::vector<Case>& cases, AnswerKind kind, const Settings& settings,
                 const std::filesystem::path& folder) {
  if (cases.empty())
    throw Error("E0722", "no training case answers the question for " + std::string(word_of(kind)),
                "Import cases with reference answers, or take it out of study.answers.");
  std::vector<const Case*> all;
  for (const Case& item : cases) all.push_back(&item);
  const RankerCases learned = ranker_cases(all, kind);
  auto write = [&](RankerRole role, const AnswerRanker& ranker) {
    write_file_atomically(
        folder / (std::string(word_of(role)) + "-" + std::string(word_of(kind)) + ".bin"),
        ranker.serialize());
  };
  write(RankerRole::kMajority, *train_majority(learned.answers));
  write(RankerRole::kNearest, *train_nearest_case(learned.texts, learned.answers));
  const auto member = train_member(all, kind, settings);
  write(RankerRole::kMember, *member);
  if (member_is_ngrams(kind, settings)) {
    write(RankerRole::kNgrams, *member);
  } else if (kind != AnswerKind::kText) {
    write(RankerRole::kNgrams, *train_ngrams(learned, kind, settings));
  }
}

void fit_all(const TrainingPlan& plan, const std::vector<size_t>& indices,
             const std::filesystem::path& folder, StudyAnswererFile& about,
             const Settings& settings) {
  for (AnswerKind kind : questions_of(settings)) {
    const std::vector<Case> cases = answered(plan, indices, kind);
    fit_rankers(cases, kind, settings, folder);
    if (kind != AnswerKind::kCodes) continue;
    std::vector<std::string> codes;
    for (const Case& item : cases) codes.push_back(item.code);
    // The ranker by concepts knows every allowed code.
    about.unseen_share = settings.codes.concepts.empty() ? good_turing_unseen(codes) : 0;
    const std::set<std::string> known(codes.begin(), codes.end());
    about.known_codes.assign(known.begin(), known.end());
  }
  write_study_answerer(folder, about, settings);
}

ListRule list_rule(const Settings& settings) {
  return {.error_rate = settings.predict.error_rate,
          .upper_bound = settings.predict.abstention == "upper-bound",
          .tune_weight = settings.ensemble.weights == "tuned"};
}

RecipeStep list_step(std::string name, const Gathered& all, const ListChoice& choice) {
  int64_t right = 0;
  for (size_t i = 0; i < all.scores.size(); ++i) {
    const auto best = ranked_answers(all.scores[i], joined_probabilities(all.scores[i], choice), 1);
    right += !best.empty() && best[0].answer == all.truth[i];
  }
  RecipeStep out{std::move(name), wilson(right, static_cast<int64_t>(all.scores.size())), {}};
  out.macro_f1 = not_defined(out.accuracy.n);
  return out;
}

void decide_list(const Gathered& all, AnswerKind kind, const Settings& settings,
                 StudyAnswererFile& about, AnswererEvidence::Question& question) {
  const ListChoice choice = choose_list(all.scores, all.truth, list_rule(settings));
  about.choices[kind] = choice;
  const bool model = !all.scores.empty() && !all.scores[0].model.empty();
  const bool ranker = !all.scores.empty() && !all.scores[0].ranker.empty();
  const std::string what = std::string(word_of(kind)) + ": ";
  if (ranker) question.steps.push_back(list_step(what + "ranker", all, {.ranker_weight = 1}));
  if (model)
    question.steps.push_back(list_step(what + "language model", all, {.ranker_weight = 0}));
  if (model && ranker)
    question.steps.push_back(
        list_step(what + "joined, the ranker weighing " + format_double(choice.ranker_weight, 2),
                  all, choice));
  question.abstention = choice.abstention;
  question.note = choice.note;
}

RecipeStep text_step(const std::string& name, const std::vector<TextVoices::Worth>& worth,
                     const Settings& settings) {
  const auto n = static_cast<int64_t>(worth.size());
  double rouge1 = 0;
  for (const auto& one : worth) rouge1 += one.rouge1 / static_cast<double>(n);
  const auto right =
      std::count_if(worth.begin(), worth.end(), [](const auto& w) { return w.right; });
  return {"text: " + name + ", mean ROUGE-1 " + format_double(rouge1, 3) + "; " +
              (settings.regimen.terms.empty() ? "exact"
                                              : "total dose and fractions as in the reference"),
          wilson(right, n), not_defined(n)};
}

void decide_text(const Gathered& all, bool model, const Settings& settings,
                 StudyAnswererFile& about, AnswererEvidence::Question& question) {
  std::vector<std::vector<double>> scores;
  for (const TextVoices& one : all.texts) {
    std::vector<double>& of_case = scores.emplace_back();
    for (const TextVoices::Worth& worth : one.joined) of_case.push_back(worth.rouge1);
  }
  const std::vector<double> weights = model_weights();
  size_t chosen = weights.size() - 1;
  if (settings.ensemble.tfidf || !model) {
    about.text_model_weight = model ? choose_model_weight(scores).model_weight : 0;
    chosen = static_cast<size_t>(
        std::find(weights.begin(), weights.end(), about.text_model_weight) - weights.begin());
  }
  std::vector<TextVoices::Worth> nearest, written, neighbours, served;
  for (const TextVoices& one : all.texts) {
    nearest.push_back(one.nearest);
    written.push_back(one.model);
    neighbours.push_back(one.joined.front());
    served.push_back(one.joined[chosen]);
  }
  question.steps.push_back(text_step("nearest case", nearest, settings));
  question.steps.push_back(text_step("what the nearest cases agree on", neighbours, settings));
  if (model) {
    question.steps.push_back(text_step("language model", written, settings));
    question.steps.push_back(
        text_step("joined, the language model weighing " + format_double(weights[chosen], 1),
                  served, settings));
  }
  std::vector<double> confidence;
  std::vector<uint8_t> right;
  for (const TextVoices::Worth& worth : served) {
    confidence.push_back(worth.confidence);
    right.push_back(worth.right);
  }
  question.abstention = choose_abstention_threshold(confidence, right, settings.predict.error_rate,
                                                    settings.predict.abstention == "upper-bound"
                                                        ? AbstentionRule::kUpperBound
                                                        : AbstentionRule::kObserved);
  about.text_abstains = question.abstention.attainable;
  about.text_threshold = about.text_abstains ? question.abstention.threshold : 0;
  if (!about.text_abstains)
    question.note =
        "No threshold keeps the tuning cases' error rate at the stated one: every text is given, "
        "none is held back.";
}

// Which rounds speak about which question: those of the adapter that serves, or, without a language
// model, all of them.
std::map<size_t, std::vector<AnswerKind>> kinds_of_rounds(const TrainingPlan& plan,
                                                          const std::vector<AdapterGroup>& groups,
                                                          const Settings& settings) {
  std::map<size_t, std::vector<AnswerKind>> out;
  if (settings.model.base == kNoBase) {
    for (size_t r = 0; r < plan.rounds.size(); ++r) out[r] = questions_of(settings);
    return out;
  }
  for (const AdapterGroup& group : groups) {
    auto& kinds = out[static_cast<size_t>(group.round_of[static_cast<size_t>(group.best)])];
    kinds.insert(kinds.end(), group.kinds.begin(), group.kinds.end());
  }
  return out;
}

void gather_lists(const StudyAnswerer& answerer, const std::vector<Case>& cases, AnswerKind kind,
                  const Settings& settings, Gathered& into) {
  StudyAnswerer::Lists lists = answerer.list_scores(cases, kind, answerer.voice(kind));
  const bool member = settings.ensemble.tfidf || answerer.voice(kind) == nullptr;
  for (size_t i = 0; i < cases.size(); ++i) {
    if (!lists.refused[i].empty()) continue;
    if (!member) lists.scores[i].ranker.clear();
    into.scores.push_back(std::move(lists.scores[i]));
    into.truth.push_back(reference_answer(cases[i], kind));
    into.patients.push_back(cases[i].patient);
  }
}

void gather_texts(const StudyAnswerer& answerer, const std::vector<Case>& cases,
                  const TextJudge& judge, Gathered& into) {
  std::vector<std::string> refused;
  Voice* voice = answerer.voice(AnswerKind::kText);
  const auto texts = answerer.texts(cases, voice, refused);
  const AnswerRanker& nearest = answerer.ranker(RankerRole::kNearest, AnswerKind::kText);
  for (size_t i = 0; i < cases.size(); ++i) {
    if (!refused[i].empty()) continue;
    auto worth = [&](const std::string& text, double confidence) {
      const TextScores scores = judge.score(cases[i].free_text, text);
      return TextVoices::Worth{confidence, judge.right(scores), scores.rouge1};
    };
    TextVoices said{.model = worth(texts[i].text, texts[i].confidence)};
    const RankedAnswer near = nearest.rank(cases[i].baseline_text, 1).front();
    said.nearest = worth(near.answer, near.score);
    const JoinedText joined = answerer.joined_text(
        cases[i], voice == nullptr ? std::nullopt : std::optional(texts[i].text));
    for (double weight : model_weights()) {
      const JoinedText::Choice choice = joined.choose(weight);
      said.joined.push_back(worth(choice.text, choice.agreement));
    }
    // Where the model's text always stands it is its own confidence that counts.
    if (voice != nullptr) said.joined.back() = said.model;
    into.texts.push_back(std::move(said));
    into.patients.push_back(cases[i].patient);
  }
}

}  // namespace

AnswererEvidence weigh_answerer(const TrainingPlan& plan, const std::vector<AdapterGroup>& groups,
                                const std::filesystem::path& folder, StudyAnswererFile& about,
                                const Settings& settings, const ProgressSink& progress) {
  const TextJudge judge(settings);
  std::map<AnswerKind, Gathered> gathered;
  for (AnswerKind kind : questions_of(settings))
    if (kind != AnswerKind::kText) about.choices[kind] = {};
  for (const auto& [round, kinds] : kinds_of_rounds(plan, groups, settings)) {
    fit_all(plan, plan.rounds[round].training, folder, about, settings);
    StudyAnswerer answerer(folder, settings);
    answerer.report_to(progress);
    for (AnswerKind kind : kinds) {
      Gathered& into = gathered[kind];
      into.tuned_on.insert(plan.rounds[round].tuned_on);
      const std::vector<Case> cases = answered(plan, plan.rounds[round].tuning, kind);
      if (kind == AnswerKind::kText) {
        gather_texts(answerer, cases, judge, into);
      } else {
        gather_lists(answerer, cases, kind, settings, into);
      }
    }
  }
  AnswererEvidence out;
  for (AnswerKind kind : questions_of(settings)) {
    const Gathered& all = gathered[kind];
    AnswererEvidence::Question question{.kind = kind};
    question.cases = static_cast<int64_t>(all.patients.size());
    for (const std::string& name : all.tuned_on)
      question.tuned_on += (question.tuned_on.empty() ? "" : ", ") + name;
    if (kind == AnswerKind::kText) {
      decide_text(all, settings.model.base != kNoBase, settings, about, question);
    } else {
      decide_list(all, kind, settings, about, question);
    }
    out.questions.push_back(std::move(question));
  }
  std::vector<size_t> everything(plan.cases.size());
  for (size_t i = 0; i < everything.size(); ++i) everything[i] = i;
  fit_all(plan, everything, folder, about, settings);
  return out;
}

}  // namespace gantry
