#include "report/facts.h"

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "report/html.h"
#include "report/sections.h"
#include "stats/agreement.h"

namespace gantry {
namespace {

using Facts = std::map<std::string, std::string>;

void put(Facts& facts, const std::string& name, const std::string& text) {
  if (!text.empty()) facts[name] = text;
}

std::string joined(const std::set<std::string>& words, const char* between = ", ") {
  std::string out;
  for (const auto& w : words) out += (out.empty() ? "" : between) + w;
  return out;
}

void identity_facts(const TestReport& r, Facts& f) {
  std::string trained, tested;
  for (const auto& [key, value] : r.identity) {
    if (key == "base model") put(f, "base_model", value);
    if (key == "base weights (SHA-256)") put(f, "base_hash", value);
    if (key == "data (SHA-256)") put(f, "data_hash", value);
    if (key == "split (SHA-256)") put(f, "split_hash", value);
    if (key == "settings (SHA-256)") put(f, "settings_hash", value);
    if (key == "seed") put(f, "seed", value);
    if (key == "trained by") trained = value;
    if (key == "tested by") tested = value;
  }
  if (!tested.empty()) put(f, "software", "Trained by " + trained + "; tested by " + tested);
}

void data_facts(const TestReport& r, Facts& f) {
  std::set<std::string> sources, dates;
  for (const auto& c : r.cases) {
    if (!c.source.empty()) sources.insert(c.source);
    if (!c.date.empty()) dates.insert(c.date);
  }
  put(f, "test_sources", joined(sources));
  if (!dates.empty()) put(f, "test_dates", *dates.begin() + " to " + *dates.rbegin());
  for (const auto& set : r.sets) {
    const std::string text = set.name + " set: " + with_commas(set.reports) + " reports of " +
                             with_commas(set.patients) + " patients";
    if (set.name == "test") put(f, "test_set", text);
    if (set.name == "training") put(f, "training_set", text);
    for (size_t g = 0; g < set.per_group.size() && g < set.per_group_before.size(); ++g)
      if (set.per_group_before[g] > set.per_group[g])
        f["sampling"] += (f["sampling"].empty() ? "Under-sampled: " : "; ") + set.name +
                         " set, group " + r.labels[g] + ": " + with_commas(set.per_group[g]) +
                         " of " + with_commas(set.per_group_before[g]);
  }
  if (!r.sets.empty() && f["sampling"].empty())
    f["sampling"] = "Every eligible report was used; none was taken out by sampling.";
  if (f["sampling"].empty()) f.erase("sampling");
  std::string flow;
  for (const auto& step : r.flow)
    flow += (flow.empty() ? "" : "; ") + step.text + ": " + with_commas(step.kept_reports) +
            " kept, " + with_commas(step.dropped_reports) + " left out";
  put(f, "flow", flow);
  std::string notes;
  for (const auto& note : r.notes) notes += note + " ";
  put(f, "missing", notes);
  std::string names;
  for (size_t g = 0; g < r.labels.size(); ++g)
    names += (g ? "; " : "") + group_words(r, static_cast<int>(g)).en;
  put(f, "groups", names);
  put(f, "split", r.split_method.empty() ? "" : "Split by " + r.split_method + ".");
  put(f, "split_proof", r.split_proof);
}

void model_facts(const TestReport& r, Facts& f) {
  std::string how;
  for (const auto& [key, value] : r.answering)
    how += (how.empty() ? "" : "; ") + key + ": " + value;
  put(f, "answering", how);
  if (!r.cases.empty())
    f["windows"] = with_commas(r.windowed_cases) + " of " +
                   with_commas(static_cast<int64_t>(r.cases.size())) +
                   " texts were longer than the model and read in windows; none was cut off.";
  if (!r.restarts.empty()) {
    double low = 1, high = 0;
    for (const auto& c : r.restarts) {
      low = std::min(low, c.best_macro_f1);
      high = std::max(high, c.best_macro_f1);
    }
    f["restarts"] = std::to_string(r.restarts.size()) + " restarts, macro F1 " +
                    format_double(low, 3) + " to " + format_double(high, 3) +
                    " on their tuning cases";
    f["selection"] = "Epoch, restart, temperature and threshold were chosen on tuning cases alone.";
  }
  for (const auto& one : r.repeated)
    f["repeats"] += (f["repeats"].empty() ? "" : " ") + with_commas(one.cases) +
                    " cases answered again " + std::to_string(one.times) + " times (" +
                    one.question + ", " + one.how + "): the answer of " +
                    with_commas(one.differing) + " differed at least once.";
  if (r.training_seconds > 0)
    f["compute"] = format_double(r.training_seconds, 0) + " s of training steps, peak memory " +
                   format_bytes(static_cast<double>(r.peak_memory_bytes)) + ", on this machine.";
}

void figure_facts(const TestReport& r, Facts& f) {
  const TestedClassifier* m = model_of(r);
  if (m == nullptr) return;
  const Evaluation& e = m->evaluation;
  put(f, "model", m->name);
  std::string text =
      "Accuracy " + figure_with_n(e.accuracy) + "; macro F1 " + figure_with_n(e.macro_f1);
  for (size_t g = 0; g < e.of_class.size(); ++g)
    text +=
        "; sensitivity of group " + r.labels[g] + " " + figure_with_n(e.of_class[g].sensitivity);
  f["performance"] = text + ".";
  f["intervals"] = "95 %: " + e.accuracy.method + " for proportions; " + e.macro_f1.method +
                   " for sums such as F1; DeLong for AUC; McNemar (exact) for paired answers.";
  f["abstention"] = r.abstention.attainable
                        ? "Held back below a probability of " +
                              format_double(r.abstention.threshold, 3) +
                              ", chosen on tuning cases; answered " + figure_with_n(r.coverage) +
                              "; right among those " + figure_with_n(r.answered_accuracy) + "."
                        : "Every report is answered: no threshold was set.";
  int64_t wrong = 0;
  for (const auto& c : r.cases) wrong += c.predicted != c.truth;
  f["failures"] = "All " + with_commas(wrong) + " errors of " +
                  with_commas(static_cast<int64_t>(r.cases.size())) +
                  " reports are in the failure browser with text, words and neighbours.";
}

void reader_facts(const TestReport& r, Facts& f) {
  if (!r.margins.empty())
    f["margin"] = "margin " + format_double(r.margins.back().margin, 3) + ", first declared " +
                  r.margins.front().at + (r.margins.size() > 1 ? ", changed since" : "");
  if (r.readers.empty()) return;
  f["readers"] = std::to_string(r.readers.size()) + " readers read the test set.";
  if (r.readers.size() < 2) return;
  std::vector<int> reading;
  for (size_t i = 0; i < r.cases.size(); ++i)
    for (const auto& reader : r.readers) reading.push_back(reader.label[i]);
  const auto counts = count_readings(static_cast<int>(r.labels.size()),
                                     static_cast<int>(r.readers.size()), reading);
  f["reader_agreement"] = "Between " + std::to_string(r.readers.size()) +
                          " readers of the test set: Krippendorff's alpha " +
                          figure_with_n(krippendorff_alpha(counts)) + ".";
}

}  // namespace

std::map<std::string, std::string> report_facts(const TestReport& r) {
  Facts f;
  put(f, "title", r.title);
  put(f, "question", r.question);
  put(f, "data_note", r.synthetic ? "SYNTHETIC data. " + r.data_note : r.data_note);
  put(f, "tested_at", r.tested_at);
  put(f, "weighed_by", r.weighed_by);
  f["looks"] = r.looks <= 1 ? "The test set was opened once, for this test."
                            : "The test set was opened " + std::to_string(r.looks) + " times.";
  identity_facts(r, f);
  data_facts(r, f);
  model_facts(r, f);
  figure_facts(r, f);
  reader_facts(r, f);
  for (const auto& s : r.sections)
    if (s.name == "robustness")
      f["robustness"] = "Tested; see the report's section \"Robustness\".";
  if (r.split_method.find("source") != std::string::npos)
    f["external"] = "The test set's sources were not trained on (split by source).";
  return f;
}

std::string fill_facts(const std::string& text, const std::map<std::string, std::string>& facts,
                       std::vector<std::string>& missing) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t end = text[i] == '{' ? text.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      out += text[i++];
      continue;
    }
    const std::string name = text.substr(i + 1, end - i - 1);
    auto fact = facts.find(name);
    if (fact == facts.end())
      missing.push_back(name);
    else
      out += fact->second;
    i = end + 1;
  }
  return out;
}

}  // namespace gantry
