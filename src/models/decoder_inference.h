// DecoderInference: the forward pass of LLaMA- and Mistral-class models for answering: many
// sequences at once, keys and values kept in pages that sequences share.
//
//   DecoderInference engine(base.config(), weights, {});
//   Sequence prompt = engine.open();
//   engine.add(prompt, prompt_ids, Wanted::kLast);
//   engine.run([&](int64_t row, Matrix<const float> logits) { ... });
//   Sequence a = engine.fork(prompt), b = engine.fork(prompt);   // two answers behind one prompt
//   engine.add(a, {token_a}, Wanted::kLast); engine.add(b, {token_b}, Wanted::kLast);
//   engine.run(...);                                             // one packed pass
//
// A forked sequence may be added to in the pass that computes what it was forked from. A row's
// result does not depend on what else is in the pass, on how the pass was cut, or on threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/inference_weights.h"
#include "models/kv_cache.h"
#include "ops/block_product.h"
#include "ops/paged_attention.h"
#include "ops/rope.h"
#include "tensor/matrix.h"
#include "weights/decoder_config.h"

namespace gantry {

enum class Wanted { kNone, kLast, kAll };  // rows whose logits are computed

struct DecoderInferenceOptions {
  ProductRows::Form activations = ProductRows::kInt16;
  int64_t pass_rows = 384;   // rows computed together; more are cut into passes
  int64_t logit_rows = 48;   // rows of logits that exist at a time
  int64_t cache_tokens = 0;  // positions kept at most, all sequences together; 0: no bound
};

// Bytes of keys and values of one position, of the buffers of a pass.
int64_t cache_bytes_per_token(const DecoderConfig& config);
int64_t pass_bytes(const DecoderConfig& config, const DecoderInferenceOptions& options);

class DecoderInference {
 public:
  // `weights` must outlive this.
  DecoderInference(const DecoderConfig& config, const DecoderInferenceWeights& weights,
                   const DecoderInferenceOptions& options);
  ~DecoderInference();

  const DecoderConfig& config() const;

  Sequence open();
  // Shares everything of `sequence` so far, what is planned included. copy_tail: the last, partly
  // filled page is copied where it is computed already, so that many short forks do not each hold a
  // page of their own.
  Sequence fork(Sequence sequence, bool copy_tail = false);
  // The sequence as it was when it was `length` long.
  Sequence fork_at(Sequence sequence, int64_t length);
  void close(Sequence sequence);
  // Closes every sequence and forgets what is planned: after an Error.
  void reset();
  int64_t length(Sequence sequence) const;  // what is planned included

  // Plans tokens behind the sequence's end. Returns the number of its first row of logits in the
  // coming run() (rows are counted in the order of the calls). Error E0767 when the cache is full.
  int64_t add(Sequence sequence, std::span<const int32_t> tokens, Wanted wanted);
  int64_t planned_rows() const;

  // Computes what is planned. `sink` is called with consecutive rows of logits [n, vocabulary], the
  // first of them number `row`; they are gone when it returns.
  using LogitSink = std::function<void(int64_t row, Matrix<const float> logits)>;
  void run(const LogitSink& sink);

  int64_t tokens_kept() const;      // positions of all pages in use
  int64_t cache_bytes() const;      // allocated so far
  int64_t free_tokens() const;      // that can still be kept (a large number without a bound)
  int64_t computed_tokens() const;  // rows run since the start

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry
