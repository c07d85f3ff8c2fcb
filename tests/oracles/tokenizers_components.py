"""What Hugging Face's normalizers, pre-tokenizers and decoders make of hard texts, one component at a time.

    python tokenizers_components.py STRINGS.json OUT.json NORMAL_FORMS.txt

OUT.json: [{"part", "json", "cases": [[input, output], ...]}, ...]. NORMAL_FORMS.txt: a line a string,
the first 12 digits of the SHA-256 of its NFC, NFD, NFKC, NFKD and of its lower case, by Python.
"""

import hashlib
import json
import sys
import unicodedata

from tokenizers import Tokenizer, models

NORMALIZERS = [
    {"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"}, {"type": "NFKD"}, {"type": "Lowercase"},
    {"type": "StripAccents"}, {"type": "Nmt"}, {"type": "ByteLevel"},
    {"type": "Strip", "strip_left": True, "strip_right": False},
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": "  "}, "content": "▁"},
    {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
    {"type": "Replace", "pattern": {"Regex": "[0-9\\.]"}, "content": ""},
    {"type": "Replace", "pattern": {"Regex": "^a|骨$"}, "content": "X"},
    {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
     "lowercase": True},
    {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": True,
     "lowercase": False},
    {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": False,
     "lowercase": True},
    {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}, {"type": "NFD"},
                                         {"type": "StripAccents"}]},
]
REGEXES = [r"\w+|[^\w\s]+", r"\s", r"\d", r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}", r"(?i:'s|'t)|\p{Han}+|.",
           r"[\s\d]+", r"\S+", r"\h+", r"\W", r"[\w.-]+", r"[[:alpha:]]+", r"^.", r".$", r"a*"]
PRE_TOKENIZERS = [
    {"type": "BertPreTokenizer"}, {"type": "Whitespace"}, {"type": "WhitespaceSplit"},
    {"type": "Punctuation", "behavior": "Isolated"}, {"type": "Punctuation", "behavior": "Contiguous"},
    {"type": "Digits", "individual_digits": False}, {"type": "Digits", "individual_digits": True},
    {"type": "CharDelimiterSplit", "delimiter": "、"},
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
    {"type": "Metaspace", "replacement": "_", "prepend_scheme": "never", "split": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False},
    {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},
     {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}]},
    {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Removed"},
                                           {"type": "Digits", "individual_digits": True}]},
] + [{"type": "Split", "pattern": {"String": "転移"}, "behavior": behavior, "invert": invert}
     for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
     for invert in (False, True)
] + [{"type": "Split", "pattern": {"Regex": "[、。 0-9]"}, "behavior": behavior, "invert": False}
     for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
] + [{"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False} for regex in REGEXES]
DECODERS = [
    {"type": "WordPiece", "prefix": "##", "cleanup": True}, {"type": "WordPiece", "prefix": "##", "cleanup": False},
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
    {"type": "Fuse"}, {"type": "ByteFallback"}, {"type": "Strip", "content": "▁", "start": 1, "stop": 1},
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
    {"type": "Replace", "pattern": {"Regex": "[▁Ġ]"}, "content": "-"},
    {"type": "BPEDecoder", "suffix": "</w>"},
    {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
     {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
]
PIECES = [
    ["骨", "##転移", "は", "no", "##ne", ".", "do", "n't", "!", "'", "s", "a", ","], ["▁骨", "転移", "▁a", "▁▁b▁"], ["▁"],
    ["骨</w>", "転", "移</w>", "a</w>"], ["<0xE9>", "<0xAA>", "<0xA8>", "x", "<0xE9>", "y", "<0xFF>", "<0xFE>"],
    ["Ġé", "ª", "¨", "Ġa", "Ċ", "<s>", "転移"], ["ã", "ģ"], [" a", "b ", ""], [], ["▁▁▁a", "b▁▁"], ["<0x4>", "<0xGG>", "<0x41>"],
]


def component(part, spec):
    fields = json.loads(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str())
    fields[part] = spec
    return getattr(Tokenizer.from_str(json.dumps(fields)), part)


def main():
    strings_path, out, forms = sys.argv[1:]
    strings = json.load(open(strings_path, encoding="utf-8"))
    texts = [s for s in strings[:300] if len(s) <= 40][::5] + [s for s in strings[300:640] if len(s) <= 60][::14]
    entries = []
    for spec in NORMALIZERS:
        part = component("normalizer", spec)
        cases = [[s, part.normalize_str(s)] for s in texts]
        entries.append({"part": "normalizer", "json": spec, "cases": cases})
    for spec in PRE_TOKENIZERS:
        part = component("pre_tokenizer", spec)
        cases = [[s, [piece for piece, _ in part.pre_tokenize_str(s)]] for s in texts[::2] if s]
        entries.append({"part": "pre_tokenizer", "json": spec, "cases": cases})
    for spec in DECODERS:
        part = component("decoder", spec)
        cases = []
        for pieces in PIECES:
            try:
                cases.append([pieces, part.decode(pieces)])
            except BaseException as error:  # the library panics on some: a lone "▁" stripped at both ends
                if "Panic" not in type(error).__name__:
                    raise
        entries.append({"part": "decoder", "json": spec, "cases": cases})
    with open(out, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")
    with open(forms, "w", encoding="utf-8") as file:
        for s in strings:
            values = [unicodedata.normalize(form, s) for form in ("NFC", "NFD", "NFKC", "NFKD")]
            values.append("".join(c.lower() for c in s))
            file.write(" ".join(hashlib.sha256(v.encode()).hexdigest()[:12] for v in values) + "\n")


if __name__ == "__main__":
    main()
