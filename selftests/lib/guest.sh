# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Guests of the test host. A guest is one QEMU under KVM with Debian's own kernel and the test
# host's own root tree, read-only; its console goes to $RESULTS/NAME.serial, which ./run of selftests/vm reads too.

GUEST_KERNEL=$(echo /boot/vmlinuz-*)	# Debian's, whatever the test host runs
GUEST_CPUS=${GUEST_CPUS:-1}	# more where several queues matter
GUEST_LIMIT=300	# seconds that a guest may take to its last line
declare -A GUEST_PID=()

# guest_machine: QEMU's words for the machine of a guest, without processor, kernel and devices
guest_machine()
{
	echo "-m 512M -smp $GUEST_CPUS -M q35 -nodefaults -nographic -no-reboot" \
		"-virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap"
}

# guest_kernel: QEMU's words for a guest that it loads the kernel of, without the kernel command line
guest_kernel()
{
	echo "-kernel $GUEST_KERNEL -initrd /results/initramfs"
}

# guest_words SCRIPT[,WORD...]|OPTION=VALUE...: the kernel command line that has a guest run these scripts
# Its console is slow, a trap into two machines for each character: warnings and worse only. Programs
# may map the registers of a device that has a driver (iomem=), as nvme show-regs does.
guest_words()
{
	local word words="console=ttyS0 loglevel=5 panic=-1 iomem=relaxed mitigations=off init=/repo/selftests/guest/guest-init"

	for word in "$@"; do
		[[ $word == *=* ]] || word=script=$word
		words+=" $word"
	done
	echo "$words"
}

# guest_qemu NAME DEVICE WORD...: start a guest on the QEMU device DEVICE, in the background; what runs
# it and what it starts are further words for QEMU, whose monitor is guest_ask's
guest_qemu()
{
	local name=$1 device=$2
	shift 2

	rm -f "$RESULTS/$name.serial"	# what one of this name has said before
	# shellcheck disable=SC2046,SC2086 # the machine and DEVICE are words
	qemu-system-x86_64 $(guest_machine) "$@" -serial "file:$RESULTS/$name.serial" \
		-qmp "unix:/tmp/$name.qmp,server=on,wait=off" -device $device \
		</dev/null >"$RESULTS/$name.qemu" 2>&1 &
	GUEST_PID[$name]=$!
}

# guest_qemu_kvm NAME DEVICE WORD...: the same, under KVM
# Without XSAVE: the emulated processor's is wrong, and each guest would warn of it.
guest_qemu_kvm()
{
	[ -c /dev/kvm ] || modprobe kvm_amd || return
	guest_qemu "$@" -accel kvm -cpu host,-xsave
}

# guest_start NAME DEVICE SCRIPT[,WORD...]|OPTION=VALUE...: start a guest that runs these scripts
guest_start()
{
	# shellcheck disable=SC2046 # words
	guest_qemu_kvm "$1" "$2" $(guest_kernel) -append "$(guest_words "${@:3}")"
}

# guest_said NAME TEXT: has the guest's console shown a line with TEXT?
guest_said()
{
	tr -d '\r' 2>/dev/null < "$RESULTS/$1.serial" | grep -q -- "$2"
}

# guest_running NAME
guest_running()
{
	kill -0 "${GUEST_PID[$1]}" 2>/dev/null
}

# guest_expect NAME TEXT [LIMIT]: wait until the guest has shown TEXT; fail if it ends or takes too long
guest_expect()
{
	local end=$((SECONDS + ${3:-$GUEST_LIMIT}))

	until guest_said "$1" "$2"; do
		if ! guest_running "$1" || [ "$SECONDS" -ge "$end" ]; then
			guest_said "$1" "$2" && return
			guest_show "$1" "no \"$2\" from guest $1"
			return 1
		fi
		sleep 0.5
	done
}

# guest_ask NAME COMMAND [ARGUMENT=VALUE...] [--until EVENT]: have its QEMU do it
guest_ask()
{
	selftests/lib/qmp "/tmp/$1.qmp" "${@:2}"
}

# guest_wait NAME [LIMIT]: wait for the guest's end; succeed if its scripts passed
guest_wait()
{
	local end=$((SECONDS + ${2:-$GUEST_LIMIT}))

	while guest_running "$1"; do
		if [ "$SECONDS" -ge "$end" ]; then
			guest_kill "$1"
			guest_show "$1" "guest $1 did not end within its limit"
			return 1
		fi
		sleep 0.5
	done
	wait "${GUEST_PID[$1]}"
	if ! guest_said "$1" '^guest: passed$'; then
		guest_show "$1" "guest $1 did not pass"
		return 1
	fi
}

# guest_kill NAME: end its QEMU with SIGKILL
guest_kill()
{
	kill -KILL "${GUEST_PID[$1]}" 2>/dev/null
	wait "${GUEST_PID[$1]}" 2>/dev/null
	return 0
}

# guest_show NAME TEXT: TEXT and the end of what the guest and its QEMU said
guest_show()
{
	echo "$2"
	tail -n 5 "$RESULTS/$1.qemu"
	tail -n 25 "$RESULTS/$1.serial" | tr -d '\r'
}

# guest_data NAME: the checksum of its data that the guest's script printed
guest_data()
{
	tr -d '\r' < "$RESULTS/$1.serial" | sed -n 's/^data: \([0-9a-f]\{64\}\)$/\1/p' | grep .
}

# guest_finish NAME [LIMIT]: wait for its end, print the scripts' own lines
guest_finish()
{
	guest_wait "$@" || return
	tr -d '\r' < "$RESULTS/$1.serial" | sed -n '/^guest: .*: begins$/,/^guest: passed$/p'
}

# guest_run NAME DEVICE SCRIPT[,WORD...]|OPTION=VALUE...: start, wait, print
guest_run()
{
	guest_start "$@" && guest_finish "$1"
}
