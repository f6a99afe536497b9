#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Debian's libvirt runs a domain that has a device, as it runs all of its domains: QEMU has a user without
# privileges, a mount namespace with a /dev of its own, a cgroup whose device list is a BPF program, and a limit on
# locked memory. One namespace is a partition on lent queues, the other a block device.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

FIO_MB=8
USER_OF_QEMU=libvirt-qemu
FILES=/var/lib/libvirt/images	# what QEMU may read, and its console
CGROUPS=/sys/fs/cgroup
SHARE=/srv/guest		# the guest's scripts: who runs the tests may keep his own tree to himself

# What Debian's libvirt-daemon-system does when it is installed, without systemd and polkit, which this host has not
libvirt_install()
{
	useradd --system --gid kvm --home-dir /var/lib/libvirt --shell /usr/sbin/nologin "$USER_OF_QEMU" &&
		groupadd --system "$USER_OF_QEMU" && mkdir -p "$FILES" /var/log/libvirt &&
		echo 'stdio_handler = "file"' > /etc/libvirt/qemu.conf
}

libvirt_start()
{
	libvirtd --daemon && host_wait 30 virsh list
}

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1 && DISK=$(loop_make libvirt-disk 64) || return
	[ -c /dev/kvm ] || modprobe kvm_amd || return
	# an earlier test may have taken the list of devices for itself
	umount -a -t cgroup
	mountpoint -q "$CGROUPS" || mount -t cgroup2 none "$CGROUPS" || return
	libvirt_install && cp "$GUEST_KERNEL" "$FILES/kernel" && cp /results/initramfs "$FILES/" &&
		cp -r selftests/guest "$SHARE" && libvirt_start
}

# domain FILE: what virsh is given, with devices of the UUIDs MDEV
domain()
{
	cat > "$1" <<-EOF
	<domain type='kvm'>
	  <name>guest</name>
	  <memory unit='MiB'>512</memory>
	  <vcpu>1</vcpu>
	  <os>
	    <type arch='x86_64' machine='q35'>hvm</type>
	    <kernel>$FILES/kernel</kernel>
	    <initrd>$FILES/initramfs</initrd>
	    <cmdline>$(guest_words "fio,$FIO_MB" "fio,$FIO_MB,nvme0n2" | sed "s,/repo/selftests/guest/,$SHARE/,")</cmdline>
	  </os>
	  <features><acpi/><apic/></features>
	  <cpu mode='host-passthrough'><feature policy='disable' name='xsave'/></cpu>
	  <on_reboot>destroy</on_reboot>
	  <devices>
	    <emulator>/usr/bin/qemu-system-x86_64</emulator>
	    <controller type='usb' model='none'/>
	    <memballoon model='none'/>
	    <serial type='file'><source path='$FILES/guest.serial'/></serial>
	    <filesystem type='mount' accessmode='passthrough' multidevs='remap'>
	      <source dir='/'/><target dir='root'/><readonly/>
	    </filesystem>
	    <hostdev mode='subsystem' type='mdev' model='vfio-pci'>
	      <source><address uuid='$MDEV'/></source>
	    </hostdev>
	  </devices>
	</domain>
	EOF
}

# mdevctl makes it, libvirt sees it, and what it can be made of.
device()
{
	MDEV=$(uuidgen)
	mdev_use "$MDEV"
	mdevctl start --uuid "$MDEV" --parent "$DRIVE" --type nvme-2Q_V1 && host_wait 10 test -d "$DEV/namespaces" &&
		mdev_add n1p2 && mdev_add "$DISK"
}

listed()
{
	virsh nodedev-list --cap mdev_types | grep "pci_$(tr :. _ <<< "$DRIVE")" &&
		host_wait 10 listed_as "$MDEV" && virsh nodedev-dumpxml "$(listed_as "$MDEV")" | tee "$RESULTS/nodedev" &&
		grep -q "<type id='nvme-2Q_V1'/>" "$RESULTS/nodedev"
}

# listed_as UUID: libvirt's name for the device
listed_as()
{
	virsh nodedev-list --cap mdev | grep "mdev_${1//-/_}"
}

define()
{
	domain "$RESULTS/guest.xml" && virsh define "$RESULTS/guest.xml"
}

started()
{
	virsh start guest && QEMU=$(cat /run/libvirt/qemu/guest.pid)
}

# The process of QEMU, seen from here: what the test is about
confined()
{
	local cgroup rc=0

	cgroup=$CGROUPS$(sed -n 's/^0:://p' "/proc/$QEMU/cgroup")
	ps -o user:20,pid,args -p "$QEMU" | cut -c 1-100
	grep -E '^(Uid|CapEff|VmLck)' "/proc/$QEMU/status"
	grep 'locked memory' "/proc/$QEMU/limits"
	echo "cgroup $cgroup"
	[ "$(ps -o user:20= -p "$QEMU" | xargs)" = "$USER_OF_QEMU" ] || { echo "not $USER_OF_QEMU"; rc=1; }
	grep -q '^CapEff:.*0000000000000000$' "/proc/$QEMU/status" || { echo "has capabilities"; rc=1; }
	grep -q '^Max locked memory .*unlimited' "/proc/$QEMU/limits" && { echo "may lock all"; rc=1; }
	[ "$(readlink "/proc/$QEMU/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ] || { echo "our mounts"; rc=1; }
	[ ! -e "/proc/$QEMU/root/dev/nvme0n1p2" ] || { echo "a /dev with the disk"; rc=1; }
	# shellcheck disable=SC2016 # for the inner shell
	for disk in /dev/nvme0n1p2 "$DISK"; do
		bash -c 'echo $$ > "$0/cgroup.procs" && exec dd if="$1" of=/dev/null count=1' "$cgroup" "$disk" 2>&1 |
			grep "Operation not permitted" || { echo "a cgroup that may open $disk"; rc=1; }
	done
	return "$rc"
}

verified()
{
	local rc=0

	host_wait 150 gone || rc=1
	cp "$FILES/guest.serial" "$RESULTS/guest.serial"
	cp "/var/log/libvirt/qemu/guest.log" "$RESULTS/guest.qemu"
	guest_said guest '^guest: passed$' && [ "$rc" = 0 ] || { guest_show guest "the guest did not pass"; return 1; }
	grep -E '^(guest|fio|data): ?' "$RESULTS/guest.serial" | tr -d '\r'
}

gone()
{
	virsh domstate guest | grep -q "shut off"
}

# What fio left, byte for byte, on each of the two
found()
{
	local disk

	for disk in /dev/nvme0n1p2 "$DISK"; do
		dd if="$disk" bs=1M count="$FIO_MB" iflag=direct 2>/dev/null | sha256sum | sed 's/ .*//'
	done | diff - <(guest_data guest)
}

# The next start finds the device as the first did; a VMM that is killed leaves it as one that ends.
again()
{
	started && host_wait 60 grep -qx 1 "$DEV/state/open" && virsh destroy guest && host_wait 20 all_given_back
}

undefine()
{
	virsh undefine guest && mdevctl stop --uuid "$MDEV" && [ ! -e "$DEV" ] &&
		host_wait 10 not_listed && kill "$(cat /run/libvirtd.pid)" && host_unload && loop_free libvirt-disk
}

not_listed()
{
	! listed_as "$MDEV"
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "a device of mdevctl's, with two namespaces" device || ktap_done
ktap_test "libvirt lists the drive's types and the device" listed
ktap_test "a domain with the device" define || ktap_done
ktap_test "started" started || ktap_done
ktap_test "QEMU is one of libvirt's: user, capabilities, memory, mounts, devices" confined
ktap_test "the guest verifies both namespaces" verified
ktap_test "the host finds its data on the partition and on the disk" found
ktap_test "its device is closed and keeps nothing" all_given_back
ktap_test "started once more, and destroyed" again
ktap_test "undefined, stopped, unloaded" undefine
ktap_done
