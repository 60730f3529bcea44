/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats.c - files bpf.NAME in groups' directories, for every view/cgroup program NAME of an object.
 *
 *	userbpf run view_stats stats.bpf.o /sys/fs/cgroup/GROUP...
 *	cat /sys/fs/cgroup/GROUP/bpf.summary
 *
 * The programs are verified once and stay, pinned in /sys/fs/bpf; removing a pin removes all files of that program.
 */
#include <unistd.h>
#include <userbpf/view_libbpf.h>

static int die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	char path[512];

	if (argc < 3) {
		fprintf(stderr, "usage: view_stats OBJECT GROUP...\n");
		return 2;
	}
	userbpf_view_register();
	obj = bpf_object__open(argv[1]);
	if (!obj || bpf_object__load(obj))
		return die(argv[1]);
	bpf_object__for_each_program(prog, obj)
	{
		struct bpf_link *link = bpf_program__attach(prog);
		const char *name = bpf_program__name(prog);

		snprintf(path, sizeof(path), "/sys/fs/bpf/%s", name);
		if (!link || bpf_link__pin(link, path))
			return die(name);
		for (int i = 2; i < argc; i++) {
			snprintf(path, sizeof(path), "%s/bpf.%s", argv[i], name);
			if (bpf_obj_pin(bpf_link__fd(link), path))
				return die(path);
		}
		bpf_link__destroy(link); /* the pin keeps it */
	}
	bpf_object__close(obj);
	return 0;
}
