// Merging a tuned adapter into its base model, and the proof that the merged model answers alike.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/progress.h"
#include "weights/stored_type.h"

namespace gantry {

class DecoderFolder;
struct DecoderAdapter;

// How far two models are apart on some texts: the base with the adapter beside it, and the merged
// one, both computed in `precision`.
struct MergeCheck {
  int64_t texts = 0, tokens = 0;
  double largest = 0;    // difference of a token's log-probability, natural logarithm
  double mean = 0;       // of the absolute differences
  double same_next = 0;  // share of places where both hold the same token the likeliest
  std::string precision;
};
// Above these the merged model is refused (a sum rounded to 16 bits moves log-probabilities by a
// few hundredths; a wrong scale or a wrong layer by whole units).
inline constexpr double kLargestMeanDifference = 0.05;

// Texts of at least two tokens; of each its first 256 tokens count. Errors of opening the models.
MergeCheck compare_merged(const DecoderFolder& base, const DecoderAdapter& adapter,
                          const DecoderFolder& merged, const std::vector<std::string>& texts,
                          const ProgressSink& sink = {});

struct MergeReport {
  std::string weights_hash;  // of the merged folder
  MergeCheck check;
};
// Writes `out`, opens it again and compares. Errors E0433, E0434 (another base), E0416 (`out`
// exists), E0641 (they do not agree; `out` is removed).
MergeReport merge_adapter(const std::filesystem::path& base, const std::filesystem::path& adapter,
                          const std::filesystem::path& out, StoredType type,
                          const std::vector<std::string>& texts, const ProgressSink& sink = {});

// What to compare on: the study's own records where there is one (up to 24), else bundled cases.
std::vector<std::string> texts_for_comparison(const std::string& study_folder);
// A text a line, or, of a .jsonl file, the "text" of each object.
std::vector<std::string> texts_of_file(const std::filesystem::path& file);

}  // namespace gantry
