/* SPDX-License-Identifier: MIT */
/*
 * The handler for SIGBUS reads a list that only grows: guards that are not used any more are used
 * again, and never freed. A thread that faults in a mapping keeps it from being removed, so its guard
 * stays as it is; another that changes meanwhile is one that cannot match. The range is read twice
 * around to see that.
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <belfry/support/atomic.h>

#include "serve/guard.h"
#include "support/errno.h"

struct guard {
	struct guard *next;
	uintptr_t start, end; /* end 0: not used */
	uint32_t lost;
	int wake_fd;
};

static struct guard *guards;				 /* newest first */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards changes, not the handler */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sigaction before;

static struct guard *find(uintptr_t addr)
{
	for (struct guard *g = atomic_load_acquire(&guards); g; g = g->next) {
		uintptr_t end = atomic_load_acquire(&g->end);
		uintptr_t start = atomic_load_acquire(&g->start);

		if (addr >= start && addr < end && atomic_load_acquire(&g->end) == end)
			return g;
	}
	return NULL;
}

/* Only what is safe in a signal handler: system calls and stores. */
static bool lose(const struct guard *g)
{
	return mmap((void *)g->start, g->end - g->start, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void tell(struct guard *g)
{
	uint64_t one = 1;

	atomic_store_release(&g->lost, 1u);
	if (write(g->wake_fd, &one, sizeof(one)) < 0)
		return; /* its counter is at the end: it is readable */
}

static void hand_on(int sig, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(sig, info, context);
	else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
		before.sa_handler(sig);
	else
		sigaction(SIGBUS, &before, NULL); /* the access is made again */
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	struct guard *g = find((uintptr_t)info->si_addr);
	keep_errno();

	/* Positive codes are the kernel's own: a fault, and not another process' kill(2). */
	if (g && info->si_code > 0 && lose(g))
		tell(g);
	else
		hand_on(sig, info, context);
}

static void install(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, NULL, &before);
	sigaction(SIGBUS, &action, NULL); /* cannot fail: both arguments are valid */
}

struct guard *guard_add(void *mem, size_t len, int wake_fd)
{
	struct guard *g;

	pthread_once(&once, install);
	pthread_mutex_lock(&lock);
	for (g = guards; g && g->end; g = g->next)
		;
	if (!g) {
		g = calloc(1, sizeof(*g));
		if (g) {
			g->next = guards;
			atomic_store_release(&guards, g);
		}
	}
	if (g) {
		g->lost = 0;
		g->wake_fd = wake_fd;
		atomic_store_release(&g->start, (uintptr_t)mem);
		atomic_store_release(&g->end, (uintptr_t)mem + len);
	}
	pthread_mutex_unlock(&lock);
	return g;
}

void guard_remove(struct guard *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&lock);
	atomic_store_release(&g->end, (uintptr_t)0);
	pthread_mutex_unlock(&lock);
}

uint32_t guard_lost(const struct guard *g)
{
	return atomic_load_acquire(&g->lost);
}
