#include "workflow/similar_cases.h"

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/random.h"

namespace gantry {
namespace {

// Parts of the training cases that are left out together, so that none is shown its own text.
constexpr uint64_t kPartsOfOneSource = 5;

std::unique_ptr<AnswerRanker> nearest_among(const std::vector<const Case*>& cases) {
  std::vector<std::string> texts, answers;
  for (const Case* item : cases) {
    texts.push_back(item->baseline_text);
    answers.push_back(item->free_text);
  }
  return answers.empty() ? nullptr : train_nearest_case(texts, answers);
}

}  // namespace

bool shows_similar(const Settings& settings) {
  return settings.study.asks("text") && settings.prompt.text.find("{similar}") != std::string::npos;
}

void find_similar(const AnswerRanker& nearest, std::span<Case> cases) {
  for (Case& item : cases) item.similar = nearest.rank(item.baseline_text, 1).front().answer;
}

void find_similar_for_training(std::span<Case* const> training, std::span<Case* const> tuning) {
  std::set<std::string> sources;
  for (const Case* item : training) sources.insert(item->source);
  auto part_of = [&](const Case& item) {
    return sources.size() > 1 ? item.source
                              : std::to_string(stream_of(item.patient) % kPartsOfOneSource);
  };
  std::map<std::string, std::vector<Case*>> parts;
  for (Case* item : training) parts[part_of(*item)].push_back(item);
  std::vector<const Case*> all;
  for (const auto& [part, members] : parts) {
    std::vector<const Case*> others;
    for (const Case* item : training) {
      if (item->free_text.empty()) continue;
      if (part_of(*item) != part) others.push_back(item);
      if (part == parts.begin()->first) all.push_back(item);
    }
    const auto nearest = nearest_among(others);
    for (Case* item : members)
      item->similar =
          nearest ? nearest->rank(item->baseline_text, 1).front().answer : std::string();
  }
  if (const auto nearest = nearest_among(all))
    for (Case* item : tuning) item->similar = nearest->rank(item->baseline_text, 1).front().answer;
}

}  // namespace gantry
