#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The first section of Documentation/quickstart.rst on this machine: builds, and installs below
# build/quickstart, from where selftests/host/quickstart.sh takes it.

cd "$(dirname "$0")/../.." || exit
. selftests/lib/ktap.sh
. selftests/lib/blocks.sh

export DESTDIR=$PWD/build/quickstart
rm -rf "$DESTDIR"

block_begins()
{
	:
}
export -f block_begins

installed()
{
	local updates
	updates=$DESTDIR/lib/modules/$(tools/kernel)/updates

	[ "$(find "$DESTDIR" -type f | sort | xargs)" = "$updates/nvme-mdev.ko $updates/nvme.ko" ]
}

ktap_begin
blocks_run Documentation/quickstart.rst first || ktap_done
ktap_test "both modules are installed, and nothing else" installed
ktap_done
