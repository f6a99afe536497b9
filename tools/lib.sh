# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the tools that put our sources and a kernel together share.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# die WORD...: one line, and no more
die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# need COMMAND PACKAGE
need()
{
	command -v "$1" >/dev/null || die "$1 is missing: apt install $2"
}

# Kernel versions that there is a patch series for
series_versions()
{
	local s versions=()

	for s in "$top"/patches/*/series; do
		[[ -e $s ]] && versions+=("$(basename "$(dirname "$s")")")
	done
	echo "${versions[*]:-none}"
}

# check_series X.Y: refuses a kernel that there is no patch series for
check_series()
{
	[[ -e $top/patches/$1/series ]] ||
		die "no patches for Linux $1; they fit: $(series_versions)"
}

# patch_host DIR X.Y NAME: applies the series to DIR/drivers/nvme/host; DIR is
# the caller's scratch and holds the rest of a failed attempt.  NAME is what the
# sources are called in messages.
patch_host()
{
	local log

	if ! log=$(cd "$1" && QUILT_PATCHES=$top/patches/$2 QUILT_PC=.pc \
			quilt --quiltrc - push -a --fuzz=0 2>&1); then
		log=$(grep -om1 'Patch .* does not apply' <<<"$log")
		die "patches/$2 do not fit $3 (${log:-quilt failed}); they fit: $(series_versions)"
	fi
	rm -rf "$1/.pc"
	cp "$top"/drivers/nvme/host/extq*.c "$1/drivers/nvme/host/"
}
