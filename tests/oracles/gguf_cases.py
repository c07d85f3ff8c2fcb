#!/usr/bin/env python3
"""A small GGUF file with one tensor of each kind that Gantry reads, and what the gguf package makes of it.

    gguf_cases.py tests/data/weights/gguf         # writes tiny.gguf and expected.safetensors
    gguf_cases.py --sums FILE.gguf                # prints name, shape, sum and sum of squares of every tensor

Quantised tensors are random bytes with moderate scales, so that every bit of every block counts.
Needs numpy, gguf, safetensors.
"""
import pathlib
import sys

import gguf
import numpy as np
from gguf.quants import dequantize
from safetensors.numpy import save_file

T = gguf.GGMLQuantizationType
ROWS, COLUMNS = 2, 512
# Where the half-precision scales lie in a block.
SCALES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q4_K: [0, 2], T.Q5_K: [0, 2],
          T.Q6_K: [208]}


def random_blocks(kind, random):
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (ROWS * COLUMNS // elements, size), dtype=np.uint8)
    for at in SCALES[kind]:
        scale = random.normal(0, 0.05, len(blocks)).astype(np.float16)
        blocks[:, at:at + 2] = scale.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS, -1)


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    writer = gguf.GGUFWriter(folder / "tiny.gguf", "llama")
    writer.add_block_count(3)
    writer.add_rope_freq_base(100000.0)
    writer.add_name("日本語の名前")
    writer.add_bool("test.flag", True)
    writer.add_int64("test.negative", -7)
    writer.add_uint8("test.byte", 200)
    writer.add_float64("test.double", 0.1)
    writer.add_token_list(["<s>", "▁骨", ""])
    writer.add_token_scores([0.0, -1.5, 2.0])
    writer.add_token_types([3, 1, 1])
    expected = {}
    plain = random.normal(0, 1, (3, 5)).astype(np.float32)
    writer.add_tensor("plain.f32", plain)
    writer.add_tensor("plain.f16", plain.astype(np.float16))
    expected["plain.f32"] = plain
    expected["plain.f16"] = plain.astype(np.float16).astype(np.float32)
    bf16 = (plain.view(np.uint32) >> 16).astype(np.uint16)
    writer.add_tensor("plain.bf16", bf16.view(np.uint8).reshape(3, -1), raw_dtype=T.BF16)
    expected["plain.bf16"] = (bf16.astype(np.uint32) << 16).view(np.float32)
    for kind in SCALES:
        raw = random_blocks(kind, random)
        writer.add_tensor("block." + kind.name.lower(), raw, raw_dtype=kind)
        expected["block." + kind.name.lower()] = np.ascontiguousarray(dequantize(raw, kind), np.float32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, folder / "expected.safetensors", {"format": "pt"})


def print_sums(path):
    for tensor in gguf.GGUFReader(path).tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
        shape = "x".join(str(int(d)) for d in reversed(tensor.shape))
        print(f"{tensor.name}\t{shape}\t{values.sum():.9e}\t{(values ** 2).sum():.9e}")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--sums":
        print_sums(sys.argv[2])
    elif len(sys.argv) == 2:
        write(pathlib.Path(sys.argv[1]))
    else:
        sys.exit(__doc__)
