/* SPDX-License-Identifier: MIT */
/*
 * Every call that can fail, fails. A program's whole life with a controller (open, queues,
 * interrupts, mappings, I/O of each kind, events, namespaces, reset, close) is run again and again;
 * in run n the n-th call to libc or to the kernel fails, once, until there is no n-th call any more.
 *
 * In each run: at most one step fails, with an errno; the same step then works, and so does all that
 * follows; and at the end the process holds what it held at the start: memory, mappings, threads,
 * descriptors and, where it is the kernel's, DMA mappings.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <belfry/emu.h>

#include "dev.h"
#include "fail.h"
#include "kernel.h"
#include "support/errno.h"
#include "wrap.h"

#define QSIZE	   128 /* its list pages come in two blocks */
#define RUNS_MAX   3000
#define LONG_BYTES (3 * MIB)

struct life {
	const char *name;
	struct nvme_ctrl ctrl;
	int fd; /* of the interrupt */
	uint32_t nsid;
};

/* The caller's memory: none of it is the heap's, whose calls are counted. */
static uint8_t data[LONG_BYTES] __attribute__((aligned(4096)));

static struct emu_ctrl *emu_of(struct life *l)
{
	struct emu_ctrl *emu = emu_ctrl_get(&l->ctrl.pci.dev);

	return emu ? emu : kernel_emu();
}

/* ---- the steps: each works, or fails with nothing changed and can be repeated ---- */

static int open_it(struct life *l)
{
	static const struct nvme_ctrl_opts opts = {.nsqr = 3, .ncqr = 3, .timeout_ms = 10000};

	return nvme_init(&l->ctrl, l->name, &opts);
}

/* A controller that has no memory for its queues reports a fatal status, which a reset clears. */
static int enable(struct life *l)
{
	int err;

	if (!nvme_enable(&l->ctrl))
		return 0;
	err = errno;
	assert_works(nvme_reset(&l->ctrl));
	errno = err;
	return -1;
}

static int create_pair(struct life *l)
{
	return nvme_create_ioqpair(&l->ctrl, 1, QSIZE, -1, 0);
}

static int create_cq(struct life *l)
{
	return nvme_create_iocq(&l->ctrl, 2, 16, 1);
}

static int create_sq(struct life *l)
{
	return nvme_create_iosq(&l->ctrl, 2, 16, &l->ctrl.cq[2], 0);
}

static int set_irq(struct life *l)
{
	return vfio_set_irq(&l->ctrl.pci.dev, &l->fd, 1, 1);
}

static int unset_irqs(struct life *l)
{
	return vfio_disable_irq_all(&l->ctrl.pci.dev);
}

static int cmb(struct life *l)
{
	return nvme_configure_cmb(&l->ctrl);
}

/* More trackers than the first block has list pages for. */
static int all_trackers(struct life *l)
{
	struct nvme_rq *rqs[QSIZE - 1];
	int n = 0, err;

	while (n < QSIZE - 1 && (rqs[n] = nvme_rq_acquire(&l->ctrl.sq[1])))
		n++;
	err = errno;
	for (int i = 0; i < n; i++)
		nvme_rq_release(rqs[i]);
	errno = err;
	return n == QSIZE - 1 ? 0 : -1;
}

static int map(struct life *l)
{
	return iommu_map_vaddr(l->ctrl.pci.dev.ctx, data, 64 * KIB, NULL, 0);
}

static int map_fixed(struct life *l)
{
	iova_t iova = 0x40000000;

	return iommu_map_vaddr(l->ctrl.pci.dev.ctx, data + 64 * KIB, 64 * KIB, &iova,
			       IOMMU_MAP_FIXED_IOVA | IOMMU_MAP_NOWRITE);
}

static int map_short(struct life *l)
{
	return iommu_map_vaddr(l->ctrl.pci.dev.ctx, data + 128 * KIB, 64 * KIB, NULL,
			       IOMMU_MAP_EPHEMERAL);
}

static int unmap_at(struct life *l, size_t off)
{
	size_t len;

	return iommu_unmap_vaddr(l->ctrl.pci.dev.ctx, data + off, &len);
}

static int unmap(struct life *l)
{
	return unmap_at(l, 0);
}

static int unmap_fixed(struct life *l)
{
	return unmap_at(l, 64 * KIB);
}

static int unmap_short(struct life *l)
{
	return unmap_at(l, 128 * KIB);
}

static int same_address(struct life *l)
{
	void *mem = iommu_alloc_same_iova(l->ctrl.pci.dev.ctx, 64 * KIB);

	if (!mem)
		return -1;
	if (!iommu_free_same_iova(l->ctrl.pci.dev.ctx, mem))
		return 0;
	{
		keep_errno();

		assert_works(iommu_free_same_iova(l->ctrl.pci.dev.ctx, mem));
	}
	return -1;
}

static union nvme_cmd rw(uint8_t opcode, uint64_t slba, size_t len)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(len / 512 - 1));
	return cmd;
}

/* A command with its data mapped by hand. */
static int move(struct life *l, uint8_t opcode)
{
	union nvme_cmd cmd = rw(opcode, 8, 64 * KIB);
	struct iovec iov = {data, 64 * KIB};
	struct nvme_rq *rq = nvme_rq_acquire(&l->ctrl.sq[1]);
	int ret;

	if (!rq)
		return -1;
	ret = nvme_rq_mapv(&l->ctrl, rq, &cmd, &iov, 1);
	if (!ret)
		ret = dev_exec(rq, &cmd, NULL);
	nvme_rq_release(rq);
	return ret;
}

static int write_it(struct life *l)
{
	memset(data, 0x5a, 64 * KIB);
	return move(l, NVM_CMD_WRITE);
}

static int read_it(struct life *l)
{
	memset(data, 0, 64 * KIB);
	if (move(l, NVM_CMD_READ))
		return -1;
	for (size_t i = 0; i < 64 * KIB; i++)
		assert_int_equal(data[i], 0x5a);
	return 0;
}

static int sync_io(struct life *l, uint8_t opcode, void *buf, size_t len)
{
	union nvme_cmd cmd = rw(opcode, 8, len ? len : 512);

	return nvme_sync(&l->ctrl, &l->ctrl.sq[1], &cmd, buf, len, NULL);
}

/* Through a buffer of the library's. */
static int sync_odd(struct life *l)
{
	return sync_io(l, NVM_CMD_READ, data + MIB + 512, 4096);
}

/* Mapped for the time of the command, with a list of several pages. */
static int sync_long(struct life *l)
{
	union nvme_cmd cmd = rw(NVM_CMD_READ, 0, 512 * KIB);

	return nvme_sync(&l->ctrl, &l->ctrl.sq[2], &cmd, data + MIB, 512 * KIB, NULL);
}

static int flush(struct life *l)
{
	return sync_io(l, NVM_CMD_FLUSH, NULL, 0);
}

static int write_zeroes(struct life *l)
{
	union nvme_cmd cmd = rw(NVM_CMD_WRITE_ZEROES, 2000, 64 * KIB);

	return nvme_sync(&l->ctrl, &l->ctrl.sq[1], &cmd, NULL, 0, NULL);
}

static int uncorrectable(struct life *l)
{
	return sync_io(l, NVM_CMD_WRITE_UNCOR, NULL, 0);
}

/* One range, from block 1000 to block 200. */
static int copy(struct life *l)
{
	union nvme_cmd cmd = rw(NVM_CMD_COPY, 200, 512);
	struct nvm_copy_range range = {.slba = cpu_to_le64(1000), .nlb = cpu_to_le16(7)};

	return nvme_sync(&l->ctrl, &l->ctrl.sq[1], &cmd, &range, sizeof(range), NULL);
}

/* A wait comes across the completion of another command, and keeps it. */
static int out_of_order(struct life *l)
{
	union nvme_cmd cmd = rw(NVM_CMD_FLUSH, 0, 512);
	struct nvme_rq *rqs[2] = {nvme_rq_acquire(&l->ctrl.sq[1]), nvme_rq_acquire(&l->ctrl.sq[1])};
	int err = 0;

	assert_true(rqs[0] && rqs[1]); /* their pages have been there since all_trackers() */
	for (int i = 0; i < 2; i++)
		nvme_rq_exec(rqs[i], &cmd);
	for (int i = 1; i >= 0; i--) {
		/* Out of memory, the completion is still in the queue. Refused, there is none. */
		while (dev_wait(rqs[i], NULL)) {
			err = errno;
			if (err != ENOMEM)
				break;
		}
		nvme_rq_release(rqs[i]);
	}
	errno = err;
	return err ? -1 : 0;
}

/* An event is asked for, happens, and is taken. */
static int event(struct life *l)
{
	struct timespec ts = {.tv_sec = DEV_PATIENCE_S};
	struct nvme_cqe cqe;
	struct nvme_rq *rq;

	if (nvme_aer(&l->ctrl, l))
		return -1;
	assert_works(emu_raise_event(emu_of(l), 7, 0, 0xc0));
	assert_int_equal(nvme_cq_wait_cqes(l->ctrl.adminq.cq, &cqe, 1, &ts), 1);
	cqe.cid &= (uint16_t)~NVME_CID_AER;
	rq = nvme_rq_from_cqe(&l->ctrl, &cqe);
	assert_non_null(rq);
	nvme_rq_release(rq);
	return 0;
}

static int ns_command(struct life *l, uint8_t opcode, uint32_t sel, void *buf, size_t len,
		      uint32_t *nsid)
{
	union nvme_cmd cmd = {.opcode = opcode};
	struct nvme_cqe cqe;

	cmd.nsid = cpu_to_le32(*nsid);
	cmd.cdw10 = cpu_to_le32(sel);
	if (nvme_admin(&l->ctrl, &cmd, buf, len, &cqe))
		return -1;
	if (opcode == NVM_ADMIN_NS_MGMT && sel == NVM_NS_MGMT_SEL_CREATE)
		*nsid = le32_to_cpu(cqe.dw0);
	return 0;
}

static int ns_create(struct life *l)
{
	struct nvm_ns_mgmt ns = {.nsze = cpu_to_le64(512), .ncap = cpu_to_le64(512)};

	l->nsid = 0;
	return ns_command(l, NVM_ADMIN_NS_MGMT, NVM_NS_MGMT_SEL_CREATE, &ns, sizeof(ns), &l->nsid);
}

static int ns_attach(struct life *l)
{
	static leint16_t list[2048]; /* one controller, of identifier 0 */

	list[0] = cpu_to_le16(1);
	return ns_command(l, NVM_ADMIN_NS_ATTACH, NVM_NS_ATTACH_SEL_ATTACH, list, sizeof(list),
			  &l->nsid);
}

static int ns_format(struct life *l)
{
	return ns_command(l, NVM_ADMIN_FORMAT, 0, NULL, 0, &l->nsid);
}

static int ns_delete(struct life *l)
{
	return ns_command(l, NVM_ADMIN_NS_MGMT, NVM_NS_MGMT_SEL_DELETE, NULL, 0, &l->nsid);
}

static int registry(struct life *l)
{
	if (nvme_add_ctrl(&l->ctrl))
		return -1;
	assert_ptr_equal(nvme_get_ctrl(l->name), &l->ctrl);
	return nvme_del_ctrl(&l->ctrl);
}

static int delete_pair(struct life *l)
{
	return nvme_delete_ioqpair(&l->ctrl, 2);
}

static int reset_it(struct life *l)
{
	return nvme_reset(&l->ctrl);
}

static int function_reset(struct life *l)
{
	return vfio_reset(&l->ctrl.pci.dev);
}

static bool hmb_in_pieces; /* memory in one piece was refused once */

static int hmb(struct life *l)
{
	struct nvme_hmb hmb;
	int err = 0;

	if (nvme_hmb_init(&l->ctrl, &hmb, 0))
		return -1;
	assert_int_equal(hmb.size, 4 * MIB);
	hmb_in_pieces |= hmb.nr_chunks > 1;
	if (nvme_hmb_enable(&hmb))
		err = errno;
	nvme_hmb_close(&hmb);
	assert_null(hmb.ctrl);
	errno = err;
	return err ? -1 : 0;
}

static int pmr(struct life *l)
{
	struct nvme_pmr pmr;

	if (nvme_pmr_enable(&l->ctrl, &pmr))
		return -1;
	assert_works(nvme_pmr_persist(&pmr));
	nvme_pmr_disable(&pmr);
	return 0;
}

struct step {
	const char *name;
	int (*run)(struct life *l);
};

#define STEP(fn) ((struct step){#fn, fn})

static const struct step common[] = {
	STEP(open_it),	      STEP(create_pair), STEP(cmb),
	STEP(set_irq),	      STEP(create_cq),	 STEP(create_sq),
	STEP(all_trackers),   STEP(map),	 STEP(map_fixed),
	STEP(map_short),      STEP(write_it),	 STEP(read_it),
	STEP(unmap_fixed),    STEP(unmap_short), STEP(same_address),
	STEP(sync_odd),	      STEP(sync_long),	 STEP(flush),
	STEP(write_zeroes),   STEP(copy),	 STEP(out_of_order),
	STEP(event),	      STEP(registry),	 STEP(unset_irqs),
	STEP(delete_pair),    STEP(reset_it),	 STEP(enable),
	STEP(create_pair),    STEP(read_it),	 STEP(unmap),
	STEP(function_reset),
};

static const struct step namespaces[] = {
	STEP(open_it),	 STEP(create_pair), STEP(uncorrectable), STEP(ns_create),
	STEP(ns_attach), STEP(ns_format),   STEP(ns_delete),
};

static const struct step buffers[] = {
	STEP(open_it),
	STEP(hmb),
	STEP(pmr),
	STEP(hmb),
};

/* ---- the runs ---- */

struct tally {
	unsigned long runs, failed_steps, absorbed;
};

static void assert_held(const struct fail_held *before, int fds, const char *what)
{
	struct fail_held now = fail_held();

	if (memcmp(&now, before, sizeof(now)) || open_fds() != fds)
		fail_msg("%s leaves %ld blocks, %ld mappings (%ld pages), %ld threads, %d files",
			 what, now.blocks - before->blocks, now.maps - before->maps,
			 now.pages - before->pages, now.threads - before->threads,
			 open_fds() - fds);
	if (kernel_emu() && kernel_held())
		fail_msg("%s leaves %lu descriptors and DMA mappings in the kernel", what,
			 kernel_held());
}

/* One life, in which the @nth call fails. True when there was one. */
static bool run(const char *name, const struct step *steps, size_t nr, unsigned long nth,
		struct tally *tally)
{
	struct life l = {.name = name, .fd = __real_eventfd(0, EFD_CLOEXEC)};
	struct fail_held before = fail_held();
	int fds = open_fds(), failed = 0;
	struct fail_hit hit;
	char what[160];

	assert_true(l.fd >= 0);
	fail_arm(nth);
	for (size_t i = 0; i < nr; i++) {
		bool fired = fail_fired();

		errno = 0;
		if (!steps[i].run(&l))
			continue;
		if (!errno || errno == FAIL_SPOILT || !fail_fired() || fired || failed++)
			fail_msg("call %lu: %s fails: %s%s", nth, steps[i].name, strerror(errno),
				 fail_fired() ? "" : ", though no call has failed");
		if (errno == ENODEV) {
			/* A register that cannot be read: all that helps is to open it anew. */
			nvme_close(&l.ctrl);
			i = (size_t)-1;
		} else if (steps[i].run(&l)) {
			fail_msg("call %lu: %s fails the second time too: %s", nth, steps[i].name,
				 strerror(errno));
		}
	}
	nvme_close(&l.ctrl);
	hit = fail_disarm();

	snprintf(what, sizeof(what), "call %lu, %s() failing", nth, hit.call ? hit.call : "none");
	if (nth)
		assert_held(&before, fds, what);
	__real_close(l.fd);
	if (!hit.call)
		return false;
	tally->runs++;
	tally->failed_steps += (unsigned long)failed;
	tally->absorbed += !failed;
	return true;
}

static void every_call_fails(const char *name, const struct step *steps, size_t nr)
{
	struct tally tally = {};
	unsigned long nth;

	run(name, steps, nr, 0, &tally); /* from here on there is what is kept for good */
	for (nth = 1; run(name, steps, nr, nth, &tally); nth++)
		assert_true(nth < RUNS_MAX);
	print_message("# %s: %lu calls failed: %lu errors, %lu without consequence; "
		      "%u places so far\n",
		      name, tally.runs, tally.failed_steps, tally.absorbed, fail_sites());
	assert_true(tally.failed_steps > nr);
}

static void inject__emulated_in_memory(void **state)
{
	(void)state;
	every_call_fails("emu:size=4M,dbbuf=on,cmb=1M,queues=4,mdts=0", common, ROWS(common));
}

static void inject__namespaces(void **state)
{
	(void)state;
	every_call_fails("emu:ns=2,size=1M,capacity=8M,queues=4", namespaces, ROWS(namespaces));
}

static void inject__buffers(void **state)
{
	(void)state;
	every_call_fails("emu:size=1M,queues=4,hmb=4M,pmr=64K", buffers, ROWS(buffers));
	assert_true(hmb_in_pieces);
}

static void inject__emulated_in_a_file(void **state)
{
	char dir[] = "/tmp/belfry-inject-XXXXXX", name[128], file[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/disk", dir);
	snprintf(name, sizeof(name), "emu:file=%s,size=4M,queues=4,cmb=1M,mdts=0", file);
	every_call_fails(name, common, ROWS(common));
	unlink(file);
	rmdir(dir);
}

static void inject__vfio_group(void **state)
{
	(void)state;
	kernel_start("size=4M,queues=4,cmb=1M,mdts=0", false);
	every_call_fails(KERNEL_BDF, common, ROWS(common));
	kernel_stop();
}

static void inject__iommufd(void **state)
{
	(void)state;
	kernel_start("size=4M,queues=4,cmb=1M,mdts=0,mpsmin=2", true);
	every_call_fails(KERNEL_BDF, common, ROWS(common));
	kernel_stop();
}

/* A name that the linker does not know is a call that is not looked at. */
static void inject__every_kind_of_call_was_made(void **state)
{
	static const char *const kinds[] = {
		"malloc",     "calloc",	  "realloc", "aligned_alloc", "posix_memalign",
		"strdup",     "asprintf", "mmap",    "madvise",	      "pthread_create",
		"membarrier", "open",	  "eventfd", "ioctl",	      "pread",
		"pwrite",     "preadv",	  "pwritev", "read",	      "fallocate",
		"ftruncate",  "fstat",	  "flock",   "fdatasync",     "opendir",
		"readlink",   "access",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(kinds); i++) {
		if (!fail_seen(kinds[i]))
			fail_msg("%s() was never called", kinds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inject__emulated_in_memory),
		cmocka_unit_test(inject__namespaces),
		cmocka_unit_test(inject__buffers),
		cmocka_unit_test(inject__emulated_in_a_file),
		cmocka_unit_test(inject__vfio_group),
		cmocka_unit_test(inject__iommufd),
		cmocka_unit_test(inject__every_kind_of_call_was_made),
	};

	return cmocka_run_group_tests_name("inject", tests, NULL, NULL);
}
