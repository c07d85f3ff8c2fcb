"""Trains the small tokenizers of tests/data/tokenizers on the synthetic corpora, one folder a kind.

    python tokenizers_train.py CORPORA tests/data/tokenizers

Needs the packages tokenizers and sentencepiece. Run tokenizers_expected.py afterwards.
"""

import glob
import json
import os
import sys
import unicodedata

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers

CORPORA, DATA = sys.argv[1:]


def texts():
    out = []
    for path in sorted(glob.glob(os.path.join(CORPORA, "bone-metastasis", "h[abcd].jsonl"))):
        out += [json.loads(line)["report"] for line in open(path, encoding="utf-8")]
    for path in sorted(glob.glob(os.path.join(CORPORA, "radiation-oncology", "r[ab].jsonl"))):
        for line in open(path, encoding="utf-8"):
            out += [d["text"] for d in json.loads(line)["diagnoses"]]
    english = ["No evidence of bone metastasis.", "Multiple osteolytic lesions in the lumbar spine, progressive.",
               "Unchanged sclerotic lesion of the L3 vertebral body.", "IMPRESSION: stable disease"]
    return out + english * 20


def folder(name, **files):
    path = os.path.join(DATA, name)
    os.makedirs(path, exist_ok=True)
    for file, content in files.items():
        file = file.replace("__", ".")
        with open(os.path.join(path, file), "w", encoding="utf-8") as out:
            json.dump(content, out, ensure_ascii=False, indent=1)
    return path


def save(tokenizer, name):
    # One line a piece would double the file: the compact form.
    json.dump(json.loads(tokenizer.to_str()), open(os.path.join(folder(name), "tokenizer.json"), "w",
              encoding="utf-8"), ensure_ascii=False, separators=(",", ":"))


BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def wordpiece(name, lower):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower, handle_chinese_chars=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts(), trainers.WordPieceTrainer(
        vocab_size=1800, special_tokens=BERT, show_progress=False, limit_alphabet=900))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece(cleanup=lower)
    save(tokenizer, name)
    return tokenizer


def vocab_txt(name, tokenizer, config):
    path = folder(name, tokenizer_config__json=config)
    vocab = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    with open(os.path.join(path, "vocab.txt"), "w", encoding="utf-8") as out:
        out.writelines(token + "\n" for token, _ in vocab)


def byte_level_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts(), trainers.BpeTrainer(
        vocab_size=1500, special_tokens=ROBERTA, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    save(tokenizer, "bpe-byte-level")
    path = folder("bpe-vocab-merges", tokenizer_config__json={"tokenizer_class": "RobertaTokenizer"},
                  config__json={"model_type": "roberta"})
    tokenizer.model.save(path)


def byte_level_bpe_modern():
    """As Llama 3 and Qwen: a Split of its own in front, ignore_merges, digits in threes."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
               r"|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator(texts(), trainers.BpeTrainer(
        vocab_size=1500, special_tokens=["<|begin|>", "<|end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", 0)])])
    tokenizer.decoder = decoders.ByteLevel()
    save(tokenizer, "bpe-split-regex")


def byte_fallback_bpe():
    """As Llama 2: spaces as U+2581, no pre-tokenizer, unknown characters as bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"(?<=[。\n])"), "isolated")  # for the training only
    bytes_ = ["<0x%02X>" % i for i in range(256)]
    tokenizer.train_from_iterator(texts(), trainers.BpeTrainer(
        vocab_size=1600, special_tokens=["<unk>", "<s>", "</s>"] + bytes_, show_progress=False,
        limit_alphabet=600, max_token_length=12))
    fields = json.loads(tokenizer.to_str())
    fields["pre_tokenizer"] = None
    fields["added_tokens"] = [t for t in fields["added_tokens"] if t["content"] not in bytes_]
    tokenizer = Tokenizer.from_str(json.dumps(fields))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(),
                                           decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    save(tokenizer, "bpe-byte-fallback")


def word_bpe():
    """BPE on words with an end-of-word suffix and an unknown token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Punctuation()])
    tokenizer.train_from_iterator(texts(), trainers.BpeTrainer(
        vocab_size=1500, special_tokens=["<unk>"], show_progress=False, end_of_word_suffix="</w>",
        limit_alphabet=500))
    tokenizer.decoder = decoders.BPEDecoder()
    tokenizer.add_tokens([AddedToken("転移", single_word=True), AddedToken("metastasis", normalized=True),
                          AddedToken("pet-ct", normalized=True, rstrip=True)])
    save(tokenizer, "bpe-words")


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.train_from_iterator(texts(), trainers.UnigramTrainer(
        vocab_size=1500, special_tokens=ROBERTA, unk_token="<unk>", show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.decoder = decoders.Metaspace()
    save(tokenizer, "unigram")


def normalization_rules(path):
    """A normalizer table of our own: full and half width, compatibility, voiced half-width kana, spaces."""
    rules = {(c,): unicodedata.normalize("NFKC", chr(c)) for block in
             [(0xFF01, 0xFFEE), (0x2460, 0x24FF), (0x3300, 0x33FF), (0xF900, 0xFA6D), (0x2160, 0x217F),
              (0xC0, 0x17F), (0x2000, 0x200A), (0x3000, 0x3000)]
             for c in range(block[0], block[1] + 1)
             if unicodedata.normalize("NFKC", chr(c)) != chr(c) and unicodedata.category(chr(c)) != "Cn"}
    for kana in range(0xFF66, 0xFF9E):
        for mark in (0xFF9E, 0xFF9F, 0x3099, 0x309A):
            composed = unicodedata.normalize("NFKC", chr(kana) + chr(mark))
            if len(composed) == 1:
                rules[(kana, mark)] = composed
    for c in range(0x3041, 0x30FB):
        parts = unicodedata.normalize("NFD", chr(c))
        if len(parts) == 2:
            rules[tuple(map(ord, parts))] = chr(c)
    for c in (0x09, 0x0A, 0x0D, 0x200B, 0x2028):
        rules[(c,)] = " "
    for c in list(range(0x01, 0x09)) + list(range(0x0E, 0x20)) + [0x7F]:
        rules[(c,)] = ""
    with open(path, "w", encoding="utf-8") as out:
        for key, value in sorted(rules.items()):
            out.write(" ".join("%X" % c for c in key) + "\t" + " ".join("%X" % ord(c) for c in value) + "\n")


def sentencepiece_models():
    work = os.path.join(DATA, "work")
    os.makedirs(work, exist_ok=True)
    with open(os.path.join(work, "corpus.txt"), "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for text in texts() for line in text.split("\n") if line)
    normalization_rules(os.path.join(work, "rules.tsv"))
    common = dict(input=os.path.join(work, "corpus.txt"), num_threads=1, minloglevel=2)
    rules = dict(normalization_rule_tsv=os.path.join(work, "rules.tsv"))

    def train(name, file, config=None, **options):
        path = folder(name, **({"config__json": config} if config else {}))
        sentencepiece.SentencePieceTrainer.train(model_prefix=os.path.join(work, name), **common, **options)
        os.replace(os.path.join(work, name + ".model"), os.path.join(path, file))

    train("spm-xlmr", "sentencepiece.bpe.model", {"model_type": "xlm-roberta"}, model_type="unigram",
          vocab_size=1500, **rules)
    train("spm-unigram", "tokenizer.model", {"model_type": "t5"}, model_type="unigram", vocab_size=1700,
          byte_fallback=True, user_defined_symbols=["骨転移", "<sep>", "mm大"], **rules)
    train("spm-bpe", "tokenizer.model", {"model_type": "llama"}, model_type="bpe", vocab_size=1700,
          byte_fallback=True, user_defined_symbols=["骨転移", "<sep>"], split_digits=True,
          normalization_rule_name="identity", remove_extra_whitespaces=False,
          allow_whitespace_only_pieces=True)
    # A few pieces of the BPE as UNUSED, which help to merge but are never given (type is field 3).
    path = os.path.join(DATA, "spm-bpe", "tokenizer.model")
    model = open(path, "rb").read()
    pieces = sentencepiece.SentencePieceProcessor(model_file=path)
    for i in (265, 290, 330, 420, 700, 1000, pieces.piece_to_id("骨")):
        text = pieces.id_to_piece(i).encode()
        at = model.index(b"\x0a" + bytes([len(text)]) + text + b"\x15") + 2 + len(text) + 5
        start = at - len(text) - 9
        assert model[start] == 0x0A and model[start + 1] == len(text) + 7
        model = model[:start + 1] + bytes([len(text) + 9]) + model[start + 2:at] + b"\x18\x05" + model[at:]
    open(path, "wb").write(model)
    for file in os.listdir(work):
        os.remove(os.path.join(work, file))
    os.rmdir(work)


def word_level():
    words = sorted({w for t in texts() for w, _ in pre_tokenizers.Whitespace().pre_tokenize_str(t)})[:800]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["<unk>"] + words)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    save(tokenizer, "word-level")


def main():
    lower = wordpiece("wordpiece-lower", True)
    cased = wordpiece("wordpiece-cased", False)
    vocab_txt("vocab-lower", lower, {"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    vocab_txt("vocab-cased", cased, {"tokenizer_class": "BertTokenizer", "do_lower_case": False,
                                     "tokenize_chinese_chars": False})
    japanese = {"tokenizer_class": "BertJapaneseTokenizer", "do_lower_case": False}
    vocab_txt("japanese-ipadic", cased, {**japanese, "word_tokenizer_type": "mecab",
              "subword_tokenizer_type": "wordpiece", "mecab_kwargs": {"mecab_dic": "ipadic"}})
    characters = Tokenizer(models.WordLevel(
        {c: i for i, c in enumerate(BERT + sorted(set("".join(texts())) - {" ", "\n"}))}, unk_token="[UNK]"))
    vocab_txt("japanese-characters", characters, {**japanese, "word_tokenizer_type": "mecab",
              "subword_tokenizer_type": "character", "mecab_kwargs": {"mecab_dic": "ipadic"}})
    vocab_txt("japanese-basic", characters, {**japanese, "word_tokenizer_type": "basic",
              "subword_tokenizer_type": "character"})
    byte_level_bpe()
    byte_level_bpe_modern()
    byte_fallback_bpe()
    word_bpe()
    unigram()
    word_level()
    sentencepiece_models()


if __name__ == "__main__":
    main()
