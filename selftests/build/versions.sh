#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What tools/build-modules refuses: each with one line that says what to do,
# and without leaving anything behind.
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
nr=0
failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export XDG_CACHE_HOME=$tmp/cache
have=$(dpkg-query -W -f '${Version}' linux-source-6.1 2>/dev/null)

# fake_headers VERSION [PACKAGE]: a directory that looks like kernel headers
fake_headers()
{
	local k

	k=$(mktemp -d "$tmp/headers.XXXXXX")
	mkdir -p "$k/include/generated"
	printf 'kernelversion:\n\t@echo %s\n' "$1" > "$k/Makefile"
	echo '#define UTS_RELEASE "fake"' > "$k/include/generated/utsrelease.h"
	[[ $# -eq 1 ]] || echo "#define LINUX_PACKAGE_ID \" Debian $2\"" \
		> "$k/include/generated/package.h"
	echo "$k"
}

# copy: our tree, to be changed
copy()
{
	local c

	c=$(mktemp -d "$tmp/tree.XXXXXX")
	rsync -a --exclude=/build --exclude=/.git "$here/" "$c/"
	echo "$c"
}

# refuses NAME TREE KDIR TEXT...: every TEXT is in the one line of the refusal
refuses()
{
	local name=$1 tree=$2 kdir=$3 out status bad='' text left

	shift 3
	out=$("$tree/tools/build-modules" "$kdir" 2>&1)
	status=$?
	[[ $status -eq 1 ]] || bad="exit status $status"
	[[ $(wc -l <<<"$out") -eq 1 ]] || bad="not one line"
	for text; do
		[[ $out == *"$text"* ]] || bad="nothing about '$text'"
	done
	left=$(find "$tree/build" "$XDG_CACHE_HOME/nvme-mdev" -mindepth 1 -maxdepth 1 \
		! -name .build-modules.lock ! -name 'nvme-host-*' 2>/dev/null)
	[[ -z $left ]] || bad="left behind: $left"
	if [[ -z $bad ]]; then
		echo "ok $((++nr)) $name"
	else
		echo "# $bad"
		echo "# ${out//$'\n'/$'\n'# }"
		echo "not ok $((++nr)) $name"
		failed=1
	fi
}

echo "KTAP version 1"
if [[ -z $have ]]; then
	if [[ ${CI:-} == true ]]; then
		echo "Bail out! linux-source-6.1 is not installed"
		exit 1
	fi
	echo "1..0 # SKIP linux-source-6.1 is not installed"
	exit 4
fi
echo "1..8"
tree=$(copy)
version=${have%-*}
refuses "no such directory" "$tree" "$tmp/nowhere" "apt install linux-headers"
refuses "no headers in it" "$tree" "$tmp" "apt install linux-headers"
refuses "a kernel without patches" "$tree" "$(fake_headers 6.99.3)" \
	"no patches for Linux 6.99" "6.1"
refuses "sources of another release" "$tree" "$(fake_headers 6.1.1)" \
	"linux-source-6.1 is $version" "the headers are 6.1.1" "apt install"
refuses "sources of another package" "$tree" "$(fake_headers "$version" "$version-0test")" \
	"$have" "apt install linux-source-6.1=$version-0test"

cp -r "$tree/patches/6.1" "$tree/patches/6.98"
refuses "no sources" "$tree" "$(fake_headers 6.98.1)" \
	"6.98.1 are missing" "apt install linux-source-6.98"

tree=$(copy)
sed -i 's/^ \tnvme_start_ctrl/ \tnvme_begin_ctrl/' "$tree"/patches/6.1/0002*
refuses "a patch that does not fit" "$tree" "$(fake_headers "$version" "$have")" \
	"patches/6.1 do not fit" "0002-"

# what was built before stays as it was
mkdir -p "$tree/build/fake"
cp "$tree/Kbuild" "$tree/build/fake/before"
"$tree/tools/build-modules" "$(fake_headers "$version" "$have")" > /dev/null 2>&1
if [[ $(ls "$tree/build/fake") == before ]] && cmp -s "$tree/Kbuild" "$tree/build/fake/before"; then
	echo "ok $((++nr)) a refusal leaves an earlier build as it was"
else
	echo "not ok $((++nr)) a refusal leaves an earlier build as it was"
	failed=1
fi
exit $failed
