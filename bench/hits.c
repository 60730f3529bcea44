// SPDX-License-Identifier: BSD-2-Clause
/*
 * hits - what a program costs each time its process comes by: the time of a call with it less the time without, of this very
 * process, which attaches to itself with libbpf. Here under `userbpf run`, on the kernel elsewhere.
 *	hits OBJECT entry|return|usdt|middle|trap|syscall empty|count THREADS	-> "ns NUMBER"
 *	hits OBJECT usdt none 1						the site with nothing attached, beside no site
 *	hits - int3 none 1						a breakpoint with a signal handler that does nothing
 */
#include <bpf/libbpf.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 41

__attribute__((noipa)) static int function(int a)
{
	__asm__ volatile("");
	return a + 1;
}

/* what a USDT probe leaves in the code, and the same without */
void site(void), no_site(void);
extern char site_nop[];
__asm__(".text\n.type site, @function\nsite: xor %eax, %eax\n.globl site_nop\nsite_nop: nop\nret\n.size site, . - site\n"
	".type no_site, @function\nno_site: xor %eax, %eax\nret\n.size no_site, . - no_site\n"
	".type middle, @function\nmiddle: mov %edi, %eax\n.globl middle_at\nmiddle_at: add $3, %eax\nimul %edi, %eax\nret\n.size middle, . - middle\n");
int middle(int);
extern char middle_at[];

/* One byte, a branch behind it, and a jump that reads its distance from there leads into this very code: nothing but
 * a breakpoint has room. */
__asm__(".text\n.type trapped, @function\ntrapped: mov %edi, %eax\ntest %edi, %edi\njs 1f\n.globl trapped_at\ntrapped_at: cwtl\n"
	"1: add $0x01000000, %eax\nret\n.size trapped, . - trapped\n");
int trapped(int);
extern char trapped_at[];

static const char *what;
static long loops;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void *work(void *arg)
{
	double *out = arg, t;
	long n = loops;

	t = now();
	if (!strcmp(what, "usdt"))
		for (long i = 0; i < n; i++)
			site();
	else if (!strcmp(what, "nothing"))
		for (long i = 0; i < n; i++)
			no_site();
	else if (!strcmp(what, "middle"))
		for (long i = 0; i < n; i++)
			middle(i);
	else if (!strcmp(what, "trap"))
		for (long i = 0; i < n; i++)
			trapped(i);
	else if (!strcmp(what, "int3"))
		for (long i = 0; i < n; i++)
			__asm__ volatile("int3");
	else if (!strcmp(what, "syscall"))
		for (long i = 0; i < n; i++)
			getppid();
	else
		for (long i = 0; i < n; i++)
			function(i);
	*out = (now() - t) / n;
	return NULL;
}

/* ns a call, the best of some rounds */
static double measure(int threads)
{
	double best = 1e18, ns[64];
	pthread_t tid[64];

	for (int r = 0; r < ROUNDS; r++) {
		double sum = 0;

		for (int i = 1; i < threads; i++)
			pthread_create(&tid[i], NULL, work, &ns[i]);
		work(&ns[0]);
		for (int i = 1; i < threads; i++)
			pthread_join(tid[i], NULL);
		for (int i = 0; i < threads; i++)
			sum += ns[i] / threads;
		best = sum < best ? sum : best;
	}
	return best;
}

static size_t offset_of(const void *addr)
{
	unsigned long a = (unsigned long)addr, start, end, off;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	size_t result = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &off) == 3 && a >= start &&
		    a < end)
			result = a - start + off;
	if (f)
		fclose(f);
	return result;
}

static struct bpf_link *attach(struct bpf_object *obj, const char *prog)
{
	LIBBPF_OPTS(bpf_uprobe_opts, uo, .retprobe = !strcmp(what, "return"));
	const void *at = !strcmp(what, "usdt")	   ? (const void *)site_nop
			 : !strcmp(what, "middle") ? (const void *)middle_at
			 : !strcmp(what, "trap")   ? (const void *)trapped_at
						   : (const void *)function;
	char name[32];

	if (!strcmp(what, "syscall")) {
		snprintf(name, sizeof(name), "%s_tp", prog);
		return bpf_program__attach_tracepoint(bpf_object__find_program_by_name(obj, name),
						      "syscalls", "sys_enter_getppid");
	}
	return bpf_program__attach_uprobe_opts(bpf_object__find_program_by_name(obj, prog),
					       getpid(), "/proc/self/exe", offset_of(at), &uo);
}

static void on_trap(int sig, siginfo_t *info, void *uc) {}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct bpf_object *obj;
	double without, with;
	int threads;

	if (argc != 5)
		return 2;
	what = argv[2];
	threads = atoi(argv[4]);
	loops = 5000;
	if (!strcmp(what, "int3")) {
		sigaction(SIGTRAP, &sa, NULL);
		printf("ns %.1f\n", measure(threads));
		return 0;
	}
	work(&without); /* caches, lazy binding */
	without = measure(threads);
	if (!strcmp(argv[3], "none")) {
		with = without;
		what = "nothing";
		without = measure(threads);
		printf("ns %.1f\n", with - without);
		return 0;
	}
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj || bpf_object__load(obj) || !attach(obj, argv[3])) {
		fprintf(stderr, "hits: cannot attach\n");
		return 1;
	}
	with = measure(threads);
	printf("ns %.1f\n", with - without);
	return 0;
}
