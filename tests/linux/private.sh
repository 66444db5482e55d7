# Memory of the guest that is not shared: each byte of it goes by a message, and QEMU answers none
# while it waits for a reply itself.
#
# seconds: 240
# private: yes
# serve: c0 size=64M,serial=belfry0
# disk: r0 64M
# reference: -drive id=r0,file={dir}/r0,format=raw,if=none,cache=unsafe
# reference: -device nvme,serial=belfry0,drive=r0
# shellcheck shell=dash disable=SC2154

c0=$(ctrl belfry0)
disk=${c0}n1

there() {
	live "$c0" && [ -b "/dev/$disk" ]
}

need "the controller is live" waits there
check "there and back" there_and_back "$disk" 0
check "twice, elsewhere" there_and_back "$disk" 32
check "the kernel has no complaint" quiet
