#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Lent queue pairs on a real nvme.ko: I/O with data check beside the host's,
# through resets, function resets, suspend, PCI errors, put and get, unbind and a dead
# controller.  Runs as root in the test host and overwrites the first NVMe
# drive that QEMU emulates.
#
# MODULES: the staged build, default build/<release> of this tree.
# shellcheck disable=SC2317 # many a function is called through until_ok
#
# Checklist: 125
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
modules=${MODULES:-$here/build/$(uname -r)}
params=/sys/module/extqtest/parameters
nr=0
failed=0

ok() { echo "ok $((++nr)) $1"; }
not_ok() { echo "not ok $((++nr)) $1"; failed=1; }
note() { echo "# $*"; }
bail() { echo "Bail out! $*"; exit 1; }

# result NAME STATUS
result() { if [[ $2 -eq 0 ]]; then ok "$1"; else not_ok "$1"; fi; }

# skip NAME REASON: in CI what a test needs must be there
skip()
{
	if [[ ${CI:-} == true ]]; then
		note "$2"
		not_ok "$1"
	else
		echo "ok $((++nr)) $1 # SKIP $2"
	fi
}

write() { echo "$1" 2>/dev/null > "$2"; }
get() { cat "$params/$1"; }

# until_ok SECONDS COMMAND...
until_ok()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

qemu_drives()
{
	local d

	for d in /sys/bus/pci/devices/*; do
		[[ $(<"$d/class") == 0x010802 && $(<"$d/vendor") == 0x1b36 ]] &&
			basename "$d"
	done
}

ctrl_of() { basename "$(echo /sys/bus/pci/devices/"$1"/nvme/nvme*)"; }
live() { [[ $(cat "/sys/bus/pci/devices/$1/nvme/"nvme*/state 2>/dev/null) == live ]]; }
disk_of() { echo "/dev/$(ctrl_of "$1")n1"; }
hw_queues() { find "/sys/block/$(ctrl_of "$1")n1/mq" -mindepth 1 -maxdepth 1 | wc -l; }
drive_ready() { live "$1" && [[ -b $(disk_of "$1") ]]; }

# load FILE-OR-NAME [PARAMETER...]
load()
{
	local d

	if [[ $1 == */* ]]; then insmod "$@"; else modprobe "$@"; fi || return 1
	for d in "${drives[@]}"; do
		until_ok 30 drive_ready "$d" || return 1
	done
}

unload_nvme()
{
	[[ ! -d /sys/module/extqtest ]] || rmmod extqtest
	[[ ! -d /sys/module/nvme_mdev ]] || rmmod nvme-mdev
	# as long as the kernel looks for a disk's partitions it has the disk open
	[[ ! -d /sys/module/nvme ]] || until_ok 10 rmmod nvme
}

# start_test BDF QUEUES [PARAMETER...]
start_test()
{
	local bdf=$1 queues=$2

	shift 2
	insmod "$modules/selftests/extq/extqtest.ko" bdf="$bdf" \
		dev="$(disk_of "$bdf")" queues="$queues" "$@"
}

# more_reads READS...: each queue pair has read more than that
more_reads()
{
	local now before i=0

	read -ra now <<<"$(get each)"
	for before; do
		((${now[i++]} > before + 50)) || return 1
	done
}

# Nothing wrong so far, and each queue pair does more than a moment ago.
progress()
{
	local before c

	for c in bad errors stalls; do
		if [[ $(get $c) -ne 0 ]]; then
			note "$c is $(get $c)"
			return 1
		fi
	done
	read -ra before <<<"$(get each)"
	if ! until_ok 15 more_reads "${before[@]}"; then
		note "reads of each queue pair: ${before[*]}, and later $(get each)"
		return 1
	fi
}

# Besides, every queue pair is up.  (A put in the middle of a reset has a down
# without an up: after that the numbers differ.)
healthy()
{
	if ! until_ok 20 all_up; then
		note "downs $(get downs), ups $(get ups)"
		return 1
	fi
	progress
}

all_up() { [[ $(get downs) -eq $(get ups) ]]; }
counters() { note "$(grep -H . $params/{reads,writes,downs,ups,drained,lost} | sed 's/.*\///' | tr '\n' ' ')"; }

# At the end of the drive, where the test module does not write.
host_io()
{
	local disk f=/tmp/extq.$$ ret=0

	disk=$(disk_of "$1")
	head -c 4M /dev/urandom > $f
	dd if=$f of="$disk" bs=64k seek=1024 oflag=direct conv=notrunc status=none &&
		dd if="$disk" of=$f.back bs=64k skip=1024 count=64 iflag=direct status=none &&
		cmp $f $f.back || ret=1
	rm -f $f $f.back
	return $ret
}

reset_sysfs()
{
	echo 1 > "/sys/bus/pci/devices/$1/nvme/$(ctrl_of "$1")/reset_controller"
}

# resets BDF COUNT: with the host's own I/O going on
resets()
{
	local i ret=0

	for ((i = 0; i < $2; i++)); do
		host_io "$1" & reset_sysfs "$1" || ret=1
		wait $! || ret=1
		healthy || ret=1
	done
	return $ret
}

test_stock()
{
	local stock

	load nvme || bail "the stock nvme.ko does not load"
	stock=$(hw_queues "$main")
	unload_nvme
	load "$modules/drivers/nvme/host/nvme.ko" || bail "our nvme.ko does not load"
	note "hardware queues: stock $stock, ours $(hw_queues "$main")"
	[[ $(hw_queues "$main") -eq $stock && $(cat /sys/module/nvme/parameters/mdev_queues) -eq 0 ]]
	result "mdev_queues=0 has the queues of the stock driver" $?
	host_io "$main"
	result "mdev_queues=0 does I/O" $?
	! start_test "$main" 1 2>/dev/null
	result "mdev_queues=0 lends nothing" $?
	unload_nvme
	stock_queues=$stock
}

test_parameter()
{
	! insmod "$modules/drivers/nvme/host/nvme.ko" mdev_queues=many 2>/dev/null
	result "mdev_queues=many is refused" $?
	dmesg -C
	load "$modules/drivers/nvme/host/nvme.ko" mdev_queues=1000
	[[ $(cat /sys/module/nvme/parameters/mdev_queues) -eq 64 ]] &&
		[[ $(dmesg | grep -c 'mdev_queues=1000 is too many') -eq 1 ]]
	result "mdev_queues=1000 is clamped, one line says so" $?
	[[ $(hw_queues "$main") -ge 1 ]] && host_io "$main"
	result "mdev_queues=64 leaves blk-mq at least one queue" $?
	unload_nvme
}

test_lend()
{
	load "$modules/drivers/nvme/host/nvme.ko" mdev_queues=4 ||
		bail "nvme.ko does not load"
	[[ $(hw_queues "$main") -eq $stock_queues ]]
	result "mdev_queues=4 takes no queue from blk-mq if there are enough" $?
	start_test "$main" 2 qd=32
	result "two queue pairs are lent, each takes depth - 1 commands" $?
	[[ $(get avail) -eq 2 ]]
	result "two are left" $?
	healthy && host_io "$main" && healthy
	result "lent queues and the host do I/O side by side" $?
	! rmmod nvme 2>/dev/null
	result "a borrower holds nvme.ko" $?
	write 1 $params/admin
	result "admin commands" $?
	counters
}

test_resets()
{
	local ret=0

	resets "$main" 5
	result "5 controller resets under load" $?
	[[ $(get downs) -ge 10 ]]
	result "each reset is seen by each queue" $?
	echo 1 > $params/reset && sleep 0.2 && until_ok 30 live "$main" && healthy
	result "a reset by the borrower" $?
	counters

	echo 5 > $params/cycle && healthy
	result "5 put and get with commands in flight" $?
	(
		for _ in 1 2 3 4 5 6; do
			until_ok 30 live "$main" && reset_sysfs "$main"
			sleep 0.1
		done
	) &
	write 20 $params/cycle || ret=1
	wait $!
	[[ $ret -eq 0 ]] && until_ok 30 live "$main" && progress
	result "20 put and get racing with resets" $?
	counters

	echo 1 > "/sys/bus/pci/devices/$main/reset" &&
		until_ok 30 live "$main" && progress && host_io "$main"
	result "PCI function reset under load" $?
}

# The driver's suspend and resume by themselves: a test host whose root comes
# over 9p does not survive the suspend of everything else.
test_suspend()
{
	local name="3 suspends and resumes under load" downs ret=0

	if [[ ! -e /sys/power/state ]]; then
		skip "$name" "a kernel without CONFIG_SUSPEND"
		return
	fi
	downs=$(get downs)
	for _ in 1 2 3; do
		write 300 $params/suspend || ret=1
		until_ok 30 live "$main" || ret=1
		progress || ret=1
	done
	[[ $ret -eq 0 && $(get downs) -ge $((downs + 6)) ]] && host_io "$main"
	result "$name" $?
}

# The emulated drive has no AER capability to inject errors into: its driver's handlers, as the PCI
# core calls them.
test_pci_error()
{
	local downs ret=0

	downs=$(get downs)
	for _ in 1 2 3; do
		echo 1 > $params/pci_error || ret=1
		until_ok 30 live "$main" || ret=1
		progress || ret=1
	done
	[[ $ret -eq 0 && $(get downs) -ge $((downs + 6)) ]] && host_io "$main"
	result "3 recoveries from a PCI error under load" $?
}

test_few()
{
	local name="of few queues one stays for blk-mq, the rest can be lent"

	rmmod extqtest
	if [[ -z $few ]]; then
		skip "$name" "no drive with fewer than 8 queues (max_ioqpairs)"
		return
	fi
	note "$(dmesg | grep "can be lent" | tail -n 1)"
	start_test "$few" 1 && [[ $(hw_queues "$few") -ge 1 ]] && healthy &&
		reset_sysfs "$few" && healthy && host_io "$few"
	result "$name" $?
	rmmod extqtest
	! start_test "$few" 8 2>/dev/null
	result "one more than there are is refused" $?
}

test_unbind()
{
	start_test "$main" 4 || bail "no queue pairs after all this"
	healthy
	result "all four queue pairs at once" $?
	echo "$main" > /sys/bus/pci/drivers/nvme/unbind
	[[ $(get gones) -eq 4 && $(get downs) -eq 4 && $(get bad) -eq 0 ]]
	result "unbind under load ends in gone" $?
	! echo 1 2>/dev/null > $params/cycle
	result "nothing is lent of an unbound drive" $?
	rmmod extqtest
	echo "$main" > /sys/bus/pci/drivers/nvme/bind
	until_ok 30 drive_ready "$main" && start_test "$main" 4 && healthy
	result "bound again it lends again" $?
}

# A BAR that leads nowhere: the next reset cannot find the controller.
test_dead()
{
	local config=/sys/bus/pci/devices/$main/config bar

	bar=$(dd if="$config" bs=1 skip=16 count=4 status=none | od -An -tx1 | sed 's/ /\\x/g')
	printf '\x04\x00\x00\xfd' | dd of="$config" bs=1 seek=16 conv=notrunc status=none
	echo 1 2>/dev/null > "/sys/bus/pci/devices/$main/nvme/$(ctrl_of "$main")/reset_controller"
	all_gone() { [[ $(get gones) -eq 4 ]]; }
	until_ok 60 all_gone && [[ $(get bad) -eq 0 ]]
	result "a controller that does not come back ends in gone" $?
	rmmod extqtest
	printf '%b' "$bar" | dd of="$config" bs=1 seek=16 conv=notrunc status=none
	until_ok 30 test ! -e "/sys/bus/pci/devices/$main/driver"
	echo "$main" > /sys/bus/pci/drivers/nvme/bind
	until_ok 30 drive_ready "$main" && start_test "$main" 4 && healthy
	result "and lends again once it is repaired and bound" $?
}

test_log()
{
	local lines

	lines=$(dmesg | grep -E 'WARNING:|BUG:|Oops|possible (circular|recursive)|inconsistent lock|KASAN|DMA-API|blocked for more|Call Trace|rcu.*stall')
	[[ -z $lines ]]
	result "the kernel has nothing to complain about" $?
	[[ -z $lines ]] || note "${lines//$'\n'/$'\n'# }"
}

[[ $(id -u) -eq 0 ]] || bail "needs root"
[[ -e $modules/drivers/nvme/host/nvme.ko ]] || bail "no modules in $modules: run make"
mapfile -t drives < <(qemu_drives)
[[ ${#drives[@]} -gt 0 ]] || bail "no NVMe drive that QEMU emulates"
main=${drives[0]}
few=
echo "KTAP version 1"
modprobe nvme-core || bail "no nvme-core.ko for this kernel"
unload_nvme

test_stock
test_parameter
dmesg -C
load "$modules/drivers/nvme/host/nvme.ko" mdev_queues=4 || bail "nvme.ko does not load"
for d in "${drives[@]:1}"; do
	dmesg | grep -q "nvme $(ctrl_of "$d"): mdev_queues: .* can be lent" && few=$d && break
done
unload_nvme
test_lend
test_resets
test_suspend
test_pci_error
test_few
test_unbind
test_dead
unload_nvme
result "everything is unloaded" $?
test_log
echo "1..$nr"
exit $failed
