#include "weights/shelf.h"

#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "text/tokenizer.h"
#include "weights/test_folder.h"
#include "weights/test_packages.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

// A shelf with three small packages that can be had: a 4-bit file, a folder and a GGUF.
class ShelfTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_zip(package("four"),
              {{"p/q4.bin", FourBitFileMaker().bytes()}, {"p/run.py", "import os"}});
    std::vector<std::pair<std::string, std::string>> members = {
        {"p/model/README.md", "x"}, {"p-1.dist-info/licenses/LICENSE", "MIT"}, {"p/evil.py", "x"}};
    for (const char* name : {"config.json", "model.safetensors"}) {
      members.emplace_back(std::string("p/model/") + name,
                           read_file(test_data("bert-bare") / name));
    }
    members.emplace_back("p/model/vocab.txt", vocabulary(53));
    members.emplace_back("p/model/tokenizer_config.json",
                         R"({"tokenizer_class": "BertTokenizer", "do_lower_case": true})");
    write_zip(package("folder"), members);
    write_zip(package("gguf"), {{"p/x.gguf", read_file(test_data("gguf") / "tiny.gguf")}});
  }

  static std::string vocabulary(int size) {
    std::string words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    for (int i = 5; i < size; ++i) words += "w" + std::to_string(i) + "\n";
    return words;
  }

  fs::path package(const std::string& name) const { return folder / (name + ".whl"); }

  Shelf shelf() const {
    std::vector<KnownModel> known;
    for (const auto& [name, layout, member] : {std::tuple{"four", "e5-4bit", "p/q4.bin"},
                                               {"folder", "folder", "p/model"},
                                               {"gguf", "gguf", "p/x.gguf"}}) {
      known.push_back({.name = name,
                       .kind = std::string(name) == "gguf" ? "decoder" : "encoder",
                       .package = std::string("package-") + name,
                       .version = "1.0",
                       .file = std::string(name) + ".whl",
                       .sha256 = sha256_of_file(package(name)),
                       .licence = "MIT",
                       .pooling = "mean",
                       .layout = layout,
                       .member = member});
    }
    return Shelf(folder / "shelf", known);
  }

  // A program that stands for python3: `body` is shell script; $dest is where pip is to download
  // to.
  std::string stand_in(const std::string& body) const {
    const fs::path path = folder / "python";
    write_file_atomically(path,
                          "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + (folder / "arguments").string() +
                              "\necho \"TMPDIR=$TMPDIR\" >> " + (folder / "arguments").string() +
                              "\nwhile [ \"$1\" != --dest ]; do shift; done; dest=$2\n" + body);
    fs::permissions(path, fs::perms::owner_all);
    return path.string();
  }

  size_t things_on_shelf() const {
    size_t n = 0;
    if (!fs::exists(folder / "shelf")) return 0;
    for (const auto& entry : fs::directory_iterator(folder / "shelf")) {
      n += entry.path().filename() != ".lock";
    }
    return n;
  }

  TestFolder folder;
};

TEST_F(ShelfTest, GetTurnsThePackageIntoAFolderOnce) {
  Shelf s = shelf();
  const GetResult got = s.get("four", {.from_file = package("four")}, {});
  EXPECT_FALSE(got.was_there);
  const ModelFolder model = ModelFolder::open(s.find("four"));
  model.check();
  EXPECT_EQ(model.config().vocab_size, 12);
  EXPECT_EQ(model.read_f32("embeddings.token_type_embeddings.weight")[1], 0.5f);
  const auto tokenizer = Tokenizer::open(got.folder);
  EXPECT_EQ(tokenizer->encode("骨転移 ａ").ids, (std::vector<int32_t>{7, 8, 4, 5}));
  EXPECT_TRUE(s.verify("four", {}).good());

  const auto written = fs::last_write_time(got.folder / "model.safetensors");
  EXPECT_TRUE(s.get("four", {.offline = true}, {}).was_there);
  EXPECT_EQ(fs::last_write_time(got.folder / "model.safetensors"), written);
  EXPECT_EQ(things_on_shelf(), 1u);
}

TEST_F(ShelfTest, OnlyTheModelsFilesAreTakenOutOfAFolder) {
  Shelf s = shelf();
  const fs::path got = s.get("folder", {.from_file = package("folder")}, {}).folder;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(got)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names,
            (std::vector<std::string>{"LICENSE", "config.json", "gantry.json", "model.safetensors",
                                      "tokenizer_config.json", "vocab.txt"}));
  const ModelFacts facts = s.inspect("folder");
  EXPECT_EQ(facts.architecture, "bert");
  EXPECT_EQ(facts.layers, 2);
  EXPECT_EQ(facts.load_bytes, facts.parameters * 4);
  EXPECT_EQ(facts.pooling, "mean");
  EXPECT_EQ(facts.weights_hash.size(), 64u);
}

TEST_F(ShelfTest, AWrongPackageIsNotOpened) {
  Shelf s = shelf();
  const std::string error = error_of([&] { s.get("four", {.from_file = package("folder")}, {}); });
  EXPECT_TRUE(says(error, "E0424"));
  EXPECT_TRUE(says(error, "was not opened"));
  EXPECT_EQ(things_on_shelf(), 0u);
}

TEST_F(ShelfTest, PipIsAskedForTheOneFile) {
  Shelf s = shelf();
  const std::string python =
      stand_in("head -c 3000 /dev/zero > \"$TMPDIR/part\"; sleep 1; rm \"$TMPDIR/part\"; cp '" +
               package("four").string() + "' \"$dest\"");
  double seen = 0;
  const ProgressSink watch = [&](const Progress& p) { seen = std::max(seen, p.done); };
  EXPECT_FALSE(s.get("four", {.python = python}, watch).was_there);
  EXPECT_GE(seen, 3000);
  const std::string arguments = read_file(folder / "arguments");
  EXPECT_TRUE(says(arguments, "-m\npip\ndownload\n--no-deps\n--only-binary=:all:\n"));
  EXPECT_TRUE(says(arguments, "package-four==1.0\n"));
  EXPECT_TRUE(says(arguments, "TMPDIR=" + (folder / "shelf" / ".four.download").string()));
  EXPECT_EQ(things_on_shelf(), 1u);
}

TEST_F(ShelfTest, TooSmallADiskIsSaidBeforehand) {
  std::vector<KnownModel> known = shelf().known();
  known[0].disk_bytes = int64_t{1} << 60;
  Shelf s(folder / "shelf", known);
  EXPECT_TRUE(says(error_of([&] { s.get("four", {.from_file = package("four")}, {}); }), "E0429"));
}

TEST_F(ShelfTest, WithoutPipOrNetworkTheErrorSaysWhatToBring) {
  Shelf s = shelf();
  const std::string bring = "--from four.whl";
  const struct {
    GetOptions options;
    std::string says;
  } cases[] = {
      {{.offline = true}, "the network is switched off"},
      {{.python = (folder / "no-python").string()}, "-m pip is not here"},
      {{.python = stand_in("echo 'python: No module named pip'; exit 1")}, "python3-pip"},
  };
  for (const auto& c : cases) {
    const std::string error = error_of([&] { s.get("four", c.options, {}); });
    EXPECT_TRUE(says(error, "E0423"));
    EXPECT_TRUE(says(error, c.says));
    EXPECT_TRUE(says(error, bring));
    EXPECT_TRUE(says(error, s.known()[0].sha256));
    EXPECT_EQ(things_on_shelf(), 0u);
  }
  const std::string no_network =
      stand_in("echo 'WARNING: retrying'; echo 'ERROR: No matching distribution'; exit 1");
  EXPECT_TRUE(says(error_of([&] { s.get("four", {.python = no_network}, {}); }),
                   "pip says: ERROR: No matching distribution"));
  EXPECT_TRUE(says(error_of([&] { s.get("four", {.python = stand_in("exit 0")}, {}); }),
                   "pip left no package file"));
}

TEST_F(ShelfTest, AnInterruptLeavesNothingBehind) {
  Shelf s = shelf();
  const ProgressSink stop = [](const Progress& p) {
    if (p.phase.starts_with("decoding encoder")) interrupted() = true;
  };
  const std::string error = error_of([&] { s.get("four", {.from_file = package("four")}, stop); });
  interrupted() = false;
  EXPECT_TRUE(says(error, "E0104"));
  EXPECT_EQ(things_on_shelf(), 0u);
  EXPECT_FALSE(s.get("four", {.from_file = package("four")}, {}).was_there);
}

TEST_F(ShelfTest, NamesAreFoundOrTheNearestNamed) {
  Shelf s = shelf();
  EXPECT_TRUE(says(error_of([&] { s.get("fuor", {}, {}); }), "Did you mean four?"));
  EXPECT_TRUE(says(error_of([&] { s.find("four"); }), "Run `gantry model get four`"));
  EXPECT_TRUE(says(error_of([&] { s.find("foldr"); }), "Did you mean folder?"));
  EXPECT_TRUE(says(error_of([&] { s.find(""); }), "E0422"));
  EXPECT_EQ(s.find(test_data("bert-bare").string()), test_data("bert-bare"));
}

TEST_F(ShelfTest, ListShowsWhatIsThereAndWhatCanBeHad) {
  Shelf s = shelf();
  s.get("gguf", {.from_file = package("gguf")}, {});
  fs::create_directory(folder / "shelf" / "broken");
  write_file_atomically(folder / "shelf" / "broken" / "config.json", "{");
  const std::vector<ShelfEntry> entries = s.list();
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].name, "broken");
  EXPECT_EQ(entries[0].kind, "");
  EXPECT_TRUE(says(entries[0].summary, "E0411"));
  EXPECT_EQ(entries[1].name, "folder");
  EXPECT_FALSE(entries[1].present);
  EXPECT_TRUE(entries[1].known);
  EXPECT_EQ(entries[3].name, "gguf");
  EXPECT_TRUE(entries[3].present);
  EXPECT_EQ(entries[3].kind, "decoder");
  EXPECT_EQ(s.inspect("gguf").architecture, "llama");
  EXPECT_EQ(s.inspect("gguf").layers, 3);
  EXPECT_TRUE(s.verify("gguf", {}).good());
}

TEST_F(ShelfTest, VerifyFindsWhatWasChanged) {
  Shelf s = shelf();
  const fs::path got = s.get("folder", {.from_file = package("folder")}, {}).folder;
  EXPECT_TRUE(s.verify("folder", {}).good());
  std::string weights = read_file(got / "model.safetensors");
  weights[weights.size() - 1] = '\x7f';  // the last float becomes NaN
  weights[weights.size() - 2] = '\xff';
  write_file_atomically(got / "model.safetensors", weights);
  write_file_atomically(got / "vocab.txt", vocabulary(60));
  const VerifyReport report = s.verify("folder", {});
  ASSERT_EQ(report.failed.size(), 2u);
  EXPECT_TRUE(says(report.failed[0], "E0428"));
  EXPECT_TRUE(says(report.failed[1], "vocab.txt: SHA-256 is"));
  fs::remove(got / "gantry.json");  // without recorded hashes the contents are looked at
  const VerifyReport contents = s.verify("folder", {});
  ASSERT_EQ(contents.failed.size(), 2u);
  EXPECT_TRUE(says(contents.failed[0], "E0404"));
  EXPECT_TRUE(says(contents.failed[1], "E0330"));
}

TEST_F(ShelfTest, AddCopiesOrLinksAfterChecking) {
  Shelf s = shelf();
  const fs::path own = folder / "mine";
  fs::create_directory(own);
  for (const char* name : {"config.json", "model.safetensors"}) {
    fs::copy_file(test_data("bert-bare") / name, own / name);
  }
  EXPECT_TRUE(says(error_of([&] { s.add(own, "", false, {}); }), "E0427"));  // no tokenizer
  write_file_atomically(own / "vocab.txt", vocabulary(53));
  write_file_atomically(own / "tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");
  write_file_atomically(own / "notes.txt", "not the model's");
  const fs::path copied = s.add(own, "", false, {});
  EXPECT_EQ(copied, s.find("mine"));
  EXPECT_FALSE(fs::exists(copied / "notes.txt"));
  EXPECT_TRUE(s.verify("mine", {}).good());
  EXPECT_EQ(ModelFolder::open(copied).about().files.size(), 4u);
  const fs::path linked = s.add(own, "linked", true, {});
  EXPECT_TRUE(fs::is_symlink(linked));
  EXPECT_TRUE(s.verify("linked", {}).good());
  EXPECT_TRUE(says(error_of([&] { s.add(own, "linked", false, {}); }), "E0416"));
  EXPECT_TRUE(says(error_of([&] { s.add(own, "../x", false, {}); }), "E0422"));
}

TEST(KnownModels, TheDeliveredListIsReadable) {
  const auto known = read_known_models(fs::path(GANTRY_SOURCE_DIR) / "tasks/base-models.toml");
  ASSERT_GE(known.size(), 3u);
  EXPECT_EQ(known[0].name, "multilingual-e5-small");
  EXPECT_EQ(known[0].prefix, "query: ");
}

TEST(KnownModels, MistakesAreNamedWithTheirLine) {
  const std::string good =
      "[[model]]\nname = 'x'\nkind = 'encoder'\npackage = 'p'\nversion = '1'\nfile = 'p.whl'\n"
      "member = 'm'\nlayout = 'folder'\nsha256 = '" +
      std::string(64, 'a') + "'\n";
  EXPECT_EQ(parse_known_models(good, "m.toml").size(), 1u);
  const std::pair<std::string, std::string> cases[] = {
      {"[[model]\n", "m.toml, line 1"},
      {"x = 1\n", "only [[model]] entries"},
      {good + "licens = 'MIT'\n", "line 10: unknown key 'licens'; did you mean licence?"},
      {good + "pooling = 'max'\n", "pooling is mean or first"},
      {good + "disk_bytes = -1\n", "disk_bytes is not a size"},
      {good + "prefix = 3\n", "prefix is not a string"},
      {good + good, "the name x is given twice"},
      {"[[model]]\nname = 'x'\n", "no package"},
      {"[[model]]\nname = '../x'\n" + good.substr(20), "are letters, digits"},
      {"[[model]]\nname = 'x'\n" + good.substr(20, good.size() - 50), "m.toml"},
  };
  for (const auto& [text, words] : cases) {
    const std::string error = error_of([&] { parse_known_models(text, "m.toml"); });
    EXPECT_TRUE(says(error, "E0421"));
    EXPECT_TRUE(says(error, words));
  }
}

}  // namespace
}  // namespace gantry
