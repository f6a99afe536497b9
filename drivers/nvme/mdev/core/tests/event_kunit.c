// SPDX-License-Identifier: GPL-2.0
/* Asynchronous events: which are told, when, and what makes the next one be told. */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

#define NOTHING		(~0u)
#define DB_REGISTER	0x010000u	/* log 01h, information, type */
#define DB_VALUE	0x010100u
#define RELIABILITY	0x020001u
#define TEMPERATURE	0x020101u
#define SPARE		0x020201u
#define NS_CHANGED	0x040002u

static void push_aer(struct fake *f)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_AER, 0);

	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
}

/* What the oldest request is answered with; one takes its place. */
static u32 told(struct fake *f)
{
	struct vnvme_cqe cqe;

	fake_run(f);
	if (!fake_pop(f, 0, &cqe))
		return NOTHING;
	fake_cq_ring(f, 0);
	push_aer(f);
	return le32_to_cpu(cqe.dw0) | (u32)(le16_to_cpu(cqe.status) >> 1) << 24;
}

static struct fake *with_events(u32 wanted)
{
	struct fake *f = fake_ready(1);

	fake_set_feature(f, VNVME_FEAT_AEC, wanted, NULL);
	return f;
}

static void health(struct fake *f, u8 warnings, u16 temperature)
{
	vnvme_ctrl_health(&f->ctrl, &(struct vnvme_health){
		.warnings = warnings, .temperature = temperature, .spare = 50,
	});
}

/* 60: a type that was told is not told again before its log is read, and each has its own */
static void c60_each_type(struct kunit *test)
{
	static const u32 first[] = { DB_VALUE, SPARE, NS_CHANGED };
	static const u32 second[] = { DB_REGISTER, RELIABILITY, NS_CHANGED };
	static const u8 lid[] = { VNVME_LOG_ERROR, VNVME_LOG_SMART, VNVME_LOG_CHANGED_NS };
	struct fake *f = with_events(0x1ff);
	u32 i, k;

	for (i = 0; i < 3; i++)
		push_aer(f);
	for (i = 0; i < 9; i++) {
		health(f, 0, 300);
		/* one of each type: none waits for another's log */
		vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
		KUNIT_EXPECT_EQ(test, told(f), first[0]);
		health(f, 1, 300);
		KUNIT_EXPECT_EQ(test, told(f), first[1]);
		vnvme_ns_changed(&f->ctrl, &f->ns);
		KUNIT_EXPECT_EQ(test, told(f), first[2]);
		/* and another one: none of them is told */
		vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_REGISTER);
		health(f, 5, 300);
		vnvme_ns_changed(&f->ctrl, &f->ns);
		KUNIT_EXPECT_EQ(test, told(f), NOTHING);
		/* the logs of two types; what comes of the third is still not told */
		for (k = 0; k < 3; k++)
			if (k != i % 3)
				KUNIT_EXPECT_EQ(test, fake_get_log(f, lid[k], 512, 0, false), 0);
		KUNIT_EXPECT_EQ(test, told(f), NOTHING);
		health(f, 0, 300);
		vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_REGISTER);
		health(f, 4, 300);
		vnvme_ns_changed(&f->ctrl, &f->ns);
		for (k = 0; k < 3; k++)
			if (k != i % 3)
				KUNIT_EXPECT_EQ_MSG(test, told(f), second[k], "%u", i);
		KUNIT_EXPECT_EQ(test, told(f), NOTHING);
		for (k = 0; k < 3; k++)
			KUNIT_EXPECT_EQ(test, fake_get_log(f, lid[k], 512, 0, false), 0);
		KUNIT_EXPECT_EQ(test, told(f), NOTHING);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 61: each bit lets its own through, alone; what nobody asked for is not kept for later either */
static void c61_each_bit(struct kunit *test)
{
	static const struct {
		u32 bit;
		u8 warnings;
		u16 temperature;
		bool changed;
		u32 event;
	} t[] = {
		{ 1 << 0, 1 << 0, 300, false, SPARE },
		{ 1 << 1, 0, 350, false, TEMPERATURE },
		{ 1 << 2, 1 << 2, 300, false, RELIABILITY },
		{ 1 << 3, 1 << 3, 300, false, RELIABILITY },
		{ 1 << 4, 1 << 4, 300, false, RELIABILITY },
		{ 1 << 8, 0, 300, true, NS_CHANGED },
	};
	struct fake *f;
	u32 i, k, is, mine;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		for (k = 0; k < ARRAY_SIZE(t); k++)
			for (is = 0; is < 2; is++) {
				mine = i == k;
				/* that bit alone, and all but that */
				f = with_events(is ? t[i].bit : 0x1ff & ~t[i].bit);
				if (k & 1)
					push_aer(f);
				health(f, 0, 300);
				health(f, t[k].warnings, t[k].temperature);
				if (t[k].changed)
					vnvme_ns_changed(&f->ctrl, &f->ns);
				fake_run(f);
				/* before a request is there it waits for one */
				if (!(k & 1))
					push_aer(f);
				KUNIT_EXPECT_EQ_MSG(test, told(f),
						    mine == is ? t[k].event : NOTHING,
						    "%u %u %u", i, k, is);
				if (mine != is) {
					fake_set_feature(f, VNVME_FEAT_AEC, 0x1ff, NULL);
					KUNIT_EXPECT_EQ(test, told(f), NOTHING);
				}
				fake_free(f);
			}
	/* errors cannot be switched off */
	f = with_events(0);
	push_aer(f);
	vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
	KUNIT_EXPECT_EQ(test, told(f), DB_VALUE);
	fake_free(f);
}

/* 61: a warning is told when it begins, not while it lasts */
static void c61_at_the_edge(struct kunit *test)
{
	struct fake *f = with_events(0xff);
	u32 i;

	push_aer(f);
	for (i = 0; i < 3; i++) {
		health(f, 1 << 3, 300);
		KUNIT_EXPECT_EQ(test, told(f), RELIABILITY);
		KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_SMART, 512, 0, false), 0);
		health(f, 1 << 3, 301);
		KUNIT_EXPECT_EQ(test, told(f), NOTHING);
		health(f, 0, 300);
		KUNIT_EXPECT_EQ(test, told(f), NOTHING);
	}
	fake_free(f);
}

/* 77: RAE = 1 leaves things as they are: told and not to be told again, or to be told */
static void c77_retained(struct kunit *test)
{
	struct fake *f = with_events(0x100);
	u32 rae;

	for (rae = 0; rae < 2; rae++) {
		/* told */
		push_aer(f);
		vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
		KUNIT_EXPECT_EQ(test, told(f), DB_VALUE);
		KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_ERROR, 64, 0, rae), 0);
		vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_REGISTER);
		KUNIT_EXPECT_EQ_MSG(test, told(f), rae ? NOTHING : DB_REGISTER, "%u", rae);
		KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_ERROR, 64, 0, false), 0);
		KUNIT_EXPECT_EQ(test, told(f), NOTHING);
		/* waiting for a request */
		f->ctrl.nr_aer = 0;
		memset(f->q[0].waiting, 0, FAKE_CIDS);
		vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
		fake_run(f);
		KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_ERROR, 64, 0, rae), 0);
		push_aer(f);
		KUNIT_EXPECT_EQ_MSG(test, told(f), rae ? DB_VALUE : NOTHING, "%u", rae);
		KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_ERROR, 64, 0, false), 0);
		f->ctrl.nr_aer = 0;
		memset(f->q[0].waiting, 0, FAKE_CIDS);
		/* a log that could not be handed over was not read */
		push_aer(f);
		vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
		KUNIT_EXPECT_EQ(test, told(f), DB_VALUE);
		fake_page(f, FAKE_ID, FAKE_ABSENT);
		KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_ERROR, 64, 0, false), 0x4004);
		fake_page(f, FAKE_ID, FAKE_OK);
		vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_REGISTER);
		KUNIT_EXPECT_EQ(test, told(f), NOTHING);
		KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_ERROR, 64, 0, false), 0);
		KUNIT_EXPECT_EQ(test, told(f), NOTHING);
		f->ctrl.nr_aer = 0;
		memset(f->q[0].waiting, 0, FAKE_CIDS);
	}
	/* the same of the list of namespaces, which RAE = 1 does not clear */
	push_aer(f);
	vnvme_ns_changed(&f->ctrl, &f->ns);
	KUNIT_EXPECT_EQ(test, told(f), NS_CHANGED);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_CHANGED_NS, 4096, 0, true), 0);
	vnvme_ns_changed(&f->ctrl, &f->ns);
	KUNIT_EXPECT_EQ(test, told(f), NOTHING);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_CHANGED_NS, 4096, 0, false), 0);
	KUNIT_EXPECT_EQ(test, *(u32 *)fake_ptr(f, FAKE_ID), 1);
	vnvme_ns_changed(&f->ctrl, &f->ns);
	KUNIT_EXPECT_EQ(test, told(f), NS_CHANGED);
	fake_free(f);
}

/* 85: a threshold that is crossed is told where that is asked for, and only there */
static void c85_thresholds(struct kunit *test)
{
	static const struct {
		u32 set;	/* THSEL in bit 20 */
		bool crossed;
	} t[] = {
		{ 301, false }, { 300, true }, { 299, true }, { 0, true },
		{ 1 << 20 | 299, false }, { 1 << 20 | 300, true },
		{ 1 << 20 | 301, true }, { 1 << 20 | 0xffff, true },
		/* all sensors */
		{ 0xf << 16 | 299, true }, { 0xf << 16 | 301, false },
	};
	struct fake *f;
	u32 i, wanted;
	u8 *smart;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		for (wanted = 0; wanted < 2; wanted++) {
			f = with_events(wanted ? 1 << 1 : 0xff & ~(1 << 1));
			smart = fake_ptr(f, FAKE_ID);
			push_aer(f);
			health(f, 0, 300);
			KUNIT_EXPECT_EQ(test, fake_set_feature(f, VNVME_FEAT_TEMPERATURE,
							       t[i].set, NULL), 0);
			KUNIT_EXPECT_EQ_MSG(test, told(f), wanted && t[i].crossed ?
					    TEMPERATURE : NOTHING, "%u", i);
			KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_SMART, 512, 0, false), 0);
			KUNIT_EXPECT_EQ_MSG(test, smart[0], t[i].crossed ? 2 : 0, "%u", i);
			fake_free(f);
		}
}

static struct kunit_case event_cases[] = {
	KUNIT_CASE(c60_each_type),
	KUNIT_CASE(c61_each_bit),
	KUNIT_CASE(c61_at_the_edge),
	KUNIT_CASE(c77_retained),
	KUNIT_CASE(c85_thresholds),
	{}
};

static struct kunit_suite event_suite = {
	.name = "vnvme_event",
	.test_cases = event_cases,
};

kunit_test_suite(event_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: asynchronous events");
