#!/usr/bin/env python3
"""Tiny random model folders of each architecture that Gantry reads, written by transformers and peft.

    tiny_models.py tests/data/weights

Each folder holds config.json, the weights as the library writes them, and expected.tsv: for every tensor of the
encoder its canonical name, shape, sum, sum of squares, first and last value, taken from the model in memory.
Needs torch, transformers, safetensors, peft.
"""
import pathlib
import shutil
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (BertConfig, BertForSequenceClassification, BertModel, CamembertConfig, CamembertModel,
                          RobertaConfig, RobertaForSequenceClassification, XLMRobertaConfig, XLMRobertaModel)

SIZES = dict(vocab_size=53, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=40,
             max_position_embeddings=20)


def canonical(name):
    for prefix in ("bert.", "roberta."):
        name = name.removeprefix(prefix)
    return name


def write_expected(model, folder):
    lines = []
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        values = tensor.double().flatten()
        numbers = (values.sum(), (values * values).sum(), values[0], values[-1])
        lines.append("\t".join([canonical(name), "x".join(map(str, tensor.shape)), *(repr(float(n)) for n in numbers)]))
    (folder / "expected.tsv").write_text("\n".join(lines) + "\n")


def save(model, folder, **options):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **options)
    write_expected(model, folder)


def main(root):
    torch.manual_seed(20)
    save(BertModel(BertConfig(**SIZES), add_pooling_layer=False), root / "bert-bare")
    save(BertForSequenceClassification(BertConfig(**SIZES, num_labels=3)), root / "bert-classifier")
    save(BertModel(BertConfig(**SIZES)).to(torch.bfloat16), root / "bert-bf16")
    save(XLMRobertaModel(XLMRobertaConfig(**SIZES, type_vocab_size=1, pad_token_id=1)).half(), root / "xlm-roberta-f16")
    save(RobertaForSequenceClassification(RobertaConfig(**SIZES, type_vocab_size=1, num_labels=2)),
         root / "roberta-sharded", max_shard_size="20KB")
    save(CamembertModel(CamembertConfig(**SIZES, type_vocab_size=1)), root / "camembert")

    # The names of checkpoints converted from TensorFlow.
    legacy = root / "bert-legacy-names"
    save(BertModel(BertConfig(**SIZES)), legacy)
    renamed = {}
    for name, tensor in load_file(legacy / "model.safetensors").items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        renamed["bert." + name] = tensor
    save_file(renamed, legacy / "model.safetensors", {"format": "pt"})

    lora = dict(r=4, lora_alpha=8, lora_dropout=0.1, init_lora_weights=False)
    for name, model, settings in [
            ("peft-bert", BertForSequenceClassification(BertConfig(**SIZES, num_labels=3)),
             dict(task_type="SEQ_CLS", target_modules=["query", "value"])),
            ("peft-roberta", RobertaForSequenceClassification(RobertaConfig(**SIZES, type_vocab_size=1, num_labels=2)),
             dict(task_type="SEQ_CLS", target_modules=["query", "key", "value", "dense"], use_rslora=True)),
            ("peft-bare", BertModel(BertConfig(**SIZES), add_pooling_layer=False), dict(target_modules=["query", "value"]))]:
        shutil.rmtree(root / name, ignore_errors=True)
        adapted = get_peft_model(model, LoraConfig(**lora, **settings))
        adapted.save_pretrained(root / name)
        (root / name / "README.md").unlink(missing_ok=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
