"""Writes the expected sections of the bone-metastasis corpus, by rules written for each hospital.

    python3 tests/oracles/section_ranges.py corpora/bone-metastasis > tests/data/sections/bone-metastasis.jsonl

Independent of Gantry's heading table: each hospital's headings are spelled out below as they stand
in its file, and a report that does not have exactly one of each kind stops the script. One line a
report: the id, and for each kind [first, past the last] character (code points) of its body without
surrounding white space.
"""
import json
import pathlib
import re
import sys

KINDS = ("indication", "findings", "diagnosis")
# For each hospital a list of styles: one regular expression a kind. All three must match.
STYLES = {
    "ha": [(r"【臨床情報】", r"【所見】", r"【診断】")],
    "hb": [(r"(?:検査目的|目的|臨床情報)[：:]", r"所見[：:]", r"(?:診断/Impression|診断|Impression)[：:]")],
    "hc": [(r"\[依頼目的\]", r"\[画像所見\]", r"\[画像診断\]")],
    "hd": [(r"臨床情報:", r"所見:", r"診断:"), (r"【目的】", r"【所見】", r"【印象】")],
    "he": [(r"＜臨床情報＞", r"＜所見＞", r"＜診断＞")],
    "hf": [(r"1\) 依頼情報\n", r"2\) 所見\n", r"3\) 診断\n"), (r"Clinical[^:\n]*:", r"Findings:", r"Conclusion:")],
    "hg": [(r"［臨床経過］", r"［読影所見］", r"［読影診断］")],
    "hh": [(r"◎検査目的\n", r"◎所見\n", r"◎結論\n")],
    "hi": [(r"依頼内容\n", r"画像所見\n", r"総合診断\n")],
    "hj": [(r"#臨床情報[ \n]", r"#所見[ \n]", r"#Impression[ \n]")],
    "hk": [(r"【臨床診断・依頼目的】", r"【所見】", r"【画像診断】")],
}


def cut(report, styles):
    """{kind: (begin, end)} by the first style all of whose headings begin a line exactly once."""
    for style in styles:
        found = []
        for kind, heading in zip(KINDS, style):
            matches = list(re.finditer(r"^" + heading, report, re.M))
            if len(matches) == 1:
                found.append((matches[0].start(), matches[0].end(), kind))
        if len(found) != len(KINDS):
            continue
        found.sort()
        ranges = {}
        for (_, begin, kind), after in zip(found, found[1:] + [(len(report),)]):
            body = report[begin:after[0]]
            begin += len(body) - len(body.lstrip())
            ranges[kind] = (begin, begin + len(body.strip()))
        if all(a < b for a, b in ranges.values()) and not report[:found[0][0]].strip():
            return ranges
    return None


failed = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jsonl")):
    for line in path.open(encoding="utf-8"):
        row = json.loads(line)
        ranges = cut(row["report"], STYLES[path.stem])
        if ranges is None:
            print(row["report_id"], row["report"], sep="\n", file=sys.stderr)
            failed += 1
            continue
        print(json.dumps({"id": row["report_id"], **{k: list(ranges[k]) for k in KINDS}}))
sys.exit(f"{failed} reports do not follow their hospital's rules" if failed else 0)
