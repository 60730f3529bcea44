/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CALLTIME_H
#define CALLTIME_H

#define SLOTS 32 /* powers of two, ns */

struct histogram {
	unsigned long long slot[SLOTS], calls, ns;
};

#endif
