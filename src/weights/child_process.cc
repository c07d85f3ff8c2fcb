#include "weights/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

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
bool collect_output(int fd, std::string& output) {
  char buffer[4096];
  for (;;) {
    if (interrupted().load()) return false;
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, kPollMilliseconds) <= 0) continue;
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    output.append(buffer, static_cast<size_t>(n));
    if (output.size() > 2 * kMaxOutput) output.erase(0, output.size() - kMaxOutput);
  }
}

}  // namespace

ChildResult run_program(const std::vector<std::string>& arguments) {
  GANTRY_CHECK(!arguments.empty());
  int ends[2];
  GANTRY_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);

  ChildResult result;
  result.started = error == 0;
  if (!result.started) {
    ::close(ends[0]);
    return result;
  }
  const bool finished = collect_output(ends[0], result.output);
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
