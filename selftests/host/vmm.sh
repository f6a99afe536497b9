#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A VMM that fails: selftests/vfio/vmm_test.c on a partition of the drive, and slow_test.c while that is slow.
#
# Checklist: 25, 26, 28, 134

. selftests/lib/ktap.sh
. selftests/lib/host.sh

# The kernel log has no more lines of VFIO's refusals than these: one or two each time that it was asked.
few_refusals()
{
	local lines

	lines=$(dmesg | grep -c 'RLIMIT_MEMLOCK (.*) exceeded')
	echo "$lines lines"
	[ "$lines" -lt 100 ]
}

ktap_begin
ktap_test "load" host_load 4 || ktap_done
ktap_test "partitions" drive_split /dev/nvme0n1
vfio_client vmm_test vmm n1p2 1
ktap_test "a container that cannot pin was told of" line_in_log "must be a VFIO_TYPE1v2_IOMMU"
ktap_test "hundreds of refusals are not told of" few_refusals
ktap_test "a limit that is too small was told of" line_in_log "the VMM may lock 8192 KiB of memory and needs 16384"
vfio_client slow_test slow n1p2 1
machine slow 0 0
ktap_test "unload" host_unload
ktap_done
