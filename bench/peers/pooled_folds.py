#!/usr/bin/env python3
"""Pools hospitals left out in turn: accuracy, macro F1 and sensitivity of group 1 of the recipe, of plain TF-IDF and of a
Hugging Face fine-tuning, with paired differences and 95 % percentile intervals over bootstrap samples of patients.

pooled_folds.py CORPUS HF_FOLDER HOSPITAL=STUDY...   (a study tested on that hospital; HF_FOLDER as
leave_one_hospital_out_hf.sh writes it). SYNTHETIC data."""
import csv
import glob
import json
import sys

import numpy as np

corpus, hf_folder, studies = sys.argv[1], sys.argv[2], dict(word.split("=", 1) for word in sys.argv[3:])
patient_of = {}
for path in glob.glob(f"{corpus}/*.jsonl"):
    for line in open(path, encoding="utf-8"):
        row = json.loads(line)
        patient_of[row["report_id"]] = f"{path}:{row['patient_id']}"

truth, patient, said = [], [], {"recipe": [], "TF-IDF": [], "Hugging Face": []}
for hospital, study in studies.items():
    logits = json.load(open(f"{hf_folder}/{hospital}.json"))["test"]["logits"]
    for row in csv.DictReader(open(glob.glob(f"{study}/tests/run-*/predictions.csv")[0], encoding="utf-8")):
        truth.append(int(row["reference_standard"]))
        patient.append(patient_of[row["id"]])
        said["recipe"].append(int(row["answered"]))
        said["TF-IDF"].append(int(row["TF-IDF + logistic regression"]))
        said["Hugging Face"].append(int(np.argmax(logits[row["id"]])))
truth = np.array(truth)
said = {name: np.array(answers) for name, answers in said.items()}


def accuracy(t, p):
    return np.mean(t == p)


def macro_f1(t, p):
    return np.mean([2 * np.sum((t == c) & (p == c)) / (np.sum(t == c) + np.sum(p == c)) for c in range(3)])


def sensitivity_1(t, p):
    return np.mean(p[t == 1] == 1)


names = sorted(set(patient))
rows_of = [np.flatnonzero(np.array(patient) == name) for name in names]
random = np.random.default_rng(1)
samples = [np.concatenate([rows_of[k] for k in random.integers(0, len(rows_of), len(rows_of))]) for _ in range(2000)]


def told(what, value, draws):
    low, high = np.percentile(draws, [2.5, 97.5])
    print(f"{what:45} {value:.3f} ({low:.3f} to {high:.3f})")


print(f"{len(truth)} reports of {len(names)} patients, {np.sum(truth == 1)} of group 1")
for figure in (accuracy, macro_f1, sensitivity_1):
    for name, answers in said.items():
        told(f"{figure.__name__} {name}", figure(truth, answers), [figure(truth[s], answers[s]) for s in samples])
    for name in ("TF-IDF", "Hugging Face"):
        told(f"{figure.__name__} recipe - {name}", figure(truth, said["recipe"]) - figure(truth, said[name]),
             [figure(truth[s], said["recipe"][s]) - figure(truth[s], said[name][s]) for s in samples])
