// FineTuneSettings: everything that decides how an encoder is fine-tuned. The same settings, data
// and machine give the same bits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gantry {

struct LoraSettings {
  int rank = 0;  // 0: full fine-tuning
  double alpha = 16;
  double dropout = 0;
  // Of: query, key, value, attention.output.dense, intermediate.dense, output.dense.
  std::vector<std::string> targets = {"query", "value"};
};

struct FineTuneSettings {
  int classes = 0;
  int epochs = 8;
  int batch_reports = 16;  // reports a step
  // Sorts shuffled reports into steps of like token count. Off: a plain seeded shuffle, so that a
  // loss curve can be laid beside a peer's that was given the same order.
  bool even_steps = false;

  double learning_rate = 1e-4;
  double head_learning_rate = 0;    // 0: as learning_rate
  double warmup_share = 0.1;        // of all steps
  std::string schedule = "linear";  // linear | cosine | constant
  double layer_decay = 1;           // rate of layer l is learning_rate * layer_decay^(layers - l)
  double weight_decay = 0.01;       // not for biases and LayerNorm
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip_norm = 1;  // of the global gradient norm; 0: off

  double dropout = 0.1;               // hidden states
  double attention_dropout = 0.1;     // attention probabilities
  double head_dropout = 0.1;          // before the classifier
  std::vector<double> class_weights;  // empty: all 1
  double label_smoothing = 0;

  int patience = 0;                     // epochs without a better metric before stopping; 0: off
  std::string metric = "macro_f1";      // macro_f1 | accuracy | loss: chooses the epoch
  std::string pooling = "mean";         // mean | first
  bool pooler = false;                  // the architecture's own pooler (pooling = first only)
  std::string window_pooling = "mean";  // mean | max: over the windows of one report, on the logits
  bool freeze_embeddings = false;
  std::string precision = "auto";  // auto | bf16 | fp32
  std::string averaging = "none";  // none | ema | last_epochs: the weights that are tested and kept
  double ema_decay = 0.99;         // a step, averaging = ema
  int averaged_epochs = 3;         // averaging = last_epochs

  LoraSettings lora;
  uint64_t seed = 1;

  // Error E0611 naming the setting, its value and what is allowed.
  void check() const;
  // All values, sorted keys: goes into the run identity and the checkpoint.
  std::string to_json() const;
};

}  // namespace gantry
