/* SPDX-License-Identifier: MIT */
/*
 * Drives a fuzz target without a fuzzing engine, so that the targets run in every test run and with
 * every compiler. Input number i depends on the seed and on i alone: a failure prints its number, and
 * `fuzz_NAME -i NUMBER` repeats it. The target can as well be linked with -fsanitize=fuzzer instead
 * of this file.
 *
 *	fuzz_NAME [-n RUNS] [-s SEED] [-i FIRST] [-c FOLDER] [FILE...]
 *
 * Each FILE is run as it is, and so is each of FOLDER; then inputs are made, half of them by changing one of the files.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

enum {
	INPUT_MAX = 8192,
	MAX_FILES = 64,
	MAX_CHANGES = 8
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static struct {
	uint8_t data[INPUT_MAX];
	size_t len;
} files[MAX_FILES];
static unsigned int nr_files;

static uint64_t seed = 1;
static volatile sig_atomic_t current;

static void say_where(void)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "\nfuzz: failed at -s %llu -i %d\n",
			   (unsigned long long)seed, (int)current);

	if (write(STDERR_FILENO, text, (size_t)len) < 0)
		_exit(1);
}

static void on_signal(int sig)
{
	say_where();
	raise(sig); /* SA_RESETHAND: now it ends the process */
}

static void catch_failures(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(say_where);
		return;
	}
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* splitmix64: every state is a good one, so input i can start from seed and i directly. */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void change(uint8_t *data, size_t len, uint64_t *state)
{
	static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	unsigned int nr = 1 + next(state) % MAX_CHANGES;

	while (len && nr--) {
		uint8_t *byte = &data[next(state) % len];

		switch (next(state) % 3) {
		case 0:
			*byte ^= (uint8_t)(1 << next(state) % 8);
			break;
		case 1:
			*byte = edges[next(state) % sizeof(edges)];
			break;
		default:
			*byte = (uint8_t)next(state);
		}
	}
}

/* Lengths are spread over the powers of two: short inputs are as likely as long ones. */
static size_t make_input(uint8_t *data, uint64_t *state)
{
	size_t len;

	if (nr_files && next(state) % 2) {
		unsigned int file = next(state) % nr_files;

		len = files[file].len;
		memcpy(data, files[file].data, len);
		change(data, len, state);
		if (next(state) % 8 == 0)
			len = len ? next(state) % len : 0;
		return len;
	}
	len = next(state) % ((1u << next(state) % 14) + 1);
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)next(state);
	return len;
}

/* Exactly as long as the input, so that a sanitizer sees a read behind its end. */
static void run_one(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static int read_file(const char *path)
{
	FILE *file = nr_files < MAX_FILES ? fopen(path, "rb") : NULL;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path,
			nr_files < MAX_FILES ? strerror(errno) : "too many");
		return -1;
	}
	files[nr_files].len = fread(files[nr_files].data, 1, INPUT_MAX, file);
	fclose(file);
	nr_files++;
	return 0;
}

/* In the order of their names, since what is made of them goes by number. A folder may be missing. */
static int read_folder(const char *path)
{
	struct dirent **entries;
	int nr = scandir(path, &entries, NULL, alphasort), ret = 0;

	for (int i = 0; i < nr; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && !ret)
			ret = read_file(name);
		free(entries[i]);
	}
	if (nr >= 0)
		free(entries);
	return ret;
}

static void make_and_run(unsigned long first, unsigned long runs)
{
	static uint8_t data[INPUT_MAX];

	for (unsigned long i = first; i < first + runs; i++) {
		uint64_t state = seed * 0x100000001b3 ^ i;

		current = (sig_atomic_t)i;
		run_one(data, make_input(data, &state));
	}
}

int main(int argc, char **argv)
{
	unsigned long runs = test_scale(20000), first = 0;
	const char *folder = NULL;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:i:c:")) != -1) {
		switch (opt) {
		case 'n':
			runs = test_scale(strtoul(optarg, NULL, 0));
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			folder = optarg;
			break;
		case 'i':
			first = strtoul(optarg, NULL, 0);
			runs = 1;
			break;
		default:
			return 2;
		}
	}
	catch_failures();
	if (folder && read_folder(folder))
		return 2;
	for (int i = optind; i < argc; i++) {
		if (read_file(argv[i]))
			return 2;
	}
	for (unsigned int i = 0; i < nr_files; i++)
		run_one(files[i].data, files[i].len);
	make_and_run(first, runs);
	printf("%u files, %lu inputs, seed %llu\n", nr_files, runs, (unsigned long long)seed);
	return 0;
}
