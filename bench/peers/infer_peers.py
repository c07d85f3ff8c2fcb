"""Times the encoder forward of PyTorch, ONNX Runtime and CTranslate2 on given texts: the peers of `gantry predict`.

Every engine embeds the same texts (mean pooling), sorted by length, in batches and one at a time. Reports texts and
useful tokens a second, load seconds, the peak resident memory, and how far the embeddings lie from PyTorch's in
fp32 (least cosine), so that a fast but wrong answer shows. Each engine runs in its own process.

Example: infer_peers.py MODEL texts.jsonl --prefix "query: " --limit 711 --out infer.json
"""

import argparse
import json
import multiprocessing
import pathlib
import resource
import tempfile
import time

import numpy as np

ENGINES = ["torch-fp32", "torch-bf16", "onnxruntime-fp32", "onnxruntime-int8", "ctranslate2-fp32", "ctranslate2-int8"]


def mean_pooled(hidden, mask):
    weight = mask[..., None].astype(np.float32)
    return (hidden * weight).sum(1) / weight.sum(1)


def padded(rows, pad):
    width = max(map(len, rows))
    ids = np.full((len(rows), width), pad, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for i, row in enumerate(rows):
        ids[i, :len(row)] = row
        mask[i, :len(row)] = 1
    return ids, mask


def torch_engine(model, precision, threads):
    import torch
    from transformers import AutoModel
    torch.set_num_threads(threads)
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    encoder = AutoModel.from_pretrained(model, dtype=kind, attn_implementation="sdpa").eval()

    def embed(ids, mask):
        with torch.inference_mode():
            hidden = encoder(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).last_hidden_state
        return mean_pooled(hidden.float().numpy(), mask)
    return embed


def export_onnx(model, folder):
    """Writes encoder.onnx and its dynamically quantised (int8) twin, unless they are there."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModel
    plain, quantised = folder / "encoder.onnx", folder / "encoder-int8.onnx"
    if not plain.exists():
        class Hidden(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder = AutoModel.from_pretrained(model, dtype=torch.float32, attn_implementation="eager").eval()

            def forward(self, ids, mask):
                return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        example = torch.ones(2, 8, dtype=torch.long)
        torch.onnx.export(Hidden(), (example, example), str(plain), input_names=["ids", "mask"],
                          output_names=["hidden"], dynamo=False, opset_version=17,
                          dynamic_axes={n: {0: "batch", 1: "length"} for n in ("ids", "mask", "hidden")})
    if not quantised.exists():
        quantize_dynamic(str(plain), str(quantised), weight_type=QuantType.QInt8, per_channel=True)


def onnxruntime_engine(folder, precision, threads):
    import onnxruntime
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    name = "encoder-int8.onnx" if precision == "int8" else "encoder.onnx"
    session = onnxruntime.InferenceSession(str(folder / name), settings, providers=["CPUExecutionProvider"])
    return lambda ids, mask: mean_pooled(session.run(None, {"ids": ids, "mask": mask})[0], mask)


def convert_ctranslate2(model, folder):
    import ctranslate2
    if not (folder / "ct2" / "model.bin").exists():
        ctranslate2.converters.TransformersConverter(model).convert(str(folder / "ct2"), force=True)


def ctranslate2_engine(folder, precision, threads):
    import ctranslate2
    kind = "int8" if precision == "int8" else "float32"
    encoder = ctranslate2.Encoder(str(folder / "ct2"), device="cpu", compute_type=kind, inter_threads=1,
                                  intra_threads=threads)

    def embed(ids, mask):
        lengths = mask.sum(1).astype(np.int32)
        out = encoder.forward_batch(ctranslate2.StorageView.from_array(ids.astype(np.int32)),
                                    ctranslate2.StorageView.from_array(lengths))
        return mean_pooled(np.array(out.last_hidden_state), mask)
    return embed


def measure(engine, options, folder, encoded, pad, answers):
    """Runs in a process of its own, so that memory and thread pools are one engine's alone."""
    name, precision = engine.split("-")
    start = time.perf_counter()
    if name == "torch":
        embed = torch_engine(options.model, precision, options.threads)
    elif name == "onnxruntime":
        embed = onnxruntime_engine(folder, precision, options.threads)
    else:
        embed = ctranslate2_engine(folder, precision, options.threads)
    load = time.perf_counter() - start
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i]))
    result = {"engine": engine, "load_seconds": load}
    for batch in (options.batch, 1):
        texts = order if batch > 1 else order[::max(1, len(order) // options.single)]
        vectors = {}
        embed(*padded([encoded[i] for i in texts[-batch:]], pad))  # the longest shape first, untimed
        start = time.perf_counter()
        for i in range(0, len(texts), batch):
            part = texts[i:i + batch]
            for j, vector in zip(part, embed(*padded([encoded[j] for j in part], pad))):
                vectors[j] = vector
        seconds = time.perf_counter() - start
        label = "batch" if batch > 1 else "single"
        result[label] = {"texts": len(texts), "seconds": seconds, "texts_per_second": len(texts) / seconds,
                         "useful_tokens_per_second": sum(len(encoded[i]) for i in texts) / seconds}
        if batch > 1:
            result["vectors"] = np.stack([vectors[i] for i in range(len(encoded))])
    result["peak_memory_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answers.put(result)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--out", required=True)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--limit", type=int, default=711, help="texts taken, repeating the file if it is shorter")
    parser.add_argument("--single", type=int, default=100, help="texts for the one-at-a-time figure")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--work", type=pathlib.Path, help="keeps the converted models here between runs")
    options = parser.parse_args()

    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    texts = [json.loads(line)["text"] for line in open(options.texts, encoding="utf-8")]
    texts = [options.prefix + texts[i % len(texts)] for i in range(options.limit)]
    start = time.perf_counter()
    encoded = tokenizer(texts, truncation=True, max_length=512)["input_ids"]
    result = {"texts": len(texts), "tokens": sum(map(len, encoded)), "threads": options.threads,
              "tokenizer_seconds": time.perf_counter() - start, "engines": []}

    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.work or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        reference = None
        for engine in options.engines.split(","):
            convert = {"onnxruntime": export_onnx, "ctranslate2": convert_ctranslate2}.get(engine.split("-")[0])
            if convert:
                worker = context.Process(target=convert, args=(options.model, folder))
                worker.start()
                worker.join()
            answers = context.Queue()
            worker = context.Process(target=measure,
                                     args=(engine, options, folder, encoded, tokenizer.pad_token_id, answers))
            worker.start()
            while worker.is_alive() and answers.empty():
                time.sleep(0.2)
            if answers.empty():
                worker.join()
                result["engines"].append({"engine": engine, "failed": worker.exitcode})
                print(engine, "failed", flush=True)
                continue
            one = answers.get()
            worker.join()
            vectors = one.pop("vectors")
            vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            reference = vectors if reference is None else reference
            one["least_cosine_to_first"] = float((vectors * reference).sum(1).min())
            result["engines"].append(one)
            print(json.dumps(one), flush=True)
    json.dump(result, open(options.out, "w"), indent=1)


if __name__ == "__main__":
    main()
