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
MDEV=

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

# counted UUID...: what has been counted until now, a line "WHAT VALUE" each
counted()
{
	local uuid

	echo "exits $(cat "$KVM/exits")"
	# none is there if no device is
	# shellcheck disable=SC2016 # awk's
	pgrep -x 'nvme-mdev/.*' | sed 's,.*,/proc/&/status,' | xargs -r awk '
		/^voluntary/ { slept += $2 } /^nonvoluntary/ { shared += $2 }
		END { print "slept", slept + 0; print "switches", slept + shared }'
	for uuid in "$@"; do
		cat "$MDEVS/$uuid/state/counters"
	done | awk '{ sum[$1] += $2 } END { for (what in sum) print what, sum[what] }'
}

# count_before UUID..., count_after PATH JOB UUID...: what has been counted in between goes to the figures
count_before()
{
	counted "$@" > "$RESULTS/before"
}

count_after()
{
	counted "${@:3}" > "$RESULTS/after"
	join <(sort "$RESULTS/before") <(sort "$RESULTS/after") | while read -r what before after; do
		figure "$1" "$2" "$what" $((after - before))
	done
	mv "$RESULTS/after" "$RESULTS/before"
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
	count_after "$1" "$2" ${MDEV:+"$MDEV"}
	[ -z "$MDEV" ] || figure "$1" "$2" pinned "$(cat "$DEV/state/pinned_bytes")"
}

# guest_bench PATH DEVICE: boot a guest, take what it says
guest_bench()
{
	local name

	guest_start "$1" "$2" "bench,$SECONDS_EACH" mitigations=auto &&
		guest_expect "$1" 'guest: bench: begins' >&2 || return
	sleep 1
	count_before ${MDEV:+"$MDEV"}
	for name in $(jobs_of | cut -d' ' -f1) idle; do
		guest_job "$1" "$name" || return
	done
	guest_wait "$1" >&2
}

# mdev_bench PATH TYPE BACKING SETTING=VALUE...
mdev_bench()
{
	local setting

	mdev_create "$2" && mdev_add "$3" || return
	for setting in "${@:4}"; do
		echo "${setting#*=}" > "$DEV/settings/${setting%%=*}" || return
	done
	guest_bench "$1" "$(mdev_qemu)" && mdev_remove && MDEV=
}

# vhost-user-blk: a process of its own serves the guest's queues, from the guest's memory
vhost_bench()
{
	local sock=$RESULTS/vhost

	qemu-storage-daemon --daemonize --pidfile "$sock.pid" \
		--blockdev "driver=host_device,node-name=d,filename=/dev/nvme0n1,cache.direct=on,aio=io_uring" \
		--export "vhost-user-blk,id=e,node-name=d,writable=on,addr.type=unix,addr.path=$sock" &&
		guest_bench vhost-user-blk "vhost-user-blk-pci,chardev=c -chardev socket,id=c,path=$sock
			-object memory-backend-memfd,id=m,size=512M,share=on -machine memory-backend=m" || return
	kill "$(cat "$sock.pid")"
}

# many_prepare: 16 devices of one queue pair on 16 partitions of two drives
many_prepare()
{
	local drive i

	host_load 8 || return
	UUIDS=()
	for drive in nvme0 nvme1; do
		DRIVE=$(drive_address "$drive")
		for i in {1..8}; do
			# a drive that keeps nothing has no partition table
			addpart "/dev/${drive}n1" "$i" $((i * 2097152)) 1048576 &&
				host_wait 10 test -b "/dev/${drive}n1p$i" &&
				mdev_create 1Q_V1 && mdev_add "n1p$i" || return
			UUIDS+=("$MDEV")
		done
	done
	MDEV=
}

# many_bench PATH JOB DEVICES BUSY CPU...: so many devices, so many of them busy, on a poller for each CPU
many_bench()
{
	local path=$1 job=$2 busy=$4 uuids=("${UUIDS[@]:0:$3}") cpus=("${@:5}") out=$RESULTS/$2.many i
	local pipe=$RESULTS/pipe line sum jain used

	for i in "${!uuids[@]}"; do
		echo "${cpus[i % ${#cpus[@]}]}" > "$MDEVS/${uuids[i]}/settings/iothread_cpu" || return
	done
	mkfifo "$pipe" || return
	build/selftests/many "$busy" "$SECONDS_EACH" "${uuids[@]}" < "$pipe" > "$out" &
	exec {many_input}> "$pipe"
	rm "$pipe"
	host_wait 120 grep -q 'many: begins' "$out" || { cat "$out"; return 1; }
	count_before "${uuids[@]}"
	echo >&"$many_input"
	sleep "$SECONDS_EACH"
	host_wait 60 grep -q 'many: ends' "$out" || { cat "$out"; return 1; }
	count_after "$path" "$job" "${uuids[@]}"
	figure "$path" "$job" pinned "$( (cd "$MDEVS" && cat "${uuids[@]/%//state/pinned_bytes}") | awk '{ n += $1 } END { print n }')"
	# commands, Jain's index of what each busy device got of them, and the memory that these use
	line=$(awk -v busy="$busy" '$2 == "device" && n < busy { n++; sum += $3; squares += $3 * $3; used += $4 }
		END { print sum + 0, squares ? sum * sum / (n * squares) : 1, used + 0 }' "$out")
	ktap_note "$job: $line"
	read -r sum jain used <<< "$line"
	figure "$path" "$job" commands "$sum"
	figure "$path" "$job" jain "$jain"
	figure "$path" "$job" used "$used"
	exec {many_input}>&-
	wait $!
}

# Devices and how many of them are busy, on one poller and on two
many_all()
{
	local way

	many_prepare || return
	for way in "1 1" "4 4" "16 16" "16 1" "16 0"; do
		# shellcheck disable=SC2086 # words
		many_bench many "one:${way/ /:}" $way 1 && many_bench many "two:${way/ /:}" $way 0 1 || return
	done
	mdev_remove_all
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
ktap_test "nvme-mdev" mdev_bench nvme-mdev 1Q_V1 n1 shadow_doorbell=0
ktap_test "nvme-mdev, shadow doorbells" mdev_bench nvme-mdev-shadow 1Q_V1 n1
ktap_test "nvme-mdev, adaptive" mdev_bench nvme-mdev-adaptive 1Q_V1 n1 shadow_doorbell=0 mode=adaptive
ktap_test "nvme-mdev, block device" mdev_bench nvme-mdev-block soft /dev/nvme0n1 shadow_doorbell=0
ktap_test "nvme-mdev on null" mdev_bench nvme-mdev-null 1Q_V1 null:8G shadow_doorbell=0
ktap_test "virtio-blk" guest_bench virtio-blk "virtio-blk-pci,drive=d,iothread=t
	-object iothread,id=t $HOST_FILE"
ktap_test "QEMU's NVMe" guest_bench qemu-nvme "nvme,drive=d,serial=bench,ioeventfd=on $HOST_FILE"
ktap_test "many devices" many_all
ktap_test "vhost-user-blk" vhost_bench
ktap_test "passthrough" passthrough
ktap_done
