// SPDX-License-Identifier: GPL-2.0
/* Data pointers: PRPs; rules 1 and 2 of the design */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

#define P	VNVME_PAGE_SIZE

static struct vnvme_seg segs[VNVME_MAX_SEGS];

static struct vnvme_dptr walk(struct fake *f, u64 prp1, u64 prp2, u32 len,
			      u16 *status)
{
	struct vnvme_dptr d = {
		.prp1 = prp1, .prp2 = prp2, .len = len, .need = len,
		.segs = segs, .max_segs = VNVME_MAX_SEGS,
	};

	*status = vnvme_dptr_walk(&f->mem, &d);
	return d;
}

static __le64 *list(struct fake *f, u64 at)
{
	return fake_ptr(f, at);
}

static void pin_ram(struct fake *f)
{
	f->ctrl.env->pin(&f->ctrl, 0, FAKE_RAM);
	f->ctrl.env->pin(&f->ctrl, FAKE_HIGH, VNVME_CHUNK_SIZE);
}

/* 100, 102: one, two, many pages; alignment */
static void c100_alignment(struct kunit *test)
{
	static const struct {
		u64 prp1, prp2;
		u32 len;
		u16 status;
	} t[] = {
		{ FAKE_DATA, 0, P, 0 },
		{ FAKE_DATA + 4, 0, P - 4, 0 },
		{ FAKE_DATA + 4, 0, P, 0x4002 },	/* PRP2 missing */
		{ FAKE_DATA + 2, 0, 512, 0x4013 },
		{ FAKE_DATA + 1, 0, 512, 0x4013 },
		{ FAKE_DATA + 4, FAKE_DATA, P, 0 },
		{ FAKE_DATA, FAKE_DATA + P, 2 * P, 0 },
		{ FAKE_DATA, FAKE_DATA + P + 4, 2 * P, 0x4013 },
		{ FAKE_DATA, FAKE_DATA + P + 512, 2 * P, 0x4013 },
		{ FAKE_DATA, FAKE_LIST, 3 * P, 0 },
		{ FAKE_DATA, FAKE_LIST + 4, 3 * P, 0x4013 },
		{ FAKE_DATA, FAKE_LIST + 8, 3 * P, 0x4013 },	/* entry + 8 */
		{ FAKE_HIGH, 0, P, 0 },			/* 104 */
	};
	struct fake *f = fake_new(1);
	u16 status;
	u32 i;

	pin_ram(f);
	list(f, FAKE_LIST)[0] = FAKE_DATA + P;
	list(f, FAKE_LIST)[1] = FAKE_DATA + 2 * P;
	list(f, FAKE_LIST)[2] = FAKE_DATA + 8;
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		walk(f, t[i].prp1, t[i].prp2, t[i].len, &status);
		KUNIT_EXPECT_EQ_MSG(test, status, t[i].status, "%u", i);
	}
	fake_free(f);
}

/* L9, rule 2: a list anywhere on 8 bytes, chained, more than 512 entries */
static void r02_list_anywhere(struct kunit *test)
{
	struct fake *f = fake_new(1);
	u32 start, n, i, used, bytes;
	struct vnvme_dptr d;
	u16 status;
	u64 at;

	pin_ram(f);
	for (start = 0; start < P; start += start < 4000 ? 136 : 8) {
		for (n = 2; n <= 512; n += n < 6 ? 1 : 101) {
			at = FAKE_LIST + start;
			used = (P - start) / 8;
			for (i = 0; i < n; i++) {
				if (used == 1 && i < n - 1) {
					u64 to = FAKE_LIST + 0x10000 + i * P;

					*list(f, at) = to;
					at = to;
					used = 512;
				}
				/* every other page, so that none merge */
				*list(f, at) = FAKE_DATA + 2 * i % 256 * P;
				at += 8;
				used--;
			}
			d = walk(f, FAKE_DATA + 511 * P / 2 / P * P,
				 FAKE_LIST + start, (n + 1) * P, &status);
			KUNIT_ASSERT_EQ(test, status, 0);
			for (i = bytes = 0; i < d.nr_segs; i++)
				bytes += d.segs[i].len;
			KUNIT_ASSERT_EQ(test, bytes, (n + 1) * P);
			KUNIT_ASSERT_EQ(test, d.nr_segs, n + 1);
			KUNIT_ASSERT_EQ(test, d.segs[n].dma - FAKE_DMA,
					FAKE_DATA + 2 * (n - 1) % 256 * P);
		}
	}
	fake_free(f);
}

/* rule 9: links in circles end, whatever they look like */
static void r09_links_in_circles(struct kunit *test)
{
	struct fake *f = fake_new(1);
	u16 status;

	pin_ram(f);
	*list(f, FAKE_LIST + 0xff8) = FAKE_LIST + 0xff8;
	walk(f, FAKE_DATA, FAKE_LIST + 0xff8, 512 * P, &status);
	KUNIT_EXPECT_EQ(test, status, 0x4013);
	/* one that describes pages ends with the transfer: the link is data */
	*list(f, FAKE_LIST + 0xff0) = FAKE_DATA;
	*list(f, FAKE_LIST + 0xff8) = FAKE_LIST + 0xff0;
	walk(f, FAKE_DATA, FAKE_LIST + 0xff0, 512 * P, &status);
	KUNIT_EXPECT_EQ(test, status, 0x4013);
	fake_free(f);
}

/* Contiguous pages are one segment; 105: not across a hole in DMA or memory */
static void c105_merging(struct kunit *test)
{
	struct fake *f = fake_new(1);
	struct vnvme_dptr d;
	u16 status;
	u32 i;

	pin_ram(f);
	for (i = 0; i < 32; i++)
		list(f, FAKE_LIST)[i] = FAKE_DATA + (i + 1) * P;
	d = walk(f, FAKE_DATA + 512, FAKE_LIST, 32 * P, &status);
	KUNIT_EXPECT_EQ(test, status, 0);
	KUNIT_EXPECT_EQ(test, d.nr_segs, 1);
	KUNIT_EXPECT_EQ(test, d.segs[0].len, 32 * P);
	/* a page whose DMA address is elsewhere */
	f->chunk[1].page[7].dma += 0x100000;
	d = walk(f, FAKE_DATA, FAKE_LIST, 32 * P, &status);
	KUNIT_EXPECT_EQ(test, d.nr_segs, 3);
	KUNIT_EXPECT_EQ(test, d.segs[0].len, 7 * P);
	KUNIT_EXPECT_EQ(test, d.segs[1].len, P);
	/* a chunk in one piece */
	f->chunk[1].kva = f->ram + FAKE_DATA;
	f->chunk[1].dma = FAKE_DMA;
	d = walk(f, FAKE_DATA, FAKE_LIST, 32 * P, &status);
	KUNIT_EXPECT_EQ(test, d.nr_segs, 1);
	/* 104: the same page twice */
	list(f, FAKE_LIST)[0] = FAKE_DATA;
	d = walk(f, FAKE_DATA, FAKE_LIST, 3 * P, &status);
	KUNIT_EXPECT_EQ(test, d.nr_segs, 3);
	f->chunk[1].kva = NULL;
	fake_free(f);
}

/* 103: what is not pinned is named, first the list, then the data */
static void c103_misses(struct kunit *test)
{
	struct fake *f = fake_new(1);
	struct vnvme_dptr d;
	u16 status;

	list(f, FAKE_LIST)[0] = FAKE_DATA + P;
	list(f, FAKE_LIST)[1] = FAKE_DATA + 5 * P;
	d = walk(f, FAKE_DATA + 16, FAKE_LIST, 2 * P + 4000, &status);
	KUNIT_EXPECT_EQ(test, status, VNVME_MISS);
	KUNIT_EXPECT_EQ(test, d.miss_iova, FAKE_DATA + 16);
	pin_ram(f);
	fake_unpin(f, FAKE_LIST, P);
	d = walk(f, FAKE_DATA + 16, FAKE_LIST, 2 * P + 4000, &status);
	KUNIT_EXPECT_EQ(test, status, VNVME_MISS);
	KUNIT_EXPECT_EQ(test, d.miss_iova, FAKE_LIST);
	pin_ram(f);
	fake_unpin(f, FAKE_DATA + 5 * P, P);
	d = walk(f, FAKE_DATA + 16, FAKE_LIST, 2 * P + 4000, &status);
	KUNIT_EXPECT_EQ(test, status, VNVME_MISS);
	KUNIT_EXPECT_EQ(test, d.miss_iova, FAKE_DATA + 5 * P);
	fake_free(f);
}

/* 63: admin data over two pages at each dword; nothing written on errors */
static void c63_admin_data(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u8 *p = fake_ptr(f, FAKE_ID);
	u8 want[4096];
	u32 off;

	KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
	memcpy(want, p, P);
	for (off = 4; off < P; off += 4) {
		memset(p, 0xee, 2 * P);
		sqe = fake_sqe(VNVME_ADM_IDENTIFY, 0);
		sqe.cdw10 = cpu_to_le32(1);
		sqe.prp1 = cpu_to_le64(FAKE_ID + off);
		sqe.prp2 = cpu_to_le64(FAKE_ID + P);
		KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
		KUNIT_ASSERT_EQ(test, memcmp(p + off, want, P), 0);
		KUNIT_ASSERT_EQ(test, p[off - 1] | p[off + P] << 8, 0xeeee);
	}
	memset(p, 0xee, 2 * P);
	sqe.prp2 = 0;
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0x4002);
	sqe.prp2 = cpu_to_le64(1ull << 40);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0x4004);
	fake_page(f, FAKE_ID + P, FAKE_NOMEM);
	sqe.prp2 = cpu_to_le64(FAKE_ID + P);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0x0004);
	fake_page(f, FAKE_ID + P, FAKE_RO);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0x4004);
	for (off = 0; off < P; off++)
		KUNIT_ASSERT_EQ(test, p[off], 0xee);
	fake_free(f);
}

static struct kunit_case dptr_cases[] = {
	KUNIT_CASE(c100_alignment),
	KUNIT_CASE(r02_list_anywhere),
	KUNIT_CASE(r09_links_in_circles),
	KUNIT_CASE(c105_merging),
	KUNIT_CASE(c103_misses),
	KUNIT_CASE(c63_admin_data),
	{}
};

static struct kunit_suite dptr_suite = {
	.name = "vnvme_dptr",
	.test_cases = dptr_cases,
};

kunit_test_suite(dptr_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: data pointers");
