/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_btf.c - any bytes as BTF: parsed or refused, and what is parsed can be walked, matched
 * and shown within bounds. */
#include "btf/btf.h"

static int count(void *out, const char *s, size_t n)
{
	*(u64 *)out += n;
	return 0;
}

static void use(const struct btf *btf)
{
	static const u8 obj[4096];
	u32 id, n = min(btf_nr_types(btf), 64u);
	u64 len = 0;

	for (id = 1; id < n; id++) {
		const struct btf_type *t = btf_type_by_id(btf, id);
		u32 next, flags, size, at = id;

		btf_type_id_size(btf, &at, &size);
		btf_struct_walk(NULL, btf, t, id % 16, 1 << id % 4, &next, &flags);
		btf_struct_ids_match(NULL, btf, id, id % 16, btf, id / 2, false);
		btf_find_by_name_kind(btf, btf_type_name(btf, id), btf_type_kind(t));
		if (!IS_ERR(btf_resolve_size(btf, t, &size)) && size <= sizeof(obj))
			btf_show(btf, id, obj, id % 16, count, &len);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct log log;
	struct btf *btf;

	log_init(&log, LOG_LEVEL1, 4096);
	btf = btf_parse(data, size, &log);
	log_free(&log);
	if (IS_ERR(btf))
		btf = btf_parse(data, size, NULL);
	if (!IS_ERR(btf)) {
		use(btf);
		btf_put(btf);
	}
	btf = btf_parse_vmlinux(data, size);
	if (!IS_ERR(btf)) {
		use(btf);
		btf_put(btf);
	}
	return 0;
}
