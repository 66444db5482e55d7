# What nvme-cli says of a controller and does to it.
#
# seconds: 240
# programs: sbin/nvme sbin/mkfs.ext4
# append: iomem=relaxed
# serve: c0 size=64M,ns=2,capacity=256M,serial=belfry0,vid=0x1234,did=0x5678
# disk: r0 64M
# disk: r1 64M
# reference: -device nvme,id=n0,serial=belfry0
# reference: -drive id=r0,file={dir}/r0,format=raw,if=none,cache=unsafe
# reference: -device nvme-ns,bus=n0,drive=r0,nsid=1
# reference: -drive id=r1,file={dir}/r1,format=raw,if=none,cache=unsafe
# reference: -device nvme-ns,bus=n0,drive=r1,nsid=2
# shellcheck shell=dash disable=SC2154

me=$(ctrl belfry0)
c0=/dev/$me

# node NSID
node() {
	echo "/dev/$(disk "$me" "$1")"
}

there() {
	live "$me" && n1=$(node 1) && n2=$(node 2) && [ -b "$n1" ] && [ -b "$n2" ]
}

# field NAME COMMAND...: what nvme-cli prints behind that name, without blanks at the ends.
field() {
	field=$1
	shift
	nvme "$@" | awk -F: -v "field=$field" '{ name = $1; sub(/[ \t]+$/, "", name) }
		name == field { sub(/^[^:]*:[ \t]*/, ""); sub(/[ \t]+$/, ""); print; exit }'
}

# is VALUE NAME COMMAND...
is() {
	value=$1
	shift
	same "$(field "$@")" "$value"
}

controller() {
	nvme id-ctrl "$c0"
	is 0x1234 vid id-ctrl "$c0" && is belfry0 sn id-ctrl "$c0" && is 8 mdts id-ctrl "$c0" &&
		is 0x20000 ver id-ctrl "$c0" && is 0x66 sqes id-ctrl "$c0" &&
		is 268435456 tnvmcap id-ctrl "$c0" && is 134217728 unvmcap id-ctrl "$c0"
}

namespace() {
	nvme id-ns "$n1"
	is 0x20000 nsze id-ns "$n1" && is 0x20000 ncap id-ns "$n1" && is 0 flbas id-ns "$n1" &&
		nvme list | grep "^$n1.*belfry0.*67.11  MB.*512   B"
}

lists() {
	nvme list-ns "$c0"
	same "$(nvme list-ns "$c0" | grep -o ':0x.*' | tr -d '\n')" :0x1:0x2 &&
		nvme list-ctrl "$c0" | grep 'present: 1$' && nvme list-ctrl "$c0" -n 2 | grep 'present: 1$'
}

others() {
	nvme ns-descs "$n1" && nvme id-iocs "$c0" && nvme cmdset-ind-id-ns "$n1" &&
		nvme nvm-id-ctrl "$c0" && nvme nvm-id-ns "$n1" &&
		nvme id-ns-lba-format "$c0" -i 0
}

# The kernel and nvme-cli, each by its own way, find the same identifiers.
identifiers() {
	nvme ns-descs "$n1"
	for disk in "$n1" "$n2"; do
		is "$(cat "/sys/class/block/${disk#/dev/}/uuid")" uuid ns-descs "$disk" &&
			is "$(tr -d - <"/sys/class/block/${disk#/dev/}/nguid")" nguid ns-descs "$disk" ||
			return
	done
	fails same "$(field uuid ns-descs "$n1")" "$(field uuid ns-descs "$n2")"
}

registers() {
	nvme show-regs "$c0" | tee /tmp/regs
	grep -q '^version *: 0x20000$' /tmp/regs && grep -q '^csts *: 0x1$' /tmp/regs
}

# Eight commands are eight.
smart() {
	nvme smart-log "$c0" && before=$(field host_write_commands smart-log "$c0") &&
		dd if=/dev/zero "of=$n1" bs=128k count=8 oflag=direct &&
		is $((before + 8)) host_write_commands smart-log "$c0"
}

errors() {
	refused 'LBA Out of Range' nvme read "$n1" --start-block=0x20000 --data-size=512 &&
		nvme error-log "$c0" -e 4 | tee /tmp/errors
	same "$(field error_count error-log "$c0" -e 1)" 1 && is 0x20000 lba error-log "$c0" -e 1 &&
		field status_field error-log "$c0" -e 1 | grep 'LBA Out of Range' &&
		is 1 num_err_log_entries smart-log "$c0"
}

logs() {
	nvme effects-log "$c0" | grep -i 'format nvm' && nvme fw-log "$c0" &&
		nvme supported-log-pages "$c0" &&
		nvme changed-ns-list-log "$c0" && nvme fid-support-effects-log "$c0"
}

features() {
	for feature in 1 2 4 6 7 8 0xa 0xb 0xe 0xf; do
		nvme get-feature "$c0" -f $feature || return
	done
	nvme get-feature "$c0" -n 1 -f 5 && nvme get-feature "$c0" -f 9 --cdw11=1 &&
		nvme set-feature "$c0" -f 4 -V 0x140 &&
		nvme get-feature "$c0" -f 4 | grep 0x00000140 &&
		nvme get-feature "$c0" -f 6 | grep 0x00000001 && nvme set-feature "$c0" -f 6 -V 0 &&
		nvme get-feature "$c0" -f 6 | grep value:00000000 && nvme set-feature "$c0" -f 6 -V 1
}

block() {
	yes "$1" | head -c 4096
}

# Eight blocks at once: nvme-cli counts from zero.
commands() {
	block one >/tmp/one
	nvme write "$n1" -s 64 -c 7 -z 4096 -d /tmp/one &&
		nvme read "$n1" -s 64 -c 7 -z 4096 -d /tmp/read && cmp /tmp/one /tmp/read &&
		nvme compare "$n1" -s 64 -c 7 -z 4096 -d /tmp/one &&
		refused 'Compare Failure' nvme compare "$n1" -s 65 -c 7 -z 4096 -d /tmp/one &&
		nvme flush "$n1" && nvme verify "$n1" -s 64 -c 7 &&
		nvme copy "$n1" --sdlba=128 --slbs=64 --blocks=7 &&
		nvme compare "$n1" -s 128 -c 7 -z 4096 -d /tmp/one &&
		nvme write-zeroes "$n1" -s 64 -c 7 && head -c 4096 /dev/zero >/tmp/zero &&
		nvme compare "$n1" -s 64 -c 7 -z 4096 -d /tmp/zero &&
		nvme dsm "$n1" --ad --slbs=128 --blocks=8 &&
		nvme compare "$n1" -s 128 -c 7 -z 4096 -d /tmp/zero &&
		nvme write-uncor "$n1" -s 128 -c 7 &&
		refused 'Unrecovered Read Error' nvme read "$n1" -s 128 -c 7 -z 4096 -d /tmp/read &&
		nvme write "$n1" -s 128 -c 7 -z 4096 -d /tmp/one && nvme verify "$n1" -s 128 -c 7
}

refusals() {
	refused 'Invalid Command Opcode' nvme admin-passthru "$c0" --opcode=0x7f &&
		refused 'Invalid Command Opcode' nvme io-passthru "$n1" --opcode=0x7f -n 1 &&
		refused 'Invalid Log Page' nvme get-log "$c0" --log-id=0x7f --log-len=512 &&
		refused 'Invalid Field' nvme get-feature "$c0" -f 0x7f &&
		refused 'Invalid Namespace' nvme admin-passthru "$c0" --opcode=6 -n 1000 --cdw10=0 -r -l 4096
}

format() {
	block lost | dd "of=$n2" bs=4096 oflag=direct && nvme format "$n2" --block-size=4096 --force &&
		waits same "$(queue "${n2#/dev/}" logical_block_size)" 4096 &&
		same "$(bytes "${n2#/dev/}")" 67108864 && head -c 4096 /dev/zero >/tmp/zero &&
		dd "if=$n2" of=/tmp/read bs=4096 count=1 iflag=direct && cmp /tmp/zero /tmp/read &&
		there_and_back "${n2#/dev/}" 1 &&
		nvme format "$n2" --block-size=512 --ses=1 --force &&
		waits same "$(queue "${n2#/dev/}" logical_block_size)" 512
}

# attached NSID
attached() {
	[ -n "$(disk "$me" "$1")" ]
}

detach() {
	nvme detach-ns "$c0" -n 2 -c "$(field cntlid id-ctrl "$c0")" && waits fails attached 2 &&
		same "$(nvme list-ns "$c0" | grep -o ':0x.*' | tr -d '\n')" :0x1 &&
		nvme delete-ns "$c0" -n 2 && is 201326592 unvmcap id-ctrl "$c0"
}

# 4096 blocks of 4 KiB.
create() {
	nvme create-ns "$c0" -s 4096 -c 4096 --block-size=4096 | tee /tmp/created &&
		grep 'nsid:2$' /tmp/created && fails attached 2 &&
		nvme attach-ns "$c0" -n 2 -c "$(field cntlid id-ctrl "$c0")" && waits attached 2 &&
		n2=$(node 2) && waits test -b "$n2" &&
		same "$(bytes "${n2#/dev/}")" 16777216 &&
		same "$(queue "${n2#/dev/}" logical_block_size)" 4096 &&
		is 184549376 unvmcap id-ctrl "$c0"
}

use() {
	mkfs.ext4 -q "$n2" && mounted "${n2#/dev/}" fill /mnt && mounted "${n2#/dev/}" filled /mnt
}

too_large() {
	refused 'Insufficient Capacity' nvme create-ns "$c0" -s 0x100000 -c 0x100000 --block-size=512
}

need "the controller is live" waits there
check "id-ctrl" controller
check "id-ns, list" namespace
check "list-ns, list-ctrl" lists
check "other structures" others
check "identifiers" identifiers
check "registers" registers
check "smart-log" smart
check "error-log" errors
check "other logs" logs
check "features" features
check "commands" commands
check "what is not there is refused" refusals
check "format" format
check "detach-ns, delete-ns" detach
check "create-ns, attach-ns" create
check "a file system on what was created" use
check "no namespace larger than what is left" too_large
check "the kernel has no complaint" quiet
