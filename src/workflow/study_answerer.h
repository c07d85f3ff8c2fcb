// StudyAnswerer: what `gantry train` leaves of a causal language model and its rankers, or of the
// rankers alone (model.base = "none"). A folder:
//
//   answers.json              base, adapters, prompts, what the tuning cases decided, identity
//   adapter/, adapter-codes/  PEFT folders: one for all questions, or one for each
//   member-codes.bin, ngrams-codes.bin, nearest-codes.bin, majority-text.bin, ...
//                             the rankers: the member joins list answers where its weight is above
//                             0; all of them are the baselines of a test
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "study/study_codes.h"
#include "text/answer_ranker.h"
#include "workflow/answerer.h"
#include "workflow/joined_text.h"
#include "workflow/text_judge.h"
#include "workflow/voice.h"

namespace gantry {

inline constexpr std::string_view kNoBase = "none";  // model.base: rankers alone

// What a ranker is to the study: file names, and the order in reports.
// kMember: of groups n-grams and concepts, of codes the one that also reads titles and concepts, of
// texts the nearest cases by words and characters (kNearest: by words).
enum class RankerRole { kMember, kNgrams, kNearest, kMajority };
std::string_view word_of(RankerRole role);  // "member", "ngrams", "nearest", "majority"
// Texts have no n-gram ranker.
bool has_ranker(AnswerKind kind, RankerRole role);

struct StudyAnswererFile {
  std::string run, base, base_hash;            // base_hash "" with kNoBase
  std::map<AnswerKind, std::string> adapters;  // folder names beside answers.json
  std::map<AnswerKind, ListChoice> choices;    // of closed set and codes
  std::vector<std::string> labels, known_codes;
  std::string code_list, code_edition, code_hash;
  double unseen_share = 0;  // probability left to codes that the member does not know
  // Of free text: how far the language model's is trusted (workflow/joined_text.h). 1: it stands.
  double text_model_weight = 1;
  bool text_abstains = false;
  double text_threshold = 0;
};
void write_study_answerer(const std::filesystem::path& folder, const StudyAnswererFile& about,
                          const Settings& settings);
// Whether the folder holds one.
bool is_study_answerer(const std::filesystem::path& folder);

// What a ranker that gives probabilities says of any answer: one that it does not know gets an even
// part of `unseen_share`, among `unseen` such answers.
class RankerVoice {
 public:
  RankerVoice(const AnswerRanker& ranker, std::string_view text, double unseen_share,
              size_t unseen);
  double log_probability(const std::string& answer) const;
  std::vector<std::string> best(size_t most) const;

 private:
  std::vector<RankedAnswer> ranked_;
  std::unordered_map<std::string, double> score_;
  double unseen_share_, floor_;
};
// Good and Turing: the share of training answers that occur once, kept off 0 and 1/2.
double good_turing_unseen(std::span<const std::string> answers);

class StudyAnswerer : public Answerer {
 public:
  // Errors E0711, E0725, E0422 (the base is not on the shelf) and those of its parts.
  StudyAnswerer(const std::filesystem::path& folder, const Settings& today);
  ~StudyAnswerer() override;

  const AnswererAbout& about() const override { return about_; }
  const Settings& settings() const override { return settings_; }
  bool answers(AnswerKind kind) const override;
  std::vector<CaseAnswers> answer(std::span<const Case> cases) override;

  // For tests and tuning: both voices on the candidates of each case, not joined. `refused[i]` says
  // why a case has none.
  struct Lists {
    std::vector<ListScores> scores;
    std::vector<ListScores> alone;  // the voice without the ranker, among what it finds itself
    std::vector<std::string> refused;
    std::vector<int64_t> tokens, taken_out;
  };
  // Not `joined`: only `alone` is wanted, and candidates of codes that a ranker names need no
  // score.
  Lists list_scores(std::span<const Case> cases, AnswerKind kind, Voice* voice,
                    bool joined = true) const;
  // Free text by a voice, or, without one, the nearest training case's; not joined. refused[i]: why
  // not.
  std::vector<TextAnswer> texts(std::span<const Case> cases, Voice* voice,
                                std::vector<std::string>& refused,
                                std::vector<CaseAnswers>* counts = nullptr) const;
  // Several questions about the same cases, in the order of each list of cases: asked in turn about
  // some cases at a time, so that a language model reads a case's text once for all of them.
  struct Asked {
    std::map<AnswerKind, Lists> lists;
    std::vector<TextAnswer> texts;
    std::vector<TextAnswer> served_texts;  // where `joined`
    std::vector<std::string> texts_refused;
    std::vector<CaseAnswers> texts_counts;  // tokens and taken_out alone
    std::map<AnswerKind, double> seconds;
  };
  using VoiceOf = std::function<Voice*(AnswerKind)>;
  Asked ask(const std::map<AnswerKind, std::span<const Case>>& cases, const VoiceOf& voice_of,
            bool joined = true) const;
  // The candidates for a case's text: what the language model wrote, if it did, and the nearest
  // training cases'.
  JoinedText joined_text(const Case& item, const std::optional<std::string>& written) const;
  // What the study gives for a case for which the language model wrote `written`.
  TextAnswer served_text(const Case& item, TextAnswer written) const;
  Voice* voice(AnswerKind kind) const;  // null without a language model
  const AnswerRanker& ranker(RankerRole role, AnswerKind kind) const;
  const StudyAnswererFile& file() const { return file_; }
  const StudyCodes* codes() const { return codes_.get(); }
  std::filesystem::path base_path() const { return base_path_; }
  void report_to(ProgressSink sink) { sink_ = std::move(sink); }

  // Of the probabilities: the answer with its confidence and whether it is held back.
  ListAnswer list_answer(const ListScores& scores, AnswerKind kind, const ListChoice& choice) const;

 private:
  class Shown;
  void open_voices(const std::filesystem::path& folder, const Settings& today);
  void open_rankers(const std::filesystem::path& folder);

  AnswererAbout about_;
  StudyAnswererFile file_;
  Settings settings_;
  std::filesystem::path base_path_;
  std::shared_ptr<const StudyCodes> codes_;
  std::map<AnswerKind, std::shared_ptr<Voice>> voices_;
  std::map<std::pair<RankerRole, AnswerKind>, std::unique_ptr<AnswerRanker>> rankers_;
  std::unique_ptr<TextJudge> judge_;  // where free text is answered
  ProgressSink sink_;
};

}  // namespace gantry
