# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# selftests/vfio/live.c, an obedient guest, as a coprocess of a test in the test host.

LIVE_SAID=

# live_start: the obedient guest of selftests/vfio, on the device
live_start()
{
	coproc LIVE { exec env NVME_MDEV_UUID="$MDEV" build/selftests/live; }
	# bash forgets them with the process
	LIVE_IN=${LIVE[1]} LIVE_OUT=${LIVE[0]} LIVE_CHILD=$LIVE_PID
	read -r -t 60 LIVE_SAID <&"$LIVE_OUT" && [ "$LIVE_SAID" = ready ]
}

# live LINE: have it done; LIVE_SAID is the answer
live()
{
	echo "$*" >&"$LIVE_IN" && read -r -t 100 LIVE_SAID <&"$LIVE_OUT" && echo "$*: $LIVE_SAID"
}

# expect ANSWER LINE...: the answer is this, a pattern
expect()
{
	# shellcheck disable=SC2053 # a pattern
	live "${@:2}" && [[ $LIVE_SAID == $1 ]] || { echo "not $1"; return 1; }
}

live_stop()
{
	eval "exec $LIVE_IN>&-"
	wait "$LIVE_CHILD"
}
