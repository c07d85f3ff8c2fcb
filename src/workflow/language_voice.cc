#include "workflow/language_voice.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/sha256.h"
#include "infer/answer_trie.h"
#include "infer/closed_set.h"
#include "infer/constrained.h"
#include "infer/generation.h"
#include "infer/language_model.h"

namespace gantry {
namespace {

WeightPrecision precision_of(const Settings& settings) {
  const std::string& name = settings.predict.precision;
  return name == "auto" ? WeightPrecision::kStored : weight_precision_from(name);
}

Progress phase(const char* what, size_t done, size_t total) {
  return {.phase = what,
          .done = static_cast<double>(done),
          .total = static_cast<double>(total),
          .unit = "cases"};
}

class LanguageVoice : public Voice {
 public:
  LanguageVoice(const std::filesystem::path& base, const std::filesystem::path& adapter,
                const Settings& settings);

  bool gives(AnswerKind) const override { return true; }
  void show(AnswerKind kind, std::vector<PromptExample> examples) override;
  std::vector<VoiceList> score(std::span<const Case> cases, AnswerKind kind,
                               const std::vector<std::string>& list,
                               const ProgressSink& progress) override;
  std::vector<VoiceList> score_codes(std::span<const Case> cases,
                                     std::span<const std::vector<std::string>> candidates,
                                     const CodeList& allowed,
                                     const ProgressSink& progress) override;
  std::vector<VoiceText> write(std::span<const Case> cases, const ProgressSink& progress) override;
  void draw(double temperature, uint64_t seed) override {
    temperature_ = temperature;
    seed_ = seed;
  }

 private:
  struct Asked;  // prompts of those cases that fit
  Asked ask(std::span<const Case> cases, AnswerKind kind, int64_t answer_tokens) const;
  const AnswerTrie& trie_of(const std::vector<std::string>& answers);

  Settings settings_;
  LanguageModel model_;
  ChatTemplates chats_;
  const ChatTemplate& chat_;
  std::unique_ptr<PromptMaker> maker_;
  std::map<AnswerKind, std::vector<PromptExample>> examples_;
  std::map<std::string, AnswerTrie> tries_;  // by the list's hash
  double temperature_ = 0;                   // of drawn texts; 0: none is drawn
  uint64_t seed_ = 0;
};

// Codes as numbers of the list, which is the order of its trie.
std::vector<int32_t> rows_of(const std::vector<std::string>& codes, const CodeList& list) {
  std::vector<int32_t> rows;
  for (const std::string& code : codes) {
    rows.push_back(list.find(code));
    GANTRY_CHECK(rows.back() >= 0);
  }
  return rows;
}

double mean_token_probability(const GenerationResult& result) {
  const size_t tokens = result.ids.size() + (result.stop == StopReason::kEnd ? 1 : 0);
  return tokens == 0 ? 0 : std::exp(result.log_probability / static_cast<double>(tokens));
}

// The cases that fit, as prompts, and which cases they are.
struct LanguageVoice::Asked {
  std::vector<std::vector<int32_t>> prompts;
  std::vector<size_t> of;              // index of the case
  std::vector<std::string> refused;    // [cases]
  std::vector<int64_t> tokens, taken;  // [cases]
};

LanguageVoice::LanguageVoice(const std::filesystem::path& base,
                             const std::filesystem::path& adapter, const Settings& settings)
    : settings_(settings),
      model_(LanguageModel::open(
          base, {.adapter = adapter,
                 .precision = precision_of(settings),
                 .activations = activation_precision_from(settings.predict.activations)})),
      chats_(known_chat_templates()),
      chat_(chat_template_for(chats_, settings, model_.info().chat_template, model_.info().name)),
      maker_(std::make_unique<PromptMaker>(
          settings, model_.tokenizer(), chat_,
          std::min<int64_t>(settings.model.max_tokens, model_.context()))) {}

void LanguageVoice::show(AnswerKind kind, std::vector<PromptExample> examples) {
  examples_[kind] = std::move(examples);
}

LanguageVoice::Asked LanguageVoice::ask(std::span<const Case> cases, AnswerKind kind,
                                        int64_t answer_tokens) const {
  Asked out;
  out.refused.resize(cases.size());
  out.tokens.resize(cases.size());
  out.taken.resize(cases.size());
  auto shown = examples_.find(kind);
  const std::span<const PromptExample> examples =
      shown == examples_.end() ? std::span<const PromptExample>() : shown->second;
  for (size_t i = 0; i < cases.size(); ++i) {
    try {
      out.prompts.push_back(maker_->fitted(cases[i], kind, answer_tokens, examples, &out.taken[i]));
      out.tokens[i] = static_cast<int64_t>(out.prompts.back().size());
      out.of.push_back(i);
    } catch (const Error& error) {  // the case's own fault: its length, a column it lacks
      out.refused[i] = error.what();
    }
  }
  return out;
}

const AnswerTrie& LanguageVoice::trie_of(const std::vector<std::string>& answers) {
  std::string joined;
  for (const std::string& answer : answers) joined += answer + '\n';
  const std::string key = sha256_hex(joined);
  auto at = tries_.find(key);
  if (at == tries_.end())
    at = tries_.emplace(key, AnswerTrie::compile(model_.tokenizer(), maker_->end_id(), answers))
             .first;
  return at->second;
}

std::vector<VoiceList> LanguageVoice::score(std::span<const Case> cases, AnswerKind kind,
                                            const std::vector<std::string>& list,
                                            const ProgressSink& progress) {
  const AnswerTrie& trie = trie_of(list);
  const Asked asked = ask(cases, kind, trie.longest());
  const auto scores =
      score_closed_set(model_, asked.prompts, trie, {.progress = [&](size_t done) {
                         tell(progress, phase("scoring answers", done, asked.prompts.size()));
                       }});
  std::vector<VoiceList> out(cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    out[i].refused = asked.refused[i];
    out[i].tokens = asked.tokens[i];
    out[i].taken_out = asked.taken[i];
  }
  for (size_t k = 0; k < scores.size(); ++k)
    out[asked.of[k]].log_probability = scores[k].log_probability;
  return out;
}

std::vector<VoiceList> LanguageVoice::score_codes(
    std::span<const Case> cases, std::span<const std::vector<std::string>> candidates,
    const CodeList& allowed, const ProgressSink& progress) {
  std::vector<std::string> whole;
  for (const Code& code : allowed.codes()) whole.push_back(code.code);
  const AnswerTrie& trie = trie_of(whole);
  const Asked asked = ask(cases, AnswerKind::kCodes, trie.longest());
  std::vector<VoiceList> out(cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    out[i].refused = asked.refused[i];
    out[i].tokens = asked.tokens[i];
    out[i].taken_out = asked.taken[i];
  }
  std::vector<std::vector<int32_t>> also;
  for (size_t i : asked.of) also.push_back(rows_of(candidates[i], allowed));
  const auto beams = static_cast<int>(settings_.model.code_beams);
  const auto found =
      rank_answers(model_, asked.prompts, trie,
                   {.beams = beams,
                    .top = static_cast<size_t>(beams),
                    .also = also,
                    .progress = [&](size_t done) {
                      tell(progress, phase("searching the code list", done, asked.prompts.size()));
                    }});
  for (size_t k = 0; k < found.size(); ++k) {
    VoiceList& one = out[asked.of[k]];
    one.log_probability = found[k].also;
    for (const ScoredAnswer& answer : found[k].answers)
      one.found.emplace_back(trie.answer(static_cast<size_t>(answer.index)),
                             answer.log_probability);
  }
  return out;
}

std::vector<VoiceText> LanguageVoice::write(std::span<const Case> cases,
                                            const ProgressSink& progress) {
  const int64_t most = settings_.model.answer_tokens;
  const Asked asked = ask(cases, AnswerKind::kText, most);
  GenerationSettings how;
  how.max_tokens = most;
  how.beams = temperature_ > 0 ? 1 : static_cast<int>(settings_.model.beams);
  how.temperature = temperature_;
  how.seed = seed_;
  how.stop_ids = {maker_->end_id()};
  size_t finished = 0;
  auto results = generate(model_, asked.prompts, how, {}, [&](size_t, const GenerationResult&) {
    tell(progress, phase("writing answers", ++finished, asked.prompts.size()));
  });
  std::vector<VoiceText> out(cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    out[i].refused = asked.refused[i];
    out[i].tokens = asked.tokens[i];
    out[i].taken_out = asked.taken[i];
  }
  for (size_t k = 0; k < results.size(); ++k) {
    VoiceText& one = out[asked.of[k]];
    one.confidence = mean_token_probability(results[k]);
    one.ended = results[k].stop == StopReason::kEnd;
    one.text = std::move(results[k].text);
  }
  return out;
}

}  // namespace

std::unique_ptr<Voice> open_language_voice(const std::filesystem::path& base,
                                           const std::filesystem::path& adapter,
                                           const Settings& settings) {
  return std::make_unique<LanguageVoice>(base, adapter, settings);
}

}  // namespace gantry
