// The verbs of `gantry model` that have a file of their own.
#pragma once

#include <string>

#include "cli/face.h"

namespace gantry::cli {

void add_merge(CLI::App& model, Face& face);

// A causal model written out: `gguf` or `hf` says how its weights are stored, the other is "".
struct ExportWords {
  std::string out, gguf, hf, model, adapter;
};
void export_decoder(const ExportWords& words, Face& face);

}  // namespace gantry::cli
