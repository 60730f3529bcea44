/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROFILE_H
#define PROFILE_H

#define FRAMES 127

/* Samples with the same of all this are counted together. */
struct where {
	unsigned int pid;
	int user, kernel; /* stacks; negative: none */
	char comm[16];
};

#endif
