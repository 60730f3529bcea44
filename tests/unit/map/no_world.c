/* SPDX-License-Identifier: BSD-2-Clause */
/* no_world.c - maps alone: no task and no group has a number here. */
#include "map/kptr.h"

const struct kptr_world kptr_tasks, kptr_groups;
