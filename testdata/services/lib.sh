# What every service script here shares: where things are kept, how a daemon is
# started, waited for and ended. Sourced, never run. A script sets NAME and PORT
# first, then calls service_dirs.
#
#   SERVICES_CACHE  programs fetched or built once, reused   (~/.cache/troupe-services)
#   SERVICES_STATE  pid files, one folder per NAME and PORT  (troupe-services-UID in the temporary folder)
#   SERVICES_WAIT   seconds to wait for readiness            (120)

set -euo pipefail

SERVICES_CACHE=${SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/troupe-services}
SERVICES_STATE=${SERVICES_STATE:-${TMPDIR:-/tmp}/troupe-services-$(id -u)}
SERVICES_WAIT=${SERVICES_WAIT:-120}
SERVICES_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { echo "$NAME: $*" >&2; }
die() { say "$*"; exit 1; }

# service_dirs sets STATE (pid file and log of this instance).
service_dirs() {
	STATE=$SERVICES_STATE/$NAME-$PORT
	PIDFILE=$STATE/pid
	LOG=$STATE/log
}

# data_dir VALUE sets DATA: VALUE where given and kept, else a fresh folder that
# stop removes.
data_dir() {
	mkdir -p "$STATE"
	if [ -n "${1:-}" ]; then
		mkdir -p "$1"
		DATA=$(cd "$1" && pwd)
		rm -f "$STATE/temp-data"
	else
		DATA=$(mktemp -d "${TMPDIR:-/tmp}/$NAME-$PORT.XXXXXX")
		echo "$DATA" >"$STATE/temp-data"
	fi
}

# owned_by USER gives DATA to the system user who runs the server where root may not.
owned_by() {
	[ "$(id -u)" = 0 ] || return 0
	chown -R "$1" "$DATA"
	setpriv --reuid "$1" --regid "$1" --init-groups test -w "$DATA" ||
		die "the user $1, who runs the server, cannot enter a folder above $DATA (chmod a+x it)"
}

# The start time of a live process, with which a pid that was given out again is
# told apart; nothing for one that ended and was not yet reaped. In /proc/PID/stat,
# past the command's name, which may hold spaces, 1 is the state and 20 the time.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" && $1 != "X" { print $20 }'; }

running() {
	local pid at
	[ -f "$PIDFILE" ] && read -r pid at <"$PIDFILE" && [ -n "$at" ] && [ "$(started_at "$pid")" = "$at" ]
}

# daemon COMMAND... starts it detached, its output in LOG, its pid in PIDFILE.
daemon() {
	setsid "$@" >"$LOG" 2>&1 </dev/null 9>&- &
	local pid=$!
	echo "$pid $(started_at "$pid")" >"$PIDFILE"
}

# await CHECK... runs CHECK until it succeeds; the daemon's death or the
# time-out ends the script with the end of the log.
await() {
	local until=$((SECONDS + SERVICES_WAIT))
	until "$@" >/dev/null 2>&1; do
		if ! running; then
			tail -n 30 "$LOG" >&2
			die "ended before it was ready; its log is $LOG"
		fi
		if [ $SECONDS -ge $until ]; then
			tail -n 30 "$LOG" >&2
			die "not ready after $SERVICES_WAIT s; its log is $LOG"
		fi
		sleep 0.2
	done
}

stop_daemon() {
	local pid
	if running; then
		read -r pid _ <"$PIDFILE"
		kill -"${STOP_SIGNAL:-TERM}" "$pid" 2>/dev/null || true
		for _ in $(seq 150); do running || break; sleep 0.2; done
		running && kill -KILL "$pid" 2>/dev/null
	fi
	if [ -f "$STATE/temp-data" ]; then
		rm -rf "$(cat "$STATE/temp-data")" "$STATE/temp-data"
	fi
	rm -f "$PIDFILE"
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
http_ok() { curl -fsS -m 3 -o /dev/null "$1"; }

# once STAMP FUNCTION runs FUNCTION unless an earlier run of it left STAMP under
# SERVICES_CACHE; two scripts at a time do not run it twice. Its output goes to
# a log, shown where it fails.
once() {
	local stamp=$SERVICES_CACHE/$1 log
	[ -e "$stamp/.done" ] && return
	mkdir -p "$stamp"
	log=$stamp/.log
	(
		flock 9
		[ -e "$stamp/.done" ] && exit
		say "installing $1"
		# Not in an if: there set -e would be off, and a failed step passed over.
		trap 'tail -n 30 "$log" >&2; say "could not be installed; the log is $log"' EXIT
		(cd "$stamp" && "$2") >"$log" 2>&1
		trap - EXIT
		touch "$stamp/.done"
	) 9>"$SERVICES_CACHE/.lock"
}

# apt PACKAGE... installs what is missing; needs root.
apt() {
	local missing=() p
	for p; do dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p"); done
	[ ${#missing[@]} -eq 0 ] && return
	[ "$(id -u)" = 0 ] || die "needs the Debian packages ${missing[*]}"
	(
		flock 9
		say "installing ${missing[*]}"
		export DEBIAN_FRONTEND=noninteractive
		log=$(mktemp)
		if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
			tail -n 30 "$log" >&2
			die "apt-get could not install ${missing[*]}"
		fi
		rm -f "$log"
	) 9>"${TMPDIR:-/tmp}/.troupe-services-apt.lock"
}

# maven_file GROUP:ARTIFACT:VERSION:TYPE:CLASSIFIER FILE puts that one file there,
# without what it needs. The plugin is an old one: later ones read the POM first,
# and where its parent is not published they fail.
maven_file() {
	mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:2.8:get -Dartifact="$1" -Dtransitive=false -Ddest="$2"
}

# jvm_libs sets JVM to the folder of what pom.xml beside this file names, resolved
# once per content of that file: libs/ for the class path, plugins/ for plugin.path.
jvm_libs() {
	local sum
	command -v java >/dev/null || die "no java on PATH (Java 17 or newer)"
	command -v mvn >/dev/null || die "no mvn on PATH (Apache Maven resolves the jars)"
	sum=$(sha256sum "$SERVICES_HERE/pom.xml")
	once "kafka-${sum:0:12}" resolve_jars
	JVM=$SERVICES_CACHE/kafka-${sum:0:12}
}

# The file connectors lie in a folder of their own, as on a worker with plugin.path;
# all else is on the class path, as in Kafka's distribution.
resolve_jars() {
	mvn -q -B -f "$SERVICES_HERE/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/libs"
	mkdir -p plugins/connect-file
	mv libs/connect-file-*.jar plugins/connect-file/
	compgen -G 'libs/kafka_2.13-*.jar' && compgen -G 'libs/connect-runtime-*.jar'
}

# main ACTION: the script defines start_service, which starts, waits and prints
# nothing, and address, which prints the address to use.
main() {
	service_dirs
	case ${1:-} in
	start)
		if running; then
			say "already running"
		else
			stop_daemon # what one that was killed left behind
			# Threads of one that was killed may hold its port for a moment after its pid is gone.
			for _ in $(seq 50); do port_open "$PORT" || break; sleep 0.2; done
			port_open "$PORT" && die "port $PORT is taken by another program"
			# A start that fails, wherever, leaves no daemon and no folder behind.
			trap stop_daemon EXIT
			start_service
			trap - EXIT
		fi
		address
		;;
	stop) stop_daemon ;;
	status)
		if running; then
			say "running, pid $(cut -d' ' -f1 "$PIDFILE"), log $LOG"
			address
		else
			say "not running"
			exit 3
		fi
		;;
	*) die "usage: $0 start|stop|status" ;;
	esac
}
