#!/usr/bin/env bash
# Gantry beside named peers on this machine, in one run: `./run bench [NAME...]`; names: training, inference, lora, decode, seven
# (a file of 7B shape, not among the default), import, accuracy.
# Raw output goes to build/bench; what was measured for the record is kept in docs/benchmarks.md.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/bench
mkdir -p "$out"
shelf=${GANTRY_MODELS:-${XDG_DATA_HOME:-$HOME/.local/share}/gantry/models}
model=$shelf/multilingual-e5-small
peers=build/peers/bin/python
steps=${STEPS:-20}
say() { printf '\n== %s\n' "$*"; }

prepare() {
  [ -x "$peers" ] || bash bench/peers/setup.sh build/peers
  cmake -G Ninja -S . -B build -DGANTRY_BENCH=ON >/dev/null
  ninja -C build encoder_bench ops_bench >/dev/null
  [ -f "$out/whole.jsonl" ] || "$peers" bench/peers/corpus_texts.py corpora/bone-metastasis/*.jsonl --sections whole \
    --out "$out/whole.jsonl"
  [ -f "$out/sections.jsonl" ] || "$peers" bench/peers/corpus_texts.py corpora/bone-metastasis/*.jsonl \
    --sections indication,diagnosis --out "$out/sections.jsonl"
  for texts in whole sections; do
    [ -f "$out/$texts.ids" ] || "$peers" bench/peers/token_ids.py "$model" "$out/$texts.jsonl" --prefix "query: " \
      --out "$out/$texts.ids"
  done
}

# Fine-tuning: useful tokens a second and peak memory, dropout 0.1 in both, batch 16, the same texts.
bench_training() {
  for texts in whole sections; do
    say "fine-tuning multilingual-e5-small on $texts, $steps steps"
    for options in "--precision fp32" "--precision fp32 --sorted" "--precision bf16 --sorted"; do
      echo "-- transformers $options"
      # shellcheck disable=SC2086
      "$peers" bench/peers/finetune_hf.py "$model" "$out/$texts.jsonl" --prefix "query: " $options --steps "$steps" \
        --out "$out/peer.json" | tail -n 3
    done
    for precision in fp32 bf16; do
      echo "-- gantry precision=$precision"
      build/bench/encoder_bench train "$model" "$out/$texts.ids" steps="$steps" precision=$precision
    done
  done
  say "fine-tuning, BERT-base shape"
  build/bench/encoder_bench train bert-base "$out/sections.ids" steps="$steps"
}

# Gantry's side answers with a trained classifier: that of ./run demo.
bench_inference() {
  local trained
  trained=$(ls -d build/demo/runs/run-*/model/member-0 2>/dev/null | head -n 1)
  [ -n "$trained" ] || { say "inference needs a trained classifier: ./run demo first"; return 1; }
  say "inference, 711 whole reports"
  "$peers" bench/peers/infer_peers.py "$model" "$out/whole.jsonl" --prefix "query: " --out "$out/infer.json"
  head -n 711 "$out/whole.ids" >"$out/infer.ids"
  for precision in fp32 bf16 int8; do
    echo "-- gantry precision=$precision"
    build/bench/encoder_bench infer "$trained" "$out/infer.ids" precision=$precision
  done
}

# LoRA on SmolLM2-135M: r 16 on all projections, batch 8, the pairs of the bundled cases.
bench_lora() {
  local decoder=$shelf/smollm2-135m-instruct
  [ -x "$peers" ] || bash bench/peers/setup.sh build/peers
  cmake -G Ninja -S . -B build -DGANTRY_BENCH=ON >/dev/null
  ninja -C build lora_bench gantry >/dev/null
  [ -d "$out/smollm2-hf" ] || build/gantry --quiet model export "$out/smollm2-hf" --hf f32 --model "$decoder"
  [ -f "$out/pairs.ids" ] || "$peers" bench/peers/pair_ids.py "$out/smollm2-hf" corpora/radiation-oncology/*.jsonl \
    --out "$out/pairs.ids"
  [ -f "$out/pairs3.ids" ] || "$peers" bench/peers/pair_ids.py "$out/smollm2-hf" corpora/radiation-oncology/*.jsonl \
    --tasks regimen,modality,icd10 --out "$out/pairs3.ids"
  say "LoRA on SmolLM2-135M, $steps steps of 8 pairs"
  for options in "--precision fp32" "--precision fp32 --sorted" "--precision bf16 --sorted"; do
    # shellcheck disable=SC2086
    "$peers" bench/peers/lora_hf.py "$out/smollm2-hf" "$out/pairs.ids" $options --steps "$steps" 2>/dev/null | tail -n 1
  done
  for base in bf16 fp32 int8 nf4; do
    build/bench/lora_bench "$decoder" "$out/pairs.ids" steps="$steps" base=$base | tail -n 1
  done
  echo "-- three tasks of a case share its text (24 pairs a step)"
  build/bench/lora_bench "$decoder" "$out/pairs3.ids" steps="$steps" batch=24 | tail -n 1
  say "LoRA, the same 40 steps in both, dropout off"
  build/bench/lora_bench "$decoder" "$out/pairs.ids" steps=40 dropout=0 base=fp32 curve="$out/lora.curve" | tail -n 1
  "$peers" bench/peers/lora_hf.py "$out/smollm2-hf" "$out/pairs.ids" --dropout 0 --curve "$out/lora.curve" 2>/dev/null
}

# llama.cpp is built with this machine's own instructions, which takes minutes: only where it is asked for.
prepare_llama_cpp() {
  [ -x "$peers" ] || bash bench/peers/setup.sh build/peers
  "$peers" -c 'import llama_cpp, gguf' 2>/dev/null || build/peers/bin/pip install --quiet llama-cpp-python gguf
}

# Answering beside llama.cpp on the same GGUF: prompt, decoding, a closed set of 500 cases (the peer: 20 of them).
bench_decode() {
  local gguf labels=(photon electron "photon and electron" proton brachytherapy)
  gguf=$(ls "$shelf"/smollm2-135m-instruct/*.gguf)
  prepare_llama_cpp
  cmake -G Ninja -S . -B build -DGANTRY_BENCH=ON >/dev/null
  ninja -C build decode_bench >/dev/null
  "$peers" bench/peers/closed_set_prompts.py corpora/radiation-oncology/*.jsonl --out "$out/closed.txt"
  say "SmolLM2-135M Q4_1: prompt of 512 tokens, 64 tokens decoded"
  "$peers" bench/peers/answer_llama_cpp.py speed "$gguf"
  for rows in int8 int16; do build/bench/decode_bench speed "$gguf" activations=$rows; done
  say "closed set of ${#labels[@]} answers"
  "$peers" bench/peers/answer_llama_cpp.py closed "$gguf" "$out/closed.txt" "${labels[@]}" --cases 20
  "$peers" bench/peers/answer_llama_cpp.py closed "$gguf" "$out/closed.txt" "${labels[@]}" --cases 20 --keep-prefix
  for rows in int8 int16; do build/bench/decode_bench closed "$gguf" "$out/closed.txt" "${labels[@]}" activations=$rows; done
}

# A file of LLaMA-2-7B's shape, random weights in 4 and 8 bits, one at a time: 4 and 7 GB of disk and memory.
# VOCABULARY: a GGUF that holds LLaMA's tokenizer alone, of which the file needs a copy (llama.cpp's ggml-vocab-llama-spm.gguf).
bench_seven() {
  local file=$out/seven.gguf type
  [ -f "${VOCABULARY:-}" ] || { say "seven: name a GGUF with LLaMA's vocabulary in VOCABULARY"; return 1; }
  prepare_llama_cpp
  cmake -G Ninja -S . -B build -DGANTRY_BENCH=ON >/dev/null
  ninja -C build decode_bench >/dev/null
  for type in q4_0 q8_0; do
    rm -f "$file"
    "$peers" bench/peers/random_llama.py "$file" --type $type --vocabulary "$VOCABULARY"
    say "LLaMA-2-7B shape, $type: prompt of ${PROMPT:-128} tokens, ${DECODE:-16} decoded"
    "$peers" bench/peers/answer_llama_cpp.py speed "$file" --prompt "${PROMPT:-128}" --decode "${DECODE:-16}" --repeat 2
    for rows in int8 int16; do
      build/bench/decode_bench speed "$file" prompt="${PROMPT:-128}" decode="${DECODE:-16}" repeat=2 activations=$rows
    done
  done
  rm -f "$file"
}

bench_import() {
  say "a million rows"
  sh bench/import.sh 1000000 build/gantry
}

# Leave one hospital out: the default recipe, the plain TF-IDF baseline and, with HF=1, a Hugging Face fine-tuning.
# The task's recipe, plain TF-IDF and a Hugging Face fine-tuning on the same folds; hours on two cores.
bench_accuracy() {
  local hospitals=${HOSPITALS:-hb he hh hj hk}
  bash bench/leave_one_hospital_out.sh build/gantry "$out/accuracy" "$hospitals"
  say "transformers"
  bash bench/peers/leave_one_hospital_out_hf.sh "$peers" "$model" "$out/sections.jsonl" "$out/accuracy-hf" "$hospitals" \
    --freeze-embeddings --epochs 6 --rate 1e-4
  say "pooled"
  local folds=() hospital
  for hospital in $hospitals; do folds+=("$hospital=$out/accuracy/$hospital"); done
  "$peers" bench/peers/pooled_folds.py corpora/bone-metastasis "$out/accuracy-hf" "${folds[@]}"
}

[ $# -gt 0 ] || set -- training inference lora decode import accuracy
case " $* " in *" training "* | *" inference "* | *" accuracy "*) prepare ;; esac
for bench in "$@"; do "bench_$bench"; done
