#include "study/cohort.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"
#include "records/case_lists.h"
#include "text/normalize.h"

namespace gantry {
namespace {

std::string listed(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

std::string window_text(const std::string& from, const std::string& to) {
  if (from.empty()) return "until " + to;
  return to.empty() ? "from " + from : from + " to " + to;
}

bool holds(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

size_t characters_without_white(std::string_view text) {
  size_t n = 0;
  for (char c : text)
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80 && c != ' ' && c != '\n') ++n;
  return n;
}

std::vector<std::string> folded_words(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (const std::string& word : words)
    if (std::string text = CohortRules::fold(word); !text.empty()) out.push_back(text);
  return out;
}

// The value of a column of the user's choice: one of the record's own, or any other column.
std::vector<std::string> field_values(const Record& record, const nlohmann::json& fields,
                                      const std::string& column) {
  const std::pair<const char*, const std::string*> own[] = {{"source", &record.source},
                                                            {"patient", &record.patient},
                                                            {"id", &record.id},
                                                            {"date", &record.date}};
  std::vector<std::string> found;
  for (auto& [name, value] : fields.items())
    if (CohortRules::fold(name) == column)
      found.push_back(value.is_string() ? value.get<std::string>() : value.dump());
  if (found.empty())
    for (const auto& [name, value] : own)
      if (column == name) found.push_back(*value);
  return found;
}

}  // namespace

std::string CohortRules::fold(std::string_view text) {
  std::string plain = CaseMaker::model_text(lower_case(nfkc(text))), out;
  out.reserve(plain.size());
  auto japanese = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  for (size_t i = 0; i < plain.size(); ++i) {
    bool blank = plain[i] == ' ' || plain[i] == '\n';
    if (!blank) {
      out += plain[i];
    } else if (!out.empty() && i + 1 < plain.size() && !japanese(out.back()) &&
               !japanese(plain[i + 1])) {
      out += ' ';
    }
  }
  return out;
}

CohortRules::CohortRules(const Settings& settings)
    : settings_(settings),
      any_(folded_words(settings.cohort.keywords_any)),
      all_(folded_words(settings.cohort.keywords_all)),
      none_(folded_words(settings.cohort.keywords_none)),
      where_(folded(settings.cohort.where)),
      where_not_(folded(settings.cohort.where_not)) {}

std::vector<CohortRules::Filter> CohortRules::folded(const std::vector<FieldFilter>& filters) {
  std::vector<Filter> out;
  for (const FieldFilter& filter : filters) {
    out.push_back({fold(filter.column), {}});
    for (const std::string& value : filter.values) out.back().values.push_back(fold(value));
  }
  return out;
}

std::vector<FlowStep> CohortRules::steps() const {
  const Settings::Cohort& rules = settings_.cohort;
  std::vector<FlowStep> out;
  auto add = [&](const char* step, const std::string& text) { out.push_back({step, text}); };
  if (!rules.from.empty() || !rules.to.empty())
    add("date", "examined " + window_text(rules.from, rules.to));
  if (!rules.where.empty() || !rules.where_not.empty()) {
    std::string text;
    for (const FieldFilter& f : rules.where)
      text += (text.empty() ? "" : "; ") + f.column + ": " + listed(f.values);
    for (const FieldFilter& f : rules.where_not)
      text += (text.empty() ? "" : "; ") + f.column + " not: " + listed(f.values);
    add("fields", text);
  }
  if (rules.diagnoses == "one") add("diagnoses", "one diagnosis record");
  if (rules.plan == "one-primary") {
    add("plan", "has a plan");
    add("primary_plan", "a plan is marked as the primary one");
    add("one_primary_plan", "one plan only is the primary one");
  }
  if (!any_.empty() || !all_.empty() || !none_.empty()) {
    std::string text;
    if (!any_.empty()) text = any_.size() > 1 ? "holds one of: " : "holds ";
    text += listed(rules.keywords_any);
    if (!all_.empty())
      text += (text.empty() ? "" : "; ") + ("holds all of: " + listed(rules.keywords_all));
    if (!none_.empty())
      text += (text.empty() ? "" : "; ") + ("holds none of: " + listed(rules.keywords_none));
    add("keywords", text + " (" + listed(rules.keyword_sections) + ")");
  }
  if (settings_.sections.missing == "set-aside" && !settings_.sections.required.empty())
    add("sections", "sections found: " + listed(settings_.sections.required));
  add("text", "text of " + std::to_string(std::max<int64_t>(1, rules.min_characters)) +
                  " characters or more");
  const Settings::Study& study = settings_.study;
  if (study.answers == std::vector<std::string>{"codes"}) {
    add("code", "code in " + settings_.codes.list +
                    (settings_.codes.ranges.empty() ? "" : " (" + settings_.codes.ranges + ")"));
    add("label", "has a reference code");
  } else if (study.answers == std::vector<std::string>{"closed-set"}) {
    add("label", settings_.labels.values.empty()
                     ? "has a reference answer"
                     : "has a reference label (" + listed(settings_.labels.values) + ")");
  } else {
    add("label", "has a reference answer");
  }
  if (rules.per_patient != "all") add("per_patient", rules.per_patient + " report of each patient");
  return out;
}

std::optional<Drop> CohortRules::judge_date(const Record& record) const {
  const auto& [from, to] = std::tie(settings_.cohort.from, settings_.cohort.to);
  if (from.empty() && to.empty()) return std::nullopt;
  if (record.date.empty()) return Drop{"date", "no date"};
  if (record.date < from || (!to.empty() && record.date > to))
    return Drop{"date", record.date + " is outside " + window_text(from, to)};
  return std::nullopt;
}

std::optional<Drop> CohortRules::judge_fields(const Record& record) const {
  if (where_.empty() && where_not_.empty()) return std::nullopt;
  auto fields = nlohmann::json::parse(record.fields_json, nullptr, false);
  if (!fields.is_object()) fields = nlohmann::json::object();
  auto matches = [&](const Filter& filter) {
    for (const std::string& value : field_values(record, fields, filter.column))
      if (std::find(filter.values.begin(), filter.values.end(), fold(value)) != filter.values.end())
        return true;
    return false;
  };
  for (size_t i = 0; i < where_.size(); ++i)
    if (!matches(where_[i]))
      return Drop{"fields", settings_.cohort.where[i].column +
                                " is none of: " + listed(settings_.cohort.where[i].values)};
  for (size_t i = 0; i < where_not_.size(); ++i)
    if (matches(where_not_[i]))
      return Drop{"fields", settings_.cohort.where_not[i].column +
                                " is one of: " + listed(settings_.cohort.where_not[i].values)};
  return std::nullopt;
}

std::optional<Drop> CohortRules::judge_keywords(OpenReport& report) const {
  if (any_.empty() && all_.empty() && none_.empty()) return std::nullopt;
  std::string text;
  for (const std::string& section : settings_.cohort.keyword_sections)
    text += fold(report.section(section)) + '\n';  // a line break is in no folded keyword
  const Settings::Cohort& rules = settings_.cohort;
  if (!any_.empty() &&
      std::none_of(any_.begin(), any_.end(), [&](const auto& word) { return holds(text, word); }))
    return Drop{"keywords", "holds none of: " + listed(rules.keywords_any)};
  for (const std::string& word : all_)
    if (!holds(text, word)) return Drop{"keywords", "does not hold: " + word};
  for (const std::string& word : none_)
    if (holds(text, word)) return Drop{"keywords", "holds: " + word};
  return std::nullopt;
}

// One diagnosis record and one clear primary plan, as published (docs/tasks.md). The reasons are
// steps of their own, so that each is counted.
std::optional<Drop> CohortRules::judge_lists(const Record& record) const {
  const Settings::Cohort& rules = settings_.cohort;
  if (rules.diagnoses == "any" && rules.plan == "any") return std::nullopt;
  const CaseLists lists = case_lists(record);
  if (rules.diagnoses == "one" && lists.diagnoses.size() != 1)
    return Drop{"diagnoses",
                lists.diagnoses.empty()
                    ? "no diagnosis record"
                    : "several diagnosis records (" + std::to_string(lists.diagnoses.size()) + ")"};
  if (rules.plan != "one-primary") return std::nullopt;
  if (lists.plans.empty()) return Drop{"plan", "no plan"};
  if (lists.plans.size() == 1 && !lists.plans[0].primary) return std::nullopt;
  const auto primary = std::count_if(lists.plans.begin(), lists.plans.end(),
                                     [](const PlanRecord& plan) { return plan.primary == true; });
  if (primary == 0)
    return Drop{"primary_plan", lists.plans.size() == 1
                                    ? "its only plan is not the primary one"
                                    : std::to_string(lists.plans.size()) + " plans, none primary"};
  if (primary > 1)
    return Drop{"one_primary_plan", std::to_string(primary) + " of " +
                                        std::to_string(lists.plans.size()) + " plans are primary"};
  return std::nullopt;
}

std::optional<Drop> CohortRules::judge(OpenReport& report) const {
  if (auto drop = judge_date(report.record())) return drop;
  if (auto drop = judge_fields(report.record())) return drop;
  if (auto drop = judge_lists(report.record())) return drop;
  return judge_keywords(report);
}

std::optional<Drop> CohortRules::judge(const Case& made) const {
  if (!made.dropped_at.empty()) return Drop{made.dropped_at, made.dropped};
  size_t characters = characters_without_white(made.text);
  if (static_cast<int64_t>(characters) < settings_.cohort.min_characters)
    return Drop{"text", std::to_string(characters) + " characters of text"};
  return judge_answers(made);
}

std::optional<Drop> CohortRules::judge_answers(const Case& made) const {
  const Settings::Study& study = settings_.study;
  const bool one_question = study.answers.size() == 1;
  if (study.asks("closed-set")) {
    if (made.answer.empty()) {
      if (one_question) return Drop{"label", "no label"};
    } else if (settings_.labels.values.empty() || made.label >= 0) {
      return std::nullopt;
    } else if (one_question) {
      return Drop{"label",
                  "label '" + made.answer + "' is none of: " + listed(settings_.labels.values)};
    }
  }
  if (study.asks("codes")) {
    if (!made.code.empty()) return std::nullopt;
    if (one_question && !made.code_given.empty()) return Drop{"code", made.code_note};
  }
  if (study.asks("text") && !made.free_text.empty()) return std::nullopt;
  return Drop{"label", one_question && study.asks("codes") ? "no code" : "no answer"};
}

void CohortRules::choose_per_patient(std::vector<Case>& cases) const {
  const std::string& rule = settings_.cohort.per_patient;
  if (rule == "all") return;
  std::map<std::string_view, Case*> chosen;
  auto before = [](const Case& a, const Case& b) {
    return std::tie(a.date, a.source, a.id) < std::tie(b.date, b.source, b.id);
  };
  for (Case& one : cases) {
    if (!one.dropped_at.empty()) continue;
    auto [at, is_new] = chosen.try_emplace(one.patient, &one);
    if (is_new) continue;
    Case*& best = at->second;
    bool better = rule == "first" ? before(one, *best) : before(*best, one);
    Case& out = better ? *best : one;
    if (better) best = &one;
    out.dropped_at = "per_patient";
    out.dropped = "not the " + rule + " report of its patient";
  }
}

FlowCounter::FlowCounter(std::vector<FlowStep> steps)
    : steps_(std::move(steps)), dropped_(steps_.size()) {}

void FlowCounter::add(std::string_view patient, std::string_view dropped_at) {
  size_t passed = steps_.size();
  if (!dropped_at.empty()) {
    passed = 0;
    while (passed < steps_.size() && steps_[passed].step != dropped_at) ++passed;
    GANTRY_CHECK_MSG(passed < steps_.size(), std::string(dropped_at));
    ++dropped_[passed];
  }
  ++reports_;
  uint32_t& reached = reached_[stream_of(patient)];
  reached = std::max(reached, static_cast<uint32_t>(passed));
}

std::vector<FlowStep> FlowCounter::finish() const {
  std::vector<int64_t> ended(steps_.size() + 1);
  for (const auto& [patient, passed] : reached_) ++ended[passed];
  std::vector<FlowStep> out = {
      {"imported", "imported", reports_, static_cast<int64_t>(reached_.size())}};
  for (size_t i = 0; i < steps_.size(); ++i) {
    FlowStep step = steps_[i];
    step.dropped_reports = dropped_[i];
    step.dropped_patients = ended[i];
    step.kept_reports = out.back().kept_reports - dropped_[i];
    step.kept_patients = out.back().kept_patients - ended[i];
    out.push_back(step);
  }
  return out;
}

}  // namespace gantry
