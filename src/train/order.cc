#include "train/order.h"

#include <algorithm>
#include <numeric>

#include "base/random.h"

namespace gantry {

namespace {

constexpr size_t kStepsDealtTogether = 8;

// Deals order[begin, end) over its steps: the longest reports one to each step, then the next
// longest in the opposite direction, and so on.
void deal(std::span<const Example> examples, std::span<size_t> part, size_t batch) {
  const size_t steps = part.size() / batch;
  if (steps < 2) return;
  const std::span<size_t> whole = part.first(steps * batch);
  std::stable_sort(whole.begin(), whole.end(),
                   [&](size_t a, size_t b) { return examples[a].tokens() > examples[b].tokens(); });
  std::vector<size_t> dealt(whole.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    const size_t round = i / steps, k = i % steps;
    const size_t step = round % 2 == 0 ? k : steps - 1 - k;
    dealt[step * batch + round] = whole[i];
  }
  std::copy(dealt.begin(), dealt.end(), whole.begin());
}

}  // namespace

std::vector<size_t> epoch_order(std::span<const Example> examples, uint64_t seed, int epoch,
                                int batch_reports, bool even_steps) {
  std::vector<size_t> order(examples.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Random random(seed, mix64(stream_of("epoch order"), static_cast<uint64_t>(epoch)));
  random.shuffle(order);
  if (!even_steps) return order;
  const auto batch = static_cast<size_t>(batch_reports);
  const size_t together = batch * kStepsDealtTogether;
  for (size_t begin = 0; begin < order.size(); begin += together)
    deal(examples, std::span(order).subspan(begin, std::min(together, order.size() - begin)),
         batch);
  return order;
}

}  // namespace gantry
