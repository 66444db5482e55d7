/* SPDX-License-Identifier: MIT */
/*
 * The way to a controller in another process: names of the form "vfio-user:PATH,OPTIONS". Registers
 * are messages. Doorbells are plain stores where the server lets them be mapped, or else words of
 * our own, each store to which is followed by a message that nobody waits for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <belfry/support/endian.h>
#include <belfry/support/log.h>

#include "support/errno.h"
#include "support/opts.h"
#include "transport/vfio_user.h"
#include "vfio_user/wire.h"

#define SCHEME "vfio-user:"

#define REGISTERS_BAR 0

/* Doorbells follow the registers. */
#define DOORBELLS_OFFSET 0x1000u

/* What all doorbells take with the widest stride that is of any use; a BAR may be larger. */
#define WORDS_MAX ((size_t)16 << 20)

/* Longer ones do not help: nobody waits for a controller that needs a minute. */
#define TIMEOUT_DEFAULT_MS 10000
#define TIMEOUT_MAX_MS	   3600000

static const struct opt opt_table[] = {
	{.name = "mmap",
	 .type = OPT_BOOL,
	 .offset = offsetof(struct vu_options, mmap),
	 .help = "map doorbells and memory of the controller where the server offers it (on)"},
	{.name = "share",
	 .type = OPT_BOOL,
	 .offset = offsetof(struct vu_options, share),
	 .help = "give the server the files of memory that is mapped for it (on)"},
	{.name = "twin",
	 .type = OPT_BOOL,
	 .offset = offsetof(struct vu_options, twin),
	 .help = "offer a socket of its own for what the server asks for (on)"},
	{.name = "timeout_ms",
	 .type = OPT_U32,
	 .offset = offsetof(struct vu_options, timeout_ms),
	 .min = 1,
	 .max = TIMEOUT_MAX_MS,
	 .help = "how long the server may take to answer (10000)"},
	{},
};

static const struct opts opts = {.what = "vfio-user", .table = opt_table};

static struct vu_device *to_vu(struct transport *tp)
{
	return (struct vu_device *)tp;
}

/* ---- names ---- */

/* The path is up to the first comma; a backslash takes what follows it literally. */
static int parse_name(struct vu_options *opt, const char *name)
{
	const char *from = name + strlen(SCHEME);
	char *to;

	*opt = (struct vu_options){
		.mmap = true, .share = true, .twin = true, .timeout_ms = TIMEOUT_DEFAULT_MS};
	opt->path = malloc(strlen(from) + 1);
	if (!opt->path)
		return -1;
	for (to = opt->path; *from && *from != ','; from++) {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	*to = 0;
	if (*opt->path && !opts_parse(&opts, opt, *from ? from + 1 : NULL, NULL, 0))
		return 0;
	if (!*opt->path) {
		log_error("%s: no path of a socket\n", name);
		errno = EINVAL;
	}
	{
		keep_errno();

		free(opt->path);
		opt->path = NULL;
	}
	return -1;
}

static bool match(const char *name)
{
	return !strncmp(name, SCHEME, strlen(SCHEME));
}

static struct iommu_ctx *get_ctx(const char *name)
{
	(void)name; /* every server can join every such space */
	return vu_space_create();
}

/* ---- open and close ---- */

static void destroy(struct vu_device *dev)
{
	keep_errno();

	vu_space_leave(&dev->conn);
	vu_conn_close(&dev->conn);
	vu_bars_close(dev);
	vu_irqs_close(dev);
	if (dev->words)
		munmap(dev->words, dev->words_len);
	pthread_mutex_destroy(&dev->lock);
	iommu_ctx_put(dev->tp.ctx);
	free(dev->opt.path);
	free(dev->name);
	free(dev);
}

/* A device that is connected to nobody. */
static struct vu_device *create(const char *name, struct iommu_ctx *ctx)
{
	struct vu_device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return NULL;
	dev->tp.ops = &transport_vfio_user_ops;
	for (int i = 0; i < PCI_STD_NUM_BARS; i++)
		dev->bars[i].fd = -1;
	dev->name = strdup(name);
	if (!dev->name || parse_name(&dev->opt, name))
		goto free_dev;
	dev->tp.ctx = ctx ? iommu_ctx_get(ctx) : vu_space_create();
	if (!dev->tp.ctx)
		goto free_path;
	pthread_mutex_init(&dev->lock, NULL); /* cannot fail without attributes */
	return dev;

free_path : {
	keep_errno();

	free(dev->opt.path);
}
free_dev : {
	keep_errno();

	free(dev->name);
	free(dev);
}
	return NULL;
}

static int read_info(struct vu_device *dev)
{
	struct vfio_user_device_info info = {.argsz = sizeof(info)};
	struct vfio_user_call call = {
		.out = {.cmd = VFIO_USER_DEVICE_GET_INFO, .body = &info, .body_len = sizeof(info)},
		.reply = &dev->info,
		.room = sizeof(dev->info),
	};

	if (vu_call(&dev->conn, &call))
		return -1;
	if (dev->info.flags & VFIO_DEVICE_FLAGS_PCI)
		return 0;
	log_error("%s: the server has no PCI device\n", dev->name);
	return set_errno(EPROTO);
}

static int reset_device(struct vu_device *dev)
{
	struct vfio_user_call call = {.out.cmd = VFIO_USER_DEVICE_RESET};

	return vu_call(&dev->conn, &call);
}

static int read_ids(struct vu_device *dev, struct vfio_pci_device *pci)
{
	uint16_t class_low, class_high;

	if (vu_config_read16(dev, PCI_VENDOR_ID, &dev->tp.vid) ||
	    vu_config_read16(dev, PCI_DEVICE_ID, &dev->tp.did) ||
	    vu_config_read16(dev, PCI_CLASS_REVISION, &class_low) ||
	    vu_config_read16(dev, PCI_CLASS_DEVICE, &class_high))
		return -1;
	pci->classcode = (unsigned)class_high << 8 | class_low >> 8;
	return 0;
}

static void describe(const struct vu_device *dev, struct vfio_pci_device *pci)
{
	struct vfio_device_info *info = &pci->dev.device_info;
	struct vfio_irq_info *irq = &pci->dev.irq_info;

	info->argsz = sizeof(*info);
	info->flags = dev->info.flags & (VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI);
	info->num_regions = dev->info.nr_regions;
	info->num_irqs = dev->info.nr_irqs;
	irq->argsz = sizeof(*irq);
	irq->flags = dev->irq.flags;
	irq->index = dev->irq.index;
	irq->count = dev->irq.count;
}

/*
 * What the client before left behind is reset before the server learns of any memory: a controller
 * that was not stopped would use it.
 */
static int set_up(struct vu_device *dev, struct vfio_pci_device *pci)
{
	if (read_info(dev) || vu_bars_init(dev, pci) || read_ids(dev, pci) || vu_irqs_init(dev))
		return -1;
	if (vu_config_change16(dev, PCI_COMMAND, PCI_COMMAND_MASTER, 0) ||
	    (dev->info.flags & VFIO_DEVICE_FLAGS_RESET && reset_device(dev)) ||
	    vu_bars_enable(dev) || vu_space_join(&dev->conn))
		return -1;
	describe(dev, pci);
	return 0;
}

static struct transport *open_device(const char *name, struct iommu_ctx *ctx,
				     struct vfio_pci_device *pci)
{
	struct vu_device *dev;

	if (ctx && !vu_space_of(ctx)) {
		log_error("%s: the address space given is '%s', not one of vfio-user\n", name,
			  ctx->ops->name);
		return set_errno_null(EINVAL);
	}
	dev = create(name, ctx);
	if (!dev)
		return NULL;
	if (vu_conn_open(&dev->conn, dev->name, &dev->opt, vu_space_of(dev->tp.ctx)) ||
	    set_up(dev, pci)) {
		keep_errno();

		log_error("%s: cannot be opened: %m\n", name);
		destroy(dev);
		return NULL;
	}
	return &dev->tp;
}

static void close_device(struct transport *tp)
{
	struct vu_device *dev = to_vu(tp);

	/* No DMA from here on, for a server that goes on without a client. */
	if (!vu_conn_ended(&dev->conn))
		(void)vu_config_change16(dev, PCI_COMMAND, PCI_COMMAND_MASTER, 0);
	destroy(dev);
}

/* ---- registers and doorbells ---- */

static int check(const struct vu_device *dev, uint32_t off, unsigned int width)
{
	if (vu_conn_ended(&dev->conn))
		return set_errno(ENODEV);
	if (width != 4 && width != 8)
		return set_errno(EINVAL);
	return (uint64_t)off + width > dev->bars[REGISTERS_BAR].size ? set_errno(EINVAL) : 0;
}

static int reg_read(struct transport *tp, uint32_t off, unsigned int width, uint64_t *val)
{
	struct vu_device *dev = to_vu(tp);
	leint64_t wire = cpu_to_le64(0);

	if (check(dev, off, width) || vu_region_read(&dev->conn, REGISTERS_BAR, off, &wire, width))
		return -1;
	*val = le64_to_cpu(wire);
	return 0;
}

static int reg_write(struct transport *tp, uint32_t off, unsigned int width, uint64_t val)
{
	struct vu_device *dev = to_vu(tp);
	leint64_t wire = cpu_to_le64(val);

	if (check(dev, off, width))
		return -1;
	return vu_region_write(&dev->conn, REGISTERS_BAR, off, &wire, width);
}

static void *map_bar(struct transport *tp, int bar, uint64_t off, size_t *len)
{
	return vu_bar_map(to_vu(tp), bar, off, len);
}

static void unmap_bar(struct transport *tp, int bar, void *ptr, size_t len)
{
	(void)bar;
	(void)len;
	vu_bar_unmap(to_vu(tp), ptr);
}

/* Bytes of doorbells: what of the BAR is after the registers, and before the vector table. */
static uint64_t doorbells_len(const struct vu_device *dev)
{
	uint64_t end = dev->bars[REGISTERS_BAR].size;

	if (dev->msix.cap && dev->msix.bar == REGISTERS_BAR &&
	    dev->msix.table >= DOORBELLS_OFFSET && dev->msix.table < end)
		end = dev->msix.table;
	return end > DOORBELLS_OFFSET ? end - DOORBELLS_OFFSET : 0;
}

static void *doorbells(struct transport *tp, size_t *len)
{
	struct vu_device *dev = to_vu(tp);
	void *mapped, *words;

	*len = doorbells_len(dev);
	if (!*len) {
		log_error("%s: BAR 0 has no doorbells, its size is %llu\n", dev->name,
			  (unsigned long long)dev->bars[REGISTERS_BAR].size);
		return set_errno_null(EINVAL);
	}
	mapped = vu_bar_map(dev, REGISTERS_BAR, DOORBELLS_OFFSET, len);
	if (mapped || errno != ENOTSUP)
		return mapped;
	if (dev->words)
		return set_errno_null(EBUSY);

	log_info("%s: doorbells are messages\n", dev->name);
	if (*len > WORDS_MAX)
		*len = WORDS_MAX;
	words = mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (words == MAP_FAILED)
		return NULL;
	dev->words = words;
	dev->words_len = *len;
	return words;
}

static void ring(struct transport *tp, void *doorbell, uint32_t value)
{
	struct vu_device *dev = to_vu(tp);
	uint64_t off = DOORBELLS_OFFSET + (uint64_t)((char *)doorbell - dev->words);
	leint32_t wire = cpu_to_le32(value);

	if (!vu_conn_ended(&dev->conn))
		vu_region_post(&dev->conn, REGISTERS_BAR, off, &wire, sizeof(wire));
}

static const uint32_t *asleep(struct transport *tp)
{
	static const uint32_t always = 1;

	return to_vu(tp)->words ? &always : NULL;
}

/* ---- the rest ---- */

static int set_irqs(struct transport *tp, int start, int count, const int *fds)
{
	return vu_irqs_set(to_vu(tp), start, count, fds);
}

static int rearm_irqs(struct transport *tp, int start, int count)
{
	(void)start; /* what has to be rearmed has one vector */
	(void)count;
	return vu_irqs_rearm(to_vu(tp));
}

static int reset(struct transport *tp)
{
	struct vu_device *dev = to_vu(tp);

	if (!(dev->info.flags & VFIO_DEVICE_FLAGS_RESET))
		return set_errno(ENOTSUP);
	if (reset_device(dev) || vu_bars_enable(dev))
		return -1;
	return vu_irqs_restore(dev);
}

static bool gone(struct transport *tp)
{
	return vu_conn_ended(&to_vu(tp)->conn);
}

const struct transport_ops transport_vfio_user_ops = {
	.form = SCHEME "PATH",
	.match = match,
	.get_ctx = get_ctx,
	.open = open_device,
	.close = close_device,
	.reg_read = reg_read,
	.reg_write = reg_write,
	.map_bar = map_bar,
	.unmap_bar = unmap_bar,
	.doorbells = doorbells,
	.ring = ring,
	.asleep = asleep,
	.set_irqs = set_irqs,
	.rearm_irqs = rearm_irqs,
	.reset = reset,
	.gone = gone,
};
