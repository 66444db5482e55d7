# The commands that look at the machine and move functions between drivers, against the real sysfs.
#
# kernel: small debian
# seconds: 180
# disk: d0 64M
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,drive=d0
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# disk: d1 64M
# qemu: -device nvme,id=n1,serial=belfry1,addr=5,drive=d1
# qemu: -drive id=d1,file={dir}/d1,format=raw,if=none,cache=unsafe
# disk: d2 64M
# qemu: -device nvme,id=n2,serial=belfry2,addr=6.0,multifunction=on,drive=d2
# qemu: -drive id=d2,file={dir}/d2,format=raw,if=none,cache=unsafe
# disk: d3 64M
# qemu: -device nvme,id=n3,serial=belfry3,addr=6.1,drive=d3
# qemu: -drive id=d3,file={dir}/d3,format=raw,if=none,cache=unsafe
# shellcheck shell=sh

a=0000:00:04.0
b=0000:00:05.0
driver_of() {
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
}
has_driver() {
	[ "$(driver_of "$1")" = "$2" ]
}

# The kernel looks for namespaces in its own time.
patiently test -e /dev/nvme3n1
block=$(basename "$(echo /sys/bus/pci/devices/$a/nvme/nvme*/nvme*n1)" | sed 's/c[0-9]*n/n/')

check "list shows the controller with its serial number" says "belfry0" belfry list
check "and as JSON" says '"address": "0000:00:05.0"' belfry list --json
check "the doctor says that it is not bound, and how to" \
	says "as root: belfry bind $a" belfry doctor $a
check "and fails" fails belfry doctor $a

check "the kernel has a disk for it" test -b "/dev/$block"
vm_hold "/dev/$block" &
holder=$!
patiently holds $holder "/dev/$block"
check "a disk that is in use is not taken away" \
	says "is in use, and stays as it is: $block" belfry bind $a
kill $holder
wait $holder
check "and its driver is still the kernel's" has_driver $a nvme

check "bind takes the one that was named" belfry bind $a
check "it has it" has_driver $a vfio-pci
check "and not the other of the same kind" has_driver $b nvme
check "bound twice is bound" belfry bind $a
check "the doctor is content" belfry doctor $a
check "so is its JSON" says '"ok": true' belfry doctor $a --json
check "the controller works" says belfry0 belfry identify $a
check "a driver that is not there" says "modprobe no-such" belfry bind $b --driver no-such
check "the other one is where it was" has_driver $b nvme
check "a driver that does not take it" \
	says "cannot be given to 'pcieport'" belfry bind $b --driver pcieport
check "gives it back" has_driver $b nvme
check "a function that is no controller is not bound" \
	says "no NVMe controller" belfry bind 0000:00:00.0
check "nor one that is not there" says "no such function" belfry bind 0000:00:1e.0
check "nor something that is no address" says "no PCI address" belfry bind ../../0

export BELFRY_DEV=$a BELFRY_DEV_SERIAL=belfry0
vm_fault fault__writes_for_ever >/tmp/writes 2>&1 &
pid=$!
patiently grep -q writing /tmp/writes
check "list says which process has it" says "process $pid (vm_fault)" belfry list
check "and it is not taken away from that" says "process $pid" belfry unbind $a
check "the doctor says who has it" says "process $pid" belfry doctor $a
kill -9 $pid
wait $pid

for way in $ways; do
	way "$way"
	check "a load with verification, $way" \
		belfry perf $a --serial belfry0 --pattern mix --verify --count 2000 --region 16M
done

# A user who may do nothing yet, and what the doctor says that root has to do for him.
as_user() { # KIB COMMAND...
	(ulimit -l "$1" && shift && su -s /bin/sh nobody -c "$*")
}
remedy() {
	"$@" | grep -A1 ^FAIL | sed -n 's/^.*as root: //p'
}
for way in $ways; do
	way "$way"
	for node in /dev/vfio/* /dev/vfio/devices/* /dev/iommu; do
		[ -c "$node" ] && chown root "$node" && chmod 600 "$node"
	done
	check "$way: another user may not open it, says the doctor" \
		says "FAIL *this user may open its node" as_user 65536 belfry doctor $a
	check "$way: and it fails" fails as_user 65536 belfry doctor $a
	remedy as_user 65536 belfry doctor $a >/tmp/remedy
	check "$way: it says what has to change hands" says "^chown nobody /dev/" cat /tmp/remedy
	. /tmp/remedy
	check "$way: and then the user may" as_user 65536 belfry doctor $a
	check "$way: and does" says belfry0 as_user 65536 belfry identify $a
done
check "memory to lock: what is needed, and what is allowed" \
	says "FAIL *memory to lock: 65536 KiB needed, less allowed" \
	as_user 64 belfry doctor
check "and the line that allows it" \
	says "64 KiB are; as root: echo 'nobody - memlock 65536' >>/etc/security/limits.conf" \
	as_user 64 belfry doctor

# Two functions of one group.
c=0000:00:06.0
d=0000:00:06.1
check "list shows who else is in the group" \
	says "^ *$d" sh -c "belfry list | grep -A6 ^$c"
check "bind takes one of two, and warns of the other" \
	says "$d is in the same IOMMU group and bound to 'nvme'" belfry bind $c
check "the group cannot be used" says "a driver other than vfio's" belfry identify $c
check "and that is a failure" fails belfry identify $c
remedy belfry doctor $c >/tmp/remedy
check "the doctor says who is in the way" says "$d/driver/unbind" cat /tmp/remedy
. /tmp/remedy
check "and when it is out of it, all is well" belfry doctor $c
check "the controller works" says belfry2 belfry identify $c
check "the other one can be bound as well, as JSON" \
	says '"driver": "vfio-pci"' belfry bind $d --json
for way in $ways; do
	way "$way"
	BELFRY_DEV=$c BELFRY_DEV2=$d BELFRY_DEV_SERIAL=belfry2 \
		run "$way, one group" vm_vfio vfio__two_controllers_share
done
check "unbind, as JSON" says '"driver": "nvme"' belfry unbind $d --json

check "unbind gives it back" belfry unbind $a
check "to the kernel's driver" has_driver $a nvme
