/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TIMER_H
#define USERBPF_TIMER_H
/*
 * timer.h - bpf_timer: timers of map values, all in the service, whoever runs the program that set
 * them. Control side.
 *
 * A value holds the id of its timer, a number nobody can guess, which lets who can read the value
 * work with the timer and nobody else. A timer knows map and place of its value and counts only
 * while that names it: deletes and updates, in whatever process, write 0 there and are done with it;
 * the thread drops such timers when they would fire, within a second at the latest.
 *
 * One thread, started with the first timer, runs the callbacks, one after the other. A timer holds a
 * reference of the program whose callback it has, none of the map: when only programs hold that any
 * more its timers go (map_obj.c), and so does the ring of references.
 *
 * Locking: one mutex; not held while a callback runs or references are dropped.
 */
#include "prog/map_obj.h"
#include "prog/prog.h"

struct timers;

/* @host: for the callbacks; stays while the timers do. NULL: no memory. */
struct timers *timers_new(const struct exec_host *host);
/* Cancels everything, waits for the callback that runs. Maps may still ask for their timers to be
 * dropped until timers_free(). */
void timers_stop(struct timers *t);
void timers_free(struct timers *t);

/* What the helpers answer. The caller holds references of @m and @prog. */
long timers_init(struct timers *t, struct map_obj *m, u64 value_off);
long timers_set_callback(struct timers *t, u64 id, struct bpf_prog *prog, u32 callback);
long timers_start(struct timers *t, u64 id, u64 ns);
long timers_cancel(struct timers *t, u64 id);

#endif
