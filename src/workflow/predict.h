// gantry predict: new reports in, answers out, in one stream of constant memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/progress.h"
#include "study/study.h"

namespace gantry {

struct PredictOptions {
  std::filesystem::path in;   // "-" is standard input (JSONL)
  std::filesystem::path out;  // .jsonl or .csv; empty: standard output, JSONL
  std::string run;            // "": the latest
  std::string encoding;       // "": detected
  bool with_text = false;     // JSONL answers also hold model_text: what the encoder read
  bool resume = false;        // go on behind the last answer in `out`
};

struct PredictReport {
  int64_t answered = 0, abstained = 0, unusable = 0, windowed = 0,
          skipped = 0;  // skipped: answered before (resume)
  int64_t tokens = 0;
  double seconds = 0, seconds_load = 0;
  std::string run, encoding;
};

// One line an input row, in the order of the input: id, source, text_hash, label, probabilities,
// confidence, abstain, tokens, windows, truncated (always false), run, ms; or id, line and error
// for a row that cannot be used. Errors: as RecordReader; E0721; E0741 `out` exists without
// --resume, or is not a predictions file of this run.
PredictReport predict(const Study& study, const PredictOptions& options,
                      const ProgressSink& progress);

}  // namespace gantry
