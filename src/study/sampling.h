// Under-sampling of groups, with the fractions kept so that figures can be weighted back.
#pragma once

#include <map>
#include <span>
#include <string>

#include "study/cases.h"

namespace gantry {

// Takes cases out of the training, tuning and test sets as settings.sampling says (dropped_at
// "sampling"), and gives every case that stays its group's fraction. Which ones stay is drawn from
// the seed and the case's own name: it does not depend on what else is in the study. Returns the
// counts by set name.
std::map<std::string, SetCounts> sample_cases(const Settings& settings, std::span<Case> cases);

// The counts alone, with the fractions the cases hold.
std::map<std::string, SetCounts> count_sets(const Settings& settings, std::span<const Case> cases);

}  // namespace gantry
