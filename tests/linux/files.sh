# Partitions and file systems, and what is left of them after both sides were started anew.
#
# seconds: 240
# programs: sbin/mkfs.ext4 sbin/e2fsck sbin/sfdisk
# boots: 2
# restart: yes
# serve: c0 file={dir}/d0,size=256M,serial=belfry0
# serve: c1 file={dir}/d1,size=256M,lbads=12,serial=belfry1,vid=0x1234,did=0x5678
# disk: r0 256M
# disk: r1 256M
# reference: -drive id=r0,file={dir}/r0,format=raw,if=none,cache=unsafe
# reference: -device nvme,serial=belfry0,drive=r0
# reference: -drive id=r1,file={dir}/r1,format=raw,if=none,cache=unsafe
# reference: -device nvme,id=n1,serial=belfry1
# reference: -device nvme-ns,bus=n1,drive=r1,logical_block_size=4096,physical_block_size=4096
# shellcheck shell=dash disable=SC2154

c0=$(ctrl belfry0)
c1=$(ctrl belfry1)
disk0=${c0}n1
disk1=${c1}n1

both_live() {
	live "$c0" && live "$c1"
}

geometry() {
	same "$(bytes "$disk0") $(bytes "$disk1")" "268435456 268435456" &&
		same "$(queue "$disk0" logical_block_size)" 512 &&
		same "$(queue "$disk1" logical_block_size)" 4096
}

partition() {
	printf 'label: gpt\nsize=100MiB\nsize=100MiB\n' | sfdisk -q "/dev/$1" &&
		waits [ -b "/dev/${1}p2" ] && same "$(bytes "${1}p1")" 104857600
}

filesystem() {
	mkfs.ext4 -q "/dev/$1" && e2fsck -fn "/dev/$1"
}

trimmed() {
	fill /mnt && rm /mnt/8 && fstrim -v /mnt
}

need "$boot: two controllers are live" waits both_live
check "$boot: their blocks and sizes" geometry
for disk in "$disk0" "$disk1"; do
	on="$boot: $(queue "$disk" logical_block_size)"
	p1=${disk}p1
	p2=${disk}p2
	if [ "$boot" = 1 ]; then
		check "$on: partitions" partition "$disk"
		for part in 1 2; do
			device=${disk}p$part
			check "$on/$part: ext4" filesystem "$device"
			check "$on/$part: write" mounted "$device" fill /mnt
			check "$on/$part: mount again and compare" mounted "$device" filled /mnt
		done
		check "$on/2: trim what was deleted" mounted "$p2" trimmed
		check "$on/2: it is not there" mounted "$p2" fails filled /mnt
	else
		check "$on/1: compare" mounted "$p1" filled /mnt
		check "$on/1: the file system is whole" e2fsck -fn "/dev/$p1"
		check "$on/2: so is the trimmed one" e2fsck -fn "/dev/$p2"
	fi
done
check "$boot: the kernel has no complaint" quiet
