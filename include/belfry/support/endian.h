/* SPDX-License-Identifier: MIT */
/*
 * Integers whose byte order is fixed by a specification, and their conversion. sparse keeps each
 * type apart from plain integers and from the others; to the compiler they are plain integers. The
 * functions are for values, the macros for constant expressions such as initialisers.
 */
#ifndef BELFRY_SUPPORT_ENDIAN_H
#define BELFRY_SUPPORT_ENDIAN_H

#include <stdint.h>

#include <belfry/support/compiler.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * typedef leint16_t - little-endian 16-bit integer; so leint32_t and leint64_t
 */
typedef uint16_t __bitwise leint16_t;
typedef uint32_t __bitwise leint32_t;
typedef uint64_t __bitwise leint64_t;

/**
 * typedef beint16_t - big-endian 16-bit integer; so beint32_t and beint64_t
 */
typedef uint16_t __bitwise beint16_t;
typedef uint32_t __bitwise beint32_t;
typedef uint64_t __bitwise beint64_t;

/* Swapping is its own inverse, so one macro serves both directions. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define __le_swap(bits, x) ((__force uint##bits##_t)(x))
#define __be_swap(bits, x) __builtin_bswap##bits((__force uint##bits##_t)(x))
#else
#define __le_swap(bits, x) __builtin_bswap##bits((__force uint##bits##_t)(x))
#define __be_swap(bits, x) ((__force uint##bits##_t)(x))
#endif

/**
 * CPU_TO_LE16(), CPU_TO_LE32(), CPU_TO_LE64() - constant to little-endian
 * @x: constant; cut to the width
 *
 * Context: any; a constant expression.
 * Return: the converted value.
 */
#define CPU_TO_LE16(x) ((__force leint16_t)__le_swap(16, x))
#define CPU_TO_LE32(x) ((__force leint32_t)__le_swap(32, x))
#define CPU_TO_LE64(x) ((__force leint64_t)__le_swap(64, x))

/**
 * CPU_TO_BE16(), CPU_TO_BE32(), CPU_TO_BE64() - constant to big-endian
 * @x: constant; cut to the width
 *
 * Context: any; a constant expression.
 * Return: the converted value.
 */
#define CPU_TO_BE16(x) ((__force beint16_t)__be_swap(16, x))
#define CPU_TO_BE32(x) ((__force beint32_t)__be_swap(32, x))
#define CPU_TO_BE64(x) ((__force beint64_t)__be_swap(64, x))

/**
 * LE16_TO_CPU(), LE32_TO_CPU(), LE64_TO_CPU() - constant from little-endian
 * @x: constant of the little-endian type
 *
 * Context: any; a constant expression.
 * Return: the converted value.
 */
#define LE16_TO_CPU(x) __le_swap(16, x)
#define LE32_TO_CPU(x) __le_swap(32, x)
#define LE64_TO_CPU(x) __le_swap(64, x)

/**
 * BE16_TO_CPU(), BE32_TO_CPU(), BE64_TO_CPU() - constant from big-endian
 * @x: constant of the big-endian type
 *
 * Context: any; a constant expression.
 * Return: the converted value.
 */
#define BE16_TO_CPU(x) __be_swap(16, x)
#define BE32_TO_CPU(x) __be_swap(32, x)
#define BE64_TO_CPU(x) __be_swap(64, x)

/**
 * cpu_to_le16(), cpu_to_le32(), cpu_to_le64() - value to little-endian
 * @x: value
 *
 * Context: any.
 * Return: the converted value.
 */
static inline leint16_t cpu_to_le16(uint16_t x)
{
	return CPU_TO_LE16(x);
}

static inline leint32_t cpu_to_le32(uint32_t x)
{
	return CPU_TO_LE32(x);
}

static inline leint64_t cpu_to_le64(uint64_t x)
{
	return CPU_TO_LE64(x);
}

/**
 * cpu_to_be16(), cpu_to_be32(), cpu_to_be64() - value to big-endian
 * @x: value
 *
 * Context: any.
 * Return: the converted value.
 */
static inline beint16_t cpu_to_be16(uint16_t x)
{
	return CPU_TO_BE16(x);
}

static inline beint32_t cpu_to_be32(uint32_t x)
{
	return CPU_TO_BE32(x);
}

static inline beint64_t cpu_to_be64(uint64_t x)
{
	return CPU_TO_BE64(x);
}

/**
 * le16_to_cpu(), le32_to_cpu(), le64_to_cpu() - value from little-endian
 * @x: value
 *
 * Context: any.
 * Return: the converted value.
 */
static inline uint16_t le16_to_cpu(leint16_t x)
{
	return LE16_TO_CPU(x);
}

static inline uint32_t le32_to_cpu(leint32_t x)
{
	return LE32_TO_CPU(x);
}

static inline uint64_t le64_to_cpu(leint64_t x)
{
	return LE64_TO_CPU(x);
}

/**
 * be16_to_cpu(), be32_to_cpu(), be64_to_cpu() - value from big-endian
 * @x: value
 *
 * Context: any.
 * Return: the converted value.
 */
static inline uint16_t be16_to_cpu(beint16_t x)
{
	return BE16_TO_CPU(x);
}

static inline uint32_t be32_to_cpu(beint32_t x)
{
	return BE32_TO_CPU(x);
}

static inline uint64_t be64_to_cpu(beint64_t x)
{
	return BE64_TO_CPU(x);
}

/**
 * put_unaligned_be48() - write the lower 48 bits of a value, big-endian, at any address
 * @val: value; bits 63:48 are ignored
 * @p: out: 6 bytes
 *
 * Context: any.
 */
static inline void put_unaligned_be48(uint64_t val, uint8_t *p)
{
	for (int i = 0; i < 6; i++)
		p[i] = (uint8_t)(val >> (40 - 8 * i));
}

/**
 * get_unaligned_be48() - read a 48-bit big-endian value at any address
 * @p: 6 bytes
 *
 * Context: any.
 * Return: the value, 0 .. 2^48 - 1.
 */
static inline uint64_t get_unaligned_be48(const uint8_t *p)
{
	uint64_t val = 0;

	for (int i = 0; i < 6; i++)
		val = val << 8 | p[i];
	return val;
}

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_ENDIAN_H */
