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

row()
{
	name=$1 batch=$2 bytes=$3 contiguous=$4 limit=$5
	few=$(steps 200 "$batch" "$bytes" "$contiguous")
	many=$(steps 1200 "$batch" "$bytes" "$contiguous")
	n=$(((many - few) / (1000 * batch)))
	printf '%-36s %6d  (limit %d)\n' "$name" "$n" "$limit"
	[ "$n" -le "$limit" ] || bad=1
}

echo "instructions per command, submit and complete, core only:"
row "4 KiB, batch 1" 1 4096 1 400
row "4 KiB, batch 16" 16 4096 1 300
row "128 KiB contiguous, batch 16" 16 131072 1 1000
row "128 KiB, every other page, batch 16" 16 131072 0 1500
exit $bad
