"""Expected values for decoders: logits, loss, LoRA gradients and AdamW steps by transformers and PEFT.

    python tests/oracles/decoder.py tests/data/decoder               # tiny models of each kind
    python tests/oracles/decoder.py tests/data/decoder --base DIR    # a real one: a folder with a GGUF file

Tiny cases are computed in float64, one text at a time, and stored as float32, so that all of a difference is
Gantry's. Each is a folder: config.json, model.safetensors (or shards), expected.safetensors (tokens, logits of the
label rows, loss, the adapter at the start, its gradients at the first step and its values after 1 and 10 steps) and
case.json (the settings). Tokens behind `prompts[i]` of text i are the answer.

--base writes base.safetensors: logits, LoRA gradients and ten AdamW steps in float32 for adapters that begin as a
formula (see formula()).
"""
import argparse
import json
import pathlib

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

STEPS = 10
BATCH = 3
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

TINY = dict(vocab_size=71, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4,
            intermediate_size=44, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
            bos_token_id=1, eos_token_id=2, initializer_range=0.2)


def llama(rope=None, **given):
    return LlamaConfig(**{**TINY, **given, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0,
                                                               **(rope or {})}})


def mistral(**given):
    return MistralConfig(**{**TINY, **given})


def case(**given):
    settings = dict(rank=4, alpha=8.0, rslora=False, targets=ALL, learning_rate=5e-3, weight_decay=0.01, beta1=0.9,
                    beta2=0.999, epsilon=1e-8, clip_norm=1.0, lengths=[9, 23, 14, 6, 17, 31, 12], shards=False)
    settings.update(given)
    return settings


CASES = {
    "llama": (llama(), case()),
    "llama_gqa_tied": (llama(num_key_value_heads=2, tie_word_embeddings=True,
                             rope={"rope_type": "linear", "factor": 2.0}), case(rslora=True, shards=True)),
    "llama3": (llama(num_key_value_heads=1, num_hidden_layers=2,
                     rope={"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
                           "high_freq_factor": 4.0, "original_max_position_embeddings": 32}),
               case(targets=["q_proj", "v_proj"], rank=2)),
    "llama_dynamic": (llama(max_position_embeddings=16, num_hidden_layers=2,
                            rope={"rope_type": "dynamic", "factor": 2.0}),
                      case(lengths=[24] * 5, targets=["k_proj", "o_proj", "up_proj"])),
    "mistral_window": (mistral(num_key_value_heads=2, sliding_window=5), case()),
    "mistral_heads": (mistral(num_attention_heads=3, num_key_value_heads=1, head_dim=18, sliding_window=None,
                              num_hidden_layers=1, tie_word_embeddings=True), case(rank=3, alpha=5.0)),
}


def make_texts(config, lengths, seed):
    generator = torch.Generator().manual_seed(seed)
    texts, prompts = [], []
    for n in lengths:
        texts.append(torch.randint(3, config.vocab_size, (n,), generator=generator))
        prompts.append(int(torch.randint(1, n - 1, (1,), generator=generator)))
    return texts, prompts


def label_logits(model, text, prompt):
    """Logits of the rows that predict the answer, and the sum of -log p of it."""
    logits = model(input_ids=text[None]).logits[0]
    rows = logits[prompt - 1:-1]
    return rows, torch.nn.functional.cross_entropy(rows, text[prompt:], reduction="sum")


def step_loss(model, texts, prompts):
    sums = [label_logits(model, t, p)[1] for t, p in zip(texts, prompts)]
    return sum(sums) / sum(len(t) - p for t, p in zip(texts, prompts))


def plain(name):
    """PEFT's parameter name as the module's own: model.layers.0.self_attn.q_proj.lora_A"""
    return name.removeprefix("base_model.model.").replace(".default.weight", "")


def adapters(model):
    return {plain(n): p for n, p in model.named_parameters() if "lora_" in n}


def kept(tensors, prefix):
    return {f"{prefix}.{n}": p.detach().to(torch.float32).clone().contiguous() for n, p in tensors.items()}


def tiny(folder, name, seed):
    config, settings = CASES[name]
    torch.manual_seed(seed)
    config._attn_implementation = "eager"
    kind = MistralForCausalLM if isinstance(config, MistralConfig) else LlamaForCausalLM
    base = kind(config).to(torch.float32)
    for n, p in base.named_parameters():
        if "norm" in n:
            p.data = 1 + 0.2 * torch.randn_like(p)
    out = folder / name
    out.mkdir(parents=True, exist_ok=True)
    base.save_pretrained(out, max_shard_size="20KB" if settings["shards"] else "1GB")
    (out / "generation_config.json").unlink(missing_ok=True)
    lora = LoraConfig(r=settings["rank"], lora_alpha=settings["alpha"], lora_dropout=0.0, bias="none",
                      target_modules=settings["targets"], use_rslora=settings["rslora"], task_type="CAUSAL_LM")
    model = get_peft_model(base.to(torch.float64), lora).to(torch.float64)
    for n, p in adapters(model).items():
        p.data = (0.2 * torch.randn_like(p)).to(torch.float32).to(torch.float64)
    texts, prompts = make_texts(config, settings["lengths"], seed)
    expected = {"tokens": torch.cat(texts).to(torch.float32), "lengths": torch.tensor(settings["lengths"]).float(),
                "prompts": torch.tensor(prompts).float()}
    with torch.no_grad():
        expected["logits"] = torch.cat([label_logits(model, t, p)[0] for t, p in zip(texts, prompts)])
    expected.update(kept(adapters(model), "start"))
    optimizer = torch.optim.AdamW([p for _, p in adapters(model).items()], lr=settings["learning_rate"],
                                  betas=(settings["beta1"], settings["beta2"]), eps=settings["epsilon"],
                                  weight_decay=settings["weight_decay"])
    losses, norms = [], []
    for step in range(STEPS):
        chosen = [(step * BATCH + i) % len(texts) for i in range(BATCH)]
        loss = step_loss(model, [texts[i] for i in chosen], [prompts[i] for i in chosen])
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            expected.update(kept({n: p.grad for n, p in adapters(model).items()}, "gradient"))
        norm = torch.nn.utils.clip_grad_norm_(list(adapters(model).values()), settings["clip_norm"])
        optimizer.step()
        losses.append(loss.item())
        norms.append(norm.item())
        if step + 1 in (1, STEPS):
            expected.update(kept(adapters(model), f"after_{step + 1}"))
    expected = {n: t.to(torch.float32).contiguous() for n, t in expected.items()}
    save_file(expected, out / "expected.safetensors")
    (out / "case.json").write_text(json.dumps({**settings, "losses": losses, "norms": norms}, indent=1) + "\n")


def formula(name, shape):
    """Adapter values that need no file: a wave over the elements, its phase by the layer and the place."""
    layer = int(name.split(".")[2])
    which = ALL.index(name.split(".")[4]) * 2 + (1 if name.endswith("lora_B") else 0)
    index = torch.arange(shape[0] * shape[1], dtype=torch.float64)
    return (0.03 * torch.sin(0.7 * index + layer + 0.1 * which)).reshape(shape)


def base_model(folder, path):
    path = pathlib.Path(path)
    model = AutoModelForCausalLM.from_pretrained(path, gguf_file=next(path.glob("*.gguf")).name,
                                                 dtype=torch.float32, attn_implementation="eager")
    model = get_peft_model(model, LoraConfig(r=2, lora_alpha=2.0, lora_dropout=0.0, bias="none", target_modules=ALL,
                                             task_type="CAUSAL_LM"))
    for n, p in adapters(model).items():
        p.data = formula(n, p.shape).to(torch.float32)
    tokens = torch.tensor([(i * i * 7919 + 13 * i + 5) % 49152 for i in range(40)])
    rows, total = label_logits(model, tokens, 30)
    total.backward()
    expected = {"tokens": tokens.float(), "loss": total.detach()[None], "logits": rows.detach()[:, ::64].contiguous()}
    shown = [n for n in adapters(model) if n.split(".")[2] in ("0", "17", "29")]
    for n, p in adapters(model).items():
        expected["norm." + n] = p.grad.norm()[None]
        if n in shown:
            expected["gradient." + n] = p.grad.reshape(-1)[:256].contiguous()
    # Ten steps of AdamW, each on the text after the one before.
    optimizer = torch.optim.AdamW(adapters(model).values(), lr=1e-3, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.01)
    losses, norms = [], []
    for step in range(10):
        optimizer.zero_grad()
        _, total = label_logits(model, (tokens + 101 * step) % 49152, 30)
        total.backward()
        losses.append(total.detach())
        norms.append(torch.stack([p.grad.norm() for p in adapters(model).values()]).norm())
        optimizer.step()
    expected["losses"], expected["gradient_norms"] = torch.stack(losses), torch.stack(norms)
    for n in shown:
        expected["after_10." + n] = adapters(model)[n].detach().reshape(-1)[:256].contiguous()
    save_file({n: t.to(torch.float32) for n, t in expected.items()}, folder / "base.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--base", help="folder of a model as GGUF")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.base:
        base_model(arguments.folder, arguments.base)
        return
    for seed, name in enumerate(CASES):
        tiny(arguments.folder, name, 100 + seed)


if __name__ == "__main__":
    main()
