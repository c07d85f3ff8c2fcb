#include "workflow/answerer_evidence.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "stats/code_evaluation.h"
#include "stats/proportion.h"
#include "study/data_folder.h"
#include "text/code_ranker.h"
#include "workflow/text_judge.h"

namespace gantry {
namespace {

// What the tuning cases of several rounds say to one question.
struct Gathered {
  std::vector<ListScores> scores;
  std::vector<std::string> truth;
  std::vector<std::string> patients;
  std::vector<double> confidence;  // of texts
  std::vector<uint8_t> right;
  std::vector<double> rouge1;
  std::set<std::string> tuned_on;
};

std::vector<Case> answered(const TrainingPlan& plan, const std::vector<size_t>& indices,
                           AnswerKind kind) {
  std::vector<Case> out;
  for (size_t i : indices)
    if (!reference_answer(*plan.cases[i], kind).empty()) out.push_back(*plan.cases[i]);
  return out;
}

// Each case's clinic, or its patient where there is one clinic only.
std::vector<int32_t> clinics_of(const std::vector<Case>& cases) {
  std::vector<std::string> sources, patients;
  for (const Case& item : cases) {
    sources.push_back(item.source);
    patients.push_back(item.patient);
  }
  const bool several = std::any_of(sources.begin(), sources.end(),
                                   [&](const std::string& one) { return one != sources[0]; });
  return number_clusters(several ? sources : patients);
}

// The rankers of one question, fitted to `cases`.
void fit_rankers(const std::vector<Case>& cases, AnswerKind kind, const Settings& settings,
                 const std::filesystem::path& folder) {
  std::vector<std::string> texts, answers;
  for (const Case& item : cases) {
    texts.push_back(item.baseline_text);
    answers.push_back(reference_answer(item, kind));
  }
  if (answers.empty())
    throw Error("E0722", "no training case answers the question for " + std::string(word_of(kind)),
                "Import cases with reference answers, or take it out of study.answers.");
  auto write = [&](RankerRole role, const AnswerRanker& ranker) {
    write_file_atomically(
        folder / (std::string(word_of(role)) + "-" + std::string(word_of(kind)) + ".bin"),
        ranker.serialize());
  };
  write(RankerRole::kMajority, *train_majority(answers));
  write(RankerRole::kNearest, *train_nearest_case(texts, answers));
  if (kind == AnswerKind::kText) return;
  // Characters within words read a clinic's shorthand better than words do (docs/recipe.md), at ten
  // times the cost, which hundreds of codes do not repay.
  const auto ngrams = train_ngram_ranker(
      texts, answers,
      {.unit = kind == AnswerKind::kCodes ? NgramUnit::kWord : NgramUnit::kCharacterInWord,
       .c = settings.tfidf.c > 0 ? settings.tfidf.c : 100});
  write(RankerRole::kNgrams, *ngrams);
  if (kind == AnswerKind::kCodes && !settings.codes.concepts.empty()) {
    const auto codes = open_study_codes(settings);
    write(RankerRole::kMember,
          *train_code_ranker(texts, answers, clinics_of(cases), codes->whole, codes->allowed,
                             CodeConcepts::load(data_file("tasks/" + settings.codes.concepts))));
  } else {
    write(RankerRole::kMember, *ngrams);
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

void decide_text(const Gathered& all, const Settings& settings, StudyAnswererFile& about,
                 AnswererEvidence::Question& question) {
  question.abstention = choose_abstention_threshold(
      all.confidence, all.right, settings.predict.error_rate,
      settings.predict.abstention == "upper-bound" ? AbstentionRule::kUpperBound
                                                   : AbstentionRule::kObserved);
  about.text_abstains = question.abstention.attainable;
  about.text_threshold = about.text_abstains ? question.abstention.threshold : 0;
  if (!about.text_abstains)
    question.note =
        "No threshold keeps the tuning cases' error rate at the stated one: every text is given, "
        "none is held back.";
  const auto n = static_cast<int64_t>(all.right.size());
  RecipeStep step{settings.regimen.terms.empty()
                      ? "text: exact"
                      : "text: total dose and fractions as in the reference",
                  wilson(std::count(all.right.begin(), all.right.end(), 1), n), not_defined(n)};
  question.steps.push_back(std::move(step));
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
  const auto texts = answerer.texts(cases, answerer.voice(AnswerKind::kText), refused);
  for (size_t i = 0; i < cases.size(); ++i) {
    if (!refused[i].empty()) continue;
    const TextScores scores = judge.score(cases[i].free_text, texts[i].text);
    into.confidence.push_back(texts[i].confidence);
    into.right.push_back(judge.right(scores));
    into.rouge1.push_back(scores.rouge1);
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
      decide_text(all, settings, about, question);
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
