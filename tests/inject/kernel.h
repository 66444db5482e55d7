/* SPDX-License-Identifier: MIT */
/*
 * A kernel that has vfio-pci with one NVMe controller behind it, pretended: the emulated controller.
 * Its nodes in /dev and its function in /sys are files of a temporary folder; what is asked of their
 * descriptors is answered here as Documentation/driver-api/vfio.rst and iommufd.rst of the kernel
 * say. Registers are read and written through the descriptor, the doorbells' pages are mapped: BAR 0
 * says so with a sparse area.
 *
 * Not a mock of calls in some order: it holds what a kernel holds (who has opened what, what is
 * mapped for DMA), and what is left of that when all descriptors are closed is a leak.
 */
#ifndef BELFRY_TESTS_INJECT_KERNEL_H
#define BELFRY_TESTS_INJECT_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct emu_ctrl;
struct vfio_region_info;

/* The function's name. */
#define KERNEL_BDF "0000:5e:00.0"

/**
 * kernel_start() - plug the controller in
 * @opts: of the emulated controller
 * @iommufd: the kernel has /dev/iommu and nodes for single functions, beside groups
 *
 * Context: one thread.
 */
void kernel_start(const char *opts, bool iommufd);

/**
 * kernel_stop() - take it out again, and remove the folder
 *
 * Context: one thread; the driver has closed it.
 */
void kernel_stop(void);

/**
 * struct kernel_bar2 - what is true of BAR 2, the controller memory buffer
 * @no_mmap: it cannot be mapped
 * @table: offset of the MSI-X table of 65 vectors in it; 0: table and pending bits are in BAR 4
 * @pending: offset of the pending bits in it
 * @table_ok: the kernel says that the table may be mapped
 */
struct kernel_bar2 {
	bool no_mmap;
	unsigned int table, pending;
	bool table_ok;
};

/**
 * kernel_set_bar2() - change the function
 * @bar2: what it is like; all zero at first
 *
 * Context: one thread, nobody has it open.
 */
void kernel_set_bar2(const struct kernel_bar2 *bar2);

/**
 * kernel_emu() - the controller that is plugged in
 *
 * Return: it, or NULL.
 */
struct emu_ctrl *kernel_emu(void);

/**
 * kernel_held() - what the driver holds in the kernel
 *
 * Return: descriptors and DMA mappings.
 */
unsigned long kernel_held(void);

/* Between kernel.c and kernel_bars.c: where a region is in the device's file, what of BAR 0 can be
 * mapped, the function's configuration space, and VFIO_DEVICE_GET_REGION_INFO. */
#define KERNEL_REGION(n)  ((uint64_t)(n) << 40)
#define KERNEL_DOORBELLS  0x1000u
#define KERNEL_CONFIG_LEN 256
uint8_t *kernel_config(void);
int kernel_region_info(struct vfio_region_info *info);

/* For fail.c: true when it was the pretended kernel's to answer; then the answer is in the last
 * argument, and errno. */
const char *kernel_path(const char *path);
int kernel_opened(const char *path, int fd);
void kernel_close(int fd);
bool kernel_ioctl(int fd, unsigned long nr, void *arg, int *ret);
bool kernel_pread(int fd, void *buf, size_t len, off_t off, ssize_t *ret);
bool kernel_pwrite(int fd, const void *buf, size_t len, off_t off, ssize_t *ret);
bool kernel_mmap(size_t len, int fd, off_t off, void **mem);
bool kernel_munmap(void *mem);

#endif /* BELFRY_TESTS_INJECT_KERNEL_H */
