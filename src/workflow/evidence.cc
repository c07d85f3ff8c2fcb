#include "workflow/evidence.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/strings.h"
#include "workflow/neighbours.h"
#include "workflow/ratings.h"
#include "workflow/readings.h"

namespace gantry {
namespace {

constexpr size_t kMostFailuresShown = 500;

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

std::vector<size_t> surest_failures(const TestReport& r) {
  std::vector<size_t> out;
  for (size_t i = 0; i < r.cases.size(); ++i)
    if (r.cases[i].predicted != r.cases[i].truth) out.push_back(i);
  auto sure = [&](size_t i) {
    const auto& c = r.cases[i];
    return c.probability.empty() ? 0.0 : c.probability[static_cast<size_t>(c.predicted)];
  };
  std::stable_sort(out.begin(), out.end(), [&](size_t a, size_t b) { return sure(a) > sure(b); });
  if (out.size() > kMostFailuresShown) out.resize(kMostFailuresShown);
  return out;
}

}  // namespace

void add_evidence(const Study& study, TestReport& report) {
  attach_readings(study, report);
  attach_ratings(study, report);
  report.margins = kept_margins(study);
}

void describe_answering(const Predictor& predictor, TestReport& report) {
  const Settings& s = predictor.settings();
  const auto& about = predictor.about();
  std::string tags;
  for (size_t i = 0; i < s.sections.use.size(); ++i)
    tags += (i ? " + " : "") +
            (i < s.sections.tags.size() ? "\"" + s.sections.tags[i] + "\"" : std::string()) + "[" +
            s.sections.use[i] + "]";
  report.answering = {
      {"input", tags + ", joined by a line break"},
      {"columns put before it", s.sections.fields.empty() ? "none" : list_of(s.sections.fields)},
      {"folding", "NFKC, white space cleaned" +
                      (s.sections.wording.empty() ? std::string() : ", " + s.sections.wording)},
      {"without a required section", s.sections.missing},
      {"longer than the model", s.model.long_texts + " of " + std::to_string(s.model.max_tokens) +
                                    " tokens, " + std::to_string(s.model.window_overlap) +
                                    " shared, pooled by " + s.model.window_pooling},
      {"who answers", std::to_string(about.members.size()) +
                          " encoder(s), weight of the n-gram member " +
                          format_double(about.ngram_weight, 3)},
      {"decoding", "the group of the highest probability; nothing is drawn by chance"},
      {"temperature", format_double(about.temperature, 4)},
      {"held back below",
       about.abstains ? format_double(about.threshold, 4) : "nothing is held back"},
      {"prompt", "none: the encoder reads the text alone"}};
}

void describe_prompts(const Settings& s, TestReport& report) {
  auto add = [&](const char* what, const std::string& value) {
    if (!value.empty()) report.answering.emplace_back(what, value);
  };
  add("chat template", s.prompt.chat);
  add("instruction", s.prompt.instruction);
  add("record", s.prompt.record);
  add("question, group", s.study.asks("closed-set") ? s.prompt.closed_set : "");
  add("question, code", s.study.asks("codes") ? s.prompt.codes : "");
  add("question, text", s.study.asks("text") ? s.prompt.text : "");
  add("a case that does not fit", s.prompt.too_long);
  add("decoding", "groups are scored, each of them; codes by " +
                      std::to_string(s.model.code_beams) +
                      " beams held to the code list; texts by " + std::to_string(s.model.beams) +
                      " beam(s), at most " + std::to_string(s.model.answer_tokens) +
                      " tokens; nothing is drawn by chance");
}

void add_neighbours(const Predictor& predictor, const Cases& cases, TestReport& report) {
  const auto failures = surest_failures(report);
  if (failures.empty()) return;
  std::map<std::pair<std::string, std::string>, const Case*> test_case;
  for (const auto* item : cases.of(CaseSet::kTest)) test_case[{item->source, item->id}] = item;
  const TrainingNeighbours neighbours(predictor.baseline().tfidf(), cases.of(CaseSet::kTraining));
  for (size_t f : failures) {
    TestedCase& failed = report.cases[f];
    const auto found = test_case.find({failed.source, failed.id});
    if (found != test_case.end())
      failed.neighbours = neighbours.of(*found->second, AnswerKind::kClosedSet);
  }
}

void count_repeats(Predictor& predictor, std::span<const PredictorText> texts,
                   std::span<const Prediction> answers, int64_t times, TestReport& report) {
  if (times <= 0) return;
  RepeatedAnswers out{.question = "group",
                      .how = "same settings",
                      .times = times,
                      .cases = static_cast<int64_t>(answers.size()),
                      .score = "right"};
  std::set<size_t> differing;
  auto share_right = [&](const auto& label_of) {
    double right = 0;
    for (size_t i = 0; i < answers.size(); ++i) right += label_of(i) == report.cases[i].truth;
    return answers.empty() ? 0 : right / static_cast<double>(answers.size());
  };
  out.as_tested = share_right([&](size_t i) { return answers[i].label; });
  for (int64_t t = 0; t < times; ++t) {
    const auto again = predictor.predict(texts);
    for (size_t i = 0; i < again.size(); ++i) {
      if (again[i].label != answers[i].label) differing.insert(i);
      for (size_t g = 0; g < answers[i].probabilities.size(); ++g)
        out.largest_change = std::max(
            out.largest_change, std::abs(again[i].probabilities[g] - answers[i].probabilities[g]));
    }
    out.scores.push_back(share_right([&](size_t i) { return again[i].label; }));
  }
  out.differing = static_cast<int64_t>(differing.size());
  report.repeated.push_back(std::move(out));
}

}  // namespace gantry
