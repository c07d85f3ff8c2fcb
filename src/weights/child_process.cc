#include "weights/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/error.h"
#include "base/progress.h"

extern char** environ;

namespace gantry {
namespace {

constexpr size_t kMaxOutput = 64 << 10;
constexpr int kPollMilliseconds = 200;

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Reads until the program closes its output; false when interrupted.
bool collect_output(int fd, std::string& output, const std::function<void()>& while_waiting) {
  char buffer[4096];
  for (;;) {
    if (interrupted().load()) return false;
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, kPollMilliseconds) <= 0) {
      if (while_waiting) while_waiting();
      continue;
    }
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    output.append(buffer, static_cast<size_t>(n));
    if (output.size() > 2 * kMaxOutput) output.erase(0, output.size() - kMaxOutput);
  }
}

std::vector<std::string> joined_environment(const std::vector<std::string>& variables) {
  std::vector<std::string> all = variables;
  for (char** at = environ; *at; ++at) {
    const std::string_view given = *at;
    const std::string_view name = given.substr(0, given.find('=') + 1);
    const bool replaced = std::any_of(variables.begin(), variables.end(), [&](const auto& v) {
      return std::string_view(v).starts_with(name);
    });
    if (!replaced) all.emplace_back(given);
  }
  return all;
}

// As exec wants them: C strings that are not written to, ended by a null pointer.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ChildResult run_program(const std::vector<std::string>& arguments,
                        const std::vector<std::string>& variables,
                        const std::function<void()>& while_waiting) {
  GANTRY_CHECK(!arguments.empty());
  int ends[2];
  GANTRY_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  const std::vector<std::string> all_variables = joined_environment(variables);
  std::vector<char*> argv = pointers_to(arguments), envp = pointers_to(all_variables);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);

  ChildResult result;
  result.started = error == 0;
  if (!result.started) {
    ::close(ends[0]);
    return result;
  }
  const bool finished = collect_output(ends[0], result.output, while_waiting);
  ::close(ends[0]);
  if (!finished) ::kill(pid, SIGTERM);
  result.exit_code = wait_for(pid);
  if (result.exit_code == 127 && result.output.empty()) result.started = false;
  if (!finished) throw_if_interrupted("The program it had started was ended.");
  if (result.output.size() > kMaxOutput) {
    result.output.erase(0, result.output.size() - kMaxOutput);
  }
  return result;
}

}  // namespace gantry
