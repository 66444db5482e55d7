# Errors that the bus reports: one that it recovers from, and a fatal one, under a waiter and under
# load.
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
# shellcheck shell=sh

bind 0000:01:00.0
bind 0000:02:00.0
for way in $ways; do
	way "$way"
	BELFRY_DEV=0000:01:00.0 BELFRY_DEV_SERIAL=belfry0 run "$way, recovers" \
		vm_fault fault__survives_an_error "@hmp pcie_aer_inject_error rp0 COMP_TIME"
done
way "${ways%% *}"
BELFRY_DEV=0000:01:00.0 BELFRY_DEV_SERIAL=belfry0 run "${ways%% *}, idle" \
	vm_fault fault__gone_under_a_waiter "@hmp pcie_aer_inject_error rp0 DLP"
way type1
BELFRY_DEV=0000:02:00.0 BELFRY_DEV_SERIAL=belfry1 run "type1, load" \
	vm_fault fault__gone_under_load "@hmp pcie_aer_inject_error rp1 DLP"
BELFRY_DEV=0000:02:00.0 BELFRY_DEV_SERIAL=belfry1 run "type1, opened again" device_sync
