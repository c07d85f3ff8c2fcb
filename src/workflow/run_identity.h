// What makes a run the run it is: the same data, settings and base give the same name.
#pragma once

#include <string>

#include "base/sha256.h"
#include "base/version.h"

namespace gantry {

struct RunIdentity {
  std::string settings, data, split, weights, tokenizer;
  std::string tables;  // hash of the headings, wording and concepts (study/cases.h)
  std::string codes;   // hash of the code list, "" where no codes are asked for
  std::string run() const {
    return "run-" +
           sha256_hex(settings + data + split + weights + tokenizer + version() + tables + codes)
               .substr(0, 8);
  }
};

}  // namespace gantry
