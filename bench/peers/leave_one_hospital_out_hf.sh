#!/usr/bin/env bash
# Leave one hospital out with a Hugging Face fine-tuning (finetune_hf.py), on the folds of ../leave_one_hospital_out.sh:
# leave_one_hospital_out_hf.sh PYTHON MODEL TEXTS.jsonl FOLDER "HOSPITALS" [OPTIONS of finetune_hf.py...]
# TEXTS.jsonl as corpus_texts.py writes it. Prints each hospital's figures and the pooled ones. SYNTHETIC data.
set -euo pipefail
python=$1 model=$2 texts=$3 folder=$4 hospitals=$5
shift 5
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
for hospital in $hospitals; do
  [ -f "$folder/$hospital.json" ] && continue
  grep -v "\"source\": \"$hospital\"" "$texts" >"$folder/$hospital.train.jsonl"
  grep "\"source\": \"$hospital\"" "$texts" >"$folder/$hospital.test.jsonl"
  "$python" "$here/finetune_hf.py" "$model" "$folder/$hospital.train.jsonl" --test "$folder/$hospital.test.jsonl" \
    --prefix "query: " --sorted --out "$folder/$hospital.part" "$@" >"$folder/$hospital.log" 2>&1
  mv "$folder/$hospital.part" "$folder/$hospital.json"
done
"$python" - "$folder" "$here" $hospitals <<'PYTHON'
import json, sys
folder, hospitals = sys.argv[1], sys.argv[3:]
sys.path.insert(0, sys.argv[2])
import numpy as np
from finetune_hf import macro_f1

def figures(truth, said):
    truth, said = np.array(truth), np.array(said)
    return f"{np.mean(truth == said):8.3f}   {macro_f1(truth, said, 3):8.3f}   {np.mean(said[truth == 1] == 1):8.3f} ({np.sum(truth == 1)})"

all_truth, all_said = [], []
print("hospital   n   accuracy   macro F1   sens. 1 (n)")
for h in hospitals:
    label = {r["id"]: r["label"] for r in map(json.loads, open(f"{folder}/{h}.test.jsonl", encoding="utf-8"))}
    logits = json.load(open(f"{folder}/{h}.json"))["test"]["logits"]
    truth, said = [label[i] for i in logits], [int(np.argmax(row)) for row in logits.values()]
    all_truth, all_said = all_truth + truth, all_said + said
    print(f"{h:8} {len(truth):4}   {figures(truth, said)}")
print(f"pooled   {len(all_truth):4}   {figures(all_truth, all_said)}")
PYTHON
