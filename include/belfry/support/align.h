/* SPDX-License-Identifier: MIT */
/*
 * Rounding to multiples. The ALIGN macros are for powers of two and evaluate their first argument
 * once; the ROUND macros take any multiple. All compute in the wider of the two arguments' types
 * (a 32-bit @m never cuts a 64-bit @n short), are constant expressions when their arguments are,
 * and do not check for overflow: rounding up within @m of the type's end wraps to 0.
 */
#ifndef BELFRY_SUPPORT_ALIGN_H
#define BELFRY_SUPPORT_ALIGN_H

#define __ALIGN_MASK(n, m) ((__typeof__((n) + (m)))(m)-1)

/**
 * ALIGN_UP() - the smallest multiple of a power of two that is not below @n
 * @n: integer, 0 or more
 * @m: power of two
 *
 * Context: any.
 * Return: the multiple; 0 when it does not fit the type.
 */
#define ALIGN_UP(n, m) (((n) + __ALIGN_MASK(n, m)) & ~__ALIGN_MASK(n, m))

/**
 * ALIGN_DOWN() - the largest multiple of a power of two that is not above @n
 * @n: integer, 0 or more
 * @m: power of two
 *
 * Context: any.
 * Return: the multiple.
 */
#define ALIGN_DOWN(n, m) ((n) & ~__ALIGN_MASK(n, m))

/**
 * ALIGNED() - is @n a multiple of a power of two
 * @n: integer, 0 or more
 * @m: power of two
 *
 * Context: any.
 * Return: 1 if it is, else 0.
 */
#define ALIGNED(n, m) (((n)&__ALIGN_MASK(n, m)) == 0)

/**
 * ROUND_DOWN() - the largest multiple of @m that is not above @n
 * @n: integer, 0 or more; evaluated once
 * @m: integer, 1 or more
 *
 * Context: any.
 * Return: the multiple.
 */
#define ROUND_DOWN(n, m) ((n) / (m) * (m))

/**
 * ROUND_UP() - the smallest multiple of @m that is not below @n
 * @n: integer, 0 or more; evaluated once
 * @m: integer, 1 or more
 *
 * Context: any.
 * Return: the multiple, provided that @n + @m - 1 fits the type.
 */
#define ROUND_UP(n, m) ROUND_DOWN((n) + (m)-1, m)

/**
 * ROUND() - the multiple of @m that is nearest to @n, the larger of two that are equally near
 * @n: integer, 0 or more; evaluated once
 * @m: integer, 1 or more
 *
 * Context: any.
 * Return: the multiple, provided that @n + @m / 2 fits the type.
 */
#define ROUND(n, m) ROUND_DOWN((n) + (m) / 2, m)

#endif /* BELFRY_SUPPORT_ALIGN_H */
