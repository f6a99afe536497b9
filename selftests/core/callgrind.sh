#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# callgrind.sh <count> <dir>: instructions a command, counted in the core only
# (everything below vnvme_lane_step()), as the difference of two runs.
# Fails if a figure is above its limit.
set -eu

count=$1
dir=$2
bad=0

steps()
{
	valgrind --tool=callgrind --callgrind-out-file="$dir/out" \
		--toggle-collect=vnvme_lane_step "$count" "$@" \
		> "$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
	sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' "$dir/log"
}

# name, devices, batch, bytes, contiguous, limits without and with shadow doorbells
row()
{
	name=$1 devices=$2 batch=$3 bytes=$4 contiguous=$5
	shift 5
	printf '%-36s' "$name"
	for dbbuf in 0 1; do
		few=$(steps 200 "$batch" "$bytes" "$contiguous" $dbbuf "$devices")
		many=$(steps 1200 "$batch" "$bytes" "$contiguous" $dbbuf "$devices")
		n=$(((many - few) / (1000 * devices * (batch > 0 ? batch : 1))))
		printf ' %5d (limit %d)' "$n" "$1"
		[ "$n" -le "$1" ] || bad=1
		shift
	done
	echo
}

echo "instructions per command, submit and complete, core only"
echo "                                     BAR0 doorbells    shadow doorbells"
row "a pass that finds nothing" 1 0 4096 1 50 56
row "4 KiB, batch 1" 1 1 4096 1 261 283
row "4 KiB, batch 16" 1 16 4096 1 177 179
row "128 KiB contiguous, batch 16" 1 16 131072 1 641 643
row "128 KiB, every other page, batch 16" 1 16 131072 0 2210 2210
row "4 KiB, batch 1, 16 devices" 16 1 4096 1 261 283
exit $bad
