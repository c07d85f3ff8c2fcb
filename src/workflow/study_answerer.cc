#include "workflow/study_answerer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "study/data_folder.h"
#include "weights/decoder_folder.h"
#include "weights/model_folder.h"
#include "weights/shelf.h"
#include "workflow/encoder_voice.h"
#include "workflow/joined_text.h"
#include "workflow/language_voice.h"
#include "workflow/run_json.h"
#include "workflow/similar_cases.h"
#include "workflow/study_rankers.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kAnswersFormat = 2;

// Cases asked all their questions before the next: as many as a language model decodes at once.
constexpr size_t kTogether = 64;
// What a new case needs to become the same prompt the model was trained on.
constexpr std::string_view kKeptAnswerSections[] = {"study",  "columns",  "labels", "codes",
                                                    "prompt", "sections", "focus",  "model",
                                                    "tfidf",  "predict",  "regimen"};

[[noreturn]] void damaged_answers(const std::filesystem::path& file, const std::string& why) {
  throw Error("E0711", file.string() + ": " + why,
              "Train again (`gantry train`), or restore the folder.");
}

Json choice_json(const ListChoice& choice) {
  return {{"ranker_weight", choice.ranker_weight},
          {"temperature", choice.temperature},
          {"abstains", choice.abstains},
          {"threshold", choice.threshold},
          {"abstention", abstention_json(choice.abstention)},
          {"note", choice.note}};
}

ListChoice choice_from(const nlohmann::json& json) {
  ListChoice out;
  out.ranker_weight = json.at("ranker_weight");
  out.temperature = json.at("temperature");
  out.abstains = json.at("abstains");
  out.threshold = json.at("threshold");
  out.abstention = abstention_from_json(json.at("abstention"));
  out.note = json.at("note");
  return out;
}

AnswerKind kind_from(const std::string& word, const std::filesystem::path& file) {
  for (AnswerKind kind : {AnswerKind::kClosedSet, AnswerKind::kCodes, AnswerKind::kText})
    if (word_of(kind) == word) return kind;
  damaged_answers(file, "names a question '" + word + "'");
}

Settings read_answer_settings(const nlohmann::json& kept) {
  Settings settings;
  for (const auto& [section, keys] : kept.items())
    for (const auto& [key, value] : keys.items())
      override_setting(settings, section + "." + key + "=" + value.dump());
  return settings;
}

StudyAnswererFile read_file_of(const std::filesystem::path& folder, Settings& settings) {
  const auto file = folder / "answers.json";
  StudyAnswererFile out;
  try {
    const auto json = nlohmann::json::parse(read_file(file));
    if (json.at("format").get<int>() != kAnswersFormat)
      damaged_answers(file, "written by another version of Gantry");
    out.run = json.at("run");
    out.base = json.at("base");
    out.base_hash = json.at("base_hash");
    for (const auto& [word, name] : json.at("adapters").items())
      out.adapters[kind_from(word, file)] = name.get<std::string>();
    for (const auto& [word, choice] : json.at("choices").items())
      out.choices[kind_from(word, file)] = choice_from(choice);
    out.labels = json.at("labels").get<std::vector<std::string>>();
    out.known_codes = json.at("known_codes").get<std::vector<std::string>>();
    out.code_list = json.at("code_list");
    out.code_edition = json.at("code_edition");
    out.code_hash = json.at("code_hash");
    out.unseen_share = json.at("unseen_share");
    out.text_model_weight = json.at("text_model_weight");
    out.text_abstains = json.at("text_abstains");
    out.text_threshold = json.at("text_threshold");
    settings = read_answer_settings(json.at("settings"));
  } catch (const nlohmann::json::exception& error) {
    damaged_answers(file, std::string("not a description of a model (") + error.what() + ")");
  }
  return out;
}

}  // namespace

std::string_view word_of(RankerRole role) {
  switch (role) {
    case RankerRole::kMember:
      return "member";
    case RankerRole::kNgrams:
      return "ngrams";
    case RankerRole::kNearest:
      return "nearest";
    case RankerRole::kMajority:
      return "majority";
  }
  return "";
}

bool has_ranker(AnswerKind kind, RankerRole role) {
  return kind != AnswerKind::kText || role != RankerRole::kNgrams;
}

bool is_study_answerer(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "answers.json");
}

void write_study_answerer(const std::filesystem::path& folder, const StudyAnswererFile& about,
                          const Settings& settings) {
  Json out;
  out["format"] = kAnswersFormat;
  out["run"] = about.run;
  out["base"] = about.base;
  out["base_hash"] = about.base_hash;
  out["adapters"] = Json::object();
  for (const auto& [kind, name] : about.adapters)
    out["adapters"][std::string(word_of(kind))] = name;
  out["choices"] = Json::object();
  for (const auto& [kind, choice] : about.choices)
    out["choices"][std::string(word_of(kind))] = choice_json(choice);
  out["labels"] = about.labels;
  out["known_codes"] = about.known_codes;
  out["code_list"] = about.code_list;
  out["code_edition"] = about.code_edition;
  out["code_hash"] = about.code_hash;
  out["unseen_share"] = about.unseen_share;
  out["text_model_weight"] = about.text_model_weight;
  out["text_abstains"] = about.text_abstains;
  out["text_threshold"] = about.text_threshold;
  out["settings"] = settings_json(settings, kKeptAnswerSections);
  out["settings"]["cohort"] = {{"diagnoses", settings.cohort.diagnoses}};
  write_file_atomically(folder / "answers.json", out.dump(1) + "\n");
}

double good_turing_unseen(std::span<const std::string> answers) {
  std::unordered_map<std::string, int> times;
  for (const std::string& answer : answers) ++times[answer];
  const auto once = std::count_if(times.begin(), times.end(),
                                  [](const auto& entry) { return entry.second == 1; });
  // Never all of it, nor nothing, whatever the counts are.
  const double n = static_cast<double>(answers.size());
  return std::clamp(static_cast<double>(once) / std::max(1.0, n), 1 / (n + 2), 0.5);
}

RankerVoice::RankerVoice(const AnswerRanker& ranker, std::string_view text, double unseen_share,
                         size_t unseen)
    : ranked_(ranker.rank(text, std::numeric_limits<size_t>::max())),
      unseen_share_(unseen_share),
      floor_(unseen_share / static_cast<double>(std::max<size_t>(1, unseen))) {
  for (const RankedAnswer& one : ranked_) score_.emplace(one.answer, one.score);
}

double RankerVoice::log_probability(const std::string& answer) const {
  auto at = score_.find(answer);
  const double p = at == score_.end() ? floor_ : (1 - unseen_share_) * at->second;
  return std::log(std::max(p, std::numeric_limits<double>::min()));
}

std::vector<std::string> RankerVoice::best(size_t most) const {
  std::vector<std::string> out;
  for (const RankedAnswer& one : ranked_) {
    if (out.size() == most) break;
    out.push_back(one.answer);
  }
  return out;
}

StudyAnswerer::StudyAnswerer(const std::filesystem::path& folder, const Settings& today) {
  file_ = read_file_of(folder, settings_);
  settings_.predict = today.predict;
  about_.run = file_.run;
  about_.base = file_.base;
  about_.labels = file_.labels;
  if (settings_.study.asks("codes")) {
    codes_ = open_study_codes(settings_);
    if (codes_->hash() != file_.code_hash)
      throw Error("E0725",
                  "code list '" + file_.code_list + "' is not the one that run " + file_.run +
                      " was trained with (" + codes_->hash().substr(0, 12) + ", then " +
                      file_.code_hash.substr(0, 12) + ")",
                  "Bring the former list back (`gantry codes`), or train again.");
    about_.code_list = file_.code_list;
    about_.code_edition = file_.code_edition;
    about_.code_hash = file_.code_hash;
  }
  if (auto at = file_.choices.find(AnswerKind::kClosedSet); at != file_.choices.end())
    about_.closed_set = at->second;
  if (auto at = file_.choices.find(AnswerKind::kCodes); at != file_.choices.end())
    about_.codes = at->second;
  about_.text_abstains = file_.text_abstains;
  about_.text_threshold = file_.text_threshold;
  if (settings_.study.asks("text")) judge_ = std::make_unique<TextJudge>(settings_);
  open_rankers(folder);
  open_voices(folder, today);
}

StudyAnswerer::~StudyAnswerer() = default;

void StudyAnswerer::open_rankers(const std::filesystem::path& folder) {
  for (AnswerKind kind : questions_of(settings_))
    for (RankerRole role :
         {RankerRole::kMember, RankerRole::kNgrams, RankerRole::kNearest, RankerRole::kMajority}) {
      const auto file =
          folder / (std::string(word_of(role)) + "-" + std::string(word_of(kind)) + ".bin");
      if (!has_ranker(kind, role)) continue;
      rankers_[{role, kind}] = parse_ranker(read_file(file));
    }
}

void StudyAnswerer::open_voices(const std::filesystem::path& folder, const Settings& today) {
  if (file_.base == kNoBase) return;
  Shelf shelf(default_shelf_folder(), read_known_models(data_file("tasks/base-models.toml")));
  base_path_ = shelf.find(file_.base);
  const bool decoder = DecoderFolder::is_decoder(base_path_);
  const std::string hash = decoder ? DecoderFolder::open(base_path_).weights_hash()
                                   : ModelFolder::open(base_path_).weights_hash();
  if (hash != file_.base_hash)
    throw Error("E0725",
                base_path_.string() + ": its weights are not those that run " + file_.run +
                    " was trained on",
                "Bring the former base model back, or train again.");
  Settings settings = settings_;
  settings.predict = today.predict;
  std::map<std::string, std::shared_ptr<Voice>> opened;
  for (const auto& [kind, name] : file_.adapters) {
    auto& voice = opened[name];
    if (!voice)
      voice = decoder ? open_language_voice(base_path_, folder / name, settings)
                      : open_encoder_voice(folder / name, settings);
    voices_[kind] = voice;
  }
}

bool StudyAnswerer::answers(AnswerKind kind) const { return settings_.study.asks(word_of(kind)); }

Voice* StudyAnswerer::voice(AnswerKind kind) const {
  auto at = voices_.find(kind);
  return at == voices_.end() ? nullptr : at->second.get();
}

const AnswerRanker& StudyAnswerer::ranker(RankerRole role, AnswerKind kind) const {
  return *rankers_.at({role, kind});
}

// The cases as a prompt shows them: with what other cases say, where it does.
class StudyAnswerer::Shown {
 public:
  Shown(const StudyAnswerer& answerer, std::span<const Case> cases, AnswerKind kind)
      : cases_(cases) {
    if (!shows_others(answerer.settings_, kind)) return;
    copies_.assign(cases.begin(), cases.end());
    show_others(answerer.ranker(RankerRole::kMember, kind), kind, answerer.settings_, copies_);
    cases_ = copies_;
  }
  std::span<const Case> cases() const { return cases_; }

 private:
  std::vector<Case> copies_;
  std::span<const Case> cases_;
};

StudyAnswerer::Lists StudyAnswerer::list_scores(std::span<const Case> cases, AnswerKind kind,
                                                Voice* voice, bool joined) const {
  const bool codes = kind == AnswerKind::kCodes;
  Lists out;
  out.scores.resize(cases.size());
  out.alone.resize(cases.size());
  out.refused.resize(cases.size());
  out.tokens.resize(cases.size());
  out.taken_out.resize(cases.size());
  const size_t unseen =
      codes ? codes_->allowed.size() - std::min(codes_->allowed.size(), file_.known_codes.size())
            : 0;
  std::vector<RankerVoice> rankers;
  std::vector<std::vector<std::string>> candidates;
  for (const Case& item : cases) {
    rankers.emplace_back(ranker(RankerRole::kMember, kind), member_text(item, kind, settings_),
                         codes ? file_.unseen_share : 0, unseen);
    candidates.push_back(codes
                             ? rankers.back().best(static_cast<size_t>(settings_.codes.candidates))
                             : file_.labels);
    if (codes)  // nothing outside the list comes out, whatever a ranker learned
      std::erase_if(candidates.back(),
                    [&](const std::string& code) { return codes_->allowed.find(code) < 0; });
  }
  // Scores that weigh nothing are not asked for.
  const bool scored = !codes || (joined && file_.choices.at(kind).ranker_weight < 1);
  std::vector<VoiceList> said;
  if (voice != nullptr) {
    const Shown shown(*this, cases, kind);
    said = codes ? voice->score_codes(
                       shown.cases(),
                       scored ? candidates : std::vector<std::vector<std::string>>(cases.size()),
                       codes_->allowed, sink_)
                 : voice->score(shown.cases(), kind, file_.labels, sink_);
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    ListScores& scores = out.scores[i];
    scores.answers = std::move(candidates[i]);
    if (voice != nullptr) {
      out.refused[i] = said[i].refused;
      out.tokens[i] = said[i].tokens;
      out.taken_out[i] = said[i].taken_out;
      if (!said[i].refused.empty()) {
        scores = {};
        continue;
      }
      scores.model = std::move(said[i].log_probability);
      if (!codes) out.alone[i] = scores;
      for (const auto& [code, log_probability] : said[i].found) {
        out.alone[i].answers.push_back(code);
        out.alone[i].model.push_back(log_probability);
        if (scores.find(code) >= 0) continue;
        scores.answers.push_back(code);
        if (scored) scores.model.push_back(log_probability);
      }
    }
    for (const std::string& answer : scores.answers)
      scores.ranker.push_back(rankers[i].log_probability(answer));
  }
  return out;
}

namespace {

template <typename T>
void append(std::vector<T> from, std::vector<T>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void append(StudyAnswerer::Lists from, StudyAnswerer::Lists& to) {
  append(std::move(from.scores), to.scores);
  append(std::move(from.alone), to.alone);
  append(std::move(from.refused), to.refused);
  append(std::move(from.tokens), to.tokens);
  append(std::move(from.taken_out), to.taken_out);
}

}  // namespace

StudyAnswerer::Asked StudyAnswerer::ask(const std::map<AnswerKind, std::span<const Case>>& cases,
                                        const VoiceOf& voice_of, bool joined) const {
  Asked out;
  size_t most = 0;
  for (const auto& [kind, list] : cases) {
    most = std::max(most, list.size());
    out.seconds[kind] = 0;
    if (kind != AnswerKind::kText) out.lists[kind] = {};
  }
  for (size_t first = 0; first < most; first += kTogether)
    for (const auto& [kind, list] : cases) {
      if (first >= list.size()) continue;
      const auto part = list.subspan(first, std::min(kTogether, list.size() - first));
      const auto began = std::chrono::steady_clock::now();
      if (kind == AnswerKind::kText) {
        std::vector<std::string> refused;
        std::vector<CaseAnswers> counts(part.size());
        std::vector<TextAnswer> written = texts(part, voice_of(kind), refused, &counts);
        for (size_t i = 0; joined && i < part.size(); ++i)
          out.served_texts.push_back(refused[i].empty() ? served_text(part[i], written[i])
                                                        : TextAnswer());
        append(std::move(written), out.texts);
        append(std::move(refused), out.texts_refused);
        append(std::move(counts), out.texts_counts);
      } else {
        append(list_scores(part, kind, voice_of(kind), joined), out.lists[kind]);
      }
      out.seconds[kind] +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    }
  return out;
}

ListAnswer StudyAnswerer::list_answer(const ListScores& scores, AnswerKind kind,
                                      const ListChoice& choice) const {
  ListAnswer out;
  const size_t most = kind == AnswerKind::kCodes ? static_cast<size_t>(settings_.codes.ranked)
                                                 : scores.answers.size();
  out.ranked = ranked_answers(scores, joined_probabilities(scores, choice), most);
  out.confidence = out.ranked.empty() ? 0 : out.ranked[0].probability;
  out.abstain = choice.abstains && out.confidence < choice.threshold;
  return out;
}

std::vector<CaseAnswers> StudyAnswerer::answer(std::span<const Case> cases) {
  std::vector<CaseAnswers> out(cases.size());
  std::map<AnswerKind, std::span<const Case>> all;
  for (AnswerKind kind : questions_of(settings_)) all[kind] = cases;
  Asked asked = ask(all, [this](AnswerKind kind) { return voice(kind); });
  auto count = [](CaseAnswers& answers, int64_t tokens, int64_t taken_out) {
    answers.tokens += tokens;
    answers.taken_out = std::max(answers.taken_out, taken_out);
  };
  for (const auto& [kind, lists] : asked.lists) {
    const ListChoice& choice = file_.choices.at(kind);
    for (size_t i = 0; i < cases.size(); ++i) {
      if (!lists.refused[i].empty()) {
        out[i].refused = lists.refused[i];
        continue;
      }
      count(out[i], lists.tokens[i], lists.taken_out[i]);
      (kind == AnswerKind::kCodes ? out[i].codes : out[i].closed_set) =
          list_answer(lists.scores[i], kind, choice);
    }
  }
  for (size_t i = 0; i < asked.texts.size(); ++i) {
    if (!asked.texts_refused[i].empty()) {
      out[i].refused = asked.texts_refused[i];
      continue;
    }
    count(out[i], asked.texts_counts[i].tokens, asked.texts_counts[i].taken_out);
    out[i].text = std::move(asked.served_texts[i]);
  }
  return out;
}

std::vector<TextAnswer> StudyAnswerer::texts(std::span<const Case> cases, Voice* voice,
                                             std::vector<std::string>& refused,
                                             std::vector<CaseAnswers>* counts) const {
  std::vector<TextAnswer> out(cases.size());
  refused.assign(cases.size(), "");
  std::vector<VoiceText> written;
  if (voice != nullptr)
    written = voice->write(Shown(*this, cases, AnswerKind::kText).cases(), sink_);
  for (size_t i = 0; i < cases.size(); ++i) {
    TextAnswer& answer = out[i];
    if (voice == nullptr) {
      const auto nearest =
          ranker(RankerRole::kNearest, AnswerKind::kText).rank(cases[i].baseline_text, 1);
      answer.text = nearest.front().answer;
      answer.confidence = nearest.front().score;
    } else {
      refused[i] = written[i].refused;
      answer.text = written[i].text;
      answer.confidence = written[i].confidence;
      answer.ended = written[i].ended;
      if (counts != nullptr) {
        (*counts)[i].tokens += written[i].tokens;
        (*counts)[i].taken_out = std::max((*counts)[i].taken_out, written[i].taken_out);
      }
    }
  }
  return out;
}

JoinedText StudyAnswerer::joined_text(const Case& item,
                                      const std::optional<std::string>& written) const {
  std::vector<RankedAnswer> modalities;
  if (settings_.study.asks("closed-set")) {
    const AnswerRanker& member = ranker(RankerRole::kMember, AnswerKind::kClosedSet);
    if (member.gives_probabilities())
      modalities = member.rank(member_text(item, AnswerKind::kClosedSet, settings_),
                               settings_.labels.values.size());
  }
  return {ranker(RankerRole::kMember, AnswerKind::kText), item.baseline_text, written, modalities,
          *judge_};
}

TextAnswer StudyAnswerer::served_text(const Case& item, TextAnswer written) const {
  if (file_.text_model_weight < 1) {
    JoinedText::Choice choice = joined_text(item, written.text).choose(file_.text_model_weight);
    if (!choice.by_model) written.ended = true;
    written.text = std::move(choice.text);
    written.confidence = choice.agreement;
  }
  written.abstain = file_.text_abstains && written.confidence < file_.text_threshold;
  return written;
}

}  // namespace gantry
