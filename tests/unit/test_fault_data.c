/* SPDX-License-Identifier: MIT */
/*
 * Faults that the driver cannot notice, in the data and not in the completion: those who look at
 * their data find them.
 */
#include "fault.h"

struct data {
	struct fixture f;
	struct iommu_dmabuf buf;
	uint8_t *out, *in; /* 4096 bytes each */
};

static void data_open(struct data *d)
{
	fault_open(&d->f, "emu:");
	d->buf = dev_buf(&d->f.dev, 8192);
	d->out = d->buf.vaddr;
	d->in = d->out + 4096;
}

static void data_close(struct data *d)
{
	iommu_put_dmabuf(&d->buf);
	dev_close(&d->f.dev);
}

static void write_out(struct data *d)
{
	assert_works(dev_move(&d->f.dev, d->f.sq, NVM_CMD_WRITE, 0, d->out, 4096));
}

static void read_in(struct data *d)
{
	assert_works(dev_move(&d->f.dev, d->f.sq, NVM_CMD_READ, 0, d->in, 4096));
}

static void assert_in_is(struct data *d, int byte)
{
	memset(d->out, byte, 4096);
	assert_memory_equal(d->in, d->out, 4096);
}

static void fault_data__corrupt(void **state)
{
	struct data d;

	(void)state;
	data_open(&d);
	dev_fill(d.out, 4096, 1);
	write_out(&d);
	inject(&d.f, NVM_CMD_READ, EMU_ACT_CORRUPT, 3000);
	read_in(&d);
	assert_int_equal(d.in[3000], d.out[3000] ^ 1);
	d.in[3000] ^= 1;
	assert_memory_equal(d.in, d.out, 4096);
	read_in(&d);
	assert_memory_equal(d.in, d.out, 4096);
	data_close(&d);
}

static void fault_data__lost_write(void **state)
{
	struct data d;

	(void)state;
	data_open(&d);
	memset(d.out, 0xaa, 4096);
	write_out(&d);
	memset(d.out, 0xbb, 4096);
	inject(&d.f, NVM_CMD_WRITE, EMU_ACT_SKIP, 0);
	write_out(&d);
	read_in(&d);
	assert_in_is(&d, 0xaa);
	data_close(&d);
}

static void fault_data__read_without_data(void **state)
{
	struct data d;

	(void)state;
	data_open(&d);
	memset(d.out, 0xaa, 4096);
	write_out(&d);
	memset(d.in, 0xcc, 4096);
	inject(&d.f, NVM_CMD_READ, EMU_ACT_SKIP, 0);
	read_in(&d);
	assert_in_is(&d, 0xcc);
	read_in(&d);
	assert_in_is(&d, 0xaa);
	data_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault_data__corrupt),
		cmocka_unit_test(fault_data__lost_write),
		cmocka_unit_test(fault_data__read_without_data),
	};

	return cmocka_run_group_tests_name("fault_data", tests, NULL, NULL);
}
