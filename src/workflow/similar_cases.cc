#include "workflow/similar_cases.h"

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/random.h"
#include "workflow/study_rankers.h"

namespace gantry {
namespace {

// Parts of the training cases that are left out together, so that none is shown its own answer.
constexpr uint64_t kPartsOfOneSource = 5;

std::unique_ptr<AnswerRanker> member_of(const std::vector<const Case*>& cases, AnswerKind kind,
                                        const Settings& settings) {
  if (cases.empty()) return nullptr;
  return train_member(cases, kind, settings);
}

void show(const AnswerRanker* member, AnswerKind kind, const Settings& settings, Case& item) {
  std::string& shown = kind == AnswerKind::kText        ? item.similar
                       : kind == AnswerKind::kClosedSet ? item.candidate_labels
                                                        : item.candidate_codes;
  shown.clear();
  if (member == nullptr) return;
  const size_t most =
      kind == AnswerKind::kText ? 1 : static_cast<size_t>(settings.prompt.candidates);
  for (const RankedAnswer& one : member->rank(member_text(item, kind, settings), most))
    shown += (shown.empty() ? "" : ", ") + one.answer;
}

}  // namespace

bool shows_others(const Settings& settings, AnswerKind kind) {
  if (!settings.study.asks(word_of(kind))) return false;
  auto holds = [](const std::string& question, const char* field) {
    return question.find(field) != std::string::npos;
  };
  switch (kind) {
    case AnswerKind::kText:
      return holds(settings.prompt.text, "{similar}");
    case AnswerKind::kClosedSet:
      return holds(settings.prompt.closed_set, "{candidates}");
    case AnswerKind::kCodes:
      return holds(settings.prompt.codes, "{candidates}");
  }
  return false;
}

void show_others(const AnswerRanker& member, AnswerKind kind, const Settings& settings,
                 std::span<Case> cases) {
  for (Case& item : cases) show(&member, kind, settings, item);
}

void show_others_in_training(std::span<Case* const> training, std::span<Case* const> tuning,
                             AnswerKind kind, const Settings& settings) {
  std::set<std::string> sources;
  for (const Case* item : training) sources.insert(item->source);
  auto part_of = [&](const Case& item) {
    return sources.size() > 1 ? item.source
                              : std::to_string(stream_of(item.patient) % kPartsOfOneSource);
  };
  std::map<std::string, std::vector<Case*>> parts;
  std::vector<const Case*> all;
  for (Case* item : training) {
    parts[part_of(*item)].push_back(item);
    if (!reference_answer(*item, kind).empty()) all.push_back(item);
  }
  for (const auto& [part, members] : parts) {
    std::vector<const Case*> others;
    for (const Case* item : all)
      if (part_of(*item) != part) others.push_back(item);
    const auto member = member_of(others, kind, settings);
    for (Case* item : members) show(member.get(), kind, settings, *item);
  }
  const auto member = member_of(all, kind, settings);
  for (Case* item : tuning) show(member.get(), kind, settings, *item);
}

}  // namespace gantry
