#include "study/components.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace gantry {

Components::Components(size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0); }

size_t Components::find(size_t i) {
  while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
  return i;
}

void Components::join(size_t i, size_t j) {
  i = find(i), j = find(j);
  if (i != j) parent_[std::max(i, j)] = std::min(i, j);
}

namespace {

struct Group {
  std::vector<size_t> items;
  std::string_view key;  // the smallest of its items'
  uint64_t draw = 0;
  int bound = -1;
};

std::vector<Group> groups_of(std::span<const size_t> component, std::span<const std::string> key,
                             uint64_t seed, std::span<const int> already) {
  std::map<size_t, Group> by_component;
  for (size_t i = 0; i < component.size(); ++i) {
    Group& group = by_component[component[i]];
    if (group.items.empty() || key[i] < group.key) group.key = key[i];
    group.items.push_back(i);
    // Bound to several sets by an older deal: the later set (nearer to testing) holds it.
    if (!already.empty()) group.bound = std::max(group.bound, already[i]);
  }
  std::vector<Group> groups;
  for (auto& [number, group] : by_component) {
    group.draw = mix64(seed, stream_of(group.key));
    groups.push_back(std::move(group));
  }
  std::sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    if ((a.bound >= 0) != (b.bound >= 0)) return a.bound >= 0;
    if (a.items.size() != b.items.size()) return a.items.size() > b.items.size();
    return a.draw != b.draw ? a.draw < b.draw : a.key < b.key;
  });
  return groups;
}

}  // namespace

std::vector<int> deal(std::span<const size_t> component, std::span<const int> stratum,
                      std::span<const std::string> key, std::span<const double> shares,
                      uint64_t seed, std::span<const int> already) {
  GANTRY_CHECK(component.size() == stratum.size() && component.size() == key.size());
  int strata = 1;
  for (int s : stratum) strata = std::max(strata, s + 1);
  std::vector<double> total(static_cast<size_t>(strata));
  for (int s : stratum) total[static_cast<size_t>(s)] += 1;

  std::vector<std::vector<double>> held(shares.size(), std::vector<double>(total.size()));
  std::vector<int> out(component.size(), -1);
  for (const Group& group : groups_of(component, key, seed, already)) {
    // How much of what the group brings is still wanting in each set, relative to the set's share.
    int best = group.bound;
    double best_need = -1e300;
    for (size_t set = 0; group.bound < 0 && set < shares.size(); ++set) {
      if (shares[set] <= 0) continue;
      double need = 0;
      for (size_t i : group.items) {
        auto s = static_cast<size_t>(stratum[i]);
        need += 1 - held[set][s] / (shares[set] * total[s]);
      }
      if (need > best_need + 1e-12) best_need = need, best = static_cast<int>(set);
    }
    for (size_t i : group.items) {
      out[i] = best;
      held[static_cast<size_t>(best)][static_cast<size_t>(stratum[i])] += 1;
    }
  }
  return out;
}

}  // namespace gantry
