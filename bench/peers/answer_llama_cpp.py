"""llama.cpp on the same GGUF: prompt and decoding speed, and closed sets case by case.

    python answer_llama_cpp.py speed MODEL.gguf [--prompt 512] [--decode 64] [--threads 2]
    python answer_llama_cpp.py closed MODEL.gguf prompts.txt answer answer ... [--cases 500] [--keep-prefix]

prompts.txt: one prompt a line, line breaks within it written \\n. closed reads each prompt once and goes on with
each answer behind it; with --keep-prefix what all prompts begin with stays in llama.cpp's cache.
"""
import argparse
import math
import time

import numpy
from llama_cpp import Llama


def open_model(args):
    return Llama(args.model, n_ctx=args.context, n_batch=512, n_ubatch=512, n_threads=args.threads,
                 n_threads_batch=args.threads, verbose=False)


def speed(args):
    llama = open_model(args)
    vocabulary = llama.n_vocab()
    ids = [(i * 7919 + 13) % (vocabulary - 300) + 259 for i in range(args.prompt)]
    for _ in range(args.repeat):
        llama.reset()
        start = time.perf_counter()
        llama.eval(ids)
        prompt = args.prompt / (time.perf_counter() - start)
        llama.reset()
        token, start = 1, time.perf_counter()
        for _ in range(args.decode):
            llama.eval([token])
            token = int(numpy.argmax(numpy.ctypeslib.as_array(llama._ctx.get_logits(), shape=(vocabulary,))))
        print(f"prompt {prompt:.1f} tokens/s, decode {args.decode / (time.perf_counter() - start):.1f} tokens/s",
              flush=True)


def shared(prompts):
    n = min(map(len, prompts))
    return next((i for i in range(n) if len({p[i] for p in prompts}) > 1), n - 1)


def closed(args):
    llama = open_model(args)
    vocabulary = llama.n_vocab()
    lines = [line.rstrip("\n").replace("\\n", "\n") for line in open(args.prompts, encoding="utf-8") if line.strip()]
    lines = (lines * args.cases)[:args.cases]
    bos = llama.tokenize(b"", add_bos=True)
    prompts = [bos + llama.tokenize(line.encode(), add_bos=False, special=True) for line in lines]
    end = llama.token_eos()
    answers = [llama.tokenize(a.encode(), add_bos=False) + [end] for a in args.answers]
    keep = shared(prompts) if args.keep_prefix else 0

    def log_softmax(token):
        row = numpy.ctypeslib.as_array(llama._ctx.get_logits(), shape=(vocabulary,)).astype(numpy.float64)
        top = row.max()
        return row[token] - top - math.log(numpy.exp(row - top).sum())

    def back_to(length):
        llama._ctx.kv_cache_seq_rm(-1, length, -1)
        llama.n_tokens = length

    counts = [0] * len(answers)
    start = time.perf_counter()
    if keep:
        llama.eval(prompts[0][:keep])
    for prompt in prompts:
        back_to(keep)
        llama.eval(prompt[keep:])
        first = numpy.ctypeslib.as_array(llama._ctx.get_logits(), shape=(vocabulary,)).astype(numpy.float64)
        top = first.max()
        log_sum = top + math.log(numpy.exp(first - top).sum())
        scores = []
        for answer in answers:
            back_to(len(prompt))
            score = first[answer[0]] - log_sum
            for token, following in zip(answer, answer[1:]):
                llama.eval([token])
                score += log_softmax(following)
            scores.append(score)
        counts[scores.index(max(scores))] += 1
    seconds = time.perf_counter() - start
    print(f"{len(prompts)} cases of {sum(map(len, prompts)) / len(prompts):.1f} tokens in {seconds:.2f} s: "
          f"{len(prompts) / seconds:.2f} cases/s")
    for answer, count in zip(args.answers, counts):
        print(f"  {answer}: {count}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["speed", "closed"])
    parser.add_argument("model")
    parser.add_argument("prompts", nargs="?")
    parser.add_argument("answers", nargs="*")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep-prefix", action="store_true")
    args = parser.parse_args()
    speed(args) if args.what == "speed" else closed(args)


if __name__ == "__main__":
    main()
