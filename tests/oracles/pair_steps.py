"""Ten AdamW steps of LoRA by transformers and PEFT in float32: tests/data/pair-steps.

    python pair_steps.py OUT

For each of three tiny models of random weights (LLaMA with tied embeddings and grouped heads, LLaMA
with all heads and rsLoRA, Mistral whose window is shorter than the texts): the model's folder, the
adapter the steps start from (A and B drawn, so that every gradient is there from the first step), and
steps.json with the pairs, the settings, each step's loss and gradient norm, and, by module, the
adapter after the last step. The loss of a step is the mean over its answer tokens; each pair runs
alone, without padding. Needs torch, transformers, peft.
"""

import json
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SIZES = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, vocab_size=96,
             max_position_embeddings=64, bos_token_id=1, eos_token_id=2, attn_implementation="eager")
KINDS = {
    "llama-tied-grouped": (LlamaForCausalLM, LlamaConfig(
        num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True, rope_theta=100000.0,
        **SIZES), dict(r=4, lora_alpha=8, target_modules=ALL)),
    "llama-rslora": (LlamaForCausalLM, LlamaConfig(
        num_attention_heads=2, num_key_value_heads=2, tie_word_embeddings=False, **SIZES),
        dict(r=3, lora_alpha=4, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"])),
    "mistral-window": (MistralForCausalLM, MistralConfig(
        num_attention_heads=4, num_key_value_heads=2, head_dim=16, sliding_window=9,
        tie_word_embeddings=False, **SIZES), dict(r=2, lora_alpha=4, target_modules=ALL)),
}
STEPS, BATCH, RATE, DECAY, CLIP = 10, 4, 2e-3, 0.01, 0.5


def make_pairs(generator):
    """Twelve pairs: a common instruction, cases asked two things each."""
    def draw(n):
        return torch.randint(3, 96, (n,), generator=generator).tolist()
    instruction = draw(10)
    pairs = []
    for case in range(6):
        text = draw(9 + 2 * case)
        for question in range(2):
            pairs.append({"key": case + 1, "prompt": instruction + text + draw(1 + question),
                          "answer": draw(1 + (case + question) % 3) + [2]})
    return pairs


def loss_sum(model, pair):
    ids = torch.tensor([pair["prompt"] + pair["answer"]])
    logits = model(input_ids=ids).logits[0, len(pair["prompt"]) - 1:-1]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(pair["answer"]), reduction="sum")


def state(model):
    out = {}
    for name, value in model.named_parameters():
        if value.requires_grad:
            module, which = name.replace("base_model.model.", "").split(".lora_")
            out.setdefault(module, {})["a" if which.startswith("A") else "b"] = value
    return out


def run(name, cls, config, lora, out):
    torch.manual_seed(sum(map(ord, name)))
    base = cls(config).float().eval()
    for value in base.parameters():  # sharper than the library's start, so that losses move
        if value.dim() == 2:
            torch.nn.init.normal_(value, std=0.12)
        else:
            torch.nn.init.normal_(value, mean=1.0, std=0.1)
    folder = os.path.join(out, name)
    base.save_pretrained(folder)
    for extra in ("generation_config.json",):
        if os.path.exists(os.path.join(folder, extra)):
            os.remove(os.path.join(folder, extra))
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, bias="none", **lora))
    for module in state(model).values():
        torch.nn.init.normal_(module["a"], std=0.2)
        torch.nn.init.normal_(module["b"], std=0.05)
    model.save_pretrained(os.path.join(folder, "start"))
    os.remove(os.path.join(folder, "start", "README.md"))
    model.train()
    pairs = make_pairs(torch.Generator().manual_seed(7))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, betas=(0.9, 0.99), eps=1e-6, weight_decay=DECAY)
    steps = []
    for step in range(STEPS):
        batch = [pairs[(step * BATCH + i) % len(pairs)] for i in range(BATCH)]
        labels = sum(len(p["answer"]) for p in batch)
        factor = 1 - step / STEPS
        for group in optimizer.param_groups:
            group["lr"] = RATE * factor
        optimizer.zero_grad()
        total = sum(loss_sum(model, p) for p in batch) / labels
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, CLIP)
        if step == 0:
            first = {m: {k: v.grad.flatten().tolist() for k, v in p.items()} for m, p in state(model).items()}
            scale = min(1.0, CLIP / (float(norm) + 1e-6))
        optimizer.step()
        steps.append({"loss": float(total), "gradient_norm": float(norm), "factor": factor})
    model.eval()
    with torch.no_grad():
        scores = [-float(loss_sum(model, p)) for p in pairs]
    json.dump({"pairs": pairs, "batch": BATCH, "rate": RATE, "decay": DECAY, "clip": CLIP, "eps": 1e-6,
               "beta2": 0.99, "lora": lora, "steps": steps, "scores": scores, "first_scale": scale,
               "first_gradients": first,
               "adapter": {m: {k: v.flatten().tolist() for k, v in p.items()}
                           for m, p in state(model).items()}},
              open(os.path.join(folder, "steps.json"), "w"))


def main():
    for name, (cls, config, lora) in KINDS.items():
        run(name, cls, config, lora, sys.argv[1])


if __name__ == "__main__":
    main()
