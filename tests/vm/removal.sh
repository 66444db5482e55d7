# Devices that go away: hot-unplug, idle and under load.
#
# kernel: small debian
# seconds: 300
# disk: d0 64M
# qemu: -device pcie-root-port,id=rp0,slot=1,chassis=1,addr=8
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# qemu: -device nvme,id=n0,serial=belfry0,bus=rp0,drive=d0
# disk: d1 64M
# qemu: -device pcie-root-port,id=rp1,slot=2,chassis=2,addr=9
# qemu: -drive id=d1,file={dir}/d1,format=raw,if=none,cache=unsafe
# qemu: -device nvme,id=n1,serial=belfry1,bus=rp1,drive=d1
# disk: d2 64M
# qemu: -device pcie-root-port,id=rp2,slot=3,chassis=3,addr=a
# qemu: -drive id=d2,file={dir}/d2,format=raw,if=none,cache=unsafe
# qemu: -device nvme,id=n2,serial=belfry2,bus=rp2,drive=d2
# shellcheck shell=sh

removed() {
	[ ! -e "/sys/bus/pci/devices/$1" ]
}

unplug() {
	bind "$2"
	BELFRY_DEV=$2 BELFRY_DEV_SERIAL=belfry${4#n} run "$1" vm_fault "$3" \
		"@qmp {\"execute\":\"device_del\",\"arguments\":{\"id\":\"$4\"}}"
	check "$1: the kernel got the function back" patiently removed "$2"
	check "$1: and opening it says that it is not there" \
		says "there is no such PCI function" belfry identify "$2"
}

best=${ways%% *}
unplug "$best, idle" 0000:01:00.0 fault__gone_under_a_waiter n0
unplug "$best, load" 0000:02:00.0 fault__gone_under_load n1
way type1
unplug "type1, load" 0000:03:00.0 fault__gone_under_load n2
