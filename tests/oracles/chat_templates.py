"""What transformers' apply_chat_template makes of some conversations: tests/data/chat/expected.json.

    python chat_templates.py SMOLLM2.gguf LLAMA2_TOKENIZER.json OUT.json

SmolLM2's template is the one its GGUF file carries; those of LLaMA-2-Chat and Mistral-Instruct 0.2
(as in the configurations that came with the models) and plain ChatML stand below. For SmolLM2
and LLaMA-2 the token ids too, for LLaMA-2 with Hugging Face's own tokenizer.json. Needs gguf,
transformers.
"""

import json
import os
import sys

from gguf import GGUFReader
from transformers import PreTrainedTokenizerFast

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tokenizer_gguf  # noqa: E402

LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'system' %}"
    "{{ '<<SYS>>\\n' + content.strip() + '\\n<</SYS>>\\n\\n' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}")
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}")
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def turns(*said, system=None):
    out = [{"role": "system", "content": system}] if system is not None else []
    for i, text in enumerate(said):
        out.append({"role": "assistant" if i % 2 else "user", "content": text})
    return out


CONVERSATIONS = [
    turns("Which modality?"),
    turns("Diagnosis: T2N1M0 squamous cell carcinoma of the lung.\nWhich modality?",
          system="You are a radiation oncologist."),
    turns("One.", "Two.", "Three?"),
    turns("One.", "photon", "70 Gy in 35 fractions, and then?", "a boost", "Of how much?",
          system="Answer in one line.\nNo more."),
    turns("  spaces around \n", "  kept? ", "\tand tabs\t"),
    turns("診断: 多発骨転移。\n放射線治療は？", "8 Gy/1 回", "他には？", system="日本語で答える。"),
    turns("50.4 Gy in 28 fx; \"quotes\" & <angles> {braces} 100 %"),
    turns("naïve café – µm ½ 😀"),
]


def main():
    smollm_path, llama_path, out = sys.argv[1:]
    own = GGUFReader(smollm_path).fields["tokenizer.chat_template"].contents()
    smollm = PreTrainedTokenizerFast(tokenizer_object=tokenizer_gguf.open_tokenizer(smollm_path),
                                     bos_token="<|im_start|>", eos_token="<|im_end|>")
    llama = PreTrainedTokenizerFast(tokenizer_file=llama_path, bos_token="<s>", eos_token="</s>")
    kinds = {"smollm2": (own, smollm), "chatml": (CHATML, smollm), "llama2": (LLAMA2, llama),
             "mistral": (MISTRAL, llama)}
    expected = {"templates": {name: t for name, (t, _) in kinds.items()}, "cases": []}
    for name, (template, tokenizer) in kinds.items():
        for conversation in CONVERSATIONS:
            if name == "mistral" and conversation[0]["role"] == "system":
                continue  # this template refuses it
            text = tokenizer.apply_chat_template(conversation, chat_template=template, tokenize=False,
                                                 add_generation_prompt=True)
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            expected["cases"].append({"kind": name, "turns": conversation, "text": text, "ids": ids})
    json.dump(expected, open(out, "w", encoding="utf-8"), ensure_ascii=False, indent=1)


if __name__ == "__main__":
    main()
