#include "study/cases.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "base/threads.h"
#include "records/store.h"
#include "study/case_making.h"
#include "study/cohort.h"
#include "study/data_folder.h"
#include "study/near_identical.h"
#include "study/sampling.h"
#include "study/split.h"
#include "study/split_file.h"
#include "study/study_codes.h"

namespace gantry {
namespace {

constexpr size_t kBatch = 2048;  // records judged at a time, on all threads

// What became of one record.
struct Judged {
  std::optional<Case> made;  // kept by the cohort, or unlabelled and wanted
  std::optional<Drop> drop;
};

class Stream {
 public:
  Stream(const Settings& settings, bool wants_unlabelled, FlowCounter& flow,
         const std::function<void(const Case&)>& dropped)
      : settings_(settings),
        maker_(settings),
        rules_(settings),
        wants_unlabelled_(wants_unlabelled),
        flow_(flow),
        dropped_(dropped) {}

  std::vector<Case> read(const Store& store, const ProgressSink& progress) {
    std::vector<Record> batch;
    store.for_each([&](const Record& record) {
      batch.push_back(record);
      if (batch.size() < kBatch) return true;
      take(batch);
      read_ += static_cast<int64_t>(batch.size());
      batch.clear();
      tell(progress, Progress{.phase = "selecting reports",
                              .done = static_cast<double>(read_),
                              .unit = "reports"});
      throw_if_interrupted("selecting reports; nothing was changed");
      return true;
    });
    take(batch);
    return std::move(cases_);
  }

 private:
  Judged judge(const Record& record) const {
    OpenReport report(record, maker_.table());
    Judged out;
    if ((out.drop = rules_.judge(report))) return out;
    Case made = maker_.make(report);
    out.drop = rules_.judge(made);
    // An unlabelled report that every other rule keeps may serve pretraining.
    if (!out.drop || (wants_unlabelled_ && made.answer.empty() && out.drop->step == "label"))
      out.made = std::move(made);
    return out;
  }

  void take(const std::vector<Record>& batch) {
    std::vector<Judged> judged(batch.size());
    std::exception_ptr failure;
    std::mutex mutex;
    parallel_for(static_cast<int64_t>(batch.size()), 16, [&](int64_t begin, int64_t end) {
      try {
        for (int64_t i = begin; i < end; ++i)
          judged[static_cast<size_t>(i)] = judge(batch[static_cast<size_t>(i)]);
      } catch (...) {
        std::lock_guard lock(mutex);
        failure = std::current_exception();
      }
    });
    if (failure) std::rethrow_exception(failure);
    for (size_t i = 0; i < batch.size(); ++i) keep(batch[i], judged[i]);
  }

  void keep(const Record& record, Judged& judged) {
    if (judged.drop) {
      flow_.add(patient_key(record, settings_), judged.drop->step);
      Case out;
      if (judged.made) out = *judged.made;
      out.id = record.id, out.source = record.source, out.date = record.date;
      out.patient = patient_key(record, settings_);
      out.patient_known = !record.patient.empty();
      out.answer = record.label;
      out.dropped_at = judged.drop->step;
      out.dropped = judged.drop->reason;
      if (dropped_) dropped_(out);
      if (judged.made) cases_.push_back(std::move(out));
      return;
    }
    cases_.push_back(std::move(*judged.made));
  }

  const Settings& settings_;
  CaseMaker maker_;
  CohortRules rules_;
  bool wants_unlabelled_;
  FlowCounter& flow_;
  const std::function<void(const Case&)>& dropped_;
  std::vector<Case> cases_;
  int64_t read_ = 0;
};

bool is_unlabelled(const Case& one) { return one.dropped_at == "label"; }

std::vector<FlowStep> all_steps(const Settings& settings, const CohortRules& rules) {
  std::vector<FlowStep> steps = rules.steps();
  std::string method = split_method(settings.split);
  steps.push_back({"window", "examined within a set's window"});
  steps.push_back({"patient_overlap", "patient in one set only"});
  steps.push_back({"near_identical", "no near-identical text in another set"});
  steps.push_back({"sampling", "under-sampling"});
  return steps;
}

// Steps after the cohort that dropped nothing say nothing.
std::vector<FlowStep> worth_telling(std::vector<FlowStep> flow) {
  std::erase_if(flow, [](const FlowStep& step) {
    bool optional = step.step == "window" || step.step == "patient_overlap" ||
                    step.step == "near_identical" || step.step == "sampling";
    return optional && step.dropped_reports == 0;
  });
  return flow;
}

std::string hash_of_deciding_settings(const Settings& settings, bool wants_unlabelled) {
  const std::string_view sections[] = {"labels", "sections", "focus",
                                       "cohort", "split",    "sampling"};
  std::string tables = text_tables_hash(settings);
  if (settings.study.asks("codes")) tables += open_study_codes(settings)->hash();
  for (const std::string& kind : settings.study.answers) tables += "+" + kind;
  return sha256_hex(settings_hash(settings, sections) + std::to_string(settings.train.folds) +
                    (wants_unlabelled ? "+unlabelled" : "") + tables);
}

std::string hash_of_split_settings(const Settings& settings) {
  const std::string_view sections[] = {"split"};
  return settings_hash(settings, sections);
}

SectionCounts count_sections(const Settings& settings, const std::vector<Case>& cases) {
  SectionCounts counts;
  for (const std::string& part : settings.sections.use) counts.found[section_of(part)] = 0;
  for (const Case& one : cases) {
    if (one.set == CaseSet::kUnlabelled) continue;
    ++counts.cases;
    counts.whole_text_used += one.whole_text_used;
    for (const auto& [section, n] : counts.found)
      if (std::find(one.missing_sections.begin(), one.missing_sections.end(), section) ==
          one.missing_sections.end())
        ++counts.found[section];
  }
  return counts;
}

void note_sections(const SectionCounts& counts, std::vector<std::string>& notes) {
  if (counts.whole_text_used > 0)
    notes.push_back(with_commas(counts.whole_text_used) + " of " + with_commas(counts.cases) +
                    " reports lack a section they should have; the model reads them whole");
}

const StoredCase* find_stored(const StoredSplit& stored, const Case& one) {
  auto at = stored.cases.find(StoredSplit::key(one.source, one.id));
  return at == stored.cases.end() ? nullptr : &at->second;
}

// Sets from the stored split. False when it does not hold every case.
bool take_stored(const StoredSplit& stored, std::vector<Case>& pool) {
  for (const Case& one : pool)
    if (find_stored(stored, one) == nullptr) return false;
  for (Case& one : pool) {
    const StoredCase& from = *find_stored(stored, one);
    one.set = from.set;
    one.fold = from.fold;
    one.sampling_fraction = from.sampling_fraction;
    one.dropped_at = from.dropped_at;
    one.dropped = from.dropped;
  }
  return true;
}

NearIdentical texts_of(const Settings& settings, const std::vector<Case>& pool) {
  NearIdentical texts(settings.split.near_identical_ngram, settings.split.near_identical_threshold);
  for (const Case& one : pool)
    texts.add(settings.split.near_identical_of == "report" ? one.original : one.text);
  return texts;
}

// Deals and samples the pool afresh; patients of `last`, made by the same [split], keep their sets.
void make_split(const Settings& settings, std::vector<Case>& pool, const StoredSplit* last,
                Cases& out) {
  std::vector<CaseSet> already;
  if (last != nullptr)
    for (const Case& one : pool) {
      const StoredCase* known = find_stored(*last, one);
      already.push_back(known == nullptr ? CaseSet::kNone : known->set);
    }
  NearIdentical texts = texts_of(settings, pool);
  Split split = split_cases(settings, pool, texts, already);
  out.method = split.method;
  out.notes = split.notes;
  out.sets = sample_cases(settings, pool);
  out.check = prove_split(pool, texts);
  GANTRY_CHECK_MSG(out.check.patients_in_two_sets == 0 && out.check.near_identical_pairs == 0,
                   out.check.sentence());
}

bool may_write(const std::filesystem::path& folder) { return ::access(folder.c_str(), W_OK) == 0; }

StoredSplit to_store(const Cases& cases, const std::vector<Case>& pool) {
  StoredSplit out;
  out.data_hash = cases.data_hash;
  out.method = cases.method;
  out.check = cases.check;
  out.flow = cases.flow;
  out.sets = cases.sets;
  out.notes = cases.notes;
  for (const Case& one : pool)
    out.cases[StoredSplit::key(one.source, one.id)] = {one.set, one.fold, one.sampling_fraction,
                                                       one.dropped_at, one.dropped};
  out.split_hash = out.hash_of_cases();
  return out;
}

[[noreturn]] void nothing_left(const std::vector<FlowStep>& flow) {
  std::string steps;
  for (const FlowStep& step : flow)
    if (step.dropped_reports > 0)
      steps += (steps.empty() ? "" : "; ") + step.step + " (" + step.text + ") drops " +
               with_commas(step.dropped_reports);
  int64_t imported = flow.empty() ? 0 : flow.front().kept_reports;
  if (imported == 0)
    throw Error("E0510", "the study holds no reports", "Import some: gantry import FILE.");
  throw Error("E0510", "of " + with_commas(imported) + " reports the cohort leaves none: " + steps,
              "Change the rules in study.toml, or import reports with labels.");
}

}  // namespace

std::string text_tables_hash(const Settings& settings) {
  std::string list = sha256_of_file(data_file("tasks/headings.toml")) + "  headings.toml\n";
  for (const std::string& name : {settings.sections.wording, settings.focus.concepts})
    if (!name.empty()) list += sha256_of_file(data_file("tasks/" + name)) + "  " + name + "\n";
  return sha256_hex(list);
}

std::vector<const Case*> Cases::of(CaseSet set) const {
  std::vector<const Case*> out;
  for (const Case& one : cases)
    if (one.set == set) out.push_back(&one);
  return out;
}

Cases load_cases(const Study& study, const Store& store, const ProgressSink& progress,
                 const std::function<void(const Case&)>& dropped) {
  const Settings& settings = study.settings();
  const bool wants_unlabelled = settings.pretrain.passes > 0;
  CohortRules rules(settings);
  FlowCounter flow(all_steps(settings, rules));
  std::vector<Case> pool = Stream(settings, wants_unlabelled, flow, dropped).read(store, progress);

  auto drop = [&](const Case& one) {
    flow.add(one.patient, one.dropped_at);
    if (dropped) dropped(one);
  };
  rules.choose_per_patient(pool);
  for (const Case& one : pool)
    if (one.dropped_at == "per_patient") drop(one);
  std::erase_if(pool, [](const Case& one) { return one.dropped_at == "per_patient"; });
  if (std::all_of(pool.begin(), pool.end(), is_unlabelled)) nothing_left(flow.finish());

  Cases out;
  out.data_hash = store.content_hash();
  const std::string deciding = hash_of_deciding_settings(settings, wants_unlabelled);
  const std::string split_settings = hash_of_split_settings(settings);
  std::string damage;
  std::optional<StoredSplit> last = read_split(study.split_path(), split_settings, &damage);
  std::vector<char> unlabelled;
  for (const Case& one : pool) unlabelled.push_back(is_unlabelled(one));

  out.reused = last && last->data_hash == out.data_hash && last->settings_hash == deciding &&
               take_stored(*last, pool);
  if (out.reused) {
    out.method = last->method;
    out.check = last->check;
    out.sets = last->sets;
    out.notes = last->notes;
  } else {
    tell(progress, Progress{.phase = "splitting by patient"});
    make_split(settings, pool, last ? &*last : nullptr, out);
  }
  for (size_t i = 0; i < pool.size(); ++i)
    if (unlabelled[i] == 0) {
      if (pool[i].set == CaseSet::kNone) {
        drop(pool[i]);
      } else {
        flow.add(pool[i].patient, "");
      }
    }
  out.flow = worth_telling(flow.finish());
  if (out.reused) {
    out.split_hash = last->split_hash;
  } else {
    StoredSplit stored = to_store(out, pool);
    stored.settings_hash = deciding;
    stored.split_settings_hash = split_settings;
    out.split_hash = stored.split_hash;
    try {
      write_split(study.split_path(), stored);
    } catch (const Error&) {
      // Looking on (`gantry cohort`, `gantry predict`) needs no stored split: the same study gives
      // the same one again. A full disk is another matter.
      if (may_write(study.folder())) throw;
      out.notes.push_back("the study's folder cannot be written: the split is not stored");
    }
    if (!damage.empty()) {
      out.notes.push_back("split.json could not be used (" + damage + ") and was made anew");
    } else if (last) {
      std::string changed = last->settings_hash != deciding ? "the settings" : "the reports";
      out.notes.push_back(changed + " changed: the split was made anew, patients kept their sets");
    }
  }
  std::erase_if(pool, [](const Case& one) { return one.set == CaseSet::kNone; });
  out.cases = std::move(pool);
  out.sections = count_sections(settings, out.cases);
  note_sections(out.sections, out.notes);
  return out;
}

namespace {

std::string where_cases_go(const Cases& cases) {
  std::string out;
  for (const char* set : {"training", "tuning", "test"}) {
    auto at = cases.sets.find(set);
    int64_t n = at == cases.sets.end() ? 0 : at->second.reports;
    out += (out.empty() ? "" : ", ") + with_commas(n) + " " + set;
  }
  return out + " (split by " + cases.method + ")";
}

}  // namespace

void check_for_training(const Cases& cases, const Settings& settings) {
  std::string one_patient;
  bool several = false;
  for (const Case& one : cases.cases)
    if (one.set != CaseSet::kUnlabelled) {
      if (one_patient.empty()) one_patient = one.patient;
      several = several || one.patient != one_patient;
    }
  if (!several)
    throw Error("E0513",
                "all " + with_commas(static_cast<int64_t>(cases.cases.size())) +
                    " labelled reports are of one patient ('" + one_patient + "')",
                "A study needs several patients. If the column is wrong, set columns.patient.");
  for (CaseSet set : {CaseSet::kTraining, CaseSet::kTuning})
    if (cases.of(set).empty())
      throw Error("E0512",
                  "the " + std::string(set_name(set)) +
                      " set has no labelled report: " + where_cases_go(cases),
                  "Change [split] in study.toml, or import more labelled reports.");
  std::string missing;
  const auto& training = cases.sets.at("training");
  if (!settings.study.asks("closed-set")) return;
  for (size_t i = 0; i < settings.labels.values.size(); ++i) {
    const std::string& value = settings.labels.values[i];
    auto at = training.per_label.find(value);
    if (at != training.per_label.end() && at->second > 0) continue;
    missing += (missing.empty() ? "" : ", ") + value;
    if (!settings.labels.names.empty()) missing += " (" + settings.labels.names[i] + ")";
  }
  if (!missing.empty())
    throw Error("E0511", "the training set has no report of group " + missing,
                "Import reports of that group, change [split], or take the group out of "
                "labels.values.");
}

void check_for_test(const Cases& cases, const Settings& settings) {
  if (!cases.of(CaseSet::kTest).empty()) return;
  std::string sources;
  for (const std::string& source : settings.split.test_sources)
    sources += (sources.empty() ? " of source " : ", ") + source;
  throw Error("E0514",
              "the test set has no labelled report" + sources + ": " + where_cases_go(cases),
              "Import labelled reports for it, or change [split] in study.toml.");
}

}  // namespace gantry
