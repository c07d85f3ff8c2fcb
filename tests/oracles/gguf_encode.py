"""Floats as llama.cpp's formats hold them, by the gguf package: tests/data/weights/gguf-encode.json.

    python gguf_encode.py OUT.json
"""

import json
import sys

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.quants import quantize


def main():
    rng = np.random.default_rng(5)
    rows = [rng.normal(0, 0.05, 64), rng.normal(0, 3, 64), np.zeros(64), np.linspace(-1, 1, 64),
            np.where(rng.random(64) < 0.1, 30.0, 0.01) * rng.choice([-1, 1], 64),
            np.round(rng.normal(0, 40, 64)) / 8]
    values = np.stack(rows).astype(np.float32)
    out = {"values": [float(v) for v in values.flatten()], "cols": 64}
    for name, kind in (("F32", Type.F32), ("F16", Type.F16), ("BF16", Type.BF16), ("Q8_0", Type.Q8_0),
                       ("Q4_0", Type.Q4_0)):
        out[name] = np.ascontiguousarray(quantize(values, kind)).tobytes().hex()
    json.dump(out, open(sys.argv[1], "w"), indent=0)


if __name__ == "__main__":
    main()
