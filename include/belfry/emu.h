/* SPDX-License-Identifier: MIT */
/*
 * The embedded controller, seen by the program that tests against it: scripted
 * faults, events, counters.
 *
 * A controller is made by opening a device name of the form "emu:OPTIONS"
 * (docs/emu.md has the table) and lives until the device is closed. Everything
 * here may be called from any thread while it lives: the calls are carried out
 * by the controller's own thread, between two commands.
 */
#ifndef BELFRY_EMU_H
#define BELFRY_EMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct emu_ctrl;
struct vfio_device;

/**
 * emu_ctrl_get() - the emulated controller behind an open device
 * @dev: device, e.g. &ctrl->pci.dev
 *
 * Own: the controller belongs to the device and ends when that is closed.
 * Context: any thread.
 * Return: the controller, or NULL: ENODEV @dev is not open or is no emulated one.
 */
struct emu_ctrl *emu_ctrl_get(const struct vfio_device *dev);

/**
 * enum emu_act - what happens to a command that a fault matches
 * @EMU_ACT_STATUS: it is not carried out and completes with status @arg
 *	(the 15-bit status field: SC 7:0, SCT 10:8, DNR 14)
 * @EMU_ACT_DELAY: its completion is posted @arg microseconds later
 * @EMU_ACT_DROP: it is carried out and never completes
 * @EMU_ACT_TWICE: its completion is posted twice
 * @EMU_ACT_WRONG_CID: its completion carries cid + @arg (@arg 0: the cid inverted)
 * @EMU_ACT_WRONG_SQID: its completion carries sqid + @arg (@arg 0: the sqid inverted)
 * @EMU_ACT_STALE_PHASE: its completion is written with the old phase tag
 * @EMU_ACT_CORRUPT: bit 0 of byte @arg of the data it returns is flipped
 * @EMU_ACT_CFS: CSTS.CFS is set, and no command is fetched or completed until reset
 * @EMU_ACT_HANG: no command is fetched or completed until reset; CSTS looks healthy
 * @EMU_ACT_GONE: every register reads all-ones and nothing is answered any more
 * @EMU_ACT_SKIP: it is not carried out and completes as if it had been: a write that is lost, a read
 *	that returns no data; of a fused pair the other half is alone then
 */
enum emu_act {
	EMU_ACT_STATUS,
	EMU_ACT_DELAY,
	EMU_ACT_DROP,
	EMU_ACT_TWICE,
	EMU_ACT_WRONG_CID,
	EMU_ACT_WRONG_SQID,
	EMU_ACT_STALE_PHASE,
	EMU_ACT_CORRUPT,
	EMU_ACT_CFS,
	EMU_ACT_HANG,
	EMU_ACT_GONE,
	EMU_ACT_SKIP,
};

/* "any", for the fields of struct emu_fault that name one */
#define EMU_ANY (-1)

/**
 * struct emu_fault - one line of a fault script
 * @sqid: submission queue, 0 the admin queue, EMU_ANY
 * @opcode: opcode, EMU_ANY
 * @nth: the fault acts on the nth matching command, 1 the next one; 0 from the first on
 * @count: how many commands it acts on before it is spent; 0 without end
 * @prob: of the commands that it would act on, how many in a million; 0 means all
 * @seed: of the sequence that @prob is drawn from; the same seed, the same draws; 0: from
 *	the controller's option seed= and the line's place in the script
 * @act: what it does
 * @arg: argument of @act
 *
 * All that is zero is "sqid 0, opcode 0, every time": set what is to be any to EMU_ANY.
 */
struct emu_fault {
	int sqid;
	int opcode;
	uint32_t nth;
	uint32_t count;
	uint32_t prob;
	uint64_t seed;
	enum emu_act act;
	uint64_t arg;
};

/**
 * emu_fault_add() - append a line to the fault script
 * @emu: controller
 * @fault: the line; copied
 *
 * For each command the lines are tried in the order in which they were added;
 * the first that matches acts.
 *
 * Context: any thread; waits for the controller's thread.
 * Return: 0, or -1: EINVAL a field is out of range, ENOSPC the script has 64 lines. On
 *	error the script is as it was.
 */
int emu_fault_add(struct emu_ctrl *emu, const struct emu_fault *fault);

/**
 * emu_fault_parse() - read a fault from its text form
 * @text: "act=drop,sq=1,op=2,nth=3,..." with ':' allowed in place of ','; the
 *	keys are act, arg, sq, op, nth, count, prob, seed
 * @fault: out; unchanged on error
 *
 * Context: any thread.
 * Return: 0, or -1: EINVAL with a log message that names the part that is wrong.
 */
int emu_fault_parse(const char *text, struct emu_fault *fault);

/**
 * emu_fault_clear() - empty the fault script
 * @emu: controller
 *
 * What a fault has done stays done: a hung controller hangs until it is reset.
 *
 * Context: any thread; waits for the controller's thread.
 */
void emu_fault_clear(struct emu_ctrl *emu);

/**
 * emu_unplug() - the controller is pulled out
 * @emu: controller
 *
 * As EMU_ACT_GONE, at once.
 *
 * Context: any thread; waits for the controller's thread.
 */
void emu_unplug(struct emu_ctrl *emu);

/**
 * emu_raise_event() - complete an Asynchronous Event Request
 * @emu: controller
 * @type: event type, 0 .. 7
 * @info: event information
 * @lid: log page that tells more
 *
 * Held until a request is outstanding, and until the log page of an earlier
 * event of the same type was read, as the specification wants it.
 *
 * Spec: NVM Express Base 2.0, "Asynchronous Event Request command".
 * Context: any thread; waits for the controller's thread.
 * Return: 0, or -1: EINVAL @type is over 7, ENOSPC too many events wait.
 */
int emu_raise_event(struct emu_ctrl *emu, unsigned int type, unsigned int info, unsigned int lid);

/**
 * struct emu_stats - what the controller has seen
 * @admin_cmds: admin commands carried out
 * @io_cmds: I/O commands carried out
 * @errors: commands completed with a status other than success
 * @read_bytes: bytes written to the host's memory on behalf of commands
 * @write_bytes: bytes read from it
 * @dma_faults: accesses to an IOVA that is not mapped or not so
 * @violations: things the driver did that the specification forbids: doorbell
 *	values out of range, doorbells of queues that do not exist, registers
 *	written that must not be, reserved PRP or SGL bits set ...
 * @last_violation: the latest of them, in words; "" when there was none
 * @faults: times that a line of the fault script acted
 * @irqs: interrupts signalled
 * @doorbells: doorbell changes seen
 * @sleeps: times that the controller's thread went to sleep
 */
struct emu_stats {
	uint64_t admin_cmds;
	uint64_t io_cmds;
	uint64_t errors;
	uint64_t read_bytes;
	uint64_t write_bytes;
	uint64_t dma_faults;
	uint64_t violations;
	char last_violation[120];
	uint64_t faults;
	uint64_t irqs;
	uint64_t doorbells;
	uint64_t sleeps;
};

/**
 * emu_get_stats() - read the counters
 * @emu: controller
 * @stats: out
 *
 * Context: any thread; waits for the controller's thread.
 */
void emu_get_stats(struct emu_ctrl *emu, struct emu_stats *stats);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_EMU_H */
