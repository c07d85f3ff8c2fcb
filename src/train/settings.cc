#include "train/settings.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "base/error.h"
#include "base/strings.h"
#include "models/parameters.h"
#include "train/check_setting.h"

namespace gantry {

void FineTuneSettings::check() const {
  check_number("classes", classes, 2, 100000);
  check_number("epochs", epochs, 1, 10000);
  check_number("batch_reports", batch_reports, 1, 65536);
  check_number("learning_rate", learning_rate, 0, 1);
  check_number("head_learning_rate", head_learning_rate, 0, 1);
  check_number("warmup_share", warmup_share, 0, 1);
  check_word("schedule", schedule, {"linear", "cosine", "constant"});
  check_number("layer_decay", layer_decay, 0.01, 1);
  check_number("weight_decay", weight_decay, 0, 10);
  check_number("beta1", beta1, 0, 0.9999);
  check_number("beta2", beta2, 0, 0.999999);
  check_number("epsilon", epsilon, 1e-12, 1);
  check_number("clip_norm", clip_norm, 0, 1e9);
  check_number("dropout", dropout, 0, 0.9);
  check_number("attention_dropout", attention_dropout, 0, 0.9);
  check_number("head_dropout", head_dropout, 0, 0.9);
  check_number("label_smoothing", label_smoothing, 0, 0.9);
  if (!class_weights.empty() && class_weights.size() != static_cast<size_t>(classes))
    throw Error("E0611",
                "setting 'class_weights' has " + std::to_string(class_weights.size()) +
                    " values for " + std::to_string(classes) + " classes",
                "Give one weight a class, or none.");
  for (double w : class_weights) check_number("class_weights", w, 0, 1e6);
  check_number("patience", patience, 0, 10000);
  check_word("metric", metric, {"macro_f1", "accuracy", "loss"});
  check_word("pooling", pooling, {"mean", "first"});
  if (pooler && pooling != "first")
    throw Error("E0611", "setting 'pooler' is on with pooling = 'mean'",
                "The architecture's own pooler works on the first token: use pooling = 'first'.");
  check_word("window_pooling", window_pooling, {"mean", "max"});
  check_word("precision", precision, {"auto", "bf16", "fp32"});
  check_word("averaging", averaging, {"none", "ema", "last_epochs"});
  check_number("ema_decay", ema_decay, 0, 0.999999);
  if (averaging == "last_epochs") check_number("averaged_epochs", averaged_epochs, 1, epochs);
  check_number("lora.rank", lora.rank, 0, 4096);
  if (lora.rank == 0) return;
  check_number("lora.alpha", lora.alpha, 0, 1e6);
  check_number("lora.dropout", lora.dropout, 0, 0.9);
  for (const std::string& target : lora.targets)
    check_word("lora.targets", target, lora_target_names());
  if (lora.targets.empty())
    throw Error("E0611", "setting 'lora.targets' is empty", "Name at least one, as query, value.");
}

std::string FineTuneSettings::to_json() const {
  nlohmann::json j = {{"classes", classes},
                      {"epochs", epochs},
                      {"batch_reports", batch_reports},
                      {"even_steps", even_steps},
                      {"learning_rate", learning_rate},
                      {"head_learning_rate", head_learning_rate},
                      {"warmup_share", warmup_share},
                      {"schedule", schedule},
                      {"layer_decay", layer_decay},
                      {"weight_decay", weight_decay},
                      {"beta1", beta1},
                      {"beta2", beta2},
                      {"epsilon", epsilon},
                      {"clip_norm", clip_norm},
                      {"dropout", dropout},
                      {"attention_dropout", attention_dropout},
                      {"head_dropout", head_dropout},
                      {"class_weights", class_weights},
                      {"label_smoothing", label_smoothing},
                      {"patience", patience},
                      {"metric", metric},
                      {"pooling", pooling},
                      {"pooler", pooler},
                      {"window_pooling", window_pooling},
                      {"freeze_embeddings", freeze_embeddings},
                      {"precision", precision},
                      {"averaging", averaging},
                      {"ema_decay", ema_decay},
                      {"averaged_epochs", averaged_epochs},
                      {"seed", seed}};
  j["lora"] = {{"rank", lora.rank},
               {"alpha", lora.alpha},
               {"dropout", lora.dropout},
               {"targets", lora.targets}};
  return j.dump();
}

}  // namespace gantry
