"""Expected values for src/stats (paired tests, agreement, sample sizes) -> tests/data/stats/inference.json.

    python3 tests/oracles/stats_inference.py tests/data/stats/inference.json

Needs numpy, scipy, statsmodels, scikit-learn, pandas, irrCAC, krippendorff. Hodges-Lehmann follows the
steps of R's wilcox.test(conf.int=TRUE), written out here.
"""

import json
import sys

import irrCAC.raw
import krippendorff
import numpy as np
import pandas as pd
import scipy.stats as st
from scipy.stats import binom
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import contingency_tables as ct
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from stats_metrics import plain

rng = np.random.default_rng(20)


def mcnemar():
    rows = []
    for b, c in [(12, 3), (3, 12), (0, 0), (0, 6), (1, 0), (7, 7), (121, 59), (25, 26), (400, 350)]:
        row = {"b": b, "c": c}
        if b + c:
            row["exact"] = ct.mcnemar([[5, b], [c, 5]], exact=True).pvalue
            for corrected in [False, True]:
                r = ct.mcnemar([[5, b], [c, 5]], exact=False, correction=corrected)
                row["corrected" if corrected else "chi2"] = [r.statistic, r.pvalue]
            seen = binom.pmf(b, b + c, 0.5)
            k = np.arange(b + c + 1)
            pmf = binom.pmf(k, b + c, 0.5)
            equal = np.isclose(np.abs(k - (b + c) / 2), abs(b - c) / 2)
            more = np.abs(k - (b + c) / 2) > abs(b - c) / 2 + 1e-9
            row["mid_p"] = pmf[more].sum() + 0.5 * pmf[equal].sum()
            assert seen > 0
        rows.append(row)
    return rows


def cochran():
    rows = []
    for n, k, p in [(12, 3, 0.6), (40, 4, 0.9), (25, 2, 0.5)]:
        x = (rng.random((n, k)) < p - 0.1 * np.arange(k)).astype(int)
        r = ct.cochrans_q(x)
        rows.append({"readers": k, "yes": x.ravel().tolist(), "statistic": r.statistic, "p": r.pvalue})
    return rows


def squares():
    rows = []
    tables = [[[20, 10, 5], [3, 30, 15], [0, 5, 40]], [[560, 3, 4], [2, 54, 1], [1, 4, 82]],
              [[10, 0, 3, 1], [2, 15, 0, 4], [5, 1, 12, 0], [0, 6, 2, 9]], [[5, 2], [7, 11]]]
    for t in tables:
        table = ct.SquareTable(np.array(t), shift_zeros=False)
        row = {"table": t}
        m = table.homogeneity(method="stuart_maxwell")
        row["stuart_maxwell"] = [m.statistic, m.pvalue, int(m.df)]
        a = np.array(t, float)
        pairs = [(i, j) for i in range(len(a)) for j in range(i) if a[i, j] + a[j, i] > 0]
        s = sum((a[i, j] - a[j, i]) ** 2 / (a[i, j] + a[j, i]) for i, j in pairs)
        row["bowker"] = [s, st.chi2.sf(s, len(pairs)), len(pairs)]
        if len(pairs) == len(a) * (len(a) - 1) // 2:
            assert np.isclose(table.symmetry(method="bowker").statistic, s, rtol=1e-12)
            assert np.isclose(table.symmetry(method="bowker").pvalue, row["bowker"][1], rtol=1e-12)
        for name, wt in [("none", None), ("linear", "linear"), ("quadratic", "quadratic")]:
            k = cohens_kappa(np.array(t), wt=wt)
            y1, y2 = np.repeat(np.indices(a.shape).reshape(2, -1), a.astype(int).ravel(), axis=1)
            assert np.isclose(k.kappa, cohen_kappa_score(y1, y2, weights=wt))
            row["kappa_" + name] = [k.kappa, k.kappa_low, k.kappa_upp]
        rows.append(row)
    return rows


def wilcoxon():
    rows = []
    samples = {"continuous": rng.normal(0.4, 1, 14).round(4), "large": rng.normal(0.1, 1, 70).round(5),
               "tied": rng.integers(-3, 5, 25).astype(float), "zeros": np.array([0, 0, 1, -2, 3, 4, 4, -1, 0, 5.0]),
               "fifty": rng.normal(-0.3, 1, 50).round(6), "ties_no_zeros": np.array([1, 1, 2, -2, 3, 3, -1, 4.0]),
               "small": np.array([0.5, -0.1, 0.9])}
    for name, d in samples.items():
        for zeros in ["wilcox", "pratt", "zsplit"]:
            for alternative in ["two-sided", "greater", "less"]:
                for correction in [False, True]:
                    for method in ["auto", "exact", "approx"]:
                        clean = len(set(abs(d))) == len(d) and (d != 0).all()
                        if method == "exact" and not clean:
                            continue
                        if method == "auto":  # the rule of the program, said to scipy
                            how = "exact" if clean and len(d) <= 50 else "approx"
                        else:
                            how = method
                        r = st.wilcoxon(d, zero_method=zeros, alternative=alternative, correction=correction, method=how)
                        rows.append({"d": d.tolist(), "name": name, "zeros": zeros, "alternative": alternative,
                                     "correction": correction, "method": method, "statistic": r.statistic, "p": r.pvalue})
    return rows


def signed_rank_counts(n):
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1
    for r in range(1, n + 1):
        new = ways.copy()
        new[r:] += ways[:-r]
        ways = new
    return ways / 2.0 ** n


def hodges_lehmann():
    rows = []
    for n in [1, 5, 6, 7, 13, 30, 50]:
        d = np.sort(rng.normal(0.5, 1, n).round(3))
        walsh = np.sort([(d[i] + d[j]) / 2 for i in range(n) for j in range(i, n)])
        row = {"d": d.tolist(), "estimate": float(np.median(walsh))}
        cdf = np.cumsum(signed_rank_counts(n))
        if 2 * 0.5 ** n <= 0.05:
            q = max(1, int(np.argmax(cdf >= 0.025)))
            row["interval"] = [walsh[q - 1], walsh[n * (n + 1) // 2 - q]]
        rows.append(row)
    return rows


def ratings():
    rows = []
    for n, readers, classes, missing in [(30, 3, 3, 0.0), (40, 4, 4, 0.2), (20, 2, 2, 0.0), (60, 5, 3, 0.4)]:
        truth = rng.integers(0, classes, n)
        x = np.where(rng.random((n, readers)) < 0.7, truth[:, None], rng.integers(0, classes, (n, readers))).astype(float)
        x[rng.random((n, readers)) < missing] = np.nan
        x = x[~np.isnan(x).all(1)]
        frame = pd.DataFrame(x)
        row = {"classes": classes, "readers": readers, "reading": np.nan_to_num(x, nan=-1).astype(int).ravel().tolist()}
        for weights, name in [("identity", "none"), ("linear", "linear"), ("quadratic", "quadratic")]:
            cac = irrCAC.raw.CAC(frame, weights=weights, categories=[float(c) for c in range(classes)], digits=15)
            for method, key in [("fleiss", "fleiss"), ("gwet", "gwet"), ("krippendorff", "krippendorff")]:
                e = getattr(cac, method)()["est"]
                row[f"{key}_{name}"] = [e["coefficient_value"], *e["confidence_interval"]]
        row["alpha_nominal"] = krippendorff.alpha(x.T, level_of_measurement="nominal")
        row["alpha_interval"] = krippendorff.alpha(x.T, level_of_measurement="interval")
        rows.append(row)
    return rows


def adjusted():
    rows = []
    for p in [[0.001, 0.008, 0.012, 0.03, 0.041, 0.2, 0.7], [0.04], [0.5, 0.01, 0.01, 0.9], [0.2, 0.9, 1.0]]:
        rows.append({"p": p, **{name: multipletests(p, method=m)[1].tolist() for name, m in
                                [("bonferroni", "bonferroni"), ("holm", "holm"), ("benjamini_hochberg", "fdr_bh")]}})
    return rows


def sizes():
    from statsmodels.stats.proportion import proportion_confint
    wilson = []
    for p, h in [(0.95, 0.03), (0.5, 0.1), (0.9, 0.05), (0.0, 0.02)]:
        n = 1
        while True:
            z = st.norm.ppf(0.975)
            half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
            if half <= h:
                break
            n += 1
        low, high = proportion_confint(p * n, n, method="wilson")
        assert high - low <= 2 * h + 1e-12
        wilson.append({"p": p, "h": h, "n": n})
    power = []
    for a, b, n in [(0.2, 0.05, 80), (0.1, 0.02, 150), (0.04, 0.01, 711)]:
        total = 0.0
        for m in range(n + 1):
            k = np.arange(m + 1)
            tail = np.minimum(1, 2 * binom.cdf(np.minimum(k, m - k), m, 0.5))
            rejected = tail <= 0.05
            total += binom.pmf(m, n, a + b) * binom.pmf(k, m, a / (a + b))[rejected].sum()
        power.append({"a": a, "b": b, "n": n, "power": total})
    return {"wilson": wilson, "power": power}


if __name__ == "__main__":
    data = {"mcnemar": mcnemar(), "cochran": cochran(), "squares": squares(), "wilcoxon": wilcoxon(),
            "hodges_lehmann": hodges_lehmann(), "ratings": ratings(), "adjusted": adjusted(), "sizes": sizes()}
    with open(sys.argv[1], "w") as f:
        json.dump(plain(data), f, separators=(",", ":"))
        f.write("\n")
