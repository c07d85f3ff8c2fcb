"""Expected values for src/text/rouge and porter_stemmer -> tests/data/stats/rouge.json.

    python3 tests/oracles/stats_rouge.py tests/data/stats/rouge.json

Needs rouge_score (Google) with nltk.
"""

import json
import random
import sys

from nltk.stem import porter
from rouge_score import rouge_scorer

WORDS = """patient presents with metastatic disease involving the thoracic spine and requires palliative radiation
treatment delivered in ten fractions using photons proton electron brachytherapy planning was completed simulated
immobilization volumes contoured prescribed dosing tolerances organs at risk were respected no evidence of progression
stable decreased increased lesions bony sclerotic lytic adjuvant chemotherapy conformal stereotactic ablative
relational conditional rational valency hesitancy digitizer conformably radically differently analogously vilely
operator feudalism decisiveness hopefulness callousness formality sensitivity sensibility triplicate formative
formalize electricity electrical hopeful goodness revival allowance inference airliner gyroscopic adjustable
defensible irritant replacement adjustment dependent adoption homologous communism activate angularity effective
bowdlerize probate rate cease controlling rolling ties dies lying dying skies news innings proceed exceed succeed
happy sky enjoy spied cried agreed feed plastered bled motoring sing conflated troubled sized hopping tanned falling
hissing fizzed failing filing caresses ponies caress cats generically fully usefully apology geology ion lion nation
ay by say flies eying oil ox abbey y yy yyy sky2 3d t4 l5 50gy 2gy""".split()


def texts():
    rng = random.Random(3)
    pairs = [("", ""), ("", "word"), ("word", ""), ("The cat sat on the mat.", "The cat sat on the mat."),
             ("骨転移を認めます。", "骨転移を認めません。"), ("a b c\n\nd e f\n", "d e f\na b c"),
             ("İstanbul K 5\u212b", "istanbul k 5")]
    for _ in range(30):
        a = [rng.choice(WORDS) for _ in range(rng.randint(1, 40))]
        b = [w if rng.random() < 0.6 else rng.choice(WORDS) for w in a]
        rng.random() < 0.3 and rng.shuffle(b)
        join = lambda ws: "".join(w + rng.choice([" ", ", ", "\n", "-", ". "]) for w in ws)
        pairs.append((join(a).capitalize(), join(b)))
    return pairs


if __name__ == "__main__":
    kinds = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    rows = []
    for target, prediction in texts():
        row = {"target": target, "prediction": prediction}
        for stem in [False, True]:
            scores = rouge_scorer.RougeScorer(kinds, use_stemmer=stem).score(target, prediction)
            row["stem" if stem else "plain"] = {k: list(v) for k, v in scores.items()}
        rows.append(row)
    japanese = []

    class Characters:
        def tokenize(self, text):
            return [c for c in text if not c.isspace()]

    for target, prediction in [("左第3肋骨に骨転移を認めます。\n新たな病変はありません。", "新たな病変はありません。\n左肋骨の骨転移は増大。"),
                               ("多発骨転移、増大。", "多発骨転移、縮小。"), ("ＰＥＴ　陽性", "PET 陽性")]:
        scores = rouge_scorer.RougeScorer(kinds, tokenizer=Characters()).score(target, prediction)
        japanese.append({"target": target, "prediction": prediction, "scores": {k: list(v) for k, v in scores.items()}})
    stemmer = porter.PorterStemmer()
    stems = [[w, stemmer.stem(w)] for w in sorted(set(WORDS))]
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump({"english": rows, "characters": japanese, "stems": stems}, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")
