/* SPDX-License-Identifier: MIT */
/*
 * Capabilities in the configuration space of a function, which is read by whoever reaches it.
 */
#ifndef BELFRY_TRANSPORT_CAP_H
#define BELFRY_TRANSPORT_CAP_H

#include <stddef.h>
#include <stdint.h>

/**
 * transport_find_cap() - where a capability is
 * @read: read @len bytes at @off of @dev's configuration space: 0, or not; checks the range
 * @dev: for @read
 * @id: PCI_CAP_ID_*
 *
 * The device may have written anything: the search ends.
 *
 * Spec: PCI Local Bus 3.0, "Capabilities List".
 * Context: any thread that may call @read.
 * Return: its offset, or 0: there is none, the list makes no sense, or @read failed.
 */
uint8_t transport_find_cap(int (*read)(void *dev, uint64_t off, void *buf, size_t len), void *dev,
			   uint8_t id);

#endif /* BELFRY_TRANSPORT_CAP_H */
