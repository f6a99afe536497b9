#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Who serves a device's lanes, and when they sleep and wake: selftests/vfio/pollers_test.c on a
# partition of the drive.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

no_pollers()
{
	! pgrep -a -x 'nvme-mdev/.*'
}

ktap_begin
ktap_test "load" host_load 4 || ktap_done
ktap_test "partitions" drive_split /dev/nvme0n1
vfio_client pollers_test partition n1p2 1
ktap_test "no poller is left" no_pollers
ktap_test "unload" host_unload
ktap_done
