"""Expected values for the n-gram baseline -> tests/data/stats/tfidf.json, logistic_regression.json.

    python3 tests/oracles/stats_baseline.py tests/data/stats

Needs numpy and scikit-learn.
"""

import json
import pathlib
import sys

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

TEXTS = [
    "骨転移を認めません。",
    "L2椎体に骨転移を認めます。\n\n前回より増大しています。",
    "骨転移は縮小しています。\t 新たな病変は認めません。",
    "No bone metastasis.  Stable disease, ＰＥＴ／ＣＴ　と比較。",
    "",
    "a",
    "　",
    "Straße, ÉCLAIR x_1 ½ Ⅳ 😀😀 CT CT ct",
    "多発骨転移、増大。多発肺転移、増大。",
    "骨\u3000\u3000転移",
    "Αθήνα Ж. が が stable disease",
]
UNITS = {"character": "char", "character_in_word": "char_wb", "word": "word"}
SETTINGS = [("character", 1, 5, 1, True, True, True), ("character", 2, 3, 2, True, True, True),
            ("character", 1, 2, 1, False, False, False), ("character_in_word", 2, 4, 1, True, True, True),
            ("character_in_word", 1, 3, 2, False, True, False), ("word", 1, 2, 1, True, True, True),
            ("word", 1, 1, 2, True, False, True)]


def tfidf():
    cases = []
    for unit, low, high, min_df, lower, sublinear, smooth in SETTINGS:
        v = TfidfVectorizer(analyzer=UNITS[unit], ngram_range=(low, high), min_df=min_df, lowercase=lower,
                            sublinear_tf=sublinear, smooth_idf=smooth)
        x = v.fit_transform(TEXTS).tocsr()
        x.sort_indices()
        rows = [[x.indices[x.indptr[i]:x.indptr[i + 1]].tolist(), x.data[x.indptr[i]:x.indptr[i + 1]].tolist()]
                for i in range(x.shape[0])]
        cases.append({"unit": unit, "shortest": low, "longest": high, "min_documents": min_df, "lower_case": lower,
                      "sublinear": sublinear, "smooth": smooth, "vocabulary": v.get_feature_names_out().tolist(),
                      "idf": v.idf_.tolist(), "rows": rows})
    return {"texts": TEXTS, "cases": cases}


def regression():
    rng = np.random.default_rng(5)
    cases = []
    for name, n, features, classes, c, balanced in [("three", 80, 30, 3, 1.0, False), ("balanced", 80, 30, 3, 10.0, True),
                                                    ("two", 50, 12, 2, 0.3, False), ("wide", 25, 120, 4, 100.0, True),
                                                    ("strong", 60, 20, 3, 1e-3, False)]:
        x = rng.random((n, features)) * (rng.random((n, features)) < 0.3)
        x = np.round(x, 4)
        w = rng.normal(0, 2, (features, classes))
        y = (x @ w + rng.gumbel(0, 1, (n, classes))).argmax(1)
        y[:classes] = range(classes)
        model = LogisticRegression(C=c, class_weight="balanced" if balanced else None, tol=1e-12, max_iter=100000,
                                   solver="newton-cg" if classes > 2 else "lbfgs")
        if classes == 2:
            model.set_params(solver="newton-cholesky")
        model.fit(x, y)
        p = model.predict_proba(x)
        coef, intercept = model.coef_, model.intercept_
        if classes == 2:
            coef = np.vstack([-coef / 2, coef / 2])
            intercept = np.array([-intercept[0] / 2, intercept[0] / 2])
        cases.append({"name": name, "classes": classes, "features": features, "c": c, "balanced": balanced,
                      "rows": [[np.flatnonzero(r).tolist(), r[r != 0].tolist()] for r in x], "labels": y.tolist(),
                      "weight": coef.T.ravel().tolist(), "intercept": (intercept - intercept.mean()).tolist(),
                      "probability": p.ravel().tolist()})
    return cases


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    for name, data in [("tfidf", tfidf()), ("logistic_regression", regression())]:
        (folder / f"{name}.json").write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n",
                                             encoding="utf-8")
