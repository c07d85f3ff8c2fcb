// PairTuneSettings: what is allowed, and all of it as JSON.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "models/decoder.h"
#include "train/check_setting.h"
#include "train/pair_tuning.h"

namespace gantry {

void PairTuneSettings::check() const {
  check_number("epochs", epochs, 1, 10000);
  check_number("batch_pairs", batch_pairs, 0, 65536);
  check_number("tokens_a_step", static_cast<double>(tokens_a_step), 1, 1 << 24);
  check_number("pass_tokens", static_cast<double>(pass_tokens), 1, 1 << 20);
  check_number("learning_rate", learning_rate, 0, 1);
  check_number("warmup_share", warmup_share, 0, 1);
  check_word("schedule", schedule, {"linear", "cosine", "constant"});
  check_number("weight_decay", weight_decay, 0, 10);
  check_number("beta1", beta1, 0, 0.9999);
  check_number("beta2", beta2, 0, 0.999999);
  check_number("epsilon", epsilon, 1e-12, 1);
  check_number("clip_norm", clip_norm, 0, 1e9);
  check_number("lora.rank", static_cast<double>(rank), 1, 4096);
  check_number("lora.alpha", alpha, 0, 1e6);
  check_number("lora.dropout", dropout, 0, 0.9);
  if (targets.empty())
    throw Error("E0611", "setting 'lora.targets' is empty",
                "Name at least one, as q_proj, v_proj.");
  for (const std::string& target : targets)
    check_word("lora.targets", target, decoder_lora_targets());
  check_word("base_weights", base_weights, {"fp32", "bf16", "int8", "nf4"});
  check_number("max_tokens", static_cast<double>(max_tokens), 0, 1 << 24);
  check_word("too_long", too_long, {"refuse", "shorten"});
  check_number("patience", patience, 0, 10000);
}

std::string PairTuneSettings::to_json() const {
  const nlohmann::json j = {{"epochs", epochs},
                            {"batch_pairs", batch_pairs},
                            {"tokens_a_step", tokens_a_step},
                            {"pass_tokens", pass_tokens},
                            {"learning_rate", learning_rate},
                            {"warmup_share", warmup_share},
                            {"schedule", schedule},
                            {"weight_decay", weight_decay},
                            {"beta1", beta1},
                            {"beta2", beta2},
                            {"epsilon", epsilon},
                            {"clip_norm", clip_norm},
                            {"lora",
                             {{"rank", rank},
                              {"alpha", alpha},
                              {"dropout", dropout},
                              {"rslora", rslora},
                              {"targets", targets}}},
                            {"base_weights", base_weights},
                            {"recompute", recompute},
                            {"max_tokens", max_tokens},
                            {"too_long", too_long},
                            {"patience", patience},
                            {"seed", seed}};
  return j.dump();
}

}  // namespace gantry
