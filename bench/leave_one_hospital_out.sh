#!/usr/bin/env bash
# Leave one hospital out with the task's default recipe: leave_one_hospital_out.sh PROGRAM FOLDER "HOSPITALS" [SETTINGS...]
# Prints, for each hospital as the test set, accuracy, macro F1 and the sensitivity of group 1 of the model and of the
# plain TF-IDF baseline, and the pooled figures. SYNTHETIC data.
set -euo pipefail
gantry=$1 folder=$2 hospitals=$3
shift 3
corpus=$(cd "$(dirname "$0")/../corpora/bone-metastasis" && pwd)
mkdir -p "$folder"
for hospital in $hospitals; do
  study=$folder/$hospital
  if [ ! -f "$study/metrics.json" ]; then
    rm -rf "$study"
    "$gantry" --quiet init "$study" --task bone-metastasis synthetic=true "split.test_sources=[\"$hospital\"]"
    "$gantry" --quiet import --study "$study" "$corpus"/h?.jsonl
    "$gantry" --quiet train --study "$study" "$@"
    "$gantry" --quiet test --study "$study" --json >"$study/metrics.json"
    rm -rf "$study"/runs/run-*/model/member-*  # half a gigabyte each
  fi
done
python3 - "$folder" $hospitals <<'PYTHON'
import csv, glob, json, sys
folder, hospitals = sys.argv[1], sys.argv[2:]
def macro_f1(pairs):
    labels = sorted({t for t, _ in pairs})
    def f1(g):
        tp = sum(t == g and p == g for t, p in pairs)
        wrong = sum((t == g) != (p == g) for t, p in pairs)
        return 2 * tp / (2 * tp + wrong) if tp + wrong else 0.0
    return sum(map(f1, labels)) / len(labels)
pooled = {"model": [], "TF-IDF": []}
print("hospital   n   model: accuracy  macro F1  sens. 1   TF-IDF: accuracy  macro F1  sens. 1")
for h in hospitals:
    m = json.load(open(f"{folder}/{h}/metrics.json"))
    row = [m["model"], m["baselines"][0]]
    cells = [x for r in row for x in (r["accuracy"]["value"], r["macro_f1"]["value"], r["groups"]["1"]["sensitivity"]["value"])]
    print(f"{h:8} {m['model']['n']:4}   " + "   ".join(f"{c:8.3f}" for c in cells))
    rows = list(csv.DictReader(open(glob.glob(f"{folder}/{h}/tests/run-*/predictions.csv")[0])))
    pooled["model"] += [(r["reference_standard"], r["answered"]) for r in rows]
    pooled["TF-IDF"] += [(r["reference_standard"], r["TF-IDF + logistic regression"]) for r in rows]
for name, pairs in pooled.items():
    right = sum(t == p for t, p in pairs)
    ones = [p for t, p in pairs if t == "1"]
    print(f"pooled {name}: n = {len(pairs)}, accuracy {right / len(pairs):.3f}, macro F1 {macro_f1(pairs):.3f}, "
          f"sensitivity of group 1 {ones.count('1') / len(ones):.3f} (n = {len(ones)})")
PYTHON
