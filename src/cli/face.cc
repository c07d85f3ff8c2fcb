#include "cli/face.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "base/strings.h"

namespace gantry::cli {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string describe(const Progress& progress) {
  std::string line = progress.phase;
  if (progress.total > 0) {
    line += ": " + with_commas(static_cast<int64_t>(progress.done)) + " of " +
            with_commas(static_cast<int64_t>(progress.total)) + " " + progress.unit + " (" +
            format_double(100 * progress.done / progress.total, 0) + " %)";
  } else if (progress.done > 0) {
    line += ": " + with_commas(static_cast<int64_t>(progress.done)) + " " + progress.unit;
  }
  if (!progress.detail.empty()) line += ", " + progress.detail;
  return line;
}

}  // namespace

void Face::close_line() {
  if (line_open_) std::fputc('\n', stderr);
  line_open_ = false;
}

ProgressSink Face::progress() {
  if (quiet) return {};
  return [this, terminal = ::isatty(2) != 0, phase = std::string(), phase_began = 0.0,
          phase_done = 0.0](const Progress& p) mutable {
    if (p.milestone) {
      say(p.phase);
      return;
    }
    double time = now();
    if (p.phase != phase) {
      phase = p.phase;
      phase_began = time;
      phase_done = p.done;
      if (terminal) close_line();
    }
    const double interval = terminal ? 0.2 : 15.0;  // a log file wants fewer lines than an eye
    if (time - last_shown_ < interval) return;
    last_shown_ = time;
    std::string line = describe(p);
    if (p.total > 0 && p.done > phase_done && time - phase_began > 2) {
      double left = (time - phase_began) * (p.total - p.done) / (p.done - phase_done);
      line += ", " + format_double(left, 0) + " s left";
    }
    if (terminal) {
      std::fprintf(stderr, "\r\033[K%s", line.c_str());
      line_open_ = true;
    } else {
      std::fprintf(stderr, "%s\n", line.c_str());
    }
    std::fflush(stderr);
  };
}

void Face::say(const std::string& line) {
  if (quiet) return;
  close_line();
  std::fprintf(stderr, "%s\n", line.c_str());
}

void Face::result(const nlohmann::json& object, const std::string& text) {
  close_line();
  errno = 0;
  if (json) {
    // Invalid UTF-8 cannot reach here but from a file name; it is shown replaced rather than
    // refused.
    std::cout << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else if (!text.empty()) {
    std::cout << text << (text.back() == '\n' ? "" : "\n");
  }
  std::cout.flush();
  if (std::cout || errno == EPIPE) return;  // `| head` has what it wanted
  throw Error("E0102",
              std::string("standard output: cannot be written (") + std::strerror(errno) + ")",
              "Mend the cause and run the command again.");
}

SortedWords sort_words(const std::vector<std::string>& words) {
  SortedWords sorted;
  for (const auto& word : words) {
    size_t equals = word.find('=');
    bool key = equals != std::string::npos && equals > 0 &&
               word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") >= equals;
    std::error_code ignored;
    if (key && !std::filesystem::exists(word, ignored))
      sorted.overrides.push_back(word);
    else
      sorted.files.push_back(word);
  }
  return sorted;
}

}  // namespace gantry::cli
