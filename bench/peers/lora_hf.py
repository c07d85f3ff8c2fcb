"""LoRA training by transformers and PEFT on pairs of token ids: useful tokens a second, peak memory.

    python lora_hf.py MODEL_FOLDER pairs.ids [--precision fp32|bf16] [--sorted] [--batch 8] [--steps 20]
                      [--rank 16] [--alpha 32] [--dropout 0.05] [--curve FILE]

Rank-16 adapters on all seven projections, AdamW, clipping at 1; each batch padded to its longest
pair, labels of the prompt masked. --sorted: batches of pairs of like length. --curve FILE, written by
lora_bench, gives each step's pairs; the losses are printed beside Gantry's. Needs torch, transformers,
peft.
"""

import argparse
import resource
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def read_pairs(path):
    pairs = []
    for line in open(path):
        head, answer = line.split("|")
        pairs.append(([int(x) for x in head.split()[1:]], [int(x) for x in answer.split()]))
    return pairs


def make_batch(pairs):
    longest = max(len(p) + len(a) for p, a in pairs)
    ids = torch.zeros(len(pairs), longest, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for i, (prompt, answer) in enumerate(pairs):
        n = len(prompt) + len(answer)
        ids[i, :n] = torch.tensor(prompt + answer)
        mask[i, :n] = 1
        labels[i, len(prompt):n] = torch.tensor(answer)
    return ids, mask, labels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--sorted", action="store_true")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--alpha", type=float, default=32)
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--curve")
    args = parser.parse_args()
    torch.manual_seed(1)
    pairs = read_pairs(args.pairs)
    dtype = torch.float32 if args.precision == "fp32" else torch.bfloat16
    base = AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype)
    model = get_peft_model(base, LoraConfig(r=args.rank, lora_alpha=args.alpha, lora_dropout=args.dropout,
                                            target_modules=ALL, task_type="CAUSAL_LM"))
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=args.rate, weight_decay=0.0)
    ours = []
    if args.curve:
        for line in open(args.curve):
            loss, places = line.split("\t")
            ours.append((float(loss), [int(x) for x in places.split()]))
        steps = [places for _, places in ours]
    else:
        order = torch.randperm(len(pairs)).tolist()
        if args.sorted:
            order.sort(key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
        steps = [order[i:i + args.batch] for i in range(0, len(order), args.batch)]
        if args.sorted:
            steps = [steps[i] for i in torch.randperm(len(steps)).tolist()]
        steps = steps[:args.steps]
    total, warmup = len(steps), round(0.05 * len(steps))
    tokens = seconds = 0.0
    for number, places in enumerate(steps):
        batch = [pairs[i] for i in places]
        factor = min((number + 1) / (warmup + 1), (total - number) / (total - warmup))
        for group in optimizer.param_groups:
            group["lr"] = args.rate * factor
        begin = time.perf_counter()
        ids, mask, labels = make_batch(batch)
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        took = time.perf_counter() - begin
        useful = sum(len(p) + len(a) for p, a in batch)
        if number > 0 or total == 1:  # the first allocates
            tokens += useful
            seconds += took
        if ours:
            print("step %d: %.4f, gantry %.4f" % (number + 1, float(loss), ours[number][0]), flush=True)
    if seconds:
        print("transformers + PEFT %s%s: %.0f useful tok/s, peak memory %.2f GB"
              % (args.precision, " sorted" if args.sorted else "", tokens / seconds,
                 resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1048576))


if __name__ == "__main__":
    main()
