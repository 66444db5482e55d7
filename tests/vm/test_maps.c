/* SPDX-License-Identifier: MIT */
/*
 * Mappings by the ten thousand, as a program that maps every buffer makes them: short-lived ones of
 * all sizes beside some that stay. Afterwards IOVAs, the kernel's count of mappings and locked memory
 * are where they were, and at no time does the controller see what was at an IOVA before.
 *
 * Run in the guest of tests/vm/maps.sh with how many to make as the argument.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <belfry/vfio.h>

#include "dev.h"

#define PAGE	  4096ul
#define NR_KEPT	  32
#define NR_LIVE	  64
#define MOST	  512ul		      /* pages of a mapping */
#define SLOT	  ((MOST + 1) * PAGE) /* never joined: each has a page to the next */
#define TRANSFERS 40		      /* one transfer for so many mappings */

struct live {
	char *mem;
	size_t len; /* 0: not mapped */
	iova_t iova;
};

struct maps {
	struct dev dev;
	struct nvme_sq *sq;
	struct iommu_ctx *ctx;
	struct live kept[NR_KEPT], live[NR_LIVE];
	char *mem;
	uint64_t random;
	unsigned long transfers;
};

static unsigned long nr_wanted;

/* What the process and the kernel have, in units that do not matter: they are compared. */
struct account {
	unsigned long locked, pinned;
	long avail;
	size_t mapped;
	iova_t lowest;
	int fds;
};

static uint64_t next_random(struct maps *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

static unsigned long status_kib(const char *key)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[256];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, key, strlen(key)))
			kib = strtoul(line + strlen(key), NULL, 10);
	}
	fclose(file);
	return kib;
}

/* How many mappings the container still has room for, -1 where there is none. */
static long dma_avail(void)
{
	union {
		struct vfio_iommu_type1_info info;
		char bytes[4096];
	} all = {.info.argsz = sizeof(all)};
	char link[64], path[64];

	for (int fd = 0; fd < 256; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof(path) - 1);
		path[n > 0 ? n : 0] = '\0';
		if (strcmp(path, "/dev/vfio/vfio") || ioctl(fd, VFIO_IOMMU_GET_INFO, &all))
			continue;
		for (uint32_t off = all.info.cap_offset; off;) {
			struct vfio_iommu_type1_info_dma_avail cap;

			memcpy(&cap, all.bytes + off, sizeof(cap));
			if (cap.header.id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
				return cap.avail;
			off = cap.header.next;
		}
	}
	return -1;
}

static struct account take_account(struct maps *m)
{
	struct account a = {
		.locked = status_kib("VmLck:"),
		.pinned = status_kib("VmPin:"),
		.avail = dma_avail(),
		.mapped = mapped_bytes(m->ctx),
		.fds = open_fds(),
	};
	struct iommu_dmabuf buf = dev_buf(&m->dev, PAGE);

	a.lowest = buf.iova;
	iommu_put_dmabuf(&buf);
	return a;
}

static void assert_same(const struct account *a, const struct account *b)
{
	assert_int_equal(a->locked, b->locked);
	assert_int_equal(a->pinned, b->pinned);
	assert_int_equal(a->avail, b->avail);
	assert_int_equal(a->mapped, b->mapped);
	assert_int_equal(a->lowest, b->lowest);
	assert_int_equal(a->fds, b->fds);
}

/* Mostly small, now and then up to 2 MiB. */
static size_t random_len(struct maps *m)
{
	uint64_t r = next_random(m);

	return (1 + (r >> 8) % (r % 64 ? 16 : MOST)) * PAGE;
}

static void map(struct maps *m, struct live *l, unsigned long flags)
{
	l->len = random_len(m);
	assert_works(iommu_map_vaddr(m->ctx, l->mem, l->len, &l->iova, flags));
}

static void unmap(struct maps *m, struct live *l)
{
	size_t len = 0;

	if (!l->len)
		return;
	assert_works(iommu_unmap_vaddr(m->ctx, l->mem + next_random(m) % l->len, &len));
	assert_int_equal(len, l->len);
	l->len = 0;
}

/* A byte pattern of this slot and this turn, to the disk and back, by way of the last page. */
static void transfer(struct maps *m, struct live *l)
{
	char *page = l->mem + l->len - PAGE;
	uint64_t slba = next_random(m) % 1024 * 8;
	char want[PAGE];

	dev_fill(want, PAGE, ++m->transfers);
	memcpy(page, want, PAGE);
	assert_works(dev_move(&m->dev, m->sq, NVM_CMD_WRITE, slba, page, PAGE));
	memset(page, 0, PAGE);
	assert_works(dev_move(&m->dev, m->sq, NVM_CMD_READ, slba, page, PAGE));
	assert_memory_equal(page, want, PAGE);
}

static void assert_kept(struct maps *m)
{
	for (int i = 0; i < NR_KEPT; i++) {
		iova_t iova;

		assert_true(iommu_translate_vaddr(m->ctx, m->kept[i].mem, &iova));
		assert_int_equal(iova, m->kept[i].iova);
	}
}

static void open_maps(struct maps *m)
{
	memset(m, 0, sizeof(*m));
	m->random = 0x9e3779b97f4a7c15;
	m->sq = dev_open_io(&m->dev, 8);
	m->ctx = m->dev.ctrl.pci.dev.ctx;
	assert_true(pgmap((void **)&m->mem, (NR_KEPT + NR_LIVE) * SLOT) > 0);
	for (int i = 0; i < NR_KEPT; i++)
		m->kept[i].mem = m->mem + (size_t)i * SLOT;
	for (int i = 0; i < NR_LIVE; i++)
		m->live[i].mem = m->mem + (size_t)(NR_KEPT + i) * SLOT;
	/* What is made at the first use is there. */
	map(m, &m->live[0], 0);
	transfer(m, &m->live[0]);
	unmap(m, &m->live[0]);
}

static void maps__come_and_go(void **state)
{
	struct account before, between;
	struct account after;
	static struct maps m;

	(void)state;
	open_maps(&m);
	before = take_account(&m);
	for (int i = 0; i < NR_KEPT; i++)
		map(&m, &m.kept[i], 0);
	between = take_account(&m);
	assert_true(between.locked + between.pinned >=
		    before.locked + before.pinned + 4ul * NR_KEPT);

	for (unsigned long n = 0; n < nr_wanted; n++) {
		struct live *l = &m.live[next_random(&m) % NR_LIVE];

		unmap(&m, l);
		map(&m, l, next_random(&m) % 2 ? IOMMU_MAP_EPHEMERAL : 0);
		if (n % TRANSFERS == 0)
			transfer(&m, l);
		if (n % 4096 == 0)
			assert_kept(&m);
	}
	for (int i = 0; i < NR_LIVE; i++)
		unmap(&m, &m.live[i]);
	after = take_account(&m);
	assert_same(&after, &between);
	assert_kept(&m);

	for (int i = 0; i < NR_KEPT; i++) {
		transfer(&m, &m.kept[i]);
		unmap(&m, &m.kept[i]);
	}
	after = take_account(&m);
	assert_same(&after, &before);
	print_message(
		"# %lu mappings, %lu transfers; %lu KiB locked, %lu KiB pinned, room for %ld\n",
		nr_wanted, m.transfers, after.locked, after.pinned, after.avail);
	pgunmap(m.mem, (NR_KEPT + NR_LIVE) * SLOT);
	dev_close(&m.dev);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(maps__come_and_go)};

	nr_wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	if (!nr_wanted) {
		fprintf(stderr, "usage: vm_maps COUNT\n");
		return 2;
	}
	return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
