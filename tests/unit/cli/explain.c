/* SPDX-License-Identifier: BSD-2-Clause */
/* explain.c - logs of tests/data/bpf/verify/advice.txt through explain(); the file says how a
 * case looks. Every row of the table must have one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/verify/explain.h"

#define FILE_CAP (1 << 18)

static char *file;
static char seen[256];

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, FILE_CAP);

	assert_non_null(f);
	assert_non_null(text);
	assert_true(fread(text, 1, FILE_CAP - 1, f) < FILE_CAP - 1);
	fclose(f);
	return text;
}

static const char *reg_text(const struct explain *e, const char *want, char buf[512])
{
	int n = atoi(want + 1);

	snprintf(buf, 512, "R%d=%s", n,
		 n >= 0 && n < EXPLAIN_REGS && e->reg[n] ? e->reg[n] : "absent");
	return buf;
}

static void check_line(const struct explain *e, const char *line)
{
	char buf[512];

	if (!strncmp(line, "insn: ", 6))
		assert_int_equal(e->insn, atoi(line + 6));
	else if (!strncmp(line, "source: ", 8))
		assert_string_equal(e->source, line + 8);
	else if (!strncmp(line, "text: ", 6))
		assert_string_equal(e->text, line + 6);
	else if (!strncmp(line, "reg: ", 5))
		assert_string_equal(reg_text(e, line + 5, buf), line + 5);
	else if (!strncmp(line, "absent: R", 9))
		assert_null(e->reg[atoi(line + 9)]);
	else
		fail_msg("no such expectation: %s", line);
}

/* "topic, expectations, --, log", one per line */
static void run_case(char *text)
{
	char *log = strstr(text, "\n--\n"), *save, *topic, *line;
	struct explain e;

	assert_non_null(log);
	*log = '\0';
	assert_int_equal(explain(log + 4, &e), 0);
	topic = strtok_r(text, "\n", &save);
	if (!e.topic || strcmp(e.topic, topic))
		fail_msg("%s: taken for %s: %s", topic, e.topic ?: "nothing known", e.message);
	seen[e.row] = 1;
	while ((line = strtok_r(NULL, "\n", &save)))
		check_line(&e, line);
	explain_free(&e);
}

/* A comment belongs to the case behind it, not to the log before it. */
static void drop_comments(char *text)
{
	for (char *at = text; (at = strstr(at, "\n#"));)
		memmove(at, at + 1 + strcspn(at + 1, "\n"),
			strlen(at + 1 + strcspn(at + 1, "\n")) + 1);
}

static void each_case(void **state)
{
	char *text = read_file(file), *at, *next;
	int missing = 0;

	drop_comments(text);
	for (at = strstr(text, "\n== "); at; at = next) {
		next = strstr(at + 1, "\n== ");
		if (next)
			*next = '\0';
		run_case(at + 4);
	}
	for (int i = 0; explain_topic(i); i++)
		if (!seen[i]) {
			print_error("row %d of advice.def (%s) has no case\n", i, explain_topic(i));
			missing++;
		}
	assert_int_equal(missing, 0);
	free(text);
}

/* Any text is a log. */
static void nonsense(void **state)
{
	static const char *const logs[] = {
		"",
		"\n",
		":",
		"0:",
		"0: (",
		"0: (b7) r0 = 0 ; R",
		"0: (b7) r0 = 0 ; R99999999999=1 R=2 R3(",
		"from : R1=",
		" R1=",
		"99999999999999999999: (b7)",
		"; ",
		"R1(",
		"frame",
		" frame99: R1=1\n",
		"invalid R11 r12 R1(x",
	};
	struct explain e;

	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		assert_int_equal(explain(logs[i], &e), 0);
		assert_non_null(e.message);
		explain_free(&e);
	}
}

static void stats(void **state)
{
	struct explain_stats s;

	explain_stats(
		"verification time 34 usec\nstack depth 8+16\n"
		"processed 7 insns (limit 1000000) max_states_per_insn 1 total_states 2 peak_states 3 mark_read 4\n",
		&s);
	assert_int_equal(s.processed, 7);
	assert_int_equal(s.total_states, 2);
	assert_int_equal(s.peak_states, 3);
	assert_int_equal(s.usec, 34);
	assert_string_equal(s.stack, "8+16");
	explain_stats("", &s);
	assert_int_equal(s.processed, -1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_case), cmocka_unit_test(nonsense),
					   cmocka_unit_test(stats)};

	file = argv[1];
	return argc == 2 ? cmocka_run_group_tests(tests, NULL, NULL) : 2;
}
