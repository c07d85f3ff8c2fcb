// The failure browser: every error with its text, the words that moved the answer, probabilities,
// neighbours in the training set and the readers' labels; to be filtered, sorted, given categories
// and exported, all inside the page and without the network. The errors lie in the page as data
// and are drawn some at a time, so that thousands of them do not freeze it.
#pragma once

#include <string>

#include "report/test_report.h"

namespace gantry {

// Heading, controls and data; "" where there are no cases.
std::string failure_browser_html(const TestReport& report);
// The program of the page: languages, failures. Without any address of the network.
const char* page_script();

}  // namespace gantry
