#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# In the test host: the same jobs by the host itself and by a guest over each way to the drive, one
# after another. Figures go to $RESULTS/figures, a line "PATH JOB WHAT VALUE" each.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

SECONDS_EACH=${SECONDS_EACH:-10}
KVM=/sys/kernel/debug/kvm
OUT=$RESULTS/figures
DEV=

jobs_of()
{
	grep -v '^#' selftests/bench/jobs
}

figure() # PATH JOB WHAT VALUE
{
	echo "$*" >> "$OUT"
}

# figures PATH JOB IOPS COMMANDS P50 P99
figures()
{
	ktap_note "$*"
	figure "$1" "$2" iops "$3"
	figure "$1" "$2" commands "$4"
	figure "$1" "$2" p50 "$5"
	figure "$1" "$2" p99 "$6"
}

host_native()
{
	local name words line

	while read -r name words; do
		# shellcheck disable=SC2086 # words
		line=$(selftests/bench/job /dev/nvme0n1 "$SECONDS_EACH" $words < /dev/null) || return
		# shellcheck disable=SC2086
		figures host "$name" $line
	done < <(jobs_of)
}

# counted: what has been counted until now, a line "WHAT VALUE" each
counted()
{
	echo "exits $(cat "$KVM/exits")"
	# none is there if no device is
	# shellcheck disable=SC2016 # awk's
	pgrep -x 'nvme-mdev/.*' | sed 's,.*,/proc/&/status,' | xargs -r awk '
		/ctxt_switches/ { n += $2 } END { print "switches", n + 0 }'
	[ -z "$DEV" ] || cat "$DEV/state/counters"
}

# guest_job PATH JOB: wait until the guest has done it, and say what it cost
guest_job()
{
	local line

	# looking at the console costs time of the processors that are measured
	sleep "$SECONDS_EACH"
	guest_expect "$1" "^bench: $2 " $((SECONDS_EACH + 60)) >&2 || return
	line=$(tr -d '\r' < "$RESULTS/$1.serial" | grep "^bench: $2 ")
	# shellcheck disable=SC2086 # words
	figures "$1" ${line#bench: }
	counted > "$RESULTS/after"
	join <(sort "$RESULTS/before") <(sort "$RESULTS/after") | while read -r what before after; do
		figure "$1" "$2" "$what" $((after - before))
	done
	[ -z "$DEV" ] || figure "$1" "$2" pinned "$(cat "$DEV/state/pinned_bytes")"
	mv "$RESULTS/after" "$RESULTS/before"
}

# guest_bench PATH DEVICE: boot a guest, take what it says
guest_bench()
{
	local name

	guest_start "$1" "$2" "bench,$SECONDS_EACH" && guest_expect "$1" 'guest: bench: begins' >&2 || return
	sleep 1
	counted > "$RESULTS/before"
	while read -r name _; do
		guest_job "$1" "$name" || return
	done < <(jobs_of)
	guest_wait "$1" >&2
}

# mdev_bench PATH BACKING SETTING=VALUE...
mdev_bench()
{
	local setting

	mdev_create 1Q_V1 && mdev_add "$2" || return
	for setting in "${@:3}"; do
		echo "${setting#*=}" > "$DEV/settings/${setting%%=*}" || return
	done
	guest_bench "$1" "$(mdev_qemu)" && mdev_remove && DEV=
}

passthrough()
{
	OTHER=$(drive_address nvme1)
	echo "$OTHER" > "/sys/bus/pci/devices/$OTHER/driver/unbind"
	modprobe vfio-pci &&
		echo vfio-pci > "/sys/bus/pci/devices/$OTHER/driver_override" &&
		echo "$OTHER" > /sys/bus/pci/drivers_probe &&
		guest_bench passthrough "vfio-pci,host=$OTHER"
}

HOST_FILE="-drive file=/dev/nvme0n1,format=raw,if=none,id=d,cache=none,aio=io_uring"

ktap_begin
ktap_test "load" host_load 4 || ktap_done
modprobe kvm_amd
ktap_test "host" host_native
ktap_test "nvme-mdev" mdev_bench nvme-mdev n1 shadow_doorbell=0
ktap_test "nvme-mdev, shadow doorbells" mdev_bench nvme-mdev-shadow n1
ktap_test "nvme-mdev, adaptive" mdev_bench nvme-mdev-adaptive n1 shadow_doorbell=0 mode=adaptive
ktap_test "nvme-mdev on null" mdev_bench nvme-mdev-null null:8G shadow_doorbell=0
ktap_test "virtio-blk" guest_bench virtio-blk "virtio-blk-pci,drive=d,iothread=t
	-object iothread,id=t $HOST_FILE"
ktap_test "QEMU's NVMe" guest_bench qemu-nvme "nvme,drive=d,serial=bench,ioeventfd=on $HOST_FILE"
ktap_test "passthrough" passthrough
ktap_done
