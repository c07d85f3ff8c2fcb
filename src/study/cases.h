// Cases: what is left of the records for training and testing. A record's sections are cut, the
// model's text is made of them, the cohort rules keep or drop it, the split deals it to a set, and
// under-sampling may take it out again. Everything dropped is counted and can be listed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "study/settings.h"
#include "study/study.h"

namespace gantry {

struct Record;
class OpenReport;
class SectionTable;
class Store;

enum class CaseSet : int8_t {
  kNone,  // dropped by the cohort, or by under-sampling
  kTraining,
  kTuning,
  kTest,
  kUnlabelled  // without a label, and of no patient, source, date or text of tuning or test
};
std::string_view set_name(CaseSet set);  // "training"

struct Case {
  std::string id, source;
  std::string patient;  // key of the patient: the id, with the source before it where ids are not
                        // shared between sources; the report's own key where none is given
  bool patient_known = true;
  std::string date;  // YYYY-MM-DD or ""
  std::string text;  // what the model reads: NFKC, white space cleaned, tags and joiners in it
  std::string baseline_text;  // what the TF-IDF baseline reads (tfidf.baseline)
  std::string blocks_text;    // what the ensemble's TF-IDF member reads: tfidf.blocks, parted by
                              // kBlockSeparator (text/block_tfidf.h)
  std::string original;       // the whole report as it came
  std::vector<std::string> sections;  // bodies of settings.sections.use, in order, as they came
  std::vector<std::string> missing_sections;  // wanted but not found
  bool whole_text_used = false;               // because a required section is missing
  std::string answer;                         // the label as in the data; "" none
  int label = -1;                             // index into settings.labels.values, or -1
  std::string code_given;                     // reference code as in the data; "" none
  std::string code;       // ... as the study's list reads it; "" none, or not in the list
  std::string code_note;  // how it was read, where that is not as it stands
  std::string free_text;  // reference answer in free text; "" none
  std::string similar;    // for prompts with {similar}: the text of the training case most alike
  // For prompts with {candidates}: what a ranker of other cases answers, best first.
  std::string candidate_labels, candidate_codes;
  CaseSet set = CaseSet::kNone;
  int fold = -1;                 // of training + tuning, 0 ... folds-1
  double sampling_fraction = 1;  // share of this case's group in its set that was kept
  std::string dropped_at;        // the step of the flow that dropped it ("keywords"), or ""
  std::string dropped;           // why, for people
  std::string hash;              // of the record
  std::string fields_json;       // all other columns
};

// One step of the data-flow diagram.
struct FlowStep {
  std::string step;  // "keyword", "split", ...: stable, for programs
  std::string text;  // "holds one of: 転移"
  int64_t kept_reports = 0, kept_patients = 0;
  int64_t dropped_reports = 0, dropped_patients = 0;  // patients left without any report
};

// What was proved after the split.
struct SplitCheck {
  int64_t patients_in_two_sets = 0;
  int64_t near_identical_pairs = 0;
  int64_t pairs_compared = 0;  // of texts in different sets
  std::string sentence() const;
};

// How many of the cohort's cases had each section that the model reads.
struct SectionCounts {
  int64_t cases = 0;
  std::map<std::string, int64_t> found;  // by section
  int64_t whole_text_used = 0;
};

struct SetCounts {
  int64_t reports = 0, patients = 0;
  std::map<std::string, int64_t> per_label;         // as used
  std::map<std::string, int64_t> per_label_before;  // before under-sampling
  std::map<std::string, double> fraction;           // kept / before
};

struct Cases {
  std::vector<Case> cases;  // in (source, id) order, dropped ones left out
  std::vector<FlowStep> flow;
  std::map<std::string, SetCounts> sets;  // by set_name
  std::string method;                     // "date", "source" or "share"
  SplitCheck check;
  SectionCounts sections;
  std::string data_hash, split_hash;
  bool reused = false;             // the stored split fitted
  std::vector<std::string> notes;  // said to the user: remade, cases set aside, ids missing, ...

  std::vector<const Case*> of(CaseSet set) const;
};

// SHA-256 over the data files that a case's text depends on: the headings, and the wording and
// concept tables that the settings name ("<sha256>  <name>\n" each).
std::string text_tables_hash(const Settings& settings);

// Makes a case of a record: sections, model text, label; no set. For `predict`, where every record
// gets an answer. Thread-safe.
class CaseMaker {
 public:
  explicit CaseMaker(const Settings& settings);
  ~CaseMaker();
  // `dropped_at` is "diagnoses" when the study's cases have one diagnosis record and this one has
  // not, "sections" or "text" when settings.sections.missing is "set-aside" and a
  // required section is missing, or when no text is left, and `dropped` says so; such a case cannot
  // be answered.
  Case make(const Record& record) const;
  Case make(OpenReport& report) const;
  // The text as the model sees it: NFKC, control characters and runs of white space cleaned.
  static std::string model_text(std::string_view original);
  const SectionTable& table() const;

 private:
  struct State;
  void take_lists(const Record& record, Case& out) const;
  void write_text(OpenReport& report, Case& out) const;
  void write_ngram_texts(OpenReport& report, Case& out) const;
  std::string part_of(OpenReport& report, const std::string& part, const Case& item,
                      bool fold) const;
  std::unique_ptr<State> state_;
};

// Cohort, split and sampling of the whole store, in one stream over it. Stores split.json, and
// reuses it while data and settings are unchanged. `dropped`, where given, is called for every case
// that ends in no set, with the reason in Case::dropped. Errors E0510 (the cohort leaves nothing)
// and those of split_cases.
Cases load_cases(const Study& study, const Store& store, const ProgressSink& progress = {},
                 const std::function<void(const Case&)>& dropped = {});

// What must hold before training: E0511 a group without a report in the training set, E0512 a
// training or tuning set without labelled reports, E0513 one patient only.
void check_for_training(const Cases& cases, const Settings& settings);
// ... and before testing: E0514 a test set without labelled reports.
void check_for_test(const Cases& cases, const Settings& settings);

}  // namespace gantry
