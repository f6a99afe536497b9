# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A disk that a guest's firmware boots, whichever it is: a DOS label with one FAT partition, which holds the
# guests' kernel and initramfs; GRUB for a BIOS before it, GRUB for UEFI in it. Source guest.sh first.

# boot_image FORMAT FILE MODULE...: GRUB as one file, with what it is to do inside
boot_image()
{
	local format=$1 file=$2
	shift 2

	grub-mkimage -O "$format" -o "$file" -p / -c "$RESULTS/grub.cfg" \
		part_msdos fat search_fs_file linux boot serial terminal echo "$@"
}

# boot_disk DISK SCRIPT[,WORD...]|OPTION=VALUE...: make DISK start a guest that runs these scripts
boot_disk()
{
	local disk=$1 loop rc
	shift

	cat > "$RESULTS/grub.cfg" <<-EOF
	serial --unit=0 --speed=115200
	terminal_output serial
	echo "boot: loading"
	search.file /vmlinuz root
	linux /vmlinuz $(guest_words "$@")
	initrd /initramfs
	echo "boot: starting"
	boot
	EOF
	boot_image i386-pc "$RESULTS/core.img" biosdisk &&
		boot_image x86_64-efi "$RESULTS/bootx64.efi" || return
	wipefs -q -a "$disk" && printf 'label: dos\n2048,256M,ef,*\n' | sfdisk -q --no-reread --no-tell-kernel "$disk" || return
	# Its first sector without the label; as it is, it loads the sector behind, where the rest begins.
	dd if=/usr/lib/grub/i386-pc/boot.img of="$disk" bs=440 count=1 conv=notrunc status=none &&
		dd if="$RESULTS/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none || return
	modprobe loop && loop=$(losetup -f --show -o 1M --sizelimit 256M "$disk") || return
	boot_files "$loop"
	rc=$?
	losetup -d "$loop"
	return "$rc"
}

# boot_files DEVICE: the file system of a boot disk
boot_files()
{
	mkfs.vfat -F 32 "$1" >/dev/null && mount -t vfat "$1" /mnt || return
	mkdir -p /mnt/EFI/BOOT && cp "$RESULTS/bootx64.efi" /mnt/EFI/BOOT/BOOTX64.EFI &&
		cp "$GUEST_KERNEL" /mnt/vmlinuz && cp /results/initramfs /mnt/
	local rc=$?
	umount /mnt
	return "$rc"
}

# boot_device DEVICE: behind a root port, as machines have their drives
boot_device()
{
	echo "pcie-root-port,id=root0 -device $1,bus=root0"
}
