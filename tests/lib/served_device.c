/* SPDX-License-Identifier: MIT */
/*
 * The device of served_device.h. Its memory and its notes are the server's thread's while a command
 * is under way, and the test's after the reply.
 */
#include "served_device.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

static void note(struct served_device *dev, unsigned int bar, uint64_t off, size_t len)
{
	dev->last_bar = bar;
	dev->last_off = off;
	dev->last_len = len;
}

static int dev_read(void *opaque, unsigned int bar, uint64_t off, void *buf, size_t len)
{
	struct served_device *dev = opaque;

	note(dev, bar, off, len);
	if (bar)
		return pread(dev->bar2_fd, buf, len, (off_t)off) == (ssize_t)len ? 0 : -1;
	memcpy(buf, dev->bar0 + off, len);
	return 0;
}

static int dev_write(void *opaque, unsigned int bar, uint64_t off, const void *buf, size_t len)
{
	struct served_device *dev = opaque;

	note(dev, bar, off, len);
	if (bar)
		return pwrite(dev->bar2_fd, buf, len, (off_t)off) == (ssize_t)len ? 0 : -1;
	memcpy(dev->bar0 + off, buf, len);
	return 0;
}

static int dev_dma_map(void *opaque, const struct serve_dma *dma)
{
	struct served_device *dev = opaque;

	if (dev->fail_map) {
		errno = dev->fail_map;
		return -1;
	}
	dev->nr_maps++;
	dev->last_map = *dma;
	return 0;
}

static void dev_dma_unmap(void *opaque, const struct serve_dma *dma)
{
	struct served_device *dev = opaque;

	(void)dma;
	dev->nr_unmaps++;
}

static bool dev_intx_level(void *opaque)
{
	return __atomic_load_n(&((struct served_device *)opaque)->level, __ATOMIC_ACQUIRE);
}

static void dev_reset(void *opaque)
{
	__atomic_add_fetch(&((struct served_device *)opaque)->resets, 1, __ATOMIC_RELEASE);
}

const struct serve_ops served_ops = {
	.read = dev_read,
	.write = dev_write,
	.dma_map = dev_dma_map,
	.dma_unmap = dev_dma_unmap,
	.intx_level = dev_intx_level,
	.reset = dev_reset,
};

void served_describe(struct serve_pci *pci)
{
	memset(pci, 0, sizeof(*pci));
	pci->vid = 0x1234;
	pci->did = 0x5678;
	pci->subsys_vid = 0x9abc;
	pci->subsys_did = 0xdef0;
	pci->class_code = 0x010802;
	pci->revision = 7;
	pci->nr_vectors = SERVED_VECTORS;
	pci->msix_bar = 4;
	pci->intx = true;
	for (int i = 0; i < SERVE_NR_BARS; i++)
		pci->bars[i].fd = -1;
	pci->bars[0].size = 8192;
	pci->bars[2].size = 65536;
	pci->bars[2].wide = true;
	pci->bars[2].prefetchable = true;
	pci->bars[2].map_off = 4096;
	pci->bars[2].map_len = 4096;
}

void served_open(struct served_device *dev, const struct serve_options *options)
{
	struct serve_pci pci;

	memset(dev, 0, sizeof(*dev));
	dev->bar2_fd = memfd_create("bar2", MFD_CLOEXEC);
	assert_true(dev->bar2_fd >= 0);
	assert_int_equal(ftruncate(dev->bar2_fd, 65536), 0);
	served_describe(&pci);
	pci.bars[2].fd = dev->bar2_fd;
	dev->srv = serve_open(&pci, &served_ops, dev, options);
	assert_non_null(dev->srv);
}

void served_close(struct served_device *dev)
{
	serve_close(dev->srv);
	close(dev->bar2_fd);
}

int served_dma_read(struct served_device *dev, uint64_t iova, void *buf, size_t len)
{
	errno = 0;
	return serve_dma_read(dev->srv, iova, buf, len) ? errno : 0;
}

int served_dma_write(struct served_device *dev, uint64_t iova, const void *buf, size_t len)
{
	errno = 0;
	return serve_dma_write(dev->srv, iova, buf, len) ? errno : 0;
}
