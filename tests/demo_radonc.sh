#!/usr/bin/env bash
# Radiation oncology end to end on the bundled synthetic cases: demo_radonc.sh PROGRAM STUDY.
# A second run skips what is done.
set -euo pipefail
gantry=$1 study=$2
corpus=$(dirname "$0")/../corpora/radiation-oncology
test_clinic=re

if [ ! -f "$study/study.toml" ]; then
  "$gantry" init "$study" --task radonc name="Demonstration: radiation oncology" synthetic=true \
    data_note="750 cases of six made-up clinics, written by a language model and read by no radiation oncologist." \
    "split.test_sources=[\"$test_clinic\"]" test.occluded=4
fi
"$gantry" import --study "$study" "$corpus"/r?.jsonl
"$gantry" split --study "$study" >&2
"$gantry" train --study "$study"
run=$(cat "$study/runs/latest")
if [ ! -f "$study/tests/$run/report.html" ]; then
  "$gantry" test --study "$study"
fi
"$gantry" predict --study "$study" "$corpus/$test_clinic.jsonl" --out "$study/predictions.jsonl" --resume

cat <<END

== What happened ==
1. 750 synthetic cases of six clinics were imported (SYNTHETIC: no figure says anything about patients).
2. Cases with one diagnosis record and one clear primary plan were kept; every other one is counted with its reason.
3. Clinic $test_clinic was kept apart as the test set; no patient and no near-identical text is in two sets.
4. One LoRA adapter on SmolLM2-135M learned regimen, modality and ICD-10-CM code; a clinic of training chose.
5. The test clinic was opened for the test, beside the untuned base, a few-shot arm and simple baselines.
6. Every figure, every case with its answers, and the run's identity are in the report. Open:
   $study/tests/$run/report.html
7. Drafts, groups and ranked codes for the test clinic, as for any new file: $study/predictions.jsonl
8. It took $SECONDS s after the build. Your own cases: $gantry init my-study --task radonc; $gantry import --study my-study FILE...; $gantry train --study my-study
END
