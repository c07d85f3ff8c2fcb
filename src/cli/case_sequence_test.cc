// The verbs on radiation-oncology cases, run as a user runs them: each task, with a small random
// decoder made here, and without a language model; in a namespace without network where the machine
// allows one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "weights/safetensors.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int kCasesOfClinic = 22;
constexpr int64_t kHidden = 32, kHeads = 4, kKvHeads = 2, kMlp = 48, kLayers = 2, kVocabulary = 259;

std::string utf8(uint32_t c) {
  if (c < 0x80) return std::string(1, static_cast<char>(c));
  return {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
}

// Byte-level BPE without merges: one token a byte, in GPT-2's letters, and ChatML's two.
void write_tokenizer(const fs::path& folder) {
  Json vocabulary = Json::object();
  uint32_t extra = 256;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool shown = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
                       (byte >= 0xAE && byte <= 0xFF);
    vocabulary[utf8(shown ? byte : extra++)] = byte;
  }
  Json added = Json::array();
  int id = 256;
  for (const char* token : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"})
    added.push_back({{"id", id++},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  const Json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", false},
                           {"trim_offsets", true},
                           {"use_regex", true}};
  const Json tokenizer = {{"version", "1.0"},
                          {"truncation", nullptr},
                          {"padding", nullptr},
                          {"added_tokens", added},
                          {"normalizer", nullptr},
                          {"pre_tokenizer", byte_level},
                          {"post_processor", nullptr},
                          {"decoder", byte_level},
                          {"model",
                           {{"type", "BPE"},
                            {"dropout", nullptr},
                            {"unk_token", nullptr},
                            {"continuing_subword_prefix", nullptr},
                            {"end_of_word_suffix", nullptr},
                            {"fuse_unk", false},
                            {"byte_fallback", false},
                            {"vocab", vocabulary},
                            {"merges", Json::array()}}}};
  write_file_atomically(folder / "tokenizer.json", tokenizer.dump());
  write_file_atomically(
      folder / "tokenizer_config.json",
      Json{{"eos_token", "<|im_end|>"},
           {"chat_template", "{% for m in messages %}<|im_start|>{{ m }}<|im_end|>{% endfor %}"}}
          .dump());
}

// A LLaMA of two layers with random weights.
void write_decoder(const fs::path& folder) {
  fs::create_directories(folder);
  const Json config = {{"architectures", {"LlamaForCausalLM"}},
                       {"model_type", "llama"},
                       {"hidden_act", "silu"},
                       {"hidden_size", kHidden},
                       {"intermediate_size", kMlp},
                       {"num_hidden_layers", kLayers},
                       {"num_attention_heads", kHeads},
                       {"num_key_value_heads", kKvHeads},
                       {"max_position_embeddings", 4096},
                       {"rms_norm_eps", 1e-5},
                       {"rope_theta", 10000.0},
                       {"tie_word_embeddings", true},
                       {"vocab_size", kVocabulary},
                       {"bos_token_id", 256},
                       {"eos_token_id", 258},
                       {"torch_dtype", "float32"}};
  write_file_atomically(folder / "config.json", config.dump());
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 0.08f);
  std::vector<NamedTensor> tensors;
  auto add = [&](const std::string& name, std::vector<int64_t> shape, bool ones = false) {
    NamedTensor tensor{name, shape, {}};
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    for (int64_t i = 0; i < n; ++i) tensor.values.push_back(ones ? 1.0f : normal(random));
    tensors.push_back(std::move(tensor));
  };
  const int64_t kv = kHidden / kHeads * kKvHeads;
  add("model.embed_tokens.weight", {kVocabulary, kHidden});
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string at = "model.layers." + std::to_string(l) + ".";
    add(at + "input_layernorm.weight", {kHidden}, true);
    add(at + "self_attn.q_proj.weight", {kHidden, kHidden});
    add(at + "self_attn.k_proj.weight", {kv, kHidden});
    add(at + "self_attn.v_proj.weight", {kv, kHidden});
    add(at + "self_attn.o_proj.weight", {kHidden, kHidden});
    add(at + "post_attention_layernorm.weight", {kHidden}, true);
    add(at + "mlp.gate_proj.weight", {kMlp, kHidden});
    add(at + "mlp.up_proj.weight", {kMlp, kHidden});
    add(at + "mlp.down_proj.weight", {kHidden, kMlp});
  }
  add("model.norm.weight", {kHidden}, true);
  write_safetensors(folder / "model.safetensors", tensors);
  write_tokenizer(folder);
}

struct Outcome {
  int exit_code = -1;
  std::string out, err;
  Json json() const { return Json::parse(out); }
};

class CaseSequence : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string name = "/tmp/gantry-cases-XXXXXX";
    folder_ = new fs::path(::mkdtemp(name.data()));
    without_network_ = std::system("unshare --user --map-root-user --net true 2>/dev/null") == 0;
    write_decoder(in("shelf/tiny"));
    write_corpus();
  }
  static void TearDownTestSuite() {
    fs::remove_all(*folder_);
    delete folder_;
  }
  static fs::path source() { return GANTRY_SOURCE_DIR; }
  static fs::path in(const std::string& name) { return *folder_ / name; }

  // The first cases of three clinics, a code list that holds their codes, and cases to answer
  // without plans and answers.
  static void write_corpus() {
    std::set<std::string> codes = {"C00.0", "C61", "C64.9", "D48.9"};
    std::string to_answer;
    for (const char* clinic : {"ra", "rb", "rc"}) {
      std::ifstream lines(source() / "corpora/radiation-oncology" /
                          (std::string(clinic) + ".jsonl"));
      std::string kept;
      std::string line;
      for (int i = 0; i < kCasesOfClinic && std::getline(lines, line); ++i) {
        kept += line + "\n";
        Json row = Json::parse(line);
        for (Json& diagnosis : row["diagnoses"]) {
          codes.insert(diagnosis["icd10"].get<std::string>());
          diagnosis.erase("icd10");
        }
        for (const char* key : {"plans", "regimen", "modality", "exclude", "hard"}) row.erase(key);
        if (std::string(clinic) == "rc" && i < 12) to_answer += row.dump() + "\n";
      }
      write_file_atomically(in(std::string(clinic) + ".jsonl"), kept);
    }
    write_file_atomically(in("new.jsonl"), to_answer);
    std::string tsv = "code\ttitle\n";
    for (const std::string& code : codes)
      if (code != "L91.0") tsv += code + "\tTitle of " + code + "\n";
    write_file_atomically(in("mini.tsv"), tsv);
    good("codes import mini.tsv --name mini");
  }

  static Outcome gantry(const std::string& arguments) {
    const std::string command = "cd " + folder_->string() + " && GANTRY_DATA=" + source().string() +
                                " GANTRY_CODES=" + in("codes").string() +
                                " GANTRY_MODELS=" + in("shelf").string() + " " +
                                (without_network_ ? "unshare --user --map-root-user --net " : "") +
                                GANTRY_PROGRAM " " + arguments + " </dev/null >out.txt 2>err.txt";
    Outcome outcome;
    const int status = std::system(command.c_str());
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    outcome.out = read_file(in("out.txt"));
    outcome.err = read_file(in("err.txt"));
    return outcome;
  }
  static Outcome good(const std::string& arguments) {
    Outcome outcome = gantry(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << arguments << "\n" << outcome.err;
    return outcome;
  }
  static void expect_error(const std::string& arguments, const std::string& code,
                           const std::string& words) {
    Outcome outcome = gantry(arguments);
    EXPECT_EQ(outcome.exit_code, 1) << arguments << "\n" << outcome.err;
    EXPECT_NE(outcome.err.find(code), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
  }
  // A study of `task` with the three clinics; rc is tested.
  static void make(const std::string& name, const std::string& task,
                   const std::string& words = "") {
    good("init " + name + " --task " + task + " codes.list=mini 'split.test_sources=[\"rc\"]' " +
         words);
    const Json imported =
        good("import --study " + name + " ra.jsonl rb.jsonl rc.jsonl --json").json();
    EXPECT_EQ(imported["total"]["added"], 3 * kCasesOfClinic);
  }
  static std::string quick(const std::string& base,
                           const std::string& examples = "prompt.examples=0 ") {
    return "base=" + base +
           " train.tuning=fixed epochs=1 lora.rank=2 model.max_tokens=4096 answer_tokens=16 "
           "bootstrap=100 codes.list=mini codes.ranges= " +
           examples;
  }
  static std::vector<Json> predicted(const std::string& study, const std::string& extra = "") {
    good("predict --study " + study + " new.jsonl --out " + study + "-p.jsonl " + extra);
    std::vector<Json> out;
    std::ifstream lines(in(study + "-p.jsonl"));
    for (std::string line; std::getline(lines, line);) out.push_back(Json::parse(line));
    EXPECT_EQ(out.size(), 12u);
    return out;
  }
  // Rows of new.jsonl whose case has one diagnosis record.
  static size_t single_cases() {
    size_t n = 0;
    std::ifstream lines(in("new.jsonl"));
    for (std::string line; std::getline(lines, line);)
      n += Json::parse(line)["diagnoses"].size() == 1;
    return n;
  }

  static fs::path* folder_;
  static bool without_network_;
};
fs::path* CaseSequence::folder_ = nullptr;
bool CaseSequence::without_network_ = false;

void expect_sums_to_one(const Json& probabilities) {
  double sum = 0;
  for (const auto& p : probabilities) sum += p.get<double>();
  EXPECT_NEAR(sum, 1, 1e-9);
}

void expect_code_answer(const Json& answer) {
  ASSERT_TRUE(answer["codes"].is_array());
  ASSERT_GE(answer["codes"].size(), 1u);
  EXPECT_EQ(answer["label"], answer["codes"][0]["code"]);
  double last = 1;
  for (const Json& one : answer["codes"]) {
    EXPECT_LE(one["probability"].get<double>(), last);
    last = one["probability"];
    EXPECT_EQ(one["title"], "Title of " + one["code"].get<std::string>());  // of the list
  }
  EXPECT_EQ(answer["code_list"]["hash"].get<std::string>().size(), 64u);
}

TEST_F(CaseSequence, ModalityIsOneOfTheClosedSet) {
  make("m", "rt-modality");
  const Json trained = good("train --study m --json prompt.examples=1 " + quick("tiny", "")).json();
  EXPECT_EQ(trained["restarts"].size(), 1u);
  EXPECT_TRUE(fs::exists(in("m/runs/" + trained["run"].get<std::string>() +
                            "/model/adapter/adapter_model.safetensors")));
  EXPECT_TRUE(
      good("train --study m --json prompt.examples=1 " + quick("tiny", "")).json()["was_done"]);
  const Json tested = good("test --study m --json").json();
  EXPECT_EQ(tested["looks_at_test_set"], 1);
  const std::string page = read_file(fs::path(tested["report"].get<std::string>()));
  EXPECT_NE(page.find("Tuned against the base model as it came"), std::string::npos);
  size_t usable = 0;
  for (const Json& answer : predicted("m")) {
    if (answer.contains("error")) {
      EXPECT_NE(answer["error"].get<std::string>().find("diagnosis record"), std::string::npos);
      continue;
    }
    ++usable;
    EXPECT_TRUE(answer["probabilities"].contains(answer["label"].get<std::string>()));
    EXPECT_EQ(answer["probabilities"].size(), 4u);
    expect_sums_to_one(answer["probabilities"]);
    EXPECT_TRUE(answer["abstain"].is_boolean());
  }
  EXPECT_EQ(usable, single_cases());
}

TEST_F(CaseSequence, CodesAreOfTheList) {
  make("c", "icd10");
  good("train --study c " + quick("tiny"));
  const Json tested = good("test --study c --json").json();
  EXPECT_TRUE(
      fs::exists(fs::path(tested["folder"].get<std::string>()) / "tables/code_figures.csv"));
  for (const Json& answer : predicted("c"))
    if (!answer.contains("error")) expect_code_answer(answer);
}

TEST_F(CaseSequence, RegimenIsADraftWithFields) {
  make("r", "rt-regimen");
  good("train --study r " + quick("tiny"));
  good("test --study r --json");
  for (const Json& answer : predicted("r")) {
    if (answer.contains("error")) continue;
    EXPECT_TRUE(answer["text"].is_string());
    EXPECT_TRUE(answer["fields"].is_object());
    EXPECT_TRUE(answer["flags"].is_array());
  }
}

TEST_F(CaseSequence, AllThreeInOneAdapterOrOneEach) {
  make("all", "radonc");
  for (const char* adapters : {"one", "each"}) {
    const Json trained = good("train --study all --json train.adapters=" + std::string(adapters) +
                              " " + quick("tiny"))
                             .json();
    EXPECT_EQ(trained["restarts"].size(), std::string(adapters) == "one" ? 1u : 3u);
    good("test --study all");
    fs::remove(in("all-p.jsonl"));
    for (const Json& answer : predicted("all")) {
      if (answer.contains("error")) continue;
      EXPECT_EQ(answer["label"], answer["modality"]["label"]);
      EXPECT_EQ(answer["code"], answer["icd10"]["label"]);
      EXPECT_EQ(answer["text"], answer["regimen"]["text"]);
      expect_sums_to_one(answer["modality"]["probabilities"]);
      expect_code_answer(answer["icd10"]);
    }
  }
  good("report --study all");
}

// An answer must not depend on plans and answers that happen to be there, nor on its neighbours.
TEST_F(CaseSequence, AnswersDependOnTheDiagnosisAlone) {
  make("alone", "radonc");
  good("train --study alone " + quick("none"));
  const std::vector<Json> bare = predicted("alone");
  good("predict --study alone rc.jsonl --out full.jsonl");
  std::ifstream lines(in("full.jsonl"));
  std::string line;
  for (size_t i = 0; i < bare.size() && std::getline(lines, line); ++i) {
    Json full = Json::parse(line), alone = bare[i];
    for (Json* answer : {&full, &alone}) {
      answer->erase("ms");
      answer->erase("source");
    }
    EXPECT_EQ(full, alone);
  }
  good("predict --study alone new.jsonl --out alone.csv");
  EXPECT_TRUE(read_file(in("alone.csv")).starts_with("id,source,text_hash,regimen_text,"));
}

TEST_F(CaseSequence, RankersAloneServeEveryQuestion) {
  make("n", "radonc");
  const Json trained = good("train --study n --json " + quick("none")).json();
  EXPECT_EQ(trained["restarts"].size(), 0u);
  EXPECT_EQ(trained["questions"].size(), 3u);
  const Json tested = good("test --study n --json").json();
  EXPECT_TRUE(fs::exists(fs::path(tested["folder"].get<std::string>()) / "tables/text_fields.csv"));
}

TEST_F(CaseSequence, BadInputIsSaid) {
  make("bad", "icd10");
  expect_error("train --study bad base=none codes.list=nowhere", "E0422", "nowhere");
  expect_error("train --study bad 'prompt.record=Diagnosis' " + quick("tiny"), "E0505", "{text}");
  expect_error("train --study bad 'prompt.record={text} {stage}' " + quick("tiny"), "E0349",
               "stage");
  expect_error("train --study bad ensemble.members=all runs=2 " + quick("tiny"), "E0724", "best");
  expect_error("train --study bad lora.rank=0 base=tiny codes.list=mini codes.ranges=", "E0724",
               "rank");
}

TEST_F(CaseSequence, CasesThatDoNotFitAreRefusedOrShortened) {
  make("long", "rt-modality");
  good("train --study long " + quick("tiny") + " max_tokens=700");
  Json record, row;
  record["text"] = std::string(3000, 'x');
  row["case_id"] = "L";
  row["diagnoses"] = Json::array({record});
  write_file_atomically(in("long.jsonl"), row.dump() + "\n");
  EXPECT_EQ(gantry("predict --study long long.jsonl --out long-p.jsonl").exit_code,
            1);  // no answer at all
  EXPECT_TRUE(Json::parse(read_file(in("long-p.jsonl"))).contains("error"));
  good("train --study long prompt.too_long=shorten " + quick("tiny") + " max_tokens=700");
  good("predict --study long long.jsonl --out short-p.jsonl");
  const Json answer = Json::parse(read_file(in("short-p.jsonl")));
  EXPECT_EQ(answer["truncated"], true);
  EXPECT_GT(answer["tokens_taken_out"], 2000);
}

}  // namespace
}  // namespace gantry
