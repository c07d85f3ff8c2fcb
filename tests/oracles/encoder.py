"""Expected values for the encoder: logits, loss, gradients and AdamW steps by Hugging Face transformers.

    python tests/oracles/encoder.py tests/data/encoder            # tiny models of each architecture
    python tests/oracles/encoder.py tests/data/encoder --base DIR  # the default base model's summary

Everything is computed in float64 on a padded batch with an attention mask, dropout off, and stored as float32, so
that all of a difference is Gantry's. Each tiny case is a folder: config.json, model.safetensors (the starting
weights under Hugging Face's names), expected.safetensors (tokens, logits, loss, gradients of the first step, weights
after 1 and 10 steps) and case.json (the settings).
"""
import argparse
import json
import math
import pathlib

import torch
from safetensors.torch import load_file, save_file
from transformers import (BertConfig, BertForSequenceClassification, BertModel, RobertaConfig,
                          RobertaForSequenceClassification, RobertaModel, XLMRobertaConfig, XLMRobertaModel)

STEPS = 10
BATCH = 4


def case(**given):
    settings = dict(pooling="mean", pooler=False, window_pooling="mean", classes=3, learning_rate=1e-3,
                    head_learning_rate=3e-3, warmup_steps=2, schedule="linear", layer_decay=1.0, weight_decay=0.05,
                    beta1=0.9, beta2=0.98, epsilon=1e-6, clip_norm=0.5, class_weights=[], label_smoothing=0.0,
                    freeze_embeddings=False, windows=1)
    settings.update(given)
    return settings


BERT = dict(vocab_size=61, hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=70,
            max_position_embeddings=40, type_vocab_size=2, pad_token_id=0)
ROBERTA = dict(vocab_size=53, hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=50,
               max_position_embeddings=40, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)
XLMR = dict(vocab_size=67, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=75,
            max_position_embeddings=44, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)

CASES = {
    "bert_mean": (BertConfig(**BERT), case()),
    "bert_pooler": (BertConfig(**BERT), case(pooling="first", pooler=True, class_weights=[1.0, 2.5, 0.7],
                                             label_smoothing=0.1, windows=3)),
    "bert_first": (BertConfig(**BERT), case(pooling="first", schedule="constant", classes=2, freeze_embeddings=True)),
    "roberta_pooler": (RobertaConfig(**ROBERTA), case(pooling="first", pooler=True, layer_decay=0.8,
                                                      schedule="cosine")),
    "xlmr_mean": (XLMRobertaConfig(**XLMR), case(windows=3, window_pooling="max", clip_norm=0.0, classes=4)),
}


class Headed(torch.nn.Module):
    """Mean or first-token pooling and a linear classifier on a bare encoder."""

    def __init__(self, name, encoder, hidden, classes, pooling):
        super().__init__()
        self.name = name
        self.pooling = pooling
        setattr(self, name, encoder)
        self.classifier = torch.nn.Linear(hidden, classes)

    def forward(self, ids, mask):
        hidden = getattr(self, self.name)(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pooling == "first":
            pooled = hidden[:, 0]
        else:
            pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return self.classifier(pooled)


class Hosted(torch.nn.Module):
    """A *ForSequenceClassification, called as Headed is."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, mask):
        return self.model(input_ids=ids, attention_mask=mask).logits


def build(config, settings):
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    config.classifier_dropout = 0.0
    config.num_labels = settings["classes"]
    config._attn_implementation = "eager"
    if settings["pooler"]:
        kind = {"bert": BertForSequenceClassification, "roberta": RobertaForSequenceClassification}[config.model_type]
        model = Hosted(kind(config))
        inner = model.model
    else:
        kind, name = {"bert": (BertModel, "bert"), "roberta": (RobertaModel, "roberta"),
                      "xlm-roberta": (XLMRobertaModel, "roberta")}[config.model_type]
        model = Headed(name, kind(config, add_pooling_layer=False), config.hidden_size, settings["classes"],
                       settings["pooling"])
        inner = model
    return model.double().eval(), inner


def randomize(model, generator):
    """Starting values larger than a fresh model's, so that no path is near zero."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            if "LayerNorm.weight" in name:
                parameter.copy_(1 + 0.2 * noise)
            elif "bias" in name:
                parameter.copy_(0.1 * noise)
            elif "embeddings" in name:
                parameter.copy_(0.5 * noise)
            else:
                parameter.copy_(noise / math.sqrt(parameter.shape[-1]))
            parameter.copy_(parameter.float().double())  # what the file will hold


def make_examples(config, settings, generator, count):
    """Reports of one or more windows, of different lengths, that leave part of the vocabulary unused."""
    examples = []
    longest = config.max_position_embeddings - (0 if config.model_type == "bert" else config.pad_token_id + 1)
    low, high = config.pad_token_id + 3, config.vocab_size - 9
    for i in range(count):
        windows = []
        for _ in range(1 + int(torch.randint(settings["windows"], (1,), generator=generator))):
            n = int(torch.randint(1, longest + 1, (1,), generator=generator))
            windows.append(torch.randint(low, high, (n,), generator=generator).tolist())
        examples.append(dict(windows=windows, label=i % settings["classes"]))
    return examples


def logits_of(model, config, settings, examples):
    windows = [w for e in examples for w in e["windows"]]
    width = max(map(len, windows))
    ids = torch.full((len(windows), width), config.pad_token_id)
    mask = torch.zeros((len(windows), width), dtype=torch.long)
    for r, w in enumerate(windows):
        ids[r, :len(w)] = torch.tensor(w)
        mask[r, :len(w)] = 1
    rows = model(ids, mask)
    pooled, at = [], 0
    for e in examples:
        part = rows[at:at + len(e["windows"])]
        pooled.append(part.mean(0) if settings["window_pooling"] == "mean" else part.max(0).values)
        at += len(e["windows"])
    return torch.stack(pooled)


def loss_of(logits, settings, examples):
    weights = torch.tensor(settings["class_weights"], dtype=logits.dtype) if settings["class_weights"] else None
    labels = torch.tensor([e["label"] for e in examples])
    return torch.nn.functional.cross_entropy(logits, labels, weight=weights,
                                             label_smoothing=settings["label_smoothing"])


def layer_of(name, layers):
    """0 for the embeddings, 1.. for the blocks, layers + 1 for the head."""
    if "embeddings." in name:
        return 0
    if ".layer." in name:
        return int(name.split(".layer.")[1].split(".")[0]) + 1
    return layers + 1


def optimizer_of(inner, config, settings):
    groups = []
    for name, parameter in inner.named_parameters():
        depth = layer_of(name, config.num_hidden_layers)
        if depth == config.num_hidden_layers + 1:
            rate = settings["head_learning_rate"]
        else:
            rate = settings["learning_rate"] * settings["layer_decay"] ** (config.num_hidden_layers - depth)
        decay = 0.0 if name.endswith("bias") or "LayerNorm" in name else settings["weight_decay"]
        if depth == 0 and settings["freeze_embeddings"]:
            parameter.requires_grad_(False)
            continue
        groups.append(dict(params=[parameter], lr=rate, weight_decay=decay))
    return torch.optim.AdamW(groups, betas=(settings["beta1"], settings["beta2"]), eps=settings["epsilon"])


def rate_factor(settings, step, steps):
    """transformers' get_{linear,cosine,constant}_schedule_with_warmup."""
    if step < settings["warmup_steps"]:
        return step / max(1, settings["warmup_steps"])
    progress = (step - settings["warmup_steps"]) / max(1, steps - settings["warmup_steps"])
    return {"linear": max(0.0, 1 - progress), "cosine": 0.5 * (1 + math.cos(math.pi * progress)),
            "constant": 1.0}[settings["schedule"]]


def store_examples(examples, kept):
    flat = [t for e in examples for w in e["windows"] for t in w]
    kept["tokens"] = torch.tensor(flat, dtype=torch.int32)
    kept["lengths"] = torch.tensor([len(w) for e in examples for w in e["windows"]], dtype=torch.int32)
    kept["windows"] = torch.tensor([len(e["windows"]) for e in examples], dtype=torch.int32)
    kept["labels"] = torch.tensor([e["label"] for e in examples], dtype=torch.int32)


def named(inner):
    return {n.removeprefix("model."): p for n, p in inner.named_parameters()}


def write_case(folder, config, settings, seed):
    generator = torch.Generator().manual_seed(seed)
    model, inner = build(config, settings)
    randomize(inner, generator)
    examples = make_examples(config, settings, generator, 3 * BATCH)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({n: p.detach().float().contiguous() for n, p in named(inner).items()}, folder / "model.safetensors")
    described = config.to_dict()
    described["architectures"] = [type(inner).__name__ if settings["pooler"] else None]
    if not settings["pooler"]:
        described["architectures"] = [{"bert": "BertModel", "roberta": "RobertaModel",
                                       "xlm-roberta": "XLMRobertaModel"}[config.model_type]]
    for volatile in ("transformers_version", "dtype", "_name_or_path"):
        described.pop(volatile, None)
    (folder / "config.json").write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")

    kept = {}
    store_examples(examples, kept)
    with torch.no_grad():
        kept["logits"] = logits_of(model, config, settings, examples).float()
    optimizer = optimizer_of(inner, config, settings)
    base_rates = [g["lr"] for g in optimizer.param_groups]
    losses, norms = [], []
    for step in range(STEPS):
        part = [examples[(step * BATCH + i) % len(examples)] for i in range(BATCH)]
        optimizer.zero_grad()
        loss = loss_of(logits_of(model, config, settings, part), settings, part)
        loss.backward()
        trained = [p for p in inner.parameters() if p.requires_grad]
        losses.append(loss.item())
        norms.append(math.sqrt(sum(p.grad.square().sum().item() for p in trained)))
        if step == 0:
            for n, p in named(inner).items():
                if p.requires_grad:
                    kept["gradient/" + n] = p.grad.float().clone()
        if settings["clip_norm"] > 0:
            torch.nn.utils.clip_grad_norm_(trained, settings["clip_norm"])
        for group, rate in zip(optimizer.param_groups, base_rates):
            group["lr"] = rate * rate_factor(settings, step + 1, STEPS + 2)
        optimizer.step()
        if step + 1 in (1, STEPS):
            for n, p in named(inner).items():
                if p.requires_grad:
                    kept[f"after{step + 1}/" + n] = p.detach().float().clone()
    kept["losses"] = torch.tensor(losses)
    kept["norms"] = torch.tensor(norms)
    save_file({n: t.contiguous() for n, t in kept.items()}, folder / "expected.safetensors")
    (folder / "case.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")


def write_base(base, out):
    """The default base model: logits, loss, each gradient's norm and 16 of its entries, in float32."""
    config = BertConfig.from_pretrained(base)
    settings = case()
    model, inner = build(config, settings)
    model.float()
    generator = torch.Generator().manual_seed(7)
    stored = load_file(pathlib.Path(base) / "model.safetensors")
    state = {"bert." + n.removeprefix("bert."): t.float() for n, t in stored.items()}
    with torch.no_grad():
        head = 0.05 * torch.randn(inner.classifier.weight.shape, generator=generator)
    missing, _ = inner.load_state_dict(state, strict=False)
    assert set(missing) <= {"classifier.weight", "classifier.bias", "bert.embeddings.position_ids"}, missing
    with torch.no_grad():
        inner.classifier.weight.copy_(head)
        inner.classifier.bias.zero_()
    examples = []
    for i, n in enumerate((5, 37, 180, 64)):
        examples.append(dict(windows=[[0] + torch.randint(5, 250000, (n,), generator=generator).tolist() + [2]],
                             label=i % 3))
    kept = {"head": head}
    store_examples(examples, kept)
    logits = logits_of(model, config, settings, examples)
    loss = loss_of(logits, settings, examples)
    loss.backward()
    kept["logits"] = logits.detach().clone()
    kept["losses"] = torch.tensor([loss.item()])
    for n, p in named(inner).items():
        flat = p.grad.flatten()
        if "word_embeddings" in n:
            row = examples[2]["windows"][0][3]
            at = row * config.hidden_size + torch.arange(16)
        else:
            at = torch.randint(flat.numel(), (16,), generator=generator)
        kept["row/" + n] = (at // p.shape[-1]).int()
        kept["col/" + n] = (at % p.shape[-1]).int()
        kept["sample/" + n] = flat[at].clone()
        kept["norm/" + n] = p.grad.double().norm().float().reshape(1)
    save_file({n: t.contiguous() for n, t in kept.items()}, pathlib.Path(out) / "base.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--base", help="folder of multilingual-e5-small")
    arguments = parser.parse_args()
    if arguments.base:
        write_base(arguments.base, arguments.out)
        return
    for seed, (name, (config, settings)) in enumerate(CASES.items()):
        write_case(arguments.out / name, config, settings, seed + 1)


if __name__ == "__main__":
    main()
