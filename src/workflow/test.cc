#include "workflow/test.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/version.h"
#include "records/store.h"
#include "report/report_state.h"
#include "report/write_report.h"
#include "stats/proportion.h"
#include "study/cases.h"
#include "workflow/evidence.h"
#include "workflow/predictor.h"
#include "workflow/readings.h"
#include "workflow/robustness.h"
#include "workflow/run_json.h"
#include "workflow/test_answerer.h"
#include "workflow/test_parts.h"
#include "workflow/train.h"

namespace gantry {
namespace {

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

Predictions predictions_of(const std::vector<const Case*>& cases, int classes) {
  Predictions p;
  p.classes = classes;
  std::vector<std::string> patients;
  bool sampled = false;
  for (const auto* item : cases) {
    p.truth.push_back(item->label);
    patients.push_back(item->patient);
    sampled = sampled || item->sampling_fraction < 1;
  }
  if (sampled)
    for (const auto* item : cases) p.weight.push_back(1 / item->sampling_fraction);
  p.patient = number_clusters(patients);
  return p;
}

int highest(const std::vector<double>& probability, size_t row, int classes) {
  auto begin = probability.begin() + static_cast<ptrdiff_t>(row) * classes;
  return static_cast<int>(std::max_element(begin, begin + classes) - begin);
}

// Neighbouring tokens of one sign are joined, the strongest kept, weights scaled to -1 .. 1.
std::vector<WeighedSpan> weighed_spans(std::vector<Predictor::Weight> weights) {
  std::sort(weights.begin(), weights.end(),
            [](const auto& a, const auto& b) { return a.bytes.begin < b.bytes.begin; });
  double largest = 0;
  for (const auto& w : weights) largest = std::max(largest, std::abs(w.weight));
  std::vector<WeighedSpan> out;
  for (const auto& w : weights) {
    double scaled = largest > 0 ? w.weight / largest : 0;
    if (std::abs(scaled) >= 0.08) out.push_back({w.bytes.begin, w.bytes.end, scaled});
  }
  return out;
}

void describe_run(const nlohmann::json& run, TestReport& report) {
  for (const auto& r : run.at("restarts")) {
    RestartCurve curve;
    curve.restart = r.at("restart");
    curve.seed = r.at("seed");
    curve.best_epoch = r.at("best_epoch");
    curve.chosen = r.at("chosen");
    curve.tuned_on = r.at("tuned_on");
    for (const auto& e : r.at("epochs")) {
      curve.training_loss.push_back(e.at("training_loss"));
      curve.tuning_loss.push_back(e.at("tuning_loss"));
      curve.accuracy.push_back(e.at("accuracy"));
      curve.macro_f1.push_back(e.at("macro_f1"));
    }
    curve.best_accuracy = r.at("tuning").at("accuracy");
    curve.best_macro_f1 = r.at("tuning").at("macro_f1");
    report.restarts.push_back(std::move(curve));
  }
  for (const auto& step : run.at("recipe"))
    report.recipe.push_back({step.at("step"), estimate_from_json(step.at("accuracy")),
                             estimate_from_json(step.at("macro_f1"))});
  report.recipe_cases = run.at("recipe_cases");
  report.temperature = run.at("temperature");
  report.abstention = abstention_from_json(run.at("abstention"));
  report.abstention_note = run.at("abstention_note");
  report.training_seconds = run.at("training_seconds");
  report.useful_tokens_per_second = run.at("useful_tokens_per_second");
  report.percent_of_ceiling = run.at("percent_of_ceiling");
  report.peak_memory_bytes = run.at("peak_memory_bytes");
  const auto& id = run.at("identity");
  report.identity = {{"run", run.at("run")},
                     {"base model", run.at("base")},
                     {"base weights (SHA-256)", id.at("base_weights")},
                     {"tokenizer (SHA-256)", id.at("tokenizer")},
                     {"data (SHA-256)", id.at("data")},
                     {"split (SHA-256)", id.at("split")},
                     {"settings (SHA-256)", id.at("settings")},
                     {"seed", id.at("seed").dump()},
                     {"precision of training", run.at("precision")},
                     {"trained by", "gantry " + id.at("gantry").get<std::string>() + ", commit " +
                                        id.at("commit").get<std::string>()},
                     {"tested by", std::string("gantry ") + version() + ", commit " + commit()}};
}

struct Answers {
  std::vector<Prediction> predictions;
  double seconds = 0, seconds_load = 0;
};

TestedClassifier tested(std::string name, std::string description, Predictions& p,
                        const EvaluationOptions& options) {
  TestedClassifier out;
  out.name = std::move(name);
  out.description = std::move(description);
  if (p.predicted.empty())
    for (size_t i = 0; i < p.truth.size(); ++i)
      p.predicted.push_back(highest(p.probability, i, p.classes));
  out.evaluation = evaluate(p, options);
  return out;
}

std::string model_name(const nlohmann::json& run) {
  size_t members = run.at("chosen_restarts").size(), all = run.at("restarts").size();
  std::string name = run.at("base").get<std::string>();
  name += members > 1 ? ", " + std::to_string(members) + " restarts averaged"
                      : ", best of " + std::to_string(all) + " restarts";
  if (run.at("ngram_weight").get<double>() > 0) name += ", TF-IDF member";
  return name;
}

// The majority group of the training set, with the training shares as its probabilities.
Predictions majority(const TestReport& report, const Predictions& like) {
  Predictions p = like;
  p.predicted.clear();
  p.probability.clear();
  std::vector<double> share(report.labels.size(), 0);
  double sum = 0;
  for (const auto& box : report.sets)
    if (box.name == "training")
      for (size_t g = 0; g < share.size(); ++g)
        sum += share[g] = static_cast<double>(box.per_group[g]);
  for (auto& s : share) s = sum > 0 ? s / sum : 1.0 / static_cast<double>(share.size());
  for (size_t i = 0; i < p.truth.size(); ++i)
    p.probability.insert(p.probability.end(), share.begin(), share.end());
  return p;
}

void fill_cases(const std::vector<const Case*>& cases, const std::vector<Prediction>& predictions,
                const std::vector<Predictions>& baselines, Predictor& predictor,
                TestReport& report) {
  int64_t answered = 0, right = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& item = *cases[i];
    const Prediction& p = predictions[i];
    TestedCase out{.id = item.id,
                   .patient = item.patient,
                   .source = item.source,
                   .date = item.date,
                   .original = item.original,
                   .model_text = item.text,
                   .truth = item.label,
                   .predicted = p.label,
                   .probability = p.probabilities,
                   .abstained = p.abstain,
                   .tokens = p.tokens,
                   .windows = p.windows};
    for (const auto& b : baselines) out.baseline_predicted.push_back(b.predicted[i]);
    if (p.label != item.label)
      out.weighed =
          weighed_spans(predictor.weigh(predictor_text(item, predictor.settings()), p.label));
    out.fields = shown_fields(item.fields_json);
    report.windowed_cases += p.windows > 1;
    if (!p.abstain) {
      ++answered;
      right += p.label == item.label;
    }
    report.cases.push_back(std::move(out));
  }
  report.coverage = wilson(answered, static_cast<int64_t>(cases.size()));
  report.answered_accuracy = wilson(right, answered);
  report.weighed_by = "gradient x input of the first encoder, for the answer given";
}

}  // namespace

TestOutcome test(const Study& study_as_opened, const std::string& run_name,
                 const ProgressSink& progress) {
  note_margin(study_as_opened);  // before the look, so that a margin declared now counts
  auto run_folder = find_run(study_as_opened, run_name);
  auto run = read_run(run_folder);
  const Study study = study_of_run(study_as_opened, run);
  if (is_answerer_run(run)) return test_answerer(study, run_folder, run, progress);
  const Settings& settings = study.settings();
  auto store = Store::open_read_only(study.records_path());
  Cases cases = load_cases(study, *store, progress);
  std::vector<const Case*> test_cases;
  for (const auto* item : cases.of(CaseSet::kTest))
    if (item->label >= 0) test_cases.push_back(item);
  TestOutcome outcome = begin_test(study, run_folder, run, cases);
  TestReport& report = outcome.report;
  describe_run(run, report);

  tell(progress,
       Progress{
           .phase = "testing", .total = static_cast<double>(test_cases.size()), .unit = "reports"});
  const auto began = std::chrono::steady_clock::now();
  Predictor predictor =
      Predictor::open(run_folder / "model", precision_from(settings.predict.precision));
  const double load = seconds_since(began);
  std::vector<PredictorText> texts;
  for (const auto* item : test_cases) texts.push_back(predictor_text(*item, predictor.settings()));
  auto predictions = predictor.predict(texts);
  const double total = seconds_since(began);

  const int classes = static_cast<int>(report.labels.size());
  const auto options = evaluation_options(settings);
  report.bootstrap_samples = options.bootstrap.samples;
  Predictions model = predictions_of(test_cases, classes);
  for (const auto& p : predictions)
    model.probability.insert(model.probability.end(), p.probabilities.begin(),
                             p.probabilities.end());
  TestedClassifier first = tested(
      model_name(run), "the study's classifier, chosen on tuning cases alone", model, options);
  first.is_model = true;
  first.seconds = total;
  first.seconds_load = load;
  report.classifiers.push_back(std::move(first));

  std::vector<Predictions> baselines;
  Predictions ngrams = predictions_of(test_cases, classes);
  const auto ngrams_began = std::chrono::steady_clock::now();
  for (const auto* item : test_cases) {
    auto p = predictor.baseline().probabilities(item->baseline_text);
    ngrams.probability.insert(ngrams.probability.end(), p.begin(), p.end());
  }
  const double ngram_seconds = seconds_since(ngrams_began);
  baselines.push_back(std::move(ngrams));
  baselines.push_back(majority(report, predictions_of(test_cases, classes)));
  report.classifiers.push_back(tested("TF-IDF + logistic regression",
                                      "character n-grams of the same training reports, without any "
                                      "of the recipe: the simple baseline",
                                      baselines[0], options));
  report.classifiers.back().seconds = ngram_seconds;
  report.classifiers.push_back(tested("majority group",
                                      "always the most frequent group of the training set",
                                      baselines[1], options));
  for (size_t b = 0; b < baselines.size(); ++b)
    report.comparisons.push_back(
        comparison_of(report.classifiers[b + 1].name, model, baselines[b], options.bootstrap));

  fill_cases(test_cases, predictions, baselines, predictor, report);
  describe_answering(predictor, report);
  count_repeats(predictor, texts, predictions, settings.test.repeats, report);
  add_neighbours(predictor, cases, report);
  if (settings.test.robustness) {
    report.sections.push_back(robustness_section(*store, cases, predictor, report, progress));
  } else {
    ReportSection unseen{.name = "unseen",
                         .title = {"Unseen hospitals and years", "学習にない施設と年"}};
    unseen.tables.push_back(unseen_table(cases, report));
    report.sections.push_back(std::move(unseen));
  }
  add_evidence(study_as_opened, report);
  write_report(report, outcome.folder);
  return outcome;
}

std::filesystem::path rewrite_report(const Study& study, const std::string& run_name) {
  auto run_folder = find_run(study, run_name);
  auto folder = study.tests_folder() / run_folder.filename();
  if (!std::filesystem::exists(folder / "test.json"))
    throw Error("E0733", folder.string() + ": this run has not been tested",
                "Run `gantry test` first.");
  auto state = folder / "test.json";
  TestReport report = read_report_state(read_file(state), state.string());
  note_margin(study);
  if (report.task == study.task().name) name_things(study, report);
  add_evidence(study, report);
  write_report(report, folder);
  return folder;
}

}  // namespace gantry
