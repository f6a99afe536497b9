# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# KTAP for shell tests: source it, say ktap_plan, then one ktap_ok, ktap_fail or ktap_skip for each
# result (or ktap_test, which tells by exit status), and ktap_done at the end.

KTAP_COUNT=0
KTAP_FAILED=0
KTAP_SKIPPED=0

# ktap_begin: first line
ktap_begin()
{
	echo "KTAP version 1"
}

# ktap_note TEXT...: a diagnostic line
ktap_note()
{
	printf '# %s\n' "$*"
}

ktap_ok()
{
	KTAP_COUNT=$((KTAP_COUNT + 1))
	printf 'ok %d %s\n' "$KTAP_COUNT" "$*"
}

ktap_fail()
{
	KTAP_COUNT=$((KTAP_COUNT + 1))
	KTAP_FAILED=$((KTAP_FAILED + 1))
	printf 'not ok %d %s\n' "$KTAP_COUNT" "$*"
}

# ktap_skip NAME REASON: with CI set, what is missing is a failure
ktap_skip()
{
	if [ "${CI:-}" = true ]; then
		ktap_note "missing in CI: $2"
		ktap_fail "$1"
		return
	fi
	KTAP_COUNT=$((KTAP_COUNT + 1))
	KTAP_SKIPPED=$((KTAP_SKIPPED + 1))
	printf 'ok %d %s # SKIP %s\n' "$KTAP_COUNT" "$1" "$2"
}

# ktap_test NAME COMMAND...: a result by the command's exit status; its output becomes diagnostics
ktap_test()
{
	local name=$1 output rc
	shift

	# Not in a command substitution: the command may have to change this shell's state.
	output=$(mktemp)
	"$@" > "$output" 2>&1
	rc=$?
	sed 's/^/# /' "$output"
	rm -f "$output"
	if [ "$rc" = 0 ]; then
		ktap_ok "$name"
	else
		ktap_note "$* returned $rc"
		ktap_fail "$name"
	fi
	return "$rc"
}

# ktap_fault NAME COMMAND...: a test of a fault, or of as many as the command says in FAULTS, for selftests/figures
ktap_fault()
{
	FAULTS=1
	ktap_test "$@" && ktap_note "measured: $1: $FAULTS"
}

# ktap_done: the plan, and an exit status that follows the results
ktap_done()
{
	echo "1..$KTAP_COUNT"
	[ "$KTAP_COUNT" -gt 0 ] && [ "$KTAP_FAILED" = 0 ]
	exit
}
