#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The client in C, selftests/vfio, on a partition of the drive and on a null namespace.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

ktap_begin
ktap_test "load" host_load 4 || ktap_done
ktap_test "partitions" drive_split /dev/nvme0n1 || ktap_done
vfio_client nvme_mdev_test partition n1p2 1
vfio_client nvme_mdev_test null null:1G 0
ktap_test "unload" host_unload
ktap_done
