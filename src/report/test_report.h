// TestReport: everything a test has to tell, as plain data. workflow/ fills it, this folder writes
// it as metrics.json, CSV tables, SVG plots and report.html. No figure is computed while writing
// but for layout.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "report/report_section.h"
#include "stats/abstention.h"
#include "stats/evaluation.h"

namespace gantry {

// A classifier on the test set: the study's model, or a baseline beside it.
struct TestedClassifier {
  std::string name;         // "Gantry (multilingual-e5-small, 3 restarts averaged)"
  std::string description;  // one sentence for the reader
  bool is_model = false;    // the study's model; false: a baseline
  Evaluation evaluation;
  double seconds = 0;       // for the whole test set, loading included; 0: not timed
  double seconds_load = 0;  // of which loading
};

// The model against one baseline on the same cases.
struct BaselineComparison {
  std::string baseline;
  int64_t model_only_right = 0, baseline_only_right = 0, both_right = 0, both_wrong = 0;
  double mcnemar_p = 1;  // exact, two-sided
  Estimate macro_f1_difference,
      accuracy_difference;  // model - baseline, paired bootstrap over patients
};

struct RestartCurve {
  int restart = 0;
  uint64_t seed = 0;
  int best_epoch = 0;  // from 1
  bool chosen = false;
  std::string tuned_on;  // "tuning set", "fold 2 of 5"
  std::vector<double> training_loss, tuning_loss, accuracy, macro_f1;  // one an epoch
  double best_accuracy = 0, best_macro_f1 = 0;
};

// What each step of the recipe brought, on the tuning cases.
struct RecipeStep {
  std::string name;
  Estimate accuracy, macro_f1;
};

// A word or piece of a text and how much it spoke for the answer given; weights are scaled to -1
// .. 1.
struct WeighedSpan {
  size_t begin = 0, end = 0;  // bytes of `model_text`
  double weight = 0;
};

// A case of the training set whose text is like this one's.
struct Neighbour {
  std::string id, source, text;
  int label = -1;
  double similarity = 0;  // cosine of the TF-IDF vectors of what the baseline reads
  std::string answer;     // where the question's answer is no group: its reference answer
};

struct TestedCase {
  std::string id, patient, source, date;
  std::string original;    // whole report
  std::string model_text;  // what the model read
  int truth = -1, predicted = -1;
  std::vector<double> probability;
  bool abstained = false;
  int64_t tokens = 0, windows = 1;
  std::vector<int>
      baseline_predicted;  // one a baseline, in the order of `classifiers` behind the model
  std::vector<WeighedSpan> weighed;                         // failures only
  std::vector<std::pair<std::string, std::string>> fields;  // sex, age, modality, ...
  // Other figures of this one case ("rouge1", "exact"), for paired comparisons of runs and arms.
  std::vector<std::pair<std::string, double>> scores;
  std::vector<Neighbour> neighbours;  // failures only, the nearest first
};

// A test case whose answer, a code or a text, is not right. Groups have their own (TestedCase).
struct AnswerFailure {
  std::string question;  // as in Words of `questions`: "code", "text"
  std::string id, source, date;
  std::string original, model_text;  // whole report, and what the model read
  std::string truth, answer;         // with titles, for people
  double confidence = 0;             // probability of the answer
  bool held = false;
  std::vector<std::pair<std::string, double>> others;           // next answers, probabilities
  std::vector<std::pair<std::string, std::string>> other_arms;  // name, answer
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<WeighedSpan> weighed;
  std::vector<Neighbour> neighbours;
};

// What each test case scored with the study's model in codes or texts, for comparing runs.
struct AnswerScores {
  std::string question, score;               // "code", "right"
  std::vector<std::string> cases, patients;  // "source/id"; patient keys
  std::vector<double> values;                // [cases]
};

// Test cases answered again: what stayed the same.
struct RepeatedAnswers {
  std::string question;              // "group", "code", "text"
  std::string how;                   // "same settings", "drawn at temperature 0.7, ..."
  int64_t times = 0;                 // further times
  int64_t cases = 0, differing = 0;  // differing: another answer in at least one repeat
  double largest_change = 0;         // of the probability of the answer, over cases and repeats
  std::string score;                 // what `scores` are: "right", "ROUGE-1 F1"
  double as_tested = 0;              // mean score of these cases as they were tested
  std::vector<double> scores;        // of each repeat
};

// A person's readings of the test set, in the order of `cases`.
struct ReaderReadings {
  std::string reader;
  std::vector<int> label;       // -1: not read; never filled in
  std::vector<double> seconds;  // -1: not timed
};

// The non-inferiority margin as it stood in study.toml when a verb first saw it.
struct MarginDeclaration {
  double margin = 0;
  std::string at;     // UTC, ISO 8601
  int64_t looks = 0;  // times the test set had been opened by then
};

// A clinician's grade of one answer.
struct Rating {
  std::string rater, item, arm;  // item: the case
  int grade = 0;                 // index into the scale
  std::string comment;
};
struct Ratings {
  std::vector<std::string> scale;   // worst first
  std::vector<uint8_t> acceptable;  // one a grade
  std::vector<Rating> ratings;
  int64_t items = 0;               // cases on the sheet, where it is known; else those rated
  std::vector<std::string> notes;  // rows set aside, grades missing, ...
};

struct FlowBox {  // one step of the data-flow diagram
  std::string text;
  int64_t kept_reports = 0, kept_patients = 0, dropped_reports = 0, dropped_patients = 0;
};

struct SetBox {
  std::string name;  // "training", "tuning", "test"
  int64_t reports = 0, patients = 0;
  std::vector<int64_t> per_group;         // in the order of `labels`
  std::vector<int64_t> per_group_before;  // before under-sampling
};

struct TestReport {
  std::string study, task, title, title_ja, question, question_ja,
      source;                              // source: the published study followed, or ""
  bool synthetic = false;                  // said on every page
  std::string data_note;                   // what the data are, in the words of study.toml
  std::string run;                         // run id
  std::string tested_at;                   // UTC, ISO 8601
  int64_t looks = 1;                       // times the test set was opened, this one included
  std::vector<std::string> earlier_looks;  // "2026-11-26T02:10:11Z run-1a2b3c4d"

  std::vector<std::string> labels, label_names, label_names_ja;  // values as in the data; names
  std::vector<FlowBox> flow;
  std::vector<SetBox> sets;
  std::string split_method, split_proof;  // "by source", "0 patients in two sets, ..."
  std::vector<std::string> notes;         // remarks worth reading: cases set aside, drops, ...

  std::vector<TestedClassifier> classifiers;  // the model first, then the baselines
  std::vector<BaselineComparison> comparisons;
  std::vector<RestartCurve> restarts;
  std::vector<RecipeStep> recipe;
  std::string recipe_cases;  // which cases the recipe's figures stand on

  double temperature = 1;
  AbstentionThreshold abstention;  // chosen on the tuning cases
  std::string abstention_note;
  Estimate answered_accuracy, coverage;  // of the test cases above the threshold
  int64_t windowed_cases = 0;            // longer than the model: read in windows, none cut

  std::vector<TestedCase> cases;
  std::vector<AnswerFailure> answer_failures;
  int64_t answers_judged = 0;  // of codes and texts together: right or a failure
  std::vector<AnswerScores> answer_scores;
  std::string weighed_by;  // how the words were weighed: "gradient x input of the first member"
  double bootstrap_samples = 0;

  double training_seconds = 0, useful_tokens_per_second = 0, percent_of_ceiling = 0;
  int64_t peak_memory_bytes = 0;
  std::vector<std::pair<std::string, std::string>>
      identity;  // data hash, split hash, weights hash, ...

  // How an answer is made, exactly: input, prompt, decoding. Shown and used by the checklists.
  std::vector<std::pair<std::string, std::string>> answering;
  std::vector<RepeatedAnswers> repeated;

  std::vector<ReaderReadings> readers;
  std::vector<std::string> reader_notes;   // what was set aside
  std::vector<MarginDeclaration> margins;  // oldest first; empty: none declared
  Ratings ratings;

  // Further parts of the report, in this order behind the results: a task's own figures. The
  // classifier's parts (tables of groups, calibration, failures) are left out where `classifiers`
  // is empty.
  std::vector<ReportSection> sections;
  // What a reader must see first, above all figures: a model that does not beat a baseline.
  std::vector<ReportParagraph> first_lines;
};

}  // namespace gantry
