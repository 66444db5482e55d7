/* SPDX-License-Identifier: MIT */
/*
 * What is documented and none of the other programs here uses: a bring-up in steps, queues made one
 * by one, rings looked at, lists in the program's own memory with every entry compared, and the small
 * helpers.
 */
#if defined(__has_include)
#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h> /* has a structure that <vfn/iommu.h> has too */
#endif
#endif

#include <vfn/nvme.h>
#include <vfn/pci.h>
#include <vfn/iommu/iommufd.h>
#include <sys/uio.h>

#include "check.h"

enum {
	SET_FEATURES = 0x09,
	FEAT_QUEUES = 0x07,
	WRITE = 0x01,
	READ = 0x02,
	FLUSH = 0x00,
	PAGE = 4096,
};

static struct nvme_ctrl ctrl;
static const char *name;
static char *buf; /* 8 pages */
static iova_t iova;

/* ---- bring-up ---- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void old_name(void)
{
	CHECK(!nvme_pci_init(&ctrl, name));
	CHECK(ctrl.pci.bdf && (ctrl.pci.classcode & 0xffff00) == 0x010800);
	nvme_close(&ctrl);
	PASSED("opened by the deprecated name");
}
#pragma GCC diagnostic pop

static void number_of_queues(void)
{
	union nvme_cmd cmd = {.features = {.opcode = SET_FEATURES, .fid = FEAT_QUEUES}};
	struct nvme_cqe cqe;
	uint32_t dw0;

	cmd.features.cdw11 = cpu_to_le32(3 << 16 | 3);
	CHECK(!nvme_admin(&ctrl, &cmd, NULL, 0, &cqe));
	dw0 = le32_to_cpu(cqe.dw0);
	ctrl.config.nsqa = (int)(dw0 & 0xffff);
	ctrl.config.ncqa = (int)(dw0 >> 16);
	ctrl.opts.nsqr = ctrl.config.nsqa; /* all that it gives, room or not */
	ctrl.opts.ncqr = ctrl.config.ncqa;
}

/* The rings of the program: 16 entries of completions, 8 of submissions. */
static void bring_up(bool own, struct iommu_dmabuf *cqes, struct iommu_dmabuf *sqes)
{
	struct nvme_ctrl_opts opts = {.nsqr = 3, .ncqr = 3};

	CHECK(!nvme_ctrl_init(&ctrl, name, &opts));
	CHECK(!nvme_reset(&ctrl));
	if (own) {
		CHECK(!iommu_get_dmabuf(__iommu_ctx(&ctrl), cqes, PAGE, 0));
		CHECK(!iommu_get_dmabuf(__iommu_ctx(&ctrl), sqes, PAGE, 0));
		cqes->len = 16 << NVME_CQES;
		sqes->len = 8 << NVME_SQES;
		CHECK(!nvme_configure_adminq_mem(&ctrl, 0x0, cqes, sqes));
		CHECK(ctrl.adminq.cq->qsize == 16 && ctrl.adminq.sq->qsize == 8);
		CHECK(ctrl.adminq.cq->mem.vaddr == cqes->vaddr);
		CHECK(ctrl.adminq.sq->mem.vaddr == sqes->vaddr);
	} else {
		CHECK(!nvme_configure_adminq(&ctrl, 0x0));
		CHECK(ctrl.adminq.cq->qsize == 32 && ctrl.adminq.sq->qsize == 32);
	}
	CHECK(ctrl.adminq.sq == &ctrl.sq[NVME_AQ] && ctrl.adminq.cq == &ctrl.cq[NVME_AQ]);
	CHECK(!nvme_enable(&ctrl));
	number_of_queues();
}

static void in_steps(void)
{
	struct iommu_dmabuf cqes = {}, sqes = {};

	bring_up(true, &cqes, &sqes);
	CHECK(!nvme_create_ioqpair(&ctrl, 1, 4, -1, 0x0));
	nvme_close(&ctrl);
	iommu_put_dmabuf(&cqes);
	iommu_put_dmabuf(&sqes);
	bring_up(false, NULL, NULL);
	PASSED("reset, admin queue, enable, in the program's memory and the library's");
}

/* Two submission queues on one completion queue. */
static void queues(void)
{
	CHECK(!nvme_create_iocq(&ctrl, 1, 16, -1));
	CHECK(!nvme_create_iosq(&ctrl, 1, 8, &ctrl.cq[1], NVME_Q_PC)); /* flags mean nothing */
	CHECK(!nvme_create_iosq(&ctrl, 2, 8, &ctrl.cq[1], 0x0));
	CHECK(ctrl.sq[2].cq == &ctrl.cq[1] && ctrl.sq[2].id == 2 && ctrl.cq[1].qsize == 16);
	CHECK_FAILS(nvme_create_iocq(&ctrl, 60000, 16, -1), EINVAL);
	CHECK_FAILS(nvme_configure_cq(&ctrl, 6, 16, -1), EINVAL);
	CHECK_FAILS(nvme_configure_sq(&ctrl, 3, 1, &ctrl.cq[1], 0x0), EINVAL);
	CHECK_FAILS(nvme_configure_cq_mem(&ctrl, 3, 16, -1, NULL), EINVAL);
	PASSED("queues one by one");
}

/* ---- rings ---- */

static void ring_by_ring(void)
{
	union nvme_cmd cmd = {.opcode = FLUSH, .nsid = cpu_to_le32(1)};
	struct nvme_sq *sq = &ctrl.sq[1];
	struct nvme_cq *cq = &ctrl.cq[1];
	struct nvme_cqe cqes[3], *head = nvme_cq_head(cq);
	struct timespec second = {.tv_sec = 1}, moment = {.tv_nsec = 1000};
	struct nvme_rq *rq;

	CHECK(head == (struct nvme_cqe *)cq->mem.vaddr + cq->head);
	cmd.cid = 0x4242;
	nvme_sq_exec(sq, &cmd);
	CHECK(sq->tail == 1 && sq->ptail == 1);
	nvme_cq_spin(cq);
	CHECK(nvme_cq_head(cq) == head && head->cid == 0x4242); /* not taken yet */
	CHECK(nvme_cq_get_cqe(cq) == head && nvme_cq_head(cq) == head + 1);
	errno = ENOENT;
	CHECK(!nvme_set_errno_from_cqe(head) && !errno);
	nvme_cq_update_head(cq);

	for (uint16_t i = 0; i < 3; i++) {
		cmd.cid = (uint16_t)(0x5000 + i);
		nvme_sq_post(sq, &cmd);
	}
	CHECK(sq->tail == 4 && sq->ptail == 1);
	nvme_sq_update_tail(sq);
	nvme_cq_get_cqes(cq, NULL, 1);
	nvme_cq_get_cqes(cq, cqes, 2);
	nvme_cq_update_head(cq);
	CHECK(cqes[0].cid != cqes[1].cid && cqes[0].cid >> 12 == 5 && cqes[1].cid >> 12 == 5);
	errno = 0;
	CHECK(nvme_cq_wait_cqes(cq, cqes, 3, &moment) == 0 && errno == ETIMEDOUT);

	rq = nvme_rq_acquire(sq);
	CHECK(rq && rq->cid == 6); /* the highest: there is one fewer than entries */
	rq->opaque = &cmd;
	nvme_rq_reset(rq);
	CHECK(!rq->opaque);
	CHECK_FAILS(nvme_rq_wait(rq, NULL, NULL), EINVAL); /* it would be for ever */
	cmd.cid = rq->cid; /* by hand, and waited for all the same */
	nvme_sq_exec(sq, &cmd);
	CHECK(!nvme_rq_wait(rq, NULL, &second));
	cmd.nsid = cpu_to_le32(0xfffffffe); /* there is no such namespace */
	nvme_rq_post(rq, &cmd);
	CHECK(cmd.cid == 6 && sq->tail != sq->ptail);
	nvme_sq_update_tail(sq);
	errno = 0;
	CHECK(nvme_rq_wait(rq, cqes, &second) == -1 && errno);
	CHECK(!nvme_cqe_ok(cqes) && cqes[0].cid == 6);
	CHECK(nvme_set_errno_from_cqe(cqes) == -1 && errno);
	nvme_rq_release(rq);
	PASSED("entries by every function that takes them");
}

static void shadow(void)
{
	leint32_t words[2] = {cpu_to_le32(7), cpu_to_le32(8)};
	struct nvme_dbbuf none = {}, some = {&words[0], &words[1]};

	CHECK(nvme_try_dbbuf(9, &none) == -1);
	CHECK(nvme_try_dbbuf(8, &some) == 0); /* from 7 to 8: 8 is not passed yet */
	CHECK(nvme_try_dbbuf(9, &some) == -1);
	CHECK(le32_to_cpu(words[0]) == 9);
	CHECK(__nvme_need_mmio(8, 9, 8) && !__nvme_need_mmio(8, 8, 7));
	CHECK(__nvme_need_mmio(0xffff, 2, 0xfffe)); /* around the end */
	PASSED("shadow doorbells");
}

/* ---- data pointers ---- */

static bool prps(const union nvme_cmd *cmd, iova_t prp1, iova_t prp2)
{
	return le64_to_cpu(cmd->dptr.prp1) == prp1 && le64_to_cpu(cmd->dptr.prp2) == prp2;
}

/* 256 into the first page, three pages long: a byte or more of four pages. */
static void lists(void)
{
	leint64_t *list = (leint64_t *)(void *)(buf + 7 * PAGE);
	iova_t list_iova = iova + 7 * PAGE;
	struct iova_vec pieces[2] = {{iova + 256, PAGE - 256}, {iova + 3 * PAGE, 512}};
	struct iovec bad[2] = {{buf, 512}, {buf + PAGE, PAGE}},
		     good[2] = {{buf, PAGE}, {buf, PAGE}};
	union nvme_cmd cmd = {};

	CHECK(!nvme_map_prp(&ctrl, list, 1, &cmd, iova + 256, 3 * PAGE));
	CHECK(prps(&cmd, iova + 256, list_iova));
	for (int i = 0; i < 3; i++)
		CHECK(le64_to_cpu(list[i]) == iova + (iova_t)(i + 1) * PAGE);
	CHECK_FAILS(nvme_map_prp(&ctrl, list, 0, &cmd, iova, PAGE), EINVAL);
	CHECK(!nvme_mapv_iova_prp(&ctrl, list, 1, &cmd, pieces, 2));
	CHECK(prps(&cmd, iova + 256, iova + 3 * PAGE));
	errno = 0;
	CHECK(nvme_mapv_prp(&ctrl, list, 1, &cmd, bad, 2) == -1 && errno == EINVAL);
	CHECK(prps(&cmd, iova + 256, iova + 3 * PAGE)); /* as it was */
	CHECK(!nvme_mapv_prp(&ctrl, list, 1, &cmd, good, 2));
	CHECK(prps(&cmd, iova, iova));
	PASSED("lists in the program's memory");
}

static void sgls(void)
{
	struct nvme_sgld *segment = (struct nvme_sgld *)(void *)(buf + 7 * PAGE);
	struct iova_vec pieces[2] = {{iova + 512, 1024}, {iova + 3 * PAGE, 512}};
	union nvme_cmd cmd = {};

	CHECK(!nvme_mapv_iova_sgl(&ctrl, segment, iova + 7 * PAGE, &cmd, pieces, 2));
	CHECK(cmd.flags == NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG << NVME_CMD_FLAGS_PSDT_SHIFT);
	CHECK(cmd.dptr.sgl.type == NVME_SGLD_TYPE_LAST_SEGMENT << NVME_SGLD_TYPE_SHIFT);
	CHECK(le64_to_cpu(cmd.dptr.sgl.addr) == iova + 7 * PAGE);
	CHECK(le32_to_cpu(cmd.dptr.sgl.len) == 32);
	CHECK(le64_to_cpu(segment[0].addr) == iova + 512 && le32_to_cpu(segment[0].len) == 1024);
	CHECK(le64_to_cpu(segment[1].addr) == iova + 3 * PAGE &&
	      le32_to_cpu(segment[1].len) == 512);
	CHECK(!segment[1].type);
	PASSED("segments in the program's memory");
}

static void move(uint8_t opcode, size_t off, bool sgl)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode, .nsid = cpu_to_le32(1)}};
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl.sq[2]);
	struct iovec iov = {buf + off, PAGE};
	struct iova_vec vec = {iova + off, PAGE};

	CHECK(rq);
	cmd.rw.nlb = cpu_to_le16(7);
	if (!sgl)
		CHECK(!nvme_rq_mapv_prp(&ctrl, rq, &cmd, &iov, 1));
	else if (opcode == READ)
		CHECK(!nvme_rq_mapv_sgl(&ctrl, rq, &cmd, &iov, 1));
	else
		CHECK(!nvme_rq_mapv_iova_sgl(&ctrl, rq, &cmd, &vec, 1));
	nvme_rq_exec(rq, &cmd);
	CHECK(!nvme_rq_wait(rq, NULL, NULL));
	nvme_rq_release(rq);
}

static void data(void)
{
	bool sgl = ctrl.flags & NVME_CTRL_F_SGLS_SUPPORTED;

	for (int i = 0; i < (sgl ? 2 : 1); i++) {
		memset(buf, 0x51 + i, PAGE);
		memset(buf + PAGE, 0, 2 * PAGE);
		move(WRITE, 0, i);
		move(READ, PAGE + 512, i);
		CHECK(!memcmp(buf, buf + PAGE + 512, PAGE));
	}
	PASSED("data by each kind of tracker's list");
}

/* ---- around it ---- */

static void gone(void)
{
	CHECK_FAILS(nvme_delete_iocq(&ctrl, 1), EBUSY);
	CHECK(!nvme_delete_iosq(&ctrl, 2) && !nvme_delete_iosq(&ctrl, 1));
	CHECK(!nvme_delete_iocq(&ctrl, 1) && !ctrl.cq[1].mem.vaddr && !ctrl.sq[2].qsize);
	nvme_close(&ctrl);
	PASSED("queues gone, one by one");
}

static void address_space(void)
{
	struct iommu_ctx *ctx = iommu_get_context(name);
	struct iommufd_fault_queue fq;
	void *page;

	CHECK(ctx);
	CHECK(pgmapn(&page, 3, 1500) == 2 * PAGE);
	CHECK(!iommu_map_vaddr(ctx, page, __VFN_PAGESIZE, NULL, 0));
	CHECK(iommu_translate_vaddr(ctx, page, NULL));
	CHECK(!iommu_unmap_all(ctx) && !iommu_translate_vaddr(ctx, page, NULL));
	pgunmap(page, 2 * __VFN_PAGESIZE);
	if (!iommufd_alloc_fault_queue(&fq)) {
		CHECK(fq.fault_fd >= 0);
		close(fq.fault_fd);
	}
	errno = 0;
	CHECK(iommufd_set_fault_queue(ctx, &fq, -1) == -1 && errno);
	PASSED("an address space without a controller");
}

static void functions(void)
{
	const char *none = "ffff:ff:1f.7";
	unsigned long long vendor;

	CHECK_FAILS(pci_device_info_get_ull(none, "vendor", &vendor), ENOENT);
	CHECK_FAILS(pci_unbind(none), ENOENT);
	CHECK_FAILS(pci_bind(none, "vfio-pci"), ENOENT);
	CHECK_FAILS(pci_driver_new_id("no-such-driver", 0x1b36, 0x0010), ENOENT);
	CHECK_FAILS(pci_driver_remove_id("no-such-driver", 0x1b36, 0x0010), ENOENT);
	errno = 0;
	CHECK(!pci_get_driver(none) && errno == ENOENT);
	CHECK(!pci_get_iommu_group(none) && !pci_get_device_vfio_id(none));
	CHECK(!pci_is_vf(none) && !pci_is_pf(none) && !pci_is_sriov_supported(none));
	CHECK(!pci_vf_get_pf_bdf(none) && pci_vf_get_vfnum(none) == -1);
	PASSED("functions that are not there");
}

static void helpers(void)
{
	char file[] = "/tmp/documented-XXXXXX", text[8] = "";
	int fd = mkstemp(file), *ints = (int *)xmalloc(sizeof(int));

	CHECK(fd >= 0);
	CHECK(writeallfd(fd, "text", 4) == 4 && !lseek(fd, 0, SEEK_SET));
	CHECK(readmaxfd(fd, text, sizeof(text)) == 4 && !strcmp(text, "text"));
	CHECK(writeall(file, "more", 4) == 4 && readmax(file, text, 8) == 4 && text[0] == 'm');
	close(fd);
	unlink(file);

	ints = (int *)reallocn(ints, 100, sizeof(int));
	ints[99] = 1;
	free(ints);
	ints = (int *)zmallocn(10, sizeof(int));
	CHECK(!ints[9]);
	free(ints);
	free(mallocn(10, sizeof(int)));
	CHECK(would_overflow(3, SIZE_MAX / 2) && !would_overflow(2, SIZE_MAX / 2));
	CHECK(be16_to_cpu(cpu_to_be16(0x1234)) == 0x1234 && cpu_to_be16(0x1234) == 0x3412);
	CHECK(be32_to_cpu(cpu_to_be32(0x12345678)) == 0x12345678);
	CHECK(be64_to_cpu(CPU_TO_BE64(0x12345678)) == 0x12345678);
	CHECK(cpu_to_be64(1) == 1ULL << 56 && cpu_to_be32(1) == 1U << 24);
	CHECK(__vfn_ticks_freq > 1000 * 1000);
	__usleep(1);
	(void)get_ticks_freq_arch();
	CHECK(!TRACE_NVME_SQ_POST_ACTIVE);
	trace_event_set_active("nvme_sq", true);
	CHECK(TRACE_NVME_SQ_POST_ACTIVE && TRACE_NVME_SQ_UPDATE_TAIL_ACTIVE);
	CHECK(!TRACE_NVME_CQ_GOT_CQE_ACTIVE);
	trace_event_set_active("nvme_sq", false);
	CHECK(!TRACE_NVME_SQ_POST_ACTIVE);
	PASSED("helpers");
}

int main(int argc, char **argv)
{
	name = argc > 1 ? argv[1] : "emu:";
	old_name();
	in_steps();
	CHECK(pgmap((void **)&buf, 8 * PAGE) == 8 * PAGE);
	CHECK(!iommu_map_vaddr(__iommu_ctx(&ctrl), buf, 8 * PAGE, &iova, 0));
	queues();
	ring_by_ring();
	shadow();
	lists();
	sgls();
	data();
	gone();
	address_space();
	functions();
	helpers();
	pgunmap(buf, 8 * PAGE);
	return check_done();
}
