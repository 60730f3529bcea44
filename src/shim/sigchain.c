/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sigchain.c - a program's own handlers of the signals that code raises stay behind ours, whenever it
 * installs them: a load of a BPF program that faults, a bad pointer in a bpf(2) call, a breakpoint of
 * ours are dealt with here and never seen by the program.
 *
 * SIGSEGV and SIGBUS are ours from the start, the others once code of the process is patched
 * (agent.c). None of them stays blocked: the kernel kills who raises a blocked one.
 */
#include <signal.h>
#include "agent/patch.h"
#include "base/raw.h"
#include "exec/fault.h"
#include "shim/agent_probe.h"
#include "shim/interpose.h"
#include "shim/shim.h"

static const int sigs[] = {SIGSEGV, SIGBUS, SIGTRAP, SIGFPE, SIGILL, AGENT_TIME_SIGNAL};
#define FROM_START 2u

static struct sigaction theirs[ARRAY_SIZE(sigs)]; /* what the program asked for */
static u32 ours;				  /* so many of them are chained; atomic */

static struct sigaction *slot_of(int sig)
{
	for (u32 i = 0; i < __atomic_load_n(&ours, __ATOMIC_ACQUIRE); i++)
		if (sigs[i] == sig)
			return &theirs[i];
	return NULL;
}

/* Ours alone? Otherwise the context is as the program would have it without us. */
static bool take(int sig, const siginfo_t *info, void *uc)
{
	if (sig == AGENT_TIME_SIGNAL)
		return agent_time_tick(info, uc);
	if (info->si_code <= 0)
		return false;
	if (sig == SIGTRAP)
		return patch_trap(uc);
	if (fault_handle(uc))
		return true;
	patch_fault(uc);
	return false;
}

/* The kernel did not, see install(). What the handler returns to has the mask from before. */
static void block_for(int sig, const struct sigaction *app)
{
	sigset_t mask = app->sa_mask;

	if (!(app->sa_flags & SA_NODEFER))
		sigaddset(&mask, sig);
	raw4(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, 8);
}

static void on_signal(int sig, siginfo_t *info, void *uc)
{
	struct sigaction *slot = slot_of(sig), app = slot ? *slot : (struct sigaction){};

	if (take(sig, info, uc)) {
		if (sig == SIGTRAP)
			patch_resume(uc);
		return;
	}
	if (app.sa_flags & SA_RESETHAND)
		slot->sa_handler = SIG_DFL;
	if (app.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	if (app.sa_handler != SIG_DFL && app.sa_handler != SIG_IGN) {
		if (sig == SIGTRAP)
			block_for(sig, &app);
		if (app.sa_flags & SA_SIGINFO)
			app.sa_sigaction(sig, info, uc);
		else
			app.sa_handler(sig);
		return;
	}
	/* the default action: a fault strikes again on return, a signal somebody sent is sent again
	 */
	libc_sigaction(sig, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	if (info->si_code <= 0 || sig == SIGTRAP)
		raw3(SYS_tgkill, raw_getpid(), raw3(SYS_gettid, 0, 0, 0), sig);
}

static int install(int sig, const struct sigaction *app)
{
	struct sigaction sa = *app;

	sa.sa_sigaction = on_signal;
	sa.sa_flags = (app->sa_flags & ~SA_RESETHAND) | SA_SIGINFO;
	if (app->sa_handler == SIG_DFL || app->sa_handler == SIG_IGN)
		sa.sa_flags |= SA_NODEFER | SA_ONSTACK;
	if (sig == SIGTRAP) { /* patch_resume() restores no mask */
		sa.sa_flags |= SA_NODEFER;
		sigemptyset(&sa.sa_mask);
	}
	if (sig == AGENT_TIME_SIGNAL)
		sa.sa_flags = (sa.sa_flags & ~SA_NODEFER) | SA_RESTART;
	return libc_sigaction(sig, &sa, NULL);
}

static void chain(u32 until)
{
	for (u32 i = ours; i < until; i++) {
		if (libc_sigaction(sigs[i], NULL, &theirs[i]))
			return;
		__atomic_store_n(&ours, i + 1, __ATOMIC_RELEASE);
		install(sigs[i], &theirs[i]);
	}
}

void sigchain_init(void)
{
	chain(FROM_START);
}

void sigchain_probes(void)
{
	chain(ARRAY_SIZE(sigs));
	patch_can_trap(ours == ARRAY_SIZE(sigs));
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

void sigchain_let_through(sigset_t *set)
{
	for (u32 i = 0; i < ARRAY_SIZE(sigs); i++)
		sigdelset(set, sigs[i]);
}
