# Mappings by the ten thousand, with what they are counted by back where it was; and what one takes.
#
# kernel: small debian
# seconds: 300
# qemu: -m 1024
# disk: d0 64M
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,drive=d0
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# shellcheck shell=sh

export BELFRY_DEV=0000:00:04.0 BELFRY_DEV_SERIAL=belfry0
bind $BELFRY_DEV
for way in $ways; do
	way "$way"
	run "$way" vm_maps 50000
	check "$way: maps and unmaps are measured beside the kernel's own" bench_iommu
	cat /tmp/check
done
