# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the tests in the test host share: loading the modules under test, mediated devices by the
# contract of Documentation/ABI/testing, disks, checks of errno and log.

KVER=$(uname -r)
MODULES=/repo/build/$KVER/drivers/nvme
MDEVS=/sys/bus/mdev/devices

# module_needs MODULE: what it depends on, the module under test left out
module_needs()
{
	modinfo -F depends "$1" | tr , '\n' | grep -vx nvme
}

# host_reset: what an earlier test left goes
host_reset()
{
	mountpoint -q /mnt && umount /mnt
	mdev_remove_all
	rmmod nvme-mdev 2>/dev/null
	rmmod nvme 2>/dev/null
	return 0
}

# host_load [QUEUES]: the modules under test, with QUEUES lendable queue pairs a drive
host_load()
{
	host_reset
	# shellcheck disable=SC2046 # a word for each module
	modprobe -a vfio_iommu_type1 $(module_needs "$MODULES/host/nvme.ko") \
		$(module_needs "$MODULES/mdev/nvme-mdev.ko") || return
	insmod "$MODULES/host/nvme.ko" mdev_queues="${1:-4}" || return
	insmod "$MODULES/mdev/nvme-mdev.ko" || return
	host_wait 30 test -b /dev/nvme0n1 || return
	host_wait 30 test -b /dev/nvme1n1 || return
	udevadm settle
	DRIVE=$(drive_address nvme0)
	[ -d "/sys/bus/pci/devices/$DRIVE/mdev_supported_types" ]
}

# host_load_block [stock [OPTION...]]: nvme-mdev without a lender, beside the kernel's own nvme driver or none
# at all
host_load_block()
{
	host_reset
	# shellcheck disable=SC2046 # a word for each module
	modprobe -a vfio_iommu_type1 $(module_needs "$MODULES/mdev/nvme-mdev.ko") || return
	if [ "${1:-}" = stock ]; then
		modprobe nvme "${@:2}" && host_wait 30 test -b /dev/nvme0n1 && udevadm settle || return
		DRIVE=$(drive_address nvme0)
	fi
	insmod "$MODULES/mdev/nvme-mdev.ko" && [ -d "$(mdev_type soft)" ]
}

# host_unload
host_unload()
{
	rmmod nvme-mdev && rmmod nvme
}

# with FILE NAME COMMAND...: a result as of ktap_fault, if the kernel has FILE
with()
{
	if [ -e "$1" ]; then
		ktap_fault "${@:2}"
	else
		ktap_skip "$2" "this kernel has no $1"
	fi
}

# line_in_log PATTERN: since the log was last cleared
line_in_log()
{
	dmesg | grep -q "$1"
}

# machine VERB WORD...: have ./run of selftests/vm change the machine that the test host runs in
machine()
{
	echo "@machine $*" >> "$RESULTS/tap"
}

# host_wait SECONDS COMMAND...: wait until COMMAND succeeds
host_wait()
{
	local end=$((SECONDS + $1))
	shift

	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "not within its limit: $*"
			return 1
		fi
		sleep 0.2
	done
}

# drive_address NAME: the PCI address of the drive with the controller NAME
drive_address()
{
	basename "$(readlink -f "/sys/class/nvme/$1/device")"
}

# drive_split DEVICE: a GPT with three partitions of 64 MiB, 1 GiB and 1 GiB, 1 MiB of nothing behind each
drive_split()
{
	sgdisk -Z "$1" >/dev/null 2>&1
	sgdisk -n 1:1M:+64M -n 2:66M:+1G -n 3:1091M:+1G "$1" >/dev/null || return
	udevadm settle
	host_wait 10 blockdev --rereadpt "$1" || return
	host_wait 10 test -b "${1}p3"
}

# mdev_type TYPE: the directory of a type of the drive; soft: that of the software parent
mdev_type()
{
	if [ "$1" = soft ]; then
		echo /sys/devices/virtual/nvme-mdev/nvme-mdev/mdev_supported_types/nvme-mdev-block
		return
	fi
	echo "/sys/bus/pci/devices/$DRIVE/mdev_supported_types/nvme-$1"
}

# mdev_free TYPE: how many devices of this type can be made
mdev_free()
{
	cat "$(mdev_type "$1")/available_instances"
}

# mdev_use UUID: the device that is meant from here on
mdev_use()
{
	MDEV=$1
	DEV=$MDEVS/$1
}

# mdev_create TYPE: make a device; MDEV is its UUID, DEV its directory
mdev_create()
{
	mdev_use "$(uuidgen)"
	echo "$MDEV" > "$(mdev_type "$1")/create" || return
	host_wait 10 test -d "$DEV/namespaces"
}

# mdev_remove [UUID]
mdev_remove()
{
	echo 1 > "$MDEVS/${1:-$MDEV}/remove"
}

# mdev_remove_all
mdev_remove_all()
{
	local dev

	for dev in "$MDEVS"/*; do
		[ -e "$dev/remove" ] && echo 1 > "$dev/remove"
	done
	return 0
}

# mdev_add BACKING [UUID]: attach a backing
mdev_add()
{
	echo "$1" > "$MDEVS/${2:-$MDEV}/namespaces/add_namespace"
}

# counter NAME: of the device
counter()
{
	sed -n "s/^$1 //p" "$DEV/state/counters"
}

# mdev_qemu [UUID]: the device in QEMU's words
mdev_qemu()
{
	echo "vfio-pci,sysfsdev=$MDEVS/${1:-$MDEV}"
}

# What the C library calls the errors that are looked for
declare -A ERRORS=(
	["No such file or directory"]=ENOENT ["Input/output error"]=EIO ["No such device or address"]=ENXIO
	["Device or resource busy"]=EBUSY ["File exists"]=EEXIST ["No such device"]=ENODEV
	["Invalid argument"]=EINVAL ["No space left on device"]=ENOSPC ["Numerical result out of range"]=ERANGE
	["Operation not supported"]=EOPNOTSUPP ["Operation not permitted"]=EPERM ["Permission denied"]=EACCES
	["Cannot allocate memory"]=ENOMEM ["Block device required"]=ENOTBLK ["Read-only file system"]=EROFS)

# written FILE VALUE: write VALUE with one write(2); print the name of its error, or OK
written()
{
	local said

	# dd, as a shell writes line by line
	if said=$(printf '%s' "$2" | LC_ALL=C dd of="$1" bs=64k iflag=fullblock conv=notrunc status=none 2>&1); then
		echo OK
	else
		said=${said##*: }
		echo "${ERRORS[$said]:-$said}"
	fi
}

# abi_errnos ATTRIBUTE: the errors that the ABI document has for a device's attribute
abi_errnos()
{
	awk -v name="/$1$" '/^What:/ { found = $2 ~ name } found' Documentation/ABI/testing/sysfs-bus-mdev-nvme |
		grep -oE '\bE(INVAL|NODEV|NOENT|NOTBLK|ACCES|BUSY|PERM|INTR|EXIST|NOSPC|OPNOTSUPP|NOMEM|IO)\b' | sort -u
}

# refused ERRNO FILE VALUE: the write fails with ERRNO, and the kernel log has one line that says why
refused()
{
	local got lines

	dmesg -C
	got=$(written "$2" "$3")
	lines=$(dmesg | grep -ciE 'nvme')
	dmesg
	if [ "$got" != "$1" ]; then
		echo "writing \"$3\" to $2: $got, not $1"
		return 1
	fi
	if [ "$lines" != 1 ]; then
		echo "$lines lines in the log, not one"
		return 1
	fi
	echo "${2##*/} $1" >> "$RESULTS/refusals"
	if ! abi_errnos "${2##*/}" | grep -qx "$1"; then
		echo "$1 is not among the errors that Documentation/ABI has for ${2##*/}"
		return 1
	fi
}

# loop_make NAME MEGABYTES [OPTION...]: a loop device on a new file of /tmp; prints its path
loop_make()
{
	modprobe loop && rm -f "/tmp/$1" && truncate -s "${2}M" "/tmp/$1" && losetup -f --show "${@:3}" "/tmp/$1"
}

# loop_free NAME: the loop device and its file go
loop_free()
{
	losetup -j "/tmp/$1" | cut -d: -f1 | xargs -r losetup -d
	rm -f "/tmp/$1"
}

# null_make NAME MEGABYTES [ATTRIBUTE=VALUE...]: a null_blk disk that keeps what is written; prints its path
null_make()
{
	local dir=/sys/kernel/config/nullb/$1 word

	modprobe null_blk nr_devices=0 && mkdir -p /sys/kernel/config || return
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config || return
	mkdir "$dir" && echo "$2" > "$dir/size" && echo 1 > "$dir/memory_backed" || return
	for word in "${@:3}"; do
		echo "${word#*=}" > "$dir/${word%%=*}" || return
	done
	# the disk has the name of its directory
	echo 1 > "$dir/power" && echo "/dev/$1"
}

# null_free NAME
null_free()
{
	rmdir "/sys/kernel/config/nullb/$1"
}

# thin_make NAME MEGABYTES SIZE [FEATURE...]: a thin volume of SIZE MiB on a pool of its own with MEGABYTES MiB
# in chunks of 64 KiB; prints its path
thin_make()
{
	local name=$1 meta data

	modprobe dm_thin_pool && meta=$(loop_make "$1.meta" 4) && data=$(loop_make "$1.data" "$2") || return
	echo "0 $(($2 * 2048)) thin-pool $meta $data 128 0 $(($# - 3)) ${*:4}" | dmsetup create "$name-pool" &&
		dmsetup message "$name-pool" 0 "create_thin 0" &&
		echo "0 $(($3 * 2048)) thin /dev/mapper/$name-pool 0" | dmsetup create "$name" &&
		udevadm settle && echo "/dev/mapper/$name"
}

# thin_used NAME: chunks that the pool of a thin volume has given out
thin_used()
{
	dmsetup status "$1-pool" | sed 's/.* thin-pool [0-9]* [0-9]*\/[0-9]* \([0-9]*\)\/.*/\1/'
}

# thin_free NAME
thin_free()
{
	dmsetup remove "$1" && dmsetup remove "$1-pool" && loop_free "$1.meta" && loop_free "$1.data"
}

# sums DEVICE START END: a checksum per MiB of the bytes [START, END) of a device, past the page cache
sums()
{
	python3 - "$@" <<-'EOF'
	import hashlib, mmap, os, sys
	fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)
	start, end = int(sys.argv[2]), int(sys.argv[3])
	size = os.lseek(fd, 0, os.SEEK_END)
	end = min(end or size, size)
	buffer = mmap.mmap(-1, 1 << 20)
	while start < end:
	    want = min(1 << 20, end - start)
	    got = os.preadv(fd, [memoryview(buffer)[:want]], start)
	    if got != want:
	        sys.exit(f"{sys.argv[1]}: {got} bytes at {start}, not {want}")
	    print(start, hashlib.blake2b(memoryview(buffer)[:want], digest_size=16).hexdigest())
	    start += want
	EOF
}

# partition_span DEVICE: where a partition begins and ends, in bytes
partition_span()
{
	local dir=/sys/class/block/${1##*/}
	local start size

	read -r start < "$dir/start"
	read -r size < "$dir/size"
	echo "$((start * 512)) $(((start + size) * 512))"
}

# all_given_back: a device that was closed has neither memory nor queue pairs
all_given_back()
{
	local state

	state=$(cd "$DEV/state" && cat open pinned_bytes queue_pairs | xargs)
	if [[ ! $state =~ ^0\ 0\ 0\ [0-9]+$ ]]; then
		echo "open, pinned_bytes, queue_pairs: $state"
		return 1
	fi
}

# client_start NAME LIMIT [UUID]: a VMM of ours on a device, busy, that may lock LIMIT bytes or
# "unlimited"; CLIENT is its process, what it says is in $RESULTS/NAME.client
client_start()
{
	local out=$RESULTS/$1.client pipe

	pipe=$(mktemp -u)
	# Emptied here: what an earlier client said is not this one's.
	mkfifo "$pipe" && : > "$out" || return
	NVME_MDEV_UUID=${3:-$MDEV} prlimit --memlock="$2" setpriv --bounding-set=-ipc_lock \
		--inh-caps=-ipc_lock build/selftests/hold <"$pipe" >"$out" 2>&1 &
	CLIENT=$!
	# Its standard input is open as long as this shell keeps it.
	exec {CLIENT_INPUT}>"$pipe"
	rm "$pipe"
	host_wait 30 grep -q . "$out" && grep -q 'hold: busy' "$out" && return
	cat "$out"
	return 1
}

# client_stop NAME: have the last client end; its exit status
client_stop()
{
	exec {CLIENT_INPUT}>&-
	wait "$CLIENT"
	set -- "$1" $?
	cat "$RESULTS/$1.client"
	return "$2"
}

# files_sum DEVICE [OFFSET]: the checksum that a guest's format script prints of its files, of the file system
# that begins there
files_sum()
{
	local sum loop

	modprobe loop && loop=$(losetup -r -f --show -o "${2:-0}" "$1") || return
	if mount -o ro "$loop" /mnt; then
		sum=$(cd /mnt && find . -type f -exec sha256sum {} + | sort | sha256sum)
		umount /mnt
	fi
	losetup -d "$loop"
	[ -n "$sum" ] && echo "${sum%% *}"
}

# vfio_client PROGRAM NAME BACKING DATA [TYPE]: a test program of selftests/vfio on a device of a type (two
# lent queue pairs), its results below one of ours; DATA is 0 if nothing that is written can be read back
vfio_client()
{
	local rc

	echo "# Subtest: $2"
	mdev_create "${5:-2Q_V1}" && mdev_add "$3" &&
		NVME_MDEV_UUID=$MDEV NVME_MDEV_DATA=$4 "build/selftests/$1" 2>&1 |
		sed -u 's/^/    /'
	rc=${PIPESTATUS[0]}
	mdev_remove || rc=1
	if [ "$rc" = 0 ]; then
		ktap_ok "$2"
	else
		ktap_fail "$2"
	fi
}
