#include "workflow/train.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "base/version.h"
#include "records/store.h"
#include "study/data_folder.h"
#include "text/ngram_classifier.h"
#include "train/pretrain.h"
#include "weights/model_folder.h"
#include "weights/shelf.h"
#include "workflow/answerer_training.h"
#include "workflow/fine_tune_settings.h"
#include "workflow/predictor.h"
#include "workflow/run_identity.h"
#include "workflow/run_json.h"
#include "workflow/training_plan.h"
#include "workflow/tuning_evidence.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

// The settings that decide what is trained; test, predict and the machine do not.
constexpr std::string_view kTrainingSections[] = {
    "study", "labels", "sections", "focus",    "cohort",   "split", "sampling",
    "model", "lora",   "train",    "pretrain", "ensemble", "tfidf"};

NgramClassifierOptions ngram_options(const Settings& s, double c, bool baseline) {
  NgramClassifierOptions options;
  const NgramBlock plain{.tfidf = {.shortest = static_cast<int>(s.tfidf.ngram_min),
                                   .longest = static_cast<int>(s.tfidf.ngram_max),
                                   .min_documents = s.tfidf.min_reports}};
  options.blocks.assign(baseline ? 1 : ngram_member_blocks(s), plain);
  if (!baseline)
    for (size_t b = 0; b < s.tfidf.blocks.size(); ++b)
      options.blocks[b].weight = tfidf_block(s.tfidf.blocks[b]).weight;
  options.regression.c = c;
  return options;
}

// Everything one training works on.
struct Work {
  const Study& study;
  const Settings& settings;
  const ProgressSink& progress;
  Cases cases;
  TrainingPlan plan;
  ModelFolder base;
  std::unique_ptr<Tokenizer> tokenizer;
  WindowSettings windows;
  RunIdentity identity;
  std::filesystem::path folder;
  int classes = 0;

  std::vector<std::string> ngram_texts(const std::vector<size_t>& indices, bool baseline) const {
    std::vector<std::string> out;
    for (size_t i : indices) out.push_back(ngram_text(i, baseline));
    return out;
  }
  const std::string& ngram_text(size_t i, bool baseline) const {
    return baseline ? plan.cases[i]->baseline_text : ngram_member_text(*plan.cases[i], settings);
  }
  std::vector<int> labels(const std::vector<size_t>& indices) const {
    std::vector<int> out;
    for (size_t i : indices) out.push_back(plan.cases[i]->label);
    return out;
  }
};

double choose_ngram_c(const Work& work, bool baseline) {
  if (work.settings.tfidf.c > 0) return work.settings.tfidf.c;
  std::vector<size_t> all;
  std::vector<std::string> patients;
  for (const auto* item : work.plan.cases) {
    all.push_back(all.size());
    patients.push_back(item->patient);
  }
  const double candidates[] = {1, 3, 10, 30, 100};
  auto groups = number_clusters(patients);
  if (*std::max_element(groups.begin(), groups.end()) < 5) return 10;
  auto choice = choose_c(work.ngram_texts(all, baseline), work.labels(all), groups, work.classes,
                         ngram_options(work.settings, 1, baseline), candidates);
  return choice.c[choice.chosen];
}

// The base model after continued pretraining on the texts that restarts train on, or the base
// itself. Test reports have no part in it, nor has a fixed tuning set.
ModelFolder study_base(const Work& work) {
  const auto& settings = work.settings.pretrain;
  if (settings.passes == 0) return ModelFolder::open(work.base.path());
  if (work.tokenizer->mask_id() < 0)
    throw Error(
        "E0723",
        work.base.name() + ": its tokenizer has no mask token, so that it cannot be pretrained on",
        "Set pretrain.passes = 0, or use another base.");
  ExampleMaker maker(*work.tokenizer, work.windows);
  std::vector<std::vector<int32_t>> windows;
  for (const auto& item : work.cases.cases) {
    const bool used = item.set == CaseSet::kTraining || item.set == CaseSet::kUnlabelled ||
                      (item.set == CaseSet::kTuning && work.settings.train.tuning == "rotate");
    if (!used) continue;
    const std::string text =
        settings.text == "whole" ? CaseMaker::model_text(item.original) : item.text;
    for (auto& window : maker.make(item.source + "\n" + item.id, text).windows)
      windows.push_back(std::move(window));
  }
  PretrainSettings options;
  options.epochs = static_cast<int>(settings.passes);
  options.learning_rate = settings.rate;
  options.masked_share = settings.mask_share;
  options.precision = work.settings.model.precision;
  options.seed = static_cast<uint64_t>(work.settings.train.seed);
  pretrain(work.base, options, windows, work.tokenizer->mask_id(), work.folder / "work-pretrain",
           work.folder / "base", work.progress);
  return ModelFolder::open(work.folder / "base");
}

struct Trained {
  std::vector<RestartResult> restarts;
  TuningScores scores;
  std::vector<size_t> tuned;  // plan indices of the rows of `scores`
  std::string precision, memory_table;
  int64_t memory_bytes = 0;
  double ceiling = 0, peak_gflops = 0;
};

std::vector<Example> make_examples(const Work& work, const std::vector<size_t>& indices) {
  ExampleMaker maker(*work.tokenizer, work.windows);
  std::vector<Example> out;
  for (size_t i : indices) {
    const Case& item = *work.plan.cases[i];
    out.push_back(maker.make(item.source + "\n" + item.id, item.text, item.label));
  }
  return out;
}

// The tuner of one round. Finished restarts are found in its folder, so that it can be let go, with
// the base that it maps, and made again to write a model.
std::unique_ptr<FineTuner> open_tuner(const Work& work, const ModelFolder& base, size_t r) {
  const TrainingRound& round = work.plan.rounds[r];
  auto training = make_examples(work, round.training);
  auto settings = fine_tune_settings(work.settings, base, training);
  return std::make_unique<FineTuner>(base, settings, std::move(training),
                                     make_examples(work, round.tuning),
                                     work.folder / ("work-" + std::to_string(r)), work.progress);
}

std::string restart_sentence(const Work& work, const RestartResult& result,
                             const TrainingRound& round) {
  const auto& best = result.epochs[static_cast<size_t>(result.best_epoch)];
  return "restart " + std::to_string(result.restart + 1) + " of " +
         std::to_string(work.plan.round_of.size()) + ": accuracy " +
         format_double(best.accuracy, 3) + ", macro F1 " + format_double(best.macro_f1, 3) +
         " on the " + round.tuned_on + " (n = " + std::to_string(round.tuning.size()) +
         "), epoch " + std::to_string(result.best_epoch + 1) + "; " +
         with_commas(static_cast<int64_t>(result.useful_tokens_per_second)) + " tokens/s, " +
         format_double(result.percent_of_ceiling, 0) + " % of the ceiling";
}

// Percentages are of the highest ceiling that was timed: an early one may have been taken while
// the machine was busy.
void rate_by_highest_ceiling(Trained& trained) {
  for (auto& result : trained.restarts)
    result.percent_of_ceiling = 100 * result.useful_tokens_per_second / trained.ceiling;
}

void run_restarts(const Work& work, const ModelFolder& base, Trained& trained) {
  const auto classes = static_cast<size_t>(work.classes);
  trained.tuned = work.plan.tuned_cases();
  std::map<size_t, size_t> row;
  for (size_t r = 0; r < trained.tuned.size(); ++r) row[trained.tuned[r]] = r;
  std::unique_ptr<FineTuner> tuner;
  size_t open_round = 0;
  for (int restart = 0; restart < static_cast<int>(work.plan.round_of.size()); ++restart) {
    const auto r = static_cast<size_t>(work.plan.round_of[static_cast<size_t>(restart)]);
    const TrainingRound& round = work.plan.rounds[r];
    if (!tuner || r != open_round) {
      tuner.reset();
      tuner = open_tuner(work, base, r);
      open_round = r;
    }
    if (restart == 0) {
      trained.precision = tuner->precision();
      trained.memory_table = tuner->memory_table();
      trained.memory_bytes = tuner->memory_bytes();
      tell(work.progress, trained.memory_table);
    }
    RestartResult result = tuner->run(restart);
    std::vector<float> logits(trained.tuned.size() * classes, 0.0f);
    std::vector<uint8_t> covers(trained.tuned.size(), 0);
    for (size_t k = 0; k < round.tuning.size(); ++k) {
      size_t at = row.at(round.tuning[k]);
      covers[at] = 1;
      std::copy_n(result.tuning_logits.begin() + static_cast<ptrdiff_t>(k * classes), classes,
                  logits.begin() + static_cast<ptrdiff_t>(at * classes));
    }
    trained.scores.restarts.push_back(std::move(logits));
    trained.scores.covers.push_back(std::move(covers));
    trained.ceiling = std::max(trained.ceiling, tuner->ceiling_tokens_per_second());
    trained.peak_gflops = std::max(trained.peak_gflops, tuner->matmul_peak_gflops());
    tell(work.progress, restart_sentence(work, result, round));
    trained.restarts.push_back(std::move(result));
  }
  rate_by_highest_ceiling(trained);
}

struct NgramCs {
  double member = 0, baseline = 0;
};

// Logits [n x classes] of an n-gram model on the tuning cases, each by a model that was not fitted
// to it.
std::vector<double> ngram_tuning_logits(const Work& work, double c, bool baseline,
                                        const std::vector<size_t>& tuned) {
  const auto classes = static_cast<size_t>(work.classes);
  std::vector<double> out(tuned.size() * classes, 0);
  for (const auto& round : work.plan.rounds) {
    auto model = NgramClassifier::fit(work.ngram_texts(round.training, baseline),
                                      work.labels(round.training), work.classes,
                                      ngram_options(work.settings, c, baseline));
    for (size_t i : round.tuning) {
      auto at = std::lower_bound(tuned.begin(), tuned.end(), i) - tuned.begin();
      auto logits = model.logits(work.ngram_text(i, baseline));
      std::copy(logits.begin(), logits.end(), out.begin() + at * static_cast<ptrdiff_t>(classes));
    }
  }
  return out;
}

void score_ngrams(const Work& work, NgramCs c, Trained& trained) {
  auto& scores = trained.scores;
  scores.classes = work.classes;
  std::vector<std::string> patients;
  for (size_t i : trained.tuned) {
    scores.truth.push_back(work.plan.cases[i]->label);
    patients.push_back(work.plan.cases[i]->patient);
  }
  scores.patient = number_clusters(patients);
  scores.ngrams = ngram_tuning_logits(work, c.member, false, trained.tuned);
  scores.baseline = ngram_tuning_logits(work, c.baseline, true, trained.tuned);
}

// Restarts that serve: all of them, or the best by the study's metric.
std::vector<int> serving_restarts(const Settings& settings,
                                  const std::vector<RestartResult>& restarts) {
  std::vector<int> members;
  int best = 0;
  for (int r = 0; r < static_cast<int>(restarts.size()); ++r) {
    members.push_back(r);
    if (restarts[static_cast<size_t>(r)].best_metric >
        restarts[static_cast<size_t>(best)].best_metric)
      best = r;
  }
  if (settings.ensemble.members != "all") members = {best};
  return members;
}

// With one serving restart of a rotating plan, only the cases that it covers say anything about it.
TuningScores covered_by(const TuningScores& scores, const std::vector<int>& members) {
  TuningScores out;
  out.classes = scores.classes;
  const auto classes = static_cast<size_t>(scores.classes);
  out.restarts.resize(scores.restarts.size());
  out.covers.resize(scores.covers.size());
  for (size_t i = 0; i < scores.truth.size(); ++i) {
    if (std::none_of(members.begin(), members.end(),
                     [&](int m) { return scores.covers[static_cast<size_t>(m)][i] != 0; }))
      continue;
    out.truth.push_back(scores.truth[i]);
    out.patient.push_back(scores.patient[i]);
    for (size_t r = 0; r < scores.restarts.size(); ++r) {
      out.covers[r].push_back(scores.covers[r][i]);
      for (size_t c = 0; c < classes; ++c)
        out.restarts[r].push_back(scores.restarts[r][i * classes + c]);
    }
    for (size_t c = 0; c < classes; ++c) {
      out.ngrams.push_back(scores.ngrams[i * classes + c]);
      out.baseline.push_back(scores.baseline[i * classes + c]);
    }
  }
  return out;
}

// Each serving restart as a model folder: the first one whole, the others with the first one's word
// table. Restarts of one round are written together, since each round needs a tuner of its own.
void write_members(const Work& work, const ModelFolder& base, const std::vector<int>& members,
                   const std::filesystem::path& folder) {
  auto round_of = [&](size_t m) {
    return static_cast<size_t>(work.plan.round_of[static_cast<size_t>(members[m])]);
  };
  const auto place = [&](size_t m) { return folder / ("member-" + std::to_string(m)); };
  std::vector<size_t> order(members.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin() + 1, order.end(), [&](size_t a, size_t b) {
    const bool first_a = round_of(a) == round_of(0), first_b = round_of(b) == round_of(0);
    return first_a != first_b ? first_a : round_of(a) < round_of(b);
  });
  std::unique_ptr<FineTuner> tuner;
  for (size_t k = 0; k < order.size(); ++k) {
    const size_t m = order[k];
    tell(work.progress, Progress{.phase = "writing the model",
                                 .done = static_cast<double>(k),
                                 .total = static_cast<double>(members.size()),
                                 .unit = "members"});
    if (k == 0 || round_of(m) != round_of(order[k - 1])) {
      tuner.reset();
      tuner = open_tuner(work, base, round_of(m));
    }
    tuner->write_model({members[m]}, place(m),
                       {.labels = work.settings.labels.values,
                        .prefix = work.windows.prefix,
                        .extra_json = Json{{"run", work.identity.run()}}.dump(),
                        .words_of = m == 0 ? std::filesystem::path() : place(0)});
  }
}

void write_predictor_folder(const Work& work, const ModelFolder& base, const TuningChoice& choice,
                            const std::vector<int>& members, NgramCs c) {
  auto partial = work.folder / "model.partial";
  std::filesystem::remove_all(partial);
  make_private_folder(partial);
  PredictorDescription about;
  about.run = work.identity.run();
  about.labels = work.settings.labels.values;
  about.ngram_weight = choice.ngram_weight;
  about.temperature = choice.temperature;
  about.abstains = choice.abstention.attainable;
  about.threshold = choice.abstention.attainable ? choice.abstention.threshold : 0;
  about.error_rate = work.settings.predict.error_rate;
  about.threshold_rule = choice.abstention.rule;
  about.windows = work.windows;
  for (size_t m = 0; m < members.size(); ++m)
    about.members.push_back("member-" + std::to_string(m));
  write_members(work, base, members, partial);
  // The served n-gram model learns from every case the encoders saw: with a fixed tuning set, the
  // training set.
  std::vector<size_t> learned;
  for (const auto& round : work.plan.rounds)
    learned.insert(learned.end(), round.training.begin(), round.training.end());
  std::sort(learned.begin(), learned.end());
  learned.erase(std::unique(learned.begin(), learned.end()), learned.end());
  for (bool baseline : {false, true}) {
    auto model = NgramClassifier::fit(
        work.ngram_texts(learned, baseline), work.labels(learned), work.classes,
        ngram_options(work.settings, baseline ? c.baseline : c.member, baseline));
    write_file_atomically(partial / (baseline ? "baseline.bin" : "ngrams.bin"), model.serialize());
  }
  write_predictor(partial, about, work.settings);
  std::filesystem::remove_all(work.folder / "model");
  std::filesystem::rename(partial, work.folder / "model");
}

void write_curves(const Work& work, const Trained& trained) {
  std::string epochs = "restart,epoch,training_loss,tuning_loss,accuracy,macro_f1,seconds\n";
  std::string steps = "restart,step,loss,learning_rate,gradient_norm,tokens\n";
  for (const auto& result : trained.restarts) {
    std::string head = std::to_string(result.restart + 1) + ",";
    for (size_t e = 0; e < result.epochs.size(); ++e) {
      const auto& r = result.epochs[e];
      epochs += head + std::to_string(e + 1) + "," + format_double(r.training_loss, 6) + "," +
                format_double(r.tuning_loss, 6) + "," + format_double(r.accuracy, 6) + "," +
                format_double(r.macro_f1, 6) + "," + format_double(r.seconds, 3) + "\n";
    }
    for (size_t i = 0; i < result.steps.size(); ++i) {
      const auto& r = result.steps[i];
      steps += head + std::to_string(i + 1) + "," + format_double(r.loss, 6) + "," +
               format_double(r.learning_rate, 9) + "," + format_double(r.gradient_norm, 6) + "," +
               std::to_string(r.tokens) + "\n";
    }
  }
  write_file_atomically(work.folder / "epochs.csv", epochs);
  write_file_atomically(work.folder / "steps.csv", steps);
}

double total_seconds(const Trained& trained, double RestartResult::*member) {
  double sum = 0;
  for (const auto& r : trained.restarts) sum += r.*member;
  return sum;
}

Json run_json(const Work& work, const Trained& trained, const TuningChoice& choice,
              const std::vector<int>& members, NgramCs c, double seconds) {
  Json out;
  out["run"] = work.identity.run();
  out["finished"] = utc_now();
  out["base"] = work.base.name();
  out["precision"] = trained.precision;
  out["seconds"] = seconds;
  const double steps_seconds = total_seconds(trained, &RestartResult::training_seconds);
  double tokens = 0, percent = 0;
  int64_t peak = 0;
  for (const auto& r : trained.restarts) {
    tokens += static_cast<double>(r.useful_tokens);
    percent += r.percent_of_ceiling / static_cast<double>(trained.restarts.size());
    peak = std::max(peak, r.peak_memory_bytes);
  }
  out["training_seconds"] = steps_seconds;
  out["useful_tokens"] = tokens;
  out["useful_tokens_per_second"] = steps_seconds > 0 ? tokens / steps_seconds : 0;
  out["percent_of_ceiling"] = percent;
  out["ceiling_tokens_per_second"] = trained.ceiling;
  out["matmul_peak_gflops"] = trained.peak_gflops;
  out["peak_memory_bytes"] = peak;
  out["planned_memory_bytes"] = trained.memory_bytes;
  out["chosen_restarts"] = members;
  out["metric"] = work.settings.train.metric;
  out["ngram_weight"] = choice.ngram_weight;
  out["ngram_c"] = c.member;
  out["baseline_c"] = c.baseline;
  out["temperature"] = choice.temperature;
  out["abstention"] = abstention_json(choice.abstention);
  out["abstention_note"] = choice.abstention_note;
  out["recipe"] = Json::array();
  for (const auto& step : choice.steps)
    out["recipe"].push_back({{"step", step.name},
                             {"accuracy", estimate_json(step.accuracy)},
                             {"macro_f1", estimate_json(step.macro_f1)}});
  out["recipe_cases"] = with_commas(static_cast<int64_t>(trained.tuned.size())) +
                        " tuning cases, each answered by what was not trained on it";
  out["restarts"] = Json::array();
  for (const auto& result : trained.restarts) {
    const auto& round =
        work.plan
            .rounds[static_cast<size_t>(work.plan.round_of[static_cast<size_t>(result.restart)])];
    out["restarts"].push_back(
        restart_json(result, round.tuned_on, static_cast<int64_t>(round.training.size()),
                     static_cast<int64_t>(round.tuning.size()),
                     std::count(members.begin(), members.end(), result.restart) > 0));
  }
  out["identity"] = {{"gantry", version()},
                     {"commit", commit()},
                     {"data", work.identity.data},
                     {"split", work.identity.split},
                     {"settings", work.identity.settings},
                     {"base_weights", work.identity.weights},
                     {"tokenizer", work.identity.tokenizer},
                     {"text_tables", work.identity.tables},
                     {"seed", work.settings.train.seed}};
  out["settings"] = settings_json(work.settings);
  out["overrides"] = work.study.overrides();
  out["sets"] = sets_json(work.cases);
  out["flow"] = flow_json(work.cases);
  out["split_method"] = work.cases.method;
  out["split_proof"] = work.cases.check.sentence();
  out["notes"] = work.cases.notes;
  if (work.settings.train.tuning == "rotate")
    out["notes"].push_back(
        "Training and tuning sets were used together: each restart was tuned on another of " +
        std::to_string(work.settings.train.folds) +
        " folds of them and trained on the other folds; where there are as many hospitals, a fold "
        "is made of whole "
        "hospitals. " +
        work.plan.sentence());
  return out;
}

std::string summary_of(const nlohmann::ordered_json& run, const std::filesystem::path& folder) {
  std::string text = "trained: " + folder.string() + "\n";
  for (const auto& step : run["recipe"])
    text += "  " + step["step"].get<std::string>() + ": macro F1 " +
            format_double(step["macro_f1"]["value"].get<double>(), 3) + " on " +
            run["recipe_cases"].get<std::string>() + "\n";
  text += "  " + with_commas(static_cast<int64_t>(run["useful_tokens_per_second"].get<double>())) +
          " useful tokens/s, " + format_double(run["percent_of_ceiling"].get<double>(), 0) +
          " % of the ceiling, peak memory " + format_bytes(run["peak_memory_bytes"].get<double>()) +
          "\n" + "next: gantry test\n";
  return text;
}

}  // namespace

TrainReport train(const Study& study, const ProgressSink& progress) {
  if (is_answerer_study(study)) return train_answerer(study, progress);
  const auto began = std::chrono::steady_clock::now();
  FileLock lock(study.lock_path(), "training");
  const Settings& settings = study.settings();
  auto store = Store::open_read_only(study.records_path());
  Cases cases = load_cases(study, *store, progress);
  store.reset();
  check_for_training(cases, settings);
  for (const auto& note : cases.notes) tell(progress, note);
  TrainingPlan plan = plan_training(cases, settings);

  Shelf shelf(default_shelf_folder(), read_known_models(data_file("tasks/base-models.toml")));
  ModelFolder base = ModelFolder::open(shelf.find(settings.model.base));
  base.check();
  auto tokenizer = Tokenizer::open(base.path());
  tokenizer->check_fits(base.config().vocab_size);
  WindowSettings windows{
      .prefix = base.about().prefix,
      .max_tokens = std::min(settings.model.max_tokens, base.config().max_tokens),
      .overlap = settings.model.window_overlap,
      .refuse_long = settings.model.long_texts == "refuse"};
  RunIdentity identity{.settings = settings_hash(settings, kTrainingSections),
                       .data = cases.data_hash,
                       .split = cases.split_hash,
                       .weights = base.weights_hash(),
                       .tokenizer = base.tokenizer_hash(),
                       .tables = text_tables_hash(settings)};
  auto folder = study.runs_folder() / identity.run();
  TrainReport report{.run = identity.run(), .folder = folder};
  if (std::filesystem::exists(folder / "run.json")) {
    report.was_done = true;
    report.summary = "trained before with the same data, settings and base: nothing to do\n" +
                     summary_of(read_run(folder), folder);
    write_file_atomically(study.runs_folder() / "latest", identity.run() + "\n");
    return report;
  }
  make_private_folder(folder);

  // The plan points into the cases, which must not move again.
  Work work{study,
            settings,
            progress,
            std::move(cases),
            {},
            std::move(base),
            std::move(tokenizer),
            windows,
            std::move(identity),
            folder,
            static_cast<int>(settings.labels.values.size())};
  work.plan = plan_training(work.cases, settings);

  const ModelFolder trained_on = study_base(work);
  Trained trained;
  run_restarts(work, trained_on, trained);
  tell(progress, Progress{.phase = "fitting the TF-IDF baseline"});
  const NgramCs c{choose_ngram_c(work, false), choose_ngram_c(work, true)};
  score_ngrams(work, c, trained);
  const auto members = serving_restarts(settings, trained.restarts);
  TuningOptions options{.ngram_member = settings.ensemble.tfidf,
                        .tune_weight = settings.ensemble.weights == "tuned",
                        .error_rate = settings.predict.error_rate,
                        .upper_bound = settings.predict.abstention == "upper-bound",
                        .members = members,
                        .bootstrap = {.samples = static_cast<int>(settings.test.bootstrap),
                                      .seed = static_cast<uint64_t>(settings.test.seed),
                                      .level = settings.test.confidence}};
  const TuningChoice choice = choose_on_tuning(covered_by(trained.scores, members), options);
  write_predictor_folder(work, trained_on, choice, members, c);
  write_curves(work, trained);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  Json run = run_json(work, trained, choice, members, c, seconds);
  write_file_atomically(folder / "run.json", run.dump(1) + "\n");
  write_file_atomically(study.runs_folder() / "latest", work.identity.run() + "\n");
  for (size_t r = 0; r < work.plan.rounds.size(); ++r)
    std::filesystem::remove_all(folder / ("work-" + std::to_string(r)));
  std::filesystem::remove_all(folder / "work-pretrain");
  std::filesystem::remove_all(folder / "base");
  report.summary = summary_of(run, folder);
  return report;
}

std::filesystem::path find_run(const Study& study, const std::string& name) {
  std::string wanted = name;
  auto latest = study.runs_folder() / "latest";
  if (wanted.empty() && std::filesystem::exists(latest))
    wanted = std::string(trim(read_file(latest)));
  auto folder = study.runs_folder() / wanted;
  if (wanted.empty() || !std::filesystem::exists(folder / "run.json"))
    throw Error("E0721",
                wanted.empty() ? study.folder().string() + ": nothing has been trained here"
                               : folder.string() + ": no finished run of this name",
                "Run `gantry train` first.");
  return folder;
}

Study study_of_run(const Study& study, const nlohmann::json& run) {
  auto overrides = run.at("overrides").get<std::vector<std::string>>();
  overrides.insert(overrides.end(), study.overrides().begin(), study.overrides().end());
  return Study::open(study.folder(), overrides);
}

nlohmann::json read_run(const std::filesystem::path& run_folder) {
  auto file = run_folder / "run.json";
  try {
    return nlohmann::json::parse(read_file(file));
  } catch (const nlohmann::json::exception& error) {
    throw Error("E0711", file.string() + ": not a run's description (" + error.what() + ")",
                "Train again.");
  }
}

}  // namespace gantry
