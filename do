#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The front door: everything that is done to this tree is done by a command of this script. It needs
# sh and, on Debian or Ubuntu, apt; what else is missing it installs first, and says so.
set -eu
cd "$(dirname "$0")"
root=$(pwd)
logs=$root/build-logs

# The system's tools come first: another python3 in PATH may lack what meson needs.
PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH
LC_ALL=C.UTF-8
export PATH LC_ALL

usage() {
	cat <<-'END'
		usage: ./do COMMAND

		  run [FILE]      build, then move FILE (or a generated image) through the embedded
		                  controller and back, compare every byte, and show how fast it was
		  test [PART...]  every test there is, or these parts of them:
		                  unit device tools examples install compat inject soak owner model budget fuzz asan tsan valgrind lint vm linux
		  vm [TEST...]    the driver on QEMU's controllers behind real vfio-pci, in guests: all tests
		                  of tests/vm, or these
		  linux [TEST...] our controllers driven by Linux, in QEMU over vfio-user: all tests of
		                  tests/linux, or these
		  vm-kernel       build the guests' kernel, once; BELFRY_VM_KERNEL names a ready one
		  soak [SECONDS [SEED [EPOCH]]]
		                  load on a controller that misbehaves, and a checker; '-' for SECONDS
		                  and an EPOCH repeat what went wrong
		  fuzz [SECONDS [TARGET...]]
		                  the fuzz targets under libFuzzer, each for so long (300)
		  build           build the library, the command, the examples and the benches
		  bench [--json] [NAME...]
		                  run the benches, each beside its floor
		  bench A B [NAME...]
		                  build two revisions, run their benches in turns, print what changed
		  lint            format, static analysis, layers, docstrings, symbols, headers
		  coverage        run the tests with counters and list what they reach
		  docs            write the API reference to docs/api, check the man page
		  clean           remove all that these commands made
		  help            this text
	END
}

die() {
	echo "do: $*" >&2
	exit 1
}

# --- What must be installed ---------------------------------------------------------------------

# commands and test parts: packages: what for
packages() {
	cat <<-'END'
		build: gcc libc6-dev: the C compiler
		build: meson ninja-build pkgconf python3: the build system
		build: libbsd-dev: the header of the balanced trees
		build: libjson-c-dev: the command's JSON
		test: libcmocka-dev: the test framework
		fuzz asan tsan: clang libclang-rt-dev llvm: the sanitizer builds
		valgrind budget: valgrind libc6-dbg: the valgrind runs and the counts of instructions
		model: spin gcc libc6-dev: the searches of the models
		vm: qemu-system-x86 busybox-static: the guests
		linux: debian-archive-keyring: the keys of the packages that the guests are made of
		vm-kernel: gcc libc6-dev make flex bison libelf-dev bc xz-utils: the guests' kernel
		lint: clang clang-format clang-tidy cppcheck sparse shellcheck: formatter and analysers
		lint compat: g++ libnvme-dev: the headers compile as C++ and beside libnvme
		compat: clang binutils: programs written for libvfn, with both compilers
		lint docs: groff-base: the man page's check
		docs: python3: the API reference
		coverage: gcovr: the coverage report
	END
}

# Arguments are looked at before anything is installed or built.
check_number() { # WHAT TEXT
	case $2 in
	'' | *[!0-9]*) die "$1: '$2' is not a number" ;;
	esac
}

check_names() { # PREFIX SUFFIX NAME...: PREFIX, NAME and SUFFIX are the path of a file of the tree
	prefix=$1
	suffix=$2
	shift 2
	for name; do
		[ -f "$prefix$name$suffix" ] ||
			die "there is no '$name'; there are: $(printf "%s\n" "$prefix"*"$suffix" |
				sed "s,^$prefix,,; s,$suffix$,," | paste -s -d ' ')"
	done
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# missing PURPOSE...: one "package: what for" line for each that is not installed.
missing() {
	packages | while IFS=: read -r purposes names why; do
		for purpose in $purposes; do
			case " $* " in *" $purpose "*) echo "$names:$why" ;; esac
		done
	done | while IFS=: read -r names why; do
		for name in $names; do
			installed "$name" || echo "$name:$why"
		done
	done | sort -u -t : -k 1,1
}

# need PURPOSE...: install what these purposes need; silent when it is all there. Every command that
# builds something starts here.
need() {
	mkdir -p "$logs"
	rm -f "$logs"/broken-*
	command -v dpkg-query >/dev/null || return 0 # not Debian: the build says what it misses
	list=$(missing "$@")
	[ -n "$list" ] || return 0
	echo "These Debian packages are needed and not installed yet:"
	echo "$list" | sed 's/^/  /'
	names=$(echo "$list" | cut -d : -f 1 | paste -s -d ' ')
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null ||
			die "not root, and no sudo: have root run 'apt-get install $names'"
		as_root=sudo
	fi
	apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q"
	# shellcheck disable=SC2086 # both are lists of words
	quiet apt-update "asking the package servers what there is" $apt update
	# shellcheck disable=SC2086
	quiet apt-install "installing them" $apt install -y --no-install-recommends $names
}

# quiet LOG MESSAGE COMMAND...: say MESSAGE, keep the output in a log, show its end on failure.
quiet() {
	log=$logs/$1.log
	echo "$2"
	shift 2
	if ! "$@" >"$log" 2>&1 </dev/null; then
		tail -n 40 "$log" >&2
		die "failed: $* (whole log: $log)"
	fi
}

# --- Building -----------------------------------------------------------------------------------

# configure DIR OPTION...: set the build directory up, or change its options, only when needed.
configure() {
	dir=$1
	shift
	if [ ! -f "$dir/build.ninja" ]; then
		quiet "setup-$dir" "configuring $dir" meson setup "$dir" "$@"
	elif [ "$(cat "$dir/do-options" 2>/dev/null)" = "$*" ]; then
		return
	else
		# Not "meson configure", which knows no option that is newer than the directory.
		quiet "setup-$dir" "configuring $dir" meson setup --reconfigure "$dir" "$@"
	fi
	echo "$*" >"$dir/do-options"
}

# compile DIR [TARGET]: silent when there is nothing to do. What failed once in a run is not tried
# again.
compile() {
	[ ! -e "$logs/broken-$1" ] || die "$1 does not build, as was said above"
	if [ "$(ninja -C "$@" -n | tail -n 1)" != "ninja: no work to do." ]; then
		touch "$logs/broken-$1"
		quiet "build-$1" "building $1" ninja -C "$@" --quiet
		rm "$logs/broken-$1"
	fi
}

build_release() {
	# A tree that is set up for the tests stays so.
	[ -f build/build.ninja ] || configure build -Dtests=disabled
	compile build "$@"
}

build_tests() {
	configure build -Dtests=enabled -Dlibvfn=enabled
	compile build
}

# Clang builds the sanitizers' trees, so that both compilers' warnings are errors somewhere.
build_sanitizer() {
	(
		# shellcheck disable=SC2030 # each tree has its own compiler
		export CC=clang
		configure "$1" -Dtests=enabled -Dbuildtype=debugoptimized -Db_lundef=false \
			-Db_sanitize="$2"
	)
	compile "$1"
}

build_debug() {
	configure build-debug -Dtests=enabled -Dbuildtype=debugoptimized
	compile build-debug
}

# --- Tests --------------------------------------------------------------------------------------

tally=$logs/tally

# suites LABEL DIR SUITE... [OPTION...]: run and count; the status is in the tally, not in $?.
suites() {
	label=$1
	dir=$2
	shift 2
	scripts/run-tests "$dir" "$@" --label "$label" --tally "$tally" || :
}

# check NAME COMMAND...: one lint check is one test.
check() {
	name=$1
	shift
	start=$(date +%s)
	if "$@" >"$logs/lint-$name.log" 2>&1; then
		printf 'ok    lint      %-36s %s\n' "$name" "$(($(date +%s) - start)) s"
		printf 'pass\tlint/%s\t\n' "$name" >>"$tally"
	else
		printf 'FAIL  lint      %-36s %s\n' "$name" "$(($(date +%s) - start)) s"
		tail -n 60 "$logs/lint-$name.log" | sed 's/^/      | /'
		printf 'fail\tlint/%s\tsee %s\n' "$name" "$logs/lint-$name.log" >>"$tally"
	fi
}

part_plain() {
	build_tests
	suites "$1" build "$1"
}

with_asan() {
	build_sanitizer build-asan address,undefined
	export ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	export BELFRY_TEST_DIVISOR=4
	suites "$@" --multiplier 4
}

part_asan() {
	with_asan asan build-asan unit device inject tools examples compat
}

# A fuzz target that only has to crash to be heard is worth little.
part_fuzz() {
	with_asan fuzz build-asan fuzz
}

# The sanitizer's shadow memory wants the addresses that a randomised layout may give away.
part_tsan() {
	build_sanitizer build-tsan thread
	wrapper=
	if setarch -R true 2>/dev/null; then
		wrapper='setarch -R'
	fi
	export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
	export BELFRY_TEST_DIVISOR=8
	# What orders two threads through a controller in another process is out of its sight.
	suites tsan build-tsan unit device soak --without served --multiplier 6 --wrapper "$wrapper"
}

# Correct programs, and one that is not, with a library that looks at who uses a queue.
part_owner() {
	configure build-owner -Dtests=enabled -Dbuildtype=debugoptimized -Downer_check=enabled
	compile build-owner
	export BELFRY_TEST_DIVISOR=4
	suites owner build-owner unit device --without variants
}

part_valgrind() {
	build_debug
	export BELFRY_TEST_DIVISOR=50
	suites valgrind build-debug unit device --without variants --multiplier 10 --wrapper \
		'valgrind -q --error-exitcode=9 --leak-check=full --fair-sched=try'
}

c_files() {
	find include src tools examples tests bench -name '*.[ch]' | sort
}

part_lint() {
	build_tests
	build_debug
	headers=$(find include src -name '*.h' | sort)
	# shellcheck disable=SC2046,SC2086 # lists of files
	{
		check format clang-format --dry-run -Werror $(c_files)
		check lengths scripts/check-lengths $(c_files)
		check layers scripts/check-layers
		check docstrings scripts/kdoc --check $headers
		check documents scripts/check-docs
		check symbols scripts/check-symbols build/src/libbelfry.so include/belfry
		check headers scripts/check-headers include
		check shell shellcheck $(grep -rlx '#!/bin/sh' ./do .ci scripts tests tools examples)
		check manual scripts/check-manual
		check sparse scripts/check-database sparse build-debug
		check cppcheck scripts/check-database cppcheck build-debug
		check tidy scripts/check-database tidy build-debug
	}
}

all_parts='unit device tools examples install compat inject soak owner model budget fuzz asan tsan valgrind lint vm linux'

test_part() {
	case $1 in
	fuzz | asan | owner | tsan | valgrind | lint) "part_$1" ;;
	*) part_plain "$1" ;;
	esac
}

# verdict: the counts as the last line, the exit status to match.
verdict() {
	passed=$(grep -c '^pass' "$tally" || :)
	failed=$(grep -c '^fail' "$tally" || :)
	skipped=$(grep -c '^skip' "$tally" || :)
	if [ "$failed" -gt 0 ]; then
		echo
		echo "What failed:"
		grep '^fail' "$tally" | cut -f 2- | sed 's/^/  /'
	fi
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

do_test() {
	mkdir -p "$logs"
	: >"$tally"
	# shellcheck disable=SC2086 # a list of words
	[ $# -gt 0 ] || set -- $all_parts
	for part; do
		case " $all_parts " in
		*" $part "*) ;;
		*) die "no test part '$part'; there are: $all_parts" ;;
		esac
	done
	need build test "$@"
	# In a subshell, a part's environment is its own and a build that fails ends that part alone.
	for part; do
		(test_part "$part") || printf 'fail\t%s\tcould not be built\n' "$part" >>"$tally"
	done
	verdict
}

# --- The other commands -------------------------------------------------------------------------

do_build() {
	need build
	build_release
}

do_run() {
	need build
	build_release tools/belfry
	exec build/tools/belfry demo "$@"
}

# revision_build REVISION: its tree and its build are in build-bench, by the name of the commit.
revision_build() {
	tree=build-bench/$1
	[ -d "$tree" ] || git worktree add --detach "$tree" "$1" >/dev/null
	(
		cd "$tree"
		[ -f build/build.ninja ] || meson setup build -Dtests=disabled
		ninja -C build
	)
}

# is_revision WORD: a commit, and no bench of that name
is_revision() {
	[ ! -f "bench/$1.c" ] && git rev-parse -q --verify "$1^{commit}" >/dev/null 2>&1
}

bench_names() {
	sed -n "s/^foreach name : //p; s/^benchmark('\(.*\)',/\1/p" bench/meson.build | tr -cd "a-z_\n " | xargs
}

do_bench() {
	if [ $# -ge 2 ] && is_revision "$1" && is_revision "$2"; then
		need build
		a=$(git rev-parse --short "$1^{commit}")
		b=$(git rev-parse --short "$2^{commit}")
		shift 2
		mkdir -p build-bench
		quiet "bench-$a" "building $a" revision_build "$a"
		quiet "bench-$b" "building $b" revision_build "$b"
		exec scripts/run-benches --compare "$a" "build-bench/$a/build" "$b" "build-bench/$b/build" "$@"
	fi
	for name; do
		case $name in
		-*) ;;
		*) [ -f "bench/$name.c" ] || die "no bench '$name'; there are: $(bench_names) (to compare, name two revisions first)" ;;
		esac
	done
	do_build >&2
	exec scripts/run-benches build "$@"
}

do_coverage() {
	need build test coverage
	configure build-cov -Dbuildtype=debug -Db_coverage=true -Dtests=enabled \
		-Dc_args=-fprofile-update=atomic
	compile build-cov
	find build-cov -name '*.gcda' -delete
	: >"$tally"
	export BELFRY_TEST_DIVISOR=4
	suites coverage build-cov unit device fuzz tools examples --multiplier 4
	gcovr --root . --object-directory build-cov --filter src/nvme --filter src/iommu \
		--filter src/emu
	verdict
}

# do_guests PART SCRIPT [TEST...]: guests by name; no names are all of them.
do_guests() {
	part=$1
	script=$2
	shift 2
	if [ $# -eq 0 ]; then
		do_test "$part"
		return
	fi
	check_names "tests/$part/" .sh "$@"
	need build test "$part"
	build_tests
	for name; do
		"$script" build "$name" || failed=1
	done
	[ -z "${failed:-}" ]
}

# The source is Debian's, of a version that has iommufd; it is unpacked, built and thrown away.
do_vm_kernel() {
	if [ -f build-vm/bzImage ]; then
		echo "build-vm/bzImage is there"
		return
	fi
	need vm-kernel
	mkdir -p build-vm/source
	(
		cd build-vm/source
		quiet vm-source "fetching linux-source-6.12" apt-get download linux-source-6.12
		quiet vm-unpack "unpacking it" sh -c \
			'dpkg -x ./*.deb . && tar -xf usr/src/linux-source-*.tar.xz --strip-components=1'
		quiet vm-config "configuring it" sh -c "make tinyconfig &&
			cat '$root/tests/vm/kernel.config' >>.config && make olddefconfig"
		quiet vm-build "building it: some minutes" make -j"$(nproc)" bzImage
	)
	mv build-vm/source/arch/x86/boot/bzImage build-vm/bzImage
	rm -rf build-vm/source
}

# do_soak [SECONDS [SEED [EPOCH]]]
do_soak() {
	seconds=${1:--}
	[ "$seconds" != - ] || seconds=600
	check_number SECONDS "$seconds"
	check_number SEED "${2:-0}"
	check_number EPOCH "${3:-0}"
	need build test
	build_tests
	exec build/tests/test_soak -v -t "$seconds" ${2:+-s "$2"} ${3:+-e "$3"}
}

# do_fuzz [SECONDS [TARGET...]]: what is found new stays in build-fuzz; what is worth keeping is put
# into tests/fuzz/corpus by hand.
do_fuzz() {
	seconds=${1:-300}
	[ $# -eq 0 ] || shift
	check_number SECONDS "$seconds"
	check_names tests/fuzz/fuzz_ .c "$@"
	need build test fuzz
	(
		# shellcheck disable=SC2031 # each tree has its own compiler
		export CC=clang
		configure build-fuzz -Dtests=enabled -Dbuildtype=debugoptimized -Db_lundef=false \
			-Dfuzzer=true -Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link
	)
	compile build-fuzz
	# shellcheck disable=SC2046 # names
	[ $# -gt 0 ] || set -- $(find tests/fuzz -name 'fuzz_*.c' | sed 's/.*fuzz_//; s/\.c$//' | sort)
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	for name; do
		mkdir -p "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name"
		echo "$name: $seconds s; its output is in $logs/fuzz-$name.log"
		"build-fuzz/tests/fuzz_$name" -max_total_time="$seconds" -max_len=2048 -timeout=60 \
			-artifact_prefix="build-fuzz/$name-" "build-fuzz/corpus/$name" \
			"tests/fuzz/corpus/$name" >"$logs/fuzz-$name.log" 2>&1 ||
			failed="${failed:-} $name"
		grep -a '^stat::\|^Done\|ERROR\|SUMMARY' "$logs/fuzz-$name.log" || :
	done
	[ -z "${failed:-}" ] || die "failed:$failed"
}

do_docs() {
	need docs
	# shellcheck disable=SC2046 # a list of files
	scripts/kdoc --md docs/api $(find include/belfry -name '*.h' | sort)
	scripts/check-manual
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
run) do_run "$@" ;;
test) do_test "$@" ;;
build) do_build ;;
bench) do_bench "$@" ;;
lint) do_test lint ;;
coverage) do_coverage ;;
soak) do_soak "$@" ;;
fuzz) do_fuzz "$@" ;;
vm) do_guests vm scripts/vm "$@" ;;
linux) do_guests linux scripts/linux-guest "$@" ;;
vm-kernel) do_vm_kernel ;;
docs) do_docs ;;
clean)
	[ ! -d build-bench ] || git worktree list --porcelain | sed -n "s,^worktree $root/build-bench,build-bench,p" |
		while read -r tree; do git worktree remove --force "$tree"; done
	rm -rf build build-asan build-owner build-tsan build-debug build-cov build-fuzz build-vm build-guest build-bench build-logs docs/api scripts/__pycache__ ;;
help | -h | --help) usage ;;
*)
	usage >&2
	exit 2
	;;
esac
