# Deadlines with callbacks, and the ladder, against a controller that takes 600 ms for a read.
#
# kernel: small debian
# seconds: 180
# qemu: -blockdev driver=null-co,node-name=d0,size=67108864,latency-ns=600000000,read-zeroes=on
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,drive=d0
# shellcheck shell=sh

export BELFRY_DEV=0000:00:04.0 BELFRY_DEV_SERIAL=belfry0
bind $BELFRY_DEV
for way in $ways; do
	way "$way"
	for test in in_time by_itself by_an_abort by_a_reset; do
		run "$way" vm_recover recover__$test
	done
done
