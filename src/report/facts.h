// Facts of a test in one sentence each, for the checklists and the model card.
#pragma once

#include <map>
#include <string>

#include "report/test_report.h"

namespace gantry {

// By name: title, question, model, base_model, base_hash, data_hash, split_hash, settings_hash,
// seed, software, data_note, test_sources, test_dates, test_set, training_set, groups, flow,
// sampling, missing, split, split_proof, answering, windows, selection, restarts, repeats, looks,
// tested_at, intervals, performance, abstention, subgroups, failures, weighed_by, robustness,
// external, readers, reader_agreement, margin, compute. A fact that the test does not hold is not
// in the map: that is a gap.
std::map<std::string, Words> report_facts(const TestReport& report);

// `text` with every {fact} put in; without a Japanese text the English one gets the Japanese facts.
// `missing` gets the names of those that are not there.
Words fill_facts(const Words& text, const std::map<std::string, Words>& facts,
                 std::vector<std::string>& missing);

}  // namespace gantry
