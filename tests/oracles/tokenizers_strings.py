"""The strings that every tokenizer is tried on: tests/data/tokenizers/strings.json.

    python tokenizers_strings.py CORPORA OUT.json

CORPORA is the folder of the synthetic corpora. The same input gives the same file.
"""

import glob
import json
import os
import random
import sys
import unicodedata

EDGES = [
    "", " ", "  ", "\t", "\n", "\r\n", "\n\n\n", "\u3000", "\u00a0", "\u2003\u2009", "a", "骨", ".",
    "。", "骨転移", "骨転移は認めません。", " 骨転移", "骨転移 ", "  骨  転移  ", "骨\u3000転移",
    "骨\u00a0転移", "骨\n転移", "骨\r\n転移\r\n", "骨\t転移", "左肺S6に12mm大の結節", "ＣＴ", "ｃｔ", "CT",
    "ct", "Ｓ６", "１２ｍｍ", "12mm", "１２．５ｍｍ", "12.5 mm", "SUVmax 8.3→4.1", "SUVmax=12.4(前回9.8)",
    "ﾊﾞﾘｳﾑ", "ﾘﾝﾊﾟ節", "ｶﾞﾝ", "ｶﾞｷﾞｸﾞｹﾞｺﾞ", "ﾊﾟﾋﾟﾌﾟﾍﾟﾎﾟ", "ﾞ", "ﾟ", "ｶ ﾞ", "ｰ", "｡｢｣､･", "ヴァ",
    "か\u3099", "カ\u3099ン", "は\u309a", "か\u309b", "がん", "ガン", "癌", "㌔㍉㎜㎝", "㎟㎠㏄", "①②③",
    "ⅠⅡⅢⅣ", "ⅰⅱⅲ", "㈱", "℃", "№", "㍻30年", "令和６年", "H30.4.1", "2024/04/01", "髙﨑", "齋藤",
    "𠮷野家", "𩸽", "𠀋", "葛\U000e0100城", "〜", "～", "−", "ー", "―", "─", "‐", "–", "—", "…", "‥",
    "「転移」", "『』", "（疑い）", "(疑い)", "【診断】", "＜診断＞", "[画像診断]", "■結論", "◯", "〇", "○",
    "・", "･", "、", "，", "．", "！？", "!?", "‼", "⁇", "a.b.c", "a,b;c:d", "don't", "I'm can't we've",
    "it's 5'3\"", "naïve café", "nai\u0308ve cafe\u0301", "Ångström", "A\u030angstro\u0308m", "ﬁbrosis",
    "ﬀ ﬃ", "ß STRASSE straße", "İstanbul ıi", "ΑΣ Σίσυφος", "ΜΈΓΑ", "ПРИВЕТ Ёлка Й", "И\u0306",
    "الرئة العظم", "مَرْحَبًا", "שלום", "नमस्ते हड्डी", "ภาษาไทย กระดูก", "한국어 뼈 전이", "한국어",
    "각", "ㄱㅏ", "中文骨转移", "骨轉移", "Tiếng Việt", "😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇯🇵", "🇯",
    "❤️", "❤", "1️⃣", "a😀b", "骨😀転移", "😀😀😀", "\U0001f9b4", "\U0001fac1肺", "\u200b", "a\u200bb",
    "\u200d", "a\u200db", "\u200e\u200f", "\ufeff骨", "\u00ad", "co\u00adoperate", "\u2028", "\u2029",
    "a\u2028b", "\u0085", "\x00", "a\x00b", "\x01\x02", "\x07", "\x0b\x0c", "\x1b[0m", "\x7f", "\x80",
    "\x9f", "\ufffd", "a\ufffdb", "\ufffe", "\uffff", "\U0010ffff", "\ue000", "\U000f0000", "\u0301",
    "\u0301a", "a\u0301\u0302\u0303", "e\u0301" * 5, "①\u0301", "\u0378", "\u2581", "▁骨", "a▁b", "▁▁",
    "Ġ骨", "Ċ", "##骨", "##", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "骨[MASK]転移", "骨 [MASK] 転移", "<s>",
    "</s>", "<unk>", "<pad>", "<mask>", "骨 <mask> 転移", "<s>骨</s>", "a<mask>", "<|endoftext|>",
    "<0x00>", "<0xE3>", "<0xE3><0x81><0x82>", "\\xe3\\x81\\x82", "\\u9aa8", "&#39592;", "&lt;骨&gt;",
    "Ã©", "éª¨", "ç™Œ", "æ–‡å—åŒ–ã‘", "縺薙ｓ縺ｫ縺｡縺ｯ", "%E9%AA%A8", "=?UTF-8?B?6aqo?=", "骨\x00転移",
    "http://example.org/a?b=c&d=e#f", "user@example.org", "C:\\reports\\骨.txt", "a/b/c", "--", "---",
    "...", "....", "   a", "a   ", "a   b", "a    b     c", " a b ", "\ta\tb", "1", "12", "123", "1234",
    "12345", "1,234,567", "3.14", "-1", "+1", "1e10", "½", "1/2", "²", "m²", "x₂", "10⁻³", "٣٤", "一二三",
    "１２３４５", "Ⅷ", "㊙", "ゟ", "ヿ", "ゝゞ", "々", "〆切", "ヵ月", "ヶ所", "ヷ", "ㇰ", "𛀀", "𝐀𝑏𝒞",
    "ａｂｃＡＢＣ", "ＡＢＣ　ｄｅｆ", "ﾊﾝｶｸ ﾓｼﾞ", "ABCdefGHI", "camelCaseWord", "snake_case_word",
    "kebab-case", "ALLCAPS", "MRI/CT", "PET-CT", "T1WI、T2WI", "Th12/L1", "L4/5", "C7〜Th1", "pT2N1M0",
    "ER+/HER2-", "HER2(3+)", "Gleason score 4+5=9", "PSA 23.4ng/mL", "99mTc-MDP", "⁹⁹ᵐTc", "α線", "β",
    "µm", "μm", "Ω", "Ω", "Å", "Å", "é", "e\u0301", "ñ", "n\u0303", "が", "か\u3099か\u3099",
    "ẛ\u0323", "\u1e9b\u0323", "q\u0307\u0323", "가\u11a8", "\u1100\u1161\u11a8", "Ǆ ǅ ǆ", "ŉ", "ΐ",
    "Impression: No evidence of bone metastasis.", "FINDINGS:\n1. Multiple osteolytic lesions.",
    "There is a 12-mm sclerotic lesion in the L3 vertebral body, unchanged.",
    "The quick brown fox jumps over the lazy dog.", "antidisestablishmentarianism",
    "pneumonoultramicroscopicsilicovolcanoconiosis" * 3, "x" * 100, "x" * 101, "骨" * 101, "1" * 300,
    "あ" * 500, "!" * 50, "。" * 50, " " * 100, "\n" * 30, "ab" * 200, "😀" * 60, "か\u3099" * 40,
    "\u0301" * 30, "a" + "\u0301" * 40,
]


def half_width(text):
    """Katakana and ASCII as half-width forms, a voicing mark apart from its kana."""
    table = {unicodedata.normalize("NFKC", chr(c)): chr(c) for c in range(0xFF61, 0xFFA0)}
    out = []
    for c in unicodedata.normalize("NFC", text):
        parts = unicodedata.normalize("NFD", c)
        if all(p in table or p in "\u3099\u309a" for p in parts) and parts[0] in table:
            out += [{"\u3099": "\uff9e", "\u309a": "\uff9f"}.get(p) or table[p] for p in parts]
        else:
            out.append(c)
    return "".join(out)


def full_width(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else "\u3000" if c == " " else c for c in text)


def random_string(rng):
    ranges = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x4FF), (0x5D0, 0x6FF), (0x900, 0xDFF),
              (0xE01, 0xE5B), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2BFF),
              (0x3000, 0x30FF), (0x3130, 0x33FF), (0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF),
              (0xFE00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F000, 0x1FAFF), (0x20000, 0x2A6DF), (0x1, 0x1F)]
    chosen = [rng.choice(ranges) for _ in range(rng.randint(1, 4))]
    out = []
    for _ in range(rng.randint(1, 40)):
        c = chr(rng.randint(*rng.choice(chosen)))
        # Unassigned characters mean different things to different versions of Unicode.
        if unicodedata.category(c) not in ("Cn", "Cs"):
            out.append(c)
    return "".join(out)


def main():
    corpora, out = sys.argv[1:]
    rng = random.Random(20260401)
    reports, records = [], []
    for path in sorted(glob.glob(os.path.join(corpora, "bone-metastasis", "*.jsonl"))):
        reports += [json.loads(line)["report"] for line in open(path, encoding="utf-8")]
    for path in sorted(glob.glob(os.path.join(corpora, "radiation-oncology", "*.jsonl"))):
        for line in open(path, encoding="utf-8"):
            records += [d["text"] for d in json.loads(line)["diagnoses"]]
    lines = sorted({line for report in reports for line in report.split("\n") if 4 < len(line) < 90})
    strings = list(EDGES)
    strings += rng.sample(reports, 25) + rng.sample(lines, 110) + rng.sample(sorted(set(records)), 20)
    for change in (half_width, full_width, lambda s: unicodedata.normalize("NFD", s),
                   lambda s: unicodedata.normalize("NFKC", s), str.upper):
        strings += [change(s) for s in rng.sample(lines, 12)]
    strings += [random_string(rng) for _ in range(110)]
    whole = "".join(rng.sample(reports, 60))
    strings += [whole[:10000], "x" * 10000, ("転移 metastasis " * 1000)[:10000],
                "".join(random_string(rng) for _ in range(900))[:10000]]
    json.dump(strings, open(out, "w", encoding="utf-8"), ensure_ascii=True, indent=0)
    print(len(strings), "strings,", sum(map(len, strings)), "characters")


if __name__ == "__main__":
    main()
