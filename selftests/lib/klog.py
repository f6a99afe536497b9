# SPDX-License-Identifier: GPL-2.0
"""What in a kernel log fails a test."""

import re

BAD = re.compile(
    r"WARNING:|BUG:|\bOops\b|Kernel panic|lockdep|possible recursive locking"
    r"|possible circular locking|inconsistent lock state|INFO: task .* blocked"
    r"|rcu: INFO:|self-detected stall|soft lockup|general protection|KASAN|UBSAN"
    r"|kmemleak: \d+ new|DMA-API:|refcount_t:|DMAR: \[DMA (Read|Write)"
)

# Lines that match BAD and are known to mean no fault of ours; each says why.
NOISE = [
    # A guest's first boot message on the emulated processor: its XSAVE area is larger than its
    # features account for.
    re.compile(r"WARNING: .* at arch/x86/kernel/fpu/xstate\.c:\d+ fpu__init_system_xstate"),
    # Printed at boot by a kernel that was built with the checker.
    re.compile(r"KernelAddressSanitizer initialized|DMA-API: preallocated"),
    # Races of the kernel's own: no function of ours is in it.
    re.compile(r"BUG: KCSAN: data-race in (?!.*(\[nvme_mdev\]|nvme_extq_))"),
    re.compile(r"DMA-API: debugging enabled by kernel config|RCU lockdep checking is enabled"),
]


def findings(lines):
    """Return the lines of a kernel log that fail the test during which they came."""
    return [
        line.rstrip()
        for line in lines
        if BAD.search(line) and not any(noise.search(line) for noise in NOISE)
    ]
