"""Token ids of texts by the Hugging Face tokenizer of a model: what bench/encoder_bench reads, so that both sides of a
comparison train on the same tokens.

Each line of the output is a label and the ids, special tokens included. Texts longer than 512 tokens are left out.

Example: token_ids.py MODEL texts.jsonl --prefix "query: " --out texts.ids
"""

import argparse
import json

from transformers import AutoTokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    with open(options.texts, encoding="utf-8") as lines, open(options.out, "w", encoding="utf-8") as out:
        for line in lines:
            item = json.loads(line)
            ids = tokenizer(options.prefix + item["text"])["input_ids"]
            if len(ids) <= 512:
                print(item["label"], *ids, file=out)


if __name__ == "__main__":
    main()
