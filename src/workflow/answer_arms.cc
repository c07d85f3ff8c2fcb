#include "workflow/answer_arms.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"
#include "stats/bootstrap.h"
#include "weights/decoder_folder.h"
#include "workflow/language_voice.h"
#include "workflow/similar_cases.h"
#include "workflow/study_rankers.h"

namespace gantry {
namespace {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

// Examples for the few-shot arms: by lot, of a closed set as many different groups as there is room
// for; the same for every case.
std::vector<PromptExample> choose_examples(const std::vector<const Case*>& training,
                                           AnswerKind kind, const Settings& settings) {
  std::vector<const Case*> lot;
  for (const Case* item : training)
    if (!reference_answer(*item, kind).empty()) lot.push_back(item);
  const auto seed = static_cast<uint64_t>(settings.test.seed);
  std::sort(lot.begin(), lot.end(), [&](const Case* a, const Case* b) {
    auto draw = [&](const Case* one) {
      return mix64(seed, stream_of(one->source + "/" + one->id));
    };
    return std::pair(draw(a), a->id) < std::pair(draw(b), b->id);
  });
  const auto most = static_cast<size_t>(settings.prompt.examples);
  std::vector<PromptExample> out;
  std::set<std::string> used;
  for (bool new_answers : {true, false})
    for (const Case* item : lot) {
      if (out.size() == most) return out;
      const std::string& answer = reference_answer(*item, kind);
      const bool is_new = used.count(answer) == 0;
      const bool taken = std::any_of(out.begin(), out.end(),
                                     [&](const PromptExample& one) { return one.item == item; });
      if (taken || is_new != new_answers) continue;
      used.insert(answer);
      out.push_back({item, answer});
    }
  return out;
}

double probability_of(const std::vector<RankedProbability>& ranked, const std::string& answer) {
  for (const RankedProbability& one : ranked)
    if (one.answer == answer) return one.probability;
  return 0;
}

// One question's arms while they are made: each over all cases, those that an arm refuses taken out
// at the end.
class Maker {
 public:
  Maker(StudyAnswerer& answerer, const Settings& settings, AnswerKind kind,
        const std::vector<const Case*>& tests, const std::vector<const Case*>& training,
        const TextJudge& judge)
      : answerer_(answerer), settings_(settings), judge_(judge) {
    out_.kind = kind;
    std::set<std::string> seen;
    for (const Case* item : training) seen.insert(reference_answer(*item, kind));
    for (const Case* item : tests) {
      if (reference_answer(*item, kind).empty()) continue;
      out_.cases.push_back(item);
      out_.truth.push_back(reference_answer(*item, kind));
      out_.truth_seen.push_back(seen.count(out_.truth.back()) > 0);
      cases_.push_back(*item);
    }
    why_.resize(cases_.size());
  }

  const std::vector<Case>& cases() const { return cases_; }
  bool is_list() const { return out_.kind != AnswerKind::kText; }

  // What a voice says to this question alone.
  StudyAnswerer::Asked ask(Voice* voice) const {
    return answerer_.ask(
        {{out_.kind, cases_}}, [voice](AnswerKind) { return voice; }, false);
  }

  void add(ArmRole role, std::string name, std::string about, const StudyAnswerer::Asked& asked) {
    if (is_list()) {
      const StudyAnswerer::Lists& lists = asked.lists.at(out_.kind);
      note_refused(lists.refused);
      out_.arms.push_back(list_arm(role, std::move(name), std::move(about), lists.alone,
                                   {.ranker_weight = 0, .temperature = 1}));
    } else {
      add_texts(role, std::move(name), std::move(about), asked, asked.texts);
    }
    out_.arms.back().seconds = asked.seconds.at(out_.kind);
  }

  // The language model and the ranker as they serve, and the language model alone.
  void add_served(const std::string& base, Voice* voice, const StudyAnswerer::Asked& asked) {
    if (!is_list()) {
      const double trust = answerer_.file().text_model_weight;
      const bool joined = voice == nullptr || trust < 1;
      add_texts(ArmRole::kServed,
                voice == nullptr ? "what the nearest cases agree on"
                : joined         ? base + ", tuned, joined with the nearest cases (weight " +
                               format_double(trust, 1) + ")"
                         : base + ", tuned",
                "the study's model, chosen on tuning cases alone", asked, asked.served_texts);
      out_.arms.back().seconds = asked.seconds.at(out_.kind);
      if (joined && voice != nullptr)
        add(ArmRole::kTuned, base + ", tuned, alone",
            "the tuned model's own text, whatever the nearest cases say", asked);
      return;
    }
    const StudyAnswerer::Lists& lists = asked.lists.at(out_.kind);
    note_refused(lists.refused);
    const ListChoice& choice = answerer_.file().choices.at(out_.kind);
    const bool joined = voice != nullptr && choice.ranker_weight > 0;
    const std::string name = voice == nullptr ? "ranker, calibrated"
                             : joined         ? base + ", tuned, with the ranker (weight " +
                                            format_double(choice.ranker_weight, 2) + ")"
                                      : base + ", tuned";
    out_.arms.push_back(list_arm(ArmRole::kServed, name,
                                 "the study's model, chosen on tuning cases alone", lists.scores,
                                 choice));
    out_.arms.back().seconds = asked.seconds.at(out_.kind);
    if (!joined && out_.kind != AnswerKind::kCodes) return;
    if (voice == nullptr) return;
    out_.arms.push_back(list_arm(ArmRole::kTuned, base + ", tuned, alone",
                                 "the tuned model without the ranker, among the answers that its "
                                 "own search finds",
                                 lists.alone, {.ranker_weight = 0, .temperature = 1}));
  }

  void add_baseline(RankerRole role, std::string name, std::string about) {
    const AnswerRanker& ranker = answerer_.ranker(role, out_.kind);
    Stopwatch watch;
    Arm arm{.role = ArmRole::kBaseline, .name = std::move(name), .about = std::move(about)};
    arm.probabilities = ranker.gives_probabilities();
    for (size_t i = 0; i < cases_.size(); ++i) {
      auto ranked = ranker.rank(role == RankerRole::kMember
                                    ? member_text(cases_[i], out_.kind, answerer_.settings())
                                    : cases_[i].baseline_text,
                                is_list() ? std::numeric_limits<size_t>::max() : 1);
      if (!is_list()) {
        push_text(arm, i, ranked.front().answer, ranked.front().score);
        continue;
      }
      std::vector<RankedProbability> answers;
      for (RankedAnswer& one : ranked) answers.push_back({std::move(one.answer), one.score});
      arm.truth_probability.push_back(arm.probabilities ? probability_of(answers, out_.truth[i])
                                                        : 0);
      arm.ranked.push_back(std::move(answers));
    }
    arm.seconds = watch.seconds();
    out_.arms.push_back(std::move(arm));
  }

  void set_examples(const std::vector<PromptExample>& examples) {
    for (const PromptExample& one : examples)
      out_.examples.push_back(one.item->source + "/" + one.item->id);
  }

  // Examples as the prompt shows them: of the most similar case's text another's than the example's
  // own.
  std::vector<PromptExample> prepared(const std::vector<PromptExample>& examples) {
    const Settings& settings = answerer_.settings();
    if (!shows_others(settings, out_.kind)) return examples;
    const AnswerRanker& member = answerer_.ranker(RankerRole::kMember, out_.kind);
    std::vector<PromptExample> out;
    shown_.clear();
    for (const PromptExample& example : examples) {
      Case& item = *shown_.emplace_back(std::make_unique<Case>(*example.item));
      if (is_list()) {
        show_others(member, out_.kind, settings, std::span(&item, 1));
      } else {
        for (const RankedAnswer& near : member.rank(item.baseline_text, 2))
          if (near.answer != example.answer && item.similar.empty()) item.similar = near.answer;
      }
      out.push_back({&item, example.answer});
    }
    return out;
  }

  QuestionArms finish() {
    QuestionArms done;
    done.kind = out_.kind;
    done.examples = out_.examples;
    for (const Arm& arm : out_.arms) {
      done.arms.push_back({.role = arm.role,
                           .name = arm.name,
                           .about = arm.about,
                           .seconds = arm.seconds,
                           .probabilities = arm.probabilities});
    }
    std::vector<std::string> patients;
    for (size_t i = 0; i < cases_.size(); ++i) {
      if (!why_[i].empty()) {
        done.refused.push_back(cases_[i].source + "/" + cases_[i].id + ": " + why_[i]);
        continue;
      }
      done.cases.push_back(out_.cases[i]);
      done.truth.push_back(out_.truth[i]);
      done.truth_seen.push_back(out_.truth_seen[i]);
      patients.push_back(out_.cases[i]->patient);
      for (size_t a = 0; a < out_.arms.size(); ++a) move_case(out_.arms[a], i, done.arms[a]);
      done.served.push_back(served_answer(done.arms.front()));
    }
    done.patient = number_clusters(patients);
    return done;
  }

 private:
  void note_refused(const std::vector<std::string>& refused) {
    for (size_t i = 0; i < refused.size(); ++i)
      if (why_[i].empty()) why_[i] = refused[i];
  }

  Arm list_arm(ArmRole role, std::string name, std::string about,
               const std::vector<ListScores>& scores, const ListChoice& choice) const {
    Arm arm{.role = role, .name = std::move(name), .about = std::move(about)};
    for (size_t i = 0; i < scores.size(); ++i) {
      auto ranked = ranked_answers(scores[i], joined_probabilities(scores[i], choice),
                                   scores[i].answers.size());
      arm.truth_probability.push_back(probability_of(ranked, out_.truth[i]));
      arm.ranked.push_back(std::move(ranked));
    }
    return arm;
  }

  void add_texts(ArmRole role, std::string name, std::string about,
                 const StudyAnswerer::Asked& asked, const std::vector<TextAnswer>& texts) {
    note_refused(asked.texts_refused);
    Arm arm{.role = role, .name = std::move(name), .about = std::move(about)};
    for (size_t i = 0; i < texts.size(); ++i) push_text(arm, i, texts[i].text, texts[i].confidence);
    out_.arms.push_back(std::move(arm));
  }

  void push_text(Arm& arm, size_t i, const std::string& text, double confidence) const {
    arm.scores.push_back(judge_.score(out_.truth[i], text));
    arm.texts.push_back(text);
    arm.confidence.push_back(confidence);
  }

  static void move_case(Arm& from, size_t i, Arm& to) {
    if (!from.ranked.empty()) {
      to.ranked.push_back(std::move(from.ranked[i]));
      to.truth_probability.push_back(from.truth_probability[i]);
    }
    if (!from.texts.empty()) {
      to.texts.push_back(std::move(from.texts[i]));
      to.scores.push_back(std::move(from.scores[i]));
      to.confidence.push_back(from.confidence[i]);
    }
  }

  CaseAnswers served_answer(const Arm& arm) const {
    CaseAnswers out;
    if (!is_list()) {
      const double confidence = arm.confidence.back();
      out.text = TextAnswer{.text = arm.texts.back(),
                            .confidence = confidence,
                            .abstain = answerer_.file().text_abstains &&
                                       confidence < answerer_.file().text_threshold};
      return out;
    }
    const ListChoice& choice = answerer_.file().choices.at(out_.kind);
    ListAnswer answer{.ranked = arm.ranked.back()};
    answer.confidence = answer.ranked.empty() ? 0 : answer.ranked[0].probability;
    answer.abstain = choice.abstains && answer.confidence < choice.threshold;
    (out_.kind == AnswerKind::kCodes ? out.codes : out.closed_set) = std::move(answer);
    return out;
  }

  StudyAnswerer& answerer_;
  const Settings& settings_;
  const TextJudge& judge_;
  QuestionArms out_;
  std::vector<Case> cases_;
  std::vector<std::string> why_;  // [cases] an arm could not read it
  std::vector<std::unique_ptr<Case>> shown_;
};

}  // namespace

const Arm* QuestionArms::find(ArmRole role) const {
  for (const Arm& arm : arms)
    if (arm.role == role) return &arm;
  // Without a ranker beside it the served model is the tuned one.
  return role == ArmRole::kTuned && !arms.empty() ? &arms.front() : nullptr;
}

std::vector<QuestionArms> answer_all_arms(StudyAnswerer& answerer, const Settings& settings,
                                          const std::vector<const Case*>& tests,
                                          const std::vector<const Case*>& training,
                                          const TextJudge& judge, const ProgressSink& progress) {
  answerer.report_to(progress);
  const std::string base = answerer.file().base;
  std::unique_ptr<Voice> original;
  if (base != kNoBase && DecoderFolder::is_decoder(answerer.base_path()))
    original = open_language_voice(answerer.base_path(), "", answerer.settings());
  std::map<AnswerKind, Maker> makers;
  std::map<AnswerKind, std::span<const Case>> cases;
  for (AnswerKind kind : questions_of(answerer.settings())) {
    const auto at = makers.try_emplace(kind, answerer, settings, kind, tests, training, judge);
    cases[kind] = at.first->second.cases();
  }
  tell(progress, Progress{.phase = "testing the study's model"});
  const auto served = answerer.ask(cases, [&](AnswerKind kind) { return answerer.voice(kind); });
  StudyAnswerer::Asked untuned;
  if (original) {
    tell(progress, Progress{.phase = "testing the untuned base"});
    untuned = answerer.ask(
        cases, [&](AnswerKind) { return original.get(); }, false);
  }
  std::vector<QuestionArms> out;
  for (AnswerKind kind : questions_of(answerer.settings())) {
    Maker& maker = makers.at(kind);
    Voice* tuned = answerer.voice(kind);
    tell(progress, Progress{.phase = "testing " + std::string(word_of(kind))});
    maker.add_served(base, tuned, served);
    if (original) {
      maker.add(ArmRole::kOriginal, base + ", untuned",
                "the base model as it came, same prompt and constraint", untuned);
      if (settings.prompt.examples > 0) {
        const auto chosen = choose_examples(training, kind, settings);
        maker.set_examples(chosen);
        const auto examples = maker.prepared(chosen);
        const std::string shots = ", " + std::to_string(examples.size()) + " examples shown";
        tuned->show(kind, examples);
        maker.add(ArmRole::kTunedShots, base + ", tuned" + shots,
                  "the tuned model with training cases in the prompt", maker.ask(tuned));
        tuned->show(kind, {});
        original->show(kind, examples);
        maker.add(ArmRole::kOriginalShots, base + ", untuned" + shots,
                  "the base model with the same training cases in the prompt",
                  maker.ask(original.get()));
        original->show(kind, {});
      }
    }
    if (kind != AnswerKind::kText && tuned != nullptr &&
        !member_is_ngrams(kind, answerer.settings()))
      maker.add_baseline(RankerRole::kMember, "ranker alone",
                         kind == AnswerKind::kCodes
                             ? "titles, concepts and nearest cases, without the language model"
                             : "n-grams and concepts, without the language model");
    if (kind != AnswerKind::kText)
      maker.add_baseline(RankerRole::kNgrams, "TF-IDF + logistic regression",
                         "character and word n-grams of the same training cases");
    maker.add_baseline(RankerRole::kNearest, "nearest training case",
                       "the answer of the training case most alike by TF-IDF");
    maker.add_baseline(RankerRole::kMajority, "most frequent answer",
                       "always the most frequent answer of training");
    out.push_back(maker.finish());
  }
  return out;
}

}  // namespace gantry
