"""Adapters, merged models and GGUF files between Gantry, PEFT, transformers and llama.cpp.

    python adapter_check.py GANTRY MODEL WORK [KEPT]

MODEL is a LLaMA-class model (smollm2-135m-instruct on the shelf, or a path), WORK an empty folder.
1. The model as a Hugging Face folder; an adapter that PEFT makes on it (random A and B).
2. gantry model merge: transformers on the merged folder gives PEFT's logits.
3. gantry model export --gguf: llama.cpp opens F32, F16, BF16, Q8_0 and Q4_0 files, cuts texts into the
   same tokens, and the F32 file goes on with the same tokens as transformers does.
4. KEPT: a folder in which train_test left adapters that Gantry trained, their bases and scores
   (GANTRY_KEEP_ADAPTERS): PEFT opens them and gives the same log-probabilities.
Needs torch, transformers, peft, llama-cpp-python. Exits with 1 when anything differs.
"""

import json
import os
import subprocess
import sys

import torch
from llama_cpp import Llama
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

TEXTS = ["70 Gy in 35 fractions with concurrent weekly cisplatin",
         "Prostate adenocarcinoma, Gleason 4+3=7, cT2b, iPSA 11.8. Bone scan negative.",
         "Left whole breast, 4256 cGy in 16 fx; no boost.\n\nModality:",
         "<|im_start|>user\nName the modality.<|im_end|>\n<|im_start|>assistant\n"]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
failed = []


def check(good, what):
    print(("good  " if good else "BAD   ") + what, flush=True)
    if not good:
        failed.append(what)


def gantry(*words):
    out = subprocess.run([GANTRY, "--quiet", "--json", *words], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def causal(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def greedy(logits_of, ids, count):
    out = list(ids)
    for _ in range(count):
        out.append(int(logits_of(out).argmax()))
    return out[len(ids):]


def check_kept(kept):
    for name in sorted(os.listdir(kept)):
        folder = os.path.join(kept, name)
        expected = json.load(open(os.path.join(folder, "scores.json")))
        model = PeftModel.from_pretrained(causal(expected["base"]), os.path.join(folder, "adapter")).eval()
        largest = 0.0
        for pair in expected["pairs"]:
            ids = torch.tensor([pair["prompt"] + pair["answer"]])
            with torch.no_grad():
                rows = torch.log_softmax(model(input_ids=ids).logits[0, len(pair["prompt"]) - 1:-1], -1)
            score = sum(float(rows[i, t]) for i, t in enumerate(pair["answer"]))
            largest = max(largest, abs(score - pair["score"]))
        check(largest < 2e-4, "%s: PEFT on Gantry's adapter, log-probabilities within %.1e" % (name, largest))


def main():
    base_hf, adapter, merged = (os.path.join(WORK, n) for n in ("base-hf", "adapter", "merged"))
    gantry("model", "export", base_hf, "--hf", "f32", "--model", MODEL)
    torch.manual_seed(3)
    tuned = get_peft_model(causal(base_hf), LoraConfig(r=8, lora_alpha=16, target_modules=ALL,
                                                       task_type="CAUSAL_LM")).eval()
    for name, value in tuned.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(value, std=0.02)
    tuned.save_pretrained(adapter)
    told = gantry("model", "merge", base_hf, adapter, merged, "--type", "f32")
    check(told["largest_difference"] < 1e-3,
          "merge: largest difference of a log-probability %.1e on %d tokens" % (told["largest_difference"],
                                                                               told["tokens"]))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(merged)
    model = causal(merged)
    largest = moved = 0.0
    with torch.no_grad():
        for text in TEXTS:
            ids = torch.tensor([tokenizer(text)["input_ids"]])
            a, b = tuned(input_ids=ids).logits, model(input_ids=ids).logits
            largest = max(largest, float((a - b).abs().max()))
            with tuned.disable_adapter():
                moved = max(moved, float((a - tuned(input_ids=ids).logits).abs().max()))
    check(moved > 0.1, "the adapter moves logits by %.2f" % moved)
    check(largest < 2e-3, "transformers on the merged folder gives PEFT's logits within %.1e" % largest)
    for kind in ("f32", "f16", "bf16", "q8_0", "q4_0"):
        path = os.path.join(WORK, kind + ".gguf")
        gantry("model", "export", path, "--gguf", kind, "--model", base_hf, "--adapter", adapter)
        llama = Llama(path, n_ctx=256, n_threads=2, verbose=False, logits_all=True)
        same = total = 0
        for text in TEXTS:
            ids = tokenizer(text)["input_ids"]
            if kind == "f32":
                theirs = llama.tokenize(text.encode(), add_bos=False, special=True)
                check(theirs == ids, "llama.cpp cuts %r into the same %d tokens" % (text[:24], len(ids)))
            llama.reset()
            llama.eval(ids)
            rows = torch.tensor(llama.scores[:len(ids)])
            with torch.no_grad():
                want = model(input_ids=torch.tensor([ids])).logits[0]
            same += int((rows.argmax(-1) == want.argmax(-1)).sum())
            total += len(ids)
            if kind == "f32":
                def ask_llama(tokens):
                    llama.reset()
                    llama.eval(tokens)
                    return torch.tensor(llama.scores[len(tokens) - 1])

                def ask_torch(tokens):
                    with torch.no_grad():
                        return model(input_ids=torch.tensor([tokens])).logits[0, -1]
                check(greedy(ask_llama, ids, 12) == greedy(ask_torch, ids, 12),
                      "llama.cpp goes on from %r as transformers does" % text[:24])
        # llama.cpp keeps its keys and values in f16.
        least = {"f32": 0.98, "f16": 0.97, "bf16": 0.9, "q8_0": 0.9, "q4_0": 0.6}[kind]
        check(same / total >= least, "%s: same likeliest token at %d of %d places" % (kind, same, total))
    if KEPT:
        check_kept(KEPT)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    GANTRY, MODEL, WORK = sys.argv[1:4]
    KEPT = sys.argv[4] if len(sys.argv) > 4 else ""
    main()
