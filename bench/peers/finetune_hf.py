"""Fine-tunes a Hugging Face encoder with PyTorch and transformers, as a careful user would: the peer of `gantry train`.

The whole model is trained (embeddings too) with fused AdamW, linear warm-up and decay, dropout 0.1, in batches that
are padded to their longest text. Reports useful (non-padding) tokens a second, the loss of every step, the peak
resident memory and, where test texts are given, accuracy and macro F1.

Input: JSON lines of {id, text, label}, or the .ids file that encoder_bench reads. A curve file of encoder_bench (a line
a step: its loss, a tab, the list of the step's records by line number) makes two programs take the same steps; the two
loss curves are then printed beside each other.

Example: finetune_hf.py MODEL train.jsonl --test test.jsonl --prefix "query: " --precision fp32 --sorted --out peer.json
"""

import argparse
import json
import resource
import time

import numpy as np
import torch
import torch.nn.functional as functional
from transformers import AutoConfig, AutoModel, AutoTokenizer


class Classifier(torch.nn.Module):
    """Encoder, mean or first-token pooling, dropout, one linear layer."""

    def __init__(self, folder, classes, pooling, dropout, attention_dropout):
        super().__init__()
        self.encoder = AutoModel.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="sdpa", hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=attention_dropout)
        self.pooling = pooling
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(self.encoder.config.hidden_size, classes)
        torch.nn.init.normal_(self.head.weight, std=self.encoder.config.initializer_range)
        torch.nn.init.zeros_(self.head.bias)

    def forward(self, ids, mask):
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pooling == "first":
            pooled = hidden[:, 0]
        else:
            weight = mask.unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * weight).sum(1) / weight.sum(1)
        return self.head(self.dropout(pooled))


def read_ids(path, vocabulary):
    """An .ids file of encoder_bench: a label and token ids a line."""
    rows = [[int(word) for word in line.split()] for line in open(path, encoding="utf-8")]
    return [{"id": i, "label": r[0]} for i, r in enumerate(rows)], [[t % vocabulary for t in r[1:]] for r in rows]


def read(path, tokenizer, prefix, limit):
    records = [json.loads(line) for line in open(path, encoding="utf-8")]
    encoded = tokenizer([prefix + r["text"] for r in records], truncation=True, max_length=limit)["input_ids"]
    return records, encoded


def padded(rows, pad):
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, :len(row)] = torch.tensor(row)
        mask[i, :len(row)] = 1
    return ids, mask


def steps_of_epoch(lengths, batch, by_length, random):
    """Batches of record numbers; sorted by length inside windows of 16 batches, as in transformers' group_by_length."""
    order = random.permutation(len(lengths))
    if by_length:
        window = batch * 16
        order = np.concatenate([sorted(order[i:i + window], key=lambda j: -lengths[j])
                                for i in range(0, len(order), window)])
    batches = [order[i:i + batch] for i in range(0, len(order), batch)]
    return [batches[i] for i in random.permutation(len(batches))] if by_length else batches


def macro_f1(truth, predicted, classes):
    values = []
    for c in range(classes):
        hit = np.sum((truth == c) & (predicted == c))
        said = np.sum(truth == c) + np.sum(predicted == c)
        values.append(2 * hit / said if said else 0.0)
    return float(np.mean(values))


def evaluate(model, records, encoded, pad, autocast, classes):
    model.eval()
    logits = np.zeros((len(records), classes))
    order = sorted(range(len(records)), key=lambda i: len(encoded[i]))
    start = time.perf_counter()
    with torch.no_grad(), autocast():
        for i in range(0, len(order), 32):
            part = order[i:i + 32]
            logits[part] = model(*padded([encoded[j] for j in part], pad)).float().numpy()
    seconds = time.perf_counter() - start
    truth, predicted = np.array([r["label"] for r in records]), logits.argmax(1)
    return {"n": len(records), "seconds": seconds, "accuracy": float(np.mean(truth == predicted)),
            "macro_f1": macro_f1(truth, predicted, classes),
            "logits": {r["id"]: row.tolist() for r, row in zip(records, logits)}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("train")
    parser.add_argument("--test")
    parser.add_argument("--out", required=True)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--pooling", choices=["mean", "first"], default="mean")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--sorted", action="store_true", help="group texts of like length into batches")
    parser.add_argument("--curve", help="curve file of encoder_bench; replaces epochs and shuffling")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--steps", type=int, help="stop after so many steps (the schedule is unchanged)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--warmup", type=float, default=0.1, help="share of the steps")
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--clip", type=float, default=1.0, help="0 switches clipping off")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--attention-dropout", type=float, default=0.1)
    parser.add_argument("--freeze-embeddings", action="store_true")
    parser.add_argument("--max-tokens", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    if options.train.endswith(".ids"):
        config = AutoConfig.from_pretrained(options.model)
        records, encoded = read_ids(options.train, config.vocab_size)
        pad = config.pad_token_id
    else:
        tokenizer = AutoTokenizer.from_pretrained(options.model)
        records, encoded = read(options.train, tokenizer, options.prefix, options.max_tokens)
        pad = tokenizer.pad_token_id
    classes = 1 + max(r["label"] for r in records)
    labels = torch.tensor([r["label"] for r in records])
    model = Classifier(options.model, classes, options.pooling, options.dropout, options.attention_dropout)
    if options.freeze_embeddings:
        for p in model.encoder.embeddings.parameters():
            p.requires_grad_(False)

    if options.curve:
        curve = [line.split("\t") for line in open(options.curve, encoding="utf-8")]
        plan = [json.loads(lines) for _, lines in curve]
    else:
        lengths = [len(e) for e in encoded]
        plan = [b for _ in range(options.epochs)
                for b in steps_of_epoch(lengths, options.batch, options.sorted, random)]
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    decays = lambda name, p: p.dim() > 1 and "LayerNorm" not in name
    optimizer = torch.optim.AdamW(
        [{"params": [p for n, p in trained if decays(n, p)], "weight_decay": options.weight_decay},
         {"params": [p for n, p in trained if not decays(n, p)], "weight_decay": 0.0}],
        lr=options.rate, fused=True)
    warm = max(1, round(options.warmup * len(plan)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: (s + 1) / warm if s < warm else (len(plan) - s) / max(1, len(plan) - warm))
    autocast = lambda: torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16")

    model.train()
    losses, step_seconds, step_tokens = [], [], []
    for step in plan[:options.steps]:
        start = time.perf_counter()
        with autocast():
            logits = model(*padded([encoded[i] for i in step], pad))
        loss = functional.cross_entropy(logits.float(), labels[torch.as_tensor(np.asarray(step))])
        loss.backward()
        if options.clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(loss.item())
        step_seconds.append(time.perf_counter() - start)
        step_tokens.append(sum(len(encoded[i]) for i in step))

    # The first steps pay for memory and library warm-up; the rate is that of the rest.
    skip = min(3, len(losses) // 2)
    result = {
        "options": vars(options), "torch": torch.__version__, "steps": len(losses),
        "useful_tokens": sum(step_tokens), "seconds": sum(step_seconds),
        "useful_tokens_per_second": sum(step_tokens[skip:]) / sum(step_seconds[skip:]),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "loss": losses,
    }
    if options.test:
        test_records, test_encoded = read(options.test, tokenizer, options.prefix, options.max_tokens)
        result["test"] = evaluate(model, test_records, test_encoded, pad, autocast, classes)
    json.dump(result, open(options.out, "w"))
    if options.curve:
        print("steps       mean loss of the other program   of this one")
        for first in range(0, len(losses), 10):
            other = np.mean([float(loss) for loss, _ in curve[first:first + 10]])
            print(f"{first + 1:4}-{min(first + 10, len(losses)):4}   {other:10.4f}   {np.mean(losses[first:first + 10]):10.4f}")
    shown = {k: result[k] for k in ("steps", "useful_tokens_per_second", "peak_memory_bytes")}
    shown |= {k: result["test"][k] for k in ("n", "accuracy", "macro_f1")} if options.test else {}
    print(json.dumps(shown))


if __name__ == "__main__":
    main()
