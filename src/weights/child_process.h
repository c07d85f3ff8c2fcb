// Runs another program and waits for it.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace gantry {

struct ChildResult {
  bool started = false;  // false: there is no such program
  int exit_code = -1;    // -1: ended by a signal
  std::string output;    // stdout and stderr together, the last 64 kB
};

// No shell: `arguments[0]` is looked up in PATH, the others reach it as they are. `variables`
// ("NAME=value") replace or join those of this process; standard input is empty. `while_waiting` is
// called a few times a second. Ends the program and throws Error E0104 when the user interrupts
// (base/progress.h).
ChildResult run_program(const std::vector<std::string>& arguments,
                        const std::vector<std::string>& variables = {},
                        const std::function<void()>& while_waiting = {});

}  // namespace gantry
