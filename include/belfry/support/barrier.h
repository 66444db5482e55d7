/* SPDX-License-Identifier: MIT */
/*
 * Memory barriers between this processor and a device, which other processors obey as well. Every
 * use names its other side.
 *
 * rmb, wmb and mb hold for all memory, device memory and write-combined memory included. dma_rmb
 * and dma_wmb are cheaper and hold for ordinary memory that a device reads or writes on its own;
 * dma_wmb also keeps such memory before a doorbell (an uncached device register) that is written
 * after it. Where the architecture is not known here, all of them are the compiler's full fence.
 *
 * Thread sanitizer does not know these; between threads prefer belfry/support/atomic.h.
 */
#ifndef BELFRY_SUPPORT_BARRIER_H
#define BELFRY_SUPPORT_BARRIER_H

#define __barrier_asm(insn) __asm__ __volatile__(insn ::: "memory")

/**
 * barrier() - keep the compiler, but not the processor, from moving memory accesses across
 *
 * Context: any.
 * Return: nothing.
 */
#define barrier() __barrier_asm("")

#if defined(__x86_64__)
#define __rmb()	    __barrier_asm("lfence")
#define __wmb()	    __barrier_asm("sfence")
#define __mb()	    __barrier_asm("mfence")
#define __dma_rmb() barrier() /* loads are not reordered with loads */
#define __dma_wmb() barrier() /* nor stores with stores, unless write-combined */
#elif defined(__aarch64__)
#define __rmb()	    __barrier_asm("dsb ld")
#define __wmb()	    __barrier_asm("dsb st")
#define __mb()	    __barrier_asm("dsb sy")
#define __dma_rmb() __barrier_asm("dmb oshld")
#define __dma_wmb() __barrier_asm("dmb oshst")
#elif defined(__riscv)
#define __rmb()	    __barrier_asm("fence ir, ir")
#define __wmb()	    __barrier_asm("fence ow, ow")
#define __mb()	    __barrier_asm("fence iorw, iorw")
#define __dma_rmb() __barrier_asm("fence r, r")
#define __dma_wmb() __barrier_asm("fence w, ow")
#else
#define __rmb()	    __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define __wmb()	    __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define __mb()	    __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define __dma_rmb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define __dma_wmb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/**
 * rmb(), wmb(), mb() - order all reads, all writes, or both, of any memory before and after it
 *
 * Context: any.
 * Return: nothing.
 */
#define rmb() __rmb()
#define wmb() __wmb()
#define mb()  __mb()

/**
 * dma_rmb() - order reads of ordinary memory that a device writes
 *
 * Between the read that shows an entry to be new and the reads of the rest of it.
 *
 * Context: any.
 * Return: nothing.
 */
#define dma_rmb() __dma_rmb()

/**
 * dma_wmb() - order writes to ordinary memory that a device reads, also before a doorbell
 *
 * Between filling an entry in host memory and telling the device of it. For entries in the
 * controller's own memory, which may be write-combined, take wmb().
 *
 * Context: any.
 * Return: nothing.
 */
#define dma_wmb() __dma_wmb()

#endif /* BELFRY_SUPPORT_BARRIER_H */
