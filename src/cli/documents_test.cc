// What the documents say is there: links, files, verbs, error codes, folders.
#include <algorithm>
#include <set>

#include "base/strings.h"
#include "cli/program_test.h"
#include "text/pattern.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

// Every first group of `pattern` in `text`.
std::set<std::string> named(const std::string& text, std::string_view pattern) {
  std::set<std::string> all;
  for (const Pattern::Match& match : Pattern::unicode(pattern, "E0000", "test").find_all(text))
    all.emplace(match[1]);
  return all;
}

std::vector<fs::path> files_below(const fs::path& folder, std::set<std::string> endings) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && endings.count(entry.path().extension()))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> documents() {
  const fs::path source = Program::source();
  std::vector<fs::path> files = files_below(source / "docs", {".md"});
  for (const char* name : {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"})
    files.push_back(source / name);
  return files;
}

TEST(Documents, LinksAndNamedFilesAreThere) {
  const fs::path source = Program::source();
  for (const fs::path& file : documents()) {
    const std::string text = read_file(file);
    for (const std::string& link : named(text, R"(\]\(([^)#\s:]+)[^):]*\))"))
      EXPECT_TRUE(fs::exists(file.parent_path() / link)) << file << " links to " << link;
    // `src/text/encoding*` and the like name what stands in the source.
    for (const std::string& name :
         named(text, R"(`((?:src|docs|bench|cmake|corpora|tests/oracles|tests/data|tests/fuzz)/)"
                     R"([\w./-]+)(?:\*[\w.]*)?`)")) {
      const fs::path path = source / name;
      const bool begins =
          fs::exists(path.parent_path()) &&
          std::any_of(fs::directory_iterator(path.parent_path()), {}, [&](const auto& entry) {
            return entry.path().string().starts_with(path.string());
          });
      EXPECT_TRUE(fs::exists(path) || begins) << file << " names " << name;
    }
  }
}

TEST(Documents, EveryErrorCodeHasItsRow) {
  std::set<std::string> thrown, told;
  for (const fs::path& file : files_below(Program::source() / "src", {".cc", ".h"})) {
    if (file.stem().string().ends_with("_test")) continue;
    thrown.merge(named(read_file(file), "\"(E0\\d{3})\""));
  }
  for (const fs::path& file : files_below(Program::source() / "docs/errors", {".md"})) {
    for (const std::string& code : named(read_file(file), "(?m)^\\| (E0\\d{3})"))
      EXPECT_TRUE(told.insert(code).second) << code << " has two rows";
  }
  EXPECT_GT(thrown.size(), 100u);
  EXPECT_EQ(thrown, told);
}

TEST(Documents, TheMapHasEveryFolder) {
  const std::string map = read_file(Program::source() / "docs/map.md");
  for (const char* parent : {"", "src", "tests", "bench", "tasks"})
    for (const auto& entry : fs::directory_iterator(Program::source() / parent)) {
      const std::string name = fs::relative(entry.path(), Program::source());
      if (!entry.is_directory() || name.starts_with(".") || name.starts_with("build")) continue;
      if (name == "src" || entry.path().filename().string().starts_with("__")) continue;
      EXPECT_NE(map.find("\n| `" + name + "` |"), std::string::npos) << name;
    }
}

// The verbs of `help`, each with those below it: "init", "model get", ...
std::vector<std::string> verbs(const Program& program, const std::string& of = "") {
  const std::string help = program.good(of + " --help").out;
  const size_t list = help.find("\nSubcommands:\n");
  if (list == std::string::npos) return {of};
  std::vector<std::string> all;
  for (const std::string& verb : named(help.substr(list), "(?m)^  ([a-z]+)  "))
    for (std::string& whole : verbs(program, of.empty() ? verb : of + " " + verb))
      all.push_back(std::move(whole));
  return all;
}

TEST(Documents, EachVerbHasHelpWithAnExampleAndALineInTheManual) {
  const Program program;
  const std::string manual = read_file(Program::source() / "docs/gantry.1");
  const std::vector<std::string> all = verbs(program);
  EXPECT_GT(all.size(), 30u);
  for (const std::string& verb : all) {
    EXPECT_NE(program.good(verb + " --help").out.find("Example: gantry "), std::string::npos)
        << verb;
    for (std::string_view word : split(verb, ' '))
      EXPECT_TRUE(named(manual, "(?m)^\\.B .*\\b(" + std::string(word) + ")\\b").size() == 1)
          << verb;
  }
  // Lines to type, in documents: the words behind `gantry` are a verb.
  for (const fs::path& file : documents())
    for (const std::string& typed : named(read_file(file), "(?m)^ *gantry ([a-z]+(?: [a-z]+)?)")) {
      const bool known = std::any_of(all.begin(), all.end(), [&](const std::string& verb) {
        return typed == verb || typed.starts_with(verb + " ");
      });
      EXPECT_TRUE(known) << file << ": gantry " << typed;
    }
}

}  // namespace
}  // namespace gantry
