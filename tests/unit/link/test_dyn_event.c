/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of kprobe_events and uprobe_events: which are taken, what they mean, and what is in the way. */
#include <stdio.h>
#include "link/dyn_event.h"
#include "link_test.h"

static const struct {
	const char *line;
	bool uprobe;
	int want;
	const char *shown; /* NULL: as it was written */
} cases[] = {
	{"p:a/b f", false, 0, "p:a/b f\n"},
	{"r:b f", false, 0, "r:kprobes/b f\n"},
	{"r16:b f", false, 0, "r:kprobes/b f\n"},
	{"p f", false, 0, "p:kprobes/p_f_0 f\n"},
	{"p:b f+4", false, 0, "p:kprobes/b f\n"},
	{"p:b 0xffffffff81200020", false, 0, "p:kprobes/b 0xffffffff81200020\n"},
	{"  p:b   f  ", false, 0, "p:kprobes/b f\n"},
	{"# a comment", false, 0, ""},
	{"", false, 0, ""},
	{"q:b f", false, -EINVAL, ""},
	{"p:b", false, -EINVAL, ""},
	{"px:b f", false, -EINVAL, ""},
	{"p:1b f", false, -EINVAL, ""},
	{"p:a/ f", false, -EINVAL, ""},
	{"p:a/../b f", false, -EINVAL, ""},
	{"p:b f arg=%ax", false, -EINVAL, ""},
	{"p:b f+x", false, -EINVAL, ""},
	{"-:b", false, -ENOENT, ""},
	{"-:b f", false, -EINVAL, ""},
	{"-", false, -EINVAL, ""},
	{"p:b /proc/self/exe:0x10", true, 0, "p:uprobes/b /proc/self/exe:0x0000000000000010\n"},
	{"r /proc/self/exe:16(0x20)", true, 0,
	 "r:uprobes/r_exe_0x10 /proc/self/exe:0x0000000000000010(0x20)\n"},
	{"p:b /proc/self/exe", true, -EINVAL, ""},
	{"p:b self:16", true, -EINVAL, ""},
	{"p:b /no/such/file:16", true, -ENOENT, ""},
	{"p:b /proc:16", true, -EINVAL, ""},
	{"p:b /proc/self/exe:16(", true, -EINVAL, ""},
	{"p:b /proc/self/exe:16(1)x", true, -EINVAL, ""},
};

static char *content(struct dyn_events *d, bool uprobe)
{
	static char text[4096];
	FILE *f = fmemopen(text, sizeof(text), "w");

	assert_non_null(f);
	memset(text, 0, sizeof(text));
	dyn_events_print(d, uprobe, f);
	fclose(f);
	return text;
}

static void test_lines(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dyn_events *d = dyn_events_new(100);
		int got = dyn_events_write(d, cases[i].uprobe, cases[i].line);

		if (got != cases[i].want)
			print_error("'%s': want %d, got %d\n", cases[i].line, cases[i].want, got);
		assert_int_equal(got, cases[i].want);
		assert_string_equal(content(d, cases[i].uprobe), cases[i].shown);
		assert_string_equal(content(d, !cases[i].uprobe), "");
		dyn_events_free(d);
	}
}

static void test_list(void **state)
{
	struct dyn_events *d = dyn_events_new(100);
	struct dyn_event *ev;

	assert_int_equal(dyn_events_write(d, false, "p:a f\np:b g\n\nr:c h"), 0);
	assert_string_equal(content(d, false), "p:kprobes/a f\np:kprobes/b g\nr:kprobes/c h\n");
	assert_int_equal(dyn_events_write(d, false, "p:d i\np:a f\np:e j"), -EEXIST);
	assert_int_equal(dyn_events_write(d, true, "-:kprobes/a"), -ENOENT); /* the other file's */
	assert_null(dyn_event_get(d, 99));
	ev = dyn_event_get(d, 101);
	assert_string_equal(ev->name, "b");
	assert_int_equal(dyn_events_write(d, false, "-:b"), -EBUSY);
	assert_int_equal(dyn_events_clear(d, false), -EBUSY);
	assert_string_equal(content(d, false), "p:kprobes/b g\n");
	dyn_event_put(d, ev);
	assert_int_equal(dyn_events_clear(d, false), 0);
	assert_string_equal(content(d, false), "");
	assert_int_equal(dyn_events_write(d, false, "p:b g"), 0);
	assert_null(dyn_event_get(d, 101)); /* a number is used once */
	dyn_events_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
