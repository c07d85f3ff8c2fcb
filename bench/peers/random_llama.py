"""Writes a GGUF of LLaMA-2-7B's shape with random weights: for speed and memory, not for sense.

    python random_llama.py out.gguf --type q4_0|q8_0 --vocabulary ggml-vocab-llama-spm.gguf [--layers 32]

The tokenizer is copied from a GGUF that holds a vocabulary alone. Every block has the same scale and random codes, so
that activations stay in range; the matrices of all blocks are the same bytes, which no kernel can make use of.
"""
import argparse

import gguf
import numpy

HIDDEN, MLP, HEADS, VOCABULARY = 4096, 11008, 32, 32000
TYPES = {"q4_0": (gguf.GGMLQuantizationType.Q4_0, 18, 0.0035), "q8_0": (gguf.GGMLQuantizationType.Q8_0, 34, 0.0002)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--type", choices=TYPES, required=True)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--layers", type=int, default=32)
    args = parser.parse_args()
    kind, block_bytes, scale = TYPES[args.type]
    random = numpy.random.default_rng(1)
    writer = gguf.GGUFWriter(args.out, "llama")
    writer.add_block_count(args.layers)
    writer.add_context_length(4096)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(MLP)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(VOCABULARY)
    source = gguf.GGUFReader(args.vocabulary)
    for name, field in source.fields.items():
        if name.startswith("tokenizer.ggml."):
            value = field.contents()
            kinds = field.types
            writer.add_key_value(name, value, kinds[0], kinds[1] if len(kinds) > 1 else None)

    def blocks(rows, columns):
        data = random.integers(0, 256, (rows, columns // 32, block_bytes), dtype=numpy.uint8)
        data[:, :, :2] = numpy.array([scale], numpy.float16).view(numpy.uint8)
        return data.reshape(rows, -1)

    shapes = {"attn_q": (HIDDEN, HIDDEN), "attn_k": (HIDDEN, HIDDEN), "attn_v": (HIDDEN, HIDDEN),
              "attn_output": (HIDDEN, HIDDEN), "ffn_gate": (MLP, HIDDEN), "ffn_up": (MLP, HIDDEN),
              "ffn_down": (HIDDEN, MLP)}
    matrices = {name: blocks(*shape) for name, shape in shapes.items()}
    ones = numpy.ones(HIDDEN, numpy.float32)
    words = blocks(VOCABULARY, HIDDEN)
    writer.add_tensor("token_embd.weight", words, raw_dtype=kind)
    for layer in range(args.layers):
        for name, data in matrices.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", data, raw_dtype=kind)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", ones)
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", words, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
