/* SPDX-License-Identifier: MIT */
/*
 * Shadow doorbells: the controller reads tails and heads from memory, and says in another word when it
 * wants the register written after all.
 */
#ifndef BELFRY_NVME_DBBUF_H
#define BELFRY_NVME_DBBUF_H

#include <stdint.h>

#include <belfry/support/atomic.h>
#include <belfry/support/barrier.h>
#include <belfry/support/compiler.h>
#include <belfry/support/endian.h>
#include <belfry/support/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct nvme_dbbuf - shadow doorbell of one queue
 * @doorbell: word in memory that stands in for the register, or NULL
 * @eventidx: value at which the controller wants the register written after all
 *
 * Spec: NVM Express Base 2.0, "Doorbell Buffer Config command".
 */
struct nvme_dbbuf {
	void *doorbell;
	void *eventidx;
};

/**
 * __nvme_need_mmio() - has the controller asked to be told of this doorbell value
 * @eventidx: value at which the controller wants to be told
 * @val: new doorbell value
 * @old: doorbell value before
 *
 * Spec: NVM Express Base 2.0, "Updating Controller Doorbell Properties using a Shadow
 * Doorbell Buffer".
 *
 * Context: any; pure.
 * Return: non-zero when the register must be written.
 */
static inline int __nvme_need_mmio(uint16_t eventidx, uint16_t val, uint16_t old)
{
	return (uint16_t)(val - eventidx - 1) < (uint16_t)(val - old);
}

/**
 * nvme_try_dbbuf() - write a doorbell value to its shadow, if it has one
 * @v: new doorbell value
 * @dbbuf: shadow doorbell of the queue
 *
 * Context: owner of the queue.
 * Return: 0 when the register need not be written, -1 when it must (also when
 *	there is no shadow doorbell). errno is left alone.
 */
static inline int nvme_try_dbbuf(uint16_t v, struct nvme_dbbuf *dbbuf)
{
	leint32_t *doorbell = (leint32_t *)dbbuf->doorbell;
	uint32_t old, eventidx;

	if (!doorbell)
		return -1;

	old = le32_to_cpu(LOAD(*doorbell));
	/* Entries before the shadow that announces them; the other side is the
	 * controller's read of the shadow. */
	wmb();
	atomic_store_release(doorbell, cpu_to_le32(v));
	/* The shadow before the event index: the controller writes and reads
	 * them in the opposite order, so one of us sees the other. */
	mb();
	eventidx = le32_to_cpu(atomic_load_acquire((leint32_t *)dbbuf->eventidx));
	if (__nvme_need_mmio((uint16_t)eventidx, v, (uint16_t)old))
		return -1;

	__trace_probe1(nvme_skip_mmio, dbbuf);
	__trace_hot(NVME_SKIP_MMIO, "%u, event index %u\n", v, eventidx);
	return 0;
}

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_DBBUF_H */
