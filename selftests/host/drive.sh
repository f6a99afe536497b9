#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The drive fails or changes under a device, and the device's user, with a VFIO client: media errors, commands
# without an answer, a controller that does not come back or grants fewer queues, hot-unplug with and without a
# word, suspend of the host, partitions and namespaces that shrink, are formatted, are detached. Resets are
# reset.sh's and extq.sh's.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

# The drive with bad blocks, as ./run of selftests/vm makes it
NUMBER=3
NAME=nvme$NUMBER
BAD_READ=131072
BAD_WRITE=196608
FLEXIBLE=14
AWAKE=/repo/build/$KVER/selftests/extq/awake.ko

# What the host's own commands may take, in seconds, is what a guest's may take.
IO_TIMEOUT=/sys/module/nvme_core/parameters/io_timeout

prepare()
{
	modprobe nvme_core && OLD_TIMEOUT=$(cat "$IO_TIMEOUT") && echo 3 > "$IO_TIMEOUT" || return
	# the tests after this one have the host's, however it ends
	trap 'echo "$OLD_TIMEOUT" > "$IO_TIMEOUT"' EXIT
	host_load 4 && host_wait 30 test -b "/dev/${NAME}n1" && DRIVE=$(drive_address "$NAME") &&
		grant "$FLEXIBLE" && use_drive
}

# grant N: beside the two that it always grants, and begins with, the drive grants N of its FLEXIBLE queue pairs from
# this reset on
grant()
{
	nvme virt-mgmt "/dev/$NAME" --cntlid=0 --rt=0 --act=1 --nr="$1" &&
		echo 1 > "/sys/bus/pci/devices/$DRIVE/reset" && host_wait 60 grep -q live "/sys/class/nvme/$NAME/state"
}

use_drive()
{
	DRIVE=$(drive_address "$NAME")
	mdev_create 2Q_V1 && mdev_add n1
}

# hold_once KIND FIRST: one command; what the client says
hold_once()
{
	NVME_MDEV_UUID=$MDEV build/selftests/hold "$1" 1 "$2" < /dev/null
}

# media_error KIND FIRST STATUS: the command fails with it, the next to it does not
media_error()
{
	local said

	said=$(hold_once "$1" "$2") && { echo "$said"; return 1; }
	echo "$said"
	[[ $said == *"status $3"* ]] && hold_once "$1" $(($2 + 64))
}

# Each 4 KiB takes longer than the host waits: Abort does not help here, the reset lasts until the drive has
# answered, and what was in flight is sent again.
no_answer()
{
	client_start slow unlimited || return
	dmesg -C
	machine slow "$NUMBER" 4
	host_wait 120 line_in_log "drive does not answer on queue .*: reset" || return
	machine slow "$NUMBER" 0
	host_wait 60 grep -q live "/sys/class/nvme/$NAME/state" || return
	reads=$(counter reads)
	host_wait 30 more_than "$reads" && client_stop slow && [ "$(counter errors)" = 0 ]
}

more_than()
{
	[ "$(counter reads)" -gt "$1" ]
}

# A command that is always lost ends with an error, after as many retries as one of the host's own has: each of them
# costs a reset.
lost_command()
{
	local retries=/sys/module/nvme_core/parameters/max_retries old rc=0

	# a reset for the drive to say so
	old=$(cat "$retries") && echo 1 > "$retries" && echo 1 > "/sys/class/nvme/$NAME/reset_controller" &&
		host_wait 60 grep -q live "/sys/class/nvme/$NAME/state" || return
	NVME_MDEV_UUID=$MDEV timeout 240 build/selftests/hold > "$RESULTS/lost.client" 2>&1 < <(sleep 240) &
	CLIENT=$!
	host_wait 30 grep -q 'hold: busy' "$RESULTS/lost.client" || return
	dmesg -C
	machine slow "$NUMBER" 5
	wait "$CLIENT" && rc=1
	machine slow "$NUMBER" 0
	echo "$old" > "$retries"
	cat "$RESULTS/lost.client"
	FAULTS=$(dmesg | grep -c "drive does not answer on queue .*: reset")
	echo "resets: $FAULTS"
	host_wait 60 grep -q live "/sys/class/nvme/$NAME/state" || return
	[ "$rc" = 0 ] && grep -q 'status 0x6$' "$RESULTS/lost.client" && [ "$FAULTS" = 2 ] && hold_once read 0
}

# changed_under NAME STATUS COMMAND...: a client does I/O, COMMAND changes what is below it, the client gets STATUS
changed_under()
{
	client_start "$1" unlimited && "${@:3}" || return
	wait "$CLIENT"
	cat "$RESULTS/$1.client"
	grep -q "status $2\$" "$RESULTS/$1.client"
}

whole_again()
{
	mdev_remove && mdev_create 2Q_V1 && mdev_add n1 && hold_once write 0 && hold_once read 0
}

# Half of what the client goes round in
shrunk()
{
	mdev_remove && addpart "/dev/${NAME}n1" 1 2048 65536 && mdev_create 2Q_V1 && mdev_add n1p1 &&
		changed_under shrunk 0x80 resizepart "/dev/${NAME}n1" 1 512 &&
		resizepart "/dev/${NAME}n1" 1 65536 && hold_once write 0 && keeps_its_partition
}

# Nobody takes away the partition of a device that is open.
keeps_its_partition()
{
	local rc=0

	client_start in_use unlimited || return
	delpart "/dev/${NAME}n1" 1 && rc=1
	client_stop in_use && delpart "/dev/${NAME}n1" 1 && return "$rc"
}

# nvme-cli complains if the host cannot use the new format at once: somebody has the device open.
nvme_format()
{
	nvme format "/dev/${NAME}n1" --lbaf="$1" --force | grep "Success"
}

# To blocks of 4096 bytes and back, under load: no command made for the old blocks reaches the new ones, so no other
# status comes, and the drive accesses no other memory, of which the kernel log would tell.
formatted()
{
	for _ in 1 2 3 4 5; do
		whole_again && changed_under formatted 0x82 nvme_format 4 && nvme_format 0 && udevadm settle || return
	done
	line_in_log "namespace 1 was formatted while 2 queue pairs are lent" || return
	whole_again
}

# free_until_reset: what can be made is told while the drive answers nobody; LONGEST is the longest that took, in ms
free_until_reset()
{
	local begin took _ end=$((SECONDS + 60)) file

	LONGEST=0
	file=$(mdev_type 1Q_V1)/available_instances
	until line_in_log "drive does not answer on queue .*: reset"; do
		# no process that would have to be loaded
		begin=${EPOCHREALTIME/./}
		read -r _ < "$file"
		took=$(((${EPOCHREALTIME/./} - begin) / 1000))
		[ "$took" -le "$LONGEST" ] || LONGEST=$took
		[ "$SECONDS" -lt "$end" ] || { echo "what can be made was told after $LONGEST ms"; return 1; }
	done
	echo "what can be made was told within $LONGEST ms"
}

# A Format waits for a command that the drive does not answer, and the drive is reset for that: it fails then, and the
# reset is not held up by who waits behind it, as the commands that delete the drive's queues do.
format_meets_reset()
{
	local begin lasted reads

	whole_again && client_start stuck unlimited || return
	dmesg -C
	machine slow "$NUMBER" 4
	sleep 2
	nvme format "/dev/${NAME}n1" --lbaf=0 --force > "$RESULTS/format" 2>&1 &
	free_until_reset || return
	begin=$SECONDS
	machine slow "$NUMBER" 0
	sleep 1
	host_wait 200 grep -q live "/sys/class/nvme/$NAME/state" || return
	lasted=$((SECONDS - begin))
	wait $!
	cat "$RESULTS/format"
	echo "the reset lasted $lasted s"
	reads=$(counter reads)
	host_wait 60 more_than "$reads" && client_stop stuck && [ "$lasted" -lt 40 ] && [ "$LONGEST" -lt 1000 ] &&
		whole_again
}

detached()
{
	changed_under detached "$1" nvme detach-ns "/dev/$NAME" --namespace-id=1 --controllers=0 || return
	nvme attach-ns "/dev/$NAME" --namespace-id=1 --controllers=0 && host_wait 30 test -b "/dev/${NAME}n1" &&
		whole_again
}

# A BAR that leads nowhere: the reset cannot find the controller.
no_controller()
{
	local config=/sys/bus/pci/devices/$DRIVE/config bar

	client_start dead unlimited || return
	bar=$(dd if="$config" bs=1 skip=16 count=4 status=none | od -An -tx1 | sed 's/ /\\x/g')
	printf '\x04\x00\x00\xfd' | dd of="$config" bs=1 seek=16 conv=notrunc status=none
	dmesg -C
	echo 1 2>/dev/null > "/sys/class/nvme/$NAME/reset_controller"
	wait "$CLIENT"
	cat "$RESULTS/dead.client"
	grep -q 'status 0x6$' "$RESULTS/dead.client" && line_in_log "queue pair lost for good" || return
	# the driver lets go of the drive, and with it goes the device
	host_wait 60 test ! -e "/sys/bus/pci/devices/$DRIVE/driver" && host_wait 60 test ! -e "$DEV" || return
	printf '%b' "$bar" | dd of="$config" bs=1 seek=16 conv=notrunc status=none
	echo "$DRIVE" > /sys/bus/pci/drivers/nvme/bind && host_wait 60 test -b "/dev/${NAME}n1" &&
		use_drive && hold_once write 0
}

# The first one cannot be pulled: the emulator does not stand that of what is flexible.
other_drive()
{
	mdev_remove && NUMBER=2 && NAME=nvme2 && use_drive && hold_once write 0
}

# Pulled as an operator does it, by the slot's button: the client, which does not listen to the request to let go,
# keeps it until it ends.
unplugged()
{
	client_start pulled unlimited || return
	machine unplug "$NUMBER"
	sleep 8
	echo "while the client lives: $(cat "$DEV/state/open" "/sys/class/nvme/$NAME/state" | xargs)"
	kill -KILL "$CLIENT"
	wait "$CLIENT" 2>/dev/null
	host_wait 60 test ! -e "$DEV" && host_wait 60 test ! -e "/sys/class/nvme/$NAME" &&
		host_wait 60 test ! -e "/sys/bus/pci/devices/$DRIVE"
}

# A new one in its place
plugged()
{
	machine plug "$NUMBER"
	host_wait 60 test -b "/dev/${NAME}n1" && use_drive && hold_once write 0
}

# Of the four pairs to lend one is left, so one of the device's two: the guest goes on with that, and has errors on the
# other one. Given back, it can be had by who opens the device again.
fewer_queues()
{
	NVME_MDEV_UUID=$MDEV build/selftests/powercut write /dev/shm/fewer 1 > "$RESULTS/fewer.client" 2>&1 &
	CLIENT=$!
	host_wait 30 more_writes 200 || return
	dmesg -C
	grant 0 && line_in_log "queue pair lost for good" && line_in_log "2 I/O queues granted, 1 of 4 can be lent" &&
		host_wait 30 more_writes "$(($(counter writes) + 200))" || return
	kill "$CLIENT"
	wait "$CLIENT"
	cat "$RESULTS/fewer.client"
	rm /dev/shm/fewer
	grep -q 'status 0x4006$' "$RESULTS/fewer.client" && ! hold_once read 0 && grant "$FLEXIBLE" && hold_once read 0
}

more_writes()
{
	[ "$(counter writes)" -gt "$1" ]
}

# suspend STATE DEPTH: of the host, under load, as far as DEPTH, and back. The root of the test host comes over a
# virtio device that does not survive that and is kept awake.
suspend()
{
	local reads

	client_start suspended unlimited || return
	reads=$(counter reads)
	dmesg -C
	echo "$2" > /sys/power/pm_test && echo "$1" > /sys/power/state || return
	echo none > /sys/power/pm_test
	line_in_log "suspend debug: Waiting" && host_wait 60 grep -q live "/sys/class/nvme/$NAME/state" &&
		host_wait 30 more_than "$((reads + 50))" && client_stop suspended && [ "$(counter errors)" = 0 ]
}

suspended()
{
	local rc

	# what hangs says so
	echo N > /sys/module/printk/parameters/console_suspend &&
		insmod "$AWAKE" && echo 1 > /sys/module/suspend/parameters/pm_test_delay || return
	suspend freeze freezer && suspend freeze platform && suspend mem processors
	rc=$?
	FAULTS=3
	rmmod awake && return "$rc"
}

# Pulled without a word: what is left of the drive are registers full of ones. The client has errors at once and
# ends, and nothing waits for its commands' time limits.
vanished()
{
	local slot

	slot=$(basename "$(dirname "$(readlink -f "/sys/bus/pci/devices/$DRIVE")")")
	echo 600 > "$IO_TIMEOUT"
	client_start vanished unlimited || return
	dmesg -C
	# the slot's power and its indicator go off, so that the emulator takes the drive out at once, and are on again
	# before the port's interrupt is
	setpci -s "$slot" CAP_EXP+18.w=0700:0720 CAP_EXP+18.w=0120:0720 || return
	host_wait 60 test ! -e "$DEV" && host_wait 60 test ! -e "/sys/class/nvme/$NAME" &&
		host_wait 60 test ! -e "/sys/bus/pci/devices/$DRIVE" || return
	wait "$CLIENT"
	cat "$RESULTS/vanished.client"
	grep -q 'status 0x6$' "$RESULTS/vanished.client" && line_in_log "queue pair lost for good"
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_fault "a block that cannot be read" media_error read "$BAD_READ" 0x281
ktap_fault "a block that cannot be written" media_error write "$BAD_WRITE" 0x280
ktap_fault "a drive that does not answer" no_answer
ktap_fault "a command that the drive always loses" lost_command
ktap_fault "a partition that shrinks, and that cannot be deleted" shrunk
ktap_fault "a namespace that is formatted" formatted
ktap_fault "a reset while a format waits" format_meets_reset
ktap_fault "a namespace that is detached" detached '0x\(2\|82\)'
ktap_fault "a controller that does not come back" no_controller
ktap_fault "a drive that grants fewer queues after a reset" fewer_queues
with /sys/power/pm_test "the host is suspended" suspended
ktap_test "another drive" other_drive
ktap_fault "a drive that is pulled" unplugged
ktap_test "a new one is plugged in" plugged
ktap_fault "a drive that vanishes" vanished
ktap_test "the modules go" host_unload
ktap_done
