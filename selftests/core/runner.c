// SPDX-License-Identifier: GPL-2.0
/* Runs the suites that have registered themselves; KTAP on stdout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shim/kunit/test.h"

#define MAX_SUITES	32

static struct kunit_suite *suites[MAX_SUITES];
static unsigned int nr_suites;
static jmp_buf abort_to;

void shim_suite_add(struct kunit_suite *suite)
{
	if (nr_suites < MAX_SUITES)
		suites[nr_suites++] = suite;
}

void shim_fail(struct kunit *test, const char *file, int line, const char *fmt,
	       ...)
{
	const char *base = strrchr(file, '/');
	va_list ap;

	test->failed++;
	printf("        # %s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void shim_abort(struct kunit *test)
{
	longjmp(abort_to, test->failed);
}

static int run_case(struct kunit_suite *s, struct kunit_case *c)
{
	struct kunit test = { .name = c->name };

	if (!setjmp(abort_to)) {
		if (!s->init || !s->init(&test))
			c->run_case(&test);
		else
			test.failed = 1;
	}
	if (s->exit)
		s->exit(&test);
	return test.failed;
}

static int run_suite(struct kunit_suite *s, const char *only, int *passed)
{
	struct kunit_case *c;
	int n = 0, i = 0, failed = 0, bad;

	for (c = s->test_cases; c->run_case; c++)
		n += !only || strstr(c->name, only);
	printf("    KTAP version 1\n    # Subtest: %s\n    1..%d\n", s->name, n);
	for (c = s->test_cases; c->run_case; c++) {
		if (only && !strstr(c->name, only))
			continue;
		bad = run_case(s, c);
		printf("    %sok %d %s\n", bad ? "not " : "", ++i, c->name);
		fflush(stdout);
		failed += !!bad;
		*passed += !bad;
	}
	return failed;
}

/* An argument: only cases whose name contains it. */
int main(int argc, char **argv)
{
	int passed = 0, failed = 0, bad;
	unsigned int i;

	printf("KTAP version 1\n1..%u\n", nr_suites);
	for (i = 0; i < nr_suites; i++) {
		bad = run_suite(suites[i], argc > 1 ? argv[1] : NULL, &passed);
		failed += bad;
		printf("%sok %u %s\n", bad ? "not " : "", i + 1,
		       suites[i]->name);
	}
	printf("# %d passed, %d failed\n", passed, failed);
	return failed || !passed;
}
