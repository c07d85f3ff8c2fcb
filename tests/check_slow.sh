#!/usr/bin/env bash
# Checks that take long or need more than the tests' packages. `./run check-slow` runs all; names choose some:
#   fuzz [SECONDS]   every fuzz target, ten minutes each unless told
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

check_fuzz() {
  local seconds=${1:-600}
  CC=clang-14 CXX=clang++-14 cmake -G Ninja -S . -B build-fuzz -DGANTRY_FUZZ=ON -DGANTRY_TESTS=OFF >/dev/null
  ninja -C build-fuzz >/dev/null
  for target in build-fuzz/tests/fuzz/*_fuzz; do
    say "$(basename "$target") for $seconds s"
    mkdir -p "$work/corpus-$(basename "$target")"
    "$target" -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=20 -print_final_stats=1 \
      "$work/corpus-$(basename "$target")" >"$work/fuzz.log" 2>&1 || { tail -40 "$work/fuzz.log"; return 1; }
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
}

check_package() {
  (cd build && cpack -G DEB >/dev/null)
  local deb
  deb=$(ls -t build/*.deb | head -n 1)
  dpkg --info "$deb" | grep -E 'Package|Depends' >&2
  dpkg -i "$deb" >/dev/null
  (cd / && env -u GANTRY_DATA gantry doctor >/dev/null && man -w gantry >/dev/null 2>&1 || true)
  (cd "$work" && /usr/bin/gantry --quiet init installed --task bone-metastasis)
  dpkg -r gantry-oncology >/dev/null
  [ ! -e /usr/bin/gantry ] && [ ! -e /usr/share/gantry ]
  say "package installed, ran and was removed"
}

if [ $# -eq 0 ]; then set -- exports adapters browser interrupts package fuzz; fi
while [ $# -gt 0 ]; do
  check=$1
  shift
  arguments=()
  if [ "$check" = fuzz ] && [[ ${1:-} =~ ^[0-9]+$ ]]; then arguments=("$1"); shift; fi
  say "check: $check"
  "check_$check" "${arguments[@]}"
done
say "all good"
