# Resets of every kind, while a load is verified and between.
#
# seconds: 240
# programs: bin/fio sbin/nvme
# serve: c0 size=64M,serial=belfry0
# disk: r0 64M
# reference: -drive id=r0,file={dir}/r0,format=raw,if=none,cache=unsafe
# reference: -device nvme,serial=belfry0,drive=r0,addr=4
# shellcheck shell=dash disable=SC2154

function=/sys/bus/pci/devices/0000:00:04.0
c0=$(ctrl belfry0)
disk=${c0}n1
resetting="$c0: resetting controller"

there() {
	live "$c0" && [ -b "/dev/$disk" ]
}

pattern() {
	yes 'survives' | head -c 1048576
}

write_pattern() {
	pattern | dd "of=/dev/$disk" bs=1M iflag=fullblock oflag=direct
}

has_pattern() {
	pattern >/tmp/pattern
	waits there && dd "if=/dev/$disk" of=/tmp/found bs=1M count=1 iflag=direct &&
		cmp /tmp/pattern /tmp/found
}

# five COMMAND...: and after each the data is there.
five() {
	for _ in $(seq 5); do
		"$@" && has_pattern || return
	done
}

ctrl_reset() {
	nvme reset "/dev/$c0"
}

function_reset() {
	echo flr >$function/reset_method && echo 1 >$function/reset
}

rebind() {
	echo 0000:00:04.0 >/sys/bus/pci/drivers/nvme/unbind &&
		fails test -b "/dev/$disk" && echo 0000:00:04.0 >/sys/bus/pci/drivers/nvme/bind
}

rescan() {
	echo 1 >$function/remove && fails test -e $function && echo 1 >/sys/bus/pci/rescan
}

# The load waits, and goes on.
under_load() {
	fio --name=load --filename="/dev/$disk" --direct=1 --ioengine=libaio --iodepth=16 --bs=4k \
		--offset=2M --size=16M --rw=randwrite --verify=crc32c --verify_fatal=1 \
		--output-format=terse >/tmp/fio 2>&1 &
	resets=0
	while kill -0 $! 2>/dev/null; do
		"$@" && waits live "$c0" && resets=$((resets + 1))
		sleep 0.3
	done
	echo "$resets resets"
	cat /tmp/fio
	wait $! && [ $resets -ge 3 ]
}

need "the controller is live" waits there
check "a pattern is written" write_pattern
check "five resets of the controller" five ctrl_reset
check "five of the function" five function_reset
check "five times without driver and with it" five rebind
check "five times off the bus and on it" five rescan
check "resets of the controller under load" under_load ctrl_reset
check "resets of the function under load" under_load function_reset
check "the kernel has no complaint" quiet "$resetting"
