// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "flame.h"

#define WIDTH	1200.0
#define MARGIN	10.0
#define ROW	17.0
#define HEAD	40.0
#define CHAR	6.6 /* of the font, about */
#define MIN_PIX 0.2 /* narrower is not drawn */

struct flame {
	struct flame *next, *called;
	unsigned long long count;
	char *name;
};

struct flame *flame_new(void)
{
	return calloc(1, sizeof(struct flame));
}

void flame_free(struct flame *f)
{
	while (f) {
		struct flame *next = f->next;

		flame_free(f->called);
		free(f->name);
		free(f);
		f = next;
	}
}

/* By name, so that neighbours that are the same are one. */
struct flame *flame_add(struct flame *caller, const char *name, unsigned long long n)
{
	struct flame **at = &caller->called, *f;

	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	f = *at;
	if (!f || strcmp(f->name, name)) {
		f = calloc(1, sizeof(*f));
		if (!f)
			return NULL;
		f->name = strdup(name);
		if (!f->name) {
			free(f);
			return NULL;
		}
		f->next = *at;
		*at = f;
	}
	f->count += n;
	return f;
}

void flame_count(struct flame *root, unsigned long long n)
{
	root->count += n;
}

/* --- drawing --- */

struct drawing {
	FILE *out;
	unsigned long long all;
	unsigned int depth;
};

static unsigned int depth_of(const struct flame *f)
{
	unsigned int most = 0;

	for (; f; f = f->next) {
		unsigned int d = 1 + depth_of(f->called);

		most = d > most ? d : most;
	}
	return most;
}

/* At most @n characters of it; 0: all. */
static void put_text(FILE *out, const char *text, size_t n)
{
	for (size_t i = 0; text[i] && (!n || i < n); i++) {
		switch (text[i]) {
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '&': fputs("&amp;", out); break;
		case '"': fputs("&quot;", out); break;
		default: fputc((unsigned char)text[i] < ' ' ? '?' : text[i], out);
		}
	}
}

/* Warm, and always the same for the same name. */
static unsigned int colour_of(const char *name)
{
	unsigned int h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	h ^= h >> 15;
	return (205 + h % 50) << 16 | (80 + (h >> 8) % 140) << 8 | (h >> 16) % 60;
}

static void draw(const struct drawing *d, const struct flame *f, double x, unsigned int level)
{
	double wide = (WIDTH - 2 * MARGIN) * f->count / d->all, y = HEAD + ROW * (d->depth - level);
	const char *name = f->name ?: "all";
	size_t room = wide / CHAR;

	if (wide < MIN_PIX)
		return;
	fputs("<g><title>", d->out);
	put_text(d->out, name, 0);
	fprintf(d->out, " (%llu samples, %.2f%%)</title>", f->count, 100.0 * f->count / d->all);
	fprintf(d->out,
		"<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" rx=\"2\" "
		"fill=\"#%06x\"/>",
		x, y, wide, ROW - 1, colour_of(name));
	if (room > 2) {
		fprintf(d->out, "<text x=\"%.2f\" y=\"%.1f\">", x + 3, y + ROW - 5);
		put_text(d->out, name, strlen(name) > room ? room - 2 : 0);
		fputs(strlen(name) > room ? "..</text>" : "</text>", d->out);
	}
	fputs("</g>\n", d->out);
	for (const struct flame *c = f->called; c; c = c->next) {
		draw(d, c, x, level + 1);
		x += (WIDTH - 2 * MARGIN) * c->count / d->all;
	}
}

void flame_write(const struct flame *root, const char *title, FILE *out)
{
	struct drawing d = {out, root->count ?: 1, depth_of(root) - 1};
	double high = HEAD + ROW * (d.depth + 1) + MARGIN;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		"viewBox=\"0 0 %.0f %.0f\" font-family=\"monospace\" font-size=\"11\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fdf8ec\"/>\n"
		"<text x=\"%.0f\" y=\"24\" font-size=\"16\" text-anchor=\"middle\">",
		WIDTH, high, WIDTH, high, WIDTH / 2);
	put_text(out, title, 0);
	fputs("</text>\n", out);
	draw(&d, root, MARGIN, 0);
	fputs("</svg>\n", out);
}
