/* SPDX-License-Identifier: MIT */
/*
 * A child of the process that opened a controller gets errors, and does no harm to the parent.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"

/* What the child finds; 0 when all is as it should be. Nothing here may assert. */
static int child(struct fixture *f, struct nvme_ctrl *left)
{
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = NVM_CNS_CTRL}};
	static const struct nvme_ctrl zero;
	struct nvm_id_ctrl id;

	log_set_handler(NULL, NULL);
	logv_set(-1);
	if (nvme_admin(&f->dev.ctrl, &cmd, &id, sizeof(id), NULL) != -1 || errno != EPERM)
		return 1;
	if (nvme_sync(&f->dev.ctrl, f->sq, &cmd, NULL, 0, NULL) != -1 || errno != EPERM)
		return 2;
	if (nvme_reset(&f->dev.ctrl) != -1 || errno != EPERM)
		return 3;
	*left = f->dev.ctrl;
	nvme_close(&f->dev.ctrl);
	if (memcmp(&f->dev.ctrl, &zero, sizeof(zero)))
		return 4;
	nvme_close(&f->dev.ctrl);
	return 0;
}

static void fork__the_child_leaves_the_controller_alone(void **state)
{
	static struct nvme_ctrl
		left; /* what the child leaves is known, and so no leak to valgrind */
	struct fixture f;
	int status;
	pid_t pid;

	(void)state;
	fault_open(&f, "emu:");
	works(&f);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(child(&f, &left));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	works(&f);
	dev_close(&f.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fork__the_child_leaves_the_controller_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
