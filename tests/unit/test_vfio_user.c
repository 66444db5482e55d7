/* SPDX-License-Identifier: MIT */
/*
 * The client of vfio-user against a server that does what it is told to: what is sent, what is
 * shared, what is believed, and how it ends.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <belfry/vfio.h>

#include "dev.h"
#include "fake_server.h"
#include "iommu/ctx.h"
#include "transport/transport.h"

#define PAGE 4096ul

static struct fake fake;
static struct vfio_pci_device pci;
static int fds_before;

static void start(const struct fake_opts *opts, const char *options)
{
	fds_before = open_fds();
	fake_start(&fake, opts, options);
}

static int try_open(void)
{
	memset(&pci, 0, sizeof(pci));
	return vfio_pci_open(&pci, fake.name);
}

static void open_with(const struct fake_opts *opts, const char *options)
{
	start(opts, options);
	assert_works(try_open());
}

static void stop(void)
{
	fake_stop(&fake);
	assert_int_equal(open_fds(), fds_before);
}

static void close_all(void)
{
	vfio_pci_close(&pci);
	stop();
}

static const struct fake_opts plain = {};

static struct transport *tp(void)
{
	return pci.dev.transport;
}

static int read_reg(uint32_t off, unsigned int width, uint64_t *val)
{
	return tp()->ops->reg_read(tp(), off, width, val);
}

/* ---- the beginning ---- */

static uint32_t config32(unsigned int off)
{
	uint32_t val;

	memcpy(&val, fake.config + off, sizeof(val));
	return val;
}

static void open__does_what_firmware_does(void **state)
{
	(void)state;
	open_with(&plain, "");
	assert_int_equal(config32(0x10), 0xc0000004); /* the first address, 64-bit memory */
	assert_int_equal(config32(0x14), 0);
	assert_int_equal(config32(0x04) & 0xffff, 6); /* memory space, bus master */
	assert_int_equal(fake.resets, 1);
	vfio_pci_close(&pci);
	assert_int_equal(config32(0x04) & 0xffff, 2);
	stop();
}

static void open__says_what_there_is(void **state)
{
	(void)state;
	open_with(&plain, "");
	assert_int_equal(pci.classcode, 0x010802);
	assert_int_equal(tp()->vid, 0x1af4);
	assert_int_equal(tp()->did, 0x1b36);
	assert_int_equal(pci.dev.irq_info.index, VFIO_PCI_MSIX_IRQ_INDEX);
	assert_int_equal(pci.dev.irq_info.count, FAKE_VECTORS);
	assert_int_equal(pci.bar_region_info[0].size, FAKE_BAR_SIZE);
	assert_int_equal(pci.config_region_info.size, 256);
	assert_int_equal(pci.dev.device_info.num_regions, VFIO_PCI_NUM_REGIONS);
	close_all();
}

static void open__can_do_without_reset_and_interrupts(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)state;
	open_with(&(struct fake_opts){.no_reset = true, .no_msix = true}, "");
	assert_int_equal(fake.resets, 0);
	assert_int_equal(pci.dev.irq_info.count, 0);
	assert_fails(vfio_reset(&pci.dev), ENOTSUP);
	assert_fails(vfio_set_irq(&pci.dev, &fd, 0, 1), EINVAL);
	close(fd);
	fds_before--;
	close_all();
}

static void name__is_a_path_and_options(void **state)
{
	static const struct {
		const char *name;
		int error;
	} rows[] = {
		{"vfio-user:", EINVAL},
		{"vfio-user:,mmap=on", EINVAL},
		{"vfio-user:/nowhere,speed=9", EINVAL},
		{"vfio-user:/nowhere,mmap=maybe", EINVAL},
		{"vfio-user:/nowhere,timeout_ms=0", EINVAL},
		{"vfio-user:/nowhere,timeout_ms=3600001", EINVAL},
		{"vfio-user:/nowhere", ENOENT},
		{"vfio-user:/nowhere\\,mmap=maybe", ENOENT},
		{"vfio-user:/nowhere,mmap=off,share=off,twin=off,timeout_ms=3600000", ENOENT},
		{"vfio-user:/dev/null", ECONNREFUSED},
	};
	char name[128];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		memset(&pci, 0, sizeof(pci));
		errno = 0;
		if (vfio_pci_open(&pci, rows[i].name) != -1 || errno != rows[i].error)
			fail_msg("%s: %s", rows[i].name, strerror(errno));
	}
	/* 107 characters fit into an address, 108 do not. */
	memset(name, 0, sizeof(name));
	memcpy(name, "vfio-user:/", 11);
	memset(name + 11, 'x', 106);
	assert_fails(vfio_pci_open(&pci, name), ENOENT);
	name[117] = 'x';
	assert_fails(vfio_pci_open(&pci, name), ENAMETOOLONG);
}

static void open__that_fails_closes_nothing_of_the_program_s(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(dup2(null, 0), 0);
	memset(&pci, 0, sizeof(pci));
	assert_fails(vfio_pci_open(&pci, "vfio-user:/nowhere"), ENOENT);
	assert_int_equal(fcntl(0, F_GETFD), 0);
	close(null);
}

static void version__has_to_fit(void **state)
{
	static const struct {
		const char *what;
		struct fake_opts opts;
		const char *options;
	} rows[] = {
		{"a minor version that was not asked for", {.minor = 2}, ""},
		{"no JSON", {.version = "capabilities"}, ""},
		{"pages larger than ours",
		 {.version = "{\"capabilities\":{\"pgsizes\":2097152}}"},
		 ""},
		{"no pages", {.version = "{\"capabilities\":{\"pgsizes\":0}}"}, ""},
		{"a second socket that did not come",
		 {.version = "{\"capabilities\":{\"twin_socket\":{\"supported\":true,"
			     "\"fd_index\":0}}}"},
		 ""},
		{"a second socket without a place",
		 {.twin = true,
		  .version = "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}"},
		 ""},
		{"a second socket elsewhere",
		 {.twin = true,
		  .version = "{\"capabilities\":{\"twin_socket\":{\"supported\":true,"
			     "\"fd_index\":1}}}"},
		 ""},
		{"a second socket that was not offered", {.twin = true}, ",twin=off"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		start(&rows[i].opts, rows[i].options);
		errno = 0;
		if (try_open() != -1 || errno != EPROTO)
			fail_msg("%s: %s", rows[i].what, strerror(errno));
		stop();
	}
}

static void version__of_an_older_server_will_do(void **state)
{
	(void)state;
	open_with(&(struct fake_opts){.version = "{}"}, "");
	assert_true(fake_find(&fake, VFIO_USER_VERSION, 0)->hdr.size > 20);
	close_all();
}

/* ---- registers and doorbells ---- */

static void registers__are_messages(void **state)
{
	uint64_t val = 0;

	(void)state;
	open_with(&(struct fake_opts){.mmap = true}, "");
	memcpy(fake.bar + 0x14, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	assert_works(read_reg(0x14, 4, &val));
	assert_int_equal(val, 0x67452301);
	assert_works(read_reg(0x14, 8, &val));
	assert_true(val == 0xefcdab8967452301);
	assert_works(tp()->ops->reg_write(tp(), 0x24, 8, 0x1122334455667788));
	assert_memory_equal(fake.bar + 0x24, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	assert_works(tp()->ops->reg_write(tp(), 0x24, 4, 0x99aabbcc));
	assert_memory_equal(fake.bar + 0x24, "\xcc\xbb\xaa\x99\x44", 5);

	assert_works(read_reg(FAKE_BAR_SIZE - 4, 4, &val));
	assert_fails(read_reg(FAKE_BAR_SIZE - 4, 8, &val), EINVAL);
	assert_fails(read_reg(UINT32_MAX, 8, &val), EINVAL);
	assert_fails(read_reg(0, 2, &val), EINVAL);
	assert_fails(tp()->ops->reg_write(tp(), FAKE_BAR_SIZE, 4, 0), EINVAL);
	assert_false(tp()->ops->gone(tp()));
	close_all();
}

static void doorbells__are_stores_where_they_can_be(void **state)
{
	size_t len = 0;
	uint32_t *words;

	(void)state;
	open_with(&(struct fake_opts){.mmap = true}, "");
	words = tp()->ops->doorbells(tp(), &len);
	assert_non_null(words);
	assert_int_equal(len, 0x1000);
	assert_null(tp()->ops->asleep(tp()));
	words[3] = 0x1234;
	assert_memory_equal(fake.bar + 0x100c, "\x34\x12\0\0", 4);
	close_all();
}

static void doorbells_as_messages(const struct fake_opts *opts, const char *options)
{
	const struct fake_msg *msg;
	size_t len = 0;
	uint64_t val;
	uint32_t *words;

	open_with(opts, options);
	words = tp()->ops->doorbells(tp(), &len);
	assert_non_null(words);
	assert_int_equal(len, 0x1000); /* up to the vector table */
	assert_int_equal(*tp()->ops->asleep(tp()), 1);
	words[3] = 0x1234;
	tp()->ops->ring(tp(), &words[3], 0x1234);
	assert_works(read_reg(0x100c, 4, &val)); /* is answered after it */
	assert_int_equal(val, 0x1234);

	msg = fake_find(&fake, VFIO_USER_REGION_WRITE, 0);
	for (unsigned int i = 0; msg && !(msg->hdr.flags & VFIO_USER_NO_REPLY); i++)
		msg = fake_find(&fake, VFIO_USER_REGION_WRITE, i);
	assert_non_null(msg);
	assert_memory_equal(msg->data, "\x0c\x10\0\0\0\0\0\0\0\0\0\0\4\0\0\0\x34\x12\0\0", 20);
	close_all();
}

static void doorbells__are_messages_where_they_must_be(void **state)
{
	(void)state;
	doorbells_as_messages(&plain, "");
	doorbells_as_messages(&(struct fake_opts){.mmap = true}, ",mmap=off");
}

static void doorbells__are_not_mapped_where_there_is_nothing(void **state)
{
	static const struct fake_opts rows[] = {
		{.mmap = true, .file_len = 0x1000},			 /* ends before them */
		{.mmap = true, .area = {0x1800, 0x800}},		 /* not a page */
		{.mmap = true, .area = {0x1000, 0x10000}},		 /* beyond the region */
		{.mmap = true, .area = {UINT64_MAX & ~0xffful, 0x2000}}, /* wraps */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		doorbells_as_messages(&rows[i], "");
}

static void bar__is_mapped_in_its_area_only(void **state)
{
	size_t len = 0x4000;
	char *mem;

	(void)state;
	open_with(&(struct fake_opts){.mmap = true}, "");
	assert_null(tp()->ops->map_bar(tp(), 0, 0, &len));
	assert_int_equal(errno, ENOTSUP);
	assert_null(tp()->ops->map_bar(tp(), 0, 0x2000, &len));
	assert_int_equal(errno, ENOTSUP);
	assert_null(tp()->ops->map_bar(tp(), 0, 0x4000, &len));
	assert_int_equal(errno, EINVAL);
	assert_null(tp()->ops->map_bar(tp(), 1, 0, &len));
	assert_int_equal(errno, EINVAL);
	assert_null(tp()->ops->map_bar(tp(), 6, 0, &len));
	assert_int_equal(errno, EINVAL);
	mem = tp()->ops->map_bar(tp(), 0, 0x1010, &len);
	assert_non_null(mem);
	assert_int_equal(len, 0xff0);
	mem[0] = 7;
	assert_int_equal(fake.bar[0x1010], 7);
	tp()->ops->unmap_bar(tp(), 0, mem, len);
	close_all();
}

/* ---- memory ---- */

static struct fake_map *map_at(iova_t iova)
{
	for (unsigned int i = 0; i < fake.nr_maps; i++) {
		if (fake.maps[i].map.address == iova)
			return &fake.maps[i];
	}
	return NULL;
}

static void dma__shares_memory_of_the_library(void **state)
{
	struct iommu_dmabuf buf;
	unsigned char *mem;
	struct fake_map *m;
	iova_t iova;

	(void)state;
	open_with(&plain, "");
	assert_true(pgmap((void **)&mem, 4 * PAGE) == 4 * PAGE);
	assert_works(iommu_map_vaddr(pci.dev.ctx, mem + PAGE, 2 * PAGE, &iova, 0));
	assert_works(iommu_get_dmabuf(pci.dev.ctx, &buf, PAGE, 0));

	m = map_at(iova);
	assert_non_null(m);
	assert_int_equal(m->map.flags, 3);
	assert_int_equal(m->map.offset, PAGE); /* in the memory's file */
	assert_int_equal(m->map.size, 2 * PAGE);
	assert_non_null(m->mem);
	mem[PAGE] = 1;
	m->mem[2 * PAGE - 1] = 2;
	assert_int_equal(m->mem[0], 1);
	assert_int_equal(mem[3 * PAGE - 1], 2);
	assert_non_null(map_at(buf.iova)->mem);

	iommu_put_dmabuf(&buf);
	assert_works(iommu_unmap_vaddr(pci.dev.ctx, mem + PAGE, NULL));
	assert_int_equal(fake.nr_maps, 0);
	pgunmap(mem, 4 * PAGE);
	close_all();
}

static void dma__shares_for_reading_what_is_for_reading(void **state)
{
	unsigned char *mem;
	struct fake_map *m;
	iova_t iova;

	(void)state;
	open_with(&plain, "");
	assert_true(pgmap((void **)&mem, PAGE) == PAGE);
	assert_works(iommu_map_vaddr(pci.dev.ctx, mem, PAGE, &iova, IOMMU_MAP_NOWRITE));
	m = map_at(iova);
	assert_int_equal(m->map.flags, 1);
	assert_non_null(m->mem);
	assert_fails(mprotect(m->mem, PAGE, PROT_READ | PROT_WRITE), EACCES);
	assert_works(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL));
	pgunmap(mem, PAGE);
	close_all();
}

/* Memory of the program's own, which is in no file. */
static unsigned char *private_pages(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	return mem;
}

static void use_by_message(unsigned char *mem, iova_t iova, size_t len)
{
	unsigned char *buf = malloc(len);

	assert_non_null(buf);
	assert_null(map_at(iova)->mem);
	dev_fill(mem, len, 1);
	assert_works(fake_dma_read(&fake, iova, buf, len));
	assert_memory_equal(buf, mem, len);
	dev_fill(buf, len, 2);
	assert_works(fake_dma_write(&fake, iova, buf, len));
	assert_memory_equal(buf, mem, len);
	assert_works(fake_dma_write(&fake, iova + 5, "odd", 3));
	assert_memory_equal(mem + 5, "odd", 3);
	assert_works(fake_dma_read(&fake, iova + len - 1, buf, 1));
	assert_int_equal(buf[0], mem[len - 1]);
	free(buf);
}

static void dma__goes_by_message_without_a_file(void **state)
{
	static const struct {
		struct fake_opts opts;
		const char *options;
		bool shared;
	} rows[] = {
		{{.twin = false}, "", false},
		{{.twin = true}, "", false},
		{{.twin = false}, ",share=off", true},
		{{.twin = true}, ",share=off", true},
		{{.max_msg_fds = FAKE_NO_FDS}, "", true},
	};
	const size_t len = 256 * PAGE; /* the most that one message can have */

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		unsigned char *mem;
		iova_t iova;

		open_with(&rows[i].opts, rows[i].options);
		if (rows[i].shared)
			assert_true(pgmap((void **)&mem, len) > 0);
		else
			mem = private_pages(len);
		assert_works(iommu_map_vaddr(pci.dev.ctx, mem, len, &iova, 0));
		use_by_message(mem, iova, len);
		assert_works(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL));
		assert_fails(fake_dma_read(&fake, iova, (unsigned char[1]){0}, 1), EFAULT);
		pgunmap(mem, len);
		close_all();
	}
}

static void dma__is_checked(void **state)
{
	unsigned char *mem = private_pages(4 * PAGE), buf[64] = {};
	iova_t iova = 0x100000, half;

	(void)state;
	open_with(&plain, "");
	assert_works(iommu_map_vaddr(pci.dev.ctx, mem, PAGE, &iova, IOMMU_MAP_FIXED_IOVA));
	iova += PAGE;
	assert_works(iommu_map_vaddr(pci.dev.ctx, mem + 2 * PAGE, PAGE, &iova,
				     IOMMU_MAP_FIXED_IOVA | IOMMU_MAP_NOREAD));
	iova += PAGE;
	assert_works(iommu_map_vaddr(pci.dev.ctx, mem + PAGE, PAGE, &iova,
				     IOMMU_MAP_FIXED_IOVA | IOMMU_MAP_NOWRITE));

	/* From one mapping into the next, whose memory is elsewhere. */
	half = 0x100000 + PAGE - 32;
	memset(buf, 0x5a, sizeof(buf));
	assert_works(fake_dma_write(&fake, half, buf, 64));
	assert_memory_equal(mem + PAGE - 32, buf, 32);
	assert_memory_equal(mem + 2 * PAGE, buf, 32);
	assert_int_equal(mem[PAGE], 0);

	assert_fails(fake_dma_read(&fake, half, buf, 64), EACCES);
	assert_fails(fake_dma_write(&fake, 0x102000, buf, 1), EACCES);
	memset(buf, 0, sizeof(buf));
	assert_fails(fake_dma_write(&fake, 0x102000 - 32, buf, 64), EACCES);
	assert_int_equal(mem[3 * PAGE - 1], 0); /* nothing of it was written */
	assert_works(fake_dma_read(&fake, 0x102000, buf, 64));
	assert_fails(fake_dma_read(&fake, 0x102000 + PAGE - 32, buf, 64), EFAULT);
	assert_fails(fake_dma_read(&fake, 0xfffff, buf, 1), EFAULT);
	assert_fails(fake_dma_read(&fake, UINT64_MAX, buf, 64), EFAULT);
	assert_fails(fake_dma_write(&fake, UINT64_MAX - 3, buf, 64), EFAULT);
	assert_works(fake_dma_read(&fake, 0, buf, 0));
	iommu_unmap_all(pci.dev.ctx);
	munmap(mem, 4 * PAGE);
	close_all();
}

static void dma__refuses_what_is_malformed(void **state)
{
	static const struct {
		const char *what;
		uint16_t cmd;
		uint64_t body[3];
		size_t len;
		int error;
	} rows[] = {
		{"read of no length", VFIO_USER_DMA_READ, {0x100000}, 8, EINVAL},
		{"read with data", VFIO_USER_DMA_READ, {0x100000, 1}, 24, EINVAL},
		{"read of too much", VFIO_USER_DMA_READ, {0x100000, 1048577}, 16, EINVAL},
		{"read of everything", VFIO_USER_DMA_READ, {0, UINT64_MAX}, 16, EINVAL},
		{"write without data", VFIO_USER_DMA_WRITE, {0x100000, 8}, 16, EINVAL},
		{"write of less than is said", VFIO_USER_DMA_WRITE, {0x100000, 9}, 24, EINVAL},
		{"write of more than is said", VFIO_USER_DMA_WRITE, {0x100000, 7}, 24, EINVAL},
		{"empty write", VFIO_USER_DMA_WRITE, {0}, 0, EINVAL},
		{"a client's command", VFIO_USER_DMA_MAP, {0}, 24, EOPNOTSUPP},
		{"an unknown command", 999, {0}, 0, EOPNOTSUPP},
	};
	unsigned char *mem = private_pages(PAGE);
	iova_t iova = 0x100000;

	(void)state;
	open_with(&plain, "");
	assert_works(iommu_map_vaddr(pci.dev.ctx, mem, PAGE, &iova, IOMMU_MAP_FIXED_IOVA));
	for (size_t i = 0; i < ROWS(rows); i++) {
		errno = 0;
		if (fake_ask(&fake, rows[i].cmd, rows[i].body, rows[i].len) != -1 ||
		    errno != rows[i].error)
			fail_msg("%s: %s", rows[i].what, strerror(errno));
	}
	assert_false(tp()->ops->gone(tp()));
	iommu_unmap_all(pci.dev.ctx);
	munmap(mem, PAGE);
	close_all();
}

static void dma__of_part_of_the_library_s_memory(void **state)
{
	unsigned char *mem;
	iova_t iova;

	(void)state;
	open_with(&plain, "");
	/* A page of it was given back, so that the rest is in no file that can be named. */
	assert_true(pgmap((void **)&mem, 4 * PAGE) > 0);
	assert_works(pgunmap(mem + 3 * PAGE, PAGE));
	assert_works(iommu_map_vaddr(pci.dev.ctx, mem, 2 * PAGE, &iova, 0));
	use_by_message(mem, iova, 2 * PAGE);
	assert_works(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL));
	pgunmap(mem, 3 * PAGE);
	close_all();
}

static void dma__takes_no_more_mappings_than_the_server(void **state)
{
	unsigned char *mem = private_pages(3 * PAGE);
	struct iommu_ctx *ctx;
	iova_t iova;

	(void)state;
	open_with(&(struct fake_opts){.max_dma_maps = 2}, "");
	ctx = pci.dev.ctx;
	assert_works(iommu_map_vaddr(ctx, mem, PAGE, &iova, 0));
	assert_works(iommu_map_vaddr(ctx, mem + PAGE, PAGE, &iova, 0));
	assert_fails(iommu_map_vaddr(ctx, mem + 2 * PAGE, PAGE, &iova, 0), ENOSPC);
	assert_works(iommu_unmap_vaddr(ctx, mem, NULL));
	assert_works(iommu_map_vaddr(ctx, mem + 2 * PAGE, PAGE, &iova, 0));
	iommu_unmap_all(ctx);
	munmap(mem, 3 * PAGE);
	close_all();
}

static void space__is_shared_by_controllers(void **state)
{
	static struct fake other;
	struct vfio_pci_device pci2 = {};
	struct iommu_dmabuf before, after;
	struct iommu_ctx *ctx;

	(void)state;
	start(&plain, "");
	fake_start(&other, &plain, "");
	ctx = iommu_get_context(fake.name);
	assert_non_null(ctx);
	assert_works(iommu_get_dmabuf(ctx, &before, PAGE, 0));
	memset(&pci, 0, sizeof(pci));
	pci.dev.ctx = pci2.dev.ctx = ctx;
	assert_works(vfio_pci_open(&pci, fake.name));
	assert_works(vfio_pci_open(&pci2, other.name));
	assert_works(iommu_get_dmabuf(ctx, &after, PAGE, 0));
	assert_int_equal(fake.nr_maps, 2);
	assert_int_equal(other.nr_maps, 2);
	assert_works(iommu_unmap_vaddr(ctx, before.vaddr, NULL));
	assert_int_equal(fake.nr_maps, 1);
	assert_int_equal(other.nr_maps, 1);

	/* One goes, and the other does not notice. */
	fake_stop(&other);
	iommu_put_dmabuf(&before);
	assert_works(iommu_get_dmabuf(ctx, &before, PAGE, 0));
	assert_int_equal(fake.nr_maps, 2);
	vfio_pci_close(&pci2);
	iommu_put_dmabuf(&before);
	iommu_put_dmabuf(&after);
	assert_int_equal(fake.nr_maps, 0);
	vfio_pci_close(&pci);
	iommu_ctx_put(ctx);
	stop();
}

static void space__of_another_kind_is_refused(void **state)
{
	struct iommu_ctx *ctx = iommu_get_context("emu:");

	(void)state;
	start(&plain, "");
	memset(&pci, 0, sizeof(pci));
	pci.dev.ctx = ctx;
	assert_fails(vfio_pci_open(&pci, fake.name), EINVAL);
	iommu_ctx_put(ctx);
	stop();
}

/* ---- interrupts ---- */

static bool fired(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t count;

	return poll(&pfd, 1, 0) == 1 && read(fd, &count, sizeof(count)) == sizeof(count);
}

static void fire(unsigned int vector)
{
	assert_int_equal(eventfd_write(fake.irqs[vector], 1), 0);
}

static void irqs__reach_their_eventfds(void **state)
{
	int fds[FAKE_VECTORS];

	(void)state;
	open_with(&plain, "");
	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	memset(fake.bar + FAKE_MSIX_TABLE, 0xff, 16 * FAKE_VECTORS);
	assert_works(vfio_set_irq(&pci.dev, fds, 0, FAKE_VECTORS));
	for (unsigned int i = 0; i < FAKE_VECTORS; i++) {
		fire(i);
		for (unsigned int j = 0; j < FAKE_VECTORS; j++)
			assert_int_equal(fired(fds[j]), i == j);
		/* unmasked in both ways */
		assert_true(fake.unmasked[i]);
		assert_int_equal(fake.bar[FAKE_MSIX_TABLE + 16 * i + 12] & 1, 0);
	}
	assert_int_equal(fake.config[FAKE_MSIX_CAP + 3] & 0xc0, 0x80); /* enabled, not masked */

	assert_works(vfio_disable_irq(&pci.dev, 1, 2));
	assert_true(fake.irqs[0] >= 0);
	assert_int_equal(fake.irqs[1], -1);
	assert_int_equal(fake.irqs[2], -1);
	assert_works(vfio_disable_irq_all(&pci.dev));
	assert_int_equal(fake.irqs[3], -1);
	assert_int_equal(fake.config[FAKE_MSIX_CAP + 3] & 0xc0, 0);
	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		close(fds[i]);
	close_all();
}

static void irqs__may_be_tied_in_part(void **state)
{
	int fds[FAKE_VECTORS] = {-1, -1, -1, -1};

	(void)state;
	open_with(&(struct fake_opts){.max_msg_fds = 1}, "");
	fds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds[2] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_works(vfio_set_irq(&pci.dev, fds, 0, FAKE_VECTORS));
	assert_int_equal(fake.irqs[0], -1);
	assert_int_equal(fake.irqs[3], -1);
	fire(1);
	assert_true(fired(fds[1]));
	fire(2);
	assert_true(fired(fds[2]));
	/* one descriptor in a message is all that this server takes */
	for (unsigned int i = 0; fake_find(&fake, VFIO_USER_DEVICE_SET_IRQS, i); i++)
		assert_true(fake_find(&fake, VFIO_USER_DEVICE_SET_IRQS, i)->nr_fds <= 1);
	assert_fails(vfio_set_irq(&pci.dev, fds, 1, FAKE_VECTORS), EINVAL);
	close(fds[1]);
	close(fds[2]);
	close_all();
}

static void irqs__are_back_after_a_reset(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	open_with(&plain, "");
	assert_works(vfio_set_irq(&pci.dev, &fd, 2, 1));
	/* what a reset does to configuration space and the table */
	memset(fake.config + 4, 0, 2);
	memset(fake.config + 0x11, 0, 7);
	fake.config[FAKE_MSIX_CAP + 3] = 0;
	memset(fake.bar + FAKE_MSIX_TABLE, 0xff, 16 * FAKE_VECTORS);
	fake.unmasked[2] = false;
	assert_works(vfio_reset(&pci.dev));
	assert_int_equal(fake.resets, 2);
	assert_int_equal(config32(0x10), 0xc0000004);
	assert_int_equal(config32(0x04) & 0xffff, 6);
	assert_int_equal(fake.config[FAKE_MSIX_CAP + 3], 0x80);
	assert_true(fake.unmasked[2]);
	assert_int_equal(fake.bar[FAKE_MSIX_TABLE + 16 * 2 + 12] & 1, 0);
	assert_int_equal(fake.bar[FAKE_MSIX_TABLE + 16 * 1 + 12] & 1, 1);
	close(fd);
	fds_before--;
	close_all();
}

static void irqs__need_descriptors(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	open_with(&(struct fake_opts){.max_msg_fds = FAKE_NO_FDS}, "");
	assert_fails(vfio_set_irq(&pci.dev, &fd, 0, 1), ENOTSUP);
	assert_works(vfio_disable_irq_all(&pci.dev));
	close(fd);
	fds_before--;
	close_all();
}

/* ---- the end ---- */

static void end__of_the_server_ends_every_call(void **state)
{
	struct iommu_dmabuf buf;
	uint64_t val;
	iova_t iova;
	int fd = eventfd(0, EFD_CLOEXEC);
	unsigned char *mem = private_pages(PAGE);

	(void)state;
	open_with(&plain, "");
	fds_before--;
	assert_works(iommu_get_dmabuf(pci.dev.ctx, &buf, PAGE, 0));
	fake_stop(&fake);
	assert_fails(read_reg(0, 4, &val), ENODEV);
	assert_fails(tp()->ops->reg_write(tp(), 0, 4, 0), ENODEV);
	assert_fails(vfio_set_irq(&pci.dev, &fd, 0, 1), ENODEV);
	assert_fails(vfio_reset(&pci.dev), ENODEV);
	assert_true(tp()->ops->gone(tp()));
	/* Nobody is left to be told. */
	assert_works(iommu_map_vaddr(pci.dev.ctx, mem, PAGE, &iova, 0));
	assert_works(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL));
	iommu_put_dmabuf(&buf);
	vfio_pci_close(&pci);
	munmap(mem, PAGE);
	close(fd);
	assert_int_equal(open_fds(), fds_before);
}

struct waiter {
	pthread_t thread;
	int error;
};

static void *wait_for_register(void *arg)
{
	struct waiter *w = arg;
	uint64_t val;

	w->error = read_reg(0, 4, &val) ? errno : 0;
	return NULL;
}

static void end__wakes_all_that_wait(void **state)
{
	struct waiter waiters[4] = {};
	struct timespec begin;
	unsigned int timed_out = 0;

	(void)state;
	open_with(&plain, ",timeout_ms=100");
	fake.opts.fault = FAKE_STOP;
	fake.opts.fault_at = fake.nr_log;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (size_t i = 0; i < ROWS(waiters); i++)
		assert_int_equal(
			pthread_create(&waiters[i].thread, NULL, wait_for_register, &waiters[i]),
			0);
	for (size_t i = 0; i < ROWS(waiters); i++) {
		pthread_join(waiters[i].thread, NULL);
		timed_out += waiters[i].error == ETIMEDOUT;
		if (waiters[i].error != ETIMEDOUT)
			assert_int_equal(waiters[i].error, ENODEV);
	}
	assert_true(timed_out >= 1);
	assert_true(ms_since(&begin) >= 100);
	assert_true(ms_since(&begin) < 5000);
	assert_true(tp()->ops->gone(tp()));
	close_all();
}

/* A life of a client: everything that sends a message. Whatever fails, the rest is tried. */
static void live(unsigned int *failures)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	unsigned char *mem = private_pages(PAGE);
	struct iommu_dmabuf buf = {};
	uint64_t val = 0;
	size_t len = 0;
	uint32_t *words;
	iova_t iova;

	*failures = 1;
	if (!try_open()) {
		*failures = !!iommu_get_dmabuf(pci.dev.ctx, &buf, PAGE, 0);
		*failures += !!iommu_map_vaddr(pci.dev.ctx, mem, PAGE, &iova, 0);
		*failures += !!read_reg(0x10, 4, &val);
		*failures += val != 0;
		*failures += !!vfio_set_irq(&pci.dev, &fd, 1, 1);
		words = tp()->ops->doorbells(tp(), &len);
		*failures += !words;
		if (words && tp()->ops->asleep(tp()))
			tp()->ops->ring(tp(), words, 0);
		*failures += !!tp()->ops->reg_write(tp(), 0x10, 4, 0);
		*failures += !!vfio_disable_irq_all(&pci.dev);
		*failures += !!iommu_unmap_vaddr(pci.dev.ctx, mem, NULL);
		*failures += !!vfio_reset(&pci.dev);
		iommu_put_dmabuf(&buf);
		*failures += tp()->ops->gone(tp());
		vfio_pci_close(&pci);
	}
	munmap(mem, PAGE);
	close(fd);
}

static unsigned int messages_of_a_life(const struct fake_opts *opts)
{
	unsigned int failures, nr;

	start(opts, "");
	live(&failures);
	assert_int_equal(failures, 0);
	nr = fake.nr_log;
	stop();
	return nr;
}

/*
 * At each message of a life, each of the faults. Nothing hangs, nothing leaks, and what the faults
 * did to the reply is noticed; but for a reply that did not matter.
 */
static void live_with_faults(struct fake_opts opts, enum fake_fault from, enum fake_fault end)
{
	unsigned int nr = messages_of_a_life(&opts), failures, noticed = 0, tried = 0;

	assert_true(nr > 30);
	for (unsigned int fault = from; fault < end; fault++) {
		for (unsigned int at = 0; at < nr; at++) {
			struct timespec begin;

			opts.fault = fault;
			opts.fault_at = at;
			start(&opts, ",timeout_ms=30");
			clock_gettime(CLOCK_MONOTONIC, &begin);
			live(&failures);
			if (ms_since(&begin) > 5000)
				fail_msg("fault %u at message %u took %.0f ms", fault, at,
					 ms_since(&begin));
			stop();
			noticed += !!failures;
			tried++;
		}
	}
	/* A posted write has no reply, and closing asks for none that it waits for in vain. */
	assert_true(noticed >= tried * 3 / 4);
}

static void faults__end_or_stop_at_each_message(void **state)
{
	(void)state;
	live_with_faults((struct fake_opts){.twin = true}, FAKE_CLOSE, FAKE_GARBAGE);
}

static void faults__lie_at_each_message(void **state)
{
	(void)state;
	live_with_faults((struct fake_opts){.mmap = true}, FAKE_GARBAGE, FAKE_FAULTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__does_what_firmware_does),
		cmocka_unit_test(open__says_what_there_is),
		cmocka_unit_test(open__can_do_without_reset_and_interrupts),
		cmocka_unit_test(name__is_a_path_and_options),
		cmocka_unit_test(open__that_fails_closes_nothing_of_the_program_s),
		cmocka_unit_test(version__has_to_fit),
		cmocka_unit_test(version__of_an_older_server_will_do),
		cmocka_unit_test(registers__are_messages),
		cmocka_unit_test(doorbells__are_stores_where_they_can_be),
		cmocka_unit_test(doorbells__are_messages_where_they_must_be),
		cmocka_unit_test(doorbells__are_not_mapped_where_there_is_nothing),
		cmocka_unit_test(bar__is_mapped_in_its_area_only),
		cmocka_unit_test(dma__shares_memory_of_the_library),
		cmocka_unit_test(dma__shares_for_reading_what_is_for_reading),
		cmocka_unit_test(dma__goes_by_message_without_a_file),
		cmocka_unit_test(dma__is_checked),
		cmocka_unit_test(dma__refuses_what_is_malformed),
		cmocka_unit_test(dma__of_part_of_the_library_s_memory),
		cmocka_unit_test(dma__takes_no_more_mappings_than_the_server),
		cmocka_unit_test(space__is_shared_by_controllers),
		cmocka_unit_test(space__of_another_kind_is_refused),
		cmocka_unit_test(irqs__reach_their_eventfds),
		cmocka_unit_test(irqs__may_be_tied_in_part),
		cmocka_unit_test(irqs__are_back_after_a_reset),
		cmocka_unit_test(irqs__need_descriptors),
		cmocka_unit_test(end__of_the_server_ends_every_call),
		cmocka_unit_test(end__wakes_all_that_wait),
		cmocka_unit_test(faults__end_or_stop_at_each_message),
		cmocka_unit_test(faults__lie_at_each_message),
	};

	return cmocka_run_group_tests_name("vfio_user", tests, NULL, NULL);
}
