// The program, run as a user runs it: in a folder of the test's own, with a shelf of models and of
// code lists in it, in a namespace without network where the machine allows one.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/file.h"

namespace gantry {

struct Outcome {
  int exit_code = -1;
  std::string out, err;
  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

class Program {
 public:
  Program() {
    std::string name = (std::filesystem::temp_directory_path() / "gantry-program-XXXXXX").string();
    GANTRY_CHECK(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    without_network_ = std::system("unshare --user --map-root-user --net true 2>/dev/null") == 0;
  }
  ~Program() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  static std::filesystem::path source() { return GANTRY_SOURCE_DIR; }
  static std::filesystem::path reports(const std::string& hospital) {
    return source() / "corpora/bone-metastasis" / (hospital + ".jsonl");
  }
  std::filesystem::path in(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name, const std::string& bytes) const {
    write_file_atomically(in(name), bytes);
  }
  // The small random encoder of the tests, onto the shelf.
  void shelve_small_encoder(const std::string& name = "small") const {
    std::filesystem::create_directories(in("shelf"));
    std::filesystem::copy(source() / "tests/data/small-encoder", in("shelf") / name,
                          std::filesystem::copy_options::recursive);
  }

  // `arguments` are words of the test itself, read by a shell that stands in the folder.
  Outcome run(const std::string& arguments, const std::string& input = "/dev/null") const {
    return shell(std::string(GANTRY_PROGRAM) + " " + arguments + " <" + input);
  }
  // Lines of a shell in which $gantry is the program.
  Outcome shell(const std::string& lines, const std::string& namespaces = "--net") const {
    write("lines.sh", "gantry=" GANTRY_PROGRAM "\n" + lines + "\n");
    const std::string command =
        "cd " + folder_.string() + " && GANTRY_DATA=" + source().string() +
        " GANTRY_CODES=" + in("codes").string() + " GANTRY_MODELS=" + in("shelf").string() + " " +
        (without_network_ ? "unshare --user --map-root-user " + namespaces + " " : "") +
        "sh lines.sh >out.txt 2>err.txt";
    const int status = std::system(command.c_str());
    Outcome outcome;
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    outcome.out = read_file(in("out.txt"));
    outcome.err = read_file(in("err.txt"));
    return outcome;
  }
  bool has_namespaces() const { return without_network_; }

  Outcome good(const std::string& arguments, const std::string& input = "/dev/null") const {
    Outcome outcome = run(arguments, input);
    EXPECT_EQ(outcome.exit_code, 0) << arguments << "\n" << outcome.err;
    return outcome;
  }
  // Ends with exit code 1, the error's code, and words that it says.
  void expect_error(const std::string& arguments, const std::string& code,
                    const std::string& words) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 1) << arguments << "\n" << outcome.err;
    EXPECT_NE(outcome.err.find(code + ": "), std::string::npos) << arguments << "\n" << outcome.err;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << arguments << "\n" << outcome.err;
  }

 private:
  std::filesystem::path folder_;
  bool without_network_ = false;
};

// Tests that share one folder, each going on from what those before it left.
class ProgramSequence : public testing::Test {
 protected:
  static void SetUpTestSuite() { program_ = std::make_unique<Program>(); }
  static void TearDownTestSuite() { program_.reset(); }
  static std::filesystem::path in(const std::string& name) { return program_->in(name); }
  static Outcome good(const std::string& arguments, const std::string& input = "/dev/null") {
    return program_->good(arguments, input);
  }
  static void expect_error(const std::string& arguments, const std::string& code,
                           const std::string& words) {
    program_->expect_error(arguments, code, words);
  }
  static inline std::unique_ptr<Program> program_;
};

// Settings of a training that takes a moment, on the small encoder.
inline std::string quick_training(const std::string& runs = "2") {
  return "base=small runs=" + runs +
         " epochs=2 model.max_tokens=128 window_overlap=16 bootstrap=200";
}

}  // namespace gantry
