/* SPDX-License-Identifier: MIT */
/* What the tests of the vfio-user client have in common: a server that obeys, and a device on it. */
#ifndef BELFRY_TESTS_UNIT_TEST_VFIO_USER_H
#define BELFRY_TESTS_UNIT_TEST_VFIO_USER_H

#include <sys/mman.h>
#include <unistd.h>

#include <belfry/vfio.h>

#include "dev.h"
#include "fake_server.h"
#include "iommu/ctx.h"
#include "transport/transport.h"

#define PAGE 4096ul

static struct fake fake;
static struct vfio_pci_device pci;
static int fds_before;

static inline void start(const struct fake_opts *opts, const char *options)
{
	fds_before = open_fds();
	fake_start(&fake, opts, options);
}

static inline int try_open(void)
{
	memset(&pci, 0, sizeof(pci));
	return vfio_pci_open(&pci, fake.name);
}

static inline void open_with(const struct fake_opts *opts, const char *options)
{
	start(opts, options);
	assert_works(try_open());
}

static inline void stop(void)
{
	fake_stop(&fake);
	assert_int_equal(open_fds(), fds_before);
}

static inline void close_all(void)
{
	vfio_pci_close(&pci);
	stop();
}

static const struct fake_opts plain = {};

static inline struct transport *tp(void)
{
	return pci.dev.transport;
}

static inline int read_reg(uint32_t off, unsigned int width, uint64_t *val)
{
	return tp()->ops->reg_read(tp(), off, width, val);
}

/* Memory of the program's own, which is in no file. */
static inline unsigned char *private_pages(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	return mem;
}

#endif /* BELFRY_TESTS_UNIT_TEST_VFIO_USER_H */
