// Groups of cases that must stay together, and dealing them into sets of given shares.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gantry {

// Union-find over 0 ... n-1.
class Components {
 public:
  explicit Components(size_t n);
  size_t find(size_t i);
  bool joined(size_t i, size_t j) { return find(i) == find(j); }
  void join(size_t i, size_t j);

 private:
  std::vector<size_t> parent_;
};

// Deals whole components into shares.size() sets so that each gets its share of every stratum as
// nearly as the components allow. Largest components first, ties in an order drawn from the seed
// and the keys; each goes where, relative to the share, most is still wanting (earlier sets first
// when equal). The result depends on the set of keys, not on their order.
//   component[i]: of item i, any number; stratum[i] >= 0; key[i]: unique name of item i;
//   already[i]: the set an item is bound to (its whole component goes there), or -1.
// Returns the set of each item.
std::vector<int> deal(std::span<const size_t> component, std::span<const int> stratum,
                      std::span<const std::string> key, std::span<const double> shares,
                      uint64_t seed, std::span<const int> already = {});

}  // namespace gantry
