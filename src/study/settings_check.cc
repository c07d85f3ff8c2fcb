// What no single key of study.toml shows.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "study/case_making.h"
#include "study/settings.h"
#include "text/clauses.h"
#include "text/encoding.h"

namespace gantry {
namespace {

[[noreturn]] void wrong(const std::string& what, const std::string& remedy) {
  throw Error("E0505", "study settings: " + what, remedy);
}

void check_labels(const Settings::Labels& labels) {
  std::set<std::string> seen;
  for (const std::string& value : labels.values) {
    if (value.empty()) wrong("labels.values holds an empty text", "Name every group.");
    if (!seen.insert(value).second)
      wrong("labels.values holds '" + value + "' twice", "Name every group once.");
  }
  if (labels.values.size() == 1)
    wrong("labels.values names one group only", "A closed set needs two groups or more.");
  auto same_length = [&](const std::vector<std::string>& names, const char* key) {
    if (!names.empty() && names.size() != labels.values.size())
      wrong(std::string(key) + " has " + std::to_string(names.size()) + " entries, labels.values " +
                std::to_string(labels.values.size()),
            "Give one name a value, in the same order, or none.");
  };
  same_length(labels.names, "labels.names");
  same_length(labels.names_ja, "labels.names_ja");
}

// What is asked, and what each kind of question needs.
void check_answers(const Settings& settings) {
  const auto& answers = settings.study.answers;
  std::set<std::string> seen;
  for (const std::string& kind : answers) {
    if (kind != "closed-set" && kind != "codes" && kind != "text")
      wrong("study.answers names '" + kind + "'", "Give closed-set, codes or text.");
    if (!seen.insert(kind).second)
      wrong("study.answers names '" + kind + "' twice", "Ask one question of each kind.");
  }
  if (answers.empty()) wrong("study.answers is empty", "Give closed-set, codes or text.");
  if (settings.study.asks("codes") && settings.codes.list.empty())
    wrong("codes are asked for and codes.list is empty",
          "Name a code list (`gantry codes list`), such as icd10cm-2026-04.");
  if (settings.prompt.record.find("{text}") == std::string::npos)
    wrong("prompt.record does not hold {text}",
          "Put {text} where the case's text belongs; without it the model would not see the case.");
}

void check_parts(const char* key, const std::vector<std::string>& parts, const Settings& settings) {
  for (const std::string& part : parts) {
    std::string_view what = std::string_view(part).substr(std::min(part.size(), part.find('.')));
    if (what.ends_with(kConceptsPart)) {
      what.remove_suffix(kConceptsPart.size());
      if (settings.focus.concepts.empty())
        wrong(std::string(key) + " names '" + part + "', and focus.concepts is empty",
              "Name a table of concepts, or use the section's text.");
    }
    if (what.empty()) continue;
    if (what != ".focus" && what != ".other")
      wrong(std::string(key) + " names '" + part + "'",
            "Behind a section's name may stand .focus or .other, and .concepts behind either.");
    if (settings.focus.pattern.empty())
      wrong(std::string(key) + " names '" + part + "', and focus.pattern is empty",
            "Give the words that name what the question is about, or use the whole section.");
  }
}

void check_sections(const Settings::Sections& sections) {
  if (sections.use.empty() && sections.fields.empty())
    wrong("sections.use is empty", "Name a section, or \"whole\" for the whole report.");
  if (!sections.tags.empty() && sections.tags.size() != sections.use.size())
    wrong("sections.tags has " + std::to_string(sections.tags.size()) + " entries, sections.use " +
              std::to_string(sections.use.size()),
          "Give one tag a section (\"\" for none), or no tags.");
  for (const std::string& name : sections.required)
    if (std::none_of(sections.use.begin(), sections.use.end(),
                     [&](const std::string& part) { return section_of(part) == name; }))
      wrong("sections.required names '" + name + "', which sections.use does not",
            "Require only sections that are used.");
}

void check_window(const char* name, const std::string& from, const std::string& to) {
  if (!from.empty() && !to.empty() && from > to)
    wrong(std::string(name) + " ends (" + to + ") before it begins (" + from + ")",
          "Give the earlier date first.");
}

void check_split(const Settings::Split& split) {
  double sum = split.training_share + split.tuning_share + split.test_share;
  if (std::abs(sum - 1) > 1e-6)
    wrong("the shares of training, tuning and test add up to " + format_double(sum, 4),
          "Let split.training_share, split.tuning_share and split.test_share add up to 1.");
  if (split.training_share <= 0 || split.tuning_share <= 0)
    wrong("the share of the training or tuning set is 0", "Give both a share above 0.");
  check_window("the training window", split.training_from, split.training_to);
  check_window("the tuning window", split.tuning_from, split.tuning_to);
  check_window("the test window", split.test_from, split.test_to);
  for (const std::string& source : split.tuning_sources)
    if (std::find(split.test_sources.begin(), split.test_sources.end(), source) !=
        split.test_sources.end())
      wrong("source '" + source + "' is in split.test_sources and in split.tuning_sources",
            "Leave it in one of them.");
  if (split.method == "source" && split.test_sources.empty())
    wrong("split.method is \"source\" and split.test_sources is empty",
          "Name the sources of the test set.");
  if (split.method == "date" && split.test_from.empty())
    wrong("split.method is \"date\" and split.test_from is empty",
          "Give the first day of the test set.");
}

void check_sampling(const Settings::Sampling& sampling, const Settings::Labels& labels) {
  for (const SamplingRule* rule : {&sampling.training, &sampling.tuning, &sampling.test})
    for (const auto& [label, fraction] : rule->fraction)
      if (!labels.values.empty() &&
          std::find(labels.values.begin(), labels.values.end(), label) == labels.values.end())
        wrong("a sampling fraction is given for group '" + label + "', which labels.values lacks",
              "Name the groups as labels.values does.");
}

void check_ratings(const Settings::Ratings& r) {
  const std::set<std::string> grades(r.scale.begin(), r.scale.end());
  if (r.scale.size() < 2 || grades.size() != r.scale.size())
    wrong("ratings.scale needs two grades or more, each once", "Name the grades, the worst first.");
  for (const auto& grade : r.acceptable)
    if (!grades.count(grade))
      wrong("ratings.acceptable: '" + grade + "' is not in ratings.scale",
            "Name grades of the scale.");
}

}  // namespace

bool Settings::Study::asks(std::string_view kind) const {
  return std::find(answers.begin(), answers.end(), kind) != answers.end();
}

TfidfBlock tfidf_block(std::string_view entry) {
  const size_t blank = entry.find(' ');
  if (blank == std::string_view::npos) return {1, std::string(entry)};
  TfidfBlock block{0, std::string(trim(entry.substr(blank)))};
  const std::string_view number = entry.substr(0, blank);
  const auto read = std::from_chars(number.data(), number.data() + number.size(), block.weight);
  if (read.ec != std::errc() || read.ptr != number.data() + number.size() ||
      !std::isfinite(block.weight) || block.weight <= 0)
    wrong("tfidf.blocks: '" + std::string(entry) + "' does not begin with a number above 0",
          "Give a section's name, or a weight, a blank and the name.");
  return block;
}

void check_settings(const Settings& settings) {
  check_labels(settings.labels);
  check_answers(settings);
  check_sections(settings.sections);
  check_window("the cohort's window", settings.cohort.from, settings.cohort.to);
  check_split(settings.split);
  check_sampling(settings.sampling, settings.labels);
  const auto& weights = settings.train.class_weights;
  if (weights.word == "list" && weights.weight.size() != settings.labels.values.size())
    wrong("train.class_weights has " + std::to_string(weights.weight.size()) + " numbers, " +
              "labels.values " + std::to_string(settings.labels.values.size()) + " groups",
          "Give one weight a group, or \"balanced\".");
  if (settings.model.window_overlap >= settings.model.max_tokens)
    wrong("model.window_overlap is not smaller than model.max_tokens",
          "Let neighbouring windows share fewer tokens than a window holds.");
  if (settings.model.pooler && settings.model.pooling == "mean")
    wrong("model.pooler needs model.pooling = \"first\"", "Change one of the two.");
  check_ratings(settings.ratings);
  check_parts("sections.use", settings.sections.use, settings);
  std::vector<std::string> blocks;
  for (const std::string& entry : settings.tfidf.blocks) blocks.push_back(tfidf_block(entry).part);
  check_parts("tfidf.blocks", blocks, settings);
  check_parts("tfidf.baseline", settings.tfidf.baseline, settings);
  if (!settings.focus.pattern.empty()) FocusPattern compiles(settings.focus.pattern);
  if (settings.tfidf.ngram_min > settings.tfidf.ngram_max)
    wrong("tfidf.ngram_min is above tfidf.ngram_max", "Give the shorter first.");
  const std::string& encoding = settings.columns.encoding;
  if (encoding != "auto" && !find_encoding(encoding))
    wrong("columns.encoding '" + encoding + "' is unknown",
          "Use auto, UTF-8, UTF-16, CP932, EUC-JP or ISO-2022-JP.");
  if (settings.columns.id.empty())
    wrong("columns.id is empty", "Name the column that holds the report's number.");
}

}  // namespace gantry
