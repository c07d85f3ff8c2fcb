"""Cuts the bundled bone-metastasis corpus into texts for the peers, without Gantry.

Writes JSON lines of {id, text, label, source}; `source` is the hospital (the file's name). The peers get the
same text that Gantry gives its own model: NFKC, the wanted sections joined by a line break.

Example: corpus_texts.py corpora/bone-metastasis/*.jsonl --sections indication,diagnosis --out texts.jsonl
"""

import argparse
import json
import pathlib
import re
import unicodedata

HEADINGS = {
    "indication": "臨床診断・依頼目的|臨床情報|検査目的|依頼目的|依頼情報|臨床経過|依頼内容|目的|Clinical information",
    "findings": "画像所見|読影所見|所見|Findings",
    "diagnosis": "診断/Impression|診断／Impression|画像診断|読影診断|総合診断|診断|印象|結論|Impression|Conclusion",
}
OPENING = r"(?P<mark>[【＜\[［◎#■]|\d\) ?)?\s*"
HEADING = re.compile(
    OPENING
    + "(?:" + "|".join(f"(?P<{kind}>{words})" for kind, words in HEADINGS.items()) + ")"
    + r"(?P<close>[】＞\]］]|\s*[:：])?",
    re.IGNORECASE,
)


def heading_of(line):
    """(kind, rest of the line) if the line opens a section, else None."""
    match = HEADING.match(line)
    if not match:
        return None
    rest = line[match.end():].strip()
    close = (match["close"] or "").strip()
    closed = close in (":", "：") or (close and match["mark"])
    if not (closed or rest == "" or line.startswith("#")):
        return None
    return next(kind for kind in HEADINGS if match[kind]), rest


def cut(report):
    """Sections of a report: {kind: body}."""
    sections = {}
    kind = None
    for line in report.split("\n"):
        found = heading_of(line)
        if found:
            kind, line = found
        if kind is not None:
            sections[kind] = (sections.get(kind, "") + "\n" + line).strip()
    return sections


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--sections", default="indication,diagnosis",
                        help="kinds in the order wanted, or 'whole' (default: %(default)s)")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    options = parser.parse_args()
    with options.out.open("w", encoding="utf-8") as out:
        for path in options.files:
            for line in path.open(encoding="utf-8"):
                record = json.loads(line)
                if options.sections == "whole":
                    text = record["report"]
                else:
                    sections = cut(record["report"])
                    text = "\n".join(sections[k] for k in options.sections.split(",") if sections.get(k))
                out.write(json.dumps(
                    {"id": record["report_id"], "text": unicodedata.normalize("NFKC", text),
                     "label": record["label"], "source": path.stem}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
