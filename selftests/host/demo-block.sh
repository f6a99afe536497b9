#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the host's block layer adds, step by step, as an operator does it: a guest's disk is a dm-crypt volume
# on a thin LVM volume. A snapshot of it that is taken while the guest writes holds what the guest had been
# told was durable. What "make demo BACKING=block" prints.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

PV=/dev/nvme0n1p2
KEY=/tmp/key

step()
{
	ktap_note "demo: $*"
}

# Monitoring needs a daemon that the test host has not.
lvm_quietly()
{
	printf 'activation { monitoring = 0 }\n' > /etc/lvm/lvmlocal.conf
}

# The key has its full strength as it is, so it is not stretched for long.
crypt_format()
{
	dd if=/dev/urandom of="$KEY" bs=64 count=1 2>/dev/null &&
		cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$1" "$KEY"
}

# crypt_open VOLUME NAME
crypt_open()
{
	cryptsetup open --allow-discards --key-file "$KEY" "$1" "$2" && udevadm settle
}

volumes()
{
	# what tests before this one left there would have to be confirmed
	host_load_block stock && drive_split /dev/nvme0n1 && wipefs -qa "$PV" && lvm_quietly &&
		vgcreate -qq -y vg "$PV" && lvcreate -qq -y --type thin-pool -L 256M -n pool vg &&
		lvcreate -qq -y -T vg/pool -V 400M -n disk && crypt_format /dev/vg/disk && crypt_open /dev/vg/disk disk &&
		lsblk -s -o NAME,TYPE,SIZE /dev/mapper/disk
}

attach()
{
	mdev_create soft && mdev_add /dev/mapper/disk && echo "device $MDEV" && cat "$DEV/namespaces/namespaces"
}

# acknowledged: the last record that the guest was told is durable
acknowledged()
{
	tr -d '\r' < "$RESULTS/block.serial" | sed -n 's/^ledger: \([0-9]*\)$/\1/p' | tail -n 1
}

begin()
{
	guest_start block "$(mdev_qemu)" ledger && guest_expect block "^ledger: 8$"
}

# The guest is told nothing of it, and goes on.
snapshot()
{
	BEFORE=$(acknowledged) && lvcreate -qq -s -n before vg/disk && AFTER=$(acknowledged) || return
	echo "taken between record $BEFORE and $AFTER"
	guest_expect block "^ledger: $((AFTER + 4))$"
}

# Its end is the second disk.
finish()
{
	mdev_add null && guest_finish block && all_given_back && cat "$DEV/state/counters" && lvs vg
}

# records DIRECTORY N: the records from 1 to N are there
records()
{
	local i

	for ((i = 1; i <= $2; i++)); do
		yes "record $i" | head -c 65536 | cmp - "$1/record-$i" || return
	done
	echo "$2 records"
}

# As after a loss of power: the key opens it, the journal is replayed, nothing acknowledged is missing, and
# what came later is not there.
in_snapshot()
{
	local last

	last=$(acknowledged)
	lvchange -ay -K vg/before && crypt_open /dev/vg/before before &&
		mount /dev/mapper/before /mnt && records /mnt "$BEFORE" || return
	[ ! -e "/mnt/record-$last" ] || { echo "record $last is in the snapshot"; return 1; }
	umount /mnt && fsck.ext4 -f -n /dev/mapper/before
}

# What the guest left is what the host reads.
in_disk()
{
	[ "$(files_sum /dev/mapper/disk)" = "$(guest_data block)" ]
}

# Also of what was left half-done: the tests after this one want the drive.
take_down()
{
	! mountpoint -q /mnt || umount /mnt || return
	[ ! -b /dev/mapper/before ] || cryptsetup close before || return
	mdev_remove && cryptsetup close disk && vgremove -qq -f vg && pvremove -qq "$PV" &&
		rmmod nvme-mdev
}

ktap_begin
step "the host makes a thin volume on a partition of its drive, and a dm-crypt volume on that"
ktap_test "volumes" volumes || ktap_done
step "an operator makes a device without lent queues and attaches the dm-crypt volume by its path"
ktap_test "attach" attach || ktap_done
step "a guest makes a file system and writes records, each of which it announces once it is durable"
ktap_test "guest writes" begin || ktap_done
step "the host takes a snapshot of the thin volume; the guest goes on"
ktap_test "snapshot under load" snapshot
step "a second disk comes, which tells the guest to end; it verifies what it has written"
ktap_test "guest verifies" finish
step "the snapshot, opened with the key: each record that was announced before"
ktap_test "snapshot" in_snapshot
step "the disk: what the guest has left"
ktap_test "disk" in_disk
ktap_test "take down" take_down
ktap_done
