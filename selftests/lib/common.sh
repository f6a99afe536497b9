# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts that run on the developer's machine share: where things are kept, how a
# dear thing is made only once, how a script speaks.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$TOP/build
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/nvme-mdev
# shellcheck disable=SC2034 # for the scripts that source this file
readonly TOP BUILD CACHE

# say TEXT: a progress line
say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die TEXT: an error that says what to do
die()
{
	say "$*"
	exit 1
}

# content_hash FILE...: a short name for what these files hold
content_hash()
{
	cat "$@" | sha256sum | cut -c1-16
}

# cached NAME HASH MAKER...: print the path of CACHE/NAME-HASH, which "MAKER... PATH" makes if
# it is not there. A maker that fails leaves nothing behind; two callers at once make it once.
cached()
{
	local path=$CACHE/$1-$2
	shift 2

	mkdir -p "$CACHE"
	(
		flock 9
		[ -e "$path" ] && exit 0
		rm -rf "$path.new"
		if ! "$@" "$path.new" >&2; then
			rm -rf "$path.new"
			exit 1
		fi
		mv "$path.new" "$path"
	) 9>"$path.lock" || return 1
	printf '%s\n' "$path"
}

# copy_modules ROOT KVER DIR MODULE...: these modules and what they need, with DIR/order to load by
copy_modules()
{
	local root=$1 kver=$2 dir=$3 module
	shift 3

	for module in "$@"; do
		/sbin/modprobe -d "$root" -S "$kver" --show-depends "$module" || return 1
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
		cp "$module" "$dir/" && basename "$module"
	done > "$dir/order"
	[ -s "$dir/order" ]
}

# pack_initramfs DIR FILE
pack_initramfs()
{
	(cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet) | gzip -1 > "$2"
}
