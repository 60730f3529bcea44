/* SPDX-License-Identifier: BSD-2-Clause */
/* jit.c - from a bound image to code: what is a function, where everything goes, memory. The
 * CPU's instructions are in jit_<cpu>.c. */
#include <stdlib.h>
#include <sys/mman.h>
#include "exec/jit.h"
#include "exec/jit_fuse.h"
#include "exec/jit_known.h"
#include "exec/jit_x86_64.h"
#include "isa/insn.h"

#define PAGE	       JIT_PAGE
#define PAGE_UP(bytes) round_up((size_t)(bytes), PAGE)
#define MAX_LEN	       (8u << 20) /* instructions; addresses stay far inside 32 bits */
#define WORK_SIZE \
	(2 * sizeof(u32) + 2 * sizeof(u16) + 2ul) /* at, entry; live, flags; fused, span */
#define LOOP_ALIGN 16
#define LINE	   64 /* bytes that CPUs predict the jumps of together */
#define SHORT_LOOP 20 /* instructions at most in a loop that may fit into one */

static void *pages(size_t size, int prot)
{
	void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* --- what is where in the program --- */

static u32 mark_function(struct jit *j, s64 start)
{
	if (start < 0 || start >= j->img->len)
		return 1;
	j->nr_functions += !(j->flags[start] & JIT_FUNCTION);
	j->flags[start] |= JIT_FUNCTION;
	return 0;
}

/* A constant that is the address of an instruction: a callback's cookie, or a number by chance,
 * which then is a function nobody calls. */
static void mark_callback(struct jit *j, u64 v)
{
	u64 off = v - (u64)j->img->insns;

	if (off < j->img->len * sizeof(struct bpf_insn) && off % sizeof(struct bpf_insn) == 0)
		mark_function(j, off / sizeof(struct bpf_insn));
}

/* A jump back on a condition, or a goto that another jump goes over. */
static bool is_latch(const struct bpf_insn *in, u32 i)
{
	return !jit_is_goto(in) || (i && jit_is_jump(in - 1) && !jit_is_goto(in - 1));
}

static int mark(struct jit *j)
{
	const struct exec_image *img = j->img;
	u32 bad = mark_function(j, 0);

	for (u32 i = 0; i < img->nr_subprogs && img->subprogs; i++)
		bad |= mark_function(j, img->subprogs[i].start);
	for (u32 i = 0; i < img->len; i++) {
		const struct bpf_insn *in = &img->insns[i];

		bad |= in->dst_reg > 11 || in->src_reg > 11;
		if (insn_is_ld_imm64(in)) {
			if (i + 1 >= img->len)
				return -ENOTSUP;
			mark_callback(j, insn_imm64(in));
			j->flags[++i] |= JIT_SECOND;
		} else if (insn_is_pseudo_call(in)) {
			bad |= mark_function(j, jit_target(in, i) - in->off + in->imm);
		} else if (jit_is_jump(in)) {
			s64 target = jit_target(in, i);

			if (target < 0 || target >= img->len)
				return -ENOTSUP;
			j->flags[target] |= j->flags[target] & JIT_LEADER ? JIT_SHARED : JIT_LEADER;
			if (target <= i)
				j->flags[target] |= JIT_LOOP | (is_latch(in, i) ? JIT_ROUNDS : 0);
		}
	}
	return bad ? -ENOTSUP : 0;
}

/* Control leaves a function by exit only; no verified program is refused. */
static int check_function(struct jit *j, u32 start, u32 end)
{
	const struct bpf_insn *insns = j->img->insns, *last = &insns[end - 1];

	if ((j->flags[end - 1] & JIT_SECOND) ||
	    !(last->code == (BPF_JMP | BPF_EXIT) || jit_is_goto(last)))
		return -ENOTSUP;
	for (u32 i = start; i < end; i++) {
		s64 target = jit_target(&insns[i], i);

		if (j->flags[i] & JIT_SECOND || !jit_is_jump(&insns[i]))
			continue;
		if (target < start || target >= end || (j->flags[target] & JIT_SECOND))
			return -ENOTSUP;
	}
	return 0;
}

static u32 function_end(const struct jit *j, u32 start)
{
	u32 end = start + 1;

	while (end < j->img->len && !(j->flags[end] & JIT_FUNCTION))
		end++;
	return end;
}

/* Calls of calls: how deep a function can be, in at[]; each round moves one call further. */
static int check_depth(struct jit *j)
{
	const struct bpf_insn *insns = j->img->insns;
	bool changed = true;

	memset(j->at, 0, j->img->len * sizeof(*j->at));
	for (u32 round = 0; changed; round++) {
		u32 func = 0;

		if (round > MAX_CALL_FRAMES)
			return -ENOTSUP;
		changed = false;
		for (u32 i = 0; i < j->img->len; i++) {
			u32 callee = i + 1 + insns[i].imm;

			if (j->flags[i] & JIT_FUNCTION)
				func = i;
			if (!insn_is_pseudo_call(&insns[i]) || (j->flags[i] & JIT_SECOND) ||
			    j->at[callee] > j->at[func])
				continue;
			j->at[callee] = j->at[func] + 1;
			if (j->at[callee] >= MAX_CALL_FRAMES)
				return -ENOTSUP;
			changed = true;
		}
	}
	return 0;
}

static int analyse(struct jit *j)
{
	int err = mark(j);

	for (u32 start = 0, end; !err && start < j->img->len; start = end) {
		end = function_end(j, start);
		err = check_function(j, start, end);
	}
	return err ? err : check_depth(j);
}

/* --- the passes --- */

static bool jumped_to(const struct jit *j, u32 start, u32 i)
{
	return (j->flags[i] & JIT_LEADER) || (i > start && jit_is_jump(&j->img->insns[i - 1]));
}

static void look_at_function(struct jit *j, u32 start)
{
	const struct bpf_insn *insns = j->img->insns;
	u32 i;

	j->uses = 0;
	j->calls = j->patient = j->leaves = false;
	for (i = start; i == start || (i < j->img->len && !(j->flags[i] & JIT_FUNCTION)); i++) {
		u8 code = insns[i].code;

		if (j->flags[i] & JIT_SECOND)
			continue;
		j->uses |= 1u << insns[i].dst_reg | 1u << insns[i].src_reg;
		j->leaves |= code == (BPF_JMP | BPF_EXIT) && jumped_to(j, start, i);
		j->patient |= code == (BPF_JMP | BPF_JCOND);
		j->calls |= code == (BPF_JMP | BPF_CALL) || code == (BPF_JMP | BPF_TAIL_CALL) ||
			    code == (BPF_LDX | BPF_KPTR | BPF_DW) ||
			    code == (BPF_STX | BPF_KPTR | BPF_DW);
	}
	j->func_end = i;
}

static void begin(struct jit *j, u8 *scratch)
{
	j->pos = jit_here(j);
	if (j->pass != JIT_CODE)
		j->p = scratch;
	j->begun = j->p;
}

static void enter_function(struct jit *j, u32 i)
{
	look_at_function(j, i);
	if (j->pass == JIT_SIZES)
		jit_find_live(j, i);
	if (j->pass == JIT_CODE)
		j->functions[j->nr_functions] = (struct jit_function){i, jit_here(j)};
	j->nr_functions++;
	j->entry[i] = jit_here(j);
	jit_emit_prologue(j);
}

static bool falls_through(const struct bpf_insn *in)
{
	return !jit_is_goto(in) && in->code != (BPF_JMP | BPF_EXIT);
}

/* The first jump back to @i; @i when that is far or the loop goes on behind it. */
static u32 loop_end(const struct jit *j, u32 i)
{
	const struct bpf_insn *insns = j->img->insns;

	for (u32 k = i; k < j->img->len && k < i + SHORT_LOOP; k++)
		if (k > i && (j->flags[k] & JIT_LOOP))
			break;
		else if (!(j->flags[k] & JIT_SECOND) && jit_is_jump(&insns[k]) &&
			 jit_target(&insns[k], k) == i)
			return k;
	return i;
}

/* The second pass finds it, as long as the first one had it at most. */
static void find_line(struct jit *j, u32 i)
{
	u32 end = loop_end(j, i), bytes = end > i ? j->at[end + 1] - j->at[i] : LINE + 1;

	if (bytes <= LINE && (jit_here(j) & (LINE - 1)) + bytes > LINE)
		j->flags[i] |= JIT_LINE;
}

/* Loops begin where the CPU fetches, short ones so that they are in one line; where that is, the second pass knows. What
 * no latch leads to may be where the ways through a loop meet: there is no more in front than one instruction. */
static void pad(struct jit *j, u32 i)
{
	bool may = (j->flags[i] & JIT_ROUNDS) || !i || !falls_through(&j->img->insns[i - 1]);
	u32 align = LOOP_ALIGN, bytes;

	if (j->pass == JIT_SIZES) {
		j->p += (may && loop_end(j, i) > i ? LINE : LOOP_ALIGN) - 1;
		return;
	}
	if (j->pass == JIT_PLACES && may)
		find_line(j, i);
	if (j->flags[i] & JIT_LINE)
		align = LINE;
	bytes = -jit_here(j) & (align - 1);
	if (bytes <= JIT_ONE_NOP || may)
		jit_emit_padding(j, bytes);
}

/* Only jumps lead to instruction @i. */
static bool no_way_down(const struct jit *j, u32 i)
{
	return i && j->span[i - 1] == 1 && !j->fused[i - 1] &&
	       !falls_through(&j->img->insns[i - 1]);
}

/* Blocks that only jumps lead to begin where the CPU fetches, too, and their jumps do not crowd those in front. */
static void pad_block(struct jit *j)
{
	if (j->pass == JIT_SIZES)
		j->p += LOOP_ALIGN - 1;
	else
		jit_emit_padding(j, -jit_here(j) & (LOOP_ALIGN - 1));
}

/* The instruction at @i with what is fused with it: -> how many these are. */
static int emit(struct jit *j, u32 i)
{
	int err;

	if (j->pass == JIT_SIZES)
		j->span[i] = jit_fuse(j, i);
	err = jit_emit_insn(j, i);
	for (u32 k = i; k < i + j->span[i]; k++)
		jit_follow_known(j, &j->img->insns[k]);
	if (i + j->span[i] == j->func_end && j->leaves) {
		j->entry[j->func_end - 1] = jit_here(j);
		jit_emit_exit(j);
	}
	return err ? err : j->span[i];
}

static int run_pass(struct jit *j, int pass)
{
	u8 scratch[JIT_MAX_INSN];
	int n = 0;

	j->pass = pass;
	j->nr_faults = j->nr_functions = j->jumped = 0;
	j->p = j->begun = pass == JIT_CODE ? j->code : scratch;
	j->pos = 0;
	jit_emit_enter(j);
	for (u32 i = 0; n >= 0 && i < j->img->len; i += (u32)n) {
		begin(j, scratch);
		if (j->flags[i] & JIT_LOOP)
			pad(j, i);
		else if ((j->flags[i] & JIT_LEADER) && no_way_down(j, i))
			pad_block(j);
		if (j->flags[i] & JIT_FUNCTION)
			enter_function(j, i);
		j->at[i] = jit_here(j);
		if ((j->flags[i] & (JIT_FUNCTION | JIT_LEADER)) && j->knows)
			jit_forget_all(j);
		n = j->flags[i] & JIT_SECOND ? 1 : emit(j, i);
	}
	j->at[j->img->len] = jit_here(j);
	return n < 0 ? n : 0;
}

/* --- memory --- */

static size_t head_size(const struct jit *j)
{
	return PAGE_UP(sizeof(struct jit_code) + j->nr_functions * sizeof(struct jit_function) +
		       j->nr_faults * sizeof(struct jit_fault));
}

/* The code is in its final place and writable; afterwards nothing of it is. */
static struct jit_code *seal(struct jit *j, u8 *map, size_t head, size_t size)
{
	u32 len = j->at[j->img->len];
	size_t end = PAGE + head + PAGE_UP(len);
	struct jit_code *jit = (struct jit_code *)(map + PAGE);

	*jit = (struct jit_code){.size = end + PAGE,
				 .code = j->code,
				 .code_len = len,
				 .nr_functions = j->nr_functions,
				 .vectors = j->vectors,
				 .nr_faults = j->nr_faults,
				 .functions = j->functions,
				 .faults = j->faults};
	memcpy(jit->fusions, j->fusions, sizeof(jit->fusions));
	memset(j->code + len, 0xcc, map + end - (j->code + len)); /* int3 */
	if (size > end + PAGE)
		munmap(map + end + PAGE, size - end - PAGE);
	if (mprotect(map + end, PAGE, PROT_NONE) || mprotect(map + PAGE, head, PROT_READ) ||
	    mprotect(j->code, end - PAGE - head, PROT_READ | PROT_EXEC)) {
		munmap(map, end + PAGE);
		return NULL;
	}
	return jit;
}

/* Sizes are known, at most. */
static struct jit_code *generate(struct jit *j)
{
	size_t head = head_size(j), most = PAGE_UP(j->at[j->img->len]);
	size_t size = PAGE + head + most + PAGE;
	u8 *map = pages(size, PROT_NONE);

	if (!map)
		return NULL;
	if (mprotect(map + PAGE, head + most, PROT_READ | PROT_WRITE))
		goto fail_unmap;
	j->code = map + PAGE + head;
	j->functions = (void *)(map + PAGE + sizeof(struct jit_code));
	j->faults = (void *)(j->functions + j->nr_functions);
	if (run_pass(j, JIT_PLACES) || run_pass(j, JIT_CODE))
		goto fail_unmap;
	return seal(j, map, head, size);

fail_unmap:
	munmap(map, size);
	return NULL;
}

static bool wanted(void)
{
	const char *e = getenv("USERBPF_JIT");

	return !e || strcmp(e, "0") != 0;
}

static size_t work_size(const struct exec_image *img)
{
	return PAGE_UP((img->len + 1) * WORK_SIZE);
}

/* Room for what is known of each instruction, and the first pass: sizes. */
static int begin_work(struct jit *j, const struct exec_image *img)
{
	u32 *work = pages(work_size(img), PROT_READ | PROT_WRITE);

	*j = (struct jit){.img = img, .helpers = img->helpers ? img->helpers : exec_helpers};
	if (!work)
		return -ENOMEM;
	j->at = work;
	j->entry = work + img->len + 1;
	j->live = (u16 *)(j->entry + img->len + 1);
	j->flags = j->live + img->len + 1;
	j->fused = (u8 *)(j->flags + img->len + 1);
	j->span = j->fused + img->len + 1;
	jit_features(j);
	return analyse(j) || run_pass(j, JIT_SIZES) ? -ENOTSUP : 0;
}

static void end_work(struct jit *j)
{
	if (j->at)
		munmap(j->at, work_size(j->img));
}

struct jit_code *jit_compile(const struct exec_image *img)
{
	struct jit_code *jit = NULL;
	int saved = errno;
	struct jit j;

	if (!wanted() || !img->bound || !img->len || img->len > MAX_LEN)
		return NULL;
	if (!begin_work(&j, img))
		jit = generate(&j);
	end_work(&j);
	errno = saved;
	return jit;
}

/* The second pass again: it finds every place, and finds the same each time. */
int jit_places(const struct exec_image *img, const struct jit_code *jit, u64 *addr)
{
	int saved = errno, err;
	struct jit j;

	err = begin_work(&j, img);
	j.code = (u8 *)jit->code;
	if (!err)
		err = run_pass(&j, JIT_PLACES);
	for (u32 i = 0, first = 0; !err && i < img->len; i++) {
		first = i < first + j.span[first] && i ? first : i;
		addr[i] = (u64)jit->code + (j.flags[i] & JIT_FUNCTION ? j.entry[i] : j.at[first]);
	}
	end_work(&j);
	errno = saved;
	return err;
}
