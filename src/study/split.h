// The split: which cases are for training, tuning and testing. By patient always, and without
// near-identical texts in two sets.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "study/cases.h"
#include "study/near_identical.h"

namespace gantry {

struct Split {
  std::string method;              // "date", "source" or "share"
  std::vector<std::string> notes;  // for people
};

// The method that "auto" means.
std::string split_method(const Settings::Split& settings);

// Sets Case::set and Case::fold of every case; those that cannot be in a set get `dropped_at`
// "window" (outside every date window, or without a date), "patient_overlap" or "near_identical".
// Cases with dropped_at "label" are unlabelled reports: they become kUnlabelled, or stay dropped
// where a patient, source, date or text of theirs belongs to tuning or testing. `texts` holds the
// texts to compare, one a case. `already`, where given, is the set each case had in the study's
// last split by the same settings (kNone: new): patients keep their set when reports are added.
// Errors: E0515 a patient, E0516 near-identical texts in two sets, where the settings refuse them;
// E0517 a source that no case has; E0518 windows that overlap.
Split split_cases(const Settings& settings, std::span<Case> cases, const NearIdentical& texts,
                  std::span<const CaseSet> already = {});

// Looks at the finished sets afresh: patients in two of them, near-identical texts in two of them.
SplitCheck prove_split(std::span<const Case> cases, const NearIdentical& texts);

}  // namespace gantry
