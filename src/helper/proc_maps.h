/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PROC_MAPS_H
#define USERBPF_PROC_MAPS_H
/* proc_maps.h - /proc/PID/maps as mappings, one after the other. Run side. */
#include "helper/file.h"

struct proc_maps {
	int fd;
	u32 at, len;
	char buf[1024];
};
/* vma.vm_file is NULL or &file.file. Valid where it is: it points into itself. */
struct proc_vma {
	struct vm_area_struct vma;
	struct file_view file;
};

int proc_maps_open(struct proc_maps *m, u32 pid); /* 0 or negative errno */
bool proc_maps_next(struct proc_maps *m, struct proc_vma *v); /* false: no more */
void proc_maps_close(struct proc_maps *m);

#endif
