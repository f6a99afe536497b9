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

# archive SUITE: the archive that this machine's apt is configured with, as one-line entries for a
# suite of Debian: its own lines, with SUITE for the name of the machine's own release
archive()
{
	local list own

	own=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016 # apt fills the fields in
	list=$(apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
		--format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' |
		awk -v own="$own" -v suite="$1" '$3 == own || index($3, own "-") == 1 { sub(own, suite, $3); print }' |
		sort -u)
	[ -n "$list" ] || die "apt knows no Debian $own here: run apt-get update, or add its archive"
	printf '%s\n' "$list"
}

# bootstrap SUITE LOG ARGUMENT... DIR: a tree of Debian packages, with mmdebstrap; if SOURCES is set its
# apt knows source packages, too
bootstrap()
{
	local suite=$1 log=$2 list
	shift 2

	[ "$(id -u)" = 0 ] || die "making a tree of packages needs root: mmdebstrap works in a chroot"
	list=$(archive "$suite") || return
	[ -z "${SOURCES:-}" ] || list+=$'\n'${list//deb /deb-src }
	mkdir -p "${log%/*}"
	if ! mmdebstrap --mode=root --format=directory \
		--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"${@:1:$#-1}" "$suite" "${!#}" - <<<"$list" >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		die "mmdebstrap failed, see $log"
	fi
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
