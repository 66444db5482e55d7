/* SPDX-License-Identifier: MIT */
/*
 * The soak's main thread: epochs, pauses, accounts.
 *
 *	soak [-t SECONDS] [-s SEED] [-e EPOCH] [-v]
 *
 * Without -e it goes on until the time is over, and for all epochs of one kind of fault at least;
 * with -e it repeats one epoch. What each epoch does follows from SEED and its number; how the
 * threads interleave does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../inject/fail.h"
#include "../inject/wrap.h"
#include "iommu/ctx.h"
#include "soak.h"
#include "support/deadline.h"

#define SINGLES	    24 /* epochs of one kind of fault, and those with none */
#define EPOCH_MAX_S 120
#define PATIENCE_NS UINT64_C(30000000000)
#define TRIES	    100
#define TABLES_MAX  24 /* address spaces keep a table for each GiB that was ever in use */
#define ADMIN_MS    40
#define CALM_MS	    30000
#define NR_COUNTS   22

static pthread_barrier_t barrier;
static uint64_t seed;
static long grown; /* mappings that were added since the start */
static char where[160];

void soak_barrier(void)
{
	pthread_barrier_wait(&barrier);
}

void soak_fail(const struct soak *soak, const char *fmt, ...)
{
	char plan[512];
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "soak: ");
	vfprintf(stderr, fmt, args);
	va_end(args);
	plan_print(&soak->plan, plan, sizeof(plan));
	fprintf(stderr, "\nsoak: epoch %u: %s\n%s", soak->epoch, plan, where);
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void on_signal(int sig)
{
	static const char text[] = "soak: a buffer was touched after its end, or no end is near\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ||
	    write(STDERR_FILENO, where, strlen(where)) < 0)
		_exit(1);
	raise(sig); /* SA_RESETHAND: now it ends the process */
}

static void catch_signals(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGALRM, SIGABRT};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* ---- the controller ---- */

static struct emu_ctrl *emu_of(struct soak *soak)
{
	return emu_ctrl_get(&soak->ctrl.pci.dev);
}

static unsigned int nr_threads(const struct soak *soak)
{
	return soak->plan.nr_workers + soak->plan.nr_admin;
}

static int create_queues(struct soak *soak)
{
	int qid = 1;

	for (unsigned int i = 0; i < soak->plan.nr_workers; i++) {
		struct worker *w = &soak->workers[i];

		if (soak->plan.shared && i) {
			w->cq = soak->workers[0].cq;
			w->sqs[0] = soak->workers[0].sqs[0];
			continue;
		}
		/* Room for a completion twice of each command. */
		if (nvme_create_iocq(&soak->ctrl, qid, 2 * SOAK_MAX_SLOTS + 2, -1))
			return -1;
		w->cq = &soak->ctrl.cq[qid];
		for (unsigned int n = 0; n < soak->plan.nr_sqs; n++, qid++) {
			if (nvme_create_iosq(&soak->ctrl, qid, soak->plan.qsize, w->cq, 0))
				return -1;
			w->sqs[n] = &soak->ctrl.sq[qid];
		}
	}
	return 0;
}

static void add_faults(struct soak *soak)
{
	for (unsigned int i = 0; i < soak->plan.nr_faults; i++)
		soak_check(soak, !emu_fault_add(emu_of(soak), &soak->plan.faults[i]),
			   "fault %u: %s", i, strerror(errno));
}

/* Open it, with its faults after its queues. */
static void open_ctrl(struct soak *soak)
{
	struct nvme_ctrl_opts opts = {.nsqr = 2 * SOAK_MAX_WORKERS - 1,
				      .ncqr = 2 * SOAK_MAX_WORKERS - 1};
	static const struct nvme_recovery_opts recovery = {.flags = NVME_RECOVERY_NO_ABORT |
								    NVME_RECOVERY_NO_RESET};

	memset(&soak->ctrl, 0, sizeof(soak->ctrl));
	soak->ctrl.pci.dev.ctx = soak->ctx;
	soak_check(soak, !nvme_init(&soak->ctrl, soak->plan.name, &opts), "init: %s",
		   strerror(errno));
	/* Where workers reap by hand, resets are the main thread's. */
	soak_check(soak, !nvme_set_recovery(&soak->ctrl, &recovery), "recovery: %s",
		   strerror(errno));
	soak_check(soak, !create_queues(soak), "queues: %s", strerror(errno));
	if (soak->plan.ladder)
		ladder_open(soak);
	add_faults(soak);
	soak->ctrl.timeout_ms = soak->plan.patient ? CALM_MS : ADMIN_MS;
}

/* What the queues have counted goes with them. */
static void take_counts(struct soak *soak)
{
	for (unsigned int i = 0; i < soak->plan.nr_workers; i++) {
		struct nvme_cq *cq = soak->workers[i].cq;

		soak->tally.late += cq->late;
		soak->tally.spurious += cq->spurious;
		cq->late = cq->spurious = 0;
	}
}

static void take_stats(struct soak *soak)
{
	struct emu_stats stats;

	take_counts(soak);
	emu_get_stats(emu_of(soak), &stats);
	soak->tally.faults += stats.faults;
	soak_check(soak, !stats.violations, "the controller objects: %s", stats.last_violation);
	soak_check(soak, !stats.dma_faults, "%llu accesses to memory that is not mapped",
		   (unsigned long long)stats.dma_faults);
}

static void end_all(struct soak *soak, enum soak_end end)
{
	for (unsigned int i = 0; i < soak->plan.nr_workers; i++)
		worker_end_all(&soak->workers[i], end);
}

static void close_ctrl(struct soak *soak)
{
	take_stats(soak);
	nvme_shared_destroy(soak->shared);
	soak->shared = NULL;
	nvme_close(&soak->ctrl);
	end_all(soak, END_CLOSED);
}

static void reopen(struct soak *soak)
{
	close_ctrl(soak);
	for (unsigned int i = 0; i < soak->plan.nr_workers; i++) {
		for (unsigned int n = 0; n < soak->workers[i].nr_slots; n++)
			slot_erased(&soak->workers[i].slots[n]);
	}
	open_ctrl(soak);
	soak->tally.reopens++;
}

/* Faults may hit the commands that make the queues, too. */
static void reset(struct soak *soak)
{
	for (int i = 0; i < TRIES; i++) {
		if (i == TRIES / 2)
			emu_fault_clear(emu_of(soak));
		take_counts(soak);
		if (nvme_reset(&soak->ctrl)) {
			soak_check(soak, errno == ENODEV, "reset: %s", strerror(errno));
			reopen(soak);
			return;
		}
		end_all(soak, END_CANCELED);
		soak->tally.resets++;
		if (!nvme_enable(&soak->ctrl) && !create_queues(soak)) {
			if (i >= TRIES / 2)
				add_faults(soak);
			return;
		}
	}
	soak_fail(soak, "%d resets and no queues: %s", TRIES, strerror(errno));
}

/* Delete a queue that has nothing in flight, and make it anew. */
static void requeue(struct soak *soak)
{
	for (unsigned int i = 0; i < soak->plan.nr_workers; i++) {
		struct worker *w = &soak->workers[i];
		int qid = w->sqs[0]->id;

		if (w->nr_busy || w->nr_stuck)
			continue;
		take_counts(soak);
		if (nvme_delete_iosq(&soak->ctrl, qid) ||
		    nvme_create_iosq(&soak->ctrl, qid, soak->plan.qsize, w->cq, 0)) {
			reset(soak);
			return;
		}
		soak->tally.requeues++;
	}
}

/* ---- an epoch ---- */

static void start_worker(struct soak *soak, unsigned int i)
{
	struct worker *w = &soak->workers[i];
	bool io = i < soak->plan.nr_workers;

	w->soak = soak;
	w->index = i;
	prng_init(&w->rng, soak->plan.seed + i + 1);
	if (!io)
		return;
	w->nr_slots = soak->plan.nr_sqs * (unsigned int)(soak->plan.qsize - 1);
	if (w->nr_slots > SOAK_MAX_SLOTS)
		w->nr_slots = SOAK_MAX_SLOTS;
	soak_check(soak, !iommu_get_dmabuf(soak->ctx, &w->mem, w->nr_slots * SOAK_SLOT_BYTES, 0),
		   "dmabuf: %s", strerror(errno));
	for (unsigned int n = 0; n < w->nr_slots; n++)
		slot_init(&w->slots[n], (uint8_t *)w->mem.vaddr + n * SOAK_SLOT_BYTES,
			  (uint64_t)(i * SOAK_MAX_SLOTS + n) * SOAK_SLOT_BLOCKS);
}

static void stop_worker(struct soak *soak, struct worker *w)
{
	for (unsigned int n = 0; n < w->nr_slots; n++)
		slot_check(&w->slots[n], soak);
	iommu_put_dmabuf(&w->mem);
}

static void add_tally(struct tally *sum, const struct tally *part)
{
	uint64_t *to = &sum->submitted;
	const uint64_t *from = &part->submitted;

	_Static_assert(sizeof(*sum) == NR_COUNTS * sizeof(*to), "all of it are counts");
	for (int i = 0; i < NR_COUNTS; i++)
		to[i] += from[i];
}

/* What the workers wanted, or what the dice say. */
static void do_pause(struct soak *soak)
{
	unsigned int wanted = atomic_exchange(&soak->wanted, 0);
	unsigned int dice = (unsigned int)prng_below(&soak->rng, 4);

	if (wanted & WANT_REOPEN)
		reopen(soak);
	else if (wanted || !dice)
		reset(soak);
	else if (dice == 1)
		requeue(soak);
}

/* An epoch with one kind of fault is not over before there was one, on the slowest machine. */
static bool is_over(struct soak *soak, uint64_t end)
{
	struct emu_stats stats;

	if (now_ns() < end)
		return false;
	if (!soak->plan.nr_faults || !soak->plan.single || now_ns() > end + PATIENCE_NS)
		return true;
	emu_get_stats(emu_of(soak), &stats);
	return soak->tally.faults + stats.faults > 0;
}

/* With the ladder nobody stops for a reset, and any thread may ask for it. */
static bool goes_on(struct soak *soak)
{
	if (!soak->plan.ladder || atomic_load(&soak->stop) || atomic_load(&soak->wanted))
		return false;
	if (!prng_below(&soak->rng, 2))
		soak_check(soak, !nvme_recover(&soak->ctrl) || errno == ENODEV || errno == EIO,
			   "recover: %s", strerror(errno));
	return true;
}

static void run_load(struct soak *soak)
{
	uint64_t end = now_ns() + soak->plan.run_ms * NS_PER_MS;

	do {
		uint64_t pause =
			now_ns() + prng_below(&soak->rng, 2 * soak->plan.pause_ms + 1) * NS_PER_MS;
		struct timespec ts = {.tv_nsec = 500000};

		while (now_ns() < pause && !atomic_load(&soak->wanted))
			nanosleep(&ts, NULL);
		if (is_over(soak, end))
			atomic_store(&soak->stop, true);
		if (goes_on(soak))
			continue;
		atomic_store(&soak->nr_polling, soak->plan.nr_workers);
		atomic_store_explicit(&soak->pause, true, memory_order_release);
		soak_barrier();
		if (!atomic_load(&soak->stop)) {
			do_pause(soak);
			atomic_store(&soak->pause, false);
		}
		soak_barrier();
	} while (!atomic_load(&soak->stop));
}

/* All threads have ended, and so have all commands. */
static void account(struct soak *soak)
{
	struct tally *t = &soak->tally;
	uint64_t ended;

	for (unsigned int i = 0; i < nr_threads(soak); i++)
		add_tally(t, &soak->workers[i].tally);
	ended = t->ok + t->refused + t->timed_out + t->canceled + t->closed + t->aborted + t->died;
	soak_check(soak, t->submitted == ended, "%llu commands were submitted, %llu ended",
		   (unsigned long long)t->submitted, (unsigned long long)ended);
	ladder_account(soak);
	if (soak->plan.explained && t->timed_out > t->faults + t->late)
		t->lost = t->timed_out - t->faults - t->late;
	if (soak->plan.patient)
		t->lost = t->timed_out;
	soak_check(soak, !t->lost, "%llu commands are lost", (unsigned long long)t->lost);
	soak_check(soak, !soak->plan.explained || t->spurious <= t->faults,
		   "%llu completions of nothing, and %llu faults", (unsigned long long)t->spurious,
		   (unsigned long long)t->faults);
	soak_check(soak, t->faults || !soak->plan.nr_faults || !soak->plan.single,
		   "no fault was made");
	soak_check(soak, t->corrupt <= t->faults, "%llu reads are wrong, and %llu faults",
		   (unsigned long long)t->corrupt, (unsigned long long)t->faults);
}

static void run_epoch(struct soak *soak)
{
	void *(*worker)(void *) = soak->plan.ladder ? ladder_main : worker_main;
	pthread_t threads[2 * SOAK_MAX_WORKERS];

	prng_init(&soak->rng, soak->plan.seed);
	for (unsigned int i = 0; i < nr_threads(soak); i++)
		start_worker(soak, i);
	open_ctrl(soak);
	pthread_barrier_init(&barrier, NULL, nr_threads(soak) + 1);
	for (unsigned int i = 0; i < nr_threads(soak); i++)
		soak_check(soak,
			   !__real_pthread_create(&threads[i], NULL,
						  i < soak->plan.nr_workers ? worker : admin_main,
						  &soak->workers[i]),
			   "pthread_create");
	run_load(soak);
	for (unsigned int i = 0; i < nr_threads(soak); i++)
		__real_pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);

	close_ctrl(soak);
	for (unsigned int i = 0; i < soak->plan.nr_workers; i++)
		stop_worker(soak, &soak->workers[i]);
	account(soak);
}

/* ---- the soak ---- */

/* The lowest IOVA is free again, and so all are. */
static void check_iovas(struct soak *soak)
{
	struct iommu_iova_range *ranges;
	struct iommu_dmabuf buf;

	iommu_get_iova_ranges(soak->ctx, &ranges);
	soak_check(soak, !iommu_get_dmabuf(soak->ctx, &buf, 1, 0), "dmabuf: %s", strerror(errno));
	soak_check(soak, buf.iova == ranges[0].start, "IOVAs are left behind below 0x%llx",
		   (unsigned long long)buf.iova);
	iommu_put_dmabuf(&buf);
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static void one_epoch(struct iommu_ctx *ctx, unsigned int epoch, struct tally *sum, bool loud)
{
	struct soak *soak = __real_calloc(1, sizeof(*soak));
	struct fail_held before = fail_held(), after;
	int fds = count_fds();
	char plan[512];

	if (!soak)
		abort();
	soak->epoch = epoch;
	soak->ctx = ctx;
	plan_epoch(&soak->plan, seed, epoch);
	snprintf(where, sizeof(where), "soak: again: ./do soak - %llu %u\n",
		 (unsigned long long)seed, epoch);
	if (loud) {
		plan_print(&soak->plan, plan, sizeof(plan));
		printf("# %u: %s\n", epoch, plan);
		fflush(stdout);
	}
	alarm(EPOCH_MAX_S);
	run_epoch(soak);
	alarm(0);

	check_iovas(soak);
	after = fail_held();
	grown += after.maps - before.maps;
	soak_check(soak,
		   after.blocks == before.blocks && after.threads == before.threads &&
			   grown <= TABLES_MAX && count_fds() == fds,
		   "left behind: %ld blocks, %ld mappings, %ld threads, %d files",
		   after.blocks - before.blocks, grown, after.threads - before.threads,
		   count_fds() - fds);
	add_tally(sum, &soak->tally);
	__real_free(soak);
}

static void print_tally(unsigned int epochs, const struct tally *t)
{
	printf("seed %llu: %u epochs\n", (unsigned long long)seed, epochs);
	printf("commands %llu: ok %llu, refused %llu, timed out %llu, canceled %llu, closed %llu, "
	       "aborted %llu, with the controller %llu; lost %llu\n",
	       (unsigned long long)t->submitted, (unsigned long long)t->ok,
	       (unsigned long long)t->refused, (unsigned long long)t->timed_out,
	       (unsigned long long)t->canceled, (unsigned long long)t->closed,
	       (unsigned long long)t->aborted, (unsigned long long)t->died,
	       (unsigned long long)t->lost);
	printf("ladder: deadlines %llu, aborts %llu, resets %llu, deaths %llu; events %llu\n",
	       (unsigned long long)t->expired, (unsigned long long)t->aborts,
	       (unsigned long long)t->ladders, (unsigned long long)t->deaths,
	       (unsigned long long)t->events);
	printf("faults %llu; completions late %llu, spurious %llu; bits flipped %llu; admin %llu\n",
	       (unsigned long long)t->faults, (unsigned long long)t->late,
	       (unsigned long long)t->spurious, (unsigned long long)t->corrupt,
	       (unsigned long long)t->admin);
	printf("resets %llu, reopens %llu, queues made anew %llu\n", (unsigned long long)t->resets,
	       (unsigned long long)t->reopens, (unsigned long long)t->requeues);
}

int main(int argc, char **argv)
{
	unsigned int seconds = 60, first = 0, epoch;
	struct tally sum = {};
	struct iommu_ctx *ctx;
	bool one = false, loud = false;
	uint64_t end;
	int opt;

	seed = now_ns();
	while ((opt = getopt(argc, argv, "t:s:e:v")) != -1) {
		if (opt == 't')
			seconds = (unsigned int)strtoul(optarg, NULL, 0);
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'e')
			first = (unsigned int)strtoul(optarg, NULL, 0), one = true;
		else if (opt == 'v')
			loud = true;
		else
			return 2;
	}
	catch_signals();
	ctx = iommu_get_context("emu:");
	if (!ctx)
		return 1;
	end = now_ns() + seconds * 1000 * NS_PER_MS;
	for (epoch = first; one ? epoch == first : epoch < SINGLES || now_ns() < end; epoch++)
		one_epoch(ctx, epoch, &sum, loud);
	iommu_ctx_put(ctx);
	print_tally(epoch - first, &sum);
	return 0;
}
