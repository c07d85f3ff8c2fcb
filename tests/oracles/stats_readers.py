"""Expected values for src/stats (prevalence, non-inferiority, times, curves) -> tests/data/stats/readers.json.

    python3 tests/oracles/stats_readers.py tests/data/stats/readers.json

Needs numpy, scipy, statsmodels, scikit-learn. The delta method is done by numeric derivatives, the non-inferiority
statistic by a numeric constrained maximum likelihood, the median's interval by enumerating the binomial.
"""

import json
import math
import sys

import numpy as np
import scipy.stats as st
from scipy.optimize import brentq
from sklearn.metrics import precision_recall_curve, roc_curve
from statsmodels.stats.proportion import proportion_confint

rng = np.random.default_rng(5)
Z = st.norm.ppf(0.975)


def logit(p):
    return math.log(p / (1 - p))


def ppv(p, se, sp):
    return p * se / (p * se + (1 - p) * (1 - sp))


def npv(p, se, sp):
    return (1 - p) * sp / ((1 - p) * sp + p * (1 - se))


def logit_variance(value, se, sp, n1, n0):
    """Delta method on (logit Se, logit Sp), whose variances are 1 / (n q (1 - q)); derivatives are exact to 1e-11."""
    h = 1e-4
    out = 0
    for which, q, n in [(0, se, n1), (1, sp, n0)]:
        def f(shift):
            moved = 1 / (1 + math.exp(-(logit(q) + shift)))
            return logit(value(moved, sp) if which == 0 else value(se, moved))
        d = (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)
        out += d * d / (n * q * (1 - q))
    return out


def predictive():
    rows = []
    for a, n1, b, n0, p in [(136, 144, 560, 567, 0.0195), (54, 57, 640, 654, 0.0077), (90, 100, 80, 100, 0.5),
                            (144, 144, 567, 567, 0.0195), (5, 10, 20, 20, 0.1), (0, 4, 7, 9, 0.3)]:
        edge = a in (0, n1) or b in (0, n0)
        add = Z * Z / 2 if edge else 0
        se, sp = (a + add) / (n1 + 2 * add), (b + add) / (n0 + 2 * add)
        row = {"in": [a, n1, b, n0, p]}
        for name, value in [("ppv", ppv), ("npv", npv)]:
            plain = value(p, a / n1, b / n0)
            v = logit_variance(lambda s, t: value(p, s, t), se, sp, n1 + 2 * add, n0 + 2 * add)
            centre = logit(value(p, se, sp))
            low, high = (1 / (1 + math.exp(-(centre + s * Z * math.sqrt(v)))) for s in (-1, 1))
            row[name] = [plain, min(low, plain), max(high, plain)]
        rows.append(row)
    return rows


def weighted():
    rows = []
    for strata in [[(560, 567, 0.9805), (54, 57, 0.0077), (82, 87, 0.0118)], [(1, 2, 1), (3, 3, 3)], [(7, 9, 1.0)]]:
        total = sum(s for _, _, s in strata)
        value = below = above = 0
        for k, n, s in strata:
            low, high = proportion_confint(k, n, method="wilson")
            value += s / total * k / n
            below += (s / total * (k / n - low)) ** 2
            above += (s / total * (high - k / n)) ** 2
        rows.append({"in": strata, "out": [value, value - math.sqrt(below), value + math.sqrt(above)]})
    return rows


def noninferiority():
    """Score test of Tango: p21 found by maximising the likelihood under p12 = p21 + delta numerically."""
    rows = []
    for b, c, n, margin in [(3, 12, 711, 0.02), (12, 3, 711, 0.0), (0, 5, 100, 0.1), (40, 44, 400, 0.05),
                            (1, 30, 200, 0.1)]:
        delta = -margin

        def slope(q):
            p = q + delta
            out = -2 * (n - b - c) / (1 - p - q)
            return out + (b / p if b else 0) + (c / q if c else 0)
        low, high = max(0, -delta), (1 - delta) / 2
        eps = 1e-13
        if b == 0 and slope(low + eps) < 0:
            q = low
        else:
            q = brentq(slope, low + eps, high - eps, xtol=1e-16, rtol=1e-15)
        z = (b - c - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta)))
        rows.append({"in": [b, c, n, margin], "z": z, "p": st.norm.sf(z)})
    return rows


def medians():
    rows = []
    for n in [1, 5, 6, 7, 20, 101, 711]:
        x = np.round(rng.gamma(2, 3, n), 2)
        s = np.sort(x)
        row = {"x": x.tolist(), "quartiles": [float(np.quantile(x, q)) for q in (0, 0.25, 0.5, 0.75, 1)]}
        best = None
        for k in range(1, n // 2 + 1):
            if st.binom.pmf(np.arange(k), n, 0.5).sum() <= 0.025:
                best = [float(s[k - 1]), float(s[n - k])]
        row["interval"] = best
        rows.append(row)
    return rows


def curves():
    rows = []
    for n, decimals in [(60, 1), (200, 3)]:
        y = (rng.random(n) < 0.3).astype(int)
        x = np.round(np.clip(0.3 * y + rng.random(n) * 0.8, 0, 1), decimals)
        fpr, tpr, _ = roc_curve(y, x, drop_intermediate=False)
        grid = np.linspace(0, 1, 11)
        sens = []
        for g in grid:
            at = fpr[fpr <= g + 1e-12]
            i = len(at) - 1
            if i + 1 < len(fpr) and fpr[i] < g - 1e-12:
                sens.append(tpr[i] + (tpr[i + 1] - tpr[i]) * (g - fpr[i]) / (fpr[i + 1] - fpr[i]))
            else:
                sens.append(tpr[i])
        precision, recall, _ = precision_recall_curve(y, x)
        pr_grid = np.linspace(0.1, 1, 10)
        prec = [precision[np.where(recall >= g - 1e-9)[0][-1]] for g in pr_grid]
        rows.append({"score": x.tolist(), "positive": y.tolist(), "grid": grid.tolist(), "sensitivity": sens,
                     "recall": pr_grid.tolist(), "precision": prec})
    return rows


out = {"predictive": predictive(), "weighted": weighted(), "noninferiority": noninferiority(), "medians": medians(),
       "curves": curves()}
with open(sys.argv[1], "w") as f:
    json.dump(out, f, indent=1, default=float)
    f.write("\n")
