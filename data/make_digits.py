#!/usr/bin/python3
"""Make data/digits.bin from scikit-learn, and core/digits_data.c from it.

    data/make_digits.py            core/digits_data.c from data/digits.bin
    data/make_digits.py --fetch    data/digits.bin from scikit-learn first

Run from the root of the repository. See data/README.md.
"""
import sys

COUNT, PIXELS, KEY = 1797, 64, 4242
MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10, SPEC section 4."""
    c, k = list(counter), [key & MASK, key >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def shuffled(count, key):
    """Fisher-Yates with the sequential draws of SPEC section 4."""
    order = list(range(count))
    for n, i in enumerate(range(count - 1, 0, -1)):
        word = philox([n // 4, 0, 0, 0x64726177], key)[n % 4]
        j = word * (i + 1) >> 32
        order[i], order[j] = order[j], order[i]
    return order


def fetch(path):
    from sklearn.datasets import load_digits

    digits = load_digits()
    assert digits.data.shape == (COUNT, PIXELS)
    with open(path, "wb") as f:
        for pixels, label in zip(digits.data, digits.target):
            f.write(bytes(int(v) for v in pixels) + bytes([int(label)]))


def emit(binary, source):
    with open(binary, "rb") as f:
        data = f.read()
    assert len(data) == COUNT * (PIXELS + 1)
    words = []
    for i in shuffled(COUNT, KEY):
        record = data[i * 65 : i * 65 + 65]
        assert max(record[:64]) <= 16 and record[64] <= 9
        row = [0] * 11
        for p in range(PIXELS):
            row[p // 6] |= record[p] << 5 * (p % 6)
        row[10] |= record[64] << 20
        words += row
    lines, line = [], "   "
    for w in words:
        text = f" {w:#x},"
        if len(line) + len(text) > 120:
            lines.append(line)
            line = "   "
        line += text
    lines.append(line)
    with open(source, "w") as f:
        f.write("/* Made by data/make_digits.py from data/digits.bin: do not edit. */\n")
        f.write('#include "core/digits_data.h"\n\n/* clang-format off */\n')
        f.write("const uint32_t mdl_digits_data[MDL_DIGITS_COUNT * MDL_DIGIT_WORDS] = {\n")
        f.write("\n".join(lines))
        f.write("\n};\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--fetch"]:
        fetch("data/digits.bin")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    emit("data/digits.bin", "core/digits_data.c")
