# Virtual functions: created, found, given resources, put online, and driven.
#
# kernel: small debian
# seconds: 180
# qemu: -device pcie-root-port,id=rp1,slot=1,chassis=1,addr=8
# qemu: -device nvme-subsys,id=ss0
# qemu: -device nvme,id=n0,serial=belfry0,bus=rp1,subsys=ss0,max_ioqpairs=10,msix_qsize=9,sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=4
# disk: d0 64M
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# qemu: -device nvme-ns,bus=n0,drive=d0,nsid=1,shared=on
# shellcheck shell=sh

export BELFRY_DEV=0000:01:00.0 BELFRY_DEV_SERIAL=belfry0
bind $BELFRY_DEV
echo Y >/sys/module/vfio_pci/parameters/enable_sriov
for way in $ways; do
	way "$way"
	run "$way" vm_sriov
done
