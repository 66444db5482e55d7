/* SPDX-License-Identifier: MIT */
/*
 * Regions of a function as VFIO numbers them: BARs 0 to 5, ROM, configuration space, VGA. Accesses
 * by message end here, and what they change takes effect.
 */
#ifndef BELFRY_SRC_SERVE_REGION_H
#define BELFRY_SRC_SERVE_REGION_H

#include "serve/server.h"

/**
 * region_size() - bytes of a region
 * @srv: server
 * @region: any number
 *
 * Return: its size; 0: there is no such region.
 */
uint64_t region_size(const struct serve *srv, uint32_t region);

/**
 * region_mappable() - can the client map a part of a region
 * @srv: server
 * @region: any number
 *
 * Return: the BAR that can be mapped, or NULL.
 */
const struct serve_bar *region_mappable(const struct serve *srv, uint32_t region);

/**
 * region_check() - is an access within a region
 * @srv: server
 * @region: any number
 * @off: any offset
 * @len: any length
 *
 * Return: true if it is, and of one byte at least.
 */
bool region_check(const struct serve *srv, uint32_t region, uint64_t off, uint64_t len);

/**
 * region_read() - read
 * @srv: server
 * @region: region
 * @off: offset; region_check() was asked
 * @buf: out; all-ones where the BARs do not answer
 * @len: bytes
 *
 * Context: the server's thread; waits for the device.
 * Return: 0, or -1: what the device gives.
 */
int region_read(struct serve *srv, uint32_t region, uint64_t off, void *buf, size_t len);

/**
 * region_write() - write
 * @srv: server
 * @region: region
 * @off: offset; region_check() was asked
 * @buf: data; lost where the BARs do not answer
 * @len: bytes
 *
 * Context: the server's thread; waits for the device.
 * Return: 0, or -1: what the device gives.
 */
int region_write(struct serve *srv, uint32_t region, uint64_t off, const void *buf, size_t len);

/**
 * region_reset() - reset the device; configuration space stays as it is
 * @srv: server
 *
 * Context: the server's thread; waits for the device.
 */
void region_reset(struct serve *srv);

/**
 * region_power_on() - configuration space and interrupts as if the function had just been made
 * @srv: server; the device was reset
 *
 * Context: the server's thread; waits for the device.
 */
void region_power_on(struct serve *srv);

#endif /* BELFRY_SRC_SERVE_REGION_H */
