#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Allocations, and copies from or to user space, fail one at a time in all that an operator and a VMM do with
# a device: an errno comes back, the same works when asked again, nothing is left. The debug kernel can do
# that, and tells what leaked.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

DEBUG=/sys/kernel/debug
FAULTS=build/selftests/faults

# What may fail: allocations that sleep, too, and of any size; without a line each in the log.
prepare()
{
	local kind

	for kind in failslab fail_page_alloc fail_usercopy; do
		echo 0 > "$DEBUG/$kind/verbose" || return
	done
	echo N > "$DEBUG/failslab/ignore-gfp-wait"
	echo N > "$DEBUG/fail_page_alloc/ignore-gfp-wait"
	echo N > "$DEBUG/fail_page_alloc/ignore-gfp-highmem"
	echo 0 > "$DEBUG/fail_page_alloc/min-order"
	# failure paths of VFIO (a group that cannot be named or entered) and of the driver core (a driver's
	# attributes that could not be added are removed) warn, and the check of DMA mappings gives up when it
	# can allocate nothing; other warnings still fail the test
	echo 0 > /proc/sys/kernel/panic_on_warn
	trap 'echo 1 > /proc/sys/kernel/panic_on_warn; /lib/systemd/systemd-udevd --daemon' EXIT
	printf '%s\n' 'WARNING: .* vfio_group_release\+' 'WARNING: .* sysfs_remove_group\+' \
		'DMA-API: cacheline tracking ENOMEM' > "$RESULTS/expected"
	# nobody needs to hear of a thousand devices that come and go
	host_load 4 && drive_split /dev/nvme0n1 && udevadm control --exit
}

# Create a device, which is then removed.
create()
{
	local uuid

	uuid=$(uuidgen)
	"$FAULTS" write "$(mdev_type 2Q_V1)/create" "$uuid" "$MDEVS/$uuid/remove" 1 &&
		[ "$(mdev_free 2Q_V1)" = 2 ]
}

removal()
{
	mdev_create 2Q_V1 && mdev_add n1p2 || return
	"$FAULTS" write "$DEV/remove" 1 "$(mdev_type 2Q_V1)/create" "$MDEV" || return
	mdev_remove && [ "$(mdev_free 2Q_V1)" = 2 ]
}

# namespace BACKING
namespace()
{
	"$FAULTS" write "$DEV/namespaces/add_namespace" "$1" "$DEV/namespaces/remove_namespace" 1 &&
		[ -z "$(cat "$DEV/namespaces/namespaces")" ]
}

# setting NAME VALUE OLD
setting()
{
	"$FAULTS" write "$DEV/settings/$1" "$2" "$DEV/settings/$1" "$3"
}

# vmm OPERATION
vmm()
{
	NVME_MDEV_UUID=$MDEV "$FAULTS" "$1" && all_given_back
}

works()
{
	client_start after unlimited && client_stop after
}

# What the device's own workers allocate: one in ten fails, in all workers, while memory is pinned anew
# for each command. What fails for it ends with a status, and the device goes on.
workers()
{
	local out=$RESULTS/workers pid kind rc

	mkfifo /tmp/workers
	NVME_MDEV_UUID=$MDEV "$FAULTS" io < /tmp/workers > "$out" &
	pid=$!
	exec {end}> /tmp/workers
	host_wait 60 grep -q busy "$out" || return
	# new workers have it from their parent
	for kind in /proc/2 $(pgrep -x 'kworker/u.*' | sed 's,^,/proc/,'); do
		echo 1 > "$kind/make-it-fail" 2>/dev/null
	done
	for kind in failslab fail_page_alloc; do
		echo Y > "$DEBUG/$kind/task-filter"
		echo -1 > "$DEBUG/$kind/times"
		echo 10 > "$DEBUG/$kind/probability"
	done
	sleep 10
	echo 0 > "$DEBUG/failslab/probability"
	echo 0 > "$DEBUG/fail_page_alloc/probability"
	exec {end}>&-
	wait "$pid"
	rc=$?
	cat "$out"
	return "$rc"
}

# The host's I/O to the drive fails; the guest's does not go that way.
host_only()
{
	echo 1 > /sys/block/nvme0n1/make-it-fail || return
	echo -1 > "$DEBUG/fail_make_request/times"
	echo 0 > "$DEBUG/fail_make_request/verbose"
	echo 100 > "$DEBUG/fail_make_request/probability"
	client_start host_only unlimited || return
	! dd if=/dev/nvme0n1p3 of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null ||
		{ echo "the host's read did not fail"; return 1; }
	echo 0 > "$DEBUG/fail_make_request/probability"
	echo 0 > /sys/block/nvme0n1/make-it-fail
	client_stop host_only && dd if=/dev/nvme0n1p3 of=/dev/null bs=4k count=1 iflag=direct
}

ktap_begin
if [ ! -d "$DEBUG/failslab" ]; then
	ktap_note "this kernel cannot make allocations fail; the debug host's can"
	exit 4
fi
ktap_test "prepare" prepare || ktap_done
ktap_test "creating a device" create
ktap_test "removing a device" removal
ktap_test "device" mdev_create 2Q_V1
ktap_test "adding a partition" namespace n1p2
ktap_test "adding a null namespace" namespace null:1G
ktap_test "a setting" setting pinned_limit 64M 0
ktap_test "namespace" mdev_add n1p2
ktap_test "a VMM opens the device" vmm open
ktap_test "a VMM sets interrupts" vmm irqs
ktap_test "a VMM asks for information" vmm info
ktap_test "a VMM reads, writes and maps registers" vmm regs
ktap_test "a VMM takes memory away" vmm unmap
ktap_test "a VMM gives memory" vmm map
ktap_test "the device works" works
ktap_test "pinning in a worker" workers
ktap_test "the host's I/O" host_only
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
