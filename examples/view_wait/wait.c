/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.c - a file with the longest wait for a CPU in a group's directory, with plain libbpf.
 *
 *	userbpf run view_wait wait.bpf.o /sys/fs/cgroup/cpu/GROUP [SECONDS]
 *	cat /sys/fs/cgroup/cpu/GROUP/bpf.wait		the group's id and nanoseconds
 *
 * The file and the programs stay until the pins in /sys/fs/bpf are removed. With SECONDS it shows the file itself and cleans up.
 */
#include <stdlib.h>
#include <unistd.h>
#include <userbpf/view_libbpf.h>

static int die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

static int show(const char *path)
{
	char text[64];
	FILE *f = fopen(path, "r");

	if (!f || !fgets(text, sizeof(text), f))
		return die(path);
	fputs(text, stdout);
	fclose(f);
	return 0;
}

int main(int argc, char **argv)
{
	const char *const names[] = {"wait_record", "wait_show"};
	char path[512], pin[64];
	struct bpf_object *obj;
	int status = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: view_wait OBJECT GROUP [SECONDS]\n");
		return 2;
	}
	userbpf_view_register();
	obj = bpf_object__open(argv[1]);
	if (!obj || bpf_object__load(obj))
		return die(argv[1]);
	snprintf(path, sizeof(path), "%s/bpf.wait", argv[2]);
	for (int i = 0; i < 2; i++) {
		struct bpf_link *link =
			bpf_program__attach(bpf_object__find_program_by_name(obj, names[i]));

		snprintf(pin, sizeof(pin), "/sys/fs/bpf/%s", names[i]);
		if (!link || bpf_link__pin(link, pin))
			return die(names[i]);
		/* a pin in the group's directory shows what is pinned in a bpffs */
		if (i == 1 && bpf_obj_pin(bpf_link__fd(link), path))
			return die(path);
		bpf_link__destroy(link); /* the pin keeps it */
	}
	if (argc > 3) {
		sleep((unsigned)atoi(argv[3]));
		status = show(path);
		unlink("/sys/fs/bpf/wait_record");
		unlink("/sys/fs/bpf/wait_show");
	}
	bpf_object__close(obj);
	return status;
}
