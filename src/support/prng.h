/* SPDX-License-Identifier: MIT */
/*
 * Random numbers that are the same on every machine and in every run with the same seed: David
 * Blackman and Sebastiano Vigna's xoshiro256**, its state filled by splitmix64. For test data and
 * scripted faults, not for secrets.
 */
#ifndef BELFRY_SRC_SUPPORT_PRNG_H
#define BELFRY_SRC_SUPPORT_PRNG_H

#include <stdint.h>

/**
 * struct prng - a generator
 * @s: state, never all zero; private
 */
struct prng {
	uint64_t s[4];
};

/**
 * splitmix64() - the next of a sequence of well-mixed numbers; also a hash of one number
 * @state: in and out: any value
 *
 * Context: owner of @state.
 * Return: the number.
 */
static inline uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/**
 * prng_init() - start a generator
 * @rng: out: the generator
 * @seed: any value; the same seed gives the same numbers
 *
 * Context: any thread.
 */
static inline void prng_init(struct prng *rng, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		rng->s[i] = splitmix64(&seed);
}

/**
 * prng_next() - the next number
 * @rng: generator
 *
 * Context: owner of @rng.
 * Return: a number, all 64 bits of it random.
 */
static inline uint64_t prng_next(struct prng *rng)
{
	uint64_t *s = rng->s;
	uint64_t x = s[1] * 5;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = s[3] << 45 | s[3] >> 19;
	return (x << 7 | x >> 57) * 9;
}

/**
 * prng_below() - a number from a range, each equally often
 * @rng: generator
 * @n: size of the range, 1 or more
 *
 * Context: owner of @rng.
 * Return: a number, 0 .. @n - 1.
 */
static inline uint64_t prng_below(struct prng *rng, uint64_t n)
{
	/* The first 2^64 mod n numbers would make some remainders more frequent. */
	uint64_t excess = -n % n;
	uint64_t x;

	do {
		x = prng_next(rng);
	} while (x < excess);
	return x % n;
}

#endif /* BELFRY_SRC_SUPPORT_PRNG_H */
