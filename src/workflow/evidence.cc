#include "workflow/evidence.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/strings.h"
#include "workflow/ratings.h"
#include "workflow/readings.h"

namespace gantry {
namespace {

constexpr size_t kNeighbours = 3;
constexpr size_t kMostFailures = 500;
constexpr size_t kShownCharacters = 400;

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

std::string first_characters(const std::string& text, size_t most) {
  size_t seen = 0, at = 0;
  while (at < text.size() && seen < most) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    ++seen;
  }
  return at < text.size() ? text.substr(0, at) + "…" : text;
}

// Rows have length 1 (a block each): the dot product of ascending columns.
double dot(const SparseRow& a, const SparseRow& b) {
  double sum = 0;
  for (size_t i = 0, j = 0; i < a.column.size() && j < b.column.size();) {
    if (a.column[i] == b.column[j])
      sum += a.value[i++] * b.value[j++];
    else if (a.column[i] < b.column[j])
      ++i;
    else
      ++j;
  }
  return sum;
}

double length_of(const SparseRow& row) {
  double sum = 0;
  for (double v : row.value) sum += v * v;
  return std::sqrt(sum);
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
  if (out.size() > kMostFailures) out.resize(kMostFailures);
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
  const auto training = cases.of(CaseSet::kTraining);
  std::vector<std::string> texts;
  for (const auto* item : training) texts.push_back(item->baseline_text);
  const auto& tfidf = predictor.baseline().tfidf();
  const SparseRows rows = tfidf.transform(texts);
  std::vector<SparseRow> row;
  std::vector<double> length;
  for (size_t i = 0; i < training.size(); ++i) {
    row.push_back(rows.row(static_cast<int64_t>(i)));
    length.push_back(length_of(row.back()));
  }
  for (size_t f : failures) {
    TestedCase& failed = report.cases[f];
    const auto found = test_case.find({failed.source, failed.id});
    if (found == test_case.end()) continue;
    const SparseRow query = tfidf.transform(found->second->baseline_text);
    const double size = length_of(query);
    std::vector<std::pair<double, size_t>> near;
    for (size_t i = 0; i < training.size(); ++i)
      if (size > 0 && length[i] > 0) near.emplace_back(dot(query, row[i]) / (size * length[i]), i);
    const size_t most = std::min(kNeighbours, near.size());
    std::partial_sort(near.begin(), near.begin() + static_cast<ptrdiff_t>(most), near.end(),
                      [](const auto& a, const auto& b) {
                        return a.first != b.first ? a.first > b.first : a.second < b.second;
                      });
    for (size_t k = 0; k < most; ++k) {
      const Case& n = *training[near[k].second];
      failed.neighbours.push_back(
          {n.id, n.source, first_characters(n.text, kShownCharacters), n.label, near[k].first});
    }
  }
}

void count_repeats(Predictor& predictor, std::span<const PredictorText> texts,
                   std::span<const Prediction> answers, int64_t times, TestReport& report) {
  std::set<size_t> differing;
  for (int64_t t = 0; t < times; ++t) {
    const auto again = predictor.predict(texts);
    for (size_t i = 0; i < again.size(); ++i)
      if (again[i].label != answers[i].label || again[i].probabilities != answers[i].probabilities)
        differing.insert(i);
  }
  report.repeats = times;
  report.repeats_differing = static_cast<int64_t>(differing.size());
}

}  // namespace gantry
