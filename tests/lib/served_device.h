/* SPDX-License-Identifier: MIT */
/*
 * A device to serve that does next to nothing, and writes down what it was asked for: BAR 0 of 8 KiB
 * of memory, BAR 2 (64 bits) of 64 KiB of which the second page can be mapped, 3 vectors in BAR 4, a
 * pin. It has no set_irq: interrupts are the test's, by serve_irq().
 */
#ifndef BELFRY_TESTS_LIB_SERVED_DEVICE_H
#define BELFRY_TESTS_LIB_SERVED_DEVICE_H

#include <belfry/serve.h>

#define SERVED_VECTORS 3u

struct served_device {
	struct serve *srv;
	uint8_t bar0[8192];
	int bar2_fd;
	bool level;	     /* of the pin */
	int fail_map;	     /* errno that dma_map fails with, or 0 */
	unsigned int resets; /* how often it was reset */
	unsigned int nr_maps, nr_unmaps;
	struct serve_dma last_map;
	unsigned int last_bar; /* of the last access */
	uint64_t last_off;
	size_t last_len;
};

/**
 * served_open() - serve one
 * @dev: out
 * @options: as for serve_open()
 */
void served_open(struct served_device *dev, const struct serve_options *options);

/**
 * served_close() - end it
 * @dev: device
 */
void served_close(struct served_device *dev);

/**
 * served_dma_read(), served_dma_write() - what the device does to the client's memory
 * @dev: device
 * @iova: device address
 * @buf: where the data goes to, or comes from
 * @len: bytes
 *
 * Context: any thread.
 * Return: 0, or the errno of serve_dma_read() or serve_dma_write().
 */
int served_dma_read(struct served_device *dev, uint64_t iova, void *buf, size_t len);
int served_dma_write(struct served_device *dev, uint64_t iova, const void *buf, size_t len);

/**
 * served_describe() - what it looks like
 * @pci: out
 */
void served_describe(struct serve_pci *pci);

/* What it does. */
extern const struct serve_ops served_ops;

#endif /* BELFRY_TESTS_LIB_SERVED_DEVICE_H */
