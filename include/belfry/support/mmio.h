/* SPDX-License-Identifier: MIT */
/*
 * Access to device registers and doorbells. Registers are little-endian; each call is one access of
 * 32 bits, or two where its name says so, for a controller that need not take 64 bits at once.
 * Nothing is ordered but the accesses themselves: see belfry/support/barrier.h.
 */
#ifndef BELFRY_SUPPORT_MMIO_H
#define BELFRY_SUPPORT_MMIO_H

#include <stdint.h>

#include <belfry/support/compiler.h>
#include <belfry/support/endian.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The device may be a thread (an emulated controller). Thread sanitizer cannot see the barrier that
 * goes with a doorbell, so under it the access itself carries the order.
 */
#ifdef __has_feature
#define __MMIO_TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define __MMIO_TSAN 1
#else
#define __MMIO_TSAN 0
#endif
#if __MMIO_TSAN
#define __MMIO_LOAD_ORDER  __ATOMIC_ACQUIRE
#define __MMIO_STORE_ORDER __ATOMIC_RELEASE
#else
#define __MMIO_LOAD_ORDER  __ATOMIC_RELAXED
#define __MMIO_STORE_ORDER __ATOMIC_RELAXED
#endif

/**
 * mmio_read32() - read a 32-bit register
 * @addr: address of the register, 4-byte aligned
 *
 * Context: any thread.
 * Return: the value; all ones when the device is gone.
 */
static inline leint32_t mmio_read32(const volatile void *addr)
{
	return __atomic_get((const volatile leint32_t *)addr, __MMIO_LOAD_ORDER);
}

/**
 * mmio_write32() - write a 32-bit register
 * @addr: address of the register, 4-byte aligned
 * @val: new value
 *
 * Context: any thread.
 */
static inline void mmio_write32(volatile void *addr, leint32_t val)
{
	__atomic_set((volatile leint32_t *)addr, val, __MMIO_STORE_ORDER);
}

/**
 * mmio_lh_read64() - read a 64-bit register in two halves, the lower one first
 * @addr: address of the register, 4-byte aligned
 *
 * Context: any thread; the two halves may be of different moments.
 * Return: the value; all ones when the device is gone.
 */
static inline leint64_t mmio_lh_read64(const volatile void *addr)
{
	uint64_t lower = le32_to_cpu(mmio_read32(addr));
	uint64_t upper = le32_to_cpu(mmio_read32((const volatile uint8_t *)addr + 4));

	return cpu_to_le64(upper << 32 | lower);
}

/**
 * mmio_read64() - read a 64-bit register
 * @a: address of the register, 4-byte aligned
 *
 * Context: as mmio_lh_read64(), which it is.
 * Return: the value.
 */
#define mmio_read64(a) mmio_lh_read64(a)

/**
 * mmio_lh_write64() - write a 64-bit register in two halves, the lower one first
 * @addr: address of the register, 4-byte aligned
 * @val: new value
 *
 * Context: any thread.
 */
static inline void mmio_lh_write64(volatile void *addr, leint64_t val)
{
	uint64_t v = le64_to_cpu(val);

	mmio_write32(addr, cpu_to_le32((uint32_t)v));
	mmio_write32((volatile uint8_t *)addr + 4, cpu_to_le32((uint32_t)(v >> 32)));
}

/**
 * mmio_hl_write64() - write a 64-bit register in two halves, the upper one first
 * @addr: address of the register, 4-byte aligned
 * @val: new value
 *
 * For registers that take effect when their lower half is written.
 *
 * Context: any thread.
 */
static inline void mmio_hl_write64(volatile void *addr, leint64_t val)
{
	uint64_t v = le64_to_cpu(val);

	mmio_write32((volatile uint8_t *)addr + 4, cpu_to_le32((uint32_t)(v >> 32)));
	mmio_write32(addr, cpu_to_le32((uint32_t)v));
}

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_MMIO_H */
