/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KUnit's words over a small runner, so that one test file runs in userspace
 * and under a kernel's KUnit.
 */
#ifndef _SHIM_KUNIT_TEST_H
#define _SHIM_KUNIT_TEST_H

#include <linux/kernel.h>
#include <linux/string.h>

struct kunit {
	void *priv;
	int failed;
	const char *name;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

void shim_suite_add(struct kunit_suite *suite);
void shim_fail(struct kunit *test, const char *file, int line, const char *fmt,
	       ...) __attribute__((format(printf, 4, 5)));
void shim_abort(struct kunit *test) __attribute__((noreturn));

#define KUNIT_CASE(fn)	{ .run_case = fn, .name = #fn }

#define kunit_test_suite(suite)						\
	static void __attribute__((constructor)) shim_add_##suite(void)	\
	{								\
		shim_suite_add(&suite);					\
	}								\
	_Static_assert(1, "")

#define KUNIT_FAIL(test, fmt, ...)					\
	shim_fail(test, __FILE__, __LINE__, fmt, ##__VA_ARGS__)

#define SHIM_CMP(test, a, op, b, stop, fmt, ...) do {			\
	__typeof__((a) + 0) _a = (a);					\
	__typeof__((b) + 0) _b = (b);					\
	if (!(_a op (__typeof__(_a))_b)) {				\
		shim_fail(test, __FILE__, __LINE__,			\
			  "%s %s %s: %#llx, %#llx" fmt, #a, #op, #b,	\
			  (u64)_a, (u64)_b, ##__VA_ARGS__);		\
		if (stop)						\
			shim_abort(test);				\
	}								\
} while (0)

#define KUNIT_EXPECT_EQ(t, a, b)	SHIM_CMP(t, a, ==, b, 0, "")
#define KUNIT_EXPECT_NE(t, a, b)	SHIM_CMP(t, a, !=, b, 0, "")
#define KUNIT_EXPECT_LT(t, a, b)	SHIM_CMP(t, a, <, b, 0, "")
#define KUNIT_EXPECT_LE(t, a, b)	SHIM_CMP(t, a, <=, b, 0, "")
#define KUNIT_EXPECT_GE(t, a, b)	SHIM_CMP(t, a, >=, b, 0, "")
#define KUNIT_EXPECT_EQ_MSG(t, a, b, fmt, ...)				\
	SHIM_CMP(t, a, ==, b, 0, ": " fmt, ##__VA_ARGS__)
#define KUNIT_EXPECT_TRUE(t, c)		SHIM_CMP(t, !!(c), ==, 1, 0, "")
#define KUNIT_EXPECT_FALSE(t, c)	SHIM_CMP(t, !!(c), ==, 0, 0, "")
#define KUNIT_ASSERT_EQ(t, a, b)	SHIM_CMP(t, a, ==, b, 1, "")
#define KUNIT_ASSERT_TRUE(t, c)		SHIM_CMP(t, !!(c), ==, 1, 1, "")

#endif
