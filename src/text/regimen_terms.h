// The parts of tasks/radiotherapy-terms.toml, for the regimen parser.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "text/pattern.h"
#include "text/regimen.h"

namespace gantry {

struct RegimenTerm {
  std::string name;
  Pattern pattern;
};

struct RegimenTechnique {
  std::string name;
  Pattern pattern;
  int rank = 0;
  std::vector<std::string> modalities;  // that can give it
};

struct RegimenRange {
  std::string technique, intent, modality;  // "": any
  struct Limits {
    double lowest = 0, highest = 0;
  };
  std::optional<Limits> per_fraction, total, fractions;
};

struct RegimenTerms::State {
  std::vector<RegimenTerm> intents, modalities, sites, systemics;
  std::vector<RegimenTechnique> techniques;
  std::vector<RegimenRange> ranges;
  std::map<std::string, Pattern, std::less<>> context;
  const Pattern& of(std::string_view name) const { return context.find(name)->second; }
};

}  // namespace gantry
