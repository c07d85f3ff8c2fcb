#!/usr/bin/env python3
"""The exported classifier gives the same probabilities in Hugging Face as in Gantry.

    exported_logits.py EXPORTED_FOLDER GANTRY_PROGRAM STUDY REPORTS.jsonl

Gantry predicts in fp32 on one-window texts; transformers reads the exported folder: as a *ForSequenceClassification
model where config.json says so, else as the folder's README says (mean pooling). Needs torch, transformers.
"""
import json
import pathlib
import subprocess
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

folder, program, study, reports = sys.argv[1:]
folder = pathlib.Path(folder)
about = json.loads((folder / "gantry.json").read_text())
config = json.loads((folder / "config.json").read_text())
predictor = json.loads(next(pathlib.Path(study).glob("runs/run-*/model/predictor.json")).read_text())

out = subprocess.run([program, "--quiet", "predict", "--study", study, reports, "predict.precision=fp32",
                      "--with-text"], check=True, capture_output=True, text=True).stdout
answers = [json.loads(line) for line in out.splitlines()]
tokenizer = AutoTokenizer.from_pretrained(folder)
sequence = any(name.endswith("ForSequenceClassification") for name in config.get("architectures") or [])
model = (AutoModelForSequenceClassification if sequence else AutoModel).from_pretrained(folder, dtype=torch.float32).eval()
head = load_file(folder / "model.safetensors")
largest, compared = 0.0, 0
for answer in answers:
    if answer["windows"] != 1:
        continue
    x = tokenizer([about.get("prefix", "") + answer["model_text"]], return_tensors="pt")
    assert x["input_ids"].shape[1] == answer["tokens"], (answer["id"], x["input_ids"].shape, answer["tokens"])
    with torch.no_grad():
        if sequence:
            logits = model(**x).logits
        else:
            mask, hidden = x["attention_mask"][..., None], model(**x).last_hidden_state
            pooled = hidden[:, 0] if about["pooling"] == "first" else (hidden * mask).sum(1) / mask.sum(1)
            logits = pooled @ head["classifier.weight"].T + head["classifier.bias"]
    expected = torch.softmax(logits[0].double() / predictor["temperature"], 0)
    got = torch.tensor([answer["probabilities"][label] for label in predictor["labels"]], dtype=torch.float64)
    largest = max(largest, (expected - got).abs().max().item())
    compared += 1
print(f"{type(model).__name__}: {compared} reports, largest difference of a probability {largest:.2e}")
assert compared > 20 and largest < 1e-4
