"""Prompts of a closed-set task from the SYNTHETIC radiation-oncology cases, one a line (line breaks as \\n).

    python closed_set_prompts.py corpora/radiation-oncology/*.jsonl --out prompts.txt [--count 500]
"""
import argparse
import json

INSTRUCTION = ("You read the diagnosis records of a radiation oncology clinic. Decide by which modality the patient is "
               "treated. Photon: linear accelerator, photons alone. Electron: electrons alone. Photon and electron: "
               "both in one course. Proton: proton beam. Brachytherapy: sealed sources. Answer with the modality alone, "
               "in the words of this list: photon, electron, photon and electron, proton, brachytherapy.")

parser = argparse.ArgumentParser()
parser.add_argument("files", nargs="+")
parser.add_argument("--out", required=True)
parser.add_argument("--count", type=int, default=500)
args = parser.parse_args()
lines = []
for name in args.files:
    with open(name, encoding="utf-8") as file:
        for row in map(json.loads, file):
            records = "\n".join(d["text"] for d in row["diagnoses"])
            text = (f"<|im_start|>system\n{INSTRUCTION}<|im_end|>\n<|im_start|>user\n{row['sex']}, {row['age']}\n{records}"
                    "<|im_end|>\n<|im_start|>assistant\n")
            lines.append(text.replace("\n", "\\n"))
with open(args.out, "w", encoding="utf-8") as out:
    out.write("\n".join(lines[:args.count]) + "\n")
