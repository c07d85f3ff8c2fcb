"""TF-IDF of character n-grams and logistic regression, leaving one hospital out at a time.

For each held-out hospital, the n-gram range and C are chosen by leaving out, in turn, each of the other
hospitals (macro F1 pooled over these inner folds); the held-out hospital is never looked at before its one test.

Example: tfidf_sklearn.py texts.jsonl --out tfidf.json
"""

import argparse
import json
import warnings

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

NGRAMS = [(1, 3), (1, 4), (1, 5), (2, 4), (2, 5)]
COSTS = [3.0, 10.0, 30.0, 100.0]
warnings.filterwarnings("ignore")


def tfidf(counts, training):
    """Rows of log-scaled tf x smooth idf, length 1; the idf and the terms known come from `training` only."""
    document_frequency = np.asarray((counts[training] > 0).sum(axis=0)).ravel()
    idf = np.where(document_frequency > 1, np.log((1 + len(training)) / (1 + document_frequency)) + 1, 0)
    rows = counts.astype(np.float64).tocsr()
    rows.data = (1 + np.log(rows.data)) * idf[rows.indices]
    rows.eliminate_zeros()
    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    rows.data /= np.repeat(np.maximum(norms, 1e-12), np.diff(rows.indptr))
    return rows


def compact(rows, training):
    """The same rows in as many dimensions as there are training rows: their coordinates in the span of those rows.

    An L2-penalised linear model has its weights in that span, so its answers are the same and the fit is quicker.
    """
    gram = (rows[training] @ rows[training].T).toarray()
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-9 * values[-1]
    return (rows @ rows[training].T).toarray() @ (vectors[:, kept] / np.sqrt(values[kept]))


def fit_predict(rows, labels, training, held_out, cost):
    """Probabilities of the held-out rows; `rows` as `compact` returns them."""
    model = LogisticRegression(C=cost, max_iter=2000, tol=1e-5)
    model.fit(rows[training], labels[training])
    return model.predict_proba(rows[held_out])


def scores(labels, predicted):
    return {"n": len(labels), "accuracy": accuracy_score(labels, predicted),
            "macro_f1": f1_score(labels, predicted, average="macro"),
            "sensitivity": recall_score(labels, predicted, average=None).tolist(),
            "confusion": confusion_matrix(labels, predicted).tolist()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    records = [json.loads(line) for line in open(options.texts, encoding="utf-8")]
    labels = np.array([r["label"] for r in records])
    source = np.array([r["source"] for r in records])
    sources = sorted(set(source))
    counts = {n: CountVectorizer(analyzer="char", ngram_range=n, min_df=2).fit_transform(
        [r["text"] for r in records]) for n in NGRAMS}

    # Probabilities of inner folds: hospital `b` judged by a model that saw neither `a` nor `b`; the pair is
    # symmetric in what it leaves out, so one fit serves both directions.
    inner = {}
    for n in NGRAMS:
        for i, a in enumerate(sources):
            for b in sources[i + 1:]:
                training = np.flatnonzero((source != a) & (source != b))
                rows = compact(tfidf(counts[n], training), training)
                for cost in COSTS:
                    p = fit_predict(rows, labels, training, np.flatnonzero((source == a) | (source == b)), cost)
                    which = source[(source == a) | (source == b)]
                    inner[n, cost, a, b] = p[which == b]
                    inner[n, cost, b, a] = p[which == a]
        print("inner folds done for n-grams", n, flush=True)

    result = {"folds": {}, "probabilities": {}, "inner": {}}
    pooled = np.zeros((len(records), 3))
    for a in sources:
        others = [b for b in sources if b != a]
        truth = np.concatenate([labels[source == b] for b in others])
        best = max(((f1_score(truth, np.concatenate([inner[n, c, a, b] for b in others]).argmax(1),
                              average="macro"), n, c) for n in NGRAMS for c in COSTS), key=lambda x: x[0])
        training, held_out = np.flatnonzero(source != a), np.flatnonzero(source == a)
        pooled[held_out] = fit_predict(compact(tfidf(counts[best[1]], training), training), labels, training, held_out, best[2])
        result["folds"][a] = {"ngrams": best[1], "C": best[2], "inner_macro_f1": best[0],
                              **scores(labels[held_out], pooled[held_out].argmax(1))}
        result["inner"][a] = {b: inner[best[1], best[2], a, b].tolist() for b in others}
        print(a, json.dumps(result["folds"][a]), flush=True)
    result["pooled"] = scores(labels, pooled.argmax(1))
    result["probabilities"] = dict(zip((r["id"] for r in records), pooled.tolist()))
    print("pooled", json.dumps(result["pooled"]))
    json.dump(result, open(options.out, "w"))


if __name__ == "__main__":
    main()
