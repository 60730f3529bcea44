/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random functions of libc and libcrypto with probes at their entry, at an instruction in the middle and at
 * their return, all at once, while threads work: results are the same as without, and the code is
 * afterwards. Another round comes and goes while threads work.
 *   usage: test_agent_random [SEED [FUNCTIONS [ROUNDS]]]
 */
#include "agent_test.h"
#include <elf.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <pthread.h>
#include <regex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

static u32 seed = 1, nr_functions = 200, rounds = 3;

static u64 rnd(void)
{
	static u64 x;

	if (!x)
		x = seed * 0x9e3779b97f4a7c15ull;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* --- work: the same every time --- */

static void work_crypto(EVP_MD_CTX *sum)
{
	static const char *const digests[] = {"SHA256", "SHA512",   "SHA1",
					      "MD5",	"SHA3-256", "BLAKE2b512"};
	static const char *const ciphers[] = {"AES-128-CBC", "AES-256-GCM", "ChaCha20-Poly1305",
					      "CAMELLIA-128-CBC"};
	u8 in[3000], out[4096], key[64] = {1, 2, 3}, md[64];
	unsigned int len;
	int n, m;

	for (u32 i = 0; i < sizeof(in); i++)
		in[i] = (u8)(i * 7);
	for (u32 i = 0; i < ARRAY_SIZE(digests); i++) {
		EVP_MD *d = EVP_MD_fetch(NULL, digests[i], NULL);

		for (u32 j = 1; j < sizeof(in); j += 611) {
			EVP_Digest(in, j, md, &len, d, NULL);
			EVP_DigestUpdate(sum, md, len);
		}
		EVP_MD_free(d);
	}
	for (u32 i = 0; i < ARRAY_SIZE(ciphers); i++) {
		EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, ciphers[i], NULL);
		EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

		EVP_EncryptInit_ex(ctx, c, NULL, key, key + 16);
		EVP_EncryptUpdate(ctx, out, &n, in, sizeof(in));
		EVP_EncryptFinal_ex(ctx, out + n, &m);
		EVP_DigestUpdate(sum, out, (size_t)n + (size_t)m);
		EVP_CIPHER_CTX_free(ctx);
		EVP_CIPHER_free(c);
	}
	PKCS5_PBKDF2_HMAC("word", 4, key, 8, 20, EVP_sha256(), 32, out);
	EVP_DigestUpdate(sum, out, 32);
	HMAC(EVP_sha1(), key, 20, in, 100, md, &len);
	EVP_DigestUpdate(sum, md, len);
}

static void work_numbers(EVP_MD_CTX *sum)
{
	BIGNUM *a = NULL, *b = NULL, *m = NULL, *r = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	u8 key[32] = {9}, pub[32], out[512];
	size_t len = sizeof(pub);
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, key, 32);
	char *hex;

	BN_hex2bn(&a, "123456789abcdef0123456789abcdef0123456789abcdef");
	BN_hex2bn(&b, "fedcba9876543210fedcba9876543210fedcba98765432100000001");
	BN_hex2bn(&m, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	BN_mod_exp(r, a, b, m, ctx);
	hex = BN_bn2hex(r);
	EVP_DigestUpdate(sum, hex, strlen(hex));
	OPENSSL_free(hex);
	EVP_PKEY_get_raw_public_key(pkey, pub, &len);
	EVP_DigestUpdate(sum, pub, len);
	len = (size_t)EVP_EncodeBlock(out, pub, 32);
	EVP_DigestUpdate(sum, out, len);
	EVP_PKEY_free(pkey);
	BN_free(a), BN_free(b), BN_free(m), BN_free(r);
	BN_CTX_free(ctx);
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void work_libc(EVP_MD_CTX *sum)
{
	struct tm tm = {.tm_year = 99, .tm_mon = 3, .tm_mday = 5};
	char text[1024], *copy, *word, *save;
	int numbers[200], n = 0;
	regmatch_t match[3];
	regex_t re;
	double d;
	void *p[64];

	for (u32 i = 0; i < ARRAY_SIZE(numbers); i++)
		numbers[i] = (int)((i * 7919) % 1009);
	qsort(numbers, ARRAY_SIZE(numbers), sizeof(int), by_value);
	EVP_DigestUpdate(sum, numbers, sizeof(numbers));
	for (u32 i = 0; i < 30; i++) {
		n = snprintf(text, sizeof(text), "%d %-5s|%08x|%.10g|%Lf|%c %lld", (int)i, "ab",
			     i * 77, i / 7.0, (long double)i / 3, 'x', 1ll << i);
		EVP_DigestUpdate(sum, text, (size_t)n);
		d = strtod(strchr(text, '.') ? strchr(text, '.') - 1 : text, NULL);
		EVP_DigestUpdate(sum, &d, sizeof(d));
		sscanf(text, "%d", &n);
		EVP_DigestUpdate(sum, &n, sizeof(n));
	}
	copy = strdup("the quick brown fox jumps over the lazy dog");
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		EVP_DigestUpdate(sum, word, strlen(word));
	free(copy);
	regcomp(&re, "([a-z]+)[0-9]*(x|y)", REG_EXTENDED);
	regexec(&re, "123 hello42y", 3, match, 0);
	EVP_DigestUpdate(sum, match, sizeof(match));
	regfree(&re);
	for (u32 i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = malloc(i * i * 37 + 1);
		memset(p[i], (int)i, i * i * 37 + 1);
	}
	for (u32 i = 0; i < ARRAY_SIZE(p); i += 2)
		p[i] = realloc(p[i], i * 100 + 1);
	for (u32 i = 0; i < ARRAY_SIZE(p); i++) {
		EVP_DigestUpdate(sum, p[i], 1);
		free(p[i]);
	}
	strftime(text, sizeof(text), "%c %A %j", &tm);
	EVP_DigestUpdate(sum, text, strlen(text));
	EVP_DigestUpdate(sum, text, strspn(text, "abcMonTue"));
}

static void work(u8 *result)
{
	EVP_MD_CTX *sum = EVP_MD_CTX_new();
	unsigned int len;

	EVP_DigestInit_ex(sum, EVP_sha256(), NULL);
	work_crypto(sum);
	work_numbers(sum);
	work_libc(sum);
	EVP_DigestFinal_ex(sum, result, &len);
	EVP_MD_CTX_free(sum);
}

static u8 expected[32];
static bool stop, wrong;
static u64 done;

static void *worker(void *arg)
{
	u8 got[32];

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		work(got);
		if (memcmp(got, expected, sizeof(got)))
			__atomic_store_n(&wrong, true, __ATOMIC_RELAXED);
		__atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* --- functions --- */

struct fn {
	u64 addr, size;
	const char *name;
};
static struct fn fns[20000];
static u32 nr_fns;

static void list_functions(const char *lib)
{
	struct link_map *map = dlopen(lib, RTLD_NOW | RTLD_NOLOAD);
	const Elf64_Sym *sym = NULL;
	const char *names = NULL;
	struct stat st;
	u8 *file;
	int fd;

	assert_non_null(map);
	fd = open(map->l_name, O_RDONLY);
	fstat(fd, &st);
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	const Elf64_Ehdr *eh = (void *)file;
	const Elf64_Shdr *sh = (void *)(file + eh->e_shoff);

	for (u32 i = 0; i < eh->e_shnum; i++) {
		if (sh[i].sh_type != SHT_DYNSYM)
			continue;
		sym = (void *)(file + sh[i].sh_offset);
		names = (char *)file + sh[sh[i].sh_link].sh_offset;
		for (u32 j = 0; j < sh[i].sh_size / sizeof(*sym) && nr_fns < ARRAY_SIZE(fns); j++)
			if (ELF64_ST_TYPE(sym[j].st_info) == STT_FUNC && sym[j].st_shndx &&
			    sym[j].st_size)
				fns[nr_fns++] = (struct fn){map->l_addr + sym[j].st_value,
							    sym[j].st_size, names + sym[j].st_name};
	}
}

static u64 hits[3];
static void on_hit(void *arg, struct pt_regs *regs)
{
	__atomic_fetch_add((u64 *)arg, 1, __ATOMIC_RELAXED);
}

static struct patch_req reqs[60000];
static struct site_plan plans[60000];
static u32 nr_reqs, refused[600];

static void want(u64 addr, bool ret)
{
	struct patch_req *r = &reqs[nr_reqs];

	for (u32 i = 0; i < nr_reqs; i++)
		if ((u64)reqs[i].addr == addr && reqs[i].hit.ret == ret)
			return;
	if (plan_of((void *)addr, &plans[nr_reqs]) ||
	    (ret && (plans[nr_reqs].flags & SITE_F_NO_RETURN_PROBE)))
		return;
	*r = (struct patch_req){.addr = (void *)addr,
				.plan = &plans[nr_reqs],
				.hit = {on_hit, &hits[ret ? 2 : 0], ret}};
	nr_reqs++;
}

/* An instruction in the middle: found from the beginning, as they come. */
static void want_middle(const struct fn *f)
{
	u64 addr = f->addr;
	struct site_plan plan;
	u32 steps = (u32)(rnd() % 40) + 1;

	for (u32 i = 0; i < steps; i++) {
		if (plan_of((void *)addr, &plan) && !plan.insn.len)
			return;
		if (addr + plan.insn.len >= f->addr + f->size)
			break;
		addr += plan.insn.len;
	}
	want(addr, false);
	if (nr_reqs && (u64)reqs[nr_reqs - 1].addr == addr)
		reqs[nr_reqs - 1].hit.arg = &hits[1];
}

static void choose(u32 nr)
{
	nr_reqs = 0;
	for (u32 i = 0; i < nr; i++) {
		const struct fn *f = &fns[rnd() % nr_fns];

		want(f->addr, false);
		want(f->addr, true);
		want_middle(f);
	}
}

static void attach_all(bool expect)
{
	u32 bad = 0;

	patch_add_many(reqs, nr_reqs);
	for (u32 i = 0; i < nr_reqs; i++) {
		if (!reqs[i].err)
			continue;
		bad++;
		refused[-reqs[i].err]++;
	}
	if (expect)
		assert_true(bad * 20 < nr_reqs);
}

static void detach_all(void)
{
	struct patch_req del[ARRAY_SIZE(reqs)];
	u32 nr = 0;

	for (u32 i = 0; i < nr_reqs; i++)
		if (reqs[i].patch)
			del[nr++] = reqs[i];
	assert_int_equal(patch_del_many(del, nr), 0);
}

static u64 sum_of_text(const char *lib)
{
	struct link_map *map = dlopen(lib, RTLD_NOW | RTLD_NOLOAD);
	struct loaded *l = object_of((u64)dlsym(map, "qsort") ?: (u64)dlsym(map, "BN_new"));
	const u8 *p = (u8 *)l->base + l->text.p_vaddr;
	u64 sum = 0;

	for (u64 i = 0; i < l->text.p_filesz; i++)
		sum = sum * 31 + p[i];
	return sum;
}

static void tell_forms(void)
{
	u32 form[JUMP_MAX + 1] = {};

	for (u32 i = 0; i <= patch_sites->mask; i++) {
		const struct site *s = patch_sites->slot[i];

		if (s && s->patched)
			form[s->now[0] == 0xcc ? 0 : s->patched]++;
	}
	print_message(
		"sites: %u trap, by bytes: 1: %u, 2: %u, 3: %u, 4: %u, 5: %u, 6: %u, 7: %u, 8: %u; %u pages; ",
		form[0], form[1], form[2], form[3], form[4], form[5], form[6], form[7], form[8],
		near_pages());
}

static void test_same_result(void **state)
{
	u8 got[32];

	for (u32 round = 0; round < rounds; round++) {
		u64 libc = sum_of_text("libc.so.6"), crypto = sum_of_text("libcrypto.so.3");

		memset(hits, 0, sizeof(hits));
		memset(refused, 0, sizeof(refused));
		choose(nr_functions);
		attach_all(true);
		tell_forms();
		for (u32 i = 0; i < 3; i++) {
			work(got);
			assert_memory_equal(got, expected, sizeof(got));
		}
		detach_all();
		print_message("%u probes, hits: entry %llu, middle %llu, return %llu; refused:",
			      nr_reqs, hits[0], hits[1], hits[2]);
		for (u32 i = 0; i < ARRAY_SIZE(refused); i++)
			if (refused[i])
				print_message(" %u %s", refused[i], strerror((int)i));
		print_message("\n");
		assert_int_equal(libc, sum_of_text("libc.so.6"));
		assert_int_equal(crypto, sum_of_text("libcrypto.so.3"));
	}
}

/* What is worked with most comes and goes under threads that are in it. */
static void test_busy(void **state)
{
	static const char *const often[] = {"malloc",
					    "free",
					    "memcpy",
					    "strlen",
					    "snprintf",
					    "EVP_DigestUpdate",
					    "EVP_MD_fetch",
					    "BN_mod_exp",
					    "qsort",
					    "realloc",
					    "strtod",
					    "EVP_EncryptUpdate",
					    "pthread_mutex_lock",
					    "pthread_mutex_unlock",
					    "strcmp",
					    "CRYPTO_malloc",
					    "CRYPTO_free"};
	u64 libc = sum_of_text("libc.so.6"), crypto = sum_of_text("libcrypto.so.3");
	pthread_t t[3];
	time_t end = time(NULL) + (rounds > 3 ? (time_t)rounds : 3);
	u32 cycles = 0;

	memset(hits, 0, sizeof(hits));
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		pthread_create(&t[i], NULL, worker, NULL);
	while (time(NULL) < end) {
		choose(cycles % 4 ? 5 : 40);
		for (u32 i = 0; i < ARRAY_SIZE(often); i++) {
			u64 addr = (u64)dlsym(RTLD_DEFAULT, often[i]);
			struct fn f = {addr, 200, often[i]};

			want(addr, false);
			want(addr, true);
			want_middle(&f);
		}
		attach_all(false);
		usleep(5000);
		detach_all();
		cycles++;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	print_message(
		"%u cycles, %llu times worked, hits: entry %llu, middle %llu, return %llu, missed %llu\n",
		cycles, done, hits[0], hits[1], hits[2], patch_missed());
	assert_false(wrong);
	assert_true(cycles > 3 && hits[0] && hits[1] && hits[2]);
	assert_int_equal(libc, sum_of_text("libc.so.6"));
	assert_int_equal(crypto, sum_of_text("libcrypto.so.3"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_result),
		cmocka_unit_test(test_busy),
	};

	if (argc > 1)
		seed = (u32)atoi(argv[1]);
	if (argc > 2)
		nr_functions = (u32)atoi(argv[2]);
	if (argc > 3)
		rounds = (u32)atoi(argv[3]);
	patch_init();
	catch_traps();
	list_functions("libc.so.6");
	list_functions("libcrypto.so.3");
	work(expected); /* twice: what is set up once is set up */
	work(expected);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
