#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write a small seed corpus for a fuzz target into a directory."""
import pathlib
import random
import sys


def chaos(rnd):
    """Create queues through the admin ring, then commands and steps."""
    out = bytearray()
    slot = 0
    for op in (5, 1):  # Create CQ, Create SQ
        pick = {5: 4, 1: 1}[op] + 11 * rnd.randrange(0, 4, 2)
        out += bytes([3, 0, pick, slot, 0, 0, 0, 0, 0, 15, slot])
        slot += 1
    out += bytes([2, 0, slot, 10, 0x4f])
    for i in range(rnd.randrange(1, 40)):
        out += bytes([3, 1, rnd.randrange(9), i, 0, 1, rnd.randrange(256), 0,
                      7, i % 16])
        out += bytes([2, 2, (i + 1) % 16, rnd.choice([9, 10, 11, 14, 0x4f])])
        out += bytes(rnd.randrange(256) for _ in range(rnd.randrange(4)))
    return out


def driver(rnd):
    """Bursts, rings, steps, reaps."""
    out = bytearray([rnd.randrange(256)])
    for _ in range(rnd.randrange(4, 60)):
        q = rnd.randrange(2) << 4
        for _ in range(rnd.randrange(1, 6)):
            out += bytes([q, rnd.randrange(256), rnd.randrange(256)])
        out += bytes([6 | q, 7 | q, 10, 7 | q, 9 | q | 0xe0])
        out += bytes([rnd.choice([11, 12, 13, 14, 15]) | rnd.randrange(16) << 4,
                      rnd.randrange(256)])
    return out


def main():
    make = {"chaos": chaos, "driver": driver}[sys.argv[1]]
    where = pathlib.Path(sys.argv[2])
    where.mkdir(parents=True, exist_ok=True)
    for i in range(40):
        (where / f"seed{i:02}").write_bytes(make(random.Random(i)))


main()
