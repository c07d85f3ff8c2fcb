#include "workflow/answerer_training.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "records/store.h"
#include "study/data_folder.h"
#include "train/pair_tuning.h"
#include "weights/decoder_folder.h"
#include "weights/decoder_tokenizer.h"
#include "weights/model_folder.h"
#include "weights/shelf.h"
#include "workflow/answerer_evidence.h"
#include "workflow/answerer_run_json.h"
#include "workflow/encoder_voice.h"
#include "workflow/pair_maker.h"
#include "workflow/run_identity.h"
#include "workflow/similar_cases.h"
#include "workflow/training_plan.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

// The settings that decide what is trained; test, predict and the machine do not.
constexpr std::string_view kAnswererTrainingSections[] = {
    "study", "labels",   "codes", "prompt", "regimen", "sections", "focus", "cohort",
    "split", "sampling", "model", "lora",   "train",   "ensemble", "tfidf"};

// Everything one training works on.
struct AnswererWork {
  const Study& study;
  const Settings& settings;
  const ProgressSink& progress;
  Cases cases;
  TrainingPlan plan;
  std::vector<CodeReading> codes_read;  // cases whose code was not read as it stands
  std::optional<DecoderFolder> base;    // a causal language model
  std::filesystem::path encoder;        // or an encoder; neither: rankers alone
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<ChatTemplates> chats;
  std::unique_ptr<PromptMaker> maker;
  RunIdentity identity;
  std::filesystem::path folder;

  std::vector<const Case*> pick(const std::vector<size_t>& indices) const {
    std::vector<const Case*> out;
    for (size_t i : indices) out.push_back(plan.cases[i]);
    return out;
  }
  // The same as the owner of the cases.
  std::vector<Case*> changeable(const std::vector<size_t>& indices) {
    std::vector<Case*> out;
    for (size_t i : indices)
      out.push_back(&cases.cases[static_cast<size_t>(plan.cases[i] - cases.cases.data())]);
    return out;
  }
};

std::filesystem::path base_path(const Settings& settings) {
  Shelf shelf(default_shelf_folder(), read_known_models(data_file("tasks/base-models.toml")));
  return shelf.find(settings.model.base);
}

void open_base(AnswererWork& work) {
  if (work.settings.model.base == kNoBase) return;
  const auto path = base_path(work.settings);
  if (!DecoderFolder::is_decoder(path)) {
    work.encoder = path;
    return;
  }
  work.base.emplace(DecoderFolder::open(path));
  work.base->check();
  work.tokenizer = open_decoder_tokenizer(*work.base);
  work.chats.emplace(known_chat_templates());
  const ChatTemplate& chat = chat_template_for(*work.chats, work.settings,
                                               chat_template_text(*work.base), work.base->name());
  work.maker = std::make_unique<PromptMaker>(
      work.settings, *work.tokenizer, chat,
      std::min<int64_t>(work.settings.model.max_tokens, work.base->config().context));
  work.maker->check_columns(work.plan.cases);
}

// What a base cannot do, said before anything is read.
void check_base_settings(const Settings& settings) {
  if (settings.model.base == kNoBase) return;
  auto refuse = [](const std::string& what, const std::string& remedy) {
    throw Error("E0724", what, remedy);
  };
  if (!DecoderFolder::is_decoder(base_path(settings))) {
    if (settings.study.asks("text"))
      refuse("base model '" + settings.model.base + "' is an encoder: it cannot write free text",
             "Take \"text\" out of study.answers, or use a causal language model.");
    return;
  }
  if (settings.lora.rank < 1)
    refuse("lora.rank = 0: a causal language model is tuned by adapters only",
           "Set lora.rank, for example to 16.");
  if (settings.ensemble.members == "all" && settings.train.runs > 1)
    refuse("ensemble.members = \"all\": of a causal language model's restarts the best one serves",
           "Set ensemble.members = \"best\".");
  if (settings.pretrain.passes > 0)
    refuse("pretrain.passes: masked-language pretraining is for encoders", "Set it to 0.");
}

std::vector<AdapterGroup> adapter_groups(const AnswererWork& work) {
  std::vector<AdapterGroup> out;
  const auto kinds = questions_of(work.settings);
  const bool encoder = !work.encoder.empty();
  if (!encoder && (work.settings.train.adapters == "one" || kinds.size() == 1)) {
    out.push_back({"adapter", kinds});
  } else {
    for (AnswerKind kind : kinds)
      out.push_back({(encoder ? "encoder-" : "adapter-") + std::string(word_of(kind)), {kind}});
  }
  return out;
}

void tell_restart(const AnswererWork& work, const AdapterGroup& group, const TrainingRound& round) {
  const PairTuneResult& result = group.restarts.back();
  const PairEpochRecord& best = result.epochs[static_cast<size_t>(result.best_epoch)];
  tell(work.progress,
       group.name + ", restart " + std::to_string(result.restart + 1) + " of " +
           std::to_string(work.plan.round_of.size()) + ": loss of an answer's token " +
           format_double(best.tuning_loss, 4) + " on the " + round.tuned_on +
           " (n = " + std::to_string(round.tuning.size()) + " cases), epoch " +
           std::to_string(result.best_epoch + 1) + "; " +
           with_commas(static_cast<int64_t>(result.useful_tokens_per_second)) + " tokens/s, " +
           format_double(result.percent_of_ceiling, 0) + " % of the ceiling");
}

// All restarts of one adapter, round by round, so that one base at a time lies in memory.
void tune_group(AnswererWork& work, AdapterGroup& group, std::vector<std::string>& refused) {
  const auto limit = work.maker->context();
  for (size_t r = 0; r < work.plan.rounds.size(); ++r) {
    const TrainingRound& round = work.plan.rounds[r];
    const auto tuning_cases = work.pick(round.tuning);
    for (AnswerKind kind : group.kinds)
      if (shows_others(work.settings, kind))
        show_others_in_training(work.changeable(round.training), work.changeable(round.tuning),
                                kind, work.settings);
    MadePairs training =
        make_pairs(*work.maker, work.pick(round.training), group.kinds, work.settings);
    MadePairs tuning = make_pairs(*work.maker, tuning_cases, group.kinds, work.settings);
    for (auto* list : {&training.refused, &tuning.refused})
      refused.insert(refused.end(), list->begin(), list->end());
    PairTuner tuner(*work.base, pair_tune_settings(work.settings, group.kinds.size(), limit),
                    std::move(training.pairs), std::move(tuning.pairs),
                    work.folder / ("work-" + group.name + "-" + std::to_string(r)), work.progress,
                    closed_set_metric(*work.maker, tuning_cases, work.settings),
                    [&](int32_t id) { return work.tokenizer->decode(std::span(&id, 1), true); });
    if (r == 0) {
      group.memory_table = tuner.memory_table();
      group.masked_sample = tuner.masked_sample();
      tell(work.progress, group.memory_table);
      tell(work.progress,
           "the first training pair; what carries the loss is marked:\n" + group.masked_sample);
    }
    group.memory_bytes = std::max(group.memory_bytes, tuner.memory_bytes());
    group.ceiling = tuner.ceiling_tokens_per_second();
    for (const ShortenedPair& one : tuner.shortened())
      group.shortened.push_back(one.id + ": " + std::to_string(one.taken_out) + " of " +
                                std::to_string(one.tokens) + " tokens of the text taken out");
    for (size_t restart = 0; restart < work.plan.round_of.size(); ++restart) {
      if (work.plan.round_of[restart] != static_cast<int>(r)) continue;
      group.restarts.push_back(tuner.run(static_cast<int>(restart)));
      group.round_of.push_back(static_cast<int>(r));
      const auto place = work.folder / "adapters" / (group.name + "-" + std::to_string(restart));
      std::filesystem::remove_all(place);  // there where a run was cut off behind this restart
      tuner.write_adapter(static_cast<int>(restart), place);
      tell_restart(work, group, round);
    }
  }
  for (size_t i = 1; i < group.restarts.size(); ++i)
    if (group.restarts[i].best_metric > group.restarts[static_cast<size_t>(group.best)].best_metric)
      group.best = static_cast<int>(i);
}

void copy_adapter(const AnswererWork& work, const AdapterGroup& group,
                  const std::filesystem::path& folder) {
  const int restart = group.restarts[static_cast<size_t>(group.best)].restart;
  const auto to = folder / group.name;
  std::filesystem::remove_all(to);
  std::filesystem::copy(work.folder / "adapters" / (group.name + "-" + std::to_string(restart)), to,
                        std::filesystem::copy_options::recursive);
}

StudyAnswererFile describe(const AnswererWork& work, const std::vector<AdapterGroup>& groups) {
  StudyAnswererFile out;
  out.run = work.identity.run();
  out.base = work.settings.model.base;
  out.base_hash = work.identity.weights;
  for (const AdapterGroup& group : groups)
    if (!group.restarts.empty())
      for (AnswerKind kind : group.kinds) out.adapters[kind] = group.name;
  out.labels = work.settings.labels.values;
  if (work.settings.study.asks("codes")) {
    const auto codes = open_study_codes(work.settings);
    out.code_list = codes->whole.name();
    out.code_edition = codes->whole.edition();
    out.code_hash = codes->hash();
  }
  return out;
}

// Steps of the loss, one line each.
void write_curves(const AnswererWork& work, const std::vector<AdapterGroup>& groups) {
  std::string epochs = "adapter,restart,epoch,training_loss,tuning_loss,metric,seconds\n";
  std::string steps =
      "adapter,restart,step,loss,learning_rate,gradient_norm,tokens,computed,labels,seconds,"
      "tokens_per_second\n";
  for (const AdapterGroup& group : groups)
    for (const PairTuneResult& result : group.restarts) {
      const std::string head = group.name + "," + std::to_string(result.restart + 1) + ",";
      for (size_t e = 0; e < result.epochs.size(); ++e) {
        const PairEpochRecord& r = result.epochs[e];
        epochs += head + std::to_string(e + 1) + "," + format_double(r.training_loss, 6) + "," +
                  format_double(r.tuning_loss, 6) + "," + format_double(r.metric, 6) + "," +
                  format_double(r.seconds, 3) + "\n";
      }
      for (size_t i = 0; i < result.steps.size(); ++i) {
        const PairStepRecord& r = result.steps[i];
        steps += head + std::to_string(i + 1) + "," + format_double(r.loss, 6) + "," +
                 format_double(r.learning_rate, 9) + "," + format_double(r.gradient_norm, 6) + "," +
                 std::to_string(r.tokens) + "," + std::to_string(r.computed) + "," +
                 std::to_string(r.labels) + "," + format_double(r.seconds, 4) + "," +
                 format_double(r.seconds > 0 ? r.tokens / r.seconds : 0, 1) + "\n";
      }
    }
  write_file_atomically(work.folder / "epochs.csv", epochs);
  write_file_atomically(work.folder / "steps.csv", steps);
}

RunIdentity identity_of(const AnswererWork& work) {
  RunIdentity out{.settings = settings_hash(work.settings, kAnswererTrainingSections),
                  .data = work.cases.data_hash,
                  .split = work.cases.split_hash,
                  .tables = text_tables_hash(work.settings)};
  if (work.base) {
    out.weights = work.base->weights_hash();
    out.tokenizer = work.tokenizer->hash();
  } else if (!work.encoder.empty()) {
    const ModelFolder encoder = ModelFolder::open(work.encoder);
    out.weights = encoder.weights_hash();
    out.tokenizer = encoder.tokenizer_hash();
  }
  const std::string& concepts = work.settings.codes.concepts;
  if (work.settings.study.asks("codes"))
    out.codes = open_study_codes(work.settings)->hash() +
                (concepts.empty() ? "" : sha256_of_file(data_file("tasks/" + concepts)));
  return out;
}

void finish(AnswererWork& work, const std::vector<AdapterGroup>& groups) {
  std::filesystem::remove_all(work.folder / "adapters");
  for (const AdapterGroup& group : groups)
    for (size_t r = 0; r < work.plan.rounds.size(); ++r)
      std::filesystem::remove_all(work.folder / ("work-" + group.name + "-" + std::to_string(r)));
}

}  // namespace

bool is_answerer_study(const Study& study) {
  const Settings& settings = study.settings();
  if (settings.model.base == kNoBase) return true;
  // An encoder for one closed set is trained by train() itself, as one classifier with windows,
  // members and shaded failures.
  if (settings.study.answers != std::vector<std::string>{"closed-set"}) return true;
  return DecoderFolder::is_decoder(base_path(settings));
}

TrainReport train_answerer(const Study& study, const ProgressSink& progress) {
  const auto began = std::chrono::steady_clock::now();
  FileLock lock(study.lock_path(), "training");
  const Settings& settings = study.settings();
  check_base_settings(settings);
  AnswererWork work{.study = study, .settings = settings, .progress = progress};
  auto store = Store::open_read_only(study.records_path());
  work.cases = load_cases(study, *store, progress, [&](const Case& one) {
    if (one.dropped_at == "code") work.codes_read.push_back({one.id, one.source, "", one.dropped});
  });
  store.reset();
  for (const Case& one : work.cases.cases)
    if (!one.code_note.empty())
      work.codes_read.push_back({one.id, one.source, one.code, one.code_note});
  check_for_training(work.cases, settings);
  for (const auto& note : work.cases.notes) tell(progress, note);
  work.plan = plan_training(work.cases, settings);
  open_base(work);
  work.identity = identity_of(work);
  work.folder = study.runs_folder() / work.identity.run();
  TrainReport report{.run = work.identity.run(), .folder = work.folder};
  if (std::filesystem::exists(work.folder / "run.json")) {
    report.was_done = true;
    report.summary = "trained before with the same data, settings and base: nothing to do\n" +
                     answerer_summary(read_run(work.folder), work.folder);
    write_file_atomically(study.runs_folder() / "latest", report.run + "\n");
    return report;
  }
  make_private_folder(work.folder);

  std::vector<AdapterGroup> groups = adapter_groups(work);
  std::vector<std::string> refused;
  for (AdapterGroup& group : groups) {
    if (work.base) tune_group(work, group, refused);
    if (!work.encoder.empty())
      tune_encoder(work.encoder, work.plan, settings, work.folder, progress, group);
  }
  const auto partial = work.folder / "model.partial";
  std::filesystem::remove_all(partial);
  make_private_folder(partial);
  for (const AdapterGroup& group : groups)
    if (!group.restarts.empty()) copy_adapter(work, group, partial);

  StudyAnswererFile about = describe(work, groups);
  const AnswererEvidence evidence =
      weigh_answerer(work.plan, groups, partial, about, settings, progress);
  std::filesystem::remove_all(work.folder / "model");
  std::filesystem::rename(partial, work.folder / "model");
  write_curves(work, groups);

  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const AnswererRun facts{.study = study,
                          .cases = work.cases,
                          .plan = work.plan,
                          .identity = work.identity,
                          .groups = groups,
                          .evidence = evidence,
                          .about = about,
                          .codes_read = work.codes_read,
                          .refused = refused,
                          .chat = work.maker ? work.maker->chat_name() : "",
                          .seconds = seconds};
  const Json run = answerer_run_json(facts);
  write_file_atomically(work.folder / "run.json", run.dump(1) + "\n");
  write_file_atomically(study.runs_folder() / "latest", work.identity.run() + "\n");
  finish(work, groups);
  report.summary = answerer_summary(run, work.folder);
  return report;
}

}  // namespace gantry
