// gantry codes, run as a user runs it, on lists made by hand; nothing is fetched.
#include "cli/program_test.h"

namespace gantry {
namespace {

using Json = nlohmann::json;

class Codes : public testing::Test {
 protected:
  Outcome run(const std::string& words) const { return program_.run("codes " + words); }
  Outcome import(const std::string& file, const std::string& name) const {
    return run("import '" GANTRY_SOURCE_DIR "/tests/data/codes/" + file + "' --name " + name +
               " --json");
  }
  Program program_;
};

TEST_F(Codes, ImportListShow) {
  const Outcome done = import("tabular.xml", "test-2026");
  EXPECT_EQ(done.exit_code, 0) << done.err;
  const Json imported = done.json();
  EXPECT_EQ(imported.at("edition"), "2026");
  EXPECT_EQ(imported.at("codes"), 17);
  import("order.txt", "site-a");
  const Json listed = run("list --json").json();
  EXPECT_EQ(listed.at("lists").size(), 3u);  // these two, and the one that can be had
  const Json shown = run("show c7951 --list test-2026 --json").json();
  EXPECT_EQ(shown.at("title"), "Secondary malignant neoplasm of bone");
  EXPECT_EQ(shown.at("billable"), true);
  EXPECT_EQ(shown.at("parents").size(), 2u);
  EXPECT_EQ(shown.at("list").at("hash"), imported.at("hash"));
  const std::string words = run("show C79.5 --list test-2026").out;
  EXPECT_NE(words.find("C79.52  Secondary malignant neoplasm of bone marrow (billable)"),
            std::string::npos);
}

TEST_F(Codes, MistakesEndWithTheirCode) {
  const auto code_of = [](const Outcome& outcome) {
    EXPECT_EQ(outcome.exit_code, 1);
    return outcome.json().at("error").at("code").get<std::string>();
  };
  EXPECT_EQ(code_of(run("show C61 --json")), "E0422");
  import("list.tsv", "site-a");
  EXPECT_EQ(code_of(run("show C99 --json")), "E0377");
  EXPECT_EQ(code_of(import("list.tsv", "site-a")), "E0416");
  EXPECT_EQ(code_of(import("nothing.tsv", "site-b")), "E0101");
  EXPECT_EQ(run("show").exit_code, 2);
}

}  // namespace
}  // namespace gantry
