"""Expected values for src/stats (metrics of a classifier) -> tests/data/stats/metrics.json.

    python3 tests/oracles/stats_metrics.py tests/data/stats/metrics.json

Needs numpy, scipy, statsmodels, scikit-learn. Where no library has a method, it is computed here in
another way than in the C++ code (a double loop, a numeric root), so that the two check each other.
"""

import json
import sys

import numpy as np
import scipy.stats as st
import statsmodels.api as sm
from scipy import optimize
from scipy.stats import _resampling
from sklearn import metrics as skm
from statsmodels.stats import proportion as smp

MASK = (1 << 64) - 1


def mix64(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def mix2(a, b):
    return mix64(mix64(a) ^ b)


class Random:
    """src/base/random.h, so that the same resamples are drawn."""

    def __init__(self, seed, stream):
        self.key, self.counter = mix2(seed, stream), 0

    def below(self, n):
        while True:
            x = mix2(self.key, self.counter)
            self.counter += 1
            if x >= ((1 << 64) - n) % n:
                return x % n


def distributions():
    rows = []
    for p in [1e-12, 1e-4, 0.025, 0.3, 0.5, 0.8, 0.975, 1 - 1e-9]:
        rows.append({"f": "normal_quantile", "args": [p], "value": st.norm.ppf(p)})
        rows.append({"f": "student_t_quantile", "args": [p, 7], "value": st.t.ppf(p, 7)})
        rows.append({"f": "chi_squared_quantile", "args": [p, 4], "value": st.chi2.ppf(p, 4)})
        for a, b in [(0.5, 3), (20, 1), (341, 370)]:
            rows.append({"f": "beta_quantile", "args": [p, a, b], "value": st.beta.ppf(p, a, b)})
    for z in [-9.0, -2.5, 0.0, 1.3, 8.5]:
        rows.append({"f": "normal_cdf", "args": [z], "value": st.norm.cdf(z)})
        rows.append({"f": "normal_sf", "args": [z], "value": st.norm.sf(z)})
        rows.append({"f": "student_t_sf", "args": [z, 11], "value": st.t.sf(z, 11)})
    for x, df in [(0.0, 1), (3.841, 1), (25.0, 3), (180.0, 10)]:
        rows.append({"f": "chi_squared_sf", "args": [x, df], "value": st.chi2.sf(x, df)})
    for k, n, p in [(3, 15, 0.5), (0, 20, 0.1), (40, 711, 0.0077), (60, 100, 0.61)]:
        rows.append({"f": "binomial_pmf", "args": [k, n, p], "value": st.binom.pmf(k, n, p)})
        rows.append({"f": "binomial_cdf", "args": [k, n, p], "value": st.binom.cdf(k, n, p)})
    return rows


def proportions():
    rows = []
    for count, n in [(19, 20), (0, 20), (20, 20), (1, 1), (0, 1), (696, 711), (560, 567), (54, 57), (7, 7399)]:
        for level in [0.9, 0.95, 0.99]:
            w = smp.proportion_confint(count, n, 1 - level, "wilson")
            b = smp.proportion_confint(count, n, 1 - level, "beta")
            one_sided = 1.0 if count == n else st.beta.ppf(level, count + 1, n - count)
            rows.append({"count": count, "n": n, "level": level, "wilson": w,
                         "clopper_pearson": [float(x) for x in b], "upper": one_sided})
    return rows


def differences():
    rows = []
    for c1, n1, c2, n2 in [(56, 70, 48, 80), (9, 10, 3, 10), (10, 10, 0, 20), (0, 15, 0, 12), (5, 56, 0, 29)]:
        low, high = smp.confint_proportions_2indep(c1, n1, c2, n2, method="newcomb", compare="diff")
        rows.append({"counts": [c1, n1, c2, n2], "interval": [low, high]})
    return rows


def newcombe_paired(a, b, c, d, level=0.95):
    """Newcombe 1998, method 10, written out as in the paper's appendix."""
    n = a + b + c + d
    l2, u2 = smp.proportion_confint(a + b, n, 1 - level, "wilson")
    l3, u3 = smp.proportion_confint(a + c, n, 1 - level, "wilson")
    product = (a + b) * (c + d) * (a + c) * (b + d)
    phi = 0.0
    if product:
        cross = a * d - b * c
        phi = (max(cross - n / 2, 0) if cross > 0 else cross) / np.sqrt(product)
    p2, p3 = (a + b) / n, (a + c) / n
    low = np.sqrt((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u3 - p3) + (u3 - p3) ** 2)
    high = np.sqrt((p3 - l3) ** 2 - 2 * phi * (p3 - l3) * (u2 - p2) + (u2 - p2) ** 2)
    return [(b - c) / n - low, (b - c) / n + high]


def tango(a, b, c, d, level=0.95):
    """Score interval with the restricted maximum likelihood found numerically."""
    n, z = a + b + c + d, st.norm.ppf(0.5 + level / 2)

    def score(delta):
        def minus_log_likelihood(q):  # q = P(second only), P(first only) = q + delta
            value = 0.0
            if b:
                value -= b * np.log(q + delta)
            if c:
                value -= c * np.log(q)
            if a + d:
                value -= (a + d) * np.log(1 - 2 * q - delta)
            return value

        lo, hi = max(0.0, -delta), (1 - delta) / 2
        # the derivative is monotone: its root, or an end
        def slope(q):
            s = 0.0
            s += b / (q + delta) if b else 0.0
            s += c / q if c else 0.0
            s -= 2 * (a + d) / (1 - 2 * q - delta) if a + d else 0.0
            return s
        eps = 1e-15
        left, right = lo + eps, hi - eps
        if slope(left) <= 0:
            q = lo
        elif slope(right) >= 0:
            q = hi
        else:
            q = optimize.brentq(slope, left, right, xtol=1e-17, rtol=1e-15)
        variance = n * (2 * q + delta - delta * delta)
        return (b - c - n * delta) / np.sqrt(variance)

    estimate = (b - c) / n
    low = optimize.brentq(lambda t: score(t) - z, -1 + 1e-9, estimate - 1e-12 if score(estimate - 1e-12) < z else estimate, xtol=1e-14)
    high = optimize.brentq(lambda t: score(t) + z, estimate + 1e-12, 1 - 1e-9, xtol=1e-14)
    return [low, high]


def paired_differences():
    rows = []
    for t in [(36, 12, 3, 9), (26, 15, 7, 37), (70, 12, 3, 15), (600, 9, 4, 98), (53, 0, 1, 3), (20, 5, 5, 0)]:
        rows.append({"table": t, "newcombe": newcombe_paired(*t), "tango": tango(*t)})
    return rows


def predictions(seed, n, classes, ties, absent=None):
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, n, p=np.array([0.6, 0.25, 0.15])[:classes] / sum([0.6, 0.25, 0.15][:classes]))
    if absent is not None:
        truth[truth == absent] = 0
    logits = rng.normal(0, 1, (n, classes))
    logits[np.arange(n), truth] += 1.2
    p = np.exp(logits)
    p /= p.sum(1, keepdims=True)
    if ties:  # quarters that sum to one exactly
        q = np.floor(p * 4)
        q[:, 0] += 4 - q.sum(1)
        p = q / 4
    return truth, logits, p


def aurc(confidence, correct):
    """Mean over k of the error rate among the k most confident; ties by the mean over their group."""
    total, n = 0.0, len(correct)
    for k in range(n):
        above = confidence >= confidence[k]
        total += 1 - correct[above].mean()
    return total / n


def delong(score, positive):
    x, y = score[positive], score[~positive]
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    v10, v01 = psi.mean(1), psi.mean(0)
    return psi.mean(), v10, v01


def ece(p, happened, bins):
    total = 0.0
    edges = np.arange(1, bins + 1) / bins
    which = np.searchsorted(edges, p, side="left")
    for b in range(bins):
        m = which == b
        if m.any():
            total += m.mean() * abs(p[m].mean() - happened[m].mean())
    return total


def calibration_line(p, happened):
    x = np.log(p / (1 - p))
    fit = sm.GLM(happened.astype(float), sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
    large = sm.GLM(happened.astype(float), np.ones(len(x)), offset=x, family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
    return {"slope": fit.params[1], "slope_se": fit.bse[1], "intercept": fit.params[0],
            "intercept_se": fit.bse[0], "large": large.params[0], "large_se": large.bse[0]}


def classifiers():
    rows = []
    for name, seed, n, classes, ties, absent in [("three", 1, 150, 3, False, None), ("tied", 2, 90, 3, True, None),
                                                 ("two", 3, 60, 2, False, None), ("absent", 4, 40, 3, False, 2)]:
        truth, logits, p = predictions(seed, n, classes, ties, absent)
        predicted = p.argmax(1)
        labels = list(range(classes))
        row = {"name": name, "classes": classes, "truth": truth.tolist(), "probability": p.ravel().tolist(),
               "logits": logits.ravel().tolist()}
        cm = skm.confusion_matrix(truth, predicted, labels=labels)
        present = sorted(set(truth) | set(predicted))
        row.update(confusion=cm.ravel().tolist(), accuracy=skm.accuracy_score(truth, predicted),
                   balanced_accuracy=skm.recall_score(truth, predicted, labels=sorted(set(truth)), average="macro"),
                   macro_f1=skm.f1_score(truth, predicted, labels=present, average="macro"),
                   weighted_f1=skm.f1_score(truth, predicted, average="weighted"),
                   mcc=skm.matthews_corrcoef(truth, predicted), kappa=skm.cohen_kappa_score(truth, predicted),
                   log_loss=skm.log_loss(truth, p, labels=labels))
        one_hot = np.eye(classes)[truth]
        row["brier"] = float(((p - one_hot) ** 2).sum(1).mean())
        per_class = []
        for c in labels:
            positive = truth == c
            tn, fp, fn, tp = skm.confusion_matrix(positive, predicted == c, labels=[False, True]).ravel()
            entry = {"tp": int(tp), "fp": int(fp), "tn": int(tn), "fn": int(fn)}
            if positive.any() and not positive.all():
                area, v10, v01 = delong(p[:, c], positive)
                entry.update(auc=skm.roc_auc_score(positive, p[:, c]), average_precision=skm.average_precision_score(positive, p[:, c]),
                             delong_variance=v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))
                if not ties:
                    entry["calibration"] = calibration_line(p[:, c], positive)
                entry["f1"] = skm.f1_score(positive, predicted == c)
                weight = 1 + np.arange(n) % 3
                entry["auc_by_weight"] = skm.roc_auc_score(positive, p[:, c], sample_weight=weight)
                entry["average_precision_by_weight"] = skm.average_precision_score(positive, p[:, c], sample_weight=weight)
            per_class.append(entry)
        row["per_class"] = per_class
        if absent is None and classes > 2:
            for mode in ["ovr", "ovo"]:
                row["auc_" + mode] = skm.roc_auc_score(truth, p, multi_class=mode, labels=labels)
            row["auc_ovr_weighted"] = skm.roc_auc_score(truth, p, multi_class="ovr", average="weighted", labels=labels)
        confidence, correct = p.max(1), predicted == truth
        row["ece"] = ece(confidence, correct, 10)
        row["aurc"] = aurc(confidence, correct)
        fit = optimize.minimize_scalar(
            lambda b: skm.log_loss(truth, np.exp(b * logits - np.log(np.exp(b * logits).sum(1, keepdims=True))), labels=labels),
            bounds=(1e-3, 10), method="bounded", options={"xatol": 1e-12})
        row["temperature"], row["temperature_loss"] = 1 / fit.x, fit.fun
        rows.append(row)
    return rows


def auc_pairs():
    rows = []
    for seed, n, digits in [(11, 50, 6), (12, 80, 1), (13, 30, 3)]:
        rng = np.random.default_rng(seed)
        positive = rng.random(n) < 0.4
        first = np.round(rng.normal(0, 1, n) + positive, digits)
        second = np.round(0.6 * first + rng.normal(0, 0.8, n) + 0.3 * positive, digits)
        a, a10, a01 = delong(first, positive)
        b, b10, b01 = delong(second, positive)
        variance = np.var(a10 - b10, ddof=1) / len(a10) + np.var(a01 - b01, ddof=1) / len(a01)
        z = (a - b) / np.sqrt(variance)
        rows.append({"positive": positive.astype(int).tolist(), "first": first.tolist(), "second": second.tolist(),
                     "auc": [a, b], "z": z, "p": 2 * st.norm.sf(abs(z)), "se": np.sqrt(variance)})
    return rows


def bootstraps():
    """Means of clustered values, drawn with the program's own random numbers."""
    rows = []
    for seed, patients, samples in [(7, 25, 400), (8, 60, 300)]:
        rng = np.random.default_rng(seed)
        patient = np.sort(np.concatenate([np.arange(patients), rng.integers(0, patients, patients)]))
        value = rng.exponential(1, len(patient)).round(6)
        sums = np.bincount(patient, value, patients)
        sizes = np.bincount(patient, minlength=patients)

        def statistic(index):
            return sums[index].sum() / sizes[index].sum()

        draws = []
        for s in range(samples):
            random = Random(seed, s)
            draws.append(statistic(np.array([random.below(patients) for _ in range(patients)])))
        draws = np.array(draws)

        def over_patients(index, axis=-1):  # scipy hands over values of the patients: their numbers
            index = index.astype(int)
            return sums[index].sum(axis) / sizes[index].sum(axis)

        bca = _resampling._bca_interval((np.arange(patients, dtype=float),), over_patients, axis=-1, alpha=0.025,
                                        theta_hat_b=draws, batch=None, xp=np)
        percent = [100 * float(np.squeeze(bca[0])), 100 * float(np.squeeze(bca[1]))]
        rows.append({"seed": seed, "patients": patients, "samples": samples, "patient": patient.tolist(),
                     "value": value.tolist(), "mean": statistic(np.arange(patients)),
                     "se": draws.std(ddof=1), "percentile": np.percentile(draws, [2.5, 97.5]).tolist(),
                     "bca": np.percentile(draws, percent).tolist()})
    return rows


def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, np.generic):
        return x.item()
    return x


if __name__ == "__main__":
    data = {"distributions": distributions(), "proportions": proportions(), "differences": differences(),
            "paired_differences": paired_differences(), "classifiers": classifiers(), "auc_pairs": auc_pairs(),
            "bootstraps": bootstraps()}
    with open(sys.argv[1], "w") as f:
        json.dump(plain(data), f, indent=None, separators=(",", ":"))
        f.write("\n")
