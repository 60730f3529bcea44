/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "link/dyn_event.h"

#define EVENTS_MAX 4096u
#define LINE_MAX   4400u

struct dyn_events {
	pthread_mutex_t lock;
	struct list list;
	u32 next_id, nr;
	const struct dyn_event_ops *ops;
	void *arg;
};

struct dyn_events *dyn_events_new(u32 first_id)
{
	struct dyn_events *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	list_init(&d->list);
	d->next_id = first_id;
	return d;
}

static void event_free(struct dyn_event *ev)
{
	if (ev->file >= 0)
		close(ev->file);
	free(ev);
}

void dyn_events_free(struct dyn_events *d)
{
	struct dyn_event *ev, *next;

	if (!d)
		return;
	list_for_each_safe(ev, next, &d->list, node)
		event_free(ev);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void dyn_events_set_ops(struct dyn_events *d, const struct dyn_event_ops *ops, void *arg)
{
	d->ops = ops;
	d->arg = arg;
}

/* --- reading a line --- */

static bool is_identifier(const char *s)
{
	if (!*s || (*s >= '0' && *s <= '9') || strlen(s) >= sizeof_field(struct dyn_event, name))
		return false;
	for (; *s; s++)
		if (!(*s == '_' || (*s >= '0' && *s <= '9') ||
		      ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z')))
			return false;
	return true;
}

static int parse_number(const char *s, u64 *n)
{
	char *end;

	errno = 0;
	*n = strtoull(s, &end, 0);
	return errno || end == s || *end ? -EINVAL : 0;
}

/* [GROUP/]EVENT */
static int parse_name(struct dyn_event *ev, char *s)
{
	char *slash = s + strcspn(s, "/."), *name = *slash ? slash + 1 : s;

	if (*slash)
		*slash = 0;
	strcpy(ev->group, ev->uprobe ? "uprobes" : "kprobes");
	if (name != s && !is_identifier(s))
		return -EINVAL;
	if (!is_identifier(name))
		return -EINVAL;
	if (name != s)
		strcpy(ev->group, s);
	strcpy(ev->name, name);
	return 0;
}

static int parse_user_place(struct dyn_event *ev, char *s)
{
	char *colon = strrchr(s, ':'), *paren, *end;
	struct stat st;

	if (*s != '/' || !colon || strlen(s) >= sizeof(ev->place))
		return -EINVAL;
	*colon++ = 0;
	paren = strchr(colon, '(');
	if (paren) {
		*paren++ = 0;
		end = strchr(paren, ')');
		if (!end || end[1])
			return -EINVAL;
		*end = 0;
		if (parse_number(paren, &ev->ref_ctr_offset))
			return -EINVAL;
	}
	if (parse_number(colon, &ev->offset))
		return -EINVAL;
	strcpy(ev->place, s);
	ev->file = open(s, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (ev->file < 0 || fstat(ev->file, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

static int parse_function(struct dyn_event *ev, char *s)
{
	char *plus = strchr(s, '+');

	if (*s >= '0' && *s <= '9')
		return parse_number(s, &ev->addr);
	if (plus) {
		*plus++ = 0;
		if (parse_number(plus, &ev->offset))
			return -EINVAL;
	}
	if (!*s || strlen(s) >= sizeof(ev->place))
		return -EINVAL;
	strcpy(ev->place, s);
	return 0;
}

/* Who gives no name gets one that says what it is. */
static void make_name(struct dyn_event *ev)
{
	const char *base = strrchr(ev->place, '/');
	u32 n = 0;

	base = base ? base + 1 : ev->place;
	strcpy(ev->group, ev->uprobe ? "uprobes" : "kprobes");
	n = (u32)snprintf(ev->name, sizeof(ev->name),
			  ev->uprobe ? "%c_%.32s_0x%llx" : "%c_%.32s_%llu", ev->ret ? 'r' : 'p',
			  base, (unsigned long long)ev->offset);
	for (u32 i = 0; i < n && i < sizeof(ev->name) - 1; i++)
		if (!(ev->name[i] == '_' || (ev->name[i] >= '0' && ev->name[i] <= '9') ||
		      ((ev->name[i] | 0x20) >= 'a' && (ev->name[i] | 0x20) <= 'z')))
			ev->name[i] = '_';
}

/* @line is taken apart; *del: it was one to delete. */
static int parse_line(struct dyn_event *ev, char *line, bool *del)
{
	char *save = NULL, *what = strtok_r(line, " \t", &save),
	     *place = strtok_r(NULL, " \t", &save);
	char *colon = what ? strchr(what, ':') : NULL;
	int err;

	*del = what && *what == '-';
	if (!what || !strchr("pr-", *what) || (*del && (!colon || place)))
		return -EINVAL;
	ev->ret = *what == 'r';
	/* r with a number before the colon: how many at once, which has no limit here */
	if (!colon ? what[1 + strspn(what + 1, "0123456789")]
		   : what + 1 + strspn(what + 1, "0123456789") != colon)
		return -EINVAL;
	err = colon ? parse_name(ev, colon + 1) : 0;
	if (err || *del)
		return err;
	if (!place || strtok_r(NULL, " \t", &save))
		return -EINVAL; /* fetch arguments are not known */
	err = ev->uprobe ? parse_user_place(ev, place) : parse_function(ev, place);
	if (!err && !colon)
		make_name(ev);
	return err;
}

/* --- the list --- */

static struct dyn_event *find(struct dyn_events *d, const struct dyn_event *like)
{
	struct dyn_event *ev;

	list_for_each(ev, &d->list, node)
		if (!strcmp(ev->name, like->name) && !strcmp(ev->group, like->group))
			return ev;
	return NULL;
}

static int drop(struct dyn_events *d, struct dyn_event *ev)
{
	if (ev->users)
		return -EBUSY;
	list_del(&ev->node);
	d->nr--;
	if (d->ops)
		d->ops->removed(d->arg, ev);
	event_free(ev);
	return 0;
}

static int add(struct dyn_events *d, struct dyn_event *ev)
{
	int err;

	if (find(d, ev))
		return -EEXIST;
	if (d->nr >= EVENTS_MAX)
		return -ENOSPC;
	ev->id = d->next_id++;
	err = d->ops ? d->ops->added(d->arg, ev) : 0;
	if (err)
		return err;
	list_add_tail(&d->list, &ev->node);
	d->nr++;
	return 0;
}

static int do_line(struct dyn_events *d, bool uprobe, char *line)
{
	struct dyn_event *ev = calloc(1, sizeof(*ev)), *old;
	bool del, kept = false;
	int err;

	if (!ev)
		return -ENOMEM;
	ev->uprobe = uprobe;
	ev->file = -1;
	err = parse_line(ev, line, &del);
	if (!err && del) {
		old = find(d, ev);
		err = old && old->uprobe == uprobe ? drop(d, old) : -ENOENT;
	} else if (!err) {
		err = add(d, ev);
		kept = !err;
	}
	if (!kept)
		event_free(ev);
	return err;
}

static void changed(struct dyn_events *d)
{
	pthread_mutex_unlock(&d->lock);
	if (d->ops)
		d->ops->changed(d->arg);
}

int dyn_events_write(struct dyn_events *d, bool uprobe, const char *text)
{
	char line[LINE_MAX];
	int err = 0;

	pthread_mutex_lock(&d->lock);
	while (!err && *text) {
		size_t len = strcspn(text, "\n"), from = strspn(text, " \t");

		if (len >= sizeof(line)) {
			err = -EINVAL;
			break;
		}
		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		if (from < len && text[from] != '#')
			err = do_line(d, uprobe, line);
		text += len + (text[len] == '\n');
	}
	changed(d);
	return err;
}

int dyn_events_clear(struct dyn_events *d, bool uprobe)
{
	struct dyn_event *ev, *next;
	int err = 0;

	pthread_mutex_lock(&d->lock);
	list_for_each_safe(ev, next, &d->list, node)
		if (ev->uprobe == uprobe && drop(d, ev))
			err = -EBUSY;
	changed(d);
	return err;
}

void dyn_events_print(struct dyn_events *d, bool uprobe, FILE *f)
{
	struct dyn_event *ev;

	pthread_mutex_lock(&d->lock);
	list_for_each(ev, &d->list, node) {
		if (ev->uprobe != uprobe)
			continue;
		fprintf(f, "%c:%s/%s ", ev->ret ? 'r' : 'p', ev->group, ev->name);
		if (!uprobe && !*ev->place)
			fprintf(f, "0x%llx", (unsigned long long)ev->addr);
		else if (!uprobe)
			fprintf(f, "%s", ev->place);
		else
			fprintf(f, "%s:0x%016llx", ev->place, (unsigned long long)ev->offset);
		if (ev->ref_ctr_offset)
			fprintf(f, "(0x%llx)", (unsigned long long)ev->ref_ctr_offset);
		fputc('\n', f);
	}
	pthread_mutex_unlock(&d->lock);
}

struct dyn_event *dyn_event_get(struct dyn_events *d, u64 id)
{
	struct dyn_event *ev, *got = NULL;

	pthread_mutex_lock(&d->lock);
	list_for_each(ev, &d->list, node)
		if (ev->id == id)
			got = ev;
	if (got)
		got->users++;
	pthread_mutex_unlock(&d->lock);
	return got;
}

void dyn_event_put(struct dyn_events *d, struct dyn_event *ev)
{
	if (!ev)
		return;
	pthread_mutex_lock(&d->lock);
	ev->users--;
	pthread_mutex_unlock(&d->lock);
}
