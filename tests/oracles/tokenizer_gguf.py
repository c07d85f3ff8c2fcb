"""What Hugging Face makes of strings.json with the byte-level tokenizer that a GGUF file carries.

    python tokenizer_gguf.py STRINGS.json FILE.gguf OUT

The pieces and merges are the file's; the parts around them are those of SmolLM2's tokenizer.json:
each digit a word, GPT-2's byte-level cutting, control tokens found in the text. Writes expected.txt
and decoded.json as tokenizers_expected.py does. Needs gguf, tokenizers.
"""

import hashlib
import json
import os
import sys

from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers


def open_tokenizer(path):
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False)
                                  for t, kind in zip(tokens, kinds) if kind == 3])
    return tokenizer


def main():
    strings_path, gguf_path, out = sys.argv[1:]
    tokenizer = open_tokenizer(gguf_path)
    decoded = []
    with open(os.path.join(out, "expected.txt"), "w") as expected:
        for text in json.load(open(strings_path, encoding="utf-8")):
            ids = tokenizer.encode(text).ids
            line = " ".join(map(str, ids))
            if len(ids) > 150:
                line = "# %d %s" % (len(ids), hashlib.sha256(line.encode()).hexdigest())
            expected.write(line + "\n")
            decoded.append(tokenizer.decode(ids) if len(ids) <= 60 else None)
    json.dump(decoded, open(os.path.join(out, "decoded.json"), "w"), indent=0)


if __name__ == "__main__":
    main()
