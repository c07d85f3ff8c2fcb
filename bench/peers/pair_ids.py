"""Pairs of the radiation-oncology cases as token ids: a line is a case's number, the prompt's ids, a
bar, the answer's ids.

    python pair_ids.py MODEL_FOLDER CASES.jsonl ... --out pairs.ids [--tasks regimen,modality,icd10]

The prompt is ChatML: an instruction, the diagnosis, the question. Needs transformers.
"""

import argparse
import json

from transformers import PreTrainedTokenizerFast

QUESTIONS = {"regimen": "Write the radiotherapy regimen.",
             "modality": "Name the modality: photon, proton, electron or brachytherapy.",
             "icd10": "Give the ICD-10-CM code of the diagnosis."}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("cases", nargs="+")
    parser.add_argument("--out", required=True)
    parser.add_argument("--tasks", default="regimen")
    args = parser.parse_args()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(args.model)

    def ids(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    count = lines = 0
    with open(args.out, "w") as out:
        for path in args.cases:
            for line in open(path, encoding="utf-8"):
                case = json.loads(line)
                if case.get("exclude") or not case.get("regimen"):
                    continue
                answers = {"regimen": case["regimen"], "modality": case["modality"],
                           "icd10": case["diagnoses"][0]["icd10"]}
                head = ("<|im_start|>system\nYou are a radiation oncologist.<|im_end|>\n"
                        "<|im_start|>user\nDiagnosis:\n" + case["diagnoses"][0]["text"] + "\n\n")
                for task in args.tasks.split(","):
                    if not answers[task]:
                        continue
                    prompt = ids(head + QUESTIONS[task] + "<|im_end|>\n<|im_start|>assistant\n")
                    answer = ids(answers[task] + "<|im_end|>")
                    out.write("%d %s | %s\n" % (count, " ".join(map(str, prompt)), " ".join(map(str, answer))))
                    lines += 1
                count += 1
    print("%d pairs of %d cases" % (lines, count))


if __name__ == "__main__":
    main()
