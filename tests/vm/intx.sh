# Interrupts by the line, on a machine that has no messages to give.
#
# kernel: small debian
# append: pci=nomsi
# seconds: 90
# qemu: -device edu,addr=6
# disk: d0 64M
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,drive=d0
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# shellcheck shell=sh

export BELFRY_DEV=0000:00:04.0 BELFRY_DEV_SERIAL=belfry0 BELFRY_EDU=0000:00:06.0
bind $BELFRY_DEV
bind $BELFRY_EDU
for way in $ways; do
	way "$way"
	run "$way" vm_irq irq__a_line
	run "$way" vm_irq irq__io_by_a_line
done
