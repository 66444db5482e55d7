# A medium that does not read, a device that is slow, and users who lack something.
#
# kernel: small debian
# seconds: 240
# disk: d0 64M
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,drive=d0
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# disk: d1 64M
# qemu: -blockdev '{{"driver":"blkdebug","node-name":"d1","image":{{"driver":"file","filename":"{dir}/d1"}},"inject-error":[{{"event":"none","iotype":"read","sector":16384,"errno":5}}]}}'
# qemu: -device nvme,id=n1,serial=belfry1,addr=5,drive=d1
# qemu: -blockdev driver=null-co,node-name=d2,size=67108864,latency-ns=300000000,read-zeroes=on
# qemu: -device nvme,id=n2,serial=belfry2,addr=6,drive=d2
# shellcheck shell=sh

dev=0000:00:04.0
check "a function of the kernel's driver says so" \
	says "bound to 'nvme', not to vfio-pci: run 'belfry bind $dev'" belfry identify $dev
check "a function that is not there says so" \
	says "there is no such PCI function" belfry identify 0000:00:1e.0
check "something that is no device says so" says "form" belfry identify 0000:00:04

bind $dev
bind 0000:00:05.0
bind 0000:00:06.0
group=$(readlink /sys/bus/pci/devices/$dev/iommu_group)
group=/dev/vfio/${group##*/}

as_user() {
	su -s /bin/sh nobody -c "$*"
}

[ -c /dev/iommu ] && chmod 600 /dev/iommu /dev/vfio/devices/*
chmod 600 "$group"
check "without permission it says for which node" \
	says "$group: no permission" as_user belfry identify $dev
chown nobody "$group"
chmod 666 /dev/vfio/vfio
check "the group's node is enough, by the way of type 1" \
	as_user belfry identify $dev
check "too little memory to lock: what is needed and allowed, type 1" \
	says "KiB of locked memory needed with what is mapped, 4 KiB allowed" \
	as_user "ulimit -l 4 && belfry identify $dev"
if [ -c /dev/iommu ]; then
	chown nobody /dev/iommu /dev/vfio/devices/*
	check "a user with the function's own node" \
		as_user belfry identify $dev
	check "too little memory to lock: what is needed and allowed, iommufd" \
		says "KiB of locked memory needed with what is mapped, 4 KiB allowed" \
		as_user "ulimit -l 4 && belfry identify $dev"
fi

for way in $ways; do
	way "$way"
	export BELFRY_DEV_SERIAL=belfry1 BELFRY_DEV=0000:00:05.0
	run $way vm_fault fault__medium
	export BELFRY_DEV_SERIAL=belfry2 BELFRY_DEV=0000:00:06.0
	run $way vm_fault fault__slow
done

limit=/sys/module/vfio_iommu_type1/parameters/dma_entry_limit
echo 100 >$limit
way type1
BELFRY_DEV=$dev BELFRY_DEV_SERIAL=belfry0 run type1 vm_fault fault__no_more_mappings
