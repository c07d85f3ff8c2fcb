// What long work tells while it runs. The library reports; the face decides whether and how to show
// it.
#pragma once

#include <atomic>
#include <functional>
#include <string>

namespace gantry {

struct Progress {
  std::string phase;       // "importing ha.jsonl", "restart 2 of 10"
  double done = 0;         // in units of `unit`
  double total = 0;        // 0 when unknown
  std::string unit;        // "rows", "tokens", "steps"
  std::string detail;      // "loss 0.41, 3,950 tokens/s, 58 % of ceiling"
  bool milestone = false;  // a line worth keeping (a result), not only a moving figure
};

// May be empty. Called from the working thread.
using ProgressSink = std::function<void(const Progress&)>;

inline void tell(const ProgressSink& sink, const Progress& progress) {
  if (sink) sink(progress);
}
inline void tell(const ProgressSink& sink, std::string line) {
  if (sink) sink(Progress{.phase = std::move(line), .milestone = true});
}

// Set by Ctrl-C. Long work looks at it between steps, writes what it has, and throws Error E0104.
std::atomic<bool>& interrupted();
void throw_if_interrupted(const char* what_remains);

}  // namespace gantry
