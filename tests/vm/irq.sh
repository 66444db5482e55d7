# Interrupts by messages: one alone (MSI), and more than the machine's one processor has.
#
# kernel: small debian
# seconds: 90
# qemu: -smp 1
# qemu: -device edu,addr=6
# disk: d0 64M
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,drive=d0,msix_qsize=512
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# shellcheck shell=sh

export BELFRY_DEV=0000:00:04.0 BELFRY_DEV_SERIAL=belfry0 BELFRY_EDU=0000:00:06.0
bind $BELFRY_DEV
bind $BELFRY_EDU
for way in $ways; do
	way "$way"
	check "$way: a function of another class is refused" \
		says "class 0x00ff00 is no NVMe controller" belfry identify $BELFRY_EDU
	run "$way" vm_irq irq__one_message
	run "$way" vm_irq irq__fewer_than_wanted
done
