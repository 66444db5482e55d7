# Loads that are killed, and what they leave behind: a controller that the next process opens, data
# that nobody was writing, and no locked memory on the account of the user.
#
# kernel: small debian
# seconds: 300
# disk: d0 64M
# qemu: -device nvme,id=n0,serial=belfry0,addr=4,drive=d0
# qemu: -drive id=d0,file={dir}/d0,format=raw,if=none,cache=unsafe
# shellcheck shell=sh

dev=0000:00:04.0
bind $dev
group=$(readlink /sys/bus/pci/devices/$dev/iommu_group)
chmod 666 /dev/vfio/vfio
chown nobody "/dev/vfio/${group##*/}"
[ -c /dev/iommu ] && chown nobody /dev/iommu /dev/vfio/devices/*

# Not what several loads lock: what those before have left behind, the next cannot have.
as_user() {
	su -s /bin/sh nobody -c "ulimit -l 2048 && exec $*"
}
load() {
	as_user belfry perf $dev --serial belfry0 --pattern mix --verify --region 16M \
		--queues 2 "$@"
}

# killed NAME MICROSECONDS: a load that is killed after this long.
killed() {
	su -s /bin/sh nobody -c "ulimit -l 2048 && exec belfry perf $dev --serial belfry0 \
		--pattern mix --verify --region 16M --queues 2 --runtime 60s" >/tmp/load 2>&1 &
	pid=$!
	# It says what it is before it begins.
	check "$1: the load has begun" patiently grep -q mix /tmp/load
	usleep "$2"
	grep -E 'VmLck|VmPin' /proc/$pid/status
	check "$1: it was at work when it was killed" kill -9 $pid
	wait $pid
}

# What nobody writes to, past the region of the load.
head -c 65536 /dev/urandom >/tmp/kept
kept() {
	as_user belfry read $dev --slba 65536 --blocks 128 >/tmp/read && cmp /tmp/kept /tmp/read
}

check "what is to be kept is written" \
	belfry write $dev --serial belfry0 --slba 65536 --input /tmp/kept
for way in $ways; do
	way "$way"
	for pause in 0 30000 300000 1000000; do
		label="$way, after $((pause / 1000)) ms"
		killed "$label" $pause
		check "$label: what was there is there" kept
		check "$label: the next load verifies" load --count 2000
	done
done
