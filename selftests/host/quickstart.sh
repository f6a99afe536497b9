#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Documentation/quickstart.rst from its second section on, literally, in the test host: with what its
# first section installed, a drive in three partitions and the host's stock nvme driver at work.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh
. selftests/lib/blocks.sh

UPDATES=/lib/modules/$KVER/updates

prepare()
{
	host_reset && modprobe nvme && host_wait 30 test -b /dev/nvme0n1 && drive_split /dev/nvme0n1 &&
		cp -r "build/quickstart/$UPDATES" "${UPDATES%/*}/" && depmod &&
		[ "$(modinfo -n nvme)" = "$UPDATES/nvme.ko" ] && modprobe kvm_amd
}

# What the document calls $GUEST: words without spaces, so the kernel's command line is in a file.
guest()
{
	printf '[machine]\n  append = "%s"\n' "$(guest_words list)" > /tmp/guest.cfg
	GUEST="$(guest_machine) $(guest_kernel) -readconfig /tmp/guest.cfg -serial file:$RESULTS/guest.serial"
	export GUEST
}

# A reader's hands are slower than udev.
block_begins()
{
	udevadm settle
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		grep -q live /sys/class/nvme/nvme0/state 2>/dev/null && return
		sleep 1
	done
}
export -f block_begins

listed()
{
	guest_said guest '^guest: passed$' || guest_show guest "the guest did not pass"
	guest_said guest '^guest: passed$'
}

nothing_left()
{
	[ -z "$(ls "$MDEVS")" ] && host_unload && rm -r "$UPDATES" && depmod
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
guest
blocks_run Documentation/quickstart.rst rest
ktap_test "the guest listed its disk" listed
ktap_test "nothing is left" nothing_left
ktap_done
