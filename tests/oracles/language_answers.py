"""Expected answers of SmolLM2-135M-Instruct: greedy continuations and whole-answer log-probabilities.

    python language_answers.py SmolLM2-135M-Instruct.Q4_1.gguf --out tests/data/answers/smollm2.json

The GGUF's weights are decoded to float32 (the `gguf` package, through transformers) and run in float32: the
reference model of docs/numerics.md. A closed set is scored by brute force, one whole sequence an answer.
"""
import argparse
import json
import pathlib

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

INSTRUCTION = "You read notes of a radiation oncology clinic and answer in few words."
QUESTIONS = [
    "What is the capital of France?",
    "Breast cancer, left, after lumpectomy. Name the usual modality of radiotherapy.",
    "Painful metastasis of the lumbar spine. Which fractionation is common?",
]
MODALITIES = ["photon", "electron", "photon and electron", "proton", "brachytherapy", "SBRT"]
CODES = ["C50.1", "C50.11", "C50", "C79.51", "C79.5", "C61", "D05.1", "C34.90", "C34.91"]


def chat(question):
    return (f"<|im_start|>system\n{INSTRUCTION}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n"
            "<|im_start|>assistant\n")


@torch.no_grad()
def log_probability(model, prompt, answer):
    logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1:-1].double()
    rows = torch.log_softmax(logits, -1)
    return float(sum(rows[i, token] for i, token in enumerate(answer)))


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--tokens", type=int, default=24)
    args = parser.parse_args()
    how = dict(gguf_file=args.gguf.name)
    tokenizer = AutoTokenizer.from_pretrained(args.gguf.parent, **how)
    model = AutoModelForCausalLM.from_pretrained(args.gguf.parent, dtype=torch.float32, **how).eval()
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    spell = lambda text: tokenizer(text, add_special_tokens=False).input_ids
    cases = []
    for question in QUESTIONS:
        prompt = spell(chat(question))
        out = model.generate(torch.tensor([prompt]), max_new_tokens=args.tokens, do_sample=False, eos_token_id=end,
                             pad_token_id=end, repetition_penalty=1.0, temperature=None, top_p=None)[0, len(prompt):]
        greedy = [t for t in out.tolist() if t != end]
        last = model(torch.tensor([prompt])).logits[0, -1]
        best = torch.topk(last, 8)
        case = {"prompt": prompt, "greedy": greedy, "ended": end in out.tolist(),
                "best": best.indices.tolist(), "logits": best.values.tolist()}
        for name, answers in (("modalities", MODALITIES), ("codes", CODES)):
            case[name] = [log_probability(model, prompt, spell(a) + [end]) for a in answers]
        cases.append(case)
    args.out.write_text(json.dumps({"modalities": MODALITIES, "codes": CODES, "end": end, "cases": cases}, indent=1))


if __name__ == "__main__":
    main()
