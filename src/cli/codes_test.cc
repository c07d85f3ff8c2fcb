// gantry codes, run as a user runs it, on lists made by hand; nothing is fetched.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class Codes : public ::testing::Test {
 protected:
  Codes() {
    std::string name = (fs::temp_directory_path() / "gantry-codes-XXXXXX").string();
    GANTRY_CHECK(::mkdtemp(name.data()) != nullptr);
    shelf_ = name;
  }
  ~Codes() override {
    std::error_code ignored;
    fs::remove_all(shelf_, ignored);
  }

  // What the program writes to stdout; its exit code in `exit_code_`.
  std::string run(const std::string& words) {
    const std::string command = "GANTRY_DATA='" GANTRY_SOURCE_DIR "' GANTRY_CODES='" +
                                shelf_.string() + "' '" GANTRY_PROGRAM "' " + words +
                                " 2>/dev/null";
    FILE* pipe = ::popen(command.c_str(), "r");
    GANTRY_CHECK(pipe != nullptr);
    std::string out;
    char piece[4096];
    for (size_t n; (n = std::fread(piece, 1, sizeof piece, pipe)) > 0;) out.append(piece, n);
    const int status = ::pclose(pipe);
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return out;
  }
  std::string import(const char* file, const char* name) {
    return run("codes import '" GANTRY_SOURCE_DIR "/tests/data/codes/" + std::string(file) +
               "' --name " + name + " --json");
  }

  fs::path shelf_;
  int exit_code_ = 0;
};

TEST_F(Codes, ImportListShow) {
  const Json imported = Json::parse(import("tabular.xml", "test-2026"));
  EXPECT_EQ(exit_code_, 0);
  EXPECT_EQ(imported.at("edition"), "2026");
  EXPECT_EQ(imported.at("codes"), 17);
  import("order.txt", "site-a");
  const Json listed = Json::parse(run("codes list --json"));
  EXPECT_EQ(listed.at("lists").size(), 3u);  // these two, and the one that can be had
  const Json shown = Json::parse(run("codes show c7951 --list test-2026 --json"));
  EXPECT_EQ(shown.at("title"), "Secondary malignant neoplasm of bone");
  EXPECT_EQ(shown.at("billable"), true);
  EXPECT_EQ(shown.at("parents").size(), 2u);
  EXPECT_EQ(shown.at("list").at("hash"), imported.at("hash"));
  const std::string words = run("codes show C79.5 --list test-2026");
  EXPECT_NE(words.find("C79.52  Secondary malignant neoplasm of bone marrow (billable)"),
            std::string::npos);
}

TEST_F(Codes, MistakesEndWithTheirCode) {
  EXPECT_EQ(Json::parse(run("codes show C61 --json")).at("error").at("code"), "E0422");
  EXPECT_EQ(exit_code_, 1);
  import("list.tsv", "site-a");
  EXPECT_EQ(Json::parse(run("codes show C99 --json")).at("error").at("code"), "E0377");
  EXPECT_EQ(Json::parse(import("list.tsv", "site-a")).at("error").at("code"), "E0416");
  EXPECT_EQ(Json::parse(import("nothing.tsv", "site-b")).at("error").at("code"), "E0101");
  run("codes show");
  EXPECT_EQ(exit_code_, 2);
}

}  // namespace
}  // namespace gantry
