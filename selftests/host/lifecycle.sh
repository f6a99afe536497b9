#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Mediated devices come and go: counts, types, repetition, the modules' unloading.
#
# Checklist: 29, 126

. selftests/lib/ktap.sh
. selftests/lib/host.sh

create_takes_queues()
{
	local before after

	before=$(mdev_free 2Q_V1)
	mdev_create 2Q_V1 || return
	after=$(mdev_free 2Q_V1)
	echo "available_instances $before, then $after"
	[ "$before" = 2 ] && [ "$after" = 1 ]
}

remove_returns_them()
{
	mdev_remove || return
	[ "$(mdev_free 2Q_V1)" = 2 ] && [ ! -e "$DEV" ]
}

types_share_queues()
{
	local first

	mdev_create 1Q_V1 || return
	first=$MDEV
	[ "$(mdev_free 1Q_V1)" = 3 ] && [ "$(mdev_free 2Q_V1)" = 1 ] && [ "$(mdev_free 4Q_V1)" = 0 ] || return
	mdev_create 2Q_V1 || return
	[ "$(mdev_free 1Q_V1)" = 1 ] && [ "$(mdev_free 2Q_V1)" = 0 ] || return
	mdev_remove && mdev_remove "$first" && [ "$(mdev_free 4Q_V1)" = 1 ]
}

more_than_free()
{
	local got

	mdev_create 4Q_V1 || return
	got=$(written "$(mdev_type 1Q_V1)/create" "$(uuidgen)")
	mdev_remove
	echo "a device beyond the free queues: $got"
	[ "$got" = EUSERS ] || [ "$got" = ENOSPC ]
}

same_uuid_twice()
{
	local got

	mdev_create 1Q_V1 || return
	got=$(written "$(mdev_type 1Q_V1)/create" "$MDEV")
	mdev_remove
	echo "the same UUID: $got"
	[ "$got" = EEXIST ] && [ "$(mdev_free 4Q_V1)" = 1 ]
}

fifty_times()
{
	local i

	for ((i = 0; i < 50; i++)); do
		mdev_create 4Q_V1 && mdev_add null && mdev_remove || return
	done
	[ "$(mdev_free 4Q_V1)" = 1 ]
}

unknown_type()
{
	[ ! -e "$(mdev_type 3Q_V1)" ] && [ ! -e "$(mdev_type 8Q_V1)" ]
}

unload_with_device()
{
	# The module holds no device open, so it may go: then the device goes first.
	mdev_create 1Q_V1 || return
	if rmmod nvme-mdev 2>/dev/null; then
		[ ! -e "$DEV" ] && insmod "$MODULES/mdev/nvme-mdev.ko"
	else
		mdev_remove && [ "$(mdev_free 4Q_V1)" = 1 ]
	fi
}

host_keeps_its_drive()
{
	dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null &&
		dd if=/tmp/data of=/dev/nvme0n1 bs=1M oflag=direct 2>/dev/null &&
		cmp -n $((4 << 20)) /tmp/data /dev/nvme0n1
}

drive_unbound()
{
	mdev_create 1Q_V1 && mdev_add null || return
	echo "$DRIVE" > /sys/bus/pci/drivers/nvme/unbind || return
	[ ! -e "$DEV" ] || { echo "the device outlived its drive's driver"; return 1; }
	echo "$DRIVE" > /sys/bus/pci/drivers/nvme/bind && host_wait 30 test -b /dev/nvme0n1 &&
		[ "$(mdev_free 4Q_V1)" = 1 ]
}

default_is_stock()
{
	host_unload || return
	insmod "$MODULES/host/nvme.ko" && insmod "$MODULES/mdev/nvme-mdev.ko" || return
	host_wait 30 test -b /dev/nvme0n1 || return
	[ "$(cat "$(mdev_type 1Q_V1)/available_instances" 2>/dev/null || echo 0)" = 0 ] || return
	host_unload
}

ktap_begin
ktap_test "the modules load and the drives' parents appear" host_load 4 || ktap_done
ktap_test "a device takes its queue pairs" create_takes_queues
ktap_test "removing it returns them" remove_returns_them
ktap_test "the types share one stock of queue pairs" types_share_queues
ktap_test "more queue pairs than are free are refused" more_than_free
ktap_test "a UUID in use is refused" same_uuid_twice
ktap_test "created and removed fifty times" fifty_times
ktap_test "no type beyond those promised" unknown_type
ktap_test "unloading the module while a device exists" unload_with_device
ktap_test "the host goes on using its drive" host_keeps_its_drive
ktap_test "the drive's driver is unbound and bound again" drive_unbound
ktap_test "without mdev_queues nothing is lent" default_is_stock
ktap_done
