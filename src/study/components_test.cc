#include "study/components.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "base/random.h"

namespace gantry {
namespace {

TEST(Components, JoinsAreTransitive) {
  Components groups(5);
  groups.join(4, 1);
  groups.join(1, 3);
  EXPECT_TRUE(groups.joined(3, 4));
  EXPECT_FALSE(groups.joined(0, 4));
  EXPECT_EQ(groups.find(4), 1u);
}

struct Items {
  std::vector<size_t> component;
  std::vector<int> stratum;
  std::vector<std::string> key;
  void add(size_t c, int s) {
    component.push_back(c);
    stratum.push_back(s);
    key.push_back("k" + std::to_string(key.size()));
  }
};

TEST(Deal, EverySetGetsItsShareOfEveryStratum) {
  Items items;
  Random random(3);
  for (size_t c = 0; c < 700; ++c)
    for (uint64_t n = 1 + random.below(4); n > 0; --n)
      items.add(c, random.uniform() < 0.5 ? 0 : random.uniform() < 0.5 ? 1 : 2);
  const double shares[] = {0.7, 0.15, 0.15};
  for (uint64_t seed : {1u, 2u, 3u}) {
    std::vector<int> set = deal(items.component, items.stratum, items.key, shares, seed);
    std::map<std::pair<int, int>, double> count;
    std::map<int, double> total;
    std::map<size_t, int> set_of_component;
    for (size_t i = 0; i < set.size(); ++i) {
      count[{set[i], items.stratum[i]}] += 1;
      total[items.stratum[i]] += 1;
      EXPECT_EQ(set_of_component.emplace(items.component[i], set[i]).first->second, set[i]);
    }
    for (int s = 0; s < 3; ++s)
      for (int k = 0; k < 3; ++k)
        EXPECT_NEAR((count[{k, s}]), shares[k] * total[s], 2.5) << "set " << k << " stratum " << s;
  }
  EXPECT_NE(deal(items.component, items.stratum, items.key, shares, 1),
            deal(items.component, items.stratum, items.key, shares, 2));
}

TEST(Deal, DoesNotDependOnTheOrderOfItems) {
  Items items;
  for (size_t c = 0; c < 60; ++c)
    for (size_t n = 0; n <= c % 3; ++n) items.add(c, static_cast<int>(c % 2));
  const double shares[] = {0.5, 0.5};
  std::vector<int> forward = deal(items.component, items.stratum, items.key, shares, 9);
  Items back;
  for (size_t i = items.key.size(); i-- > 0;) {
    back.component.push_back(1000 - items.component[i]);
    back.stratum.push_back(items.stratum[i]);
    back.key.push_back(items.key[i]);
  }
  std::vector<int> backward = deal(back.component, back.stratum, back.key, shares, 9);
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(forward, backward);
}

TEST(Deal, RareStrataReachTrainingFirst) {
  Items items;
  for (size_t c = 0; c < 40; ++c) items.add(c, 0);
  for (size_t c = 40; c < 42; ++c) items.add(c, 1);
  const double shares[] = {0.7, 0.15, 0.15};
  std::vector<int> set = deal(items.component, items.stratum, items.key, shares, 1);
  EXPECT_EQ(std::min(set[40], set[41]), 0);
  EXPECT_NE(set[40], set[41]);
}

TEST(Deal, BoundComponentsStayAndTheRestMakesUpTheShares) {
  Items items;
  for (size_t c = 0; c < 100; ++c) items.add(c, 0);
  std::vector<int> bound(100, -1);
  for (size_t i = 0; i < 40; ++i) bound[i] = 1;
  const double shares[] = {0.5, 0.5};
  std::vector<int> set = deal(items.component, items.stratum, items.key, shares, 1, bound);
  for (size_t i = 0; i < 40; ++i) EXPECT_EQ(set[i], 1);
  EXPECT_EQ(std::accumulate(set.begin(), set.end(), 0), 50);
}

}  // namespace
}  // namespace gantry
