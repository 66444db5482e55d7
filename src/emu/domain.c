/* SPDX-License-Identifier: MIT */
/*
 * DMA domain: changes of the table. domain.h has what it is and how it is read.
 *
 * The directory and the leaves are mappings that cost memory only where they are
 * written, so a domain is cheap however far apart its IOVAs lie.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include <belfry/support/align.h>

#include "emu/domain.h"
#include "emu/engine.h"
#include "emu/remote.h"
#include "support/errno.h"

#define IOVA_END (1ull << EMU_IOVA_BITS)

static void *table_alloc(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

struct emu_domain *emu_domain_create(void)
{
	struct emu_domain *dom = calloc(1, sizeof(*dom));

	if (!dom)
		return NULL;
	dom->dir = table_alloc(EMU_DIR_SIZE * sizeof(*dom->dir));
	if (!dom->dir) {
		free(dom);
		return set_errno_null(ENOMEM);
	}
	pthread_mutex_init(&dom->lock, NULL);
	dom->refs = 1;
	return dom;
}

void emu_domain_get(struct emu_domain *dom)
{
	atomic_inc(&dom->refs);
}

/* The entry of an IOVA below 2^48, or NULL where there is no leaf. Lock held. */
static uint64_t *pte_get(struct emu_domain *dom, uint64_t iova)
{
	uint64_t *leaf = dom->dir[iova >> EMU_DIR_SHIFT];

	return leaf ? &leaf[(iova >> 12) & (EMU_LEAF_SIZE - 1)] : NULL;
}

static uint64_t leaf_end(uint64_t iova)
{
	return ((iova >> EMU_DIR_SHIFT) + 1) << EMU_DIR_SHIFT;
}

static bool range_free(struct emu_domain *dom, uint64_t iova, uint64_t end)
{
	while (iova < end) {
		uint64_t *pte = pte_get(dom, iova);

		if (pte && *pte)
			return false;
		iova = pte ? iova + EMU_PAGE : leaf_end(iova);
	}
	return true;
}

/* Leaves that a failure leaves behind are empty: nothing has changed. */
static int leaves_alloc(struct emu_domain *dom, uint64_t iova, uint64_t end)
{
	for (; iova < end; iova = leaf_end(iova)) {
		uint32_t i = (uint32_t)(iova >> EMU_DIR_SHIFT);
		uint64_t *leaf;

		if (dom->dir[i])
			continue;
		leaf = table_alloc(EMU_LEAF_SIZE * sizeof(*leaf));
		if (!leaf)
			return set_errno(ENOMEM);
		atomic_store_release(&dom->dir[i], leaf);
		if (i >= dom->dir_used)
			dom->dir_used = i + 1;
	}
	return 0;
}

static bool range_valid(uint64_t iova, size_t len, unsigned int prot)
{
	return len && ALIGNED(iova | len, EMU_PAGE) && len <= IOVA_END && iova <= IOVA_END - len &&
	       !(prot & ~(EMU_DMA_READ | EMU_DMA_WRITE));
}

/* Room for entries that are free. */
static int prepare_locked(struct emu_domain *dom, uint64_t iova, size_t len)
{
	if (!range_free(dom, iova, iova + len))
		return set_errno(EEXIST);
	return leaves_alloc(dom, iova, iova + len);
}

/* Entries for memory at @host, with @bits in each. */
static void fill_locked(struct emu_domain *dom, uint64_t iova, uint64_t host, size_t len,
			unsigned int bits)
{
	for (uint64_t end = iova + len; iova < end; iova += EMU_PAGE, host += EMU_PAGE)
		atomic_store_release(pte_get(dom, iova), host | bits);
}

int emu_domain_map(struct emu_domain *dom, uint64_t iova, void *vaddr, size_t len,
		   unsigned int prot)
{
	int ret;

	if (!vaddr || !ALIGNED((uintptr_t)vaddr, EMU_PAGE) || !range_valid(iova, len, prot))
		return set_errno(EINVAL);

	pthread_mutex_lock(&dom->lock);
	ret = prepare_locked(dom, iova, len);
	if (!ret)
		fill_locked(dom, iova, (uintptr_t)vaddr, len, prot | EMU_PTE_PRESENT);
	pthread_mutex_unlock(&dom->lock);
	return ret;
}

/* It is found by its shadow before the first entry leads there. */
int emu_domain_map_remote(struct emu_domain *dom, uint64_t iova, size_t len, unsigned int prot,
			  const struct emu_remote_host *host)
{
	struct emu_remote *remote;
	int ret;

	if (!range_valid(iova, len, prot))
		return set_errno(EINVAL);
	remote = emu_remote_create(host, iova, len);
	if (!remote)
		return -1;

	pthread_mutex_lock(&dom->lock);
	ret = prepare_locked(dom, iova, len);
	if (!ret) {
		remote->next = dom->remotes;
		atomic_store_release(&dom->remotes, remote);
		fill_locked(dom, iova, (uintptr_t)remote->shadow, len, prot | EMU_PTE_REMOTE);
	}
	pthread_mutex_unlock(&dom->lock);
	if (ret)
		emu_remote_free(remote);
	return ret;
}

uint8_t *emu_domain_shadow(const struct emu_domain *dom, uint64_t iova, uint64_t prot)
{
	return __emu_domain_find(dom, iova, prot | EMU_PTE_REMOTE);
}

/* Take those out of the list that lie in a range. Return them. */
static struct emu_remote *remotes_unlink(struct emu_domain *dom, uint64_t iova, uint64_t end)
{
	struct emu_remote **link = &dom->remotes, *gone = NULL;

	while (*link) {
		struct emu_remote *remote = *link;

		if (remote->iova < iova || remote->iova + remote->len > end) {
			link = &remote->next;
			continue;
		}
		atomic_store_release(link, remote->next);
		remote->gone = gone;
		gone = remote;
	}
	return gone;
}

static void remotes_free(struct emu_remote *remote)
{
	struct emu_remote *next;

	for (; remote; remote = next) {
		next = remote->gone;
		emu_remote_free(remote);
	}
}

void emu_domain_put(struct emu_domain *dom)
{
	keep_errno();

	if (!dom || atomic_dec_fetch(&dom->refs))
		return;
	for (uint32_t i = 0; i < dom->dir_used; i++)
		if (dom->dir[i])
			munmap(dom->dir[i], EMU_LEAF_SIZE * sizeof(**dom->dir));
	remotes_free(remotes_unlink(dom, 0, IOVA_END));
	munmap(dom->dir, EMU_DIR_SIZE * sizeof(*dom->dir));
	pthread_mutex_destroy(&dom->lock);
	free(dom);
}

static void nothing(struct emu_ctrl *ctrl, void *arg)
{
	(void)ctrl;
	(void)arg;
}

/*
 * Wait until the thread cannot hold a pointer from before the generation changed:
 * (1) it sleeps: then it compares generations after it has woken, and sees the new
 *     one, because both the change of that and this load of the flag, and over there
 *     the flag's exchange and the load of the generation, are sequentially consistent;
 * (2) or it gets to its mailbox, which it does between two bursts only.
 */
static void ctrl_quiesce(struct emu_ctrl *ctrl)
{
	if (__atomic_load_n(&ctrl->engine->asleep, __ATOMIC_SEQ_CST) != EMU_ASLEEP)
		emu_call(ctrl, nothing, NULL);
}

void emu_domain_unmap(struct emu_domain *dom, uint64_t iova, size_t len)
{
	uint64_t end = iova + len;
	struct emu_remote *remotes;

	if (end < iova || end > IOVA_END)
		end = IOVA_END;

	pthread_mutex_lock(&dom->lock);
	remotes = remotes_unlink(dom, iova, end);
	for (iova = ALIGN_DOWN(iova, EMU_PAGE); iova < end;) {
		uint64_t *pte = pte_get(dom, iova);

		if (pte)
			atomic_store_release(pte, 0);
		iova = pte ? iova + EMU_PAGE : leaf_end(iova);
	}
	__atomic_add_fetch(&dom->gen, 1, __ATOMIC_SEQ_CST);
	for (struct emu_ctrl *c = dom->ctrls; c; c = c->engine->dom_next)
		ctrl_quiesce(c);
	pthread_mutex_unlock(&dom->lock);
	remotes_free(remotes);
}

void emu_domain_attach(struct emu_domain *dom, struct emu_ctrl *ctrl)
{
	pthread_mutex_lock(&dom->lock);
	ctrl->engine->dom_next = dom->ctrls;
	dom->ctrls = ctrl;
	pthread_mutex_unlock(&dom->lock);
}

void emu_domain_detach(struct emu_domain *dom, struct emu_ctrl *ctrl)
{
	struct emu_ctrl **link;

	pthread_mutex_lock(&dom->lock);
	emu_thread_stop(ctrl);
	for (link = &dom->ctrls; *link != ctrl; link = &(*link)->engine->dom_next)
		;
	*link = ctrl->engine->dom_next;
	pthread_mutex_unlock(&dom->lock);
}
