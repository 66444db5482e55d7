# Controllers that hold something in use: they are not taken away, it is said by what, and what the
# doctor says about it helps. And a kernel that was not told to use the IOMMU.
#
# kernel: debian
# append: intel_iommu=off
# module: drivers/md/dm-mod drivers/block/loop
# program: /sbin/mke2fs
# seconds: 180
# disk: d0 64M
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,drive=d0
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# shellcheck shell=sh

dev=0000:00:04.0
disk=/dev/nvme0n1
check "the kernel has a disk for it" patiently test -b $disk

# The command by which the doctor would have a line pass.
remedy() {
	belfry doctor $dev | grep -A1 "^FAIL *$1" | sed -n 's/^.*as root: //p'
}
dmsetup() {
	[ "$*" = "remove held" ] && vm_hold $disk unstack
}
remedied() {
	command=$(remedy "it is nobody else's")
	echo "$command"
	eval "$command"
	patiently unused
}
unused() {
	! belfry doctor $dev | grep -q "FAIL *it is nobody else's"
}

# held NAME BY: it is, and then it is not.
held() {
	label=$1 by=$2
	check "$label: list says by what" says "\"used_by\": \"$by" belfry list --json
	check "$label: bind refuses, and says by what" \
		says "$dev is in use, and stays as it is: $by" belfry bind $dev
	check "$label: so does unbind" \
		says "$dev is in use, and stays as it is: $by" belfry unbind $dev
	check "$label: the doctor says so, and what to do" remedied
	check "$label: the driver is still the kernel's" says nvme \
		readlink /sys/bus/pci/devices/$dev/driver
	check "$label: nobody uses it any more" says '"used_by": "nobody"' belfry list --json
}

check "nobody uses it" says '"used_by": "nobody"' belfry list --json
vm_hold $disk alone &
patiently holds $! $disk
check "alone: the doctor names the command that shows by whom" \
	says "fuser -v $disk" remedy "it is nobody else's"
check "alone: bind refuses" says "nvme0n1 is in use by the kernel" belfry bind $dev
kill $!
wait $!

vm_hold $disk open &
patiently holds $! $disk
held "open" "process $! (vm_hold) has $disk"
vm_hold $disk stack
held "under a volume" "nvme0n1 is part of dm-0"
mkswap $disk >/dev/null
swapon $disk
held "swap" "nvme0n1 is swapped on"
losetup /dev/loop0 $disk
held "under a loop" "nvme0n1 is what loop0 is made of"

mkdir /mnt
printf 'n\np\n1\n\n\nw\n' | fdisk $disk >/dev/null
patiently test -b ${disk}p1
mke2fs -q -F ${disk}p1 >/dev/null
mount -t ext4 ${disk}p1 /mnt
held "a partition that is mounted" "nvme0n1p1 is mounted on /mnt"
vm_hold ${disk}p1 stack
mount -t ext4 /dev/dm-0 /mnt
check "a volume that is mounted: bind refuses" \
	says "stays as it is: nvme0n1p1 is part of dm-0" belfry bind $dev
check "and what is on top has to go first" says "^umount /mnt" remedy "it is nobody else's"
umount /mnt
held "then the volume" "nvme0n1p1 is part of dm-0"

check "the IOMMU is there, and the kernel was not told to use it" \
	says "intel_iommu=on" remedy "the IOMMU is on"
rmmod vfio_pci
check "the kernel has no vfio-pci, and the doctor says how to get it" \
	says "^modprobe vfio-pci" remedy "the kernel has vfio-pci"
