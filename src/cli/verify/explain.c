/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verify/explain.h"

#define FRAMES	 16
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *topic, *pattern, *advice;
} table[] = {
#define ADVICE(topic, pattern, advice) {#topic, pattern, advice},
#include "cli/verify/advice.def"
#undef ADVICE
};

/* A piece of the log. */
struct span {
	const char *at;
	size_t len;
};

/* What is known while reading, a line at a time. */
struct reader {
	struct span reg[FRAMES][EXPLAIN_REGS];
	unsigned int frame;
	int insn;			 /* the last one printed */
	struct span text, source, after; /* @after: the state the instruction left, not yet taken */
	char *message;
	size_t message_len;
};

/* --- lines and tokens --- */

static bool starts(struct span s, const char *with)
{
	size_t n = strlen(with);

	return s.len >= n && !memcmp(s.at, with, n);
}

static struct span skip(struct span s, size_t n)
{
	return (struct span){s.at + n, s.len - n};
}

static struct span trim(struct span s)
{
	while (s.len && isspace((unsigned char)*s.at))
		s = skip(s, 1);
	while (s.len && isspace((unsigned char)s.at[s.len - 1]))
		s.len--;
	return s;
}

static bool next_line(const char **log, struct span *line)
{
	const char *end;

	if (!**log)
		return false;
	end = strchrnul(*log, '\n');
	*line = (struct span){*log, end - *log};
	*log = *end ? end + 1 : end;
	return true;
}

/* "R1_w=pkt(off=0,r=0,imm=0)": blanks within parentheses do not end a token. */
static bool next_token(struct span *rest, struct span *token)
{
	size_t n = 0;
	int depth = 0;

	*rest = trim(*rest);
	for (; n < rest->len && (depth > 0 || rest->at[n] != ' '); n++)
		depth += (rest->at[n] == '(') - (rest->at[n] == ')');
	*token = (struct span){rest->at, n};
	*rest = skip(*rest, n);
	return n > 0;
}

static int number(struct span s, size_t *len)
{
	int n = 0;

	for (*len = 0; *len < s.len && *len < 9 && isdigit((unsigned char)s.at[*len]); ++*len)
		n = n * 10 + s.at[*len] - '0';
	return n;
}

/* --- states --- */

static bool is_state(struct span s)
{
	s = trim(s);
	return (starts(s, "R") && s.len > 1 && isdigit((unsigned char)s.at[1]) &&
		memchr(s.at, '=', s.len)) ||
	       starts(s, "frame") || starts(s, "fp-") || starts(s, "refs=");
}

static void take_state(struct reader *r, struct span s, bool whole)
{
	struct span token;
	size_t len;

	s = trim(s);
	r->frame = 0;
	if (starts(s, "frame")) {
		r->frame = number(skip(s, 5), &len) % FRAMES;
		s = skip(s, 5 + len);
		if (starts(s, ":"))
			s = skip(s, 1);
	}
	if (whole)
		memset(r->reg[r->frame], 0, sizeof(r->reg[0]));
	while (next_token(&s, &token)) {
		const char *eq = memchr(token.at, '=', token.len);
		int n;

		if (!eq || token.at[0] != 'R')
			continue;
		n = number(skip(token, 1), &len);
		if (len && n < EXPLAIN_REGS)
			r->reg[r->frame][n] = skip(token, eq + 1 - token.at);
	}
}

static void call_clobbers(struct reader *r)
{
	const char *call = r->text.len ? memmem(r->text.at, r->text.len, "call ", 5) : NULL;

	if (call && !starts((struct span){call + 5, r->text.at + r->text.len - call - 5}, "pc+"))
		memset(&r->reg[r->frame][1], 0, 5 * sizeof(struct span));
}

static void instruction(struct reader *r, int insn, struct span rest)
{
	const char *semi = memchr(rest.at, ';', rest.len);

	call_clobbers(r);
	if (r->after.len)
		take_state(r, r->after, false);
	r->after = (struct span){0};
	r->insn = insn;
	r->text = trim(rest);
	if (semi && is_state((struct span){semi + 1, rest.at + rest.len - semi - 1})) {
		r->text = trim((struct span){rest.at, semi - rest.at});
		r->after = (struct span){semi + 1, rest.at + rest.len - semi - 1};
	}
	r->message_len = 0;
}

/* --- lines --- */

static const char *const noise[] = {"func#",
				    "Func#",
				    "Validating ",
				    "processed ",
				    "verification time",
				    "stack depth",
				    "caller:",
				    "callee:",
				    "returning from callee:",
				    "to caller at "};

static bool is_noise(struct span line)
{
	for (size_t i = 0; i < COUNT(noise); i++)
		if (starts(line, noise[i]))
			return true;
	return !trim(line).len || (line.len > 6 && !memcmp(line.at + line.len - 6, ": safe", 6));
}

static int say(struct reader *r, struct span line)
{
	char *m = realloc(r->message, r->message_len + line.len + 2);

	if (!m)
		return -ENOMEM;
	r->message = m;
	if (r->message_len)
		m[r->message_len++] = '\n';
	memcpy(m + r->message_len, line.at, line.len);
	r->message_len += line.len;
	return 0;
}

/* "from 3 to 7: R0=..." or "7: R0=..." or "7: (61) ..." or " R0=...". Was it one of these? */
static bool take_numbered(struct reader *r, struct span line)
{
	const char *colon = memchr(line.at, ':', line.len);
	struct span rest;
	size_t len;
	int n;

	if (starts(line, "from ") && colon) {
		take_state(r, skip(line, colon + 1 - line.at), true);
		r->after = r->text = (struct span){0};
		return true;
	}
	if (starts(line, " ") && is_state(line)) {
		take_state(r, line, true);
		r->after = r->text = (struct span){0};
		return true;
	}
	n = number(line, &len);
	rest = skip(line, len);
	if (!len || !starts(rest, ":"))
		return false;
	rest = trim(skip(rest, 1));
	if (starts(rest, "(") ||
	    starts(rest,
		   "<")) /* "7: <invalid CO-RE relocation>": libbpf's words for an instruction it made invalid */
		instruction(r, n, rest);
	else if (is_state(rest))
		take_state(r, rest, false);
	else
		return false;
	return true;
}

static int take_line(struct reader *r, struct span line)
{
	if (starts(line, "; ")) {
		r->source = trim(skip(line, 2));
		return 0;
	}
	if (take_numbered(r, line) || is_noise(line))
		return 0;
	return say(r, trim(line));
}

/* --- what matters --- */

/* Marks rN and wN (@letter '\0') or RN ('R') of @text. */
static void mark_regs(const char *text, bool upper, bool used[EXPLAIN_REGS])
{
	for (const char *p = text; *p; p++) {
		bool letter = upper ? *p == 'R' : *p == 'r' || *p == 'w';
		size_t len;
		int n;

		if (!letter || !isdigit((unsigned char)p[1]) ||
		    (p > text && isalnum((unsigned char)p[-1])))
			continue;
		n = number((struct span){p + 1, strlen(p + 1)}, &len);
		if (n < EXPLAIN_REGS)
			used[n] = true;
	}
}

/* What an instruction reads: not the register it only sets, "(61) r6 = ...". */
static const char *operands(const char *text)
{
	const char *set = strstr(text, ") "), *eq = strstr(text, " = ");

	if (set && eq && (set[2] == 'r' || set[2] == 'w') && set + 2 + strcspn(set + 2, " ") == eq)
		return eq + 3;
	return text;
}

static char *copy(struct span s)
{
	return s.len ? strndup(s.at, s.len) : NULL;
}

/* A message that shows the register itself, "R1(id=0,off=20,r=14)", knows more than the last
 * printed state: a check may have changed it since. */
static char *reg_text(const struct explain *e, int n, struct span state)
{
	char name[8], *text;
	const char *own, *end;

	snprintf(name, sizeof(name), "R%d(", n);
	own = strstr(e->message, name);
	end = own ? strchr(own, ')') : NULL;
	if (!state.len)
		return strdup("not initialised");
	if (!end || !memchr(state.at, '(', state.len))
		return copy(state);
	own = strchr(own, '(');
	return asprintf(&text, "%.*s%.*s",
			(int)((char *)memchr(state.at, '(', state.len) - state.at), state.at,
			(int)(end + 1 - own), own) < 0
		       ? NULL
		       : text;
}

static int take_regs(const struct reader *r, struct explain *e)
{
	bool used[EXPLAIN_REGS] = {false}, named[EXPLAIN_REGS] = {false};

	mark_regs(e->message, true, named);
	if (e->text)
		mark_regs(operands(e->text), false, used);
	if (e->text && strstr(e->text, "exit"))
		used[0] = true;
	for (int i = 1; e->text && strstr(e->text, ") call ") && i <= 5; i++)
		used[i] = true;
	for (int i = 0; i < EXPLAIN_REGS; i++) {
		struct span s = r->reg[r->frame][i];

		if (!named[i] && !(used[i] && s.len))
			continue;
		e->reg[i] = reg_text(e, i, s);
		if (!e->reg[i])
			return -ENOMEM;
	}
	return 0;
}

/* A message about another instruction than the last one printed: "unreachable insn 5". */
static void find_insn(struct explain *e)
{
	static const char *const words[] = {"unreachable insn ", "detected at insn ",
					    "back-edge from insn ", "jump out of range from insn "};

	for (size_t i = 0; i < COUNT(words); i++) {
		const char *at = strstr(e->message, words[i]);

		if (at)
			e->insn = atoi(at + strlen(words[i]));
	}
}

static bool match_line(struct span line, const char *pattern)
{
	while (*pattern) {
		const char *star = strchrnul(pattern, '*');
		size_t n = star - pattern;
		const char *at = n ? memmem(line.at, line.len, pattern, n) : line.at;

		if (!at)
			return false;
		line = skip(line, at + n - line.at);
		pattern = *star ? star + 1 : star;
	}
	return true;
}

static bool match(const char *text, const char *pattern)
{
	struct span line;

	while (next_line(&text, &line))
		if (match_line(line, pattern))
			return true;
	return false;
}

static void find_advice(struct explain *e)
{
	for (size_t i = 0; i < COUNT(table) && !e->advice; i++)
		if (match(e->message, table[i].pattern)) {
			e->row = i;
			e->topic = table[i].topic;
			e->advice = table[i].advice;
		}
}

const char *explain_topic(unsigned int i)
{
	return i < COUNT(table) ? table[i].topic : NULL;
}

/* The last line that starts with @word, and what follows it. */
static const char *last_line(const char *log, const char *word)
{
	const char *found = NULL;
	struct span line;

	while (next_line(&log, &line))
		if (starts(line, word))
			found = line.at + strlen(word);
	return found;
}

void explain_stats(const char *log, struct explain_stats *s)
{
	const char *at;

	*s = (struct explain_stats){
		.processed = -1, .total_states = -1, .peak_states = -1, .usec = -1};
	at = last_line(log, "processed ");
	if (at)
		sscanf(at,
		       "%ld insns (limit %*d) max_states_per_insn %*d total_states %ld peak_states %ld",
		       &s->processed, &s->total_states, &s->peak_states);
	at = last_line(log, "verification time ");
	if (at)
		s->usec = atol(at);
	at = last_line(log, "stack depth ");
	if (at)
		snprintf(s->stack, sizeof(s->stack), "%.*s", (int)strcspn(at, "\n "), at);
}

static int finish(struct reader *r, struct explain *e)
{
	e->insn = r->text.len ? r->insn : -1;
	e->text = copy(r->text);
	e->source = copy(r->source);
	e->message = strndup(r->message ?: "", r->message_len);
	if (!e->message || (r->text.len && !e->text) || (r->source.len && !e->source))
		return -ENOMEM;
	find_insn(e);
	if (e->text && e->insn != r->insn) {
		free(e->text);
		free(e->source);
		e->text = e->source = NULL;
	}
	find_advice(e);
	return take_regs(r, e);
}

int explain(const char *log, struct explain *e)
{
	struct reader *r = calloc(1, sizeof(*r));
	const char *at = log;
	struct span line;
	int err = r ? 0 : -ENOMEM;

	*e = (struct explain){.insn = -1, .row = -1};
	while (!err && next_line(&at, &line))
		err = take_line(r, line);
	if (!err)
		err = finish(r, e);
	explain_stats(log, &e->stats);
	if (r)
		free(r->message);
	free(r);
	if (err)
		explain_free(e);
	return err;
}

void explain_free(struct explain *e)
{
	for (int i = 0; i < EXPLAIN_REGS; i++)
		free(e->reg[i]);
	free(e->text);
	free(e->source);
	free(e->message);
	*e = (struct explain){.insn = -1, .row = -1};
}
