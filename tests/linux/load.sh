# Load on several queues of two controllers at once, checked by fio, with interrupts and without.
#
# seconds: 240
# programs: bin/fio
# append: nvme.poll_queues=1
# serve: c0 size=64M,ns=2,serial=belfry0,dbbuf=on
# serve: c1 size=64M,lbads=12,sgl=off,mdts=5,mqes=64,cmb=8M,serial=belfry1,vid=0x1234,did=0x5678
# disk: r0 64M
# disk: r1 64M
# reference: -drive id=r0,file={dir}/r0,format=raw,if=none,cache=unsafe
# reference: -device nvme,id=n0,serial=belfry0 -device nvme-ns,bus=n0,drive=r0,nsid=1
# disk: r2 64M
# reference: -drive id=r2,file={dir}/r2,format=raw,if=none,cache=unsafe
# reference: -device nvme-ns,bus=n0,drive=r2,nsid=2
# reference: -drive id=r1,file={dir}/r1,format=raw,if=none,cache=unsafe
# reference: -device nvme,id=n1,serial=belfry1
# reference: -device nvme-ns,bus=n1,drive=r1,logical_block_size=4096,physical_block_size=4096
# shellcheck shell=dash disable=SC2154

c0=$(ctrl belfry0)
c1=$(ctrl belfry1)

both_live() {
	live "$c0" && live "$c1" && n1=$(disk "$c0" 1) && n2=$(disk "$c0" 2) &&
		m1=$(disk "$c1" 1) && [ -b "/dev/$n1" ] && [ -b "/dev/$n2" ] && [ -b "/dev/$m1" ]
}

# Two processors: a queue for each, one that is polled, and the admin queue.
queues() {
	same "$(cat "/sys/class/nvme/$c0/queue_count")" 4 &&
		same "$(cat "/sys/class/nvme/$c1/queue_count")" 4 &&
		dmesg | grep "$c0: 2/0/1 default/read/poll queues"
}

# interrupts CTRL QUEUE: how many there were.
interrupts() {
	awk -v "name=$1q$2" '$NF == name { print $2 + $3 }' /proc/interrupts
}

# All interrupts of a queue come by a vector of its own; one that is polled has none.
vectors() {
	grep nvme /proc/interrupts
	for controller in "$c0" "$c1"; do
		[ "$(interrupts "$controller" 0)" -gt 5 ] &&
			[ "$(interrupts "$controller" 1)" -gt 100 ] &&
			[ "$(interrupts "$controller" 2)" -gt 100 ] &&
			same "$(interrupts "$controller" 3)" "" || return
	done
}

# verify DEVICE OPTIONS...: random writes, all of which are read again.
verify() {
	device=$1
	shift
	fio --name="$device" --filename="/dev/$device" --direct=1 --verify=crc32c --verify_fatal=1 \
		--rw=randwrite --size=8M --cpus_allowed=0,1 --output-format=terse "$@"
}

both() {
	verify "$n1" "$@" 2>&1 &
	verify "$m1" "$@" 2>&1
	status=$?
	wait $! && return $status
}

# Both namespaces of a controller, from both processors.
spaces() {
	fio --direct=1 --verify=crc32c --verify_fatal=1 --ioengine=libaio --iodepth=16 --bs=4k \
		--rw=randwrite --size=4M --output-format=terse \
		--name=n1 --filename="/dev/$n1" --cpus_allowed=0 \
		--name=n2 --filename="/dev/$n2" --cpus_allowed=1
}

# The data of one namespace is not that of the other.
apart() {
	yes 'in the first' | head -c 1048576 | dd "of=/dev/$n1" bs=1M oflag=direct iflag=fullblock &&
		yes 'in the second' | head -c 1048576 |
		dd "of=/dev/$n2" bs=1M oflag=direct iflag=fullblock &&
		same "$(dd "if=/dev/$n1" bs=4k count=1 iflag=direct | head -n 1)" 'in the first' &&
		same "$(dd "if=/dev/$n2" bs=4k count=1 iflag=direct | head -n 1)" 'in the second'
}

# The second controller has memory for submission queues, and the kernel puts them there.
in_its_memory() {
	memory=/sys/class/nvme/$c1/device/p2pmem
	cat "/sys/class/nvme/$c1/cmb"
	echo "$(cat "$memory/available") of $(cat "$memory/size") bytes are left"
	[ "$(cat "$memory/available")" -lt "$(cat "$memory/size")" ]
}

need "two controllers are live" waits both_live
check "queues" queues
check "queues in the controller's memory" in_its_memory
check "4 KiB, 32 at once" both --ioengine=libaio --iodepth=32 --bs=4k
check "4 KiB to 512 KiB" both --ioengine=libaio --iodepth=8 --bsrange=4k-512k --size=16M
check "one at a time" both --ioengine=psync --bs=4k --size=1M
check "polled" both --ioengine=io_uring --hipri --iodepth=8 --bs=8k --size=4M
check "two namespaces" spaces
check "they are two" apart
check "vectors" vectors
check "the kernel has no complaint" quiet
