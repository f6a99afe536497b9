#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tools/into-tree on an unpacked linux-source-6.1, and a build through Kconfig
# of drivers/nvme/host and drivers/nvme/mdev in it.
# shellcheck disable=SC2317 # the steps are called through step
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
tar=/usr/src/linux-source-6.1.tar.xz
nr=0
failed=0

# step NAME COMMAND...: what the command says is shown when it fails
step()
{
	local name=$1

	shift
	if "$@" > "$work/log" 2>&1; then
		echo "ok $((++nr)) $name"
	else
		tail -n 20 "$work/log" | sed 's/^/# /'
		echo "not ok $((++nr)) $name"
		failed=1
	fi
}

# What drivers/nvme does not need is left out, most of the tree; each Kconfig stays.
unpack()
{
	local left_out=() dir

	for dir in 'arch/[a-wyz]*' drivers/{gpu,infiniband,media,net,scsi,staging,usb} sound; do
		left_out+=("--exclude=linux-source-6.1/$dir/*.[chS]")
	done
	tar -xf "$tar" -C "$work" "${left_out[@]}" --exclude='*/arch/*/boot/dts' \
		--exclude='linux-source-6.1/Documentation/*/*' --exclude='*/tools/testing' \
		--exclude='*/tools/perf'
}

refused_whole()
{
	sed -i.orig 's/nvme_start_ctrl/nvme_begin_ctrl/' "$linux/drivers/nvme/host/pci.c"
	! "$here/tools/into-tree" "$linux" &&
		[[ ! -e $linux/drivers/nvme/mdev && ! -e $linux/include/linux/nvme-extq.h ]] &&
		! grep -q mdev "$linux/drivers/nvme/Kconfig" &&
		mv "$linux/drivers/nvme/host/pci.c.orig" "$linux/drivers/nvme/host/pci.c"
}

refused_twice() { ! "$here/tools/into-tree" "$linux"; }

configure()
{
	cat > "$work/fragment" <<-END
		CONFIG_64BIT=y
		CONFIG_MODULES=y
		CONFIG_PCI=y
		CONFIG_PCI_MSI=y
		CONFIG_BLOCK=y
		CONFIG_EVENTFD=y
		CONFIG_IOMMU_SUPPORT=y
		CONFIG_VFIO=y
		CONFIG_BLK_DEV_NVME=m
		CONFIG_NVME_MDEV=m
	END
	make -C "$linux" -s allnoconfig &&
		(cd "$linux" && scripts/kconfig/merge_config.sh -m .config "$work/fragment") &&
		make -C "$linux" -s olddefconfig &&
		grep -x CONFIG_NVME_MDEV=m "$linux/.config" &&
		grep -x CONFIG_VFIO_MDEV=m "$linux/.config" &&
		grep -x CONFIG_VFIO_VIRQFD=m "$linux/.config"
}

build()
{
	make -C "$linux" -s -j"$(nproc)" modules_prepare &&
		make -C "$linux" -s -j"$(nproc)" drivers/nvme/ &&
		[[ -e $linux/drivers/nvme/host/nvme.o && -e $linux/drivers/nvme/mdev/nvme-mdev.o ]]
}

exports() { nm "$linux/drivers/nvme/host/nvme.o" | grep -q __ksymtab_nvme_extq_get; }

echo "KTAP version 1"
if [[ ! -e $tar ]]; then
	if [[ ${CI:-} == true ]]; then
		echo "Bail out! linux-source-6.1 is not installed"
		exit 1
	fi
	echo "1..0 # SKIP linux-source-6.1 is not installed"
	exit 4
fi
echo "1..7"
mkdir -p "$here/build"
work=$(mktemp -d "$here/build/intree.XXXXXX")
trap 'rm -rf "$work"' EXIT
linux=$work/linux-source-6.1
step "unpack linux-source-6.1" unpack
step "a tree that the patches do not fit stays as it was" refused_whole
step "put the driver into the tree" "$here/tools/into-tree" "$linux"
step "a second time is refused" refused_twice
step "configure NVME_MDEV=m, which selects VFIO_MDEV" configure
step "build drivers/nvme" build
step "nvme.ko lends queues" exports
exit $failed
