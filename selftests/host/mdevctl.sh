#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Debian's mdevctl defines a device with its attributes, starts, lists, stops and undefines it.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

MDEV=$(uuidgen)
DEV=$MDEVS/$MDEV

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1
}

VOLUME=6f2b1f0e-7a55-4d53-8c63-9b1f0a4c2e11

types()
{
	mdevctl types --parent "$DRIVE" | grep nvme-2Q_V1
}

define()
{
	mdevctl define --uuid "$MDEV" --parent "$DRIVE" --type nvme-2Q_V1 &&
		mdevctl modify --uuid "$MDEV" --addattr=namespaces/add_namespace --value=n1p2 &&
		mdevctl modify --uuid "$MDEV" --addattr=namespaces/add_namespace --value="n1p3 ro nsid=5 uuid=$VOLUME" &&
		mdevctl modify --uuid "$MDEV" --addattr=settings/iothread_cpu --value=1 &&
		mdevctl modify --uuid "$MDEV" --addattr=settings/pinned_limit --value=64M &&
		mdevctl modify --uuid "$MDEV" --addattr=settings/pinned_idle_ms --value=5000
}

start()
{
	mdevctl start --uuid "$MDEV" && host_wait 10 test -d "$DEV" &&
		grep -q '^1 n1p2 ' "$DEV/namespaces/namespaces" &&
		grep -q "^5 n1p3 ro nsid=5 uuid=$VOLUME " "$DEV/namespaces/namespaces" &&
		[ "$(cat "$DEV/settings/iothread_cpu")" = 1 ] &&
		[ "$(cat "$DEV/settings/pinned_limit")" = 67108864 ] &&
		[ "$(cat "$DEV/settings/pinned_idle_ms")" = 5000 ]
}

listed()
{
	mdevctl list | grep "$MDEV $DRIVE nvme-2Q_V1"
}

defined()
{
	mdevctl list --defined | grep "$MDEV"
}

stop()
{
	mdevctl stop --uuid "$MDEV" && [ ! -e "$DEV" ]
}

undefine()
{
	mdevctl undefine --uuid "$MDEV" && ! defined
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "mdevctl knows the types" types
ktap_test "define with attributes" define
ktap_test "defined" defined
ktap_test "start, attributes included" start
ktap_test "listed" listed
ktap_test "stop" stop
ktap_test "start once more" start
ktap_test "stop once more" stop
ktap_test "undefine" undefine
ktap_test "the modules go" host_unload
ktap_done
