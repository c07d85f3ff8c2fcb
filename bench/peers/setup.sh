#!/usr/bin/env bash
# Makes the Python environment that the benchmarks compare against, in build/peers (or the folder given).
# Only `./run bench` needs it: nothing of Gantry itself uses Python.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
target="${1:-$here/../../build/peers}"

if [[ ! -x "$target/bin/python" ]]; then
  python3 -m venv "$target"
fi
# The CPU alone is used, so the gigabytes of GPU packages that torch asks for are left out.
"$target/bin/pip" install --quiet --no-deps torch
"$target/bin/pip" install --quiet --requirement "$here/requirements.txt"
"$target/bin/python" - <<'PYTHON'
import ctranslate2, onnxruntime, torch, transformers
print("torch", torch.__version__, "transformers", transformers.__version__,
      "onnxruntime", onnxruntime.__version__, "ctranslate2", ctranslate2.__version__)
PYTHON
