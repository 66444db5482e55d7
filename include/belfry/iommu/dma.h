/* SPDX-License-Identifier: MIT */
/*
 * Which memory a device may reach, and at which address it sees it.
 *
 * A mapping is a run of whole host pages of this process that a device reaches at a run of equal
 * length in its I/O virtual address space (IOVA). Mappings of one address space never overlap,
 * neither in memory nor in IOVA; they do not change while they live; and they belong to the
 * caller, who unmaps them before the memory goes away. Memory itself is never freed by an unmap.
 *
 * All functions may be called from any number of threads at once. iommu_translate_vaddr() takes no
 * lock and costs the same whatever the number of mappings. An address that it returned is good for
 * as long as nobody unmaps the buffer: unmap only after the commands that use it have completed.
 *
 * Addresses of 2^48 and above (as with a 57-bit address space) cannot be mapped.
 */
#ifndef BELFRY_IOMMU_DMA_H
#define BELFRY_IOMMU_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iommu_ctx;

/**
 * typedef iova_t - I/O virtual address: what a device puts on its bus
 *
 * Never a pointer, except by same_iova(). Sparse warns when it silently becomes another integer.
 */
#ifdef __CHECKER__
typedef uint64_t __attribute__((nocast)) iova_t;
#else
typedef uint64_t iova_t;
#endif

/**
 * struct iova_vec - a run of I/O virtual addresses, as struct iovec is one of memory
 * @iova: first address
 * @len: bytes
 */
struct iova_vec {
	iova_t iova;
	size_t len;
};

/**
 * same_iova() - the IOVA of memory from iommu_alloc_same_iova(), from its address
 * @ptr: pointer into such memory
 *
 * Context: any thread; it is a cast.
 * Return: @ptr as an iova_t.
 */
#define same_iova(ptr) ((iova_t)(uintptr_t)(ptr))

/**
 * enum iommu_map_flags - how to map
 * @IOMMU_MAP_FIXED_IOVA: map at the IOVA given instead of choosing one
 * @IOMMU_MAP_EPHEMERAL: the mapping is short-lived; its IOVA comes from a window that long-lived
 *	mappings cannot use up
 * @IOMMU_MAP_NOWRITE: the device may not write to the memory
 * @IOMMU_MAP_NOREAD: the device may not read the memory; not together with IOMMU_MAP_NOWRITE
 */
enum iommu_map_flags {
	IOMMU_MAP_FIXED_IOVA = 1 << 0,
	IOMMU_MAP_EPHEMERAL = 1 << 1,
	IOMMU_MAP_NOWRITE = 1 << 2,
	IOMMU_MAP_NOREAD = 1 << 3,
};

/* linux/iommufd.h has the same structure; include it first when both are wanted. */
#ifndef IOMMU_IOAS_IOVA_RANGES
/**
 * struct iommu_iova_range - a run of IOVAs that mappings may use
 * @start: first address
 * @last: last address, inclusive
 */
struct iommu_iova_range {
	iova_t start __attribute__((aligned(8)));
	iova_t last __attribute__((aligned(8)));
};
#endif

/**
 * iommu_map_vaddr() - make memory reachable by the device, or find where it is already
 * @ctx: address space
 * @vaddr: start of the memory, aligned to the host page
 * @len: bytes, a multiple of the host page, not 0
 * @iova: out: where the device sees @vaddr; in as well with IOMMU_MAP_FIXED_IOVA, then aligned to
 *	the host page; may be NULL otherwise; unchanged on error
 * @flags: enum iommu_map_flags
 *
 * If one mapping covers all of [@vaddr, @vaddr + @len), allows all the accesses that @flags allows
 * and, with IOMMU_MAP_FIXED_IOVA, has @vaddr at *@iova, nothing is mapped and its IOVA is returned.
 * Such a range may start and end anywhere in that mapping, aligned or not. Up to 4 GiB less a page,
 * and with no access ruled out, it takes no lock.
 * A program that looks addresses up this way must not unmap once for each call.
 *
 * Own: the mapping is the caller's until iommu_unmap_vaddr(), or until the address space closes.
 * The memory stays the caller's and must outlive the mapping.
 *
 * Context: any thread; a new mapping takes the address space's lock, allocates and may make system
 * calls; finding one of that size does none of these.
 * Return: 0, or -1: EINVAL a bad argument, an unaligned one, or a fixed IOVA outside of
 * iommu_get_iova_ranges(); EEXIST some of the memory, or of the fixed IOVA, is mapped already
 * otherwise; ENOMEM no IOVA left, or no memory; or what the backend reports. On error the address
 * space is as it was.
 */
int iommu_map_vaddr(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t *iova,
		    unsigned long flags);

/**
 * iommu_map_vaddr_align() - iommu_map_vaddr() with an IOVA that is a multiple of a number
 * @ctx: address space
 * @vaddr: as for iommu_map_vaddr()
 * @len: as for iommu_map_vaddr()
 * @align: bytes, a multiple of the host page, not 0; need not be a power of two
 * @iova: out: where the device sees @vaddr; may be NULL; unchanged on error
 * @flags: enum iommu_map_flags without IOMMU_MAP_FIXED_IOVA
 *
 * Own: as for iommu_map_vaddr().
 *
 * Context: as for iommu_map_vaddr().
 * Return: as for iommu_map_vaddr(), and EINVAL a bad @align or IOMMU_MAP_FIXED_IOVA, EEXIST mapped
 * already at an IOVA that is no multiple of @align.
 */
int iommu_map_vaddr_align(struct iommu_ctx *ctx, void *vaddr, size_t len, size_t align,
			  iova_t *iova, unsigned long flags);

/**
 * iommu_unmap_vaddr() - take a mapping away from the device
 * @ctx: address space
 * @vaddr: any address inside the mapping
 * @len: out: bytes that the mapping had; may be NULL; unchanged on error
 *
 * All of the mapping goes, not a part. When this returns 0 the device can no longer reach the
 * memory. If two threads unmap the same mapping, one of them gets 0 and the other ENOENT.
 *
 * Context: any thread; takes the address space's lock; may block and make system calls.
 * Return: 0, or -1: ENOENT @vaddr is not mapped; EBUSY a synchronous transfer of the library is
 * using it; or what the backend reports. On error it is mapped as before.
 */
int iommu_unmap_vaddr(struct iommu_ctx *ctx, void *vaddr, size_t *len);

/**
 * iommu_unmap_all() - take every mapping away from the device, the library's own queues included
 * @ctx: address space
 *
 * For the end of a program, once the controllers are disabled. Mappings that cannot be unmapped
 * are left, and the others are unmapped all the same.
 *
 * Context: any thread; takes the address space's lock; may block and make system calls.
 * Return: 0 when nothing is mapped any more, or -1 with the reason of the first mapping that had to
 * stay: EBUSY a synchronous transfer is using it, or what the backend reports.
 */
int iommu_unmap_all(struct iommu_ctx *ctx);

/**
 * iommu_alloc_same_iova() - memory that the device sees at the address that the program sees
 * @ctx: address space
 * @len: bytes, rounded up to the host page, not 0
 *
 * The memory is zeroed, mapped, and its address is its IOVA. Addresses are looked for from a
 * quarter of the highest IOVA upwards, below 2^47, and after that below that quarter.
 *
 * Own: the caller, who returns it by iommu_free_same_iova(). When the address space is closed, or
 * the memory unmapped, it stays allocated: it can then be freed by munmap().
 *
 * Context: any thread; takes the address space's lock; may block and make system calls.
 * Return: the memory, aligned to the host page, or NULL: EINVAL @len is 0 or too large, ENOMEM no
 * address is free both here and there, or no memory; ENOTSUP without an IOMMU; or what the backend
 * reports.
 */
void *iommu_alloc_same_iova(struct iommu_ctx *ctx, size_t len);

/**
 * iommu_free_same_iova() - unmap and free memory from iommu_alloc_same_iova()
 * @ctx: the address space that it was allocated for
 * @ptr: what iommu_alloc_same_iova() returned
 *
 * Context: any thread; takes the address space's lock; may block and make system calls.
 * Return: 0, or -1: ENOENT @ptr is not mapped, EINVAL it is no such memory, or not its start; EBUSY
 * a synchronous transfer is using it; or what the backend reports. On error the memory stays.
 */
int iommu_free_same_iova(struct iommu_ctx *ctx, void *ptr);

/**
 * iommu_translate_vaddr() - where the device sees an address
 * @ctx: address space
 * @vaddr: any address
 * @iova: out: the IOVA; may be NULL; unchanged when not mapped
 *
 * Context: any thread; no lock, allocation or system call.
 * Return: true when @vaddr is mapped; errno is not touched.
 */
bool iommu_translate_vaddr(struct iommu_ctx *ctx, void *vaddr, iova_t *iova);

/**
 * iommu_translate_iova() - what memory the device reaches at an IOVA
 * @ctx: address space
 * @iova: any IOVA
 * @vaddr: out: the address; may be NULL; unchanged on error
 *
 * Context: any thread; takes the address space's lock. Time grows with the logarithm of the number
 * of mappings.
 * Return: bytes from @iova to the end of its mapping, or -1: EINVAL @iova is not mapped, or @ctx is
 *	NULL.
 */
ssize_t iommu_translate_iova(struct iommu_ctx *ctx, iova_t iova, void **vaddr);

/**
 * iommu_get_iova_ranges() - the IOVAs that mappings of this address space may use
 * @ctx: address space
 * @ranges: out: array sorted by address; not NULL
 *
 * Own: the array is the library's, constant, and good until the address space closes.
 *
 * Context: any thread; no lock, allocation or system call.
 * Return: number of entries in *@ranges, at least 1, or -1: EINVAL @ctx is NULL.
 */
int iommu_get_iova_ranges(struct iommu_ctx *ctx, struct iommu_iova_range **ranges);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_IOMMU_DMA_H */
