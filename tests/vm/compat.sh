# Programs in the manner of libvfn's users, on a real driver behind iommufd and behind type 1.
#
# kernel: small debian
# seconds: 240
# disk: d0 64M
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,max_ioqpairs=64,msix_qsize=65,cmb_size_mb=16
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# qemu: -device nvme-ns,bus=n0,drive=d0,nsid=1
# qemu: -device pcie-root-port,id=rp1,slot=1,chassis=1,addr=8
# qemu: -device nvme-subsys,id=ss0
# qemu: -device nvme,id=n1,serial=belfry1,bus=rp1,subsys=ss0,max_ioqpairs=10,msix_qsize=9,sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=4
# disk: d1 64M
# qemu: -drive id=d1,file={dir}/d1,format=raw,if=none,cache=unsafe
# qemu: -device nvme-ns,bus=n1,drive=d1,nsid=1,shared=on
# shellcheck shell=sh

dev=0000:00:04.0
pf=0000:01:00.0
check "vfio-pci takes the function" bind $dev
check "and the other one" bind $pf
echo Y >/sys/module/vfio_pci/parameters/enable_sriov
export VFTOKEN=2ab74924-c335-45f4-9b16-8569e5b08258

both() {
	for program in sync engine rings regs documented; do
		run "$1/$program" compat_$program $dev
	done
	run "$1/sriov" compat_sriov $pf
	check "$1: mappings are traced" says '_map: vaddr 0x.* iova 0x' \
		env VFN_TRACE_EVENTS=iommufd,vfio_iommu compat_regs $dev
}

both default
export VFN_IOMMU_FORCE_VFIO=1
both forced
