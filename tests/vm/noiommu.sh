# A machine without an IOMMU, and VFIO's mode for those who insist.
#
# kernel: small
# seconds: 120
# qemu: -M q35
# disk: d0 64M
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,drive=d0
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# disk: d1 64M
# qemu: -device nvme,id=n1,serial=belfry1,addr=5,drive=d1
# qemu: -drive id=d1,file={dir}/d1,format=raw,if=none,cache=unsafe
# shellcheck shell=sh

dev=0000:00:04.0
other=0000:00:05.0

check "the doctor says that the IOMMU is off" says "FAIL *the IOMMU is on" belfry doctor
check "without an IOMMU vfio-pci does not take it" fails belfry bind $dev
echo Y >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
check "told that this is safe enough, it does" belfry bind $dev
check "and the other one" belfry bind $other
check "it is not used without being asked for" \
	says "behind no IOMMU: it would reach all of the machine's memory" belfry identify $dev
check "and that is a failure" fails belfry identify $dev
check "the doctor says so" says "BELFRY_UNSAFE_NOIOMMU=1" belfry doctor $dev

export BELFRY_UNSAFE_NOIOMMU=1
check "without huge pages it says what is missing" says "nr_hugepages" belfry identify $dev
echo 90 >/proc/sys/vm/nr_hugepages
check "asked for, it works" says belfry0 belfry identify $dev
check "and warns" says "warning: $dev: behind no IOMMU" belfry identify $dev
check "a load with verification" \
	belfry perf $dev --serial belfry0 --pattern mix --verify --count 2000 --region 16M

export BELFRY_DEV=$dev BELFRY_DEV2=$other BELFRY_DEV_SERIAL=belfry0
for program in device_identify device_io device_paths device_aer; do
	run noiommu/$program $program
done
run noiommu vm_noiommu
check "all huge pages are free again" \
	says "HugePages_Free: *90" cat /proc/meminfo
