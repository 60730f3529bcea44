/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sigchain.c - a program's own SIGSEGV and SIGBUS handlers stay behind ours, whenever it installs
 * them: a load of a BPF program that faults, or a bad pointer in a bpf(2) call, is dealt with here
 * and never seen by the program.
 */
#include <signal.h>
#include "exec/fault.h"
#include "shim/interpose.h"
#include "base/raw.h"
#include "shim/shim.h"

static struct sigaction theirs[2]; /* what the program asked for: SIGSEGV, SIGBUS */

static struct sigaction *slot_of(int sig)
{
	return sig == SIGSEGV ? &theirs[0] : sig == SIGBUS ? &theirs[1] : NULL;
}

static void on_signal(int sig, siginfo_t *info, void *uc)
{
	struct sigaction app = *slot_of(sig);

	if (info->si_code > 0 && fault_handle(uc))
		return;
	if (app.sa_flags & SA_RESETHAND)
		slot_of(sig)->sa_handler = SIG_DFL;
	if (app.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	if (app.sa_handler != SIG_DFL && app.sa_handler != SIG_IGN) {
		if (app.sa_flags & SA_SIGINFO)
			app.sa_sigaction(sig, info, uc);
		else
			app.sa_handler(sig);
		return;
	}
	/* the default action: a fault strikes again on return, a signal somebody sent is sent again
	 */
	libc_sigaction(sig, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	if (info->si_code <= 0)
		raw3(SYS_tgkill, raw_getpid(), raw3(SYS_gettid, 0, 0, 0), sig);
}

static int install(int sig, const struct sigaction *app)
{
	struct sigaction sa = *app;

	sa.sa_sigaction = on_signal;
	sa.sa_flags = (app->sa_flags & ~SA_RESETHAND) | SA_SIGINFO;
	if (app->sa_handler == SIG_DFL || app->sa_handler == SIG_IGN)
		sa.sa_flags |= SA_NODEFER | SA_ONSTACK;
	return libc_sigaction(sig, &sa, NULL);
}

void sigchain_init(void)
{
	static const int sigs[] = {SIGSEGV, SIGBUS};

	for (u32 i = 0; i < ARRAY_SIZE(sigs); i++)
		if (!libc_sigaction(sigs[i], NULL, &theirs[i]))
			install(sigs[i], &theirs[i]);
}

int sigchain_set(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction *slot = slot_of(sig), before = *slot;

	if (act) {
		if (install(sig, act))
			return -1;
		*slot = *act;
	}
	if (old)
		*old = before;
	return 0;
}

bool sigchain_handles(int sig)
{
	return slot_of(sig) != NULL;
}
