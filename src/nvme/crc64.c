/* SPDX-License-Identifier: MIT */
/*
 * CRC-64 of NVMe protection information: eight bytes a step through eight tables.
 *
 * The CRC is linear, so an entry is the exclusive or of what each of its index's bits
 * contributes; the tables are built by the compiler from those 64 contributions. Bit b of
 * the byte that has j bytes of the step behind it contributes the polynomial after
 * 8 * j + 7 - b zero bits have been shifted in.
 */
#include <string.h>

#include <belfry/nvme/util.h>
#include <belfry/support/endian.h>

#define BIT(n, b, k) (-(uint64_t)(((n) >> (b)) & 1) & (k))

#define ENTRY(n, k0, k1, k2, k3, k4, k5, k6, k7)                                         \
	(BIT(n, 0, k0) ^ BIT(n, 1, k1) ^ BIT(n, 2, k2) ^ BIT(n, 3, k3) ^ BIT(n, 4, k4) ^ \
	 BIT(n, 5, k5) ^ BIT(n, 6, k6) ^ BIT(n, 7, k7))

#define SLICE0(n)                                                                     \
	ENTRY(n, 0x7f6ef0c830358979ull, 0xfedde190606b12f2ull, 0xc962e5739841b68full, \
	      0xa61cecb46814fe75ull, 0x78e0ff3b88be6f81ull, 0xf1c1fe77117cdf02ull,    \
	      0xd75adabd7a6e2d6full, 0x9a6c9329ac4bc9b5ull)
#define SLICE1(n)                                                                     \
	ENTRY(n, 0x8776a97d73bddf69ull, 0x3a3474a9bfec2db9ull, 0x7468e9537fd85b72ull, \
	      0xe8d1d2a6ffb0b6e4ull, 0xe57a831ea7f6fea3ull, 0xfe2c206e177a6e2dull,    \
	      0xc881668f76634f31ull, 0xa5dbeb4db4510d09ull)
#define SLICE2(n)                                                                     \
	ENTRY(n, 0xff6e4e1f4e4038beull, 0xca05ba6dc417e217ull, 0xa0d25288d0b85745ull, \
	      0x757d8342f9e73de1ull, 0xeafb0685f3ce7bc2ull, 0xe12f2b58bf0b64efull,    \
	      0xf68770e226815ab5ull, 0xd9d7c79715952601ull)
#define SLICE3(n)                                                                     \
	ENTRY(n, 0x8211147cbaf96306ull, 0x30fb0eaa2d655567ull, 0x61f61d545acaaaceull, \
	      0xc3ec3aa8b595559cull, 0xb301530233bd3853ull, 0x52db80573fede3cdull,    \
	      0xa5b700ae7fdbc79aull, 0x7fb7270fa7201c5full)
#define SLICE4(n)                                                                     \
	ENTRY(n, 0x373d15f784905d1eull, 0x6e7a2bef0920ba3cull, 0xdcf457de12417478ull, \
	      0x8d3189ef7c157b9bull, 0x2eba358da0bd645dull, 0x5d746b1b417ac8baull,    \
	      0xbae8d63682f59174ull, 0x41088a3e5d7cb183ull)
#define SLICE5(n)                                                                     \
	ENTRY(n, 0xe9742a79ef04a5d4ull, 0xe63172a0869ed8c3ull, 0xf8bbc31255aa22edull, \
	      0xc5aea077f3c3d6b1ull, 0xbf8466bcbf103e09ull, 0x4bd1eb2a26b7ef79ull,    \
	      0x97a3d6544d6fdef2ull, 0x1b9e8afbc2482e8full)
#define SLICE6(n)                                                                     \
	ENTRY(n, 0xfc5d27f6bf353971ull, 0xcc6369be26fde189ull, 0xac1ff52f156c5079ull, \
	      0x6ce6cc0d724f3399ull, 0xd9cd981ae49e6732ull, 0x8742166691ab5d0full,    \
	      0x3a5d0a9e7bc12975ull, 0x74ba153cf78252eaull)
#define SLICE7(n)                                                                     \
	ENTRY(n, 0x21e9761e252621acull, 0x43d2ec3c4a4c4358ull, 0x87a5d878949886b0ull, \
	      0x3b9296a271a69e0bull, 0x77252d44e34d3c16ull, 0xee4a5a89c69a782cull,    \
	      0xe84d9340d5a36333ull, 0xe44200d2f3d1550dull)

#define ROW4(slice, n) slice((n)), slice((n) + 1), slice((n) + 2), slice((n) + 3)
#define ROW16(slice, n) \
	ROW4(slice, n), ROW4(slice, (n) + 4), ROW4(slice, (n) + 8), ROW4(slice, (n) + 12)
#define ROW64(slice, n) \
	ROW16(slice, n), ROW16(slice, (n) + 16), ROW16(slice, (n) + 32), ROW16(slice, (n) + 48)
#define TABLE(slice)                                                                    \
	{                                                                               \
		ROW64(slice, 0), ROW64(slice, 64), ROW64(slice, 128), ROW64(slice, 192) \
	}

/* [j][n]: byte n, with j bytes of the step behind it */
static const uint64_t table[8][256] = {TABLE(SLICE0), TABLE(SLICE1), TABLE(SLICE2), TABLE(SLICE3),
				       TABLE(SLICE4), TABLE(SLICE5), TABLE(SLICE6), TABLE(SLICE7)};

static uint64_t step8(uint64_t crc, const unsigned char *buf)
{
	leint64_t word;

	memcpy(&word, buf, sizeof(word));
	crc ^= le64_to_cpu(word);

	return table[7][crc & 0xff] ^ table[6][(crc >> 8) & 0xff] ^ table[5][(crc >> 16) & 0xff] ^
	       table[4][(crc >> 24) & 0xff] ^ table[3][(crc >> 32) & 0xff] ^
	       table[2][(crc >> 40) & 0xff] ^ table[1][(crc >> 48) & 0xff] ^ table[0][crc >> 56];
}

uint64_t nvme_crc64(uint64_t crc, const unsigned char *buf, size_t len)
{
	for (; len >= 8; buf += 8, len -= 8)
		crc = step8(crc, buf);

	for (; len; buf++, len--)
		crc = table[0][(crc ^ *buf) & 0xff] ^ (crc >> 8);

	return ~crc;
}
