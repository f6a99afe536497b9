# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Runs the shell blocks of a document, as ./blocks prints them, literally and in one shell.

# blocks_run FILE first|rest: a result for each block. The caller's shell function block_begins, exported,
# is called before each.
blocks_run()
{
	local out line title='' last rc

	out=$(mktemp)
	selftests/lib/blocks "$1" "$2" > "$out.sh" && bash "$out.sh" > "$out" 2>&1
	rc=$?
	last=$(tail -n 1 "$out")
	while IFS= read -r line; do
		case $line in
		@block\ *)
			[ -z "$title" ] || ktap_ok "$title"
			title=${line#@block }
			;;
		@end) ;;
		*) ktap_note "$line" ;;
		esac
	done < "$out"
	rm -f "$out" "$out.sh"
	if [ "$rc" = 0 ] && [ "$last" = @end ] && [ -n "$title" ]; then
		ktap_ok "$title"
	else
		ktap_note "exit status $rc"
		ktap_fail "${title:-the blocks of $1}"
		return 1
	fi
}
