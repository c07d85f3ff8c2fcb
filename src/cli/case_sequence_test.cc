// The verbs on radiation-oncology cases, run as a user runs them: each task, with a small random
// decoder made here, and without a language model; in a namespace without network where the machine
// allows one.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "cli/program_test.h"
#include "text/test_byte_tokenizer.h"
#include "weights/safetensors.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int kCasesOfClinic = 22;
constexpr int64_t kHidden = 32, kHeads = 4, kKvHeads = 2, kMlp = 48, kLayers = 2, kVocabulary = 259;

// Byte-level BPE without merges: one token a byte, in GPT-2's letters, and ChatML's two.
void write_tokenizer(const fs::path& folder) {
  Json vocabulary = Json::object(), special = Json::array();
  for (int byte = 0; byte < 256; ++byte) vocabulary[byte_letter(byte)] = byte;
  int id = 256;
  for (const char* token : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"})
    special.push_back(special_token(id++, token));
  write_file_atomically(folder / "tokenizer.json",
                        byte_level_tokenizer(special, vocabulary, Json::array()));
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

class CaseSequence : public ProgramSequence {
 protected:
  static void SetUpTestSuite() {
    ProgramSequence::SetUpTestSuite();
    write_decoder(in("shelf/tiny"));
    write_corpus();
  }

  // The first cases of three clinics, a code list that holds their codes, and cases to answer
  // without plans and answers.
  static void write_corpus() {
    std::set<std::string> codes = {"C00.0", "C61", "C64.9", "D48.9"};
    std::string to_answer;
    for (const char* clinic : {"ra", "rb", "rc"}) {
      std::ifstream lines(Program::source() / "corpora/radiation-oncology" /
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
};

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

// What a task needs is asked of the model's interface, not of its kind.
TEST_F(CaseSequence, AnEncoderAnswersModalityAndCodes) {
  const std::string encoder =
      "base=small train.tuning=fixed epochs=1 lora.rank=0 model.max_tokens=128 window_overlap=16 "
      "bootstrap=100 codes.list=mini codes.ranges= ";
  program_->shelve_small_encoder();
  for (const char* task : {"rt-modality", "icd10"}) {
    SCOPED_TRACE(task);
    const std::string study = std::string("enc-") + task;
    make(study, task);
    good("train --study " + study + " " + encoder);
    const Json tested = good("test --study " + study + " --json").json();
    EXPECT_TRUE(fs::exists(fs::path(tested["report"].get<std::string>())));
    size_t usable = 0;
    for (const Json& answer : predicted(study)) {
      if (answer.contains("error")) continue;
      ++usable;
      if (study == "enc-icd10") {
        expect_code_answer(answer);
      } else {
        expect_sums_to_one(answer["probabilities"]);
      }
    }
    EXPECT_EQ(usable, single_cases());
  }
  make("enc-all", "radonc");
  expect_error("train --study enc-all " + encoder, "E0724", "free text");
}

TEST_F(CaseSequence, ADecoderLearnsBoneMetastasis) {
  std::string some;
  for (const char* hospital : {"ha", "hb", "hc"}) {
    std::ifstream lines(Program::reports(hospital));
    std::string line;
    for (int i = 0; i < 25 && std::getline(lines, line); ++i) some += line + "\n";
  }
  program_->write("bone.jsonl", some);
  good("init bone --task bone-metastasis");
  good("import --study bone bone.jsonl");
  expect_error("train --study bone base=tiny", "E0724", "lora.rank");
  good(
      "train --study bone base=tiny lora.rank=2 runs=1 epochs=1 train.tuning=fixed "
      "prompt.examples=0 model.max_tokens=4096 bootstrap=100");
  const Json tested = good("test --study bone --json").json();
  EXPECT_TRUE(fs::exists(fs::path(tested["report"].get<std::string>())));
  good("predict --study bone bone.jsonl --out bone-p.jsonl");
  std::ifstream lines(in("bone-p.jsonl"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const Json answer = Json::parse(line);
    EXPECT_TRUE(answer["label"].is_number_integer());
    EXPECT_EQ(answer["probabilities"].size(), 3u);
    expect_sums_to_one(answer["probabilities"]);
  }
  EXPECT_EQ(count, 75);
  expect_error("model export --study bone exported", "E0752", "gantry model merge tiny ");
}

// Killed in its first steps, later, and behind the first of two restarts, whose adapter lies there
// by then.
TEST_F(CaseSequence, ATrainingKilledThreeTimesGoesOnToTheSameBits) {
  const std::string how = " " + quick("tiny") + " epochs=8 runs=2";
  const auto adapter_of = [&](const std::string& study) {
    const std::string run = std::string(trim(read_file(in(study + "/runs/latest"))));
    return read_file(in(study + "/runs/" + run + "/model/adapter/adapter_model.safetensors"));
  };
  make("whole", "rt-modality");
  make("cut", "rt-modality");
  good("train --study whole" + how);
  for (const char* delay : {"0.4", "0.9"})
    program_->shell("$gantry --quiet train --study cut" + how + " & pid=$!; sleep " + delay +
                    "; kill -9 $pid; wait $pid; true");
  program_->shell("$gantry --quiet train --study cut" + how +
                  " & pid=$!; until [ -d cut/runs/run-*/adapters/adapter-0 ] || ! kill -0 $pid; do "
                  "sleep 0.01; done; kill -9 $pid; wait $pid; true");
  good("train --study cut" + how);
  EXPECT_EQ(adapter_of("cut"), adapter_of("whole"));
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

// A copy of the tiny decoder on the shelf with one of its files changed.
class DamagedDecoder : public CaseSequence {
 protected:
  static std::string copy(const std::string& name) {
    fs::copy(in("shelf/tiny"), in("shelf/" + name));
    return "shelf/" + name + "/";
  }
  static void change(const std::string& file, const std::string& from, const std::string& to) {
    std::string bytes = read_file(in(file));
    ASSERT_NE(bytes.find(from), std::string::npos) << from;
    bytes.replace(bytes.find(from), from.size(), to);
    write_file_atomically(in(file), bytes);
  }
  static void refused(const std::string& model, const std::string& code, const std::string& words) {
    expect_error("generate " + model + " --prompt a", code, words);
  }
};

TEST_F(DamagedDecoder, FoldersAreNamedWithTheirFault) {
  const std::string weights = copy("cut") + "model.safetensors";
  fs::resize_file(in(weights), fs::file_size(in(weights)) - 50);
  refused("cut", "E0401", "model.norm.weight");
  change(copy("wide") + "config.json", "\"intermediate_size\":48", "\"intermediate_size\":64");
  refused("wide", "E0414", "mlp.gate_proj.weight is [48, 32], not [64, 32]");
  change(copy("deep") + "config.json", "\"num_hidden_layers\":2", "\"num_hidden_layers\":3");
  refused("deep", "E0414", "model.layers.2.input_layernorm.weight is missing");
  fs::copy_file(Program::source() / "tests/data/tokenizers/unigram/tokenizer.json",
                in(copy("foreign") + "tokenizer.json"), fs::copy_options::overwrite_existing);
  refused("foreign", "E0330", "vocabulary");
  expect_error("generate tiny --prompt a --cache-tokens 900000000000", "E0762", "it fits");
}

TEST_F(DamagedDecoder, GgufFilesAreNamedWithTheirFault) {
  good("model export whole.gguf --gguf f16 --model tiny");
  good("generate whole.gguf --prompt a --max-tokens 2");
  const std::string whole = read_file(in("whole.gguf"));
  write_file_atomically(in("cut.gguf"), whole.substr(0, whole.size() - 100));
  refused("cut.gguf", "E0441", "output_norm.weight");
  std::string hostile = whole;
  hostile[15] = 0x10;  // the number of tensors, 2^60 of them
  write_file_atomically(in("hostile.gguf"), hostile);
  refused("hostile.gguf", "E0441", "hostile.gguf");
  std::string unknown = whole;
  const size_t name = unknown.find("blk.0.attn_q.weight");
  const size_t type = name + std::string("blk.0.attn_q.weight").size() + 4 + 2 * 8;
  unknown[type] = static_cast<char>(250);
  write_file_atomically(in("unknown.gguf"), unknown);
  refused("unknown.gguf", "E0442", "ggml type 250");
}

TEST_F(DamagedDecoder, AnAdapterKnowsItsBase) {
  make("own", "rt-modality");
  good("train --study own " + quick("tiny"));
  const std::string run(trim(read_file(in("own/runs/latest"))));
  const std::string adapter = "own/runs/" + run + "/model/adapter";
  good("generate tiny --adapter " + adapter + " --prompt a --max-tokens 2");
  const std::string weights = copy("other") + "model.safetensors";
  std::string bytes = read_file(in(weights));
  bytes[bytes.size() - 3] ^= 1;
  write_file_atomically(in(weights), bytes);
  expect_error("generate other --adapter " + adapter + " --prompt a", "E0434", "other");
  fs::copy(in(weights), in("shelf/tiny/model.safetensors"), fs::copy_options::overwrite_existing);
  expect_error("predict --study own new.jsonl --out own-p.jsonl", "E0725", "weights");
  write_decoder(in("shelf/tiny"));
}

TEST_F(CaseSequence, LabelsAndCodesThatCannotBeUsed) {
  good("init labels --task rt-modality");
  std::string cases = read_file(in("ra.jsonl"));
  const std::string label = "\"modality\": \"photon\"";
  ASSERT_NE(cases.find(label), std::string::npos);
  cases.replace(cases.find(label), label.size(), "\"modality\": \"carbon\"");
  write_file_atomically(in("carbon.jsonl"), cases);
  const Json imported = good("import --study labels carbon.jsonl --json").json();
  EXPECT_EQ(imported["total"]["rejected"], 1);
  EXPECT_NE(good("records --study labels --rejected").out.find("carbon"), std::string::npos);
  write_file_atomically(in("twice.tsv"), "code\ttitle\nC61\ta\nC64.9\tb\nC61\tc\n");
  expect_error("codes import twice.tsv --name twice", "E0371",
               "C61 stands at line 2 and at line 4");
}

TEST_F(CaseSequence, CasesThatDoNotFitAreRefusedOrShortened) {
  make("long", "rt-modality");
  good("train --study long " + quick("tiny") + " max_tokens=700");
  Json record, row;
  record["text"] = std::string(3000, 'x');
  row["case_id"] = "L";
  row["diagnoses"] = Json::array({record});
  write_file_atomically(in("long.jsonl"), row.dump() + "\n");
  EXPECT_EQ(program_->run("predict --study long long.jsonl --out long-p.jsonl").exit_code,
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
