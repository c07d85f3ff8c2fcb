#include "models/score.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace gantry {

namespace {

// First index of each packed step over `order`, and order.size().
std::vector<size_t> split(const std::vector<const std::vector<int32_t>*>& windows,
                          const std::vector<size_t>& order, const StepCapacity& capacity) {
  std::vector<size_t> begins;
  int64_t tokens = 0, count = 0;
  const int64_t most = std::min(capacity.windows, capacity.reports);
  for (size_t i = 0; i < order.size(); ++i) {
    const auto n = static_cast<int64_t>(windows[order[i]]->size());
    GANTRY_CHECK(n <= capacity.rows);
    if (i == 0 || tokens + n > capacity.rows || count == most) {
      begins.push_back(i);
      tokens = count = 0;
    }
    tokens += n;
    ++count;
  }
  begins.push_back(order.size());
  return begins;
}

}  // namespace

void score(ClassifierModel& model, const ScoreSettings& settings,
           const CompactVocabulary& vocabulary, std::span<const Example> examples, float* logits,
           const std::function<void(size_t, size_t)>& between) {
  std::vector<const std::vector<int32_t>*> windows;
  std::vector<int32_t> cu_windows = {0};
  for (const Example& e : examples) {
    for (const auto& w : e.windows) windows.push_back(&w);
    cu_windows.push_back(static_cast<int32_t>(windows.size()));
  }
  std::vector<size_t> order(windows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return windows[a]->size() > windows[b]->size(); });

  const auto classes = static_cast<size_t>(settings.classes);
  std::vector<float> of_windows(windows.size() * classes);
  PackedStep step;
  step.reserve(settings.capacity);
  const std::vector<size_t> begins = split(windows, order, settings.capacity);
  for (size_t b = 0; b + 1 < begins.size(); ++b) {
    step.clear();
    for (size_t i = begins[b]; i < begins[b + 1]; ++i)
      step.add_window(*windows[order[i]], vocabulary, settings.position_offset);
    step.finish();
    const Matrix<float> rows = model.logits(step);
    for (size_t i = begins[b]; i < begins[b + 1]; ++i)
      std::copy_n(rows.row(static_cast<int64_t>(i - begins[b])), classes,
                  of_windows.data() + order[i] * classes);
    if (between) between(begins[b + 1], windows.size());
  }
  std::vector<int32_t> argmax(examples.size() * classes);
  const auto columns = static_cast<int64_t>(classes);
  pool_windows_forward(
      settings.window_pooling,
      Matrix<const float>(of_windows.data(), static_cast<int64_t>(windows.size()), columns),
      cu_windows, Matrix<float>(logits, static_cast<int64_t>(examples.size()), columns),
      argmax.data());
}

}  // namespace gantry
