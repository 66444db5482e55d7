# The device suite through the group and a type 1 container, with the kernel of the distribution,
# which has no iommufd.
#
# kernel: debian small
# seconds: 600
# disk: d0 256M
# disk: d1 64M
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,max_ioqpairs=64,msix_qsize=65,cmb_size_mb=16
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# qemu: -device nvme-ns,bus=n0,drive=d0,nsid=1
# qemu: -drive id=d1,file={dir}/d1,format=raw,if=none,cache=unsafe
# qemu: -device nvme-ns,bus=n0,drive=d1,nsid=2,logical_block_size=4096,physical_block_size=4096,ms=8
# disk: d2 64M
# qemu: -drive id=d2,file={dir}/d2,format=raw,if=none,cache=unsafe
# qemu: -object memory-backend-file,id=pmr,share=on,mem-path={dir}/pmr,size=16M
# qemu: -device nvme,id=n1,serial=belfry1,addr=5,drive=d2,pmrdev=pmr
# disk: d3 64M
# disk: d4 16M
# qemu: -device nvme,id=n2,serial=belfry2,addr=6
# qemu: -drive id=d3,file={dir}/d3,format=raw,if=none,cache=unsafe
# qemu: -device nvme-ns,bus=n2,drive=d3,nsid=1,logical_block_size=4096,physical_block_size=4096,ms=8,mset=0
# qemu: -drive id=d4,file={dir}/d4,format=raw,if=none,cache=unsafe
# qemu: -device nvme-ns,bus=n2,drive=d4,nsid=7,logical_block_size=4096,physical_block_size=4096,ms=16,mset=1
# shellcheck shell=sh

way type1
export BELFRY_DEV2=0000:00:05.0 BELFRY_DEV=0000:00:04.0 BELFRY_DEV_SERIAL=belfry0
# QEMU 7.2 itself ends by SIGSEGV there, in three runs of four.
export BELFRY_DEV_FRAGILE=1
check "vfio-pci takes the function" bind $BELFRY_DEV
check "and the other one" bind $BELFRY_DEV2
suite type1
BELFRY_DEV=$BELFRY_DEV2 BELFRY_DEV_SERIAL=belfry1 run type1/pmr device_buffers
run type1/vfio vm_vfio

# Blocks of 4 KiB with metadata in a buffer of its own, and in another namespace behind each block.
bind 0000:00:06.0
for program in device_namespaces device_io device_paths; do
	BELFRY_DEV=0000:00:06.0 BELFRY_DEV_SERIAL=belfry2 run type1/4k $program
done
