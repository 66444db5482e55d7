/* SPDX-License-Identifier: MIT */
/*
 * As <belfry/vfio/device.h>, by its name in libvfn, where two functions have had fewer arguments:
 *
 *	vfio_set_irq(dev, eventfds, count)	for vectors from 0
 *	vfio_disable_irq(dev)			for all vectors
 *
 * Both forms of both are understood. In C that takes macros, which hand a mark on behind the
 * arguments rather than count them: a list in braces may be among them.
 */
#ifndef VFN_VFIO_DEVICE_H
#define VFN_VFIO_DEVICE_H

#include <limits.h>

#include <belfry/vfio/device.h>

#ifdef __cplusplus

extern "C++" {
static inline int vfio_set_irq(struct vfio_device *dev, int *eventfds, int count)
{
	return vfio_set_irq(dev, eventfds, 0, count);
}

static inline int vfio_disable_irq(struct vfio_device *dev)
{
	return vfio_disable_irq_all(dev);
}
}

#else

/* No vector and no number of them is this. */
#define __VFN_END	      INT_MIN

/* private: (count, END) or (start, count, END) */
static inline int __vfn_set_irq(struct vfio_device *dev, int *eventfds, int first, int second, ...)
{
	if (second == __VFN_END)
		return vfio_set_irq(dev, eventfds, 0, first);
	return vfio_set_irq(dev, eventfds, first, second);
}

/* private: (END, END) or (start, count, END, END) */
static inline int __vfn_disable_irq(struct vfio_device *dev, int start, int count, ...)
{
	if (start == __VFN_END)
		return vfio_disable_irq_all(dev);
	return vfio_disable_irq(dev, start, count);
}

/**
 * vfio_set_irq() - tie interrupt vectors to eventfds, the first vector given or not
 * @...: as the function's, or without its start
 *
 * Context: as the function.
 * Return: as the function.
 */
#define vfio_set_irq(...)     __vfn_set_irq(__VA_ARGS__, __VFN_END)

/**
 * vfio_disable_irq() - untie interrupt vectors, or all of them
 * @...: as the function's, or the device alone
 *
 * Context: as the function.
 * Return: as the function, or as vfio_disable_irq_all().
 */
#define vfio_disable_irq(...) __vfn_disable_irq(__VA_ARGS__, __VFN_END, __VFN_END)

#endif

#endif /* VFN_VFIO_DEVICE_H */
