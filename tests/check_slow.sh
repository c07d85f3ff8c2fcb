#!/usr/bin/env bash
# Checks that take long or need more than the tests' packages. `./run check-slow` runs all; names choose some:
#   fuzz [SECONDS [TARGET]]   every fuzz target (or one: regimen), ten minutes each unless told
#   exports          Hugging Face opens the exported classifier: same logits
#   adapters         PEFT, transformers and llama.cpp open adapters, merged models and GGUF files: same answers
#   browser          report.html in headless Chromium: renders, prints, asks for nothing from the network
#   interrupts       kill -9 in the middle of training, then on to the same bits
#   package          the .deb installs, runs and is removed cleanly (needs root)
set -euo pipefail
cd "$(dirname "$0")/.."
gantry=$PWD/build/gantry
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '== %s\n' "$*" >&2; }

small_study() {  # small_study FOLDER: two hospitals, the small random encoder of the tests
  mkdir -p "$work/shelf"
  [ -d "$work/shelf/small" ] || cp -r tests/data/small-encoder "$work/shelf/small"
  export GANTRY_MODELS=$work/shelf
  "$gantry" --quiet init "$1" --task bone-metastasis
  "$gantry" --quiet import --study "$1" corpora/bone-metastasis/ha.jsonl corpora/bone-metastasis/hb.jsonl
}
quick=(base=small runs=2 epochs=3 model.max_tokens=128 window_overlap=16 bootstrap=200)

# Files that show a fuzz target what its input looks like; the other targets find out by themselves.
fuzz_seeds() {  # fuzz_seeds TARGET FOLDER
  local d=tests/data
  case $1 in
    bert_vocabulary_fuzz) cp $d/tokenizers/vocab-lower/vocab.txt "$2" ;;
    case_lists_fuzz) grep -ohE '"(diagnoses|plans)": \[[^]]*\]' corpora/radiation-oncology/*.jsonl | head -n 40 | cut -d: -f2- |
      split -l 1 - "$2/cell-" ;;
    chat_template_fuzz) cp tasks/chat-templates.toml "$2" ;;
    code_list_fuzz) cp $d/codes/* "$2" ;;
    csv_fuzz) cp $d/codes/list.tsv "$2" ;;
    decoder_config_fuzz) for f in $d/decoder/*/config.json; do cp "$f" "$2/$(basename "$(dirname "$f")")"; done
      cp $d/weights/gguf/*.gguf "$2" ;;
    encoder_config_fuzz) for f in $d/{encoder,weights}/*/config.json; do cp "$f" "$2/$(basename "$(dirname "$f")")"; done ;;
    gguf_fuzz) cp $d/weights/gguf/*.gguf "$2" ;;
    jsonl_fuzz) head -n 3 corpora/bone-metastasis/ha.jsonl >"$2/reports"; head -n 2 corpora/radiation-oncology/*.jsonl >"$2/cases" ;;
    regimen_fuzz) grep -v "^#" $d/regimens/shorthand.tsv | cut -f 5 | split -l 1 - "$2/regimen-" ;;
    safetensors_fuzz) cp $d/weights/bert-bare/*.safetensors "$2" ;;
    adapter_fuzz) for f in $d/weights/peft-*; do
      { cat "$f/adapter_config.json"; printf '\0'; cat "$f/adapter_model.safetensors"; } >"$2/$(basename "$f")"; done ;;
    sections_fuzz) cp tasks/headings.toml "$2"; head -n 40 $d/sections/styles.jsonl | split -l 1 - "$2/report-" ;;
    sentencepiece_fuzz) cp $d/tokenizers/spm-bpe/*.model "$2" ;;
    study_toml_fuzz) cp tasks/bone-metastasis.toml tasks/radonc.toml "$2" ;;
    task_tables_fuzz) cp tasks/*.tsv tasks/radiotherapy-terms.toml tasks/base-models.toml tasks/code-lists.toml "$2" ;;
    tokenizer_json_fuzz) for f in $d/tokenizers/{bpe-words,unigram,wordpiece-lower}/tokenizer.json; do
      cp "$f" "$2/$(basename "$(dirname "$f")")"; done ;;
  esac
}

check_fuzz() {
  local seconds=${1:-600} target name corpus
  CC=clang-14 CXX=clang++-14 cmake -G Ninja -S . -B build-fuzz -DGANTRY_FUZZ=ON -DGANTRY_TESTS=OFF >/dev/null
  ninja -C build-fuzz >/dev/null
  for target in build-fuzz/tests/fuzz/${2:-*}_fuzz; do
    name=$(basename "$target")
    corpus=$work/corpus-$name
    say "$name for $seconds s"
    mkdir -p "$corpus"
    fuzz_seeds "$name" "$corpus"
    GANTRY_DATA=$PWD "$target" -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=20 -print_final_stats=1 \
      -artifact_prefix="$PWD/build-fuzz/$name-" "$corpus" >"$work/fuzz.log" 2>&1 || { tail -40 "$work/fuzz.log"; return 1; }
    grep -E 'number_of_executed_units' "$work/fuzz.log" >&2
  done
}

check_exports() {
  [ -x build/peers/bin/python ] || bash bench/peers/setup.sh
  for pooling in mean first first+pooler; do
    small_study "$work/export-$pooling"
    "$gantry" --quiet train --study "$work/export-$pooling" "${quick[@]}" ensemble.members=best ensemble.tfidf=false \
      train.tuning=fixed model.precision=fp32 \
      model.pooling="${pooling%+pooler}" model.pooler="$([[ $pooling = *+pooler ]] && echo true || echo false)"
    "$gantry" --quiet model export --study "$work/export-$pooling" "$work/exported-$pooling"
    build/peers/bin/python tests/oracles/exported_logits.py "$work/exported-$pooling" "$gantry" \
      "$work/export-$pooling" corpora/bone-metastasis/hc.jsonl
  done
}

check_adapters() {
  [ -x build/peers/bin/python ] || bash bench/peers/setup.sh
  build/peers/bin/python -c 'import llama_cpp' 2>/dev/null || build/peers/bin/pip install -q llama-cpp-python
  unset GANTRY_MODELS
  mkdir -p "$work/kept" "$work/adapters"
  ninja -C build train_test >/dev/null
  GANTRY_KEEP_ADAPTERS=$work/kept build/src/train/train_test --gtest_filter='*TheAdapterComesBack*' >/dev/null
  build/peers/bin/python tests/oracles/adapter_check.py "$gantry" smollm2-135m-instruct "$work/adapters" "$work/kept"
}

check_browser() {
  small_study "$work/browser"
  "$gantry" --quiet train --study "$work/browser" "${quick[@]}"
  "$gantry" --quiet test --study "$work/browser"
  local page
  page=$(ls "$work"/browser/tests/run-*/report.html)
  # Every address the page could ask for is inside it: no src, href or url() that leaves the file.
  if grep -nE '(src|href)="?https?:|url\(["'"'"']?https?:' "$page"; then say "the report asks for something outside"; return 1; fi
  tests/report_in_browser.sh "$page"
  say "report rendered and printed"
}

check_interrupts() {
  small_study "$work/straight"
  cp -r "$work/straight" "$work/broken"
  "$gantry" --quiet train --study "$work/straight" "${quick[@]}" epochs=12
  local run
  run=$(cat "$work/straight/runs/latest")
  for delay in 0.4 0.7 1.0 1.5 2.2; do
    "$gantry" --quiet train --study "$work/broken" "${quick[@]}" epochs=12 2>/dev/null &
    local pid=$!
    sleep "$delay"
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
  done
  "$gantry" --quiet train --study "$work/broken" "${quick[@]}" epochs=12
  for member in "$work/straight/runs/$run"/model/member-*; do
    cmp "$member/model.safetensors" "$work/broken/runs/$run/model/$(basename "$member")/model.safetensors"
  done
  say "killed five times, the same bits"
  check_decoder_interrupts
}

# The same for a causal language model's adapter.
check_decoder_interrupts() {
  unset GANTRY_MODELS
  if ! "$gantry" model list | grep -q "^smollm2-135m-instruct *here"; then
    say "smollm2-135m-instruct is not on the shelf: the decoder is not interrupted"
    return
  fi
  "$gantry" --quiet init "$work/adapter" --task rt-modality 'split.test_sources=["rb"]'
  for clinic in ra rb; do head -n 40 corpora/radiation-oncology/$clinic.jsonl >"$work/$clinic.jsonl"; done
  "$gantry" --quiet import --study "$work/adapter" "$work/ra.jsonl" "$work/rb.jsonl"
  cp -r "$work/adapter" "$work/cut-adapter"
  local how=(train.tuning=fixed epochs=3 bootstrap=200) run delay pid
  "$gantry" --quiet train --study "$work/adapter" "${how[@]}"
  run=$(cat "$work/adapter/runs/latest")
  for delay in 5 9 14 20; do
    "$gantry" --quiet train --study "$work/cut-adapter" "${how[@]}" 2>/dev/null &
    pid=$!
    sleep "$delay"
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
  done
  "$gantry" --quiet train --study "$work/cut-adapter" "${how[@]}"
  cmp "$work"/{adapter,cut-adapter}/runs/"$run"/model/adapter/adapter_model.safetensors
  say "a decoder killed four times, the same bits"
}

# What an installed gantry has beside it, and that it runs from there: no sources, no network, no Python.
installed_runs() {  # installed_runs PREFIX
  for file in bin/gantry share/man/man1/gantry.1* share/gantry/tasks/headings.toml share/doc/gantry*/README.md* \
    share/bash-completion/completions/gantry share/zsh/vendor-completions/_gantry \
    share/fish/vendor_completions.d/gantry.fish; do
    compgen -G "$1/$file" >/dev/null || { say "$1/$file is not there"; return 1; }
  done
  mkdir -p "$work/installed" "$work/shelf"
  [ -d "$work/shelf/small" ] || cp -r tests/data/small-encoder "$work/shelf/small"
  cp corpora/bone-metastasis/h[ab].jsonl "$work/installed"
  (cd "$work/installed" && env -i HOME="$work" GANTRY_MODELS="$work/shelf" PATH=/nowhere LANG=C.UTF-8 \
    /usr/bin/unshare --user --map-root-user --net /bin/bash -ec "
      '$1/bin/gantry' doctor >doctor.txt
      '$1/bin/gantry' --quiet init s --task bone-metastasis
      '$1/bin/gantry' --quiet import --study s ha.jsonl hb.jsonl
      '$1/bin/gantry' --quiet train --study s ${quick[*]}
      '$1/bin/gantry' --quiet test --study s
      '$1/bin/gantry' --quiet predict --study s hb.jsonl --out predictions.jsonl")
  [ "$(wc -l <"$work/installed/predictions.jsonl")" -eq 120 ]
  rm -r "$work/installed"
}

check_package() {
  local deb
  cmake --install build --prefix "$work/prefix" >/dev/null
  installed_runs "$work/prefix"
  (cd build && cpack -G DEB >/dev/null)
  deb=$(ls -t build/*.deb | head -n 1)
  dpkg --info "$deb" | grep -E 'Package|Depends' >&2
  dpkg -i "$deb" >/dev/null
  installed_runs /usr
  MANPAGER=cat man -w gantry >/dev/null
  dpkg -r gantry-oncology >/dev/null
  [ ! -e /usr/bin/gantry ] && [ ! -e /usr/share/gantry ] && [ ! -e /usr/share/man/man1/gantry.1.gz ]
  say "installed by cmake and as a package, ran without network, and was removed"
}

if [ $# -eq 0 ]; then set -- exports adapters browser interrupts package fuzz; fi
while [ $# -gt 0 ]; do
  check=$1
  shift
  arguments=()
  if [ "$check" = fuzz ] && [[ ${1:-} =~ ^[0-9]+$ ]]; then
    arguments=("$1")
    shift
    if [ $# -gt 0 ] && [ -f "tests/fuzz/${1}_fuzz.cc" ]; then arguments+=("$1"); shift; fi
  fi
  say "check: $check"
  "check_$check" "${arguments[@]}"
done
say "all good"
