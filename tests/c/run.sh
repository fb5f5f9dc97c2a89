#!/bin/sh
# Builds and runs the C library's tests: ./run.sh [none|address|undefined|thread]...
# Default: address (with undefined), then thread. One line a test; not 0 if any failed.
# Programs called xfail_* have a fault that the sanitizer must find, else it is not at work.
# 77: the tests cannot be built here.

cd "$(dirname "$0")" || exit 1
LIMIT_S=${LIMIT_S:-60}
JOBS=$(nproc 2>/dev/null || echo 1)
CC=${CC:-cc}
export CC

for tool in "$CC" make; do
	if ! command -v "$tool" >/dev/null; then
		echo "skipped: there is no $tool"
		exit 77
	fi
done

# What a fault found by the sanitizer ends with, apart from what a failed test ends with.
FOUND=66
export ASAN_OPTIONS="exitcode=$FOUND:detect_stack_use_after_return=1:strict_string_checks=1"
export LSAN_OPTIONS="exitcode=$FOUND"
export UBSAN_OPTIONS="print_stacktrace=1:exitcode=$FOUND"
export TSAN_OPTIONS="exitcode=$FOUND:halt_on_error=1:second_deadlock_stack=1"

# can_link SANITIZER: whether the compiler has what it takes.
can_link() {
	case $1 in
	none) return 0 ;;
	esac
	try=$(mktemp -d) || return 1
	echo 'int main(void) { return 0; }' >"$try/t.c"
	"$CC" "-fsanitize=$1" -o "$try/t" "$try/t.c" 2>/dev/null && "$try/t" 2>/dev/null
	ok=$?
	rm -rf "$try"
	return $ok
}

# run_one SANITIZER PROGRAM: one line, and the output of a test that failed.
if [ "$1" = --one ]; then
	name=$(basename "$3")
	log=$3.log
	limit=$LIMIT_S
	timeout -k 5 "$limit" "$3" >"$log" 2>&1 </dev/null
	code=$?
	case $name:$code in
	xfail_*:0) verdict="FAILED (the sanitizer did not see the fault)" ;;
	xfail_*:$FOUND | xfail_undefined*:*) verdict="ok (found)" ;;
	xfail_*) verdict="FAILED (ended with $code, not by the sanitizer)" ;;
	*:0) verdict=ok ;;
	*:77) verdict="skipped: $(tail -n 1 "$log")" ;;
	*:124 | *:137) verdict="FAILED (not done after $limit s)" ;;
	*:$FOUND) verdict="FAILED (the sanitizer found a fault)" ;;
	*) verdict="FAILED ($code)" ;;
	esac
	case $name in
	xfail_undefined*)
		grep -q 'runtime error' "$log" || verdict="FAILED (the sanitizer did not see the fault)"
		;;
	esac
	case $verdict in
	FAILED*)
		{
			echo "$2 $name: $verdict"
			sed 's/^/    /' "$log"
		} >"$log.out"
		cat "$log.out"
		exit 1
		;;
	esac
	echo "$2 $name: $verdict"
	exit 0
fi

# xfail_NAME_... belongs to one sanitizer; address comes with undefined.
belongs() {
	case $2:$1 in
	xfail_address*:address | xfail_thread*:thread) return 0 ;;
	xfail_undefined*:address | xfail_undefined*:undefined) return 0 ;;
	xfail_*) return 1 ;;
	esac
}

# --probe SANITIZER: 0 or 77 with the reason, without running anything.
if [ "$1" = --probe ]; then
	can_link "$2" && exit 0
	echo "skipped: $CC cannot build and run programs with -fsanitize=$2"
	exit 77
fi

status=0
for sanitizer in ${*:-address thread}; do
	if ! can_link "$sanitizer"; then
		echo "skipped: $CC cannot build and run programs with -fsanitize=$sanitizer"
		[ $status -eq 0 ] && status=77
		continue
	fi
	make --no-print-directory -s -j"$JOBS" all SANITIZE="$sanitizer" >/dev/null || exit 1
	dir=$(cd ../../c/build/tests/"$sanitizer"/programs && pwd) || exit 1
	results=$dir/results.txt
	for source in *.c; do
		name=${source%.c}
		belongs "$sanitizer" "$name" && echo "$dir/$name"
	done | xargs -n 1 -P "$JOBS" "./$(basename "$0")" --one "$sanitizer" | tee "$results"
	tests=$(grep -c "^$sanitizer " "$results")
	failed=$(grep -c "^$sanitizer [^:]*: FAILED" "$results")
	skipped=$(grep -c "^$sanitizer [^:]*: skipped" "$results")
	echo "$sanitizer: $tests tests, $failed failed, $skipped skipped"
	{ [ "$failed" -eq 0 ] && [ "$tests" -gt 0 ]; } || status=1
done
exit $status
