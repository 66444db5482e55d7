/* SPDX-License-Identifier: MIT */
/* Memory, as the client of vfio-user shares it, or hands it out by the byte. */

#include "iommu/pin.h"
#include "test_vfio_user.h"

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

/* Commands that wait copy their data instead: a mapping and messages for each would cost more. */
static void dma__of_private_memory_is_not_for_one_command(void **state)
{
	(void)state;
	open_with(&plain, "");
	assert_false(iommu_can_pin(pci.dev.ctx));
	close_all();
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

/* One goes while it is told of memory. */
static void space__a_map_outlives_one_of_two(void **state)
{
	struct fake_opts opts = plain;

	(void)state;
	for (int i = 0; i < 2; i++) {
		static struct fake other;
		struct vfio_pci_device pci2 = {};
		struct iommu_dmabuf buf;
		struct iommu_ctx *ctx;

		start(&plain, "");
		fake_start(&other, &opts, "");
		ctx = iommu_get_context(fake.name);
		memset(&pci, 0, sizeof(pci));
		pci.dev.ctx = pci2.dev.ctx = ctx;
		assert_works(vfio_pci_open(&pci, fake.name));
		assert_works(vfio_pci_open(&pci2, other.name));
		opts.fault_at = other.nr_log;
		opts.fault = FAKE_CLOSE;
		assert_works(iommu_get_dmabuf(ctx, &buf, PAGE, 0));
		assert_int_equal(fake.nr_maps, 1);
		iommu_put_dmabuf(&buf);
		assert_int_equal(fake.nr_maps, 0);
		vfio_pci_close(&pci2);
		vfio_pci_close(&pci);
		iommu_ctx_put(ctx);
		fake_stop(&other);
		stop();
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dma__shares_memory_of_the_library),
		cmocka_unit_test(dma__shares_for_reading_what_is_for_reading),
		cmocka_unit_test(dma__goes_by_message_without_a_file),
		cmocka_unit_test(dma__of_private_memory_is_not_for_one_command),
		cmocka_unit_test(dma__is_checked),
		cmocka_unit_test(dma__refuses_what_is_malformed),
		cmocka_unit_test(dma__of_part_of_the_library_s_memory),
		cmocka_unit_test(dma__takes_no_more_mappings_than_the_server),
		cmocka_unit_test(space__is_shared_by_controllers),
		cmocka_unit_test(space__a_map_outlives_one_of_two),
		cmocka_unit_test(space__of_another_kind_is_refused),
	};

	return cmocka_run_group_tests_name("vfio_user_dma", tests, NULL, NULL);
}
