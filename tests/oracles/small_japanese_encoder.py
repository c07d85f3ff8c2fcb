#!/usr/bin/env python3
"""A small random BERT with a character vocabulary of the bundled corpus, for tests of the whole sequence of verbs.

    small_japanese_encoder.py corpora/bone-metastasis tests/data/small-encoder

It has learned nothing: tests show that the verbs work together, not that answers are good. 128 positions, so that
whole reports are read in windows. Needs torch, transformers.
"""
import collections
import json
import pathlib
import sys
import unicodedata

import torch
from transformers import BertConfig, BertModel

corpus, folder = map(pathlib.Path, sys.argv[1:])
counts = collections.Counter()
for file in sorted(corpus.glob("*.jsonl")):
    for line in file.open(encoding="utf-8"):
        counts.update(unicodedata.normalize("NFKC", json.loads(line)["report"]))
characters = [c for c, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if n >= 5 and not c.isspace()]
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + characters + ["##" + c for c in characters]

torch.manual_seed(7)
model = BertModel(BertConfig(vocab_size=len(vocabulary), hidden_size=48, num_hidden_layers=2, num_attention_heads=3,
                             intermediate_size=96, max_position_embeddings=128, type_vocab_size=2))
folder.mkdir(parents=True, exist_ok=True)
model.half().save_pretrained(folder)
(folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
(folder / "tokenizer_config.json").write_text(
    json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": False, "model_max_length": 128}, indent=1) + "\n")
