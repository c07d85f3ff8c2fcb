// study.toml as typed values. Layers, each over the one before: the defaults written here, the task
// file (tasks/NAME.toml), the study's own study.toml, and `key=value` words after a verb. One table
// (settings_table.cc) names every key with its range and its sentence; the parser, the commented
// study.toml of `gantry init` and docs/study.md are all made from it.
//
//   Settings s;  // the defaults
//   read_settings_file(s, "study.toml", SettingsFile::kStudy);
//   override_setting(s, "runs=3");            // short names where they are unambiguous
//   override_setting(s, "split.test_sources=[\"hk\"]");
//   check_settings(s);
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry {

// Keep reports whose column holds one of the values (or, in where_not, drop them).
struct FieldFilter {
  std::string column;
  std::vector<std::string> values;
};

// "none", "balanced" (every group as small as the smallest), or a fraction to keep per group.
struct SamplingRule {
  std::string word = "none";               // | "balanced" | "fractions"
  std::map<std::string, double> fraction;  // label value -> (0, 1]; others are kept whole
};

struct ClassWeights {
  std::string word = "none";   // | "balanced" (inverse to the group's size) | "list"
  std::vector<double> weight;  // one a label, in their order, when word is "list"
};

struct Settings {
  struct Study {
    std::string name;                      // shown in the report
    std::string task = "bone-metastasis";  // or "task.toml" in the study's folder
    bool synthetic = false;                // the data are made up: said on every page of the report
    std::string data_note;                 // what the data are, for the report's readers
    // What is asked of a case: "closed-set" (labels.values), "codes" (codes.list), "text". One
    // question of each kind at most; the task file sets it by [task] answers.
    std::vector<std::string> answers = {"closed-set"};
    bool asks(std::string_view kind) const;
  } study;

  // Which column of the data holds what: candidates, the first one present wins; empty: none.
  struct Columns {
    std::vector<std::string> id, patient, source, date, label, text;
    std::vector<std::string> indication, findings, diagnosis;
    std::vector<std::string> diagnoses, plans;  // lists of {text, icd10} and {text, primary}
    std::vector<std::string> code, answer;      // reference code and free text
    std::string encoding = "auto";              // of imported files
  } columns;

  // The groups of a closed set, in the order of the model's outputs.
  struct Labels {
    std::vector<std::string> values;    // as they stand in the data
    std::vector<std::string> names;     // in English, one a value
    std::vector<std::string> names_ja;  // in Japanese, one a value or none
  } labels;

  // The codes that may be answered.
  struct Codes {
    std::string list;                               // as in `gantry codes list`
    std::string ranges = "C00-D49";                 // of it; "": the whole list
    bool billable_only = true;                      // leaves of the edition
    std::string replaced = "icd10cm-replaced.tsv";  // data file: a case's old code read as
    int64_t ranked = 5;                             // codes an answer holds
    int64_t candidates = 50;                        // of the ranker, that a model is asked about
    std::string concepts = "icd10-concepts.tsv";    // data file of the ranker; "": n-grams rank
  } codes;

  // How a free-text answer is read into fields, where it is a radiotherapy regimen.
  struct Regimen {
    std::string terms;                     // data file of its words; "": the text has no fields
    std::string rouge_tokens = "english";  // | "characters" | "morphemes": what ROUGE counts
  } regimen;

  // What a language model is told. A template may hold {text}, the case's text, and {NAME}, the
  // column of that name. The instruction comes first and is the same for every case; the question
  // of each kind of answer comes behind the case.
  struct Prompt {
    std::string chat = "auto";  // | "none" | a template's name (text/chat_template.h)
    std::string instruction;
    std::string record = "{text}";
    std::string closed_set, codes, text;  // the questions
    std::string too_long = "refuse";      // | "shorten": a case that does not fit the context
    int64_t candidates = 3;               // that {candidates} shows
    int64_t examples = 4;                 // of the few-shot arm of a test; 0: no such arm
  } prompt;

  struct Sections {
    std::vector<std::string> use = {"whole"};  // in the order of the model's text; "whole": all
    std::vector<std::string> tags;             // before each used section: none, or one a section
    std::string joiner = "\n";                 // between sections
    std::vector<std::string> required;         // without one of these, `missing` applies
    std::string missing = "whole-text";        // | "set-aside"
    std::vector<std::string> fields;           // columns put before the sections, "name: value"
    std::string wording;  // a data file that folds abbreviations into the usual wording; "": none
  } sections;

  // What the question is about: `SECTION.focus` in sections.use and tfidf.blocks stands for the
  // clauses of a section that hold the pattern, `SECTION.other` for its other clauses.
  struct Focus {
    std::string pattern;   // PCRE2; "": there is no focus
    std::string concepts;  // a data file: `PART.concepts` is then what it finds in a part; "": none
  } focus;

  struct Cohort {
    std::vector<std::string> keywords_any, keywords_all, keywords_none;
    std::vector<std::string> keyword_sections = {"whole"};
    std::string from, to;  // YYYY-MM-DD, inclusive; "": open
    std::vector<FieldFilter> where, where_not;
    std::string diagnoses = "any";    // | "one": diagnosis records a case has
    std::string plan = "any";         // | "one-primary": exactly one plan is the primary one
    int64_t min_characters = 1;       // of the model's text, white space not counted
    std::string per_patient = "all";  // | "first" | "last"
  } cohort;

  struct Split {
    std::string method = "auto";  // | "date" | "source" | "share"
    std::string training_from, training_to, tuning_from, tuning_to, test_from, test_to;
    std::vector<std::string> test_sources, tuning_sources;
    double training_share = 0.70, tuning_share = 0.15, test_share = 0.15;
    int64_t seed = 1;
    bool patients_shared_between_sources = true;
    std::string patient_overlap = "drop_from_training";  // | "refuse"
    std::string near_identical = "drop_from_training";   // | "refuse"
    double near_identical_threshold = 0.9;               // Jaccard over character n-grams
    int64_t near_identical_ngram = 5;
    std::string near_identical_of = "report";  // | "model-text"
  } split;

  struct Sampling {
    SamplingRule training, tuning, test;
    int64_t training_max_per_group = 0, test_max_per_group = 0;  // 0: no limit
    int64_t seed = 1;
  } sampling;

  struct Model {
    std::string base = "multilingual-e5-small";  // a name on the shelf or a folder
    std::string precision = "auto";              // | "bf16" | "fp32"
    int64_t max_tokens = 512;                    // of a window; at most the base's own limit
    std::string long_texts = "windows";          // | "refuse"
    int64_t window_overlap = 64;                 // tokens
    std::string window_pooling = "mean";         // | "max": of the windows' logits
    std::string pooling = "auto";                // | "mean" | "first": auto is what the base names
    bool pooler = false;                         // the architecture's own dense + tanh
    std::string base_weights =
        "auto";                   // | "fp32" | "bf16" | "int8" | "nf4": a decoder's frozen weights
    int64_t answer_tokens = 160;  // most tokens of a free-text answer
    int64_t beams = 4;            // of a free-text answer; 1: greedy
    int64_t code_beams = 8;       // of the search over the code list
  } model;

  struct Lora {
    int64_t rank = 0;  // 0: full fine-tuning
    double alpha = 16, dropout = 0;
    bool rslora = false;                          // scale alpha / sqrt(rank)
    std::vector<std::string> targets = {"auto"};  // encoders: query, value; decoders: all seven
  } lora;

  struct Train {
    int64_t runs = 3;  // restarts
    int64_t seed = 1;
    std::string metric = "macro_f1";  // | "accuracy" | "loss": chooses epoch and restart
    std::string tuning = "fixed";     // | "rotate": restart r is tuned on fold r
    int64_t folds = 5;                // of training + tuning, for "rotate"
    std::string fold_by = "auto";     // | "patient" | "source"
    int64_t epochs = 8;
    int64_t patience = 0;  // epochs without gain before a restart stops; 0: never
    int64_t batch_reports = 16;
    bool even_steps = false;  // steps of like token count
    double learning_rate = 1e-4;
    double head_learning_rate = 0;    // 0: as learning_rate
    std::string schedule = "linear";  // | "cosine" | "constant", after the warm-up
    double warmup = 0.1;              // share of the steps
    double layer_decay = 1;           // rate of layer l is rate * layer_decay^(layers - l)
    double weight_decay = 0.01, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    double clip_norm = 1;  // 0: off
    double dropout = 0.1, attention_dropout = 0.1, head_dropout = 0.1;
    ClassWeights class_weights;
    double label_smoothing = 0;
    bool freeze_embeddings = false;
    std::string averaging = "none";  // | "ema" | "last_epochs"
    double ema_decay = 0.99;
    int64_t averaged_epochs = 3;
    std::string adapters = "one";  // | "each": one adapter for all questions, or one for each
    std::string answer_weight = "token";  // | "answer": what weighs alike in a decoder's loss
    int64_t step_tokens = 0;  // a decoder's step, in tokens; 0: train.batch_reports cases
    bool recompute = false;   // a decoder's activations are computed again in backward
  } train;

  // Continued masked-language pretraining on the study's own reports before the restarts.
  struct Pretrain {
    int64_t passes = 0;  // 0: off
    double rate = 5e-5;
    double mask_share = 0.15;
    std::string text = "whole";  // | "model-text"
  } pretrain;

  struct Ensemble {
    std::string members = "best";   // | "all": the probabilities of all restarts averaged
    bool tfidf = false;             // TF-IDF + logistic regression as one more member
    std::string weights = "equal";  // | "tuned": the TF-IDF member's weight, on the tuning set
  } ensemble;

  struct Tfidf {                                    // the baseline, and the ensemble's member
    std::vector<std::string> baseline = {"whole"};  // sections that the baseline reads, as one text
    // Sections that the member reads, each with features of its own; a number before a name is the
    // block's weight (see tfidf_block). None: as the baseline.
    std::vector<std::string> blocks;
    int64_t ngram_min = 1, ngram_max = 5;
    int64_t min_reports = 2;
    double c = 0;  // inverse strength of the L2 penalty; 0: chosen on the tuning set
  } tfidf;

  struct Test {
    int64_t bootstrap = 2000;  // resamples, over patients
    int64_t seed = 1;
    double confidence = 0.95;
    std::string interval = "wilson";  // | "clopper-pearson": of proportions
    double margin = 0;                // of non-inferiority to readers; 0: none declared
    int64_t repeats = 1;              // times the test set is answered again
    int64_t repeat_cases = 30;        // ... at most so many of its cases by an answerer; 0: all
    int64_t draws = 0;                // times that texts are also drawn by chance
    double draw_temperature = 0.7;    // ... at this temperature
    int64_t occluded = 20;            // failures of a question whose clauses are left out in turn
    bool robustness = false;          // also answer the test set changed in known ways
  } test;

  struct Ratings {  // clinicians' grades of answers, worst first
    std::vector<std::string> scale = {"not acceptable", "acceptable with changes", "acceptable"};
    std::vector<std::string> acceptable = {"acceptable with changes", "acceptable"};
  } ratings;

  struct Predict {
    double error_rate = 0.02;             // among answers given; above it the model abstains
    std::string abstention = "observed";  // | "upper-bound": how the rate is held on the tuning set
    std::string precision = "auto";       // | "fp32" | "bf16" | "int8"
    std::string activations = "int8";     // | "int16" | "exact": beside matrices of 4 to 8 bits
  } predict;

  struct Machine {
    int64_t threads = 0;  // 0: one a physical core
  } machine;
};

// Reads one TOML layer into `settings`; keys not in it keep their value. A task file also holds the
// table [task], which task.h reads. Errors, each with file and line: E0501 not TOML; E0502 unknown
// key, naming the nearest known one; E0503 wrong type or out of range; E0101.
enum class SettingsFile { kTask, kStudy };
void read_settings_file(Settings& settings, const std::filesystem::path& path, SettingsFile kind);
void read_settings_text(Settings& settings, std::string_view toml, const std::string& file_name,
                        SettingsFile kind);

// One word from the command line, "runs=3" or "split.test_sources=[\"hk\"]". The key may be given
// by its last part where that is unambiguous. Text may be given without quotes, a list of text as
// hk,hj. Errors E0502, E0503, E0504 (no "=", or a short name of several settings).
void override_setting(Settings& settings, std::string_view word);

// What no single key shows: shares that do not add up, names without values, a date window turned
// round, a tag list of another length. Error E0505.
void check_settings(const Settings& settings);

// An entry of tfidf.blocks: "0.5 diagnosis.focus.concepts". Error E0505: the number is not above 0.
struct TfidfBlock {
  double weight = 1;
  std::string part;
};
TfidfBlock tfidf_block(std::string_view entry);

// All settings as JSON, in the table's order; of some sections only, when named ("cohort",
// "split").
nlohmann::ordered_json settings_json(const Settings& settings,
                                     std::span<const std::string_view> sections = {});
// SHA-256 over settings_json().
std::string settings_hash(const Settings& settings,
                          std::span<const std::string_view> sections = {});

// A commented study.toml: the settings a study usually touches as they stand, every other one as a
// comment with its default.
std::string commented_study_toml(const Settings& settings);

// docs/study.md: every setting with its default, the tasks' own defaults, and its meaning.
std::string settings_document(std::span<const std::pair<std::string, Settings>> tasks);

}  // namespace gantry
