"""What Hugging Face and sentencepiece make of tests/data/tokenizers/strings.json.

    python tokenizers_expected.py STRINGS.json MODEL_FOLDER OUT [--mecab-dictionary DIR]

Writes OUT/expected.txt: a line a string, its ids with the specials around, or, where there are more
than 150, "#", their number and the SHA-256 of the ids joined by spaces; "-" for a string that the library
cannot take (fugashi drops what follows a NUL). And OUT/decoded.json: of the
strings with at most 60 ids, the text that the library decodes them to without specials (null for
others). Needs tokenizers, sentencepiece, transformers; fugashi for MeCab.
"""

import argparse
import hashlib
import json
import os
import re

parser = argparse.ArgumentParser()
parser.add_argument("strings")
parser.add_argument("folder")
parser.add_argument("out")
parser.add_argument("--mecab-dictionary")
ARGS = parser.parse_args()


def config(name):
    path = os.path.join(ARGS.folder, name)
    return json.load(open(path, encoding="utf-8")) if os.path.exists(path) else {}


def with_tokenizers(tokenizer):
    return (lambda text: tokenizer.encode(text).ids), (lambda ids: tokenizer.decode(ids))


def sentencepiece_model(path):
    import sentencepiece
    model = sentencepiece.SentencePieceProcessor(model_file=path)
    model_type = config("config.json").get("model_type")
    if model_type != "xlm-roberta":
        before = [] if model_type == "t5" else [model.bos_id()]
        after = [model.eos_id()] if model_type == "t5" else []
        return (lambda text: before + model.encode(text) + after), None
    # fairseq's ids, and its specials recognized in the text.
    specials = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": model.get_piece_size() + 1}
    shift = {0: 3, 1: 0, 2: 2}
    cut = re.compile(r"(<s>|<pad>|</s>|<unk>|\s*<mask>)")

    def encode(text):
        ids = [0]
        for part in cut.split(text):
            name = part.lstrip() if part.endswith("<mask>") else part
            if name in specials:
                ids.append(specials[name])
            else:
                ids += [shift.get(i, i + 1) for i in model.encode(part)]
        return ids + [2]
    return encode, None


def japanese(settings):
    from transformers import BertJapaneseTokenizer
    if settings.get("word_tokenizer_type") == "mecab":
        settings["mecab_kwargs"] = {"mecab_dic": None,
                                    "mecab_option": '-d "%s" -r /dev/null' % ARGS.mecab_dictionary}
    settings.pop("tokenizer_class")
    tokenizer = BertJapaneseTokenizer(os.path.join(ARGS.folder, "vocab.txt"), **settings)
    stops_at_nul = "mecab_kwargs" in settings
    return (lambda text: None if stops_at_nul and "\0" in text else tokenizer(text)["input_ids"]), None


def vocab_txt(settings):
    """BertTokenizer's pipeline, put together as transformers does it."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    path = os.path.join(ARGS.folder, "vocab.txt")
    tokenizer = Tokenizer(models.WordPiece.from_file(path, unk_token="[UNK]"))
    lower = settings.get("do_lower_case", True)
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"), lowercase=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ids = {t: tokenizer.token_to_id(t) for t in ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")}
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    tokenizer.add_special_tokens(list(ids))
    return with_tokenizers(tokenizer)


def vocab_and_merges():
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    tokenizer = Tokenizer(models.BPE.from_file(os.path.join(ARGS.folder, "vocab.json"),
                                               os.path.join(ARGS.folder, "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")))
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>",
                                  AddedToken("<mask>", lstrip=True, special=True)])
    return with_tokenizers(tokenizer)


def open_tokenizer():
    settings = config("tokenizer_config.json")
    files = os.listdir(ARGS.folder)
    if settings.get("tokenizer_class") == "BertJapaneseTokenizer":
        return japanese(settings)
    if "tokenizer.json" in files:
        from tokenizers import Tokenizer
        tokenizer = Tokenizer.from_file(os.path.join(ARGS.folder, "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return with_tokenizers(tokenizer)
    for file in files:
        if file.endswith((".model", ".model.v1")):
            return sentencepiece_model(os.path.join(ARGS.folder, file))
    if "vocab.txt" in files:
        return vocab_txt(settings)
    return vocab_and_merges()


def main():
    encode, decode = open_tokenizer()
    strings = json.load(open(ARGS.strings, encoding="utf-8"))
    os.makedirs(ARGS.out, exist_ok=True)
    decoded = []
    with open(os.path.join(ARGS.out, "expected.txt"), "w") as out:
        for text in strings:
            ids = encode(text)
            if ids is None:
                out.write("-\n")
                decoded.append(None)
                continue
            line = " ".join(map(str, ids))
            if len(ids) > 150:
                line = "# %d %s" % (len(ids), hashlib.sha256(line.encode()).hexdigest())
            out.write(line + "\n")
            decoded.append(decode(ids) if decode and len(ids) <= 60 else None)
    if decode:
        json.dump(decoded, open(os.path.join(ARGS.out, "decoded.json"), "w"), indent=0)


if __name__ == "__main__":
    main()
