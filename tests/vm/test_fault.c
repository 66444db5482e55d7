/* SPDX-License-Identifier: MIT */
/*
 * Devices that fail. Run in the guest by cases of tests/vm with the name of one test as the
 * argument, because each needs a machine made for it; the device is the one in BELFRY_DEV. What
 * happens to it is asked for on standard output, which is the guest's serial port: see scripts/vm.
 */
#include <unistd.h>

#include "dev.h"

/* Until a hot-unplug has come through the guest's firmware, and an error through the bus. */
#define EVENT_MS 60000

static const char *event; /* what to ask of the machine */

static void ask(void)
{
	assert_non_null(event);
	printf("\n%s\n", event);
	fflush(stdout);
}

static void fault__medium(void **state)
{
	struct iommu_dmabuf buf;
	struct nvme_cqe cqe = {};
	union nvme_cmd cmd;
	struct nvme_sq *sq;
	struct nvme_rq *rq;
	struct dev dev;

	(void)state;
	sq = dev_open_io(&dev, 8);
	buf = dev_buf(&dev, 4096);
	assert_works(dev_move(&dev, sq, NVM_CMD_READ, 0, buf.vaddr, 4096));

	/* Sector 16384 of the disk does not read. */
	rq = nvme_rq_acquire(sq);
	cmd = dev_rw_cmd(&dev, NVM_CMD_READ, 16384, 4096);
	assert_works(nvme_rq_map_prp(&dev.ctrl, rq, &cmd, buf.iova, 4096));
	assert_fails(dev_exec(rq, &cmd, &cqe), EIO);
	nvme_rq_release(rq);
	assert_int_equal(nvme_cqe_status(&cqe) & 0x7ff, 0x281);
	assert_string_equal(nvme_status_name(nvme_cqe_status(&cqe)), "READ_ERROR");
	assert_string_equal(nvme_status_str(nvme_cqe_status(&cqe)), "unrecovered read error");

	/* One command failed, not the queue. */
	assert_works(dev_move(&dev, sq, NVM_CMD_READ, 0, buf.vaddr, 4096));
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
}

/* Every read takes 300 ms. */
static void fault__slow(void **state)
{
	struct timespec limit = {.tv_nsec = 20000000}, start;
	struct iommu_dmabuf buf;
	union nvme_cmd cmd;
	struct nvme_sq *sq;
	struct nvme_rq *rq, *others[8];
	struct dev dev;
	int n = 0;

	(void)state;
	sq = dev_open_io(&dev, 8);
	buf = dev_buf(&dev, 4096);
	rq = nvme_rq_acquire(sq);
	cmd = dev_rw_cmd(&dev, NVM_CMD_READ, 0, 4096);
	assert_works(nvme_rq_map_prp(&dev.ctrl, rq, &cmd, buf.iova, 4096));
	nvme_rq_exec(rq, &cmd);
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_fails(nvme_rq_wait(rq, NULL, &limit), ETIMEDOUT);
	assert_true(ms_since(&start) >= 20);

	/* Its tracker is nobody else's until the completion has come. */
	nvme_rq_release(rq);
	while ((others[n] = nvme_rq_acquire(sq))) {
		assert_ptr_not_equal(others[n], rq);
		n++;
	}
	assert_int_equal(n, 6);
	while (n)
		nvme_rq_release(others[--n]);

	usleep(500000);
	assert_works(dev_move(&dev, sq, NVM_CMD_READ, 0, buf.vaddr, 4096));
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
}

/* Reads until one fails; 0 when none did. */
static int read_until_it_fails(struct dev *dev, struct nvme_sq *sq, struct iommu_dmabuf *buf)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (ms_since(&start) < EVENT_MS) {
		if (dev_move(dev, sq, NVM_CMD_READ, 0, buf->vaddr, 4096))
			return errno;
	}
	return 0;
}

/*
 * After the event a wait ends at once. A device that is asked for back still answers, so that it can
 * be shut down; of one that the bus has given up, nothing is believed.
 */
static void check_gone(struct dev *dev, struct nvme_sq *sq)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev->nsid)};
	struct timespec start;
	struct nvme_rq *rq;

	clock_gettime(CLOCK_MONOTONIC, &start);
	rq = nvme_rq_acquire(sq);
	if (rq) {
		nvme_rq_post(rq, &cmd); /* with nobody told: it cannot complete */
		assert_fails(nvme_rq_wait(rq, NULL, NULL), ENODEV);
	}
	if (strstr(event, "pcie_aer")) {
		assert_fails(
			dev_features(dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL),
			ENODEV);
		assert_fails(nvme_reset(&dev->ctrl), ENODEV);
	}
	assert_true(ms_since(&start) < 5000);
}

/* Removed, or broken, while it idles, and a command is waited for that will not complete. */
static void fault__gone_under_a_waiter(void **state)
{
	struct timespec limit = {.tv_sec = EVENT_MS / 1000};
	union nvme_cmd cmd;
	struct nvme_sq *sq;
	struct nvme_rq *rq;
	struct dev dev;

	(void)state;
	sq = dev_open_io(&dev, 8);
	cmd = (union nvme_cmd){.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};
	rq = nvme_rq_acquire(sq);
	nvme_rq_post(rq, &cmd);
	ask();
	assert_fails(nvme_rq_wait(rq, NULL, &limit), ENODEV);
	check_gone(&dev, sq);
	dev_close(&dev);
}

static void fault__gone_under_load(void **state)
{
	struct iommu_dmabuf buf;
	struct nvme_sq *sq;
	struct dev dev;
	int fds, err;

	(void)state;
	fds = open_fds();
	sq = dev_open_io(&dev, 8);
	buf = dev_buf(&dev, 4096);
	ask();
	err = read_until_it_fails(&dev, sq, &buf);
	/* A read may have been refused just before, by a controller that is being shut down. */
	if (err != ENODEV)
		print_message("# the last read failed with %s\n", strerror(err));
	assert_int_not_equal(err, 0);
	check_gone(&dev, sq);
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
	assert_int_equal(open_fds(), fds);
}

static bool said_limit;

static void look_for_limit(int level, const char *msg, void *arg)
{
	(void)level;
	(void)arg;
	said_limit |= strstr(msg, "no more mappings") && strstr(msg, "dma_entry_limit");
}

/* The kernel keeps count of mappings; the case has set its limit to 100. */
static void fault__no_more_mappings(void **state)
{
	const size_t page = 4096;
	struct iommu_ctx *ctx;
	struct dev dev;
	size_t n = 0;
	char *mem;

	(void)state;
	dev_open(&dev, test_device());
	ctx = dev.ctrl.pci.dev.ctx;
	assert_true(pgmap((void **)&mem, 200 * page) > 0);
	assert_works(log_set_handler(look_for_limit, NULL));
	/* Every other page, so that none are joined. */
	while (n < 100 && !iommu_map_vaddr(ctx, mem + 2 * n * page, page, NULL, 0))
		n++;
	assert_int_equal(errno, ENOSPC);
	assert_true(said_limit);
	assert_in_range(n, 50, 99);

	/* What is there stays, and one that goes makes room for one. */
	assert_works(iommu_unmap_vaddr(ctx, mem, NULL));
	assert_works(iommu_map_vaddr(ctx, mem, page, NULL, 0));
	for (size_t i = 0; i < n; i++)
		assert_works(iommu_unmap_vaddr(ctx, mem + 2 * i * page, NULL));
	pgunmap(mem, 200 * page);
	dev_close(&dev);
	log_set_handler(NULL, NULL);
}

static unsigned int nr_bus_errors;

static void count_bus_errors(int level, const char *msg, void *arg)
{
	(void)level;
	(void)arg;
	if (strstr(msg, "the bus reports an error"))
		nr_bus_errors++;
}

/* Wait for nothing, long enough that the library looks after the device. */
static void look(struct nvme_sq *sq)
{
	struct timespec limit = {.tv_nsec = 50000000};
	struct nvme_cqe cqe;

	assert_int_equal(nvme_cq_wait_cqes(sq->cq, &cqe, 1, &limit), 0);
	assert_int_equal(errno, ETIMEDOUT);
}

/* An error that the bus recovers from is told, and ends nothing. */
static void fault__survives_an_error(void **state)
{
	struct iommu_dmabuf buf;
	struct timespec start;
	struct nvme_sq *sq;
	struct dev dev;

	(void)state;
	sq = dev_open_io(&dev, 8);
	buf = dev_buf(&dev, 4096);
	assert_works(log_set_handler(count_bus_errors, NULL));
	for (unsigned int round = 1; round <= 2; round++) {
		ask();
		clock_gettime(CLOCK_MONOTONIC, &start);
		while (nr_bus_errors < round && ms_since(&start) < EVENT_MS) {
			assert_works(dev_move(&dev, sq, NVM_CMD_READ, 0, buf.vaddr, 4096));
			look(sq);
		}
		assert_int_equal(nr_bus_errors, round);
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (ms_since(&start) < 3000)
		assert_works(dev_move(&dev, sq, NVM_CMD_READ, 0, buf.vaddr, 4096));
	assert_works(dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL));
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
	log_set_handler(NULL, NULL);
}

/* For a case that kills the process in the middle. */
static void fault__writes_for_ever(void **state)
{
	struct iommu_dmabuf buf;
	struct nvme_sq *sq;
	struct dev dev;

	(void)state;
	sq = dev_open_io(&dev, 64);
	buf = dev_buf(&dev, 65536);
	printf("# writing\n");
	fflush(stdout);
	for (uint64_t slba = 0;; slba = (slba + 128) % 8192)
		assert_works(dev_move(&dev, sq, NVM_CMD_WRITE, slba, buf.vaddr, 65536));
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault__medium),
		cmocka_unit_test(fault__slow),
		cmocka_unit_test(fault__gone_under_a_waiter),
		cmocka_unit_test(fault__gone_under_load),
		cmocka_unit_test(fault__no_more_mappings),
		cmocka_unit_test(fault__survives_an_error),
		cmocka_unit_test(fault__writes_for_ever),
	};

	event = argc > 2 ? argv[2] : NULL;
	for (size_t i = 0; argc > 1 && i < ROWS(tests); i++) {
		const struct CMUnitTest one[] = {tests[i]};

		if (!strcmp(tests[i].name, argv[1]))
			return cmocka_run_group_tests_name("fault", one, NULL, NULL);
	}
	fprintf(stderr, "usage: vm_fault TEST [EVENT]\n");
	return 2;
}
