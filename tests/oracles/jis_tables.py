"""Writes src/text/jis_tables.cc: the characters of CP932's double-byte rows and of JIS X 0212.

    python3 tests/oracles/jis_tables.py > src/text/jis_tables.cc

The characters are those of CPython's codecs cp932 (Microsoft's table) and euc_jp (JIS X 0212); the
IBM extensions that eucJP-ms keeps in rows 83 and 84 behind 8F come from the C library's iconv.
Each row is one string of 94 characters, U+FFFD where nothing is assigned.
"""
import subprocess

NONE = "\ufffd"


def cp932(row, cell):
    """Row and cell (from 1) as in JIS X 0208, rows 95 to 120 going on behind its last lead byte."""
    lead = (row - 1) // 2 + 0x81
    lead += 0x40 if lead > 0x9F else 0
    trail = (0x9E + cell) if row % 2 == 0 else (0x3F + cell + (cell >= 64))
    try:
        return bytes([lead, trail]).decode("cp932")
    except UnicodeDecodeError:
        return NONE


def jis_x_0212(row, cell):
    raw = bytes([0x8F, 0xA0 + row, 0xA0 + cell])
    if row in (83, 84):
        done = subprocess.run(["iconv", "-f", "EUC-JP-MS", "-t", "UTF-8"], input=raw, capture_output=True)
        return done.stdout.decode() if done.returncode == 0 else NONE
    try:
        return raw.decode("euc_jp")
    except UnicodeDecodeError:
        return NONE


def emit(name, rows, of):
    print(f"const char16_t* const {name}[{len(rows)}] = {{")
    for row in rows:
        text = "".join(of(row, cell) for cell in range(1, 95))
        assert len(text) == 94 and all(ord(c) <= 0xFFFF for c in text), (name, row, len(text))
        if text == NONE * 94:
            print(f"    nullptr,  // {row}")
        else:
            print('    u"' + text.replace("\\", "\\\\").replace('"', '\\"') + f'",  // {row}')
    print("};")


print("""// The double-byte characters of Japanese encodings, one string of 94 characters a row.
// Written by tests/oracles/jis_tables.py; not edited by hand.
#include "text/jis_tables.h"

// clang-format off
namespace gantry {
""")
print("// JIS X 0208 as Microsoft maps it, with NEC row 13 and the NEC selection of IBM extensions (rows 89 to 92).")
emit("kCp932Rows", range(1, 95), cp932)
print("\n// The IBM extensions, lead bytes FA to FC of CP932.")
emit("kIbmRows", range(115, 121), cp932)
print("\n// JIS X 0212, with eucJP-ms's IBM extensions in rows 83 and 84.")
emit("kJisX0212Rows", range(1, 95), jis_x_0212)
print("\n}  // namespace gantry")
