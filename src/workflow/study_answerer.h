// StudyAnswerer: what `gantry train` leaves of a causal language model and its rankers, or of the
// rankers alone (model.base = "none"). A folder:
//
//   answers.json              base, adapters, prompts, what the tuning cases decided, identity
//   adapter/, adapter-codes/  PEFT folders: one for all questions, or one for each
//   majority-codes.bin, ngrams-codes.bin, nearest-codes.bin, nearest-text.bin, ...
//                             the rankers: the n-gram one is a member of list answers where its
//                             weight is above 0; all of them are the baselines of a test
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "study/study_codes.h"
#include "text/answer_ranker.h"
#include "workflow/answerer.h"
#include "workflow/voice.h"

namespace gantry {

inline constexpr std::string_view kNoBase = "none";  // model.base: rankers alone

// What a ranker is to the study: file names, and the order in reports.
enum class RankerRole { kMajority, kNgrams, kNearest };
std::string_view word_of(RankerRole role);  // "majority", "ngrams", "nearest"

struct StudyAnswererFile {
  std::string run, base, base_hash;            // base_hash "" with kNoBase
  std::map<AnswerKind, std::string> adapters;  // folder names beside answers.json
  std::map<AnswerKind, ListChoice> choices;    // of closed set and codes
  std::vector<std::string> labels, known_codes;
  std::string code_list, code_edition, code_hash;
  double unseen_share = 0;  // probability the ranker leaves to codes that training has not
  bool text_abstains = false;
  double text_threshold = 0;
};
void write_study_answerer(const std::filesystem::path& folder, const StudyAnswererFile& about,
                          const Settings& settings);
// Whether the folder holds one.
bool is_study_answerer(const std::filesystem::path& folder);

// Log-probabilities of `answers` by a ranker that gives probabilities. An answer that it has never
// seen gets an even part of `unseen_share`, of `unseen` answers (Good-Turing: the share of
// training answers that occur once).
std::vector<double> ranker_log_probabilities(const AnswerRanker& ranker, std::string_view text,
                                             std::span<const std::string> answers,
                                             double unseen_share, size_t unseen);
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
    std::vector<std::string> refused;
    std::vector<int64_t> tokens, taken_out;
  };
  Lists list_scores(std::span<const Case> cases, AnswerKind kind, Voice* voice) const;
  // Free text by a voice, or, without one, the nearest training case's. refused[i]: why not.
  std::vector<TextAnswer> texts(std::span<const Case> cases, Voice* voice,
                                std::vector<std::string>& refused,
                                std::vector<CaseAnswers>* counts = nullptr) const;
  Voice* voice(AnswerKind kind) const;  // null without a language model
  const AnswerRanker& ranker(RankerRole role, AnswerKind kind) const;
  const StudyAnswererFile& file() const { return file_; }
  const StudyCodes* codes() const { return codes_.get(); }
  std::filesystem::path base_path() const { return base_path_; }
  void report_to(ProgressSink sink) { sink_ = std::move(sink); }

  // Of the probabilities: the answer with its confidence and whether it is held back.
  ListAnswer list_answer(const ListScores& scores, AnswerKind kind, const ListChoice& choice) const;

 private:
  void open_voices(const std::filesystem::path& folder, const Settings& today);
  void open_rankers(const std::filesystem::path& folder);

  AnswererAbout about_;
  StudyAnswererFile file_;
  Settings settings_;
  std::filesystem::path base_path_;
  std::shared_ptr<const StudyCodes> codes_;
  std::map<AnswerKind, std::shared_ptr<Voice>> voices_;
  std::map<std::pair<RankerRole, AnswerKind>, std::unique_ptr<AnswerRanker>> rankers_;
  ProgressSink sink_;
};

}  // namespace gantry
