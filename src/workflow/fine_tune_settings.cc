#include "workflow/fine_tune_settings.h"

namespace gantry {
namespace {

std::vector<double> class_weights(const Settings& settings, const std::vector<Example>& training) {
  const auto& rule = settings.train.class_weights;
  if (rule.word == "list") return rule.weight;
  if (rule.word != "balanced") return {};
  std::vector<double> count(settings.labels.values.size());
  for (const auto& example : training) ++count[static_cast<size_t>(example.label)];
  std::vector<double> weight;
  for (double n : count)
    weight.push_back(static_cast<double>(training.size()) /
                     (n * static_cast<double>(count.size())));
  return weight;
}

}  // namespace

FineTuneSettings fine_tune_settings(const Settings& s, const ModelFolder& base,
                                    const std::vector<Example>& training) {
  FineTuneSettings out;
  out.classes = static_cast<int>(s.labels.values.size());
  out.epochs = static_cast<int>(s.train.epochs);
  out.batch_reports = static_cast<int>(s.train.batch_reports);
  out.even_steps = s.train.even_steps;
  out.learning_rate = s.train.learning_rate;
  out.head_learning_rate = s.train.head_learning_rate;
  out.warmup_share = s.train.warmup;
  out.schedule = s.train.schedule;
  out.layer_decay = s.train.layer_decay;
  out.weight_decay = s.train.weight_decay;
  out.beta1 = s.train.beta1;
  out.beta2 = s.train.beta2;
  out.epsilon = s.train.epsilon;
  out.clip_norm = s.train.clip_norm;
  out.dropout = s.train.dropout;
  out.attention_dropout = s.train.attention_dropout;
  out.head_dropout = s.train.head_dropout;
  out.class_weights = class_weights(s, training);
  out.label_smoothing = s.train.label_smoothing;
  out.patience = static_cast<int>(s.train.patience);
  out.metric = s.train.metric;
  out.pooling = s.model.pooling != "auto"      ? s.model.pooling
                : base.about().pooling.empty() ? "mean"
                                               : base.about().pooling;
  out.pooler = s.model.pooler;
  out.window_pooling = s.model.window_pooling;
  out.freeze_embeddings = s.train.freeze_embeddings;
  out.precision = s.model.precision;
  out.averaging = s.train.averaging;
  out.ema_decay = s.train.ema_decay;
  out.averaged_epochs = static_cast<int>(s.train.averaged_epochs);
  out.lora.rank = static_cast<int>(s.lora.rank);
  out.lora.alpha = s.lora.alpha;
  out.lora.dropout = s.lora.dropout;
  out.lora.targets = s.lora.targets;
  if (out.lora.targets == std::vector<std::string>{"auto"}) out.lora.targets = {"query", "value"};
  out.seed = static_cast<uint64_t>(s.train.seed);
  return out;
}

}  // namespace gantry
