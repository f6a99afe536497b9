// SPDX-License-Identifier: GPL-2.0
/*
 * A VFIO client against a device with one namespace (NSID 1) that holds data
 * that may be destroyed.  NVME_MDEV_UUID names the device, NVME_MDEV_DATA=0 says
 * that nothing written is read back (null backend).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "client.h"

FIXTURE(dev)
{
	struct client c;
	size_t lba;
	uint64_t nsze;
	bool data;
};

FIXTURE_SETUP(dev)
{
	ASSERT_NE(NULL, client_uuid());
	ASSERT_EQ(0, client_open(&self->c));
	self->data = !getenv("NVME_MDEV_DATA") || atoi(getenv("NVME_MDEV_DATA"));
}

FIXTURE_TEARDOWN(dev)
{
	client_close(&self->c);
	EXPECT_EQ(0, client_state(&self->c, "pinned_bytes"));
	EXPECT_EQ(0, client_state(&self->c, "open"));
}

static uint16_t identify(struct client *c, uint32_t nsid, uint8_t cns, void *buf)
{
	struct sqe cmd = { .opcode = 0x06, .nsid = nsid, .cdw10 = cns };

	cmd.prp1 = client_iova(c, buf);
	return client_exec(c, &c->admin, &cmd, NULL);
}

/* Enabled, with I/O queue pair 1 of @depth, polled, and the size of the namespace. */
static void start(struct __test_metadata *_metadata, FIXTURE_DATA(dev) * self, uint32_t depth)
{
	struct client *c = &self->c;
	uint8_t *id;

	ASSERT_EQ(0, client_enable(c, 32));
	id = client_alloc(c, PAGE);
	ASSERT_EQ(ST_OK, identify(c, 1, 0, id));
	memcpy(&self->nsze, id, 8);
	self->lba = 1ul << id[128 + 4 * (id[26] & 15) + 2];
	ASSERT_NE(0, self->nsze);
	ASSERT_EQ(ST_OK, client_io_queue(c, 1, depth, -1));
}

static void fill(uint8_t *p, size_t len, uint32_t seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = seed >> 24;
	}
}

/* 24, 131 */
TEST_F(dev, info)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	ASSERT_EQ(0, ioctl(self->c.device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_EQ(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET, info.flags);
	EXPECT_LE(VFIO_PCI_CONFIG_REGION_INDEX, info.num_regions);
	info.argsz = 4;
	EXPECT_EQ(-1, ioctl(self->c.device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_EQ(EINVAL, errno);
}

/* 24, 131, 132 */
TEST_F(dev, regions)
{
	struct {
		struct vfio_region_info info;
		struct vfio_region_info_cap_sparse_mmap sparse;
		struct vfio_region_sparse_mmap_area area;
	} r;
	int i;

	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		r.info = (struct vfio_region_info){ .argsz = sizeof(r.info), .index = i };
		EXPECT_EQ(0, ioctl(self->c.device, VFIO_DEVICE_GET_REGION_INFO, &r.info));
	}
	r.info = (struct vfio_region_info){ .argsz = sizeof(r.info), .index = i };
	EXPECT_EQ(-1, ioctl(self->c.device, VFIO_DEVICE_GET_REGION_INFO, &r.info));
	EXPECT_EQ(EINVAL, errno);

	r.info = (struct vfio_region_info){ .argsz = sizeof(r.info), .index = 0 };
	ASSERT_EQ(0, ioctl(self->c.device, VFIO_DEVICE_GET_REGION_INFO, &r.info));
	EXPECT_LE(0x4000, r.info.size);
	ASSERT_EQ(sizeof(r), r.info.argsz);
	r.info.index = 0;
	ASSERT_EQ(0, ioctl(self->c.device, VFIO_DEVICE_GET_REGION_INFO, &r.info));
	ASSERT_EQ(sizeof(r.info), r.info.cap_offset);
	EXPECT_EQ(VFIO_REGION_INFO_CAP_SPARSE_MMAP, r.sparse.header.id);
	EXPECT_EQ(1, r.sparse.nr_areas);
	EXPECT_EQ(REG_DB, r.area.offset);
	EXPECT_EQ(PAGE, r.area.size);
}

/* 132 */
TEST_F(dev, mmap_only_doorbells)
{
	int prot = PROT_READ | PROT_WRITE;

	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, prot, MAP_SHARED, self->c.device, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * PAGE, prot, MAP_SHARED, self->c.device, REG_DB));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, prot, MAP_SHARED, self->c.device, 0x2000));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, prot, MAP_PRIVATE, self->c.device, REG_DB));
	ASSERT_EQ(0, client_map_doorbells(&self->c));
	EXPECT_EQ(MAP_FAILED, mremap((void *)self->c.db, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				     self->c.mem));
	self->c.db[0] = 0;
}

/* 19, 20, 131 */
TEST_F(dev, config_space)
{
	struct client *c = &self->c;
	bool pm = false, msix = false, pcie = false;
	int pos, n = 0;

	EXPECT_EQ(0x010802, cfg_read(c, 8, 4) >> 8);
	EXPECT_EQ(0, cfg_read(c, 0x0e, 1) & 0x7f);
	cfg_write(c, 0x10, 0xffffffff, 4);
	cfg_write(c, 0x14, 0xffffffff, 4);
	EXPECT_EQ(0xffffc004, cfg_read(c, 0x10, 4));
	EXPECT_EQ(0xffffffff, cfg_read(c, 0x14, 4));
	for (pos = cfg_read(c, 0x34, 1); pos; pos = cfg_read(c, pos + 1, 1)) {
		uint8_t id = cfg_read(c, pos, 1);

		ASSERT_LT(n++, 48);
		EXPECT_EQ(0, pos & 3);
		pm |= id == 0x01;
		pcie |= id == 0x10;
		msix |= id == 0x11;
	}
	EXPECT_TRUE(pm && msix && pcie);
	EXPECT_EQ(0, cfg_read(c, 0x100, 4));
}

/* 1, 2, 3, 5 */
TEST_F(dev, registers)
{
	struct client *c = &self->c;
	uint64_t cap = bar_read(c, REG_CAP, 8);
	int len, off;

	EXPECT_EQ(cap, bar_read(c, REG_CAP, 4) | bar_read(c, REG_CAP + 4, 4) << 32);
	EXPECT_EQ(0x00020000, bar_read(c, REG_VS, 4));
	bar_write(c, REG_CAP, ~0ull, 8);
	bar_write(c, REG_VS, 0, 4);
	EXPECT_EQ(cap, bar_read(c, REG_CAP, 8));
	EXPECT_EQ(0, bar_read(c, REG_CSTS, 4));
	/* every offset and size is survived */
	for (len = 1; len <= 8; len *= 2)
		for (off = 0; off < 0x4000; off += 61) {
			bar_read(c, off, len);
			if (off > 0x40 && (off & ~7) != 0x1000)
				bar_write(c, off, 0x5a5a5a5a5a5a5a5aull, len);
		}
	EXPECT_EQ(cap, bar_read(c, REG_CAP, 8));
}

/* 7, 65 */
TEST_F(dev, enable_identify_disable)
{
	struct client *c = &self->c;
	uint8_t *id;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, client_enable(c, 2 + i * 15));
		id = client_alloc(c, PAGE);
		ASSERT_EQ(ST_OK, identify(c, 0, 1, id));
		EXPECT_EQ(0x66, id[512]);
		EXPECT_EQ(0x44, id[513]);
		client_disable(c);
		EXPECT_EQ(0, bar_read(c, REG_CSTS, 4) & CSTS_RDY);
	}
}

/* 10 */
TEST_F(dev, bad_admin_queue_is_fatal_and_recovers)
{
	struct client *c = &self->c;

	cfg_write(c, 4, 0x6, 2);
	bar_write(c, REG_AQA, 0x001f001f, 4);
	bar_write(c, REG_ASQ, 0x7000000000ull, 8);
	bar_write(c, REG_ACQ, 0x7000001000ull, 8);
	bar_write(c, REG_CC, CC_ENABLE, 4);
	usleep(100000);
	EXPECT_EQ(CSTS_CFS, bar_read(c, REG_CSTS, 4) & (CSTS_CFS | CSTS_RDY));
	ASSERT_EQ(0, client_enable(c, 32));
}

/* 102, 112, 136: Sizes from one block to 512 KiB, offsets inside a page, lists inside a page. */
TEST_F(dev, data_is_what_was_written)
{
	struct client *c = &self->c;
	static const uint32_t sizes[] = { 512, 4096, 8192, 12288, 65536, 131072, 524288 };
	static const uint32_t offs[] = { 0, 4, 512, 4092 };
	uint8_t *w, *r;
	unsigned int i, j;

	start(_metadata, self, 64);
	w = client_alloc(c, 2 << 20);
	r = client_alloc(c, 2 << 20);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (j = 0; j < sizeof(offs) / sizeof(*offs); j++) {
			uint32_t len = sizes[i] < self->lba ? self->lba : sizes[i];
			uint64_t slba = (i * 7 + j) * 1024;

			fill(w, 1 << 20, i * 16 + j);
			memset(r, 0xee, 1 << 20);
			ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, slba, len / self->lba,
						   client_iova(c, w) + offs[j], self->lba));
			ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, slba, len / self->lba,
						   client_iova(c, r) + offs[3 - j], self->lba));
			if (self->data) {
				EXPECT_EQ(0, memcmp(w + offs[j], r + offs[3 - j], len));
				EXPECT_EQ(0xee, r[offs[3 - j] + len]);
			}
		}
}

/* 102, L9: A PRP list that starts in the middle of a page, as Linux's small ones do. */
TEST_F(dev, prp_list_inside_a_page)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 1, .nsid = 1 };
	uint8_t *w, *r, *lists;
	uint64_t *list;
	int i;

	start(_metadata, self, 16);
	w = client_alloc(c, 64 << 10);
	r = client_alloc(c, 64 << 10);
	lists = client_alloc(c, PAGE);
	list = (uint64_t *)(lists + 3840);
	fill(w, 32 << 10, 1);
	for (i = 0; i < 7; i++)
		list[i] = client_iova(c, w) + (7 - i) * PAGE;
	cmd.prp1 = client_iova(c, w);
	cmd.prp2 = client_iova(c, list);
	cmd.cdw12 = 8 * PAGE / self->lba - 1;
	ASSERT_EQ(ST_OK, client_exec(c, &c->io[0], &cmd, NULL));
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 8 * PAGE / self->lba,
				   client_iova(c, r), self->lba));
	if (!self->data)
		return;
	EXPECT_EQ(0, memcmp(w, r, PAGE));
	for (i = 0; i < 7; i++)
		EXPECT_EQ(0, memcmp(w + (7 - i) * PAGE, r + (i + 1) * PAGE, PAGE));
}

/* 110, 111 */
TEST_F(dev, out_of_range_is_refused)
{
	struct client *c = &self->c;
	uint64_t iova;

	start(_metadata, self, 16);
	iova = client_iova(c, client_alloc(c, PAGE));
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, self->nsze - 1, 1, iova, self->lba));
	EXPECT_EQ(ST_LBA, client_rw(c, &c->io[0], true, self->nsze, 1, iova, self->lba));
	EXPECT_EQ(ST_LBA, client_rw(c, &c->io[0], true, self->nsze - 1, 2, iova, self->lba));
	EXPECT_EQ(ST_LBA, client_rw(c, &c->io[0], true, ~0ull, 1, iova, self->lba));
	EXPECT_EQ(ST_LBA, client_rw(c, &c->io[0], true, ~0ull - 1, 8, iova, self->lba));
}

/* Bits of ONCS. */
#define ONCS_COMPARE	(1 << 0)
#define ONCS_DSM	(1 << 2)
#define ONCS_ZEROES	(1 << 3)
#define ONCS_VERIFY	(1 << 7)
#define ONCS_COPY	(1 << 8)

static uint16_t oncs(struct client *c)
{
	uint8_t *id = client_alloc(c, PAGE);
	uint16_t bits = 0;

	if (identify(c, 0, 1, id) == ST_OK)
		memcpy(&bits, id + 520, 2);
	return bits;
}

static struct sqe one_lba(struct client *c, uint8_t opcode, uint64_t slba, void *buf)
{
	return (struct sqe){ .opcode = opcode, .nsid = 1, .prp1 = client_iova(c, buf),
			     .cdw10 = slba, .cdw11 = slba >> 32 };
}

/* 55, 80, 109: What ONCS and the effects log do not announce is refused, the rest is done. */
TEST_F(dev, announced_is_implemented)
{
	static const struct {
		uint8_t opcode, bit;
	} t[] = {
		{ 0x04, 1 }, { 0x05, 0 }, { 0x08, 3 }, { 0x09, 2 }, { 0x0c, 7 }, { 0x0d, 5 },
		{ 0x19, 8 },
	};
	struct client *c = &self->c;
	struct sqe cmd, log = { .opcode = 0x02, .nsid = ~0u, .cdw10 = 1023 << 16 | 5 };
	uint32_t *effects;
	uint8_t *buf;
	uint16_t bits, status;
	unsigned int i;

	start(_metadata, self, 16);
	bits = oncs(c);
	effects = client_alloc(c, PAGE);
	log.prp1 = client_iova(c, effects);
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &log, NULL));
	buf = client_alloc(c, PAGE);
	TH_LOG("ONCS is %x", bits);
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		cmd = one_lba(c, t[i].opcode, 0, buf);
		if (t[i].opcode == 0x09)
			cmd.cdw10 = 0;
		status = client_exec(c, &c->io[0], &cmd, NULL);
		EXPECT_NE(ST_TIMEOUT, status);
		EXPECT_EQ(bits >> t[i].bit & 1, status != ST_OPCODE) {
			TH_LOG("opcode %x: status %x", t[i].opcode, status);
		}
		EXPECT_EQ(bits >> t[i].bit & 1, effects[256 + t[i].opcode] & 1);
	}
}

/* 117: A null namespace holds zeros. */
TEST_F(dev, compare)
{
	struct client *c = &self->c;
	struct sqe cmd;
	uint8_t *p;

	start(_metadata, self, 16);
	if (!(oncs(c) & ONCS_COMPARE))
		SKIP(return, "the drive has no Compare");
	p = client_alloc(c, PAGE);
	if (self->data)
		fill(p, self->lba, 77);
	cmd = one_lba(c, 0x01, self->nsze - 1, p);
	ASSERT_EQ(ST_OK, client_exec(c, &c->io[0], &cmd, NULL));
	cmd = one_lba(c, 0x05, self->nsze - 1, p);
	EXPECT_EQ(ST_OK, client_exec(c, &c->io[0], &cmd, NULL));
	p[self->lba - 1] ^= 1;
	EXPECT_EQ(ST_COMPARE, client_exec(c, &c->io[0], &cmd, NULL));
	p[self->lba - 1] ^= 1;
	EXPECT_EQ(ST_OK, client_exec(c, &c->io[0], &cmd, NULL));
	cmd = one_lba(c, 0x05, self->nsze, p);
	EXPECT_EQ(ST_LBA, client_exec(c, &c->io[0], &cmd, NULL));
}

/* 117: Not a skip where the drive has none, as the emulated one: it is refused then. */
TEST_F(dev, verify_or_its_refusal)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x0c, .nsid = 1 };

	start(_metadata, self, 16);
	cmd.cdw12 = 63;
	if (!(oncs(c) & ONCS_VERIFY)) {
		TH_LOG("the drive has no Verify");
		EXPECT_EQ(ST_OPCODE, client_exec(c, &c->io[0], &cmd, NULL));
		return;
	}
	EXPECT_EQ(ST_OK, client_exec(c, &c->io[0], &cmd, NULL));
	cmd.cdw10 = self->nsze - 63;
	cmd.cdw11 = (self->nsze - 63) >> 32;
	EXPECT_EQ(ST_LBA, client_exec(c, &c->io[0], &cmd, NULL));
}

/* 116: Deallocate, a range within, a range that leaves the namespace, too many. */
TEST_F(dev, deallocate)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x09, .nsid = 1, .cdw11 = 4 };
	struct sqe id = { .opcode = 0x06, .cdw10 = 0x06 };
	uint8_t *limits, *w, *r;
	uint64_t *range;
	uint32_t n;

	start(_metadata, self, 16);
	if (!(oncs(c) & ONCS_DSM))
		SKIP(return, "the drive has no Dataset Management");
	limits = client_alloc(c, PAGE);
	range = client_alloc(c, PAGE);
	w = client_alloc(c, PAGE);
	r = client_alloc(c, PAGE);
	n = PAGE / self->lba;
	id.prp1 = client_iova(c, limits);
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &id, NULL));
	/* what is beside the range stays */
	fill(w, PAGE, 99);
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, 2 * n, n, client_iova(c, w), self->lba));
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, 3 * n, n, client_iova(c, w), self->lba));
	range[0] = (uint64_t)n << 32;
	range[1] = 3 * n;
	cmd.prp1 = client_iova(c, range);
	EXPECT_EQ(ST_OK, client_exec(c, &c->io[0], &cmd, NULL));
	memset(r, 0, PAGE);
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 2 * n, n, client_iova(c, r), self->lba));
	if (self->data)
		EXPECT_EQ(0, memcmp(r, w, PAGE));
	range[1] = self->nsze - n + 1;
	EXPECT_EQ(ST_LBA, client_exec(c, &c->io[0], &cmd, NULL));
	TH_LOG("DMRL is %u", limits[3]);
	cmd.cdw10 = 255;
	range[1] = 0;
	EXPECT_EQ(limits[3] ? ST_SIZE_LIMIT : ST_OK, client_exec(c, &c->io[0], &cmd, NULL));
}

/* The status of @opcode on as many blocks from 0 on as log2 @pages pages have, and @more. */
static uint16_t up_to_limit(struct __test_metadata *_metadata, FIXTURE_DATA(dev) * self,
			    uint8_t opcode, uint8_t pages, uint32_t more)
{
	struct sqe cmd = { .opcode = opcode, .nsid = 1 };
	uint64_t nlb = ((uint64_t)PAGE << pages) / self->lba + more;

	EXPECT_LE(nlb, 65536);
	EXPECT_LT(nlb, self->nsze);
	cmd.cdw12 = nlb - 1;
	return client_exec(&self->c, &self->c.io[0], &cmd, NULL);
}

/* 68, 115, 117: what may take long is bounded, no less than a transfer is, and told. */
TEST_F(dev, long_commands_are_bounded)
{
	struct client *c = &self->c;
	struct sqe id = { .opcode = 0x06, .cdw10 = 0x06 };
	uint8_t *limits, *ctrl;

	start(_metadata, self, 16);
	limits = client_alloc(c, PAGE);
	ctrl = client_alloc(c, PAGE);
	ASSERT_EQ(ST_OK, identify(c, 0, 1, ctrl));
	id.prp1 = client_iova(c, limits);
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &id, NULL));
	TH_LOG("MDTS %u, VSL %u, WZSL %u, DMRSL %u, DMSL %lu", ctrl[77], limits[0], limits[1],
	       *(uint32_t *)(limits + 4), *(uint64_t *)(limits + 8));
	EXPECT_NE(0, *(uint64_t *)(limits + 8));
	if (oncs(c) & ONCS_ZEROES) {
		EXPECT_LE(ctrl[77], limits[1]);
		EXPECT_EQ(ST_OK, up_to_limit(_metadata, self, 0x08, limits[1], 0));
		if ((PAGE << limits[1]) / self->lba < 65535)
			EXPECT_EQ(ST_FIELD, up_to_limit(_metadata, self, 0x08, limits[1], 1));
	}
	if (oncs(c) & ONCS_VERIFY) {
		EXPECT_NE(0, limits[0]);
		EXPECT_EQ(ST_OK, up_to_limit(_metadata, self, 0x0c, limits[0], 0));
		EXPECT_EQ(ST_FIELD, up_to_limit(_metadata, self, 0x0c, limits[0], 1));
	}
}

static struct sqe copy(struct client *c, uint64_t *ranges, uint64_t to, unsigned int nr)
{
	struct sqe cmd = one_lba(c, 0x19, to, ranges);

	cmd.cdw12 = nr - 1;
	return cmd;
}

static void copy_range(uint64_t *range, uint64_t slba, uint32_t nlb)
{
	memset(range, 0, 32);
	range[1] = slba;
	range[2] = nlb - 1;
}

/* A range that is copied a block up and a block down, in more pieces than one. */
static void copy_overlapping(struct __test_metadata *_metadata, FIXTURE_DATA(dev) * self,
			     uint64_t *ranges, uint32_t most)
{
	const size_t bytes = 192 << 10;
	struct client *c = &self->c;
	uint32_t n = bytes / self->lba;
	uint8_t *w, *r;
	struct sqe cmd;
	int to;

	if (most < n || !self->data)
		return;
	w = client_alloc(c, bytes);
	r = client_alloc(c, bytes);
	for (to = 4095; to <= 4097; to += 2) {
		fill(w, bytes, to);
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, 4096, n, client_iova(c, w),
					   self->lba));
		copy_range(ranges, 4096, n);
		cmd = copy(c, ranges, to, 1);
		ASSERT_EQ(ST_OK, client_exec(c, &c->io[0], &cmd, NULL));
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, to, n, client_iova(c, r),
					   self->lba));
		EXPECT_EQ(0, memcmp(w, r, bytes));
	}
	copy_range(ranges, self->nsze - PAGE / self->lba, PAGE / self->lba);
}

/* 117, 124: both sides are the guest's blocks, wherever its partition begins. */
TEST_F(dev, copy)
{
	struct client *c = &self->c;
	uint64_t *ranges;
	uint8_t *id, *w, *r;
	struct sqe cmd;
	uint32_t n;

	start(_metadata, self, 16);
	if (!(oncs(c) & ONCS_COPY))
		SKIP(return, "the drive has no Copy of descriptor format 0");
	id = client_alloc(c, PAGE);
	ranges = client_alloc(c, PAGE);
	w = client_alloc(c, 2 * PAGE);
	r = client_alloc(c, 2 * PAGE);
	n = PAGE / self->lba;
	ASSERT_EQ(ST_OK, identify(c, 1, 0, id));
	EXPECT_GT(128, id[80]);
	if (id[74] + (id[75] << 8) < (int)n || !id[80])
		SKIP(return, "the drive's limits are too small for Copy");
	fill(w, 2 * PAGE, 55);
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, self->nsze - n, n, client_iova(c, w),
				   self->lba));
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, 0, n, client_iova(c, w + PAGE), self->lba));
	memset(r, 0, 2 * PAGE);
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, 2048, 2 * n, client_iova(c, r), self->lba));

	copy_range(ranges, self->nsze - n, n);
	copy_range(ranges + 4, 0, n);
	cmd = copy(c, ranges, 2048, 2);
	ASSERT_EQ(ST_OK, client_exec(c, &c->io[0], &cmd, NULL));
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 2048, 2 * n, client_iova(c, r), self->lba));
	if (self->data)
		EXPECT_EQ(0, memcmp(w, r, 2 * PAGE));

	cmd = copy(c, ranges, self->nsze - n, 2);
	EXPECT_EQ(ST_LBA, client_exec(c, &c->io[0], &cmd, NULL));
	copy_overlapping(_metadata, self, ranges, id[74] + (id[75] << 8));
	cmd = copy(c, ranges, 2048, id[80] + 2);
	EXPECT_EQ(ST_SIZE_LIMIT, client_exec(c, &c->io[0], &cmd, NULL));
	cmd = copy(c, ranges, 2048, 2);
	cmd.cdw12 |= 1 << 8;
	EXPECT_EQ(ST_FIELD, client_exec(c, &c->io[0], &cmd, NULL));
	copy_range(ranges + 4, self->nsze - n + 1, n);
	cmd = copy(c, ranges, 2048, 2);
	EXPECT_EQ(ST_LBA, client_exec(c, &c->io[0], &cmd, NULL));
}

/* 103 */
TEST_F(dev, memory_that_is_not_the_guests)
{
	struct client *c = &self->c;
	uint64_t iova;

	start(_metadata, self, 16);
	iova = client_iova(c, client_alloc(c, PAGE));
	EXPECT_EQ(ST_TRANSFER, client_rw(c, &c->io[0], false, 0, 1, 0x7000000000ull, self->lba));
	EXPECT_EQ(ST_TRANSFER, client_rw(c, &c->io[0], true, 0, 1, ~0x1fffull, self->lba));
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, iova, self->lba));
}

/* 27 */
TEST_F(dev, read_only_memory_is_not_written)
{
	struct client *c = &self->c;
	void *rom = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, rom);
	memset(rom, 0x77, 4 * PAGE);
	start(_metadata, self, 16);
	ASSERT_EQ(0, client_map(c, rom, 0x20000000, 4 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(ST_TRANSFER, client_rw(c, &c->io[0], false, 0, 1, 0x20000000, self->lba));
	EXPECT_EQ(0x77, *(uint8_t *)rom);
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], true, 0, 1, 0x20000000, self->lba));
	EXPECT_EQ(0, client_unmap(c, 0x20000000, 4 * PAGE));
	EXPECT_EQ(ST_TRANSFER, client_rw(c, &c->io[0], true, 0, 1, 0x20000000, self->lba));
}

/* A kernel without them has none that could be mapped. */
static void huge_pages(struct __test_metadata *_metadata, FIXTURE_DATA(dev) * self, uint64_t at)
{
	const uint64_t huge = 2 << 20;
	struct client *c = &self->c;
	uint8_t *p;
	FILE *f;

	f = fopen("/proc/sys/vm/nr_hugepages", "w");
	if (!f)
		return;
	fprintf(f, "2\n");
	fclose(f);
	p = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, client_map(c, p, at + PAGE, 2 * huge, 3));
	fill(p + huge - PAGE, 2 * PAGE, 27);
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], true, 64, 2 * PAGE / self->lba, at + huge,
				   self->lba));
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 64, 2 * PAGE / self->lba, at + 4 * PAGE,
				   self->lba));
	if (self->data)
		EXPECT_EQ(0, memcmp(p + 3 * PAGE, p + huge - PAGE, 2 * PAGE));
	EXPECT_EQ(0, client_unmap(c, at + PAGE, 2 * huge));
	munmap(p, 2 * huge);
}

/* 27: A mapping over another one, one of many GiB, huge pages, memory that is no memory. */
TEST_F(dev, mappings_of_all_kinds)
{
	const uint64_t at = 1ull << 41, much = 16ull << 30;
	struct client *c = &self->c;
	uint8_t *p;
	int i;

	ASSERT_EQ(0, client_map_doorbells(c));
	start(_metadata, self, 16);
	p = mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, client_map(c, p, at, much, 3));
	/* refused, and the one that is there stays */
	EXPECT_EQ(-EEXIST, client_map(c, p, at, PAGE, 3));
	EXPECT_EQ(-EEXIST, client_map(c, p + PAGE, at + much - PAGE, 2 * PAGE, 3));
	EXPECT_EQ(-EEXIST, client_map(c, p, at - PAGE, much + 2 * PAGE, 3));
	for (i = 0; i < 3; i++) {
		uint64_t off = i == 2 ? much - PAGE : i * (much / 2);

		memset(p + off, 0x77, PAGE);
		EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], true, 64, PAGE / self->lba, at + off,
					   self->lba));
		memset(p + off, 0, PAGE);
		EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 64, PAGE / self->lba, at + off,
					   self->lba));
		if (self->data)
			EXPECT_EQ(0x77, p[off + PAGE - 1]);
	}
	EXPECT_EQ(ST_TRANSFER, client_rw(c, &c->io[0], false, 0, 1, at + much, self->lba));
	EXPECT_EQ(ST_TRANSFER, client_rw(c, &c->io[0], false, 0, 1, at - PAGE, self->lba));
	EXPECT_EQ(0, client_unmap(c, at, much));
	munmap(p, much);

	huge_pages(_metadata, self, at);

	/* registers of a device are nothing that a drive can be given */
	ASSERT_EQ(0, client_map(c, (void *)c->db, at, PAGE, 3));
	EXPECT_EQ(ST_TRANSFER, client_rw(c, &c->io[0], false, 0, 1, at, self->lba));
	EXPECT_EQ(ST_TRANSFER, client_rw(c, &c->io[0], true, 0, 1, at, self->lba));
	EXPECT_EQ(0, client_unmap(c, at, PAGE));
	p = client_alloc(c, PAGE);
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, client_iova(c, p), self->lba));
	EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
}

/* 27: A file that is truncated: pages that were pinned stay, the others are not there any more. */
TEST_F(dev, file_truncated_under_it)
{
	const uint64_t at = 1ull << 41;
	struct client *c = &self->c;
	int fd = memfd_create("guest", 0), i;
	uint8_t *p;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 64 * PAGE));
	p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	start(_metadata, self, 16);
	ASSERT_EQ(0, client_map(c, p, at, 64 * PAGE, 3));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, at + i * PAGE, self->lba));
	ASSERT_EQ(0, ftruncate(fd, 0));
	for (i = 0; i < 64; i++)
		EXPECT_EQ(i < 8 ? ST_OK : ST_TRANSFER,
			  client_rw(c, &c->io[0], i & 1, 0, 1, at + i * PAGE, self->lba));
	/* a file that has grown again has other pages */
	ASSERT_EQ(0, ftruncate(fd, 64 * PAGE));
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, at + 32 * PAGE, self->lba));
	EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
	EXPECT_EQ(0, client_unmap(c, at, 64 * PAGE));
	munmap(p, 64 * PAGE);
	close(fd);
}

/* 137: The highest addresses that VFIO can find: data, a list, and the rings of a queue pair. */
TEST_F(dev, highest_addresses)
{
	/* up to the last page but one: the sum of the last one's address and its size is 0 */
	const uint64_t at = 0ull - 17 * PAGE;
	struct client *c = &self->c;
	struct queue *q = &c->io[1];
	struct sqe cmd;
	uint8_t *p;
	int i;

	p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	start(_metadata, self, 16);
	ASSERT_EQ(0, client_map(c, p, at, 16 * PAGE, 3));
	*q = (struct queue){ .id = 2, .depth = 16, .phase = 1, .sq = (void *)(p + 14 * PAGE),
			     .cq = (void *)(p + 15 * PAGE) };
	cmd = (struct sqe){ .opcode = 0x05, .prp1 = at + 15 * PAGE, .cdw10 = 15 << 16 | 2,
			    .cdw11 = 1 };
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
	cmd = (struct sqe){ .opcode = 0x01, .prp1 = at + 14 * PAGE, .cdw10 = 15 << 16 | 2,
			    .cdw11 = 2 << 16 | 1 };
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
	for (i = 0; i < 40; i++) {
		/* ten pages, with the list in the last of all */
		uint64_t *list = (uint64_t *)(p + 16 * PAGE) - 9;
		int k;

		for (k = 0; k < 9; k++)
			list[k] = at + (k + 1) * PAGE;
		fill(p, 10 * PAGE, i);
		cmd = (struct sqe){ .opcode = i & 1 ? 1 : 2, .nsid = 1, .prp1 = at,
				    .prp2 = at + 16 * PAGE - 72,
				    .cdw12 = 10 * PAGE / self->lba - 1 };
		ASSERT_EQ(ST_OK, client_exec(c, q, &cmd, NULL));
		if (self->data && !(i & 1) && i) {
			uint8_t want[10 * PAGE];

			fill(want, sizeof(want), i - 1);
			ASSERT_EQ(0, memcmp(want, p, sizeof(want)));
		}
	}
	cmd = (struct sqe){ .opcode = 0x00, .cdw10 = 2 };
	EXPECT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
	cmd = (struct sqe){ .opcode = 0x04, .cdw10 = 2 };
	EXPECT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
	EXPECT_EQ(0, client_unmap(c, at, 16 * PAGE));
	EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
	munmap(p, 16 * PAGE);
}

/* 104, 105: A mapping above 1 TiB, and one that crosses the edge of two mappings. */
TEST_F(dev, high_addresses_and_edges)
{
	struct client *c = &self->c;
	uint64_t high = 1ull << 44;
	uint8_t *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	start(_metadata, self, 16);
	ASSERT_EQ(0, client_map(c, p, high, 4 * PAGE, 3));
	ASSERT_EQ(0, client_map(c, p + 4 * PAGE, high + 4 * PAGE, 4 * PAGE, 3));
	fill(p, 8 * PAGE, 9);
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], true, 0, 8 * PAGE / self->lba, high, self->lba));
	memset(p, 0, 8 * PAGE);
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 8 * PAGE / self->lba, high, self->lba));
	if (self->data) {
		uint8_t want[8 * PAGE];

		fill(want, sizeof(want), 9);
		EXPECT_EQ(0, memcmp(want, p, sizeof(want)));
	}
	EXPECT_EQ(0, client_unmap(c, high + 4 * PAGE, 4 * PAGE));
	EXPECT_EQ(ST_TRANSFER, client_rw(c, &c->io[0], false, 0, 8 * PAGE / self->lba, high,
					 self->lba));
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 4 * PAGE / self->lba, high, self->lba));
}

/* 134, 138: Map, use, unmap, again and again: nothing cached survives its unmap. */
TEST_F(dev, mappings_per_command)
{
	struct client *c = &self->c;
	uint64_t iova = 0x40000000;
	uint8_t *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	ASSERT_NE(MAP_FAILED, p);
	start(_metadata, self, 16);
	for (i = 0; i < 30; i++) {
		uint8_t *at = p + (i % 64) * PAGE;

		ASSERT_EQ(0, client_map(c, at, iova, PAGE, 3));
		fill(at, PAGE, i);
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, i * 8, PAGE / self->lba, iova,
					   self->lba));
		memset(at, 0, PAGE);
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, i * 8, PAGE / self->lba, iova,
					   self->lba));
		if (self->data) {
			uint8_t want[PAGE];

			fill(want, PAGE, i);
			ASSERT_EQ(0, memcmp(want, at, PAGE));
		}
		ASSERT_EQ(0, client_unmap(c, iova, PAGE));
	}
}

/* 26, 49: The rings of an I/O queue are unmapped before it is deleted: that queue stands still. */
TEST_F(dev, unmapped_io_queue_is_deleted)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x05, .cdw10 = 15 << 16 | 2, .cdw11 = 1 };
	uint64_t at = MEM_IOVA + MEM_SIZE, buf;
	int i, how;

	start(_metadata, self, 16);
	buf = client_iova(c, client_alloc(c, PAGE));
	for (how = 0; how < 4; how++) {
		void *side = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ASSERT_NE(MAP_FAILED, side);
		ASSERT_EQ(0, client_map(c, side, at, 2 * PAGE, 3));
		cmd = (struct sqe){ .opcode = 0x05, .cdw10 = 15 << 16 | 2, .cdw11 = 1 };
		cmd.prp1 = at + PAGE;
		ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
		cmd = (struct sqe){ .opcode = 0x01, .cdw10 = 15 << 16 | 2, .cdw11 = 2 << 16 | 1 };
		cmd.prp1 = at;
		ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
		/* nothing on it, a command, a ring that has turned; all of it gone, or one */
		if (how)
			bar_write(c, REG_DB + 16, how, 4);
		if (how == 2)
			usleep(100000);
		ASSERT_EQ(0, client_unmap(c, at, 2 * PAGE));
		if (how == 3)
			ASSERT_EQ(0, client_map(c, side, at + PAGE, PAGE, 3));
		if (how)
			bar_write(c, REG_DB + 16, 8, 4);
		for (i = 0; i < 100; i++)
			ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, self->lba));
		usleep(100000);
		EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
		cmd = (struct sqe){ .opcode = 0x00, .cdw10 = 2 };
		EXPECT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
		cmd = (struct sqe){ .opcode = 0x04, .cdw10 = 2 };
		EXPECT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
		if (how == 3)
			ASSERT_EQ(0, client_unmap(c, at + PAGE, PAGE));
		munmap(side, 2 * PAGE);
	}
	EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
}

/* 26: All queue memory vanishes under a running controller: CSTS.CFS, nothing else. */
TEST_F(dev, unmapped_queues_are_fatal)
{
	struct client *c = &self->c;
	int i;

	start(_metadata, self, 16);
	ASSERT_EQ(0, client_unmap(c, MEM_IOVA, MEM_SIZE));
	EXPECT_EQ(0, client_state(c, "pinned_bytes"));
	bar_write(c, REG_DB, (c->admin.tail + 1) % 32, 4);
	for (i = 0; i < 2000 && !(bar_read(c, REG_CSTS, 4) & CSTS_CFS); i++)
		usleep(1000);
	EXPECT_EQ(CSTS_CFS, bar_read(c, REG_CSTS, 4) & CSTS_CFS);
	ASSERT_EQ(0, client_map(c, c->mem, MEM_IOVA, MEM_SIZE, 3));
	ASSERT_EQ(0, client_enable(c, 16));
}

/* 26, 134: Unmapping beside I/O to other memory of the same 2 MiB. */
TEST_F(dev, unmap_beside_queues)
{
	struct client *c = &self->c;
	void *side = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t iova, buf;
	int i;

	ASSERT_NE(MAP_FAILED, side);
	/* directly behind the guest memory */
	iova = MEM_IOVA + MEM_SIZE;
	start(_metadata, self, 16);
	buf = client_iova(c, client_alloc(c, PAGE));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, client_map(c, side, iova, PAGE, 3));
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, iova, self->lba));
		ASSERT_EQ(0, client_unmap(c, iova, PAGE));
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, self->lba));
	}
}

#define CHUNK		(2ul << 20)
#define HALVES		500	/* chunks, two unmappings each */
#define HALVES_IOVA	(1ull << 37)
#define HALVES_DEPTH	32

/* Reads into the first half of a chunk, all the time; the chunk moves on. */
struct half_reader {
	struct client	*c;
	size_t		lba;
	unsigned int	chunk;
	unsigned long	good, bad;
	bool		stop;
};

static void *half_reader_run(void *arg)
{
	struct half_reader *r = arg;
	struct queue *q = &r->c->io[0];
	unsigned int n = 0, inflight = 0;
	struct cqe e;

	while (inflight || !__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		bool more = !__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE) && inflight < HALVES_DEPTH;
		uint64_t at = HALVES_IOVA + __atomic_load_n(&r->chunk, __ATOMIC_ACQUIRE) * CHUNK;

		for (; more && inflight < HALVES_DEPTH; inflight++, n++) {
			struct sqe cmd = { .opcode = 2, .nsid = 1, .cdw10 = n % 64,
					   .cdw12 = PAGE / r->lba - 1,
					   .prp1 = at + n % (CHUNK / 2 / PAGE) * PAGE };

			queue_push(r->c, q, &cmd);
		}
		if (more)
			queue_ring(r->c, q);
		while (queue_pop(r->c, q, &e)) {
			inflight--;
			if (e.status >> 1)
				r->bad++;
			else
				__atomic_add_fetch(&r->good, 1, __ATOMIC_RELEASE);
		}
		sched_yield();
	}
	return NULL;
}

/*
 * 134: Two mappings share each chunk; one of them is read into while the other is
 * unmapped.  VFIO asks again if a page of it is pinned meanwhile, and stops the host at
 * the eleventh time.
 */
TEST_F_TIMEOUT(dev, half_of_a_chunk_is_unmapped_under_reads, 900)
{
	struct client *c = &self->c;
	struct half_reader r = { .c = c };
	pthread_t thread;
	long asked, again = 0;
	unsigned int i;
	void *mem;

	mem = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	start(_metadata, self, 2 * HALVES_DEPTH);
	r.lba = self->lba;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, client_map(c, mem + i * CHUNK / 2, HALVES_IOVA + i * CHUNK / 2,
					CHUNK / 2, 3));
	ASSERT_EQ(0, pthread_create(&thread, NULL, half_reader_run, &r));
	for (i = 0; i < HALVES && !again; i++) {
		uint64_t at = HALVES_IOVA + i * CHUNK;
		unsigned long was = __atomic_load_n(&r.good, __ATOMIC_ACQUIRE);

		while (__atomic_load_n(&r.good, __ATOMIC_ACQUIRE) < was + 2 * HALVES_DEPTH)
			usleep(100);
		asked = client_counter(c, "unmaps");
		EXPECT_EQ(0, client_unmap(c, at + CHUNK / 2, CHUNK / 2));
		again += client_counter(c, "unmaps") - asked - 1;
		/* the next one, and this one is not read into any more */
		EXPECT_EQ(0, client_map(c, mem, at + CHUNK, CHUNK / 2, 3));
		EXPECT_EQ(0, client_map(c, mem + CHUNK / 2, at + 3 * CHUNK / 2, CHUNK / 2, 3));
		__atomic_store_n(&r.chunk, i + 1, __ATOMIC_RELEASE);
		was = __atomic_load_n(&r.good, __ATOMIC_ACQUIRE);
		while (__atomic_load_n(&r.good, __ATOMIC_ACQUIRE) < was + 2 * HALVES_DEPTH)
			usleep(100);
		asked = client_counter(c, "unmaps");
		EXPECT_EQ(0, client_unmap(c, at, CHUNK / 2));
		/* not at all, if none of it has been read into since it was given back */
		again += client_counter(c, "unmaps") - asked > 1;
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, r.bad);
	EXPECT_EQ(0, again);
	client_measured("halves of a chunk unmapped under reads", 2 * i);
	EXPECT_EQ(0, client_unmap(c, HALVES_IOVA + i * CHUNK, CHUNK));
	munmap(mem, CHUNK);
}

static bool fd_fires(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t v;

	return poll(&p, 1, ms) == 1 && read(fd, &v, 8) == 8;
}

/* 24, 131 */
TEST_F(dev, irq_info)
{
	struct vfio_irq_info info = { .argsz = sizeof(info) };
	int i;

	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		info.index = i;
		/* as a function without error reporting has it */
		if (i == VFIO_PCI_ERR_IRQ_INDEX) {
			EXPECT_EQ(-1, ioctl(self->c.device, VFIO_DEVICE_GET_IRQ_INFO, &info));
			continue;
		}
		EXPECT_EQ(0, ioctl(self->c.device, VFIO_DEVICE_GET_IRQ_INFO, &info));
		EXPECT_EQ(i != VFIO_PCI_MSI_IRQ_INDEX, info.count > 0);
	}
	info.index = VFIO_PCI_NUM_IRQS;
	EXPECT_EQ(-1, ioctl(self->c.device, VFIO_DEVICE_GET_IRQ_INFO, &info));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-EINVAL, client_irq(&self->c, VFIO_PCI_MSI_IRQ_INDEX, 0, -1));
	EXPECT_EQ(-EINVAL, client_irq(&self->c, VFIO_PCI_MSIX_IRQ_INDEX, 500, -1));
	EXPECT_EQ(-EBADF, client_irq(&self->c, VFIO_PCI_MSIX_IRQ_INDEX, 0, 12345));
}

/* The offset of a capability in configuration space. */
static int cap_find(struct client *c, uint8_t id)
{
	int pos = cfg_read(c, 0x34, 1);

	while (pos && cfg_read(c, pos, 1) != id)
		pos = cfg_read(c, pos + 1, 1);
	return pos;
}

/* A Read is answered, and the guest leaves the answer where it is. */
static bool read_left(struct client *c, uint64_t buf)
{
	struct sqe cmd = { .opcode = 2, .nsid = 1, .prp1 = buf };
	struct queue *q = &c->io[0];
	int i;

	queue_push(c, q, &cmd);
	queue_ring(c, q);
	for (i = 0; i < 5000 && (q->cq[q->head].status & 1) != q->phase; i++)
		usleep(1000);
	/* and its interrupt is raised, with the end of the pass */
	usleep(50000);
	return i < 5000;
}

/* 6, 22, 25, 135, L6 */
TEST_F(dev, msix)
{
	struct client *c = &self->c;
	int fd0 = eventfd(0, EFD_NONBLOCK), fd1 = eventfd(0, EFD_NONBLOCK);
	struct sqe cmd = { .opcode = 0x06, .cdw10 = 1 };
	uint64_t buf;
	int i;

	ASSERT_EQ(0, client_enable(c, 16));
	ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 0, fd0));
	buf = client_iova(c, client_alloc(c, PAGE));
	ASSERT_EQ(ST_OK, client_io_queue(c, 1, 16, 1));
	EXPECT_TRUE(fd_fires(fd0, 1000));
	self->lba = 512;
	/* completes before vector 1 has an eventfd: kept, not lost */
	ASSERT_TRUE(read_left(c, buf));
	ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, fd1));
	EXPECT_TRUE(fd_fires(fd1, 1000));
	ASSERT_EQ(ST_OK, queue_wait(c, &c->io[0], NULL, 1000));
	EXPECT_FALSE(fd_fires(fd1, 100));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, self->lba));
		ASSERT_TRUE(fd_fires(fd1, 1000));
	}
	EXPECT_FALSE(fd_fires(fd1, 100));
	/* masked by the VMM: kept, however many there are, and the other vector is not */
	while (fd_fires(fd0, 0))
		;
	ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, -1));
	for (i = 0; i < 5; i++)
		ASSERT_TRUE(read_left(c, buf));
	EXPECT_FALSE(fd_fires(fd1, 100));
	cmd.prp1 = buf;
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
	EXPECT_TRUE(fd_fires(fd0, 1000));
	ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, fd1));
	EXPECT_TRUE(fd_fires(fd1, 1000));
	EXPECT_FALSE(fd_fires(fd1, 100));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(ST_OK, queue_wait(c, &c->io[0], NULL, 1000));
	/* INTMS is for others */
	bar_write(c, REG_INTMS, ~0u, 4);
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, self->lba));
	EXPECT_TRUE(fd_fires(fd1, 1000));
	EXPECT_EQ(~0u, bar_read(c, REG_INTMC, 4));
	EXPECT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, -1));
	close(fd0);
	close(fd1);
}

/* 22: A vector for each pair of queues and one more, in the table, and bits that nobody can set. */
TEST_F(dev, msix_table)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = VFIO_PCI_MSIX_IRQ_INDEX };
	struct client *c = &self->c;
	int pos = cap_find(c, 0x11);
	unsigned int i, nr, table, pba;

	ASSERT_NE(0, pos);
	nr = (cfg_read(c, pos + 2, 2) & 0x7ff) + 1;
	table = cfg_read(c, pos + 4, 4);
	pba = cfg_read(c, pos + 8, 4);
	/* both in BAR0 */
	ASSERT_EQ(0, table & 7);
	ASSERT_EQ(0, pba & 7);
	ASSERT_EQ(0, ioctl(c->device, VFIO_DEVICE_GET_IRQ_INFO, &info));
	EXPECT_EQ(info.count, nr);
	for (i = 0; i <= nr; i++) {
		EXPECT_EQ(i < nr, bar_read(c, table + 16 * i + 12, 4));
		bar_write(c, table + 16 * i, 0xfee00fff, 4);
		bar_write(c, table + 16 * i + 8, 0x4021 + i, 4);
		bar_write(c, table + 16 * i + 12, 0xfffffffe, 4);
		EXPECT_EQ(i < nr ? 0xfee00ffc : 0, bar_read(c, table + 16 * i, 4));
		EXPECT_EQ(i < nr ? 0x4021 + i : 0, bar_read(c, table + 16 * i + 8, 4));
		EXPECT_EQ(0, bar_read(c, table + 16 * i + 12, 4));
	}
	bar_write(c, pba, ~0ull, 8);
	EXPECT_EQ(0, bar_read(c, pba, 8));
	/* and as many queue pairs */
	start(_metadata, self, 16);
	for (i = 2; i < nr; i++)
		EXPECT_EQ(ST_OK, client_io_queue(c, i, 16, i));
	EXPECT_EQ(ST_QID, client_exec(c, &c->admin, &(struct sqe){
		.opcode = 0x05, .cdw10 = 15 << 16 | nr, .cdw11 = 1 }, NULL));
}

/* 22, 23: Raised for nobody, it is told of once there is somebody, unless it has ended by then. */
TEST_F(dev, msix_that_has_ended)
{
	struct client *c = &self->c;
	int fd0 = eventfd(0, EFD_NONBLOCK), fd1 = eventfd(0, EFD_NONBLOCK), how;
	uint64_t buf;

	for (how = 0; how < 5; how++) {
		ASSERT_EQ(0, client_enable(c, 16));
		ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 0, fd0));
		buf = client_iova(c, client_alloc(c, PAGE));
		ASSERT_EQ(ST_OK, client_io_queue(c, 1, 16, 1));
		ASSERT_TRUE(read_left(c, buf));
		switch (how) {
		case 0:
			client_disable(c);
			break;
		case 1:
			ASSERT_EQ(0, ioctl(c->device, VFIO_DEVICE_RESET));
			break;
		case 2:
			cfg_write(c, 0x68, 0x8000, 2);
			break;
		case 3:
			ASSERT_EQ(ST_OK, queue_wait(c, &c->io[0], NULL, 1000));
			break;
		case 4:
			/* this one has not: a VMM sets up more vectors */
			break;
		}
		if (how < 3) {
			ASSERT_EQ(0, client_enable(c, 16));
			ASSERT_EQ(ST_OK, client_io_queue(c, 1, 16, 1));
		} else {
			ASSERT_EQ(0, client_irq_none(c, VFIO_PCI_MSIX_IRQ_INDEX));
		}
		ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, fd1));
		EXPECT_EQ(how == 4, fd_fires(fd1, 100));
		ASSERT_EQ(0, client_irq_none(c, VFIO_PCI_MSIX_IRQ_INDEX));
		fd_fires(fd0, 0);
	}
	close(fd0);
	close(fd1);
}

/* SET_IRQS of one interrupt, without data or (@bool_val >= 0) with a bool. */
static int set_irq(struct client *c, uint32_t index, uint32_t start, uint32_t action, int bool_val)
{
	char buf[sizeof(struct vfio_irq_set) + 1];
	struct vfio_irq_set *set = (void *)buf;

	*set = (struct vfio_irq_set){
		.argsz = sizeof(buf), .index = index, .start = start, .count = 1,
		.flags = action | (bool_val < 0 ? VFIO_IRQ_SET_DATA_NONE : VFIO_IRQ_SET_DATA_BOOL),
	};
	set->data[0] = bool_val;
	return ioctl(c->device, VFIO_DEVICE_SET_IRQS, set) ? -errno : 0;
}

/* 24: What a VMM triggers itself, as with vfio-pci. */
TEST_F(dev, irqs_by_software)
{
	static const uint32_t actions[] = {
		VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK,
	};
	struct client *c = &self->c;
	int fd = eventfd(0, EFD_NONBLOCK), how, i;

	for (how = -1; how < 2; how++) {
		for (i = 0; i < 3; i++)
			EXPECT_EQ(-EINVAL, set_irq(c, VFIO_PCI_INTX_IRQ_INDEX, 0, actions[i], how));
		EXPECT_EQ(-EINVAL, set_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, actions[0], how));
		/* what a vector without an eventfd gets is gone */
		ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 0, fd));
		EXPECT_EQ(0, set_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, actions[0], how));
		EXPECT_EQ(0, set_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 0, actions[0], how));
		EXPECT_EQ(how != 0, fd_fires(fd, 100));
		ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, fd));
		EXPECT_FALSE(fd_fires(fd, 100));
		ASSERT_EQ(0, client_irq_none(c, VFIO_PCI_MSIX_IRQ_INDEX));
		EXPECT_EQ(how < 0 ? -EINVAL : 0,
			  set_irq(c, VFIO_PCI_REQ_IRQ_INDEX, 0, actions[0], how));
	}
	EXPECT_EQ(-EINVAL, client_irq_none(c, VFIO_PCI_REQ_IRQ_INDEX));
	ASSERT_EQ(0, client_irq(c, VFIO_PCI_REQ_IRQ_INDEX, 0, fd));
	EXPECT_EQ(0, client_irq_none(c, VFIO_PCI_REQ_IRQ_INDEX));
	close(fd);
}

/*
 * 58: Commands that a backend has are aborted or not, and each Abort says so: DW0 is 0 if and
 * only if the command has ended with Command Abort Requested, and before it.  Most of these
 * wait for their turn on the drive, as no more than a few long ones are there at a time.
 */
TEST_F(dev, aborts_tell_the_truth)
{
	struct client *c = &self->c;
	struct sqe zeroes = { .opcode = 0x08, .nsid = 1, .cdw12 = 0xff };
	unsigned int round, i, done = 0, not = 0;
	bool some;

	start(_metadata, self, 64);
	if (!(oncs(c) & ONCS_ZEROES))
		return;
	/* null commands end at once, block devices are not asked; of others some have to wait */
	some = self->data && client_state(c, "queue_pairs");
	for (round = 0; round < 10 || (some && !done && round < 300); round++) {
		uint16_t cid = 0, status[60] = { };
		struct sqe abort = { .opcode = 0x08 };
		struct cqe e, answer;

		for (i = 0; i < 60; i++) {
			zeroes.cdw10 = i * 256;
			cid = queue_push(c, &c->io[0], &zeroes);
		}
		queue_ring(c, &c->io[0]);
		/* one of the last, and one of the first, which may be on the drive */
		cid -= round & 1 ? 50 - round % 40 : round % 40;
		abort.cdw10 = (uint32_t)cid << 16 | 1;
		ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &abort, &answer));
		for (i = 0; i < 60; i++) {
			status[i] = queue_wait(c, &c->io[0], &e, 10000);
			if (e.cid == cid) {
				EXPECT_EQ(answer.dw0 & 1, status[i] != ST_ABORTED);
				done += status[i] == ST_ABORTED;
				not += status[i] != ST_ABORTED;
			} else {
				EXPECT_EQ(ST_OK, status[i]);
			}
		}
		EXPECT_FALSE(queue_pop(c, &c->io[0], NULL));
	}
	EXPECT_EQ(round, done + not);
	if (some)
		EXPECT_NE(0, done);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static uint16_t set_feature(struct client *c, uint32_t nsid, uint8_t fid, uint32_t val)
{
	struct sqe cmd = { .opcode = 0x09, .nsid = nsid, .cdw10 = fid, .cdw11 = val };

	return client_exec(c, &c->admin, &cmd, NULL);
}

struct swap {
	struct client *c;
	int fd[2], bad;
	volatile bool stop;
};

/* Swaps the eventfds of a vector until told to stop. */
static void *swap_fds(void *arg)
{
	struct swap *s = arg;
	unsigned int n = 0;

	while (!s->stop)
		s->bad |= client_irq(s->c, VFIO_PCI_MSIX_IRQ_INDEX, 1, s->fd[++n & 1]);
	return NULL;
}

/*
 * 25: Eventfds of vectors are set one by one, and no grace period (what membarrier() waits
 * for) is waited for each time; what comes meanwhile comes to the one or the other.
 */
TEST_F(dev, vectors_one_by_one)
{
	struct client *c = &self->c;
	struct swap s = { .c = c };
	uint64_t graces, sets, buf;
	pthread_t thread;
	int i, k, fired;

	for (i = 0; i < 2; i++)
		s.fd[i] = eventfd(0, EFD_NONBLOCK);
	graces = now_us();
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
	graces = now_us() - graces;
	sets = now_us();
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, i % 3, s.fd[i & 1]));
	sets = now_us() - sets;
	EXPECT_LT(4 * sets, graces);

	ASSERT_EQ(0, client_enable(c, 16));
	ASSERT_EQ(ST_OK, client_io_queue(c, 1, 16, 1));
	buf = client_iova(c, client_alloc(c, PAGE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, swap_fds, &s));
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, 512));
		for (k = 0, fired = 0; k < 500 && !fired; k++)
			fired = fd_fires(s.fd[0], 5) + fd_fires(s.fd[1], 5);
		EXPECT_NE(0, fired);
	}
	s.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, s.bad);
	/* what was replaced hears nothing any more */
	ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, s.fd[0]));
	fd_fires(s.fd[1], 0);
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, 512));
	EXPECT_TRUE(fd_fires(s.fd[0], 1000));
	EXPECT_FALSE(fd_fires(s.fd[1], 50));
}

/* @n Reads at once, each told of by an interrupt.  Return: how long that took, in us; 0: lost. */
static uint64_t reads_by_irq(struct client *c, int n, uint64_t buf, int fd)
{
	struct sqe cmd = { .opcode = 2, .nsid = 1, .prp1 = buf };
	uint64_t start = now_us();
	int i;

	for (i = 0; i < n; i++)
		queue_push(c, &c->io[0], &cmd);
	queue_ring(c, &c->io[0]);
	while (n) {
		if (!fd_fires(fd, 5000))
			return 0;
		while (queue_pop(c, &c->io[0], NULL))
			n--;
	}
	return now_us() - start;
}

/*
 * 39: Coalescing of 25.5 ms holds the interrupt of one command back, and loses none, although
 * the device would be asleep long before that and its lanes go from poller to poller; enough
 * commands, and CD, end it.
 */
TEST_F(dev, coalescing)
{
	struct client *c = &self->c;
	uint64_t buf, held, enough, us;
	int fd = eventfd(0, EFD_NONBLOCK), i;

	ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, fd));
	ASSERT_EQ(0, client_enable(c, 16));
	ASSERT_EQ(ST_OK, client_io_queue(c, 1, 16, 1));
	buf = client_iova(c, client_alloc(c, PAGE));
	ASSERT_EQ(ST_OK, set_feature(c, 0, 0x08, 255 << 8 | 3));
	ASSERT_EQ(0, client_set(c, "idle_ms", "1"));
	for (i = 0, held = 0; i < 20; i++) {
		if (i == 10)
			ASSERT_EQ(0, client_set(c, "mode", "adaptive"));
		ASSERT_EQ(0, client_set(c, "iothread_cpu", i & 1 ? "0" : "1"));
		us = reads_by_irq(c, 1, buf, fd);
		EXPECT_LE(25500, us);
		held += us;
	}
	ASSERT_EQ(0, client_set(c, "mode", "poll"));
	ASSERT_EQ(0, client_set(c, "iothread_cpu", "-1"));
	ASSERT_EQ(0, client_set(c, "idle_ms", "500"));
	for (i = 0, enough = 0; i < 20; i++) {
		us = reads_by_irq(c, 4, buf, fd);
		EXPECT_NE(0, us);
		enough += us;
	}
	EXPECT_GT(held, enough);
	ASSERT_EQ(ST_OK, set_feature(c, 0, 0x09, 1 << 16 | 1));
	for (i = 0, enough = 0; i < 20; i++) {
		us = reads_by_irq(c, 1, buf, fd);
		EXPECT_NE(0, us);
		enough += us;
	}
	EXPECT_GT(held, enough);
	close(fd);
}

/* Namespace Write Protection of NSID 1. */
static uint32_t protection(struct client *c)
{
	struct sqe cmd = { .opcode = 0x0a, .nsid = 1, .cdw10 = 0x84 };
	struct cqe cqe;

	return client_exec(c, &c->admin, &cmd, &cqe) == ST_OK ? cqe.dw0 : ~0u;
}

/* 139, 23, 28: Write protected by the guest: through resets, and until it is opened again. */
TEST_F(dev, write_protection)
{
	struct client *c = &self->c;
	uint32_t val;
	uint64_t buf;
	int i;

	for (val = 1; val <= 2; val++) {
		start(_metadata, self, 64);
		buf = client_iova(c, client_alloc(c, PAGE));
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, 0, 1, buf, self->lba));
		EXPECT_EQ(0, protection(c));
		/* beside writes on their way: each is done before, or refused */
		for (i = 0; i < 60; i++) {
			struct sqe cmd = { .opcode = 1, .nsid = 1, .prp1 = buf, .cdw10 = i };

			queue_push(c, &c->io[0], &cmd);
		}
		queue_ring(c, &c->io[0]);
		ASSERT_EQ(ST_OK, set_feature(c, 1, 0x84, val));
		for (i = 0; i < 60; i++) {
			uint16_t st = queue_wait(c, &c->io[0], NULL, 5000);

			EXPECT_TRUE(st == ST_OK || st == ST_PROTECTED);
		}
		EXPECT_EQ(ST_PROTECTED, client_rw(c, &c->io[0], true, 0, 1, buf, self->lba));
		EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, self->lba));
		EXPECT_EQ(val == 1 ? ST_OK : ST_FIXED, set_feature(c, 1, 0x84, 1));
		/* a function level reset is none of power */
		ASSERT_EQ(0, ioctl(c->device, VFIO_DEVICE_RESET));
		start(_metadata, self, 64);
		EXPECT_EQ(val, protection(c));
		client_close(c);
		ASSERT_EQ(0, client_open(c));
		start(_metadata, self, 64);
		EXPECT_EQ(val == 1 ? 1 : 0, protection(c));
		ASSERT_EQ(ST_OK, set_feature(c, 1, 0x84, 0));
		buf = client_iova(c, client_alloc(c, PAGE));
		EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], true, 0, 1, buf, self->lba));
	}
}

/* 6, 38, 45 */
TEST_F(dev, intx_is_a_level)
{
	struct client *c = &self->c;
	int fd = eventfd(0, EFD_NONBLOCK);
	struct sqe cmd = { .opcode = 0x06, .cdw10 = 1 };

	ASSERT_EQ(0, client_irq(c, VFIO_PCI_INTX_IRQ_INDEX, 0, fd));
	ASSERT_EQ(0, client_enable(c, 16));
	/* by the pin there is one vector */
	EXPECT_EQ(ST_VECTOR, client_io_queue(c, 1, 16, 1));
	EXPECT_EQ(ST_OK, client_io_queue(c, 1, 16, 0));
	ASSERT_EQ(0, client_irq_flags(c, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK));
	fd_fires(fd, 100);
	ASSERT_EQ(0, client_irq_flags(c, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK));
	EXPECT_FALSE(fd_fires(fd, 50));
	cmd.prp1 = client_iova(c, client_alloc(c, PAGE));
	queue_push(c, &c->admin, &cmd);
	queue_ring(c, &c->admin);
	ASSERT_TRUE(fd_fires(fd, 2000));
	/* masked by the signal; still high when unmasked before the head moved */
	EXPECT_FALSE(fd_fires(fd, 50));
	EXPECT_EQ(8, cfg_read(c, 6, 2) & 8);
	ASSERT_EQ(0, client_irq_flags(c, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK));
	EXPECT_TRUE(fd_fires(fd, 1000));
	/* its vector is 0: the others' bits do not mask it, bit 0 does */
	bar_write(c, REG_INTMS, ~1u, 4);
	ASSERT_EQ(0, client_irq_flags(c, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK));
	EXPECT_TRUE(fd_fires(fd, 1000));
	bar_write(c, REG_INTMS, 1, 4);
	ASSERT_EQ(0, client_irq_flags(c, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK));
	EXPECT_FALSE(fd_fires(fd, 100));
	EXPECT_EQ(0, cfg_read(c, 6, 2) & 8);
	bar_write(c, REG_INTMC, 1, 4);
	EXPECT_TRUE(fd_fires(fd, 1000));
	ASSERT_EQ(ST_OK, queue_wait(c, &c->admin, NULL, 1000));
	ASSERT_EQ(0, client_irq_flags(c, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK));
	EXPECT_FALSE(fd_fires(fd, 100));
	EXPECT_EQ(0, cfg_read(c, 6, 2) & 8);
	close(fd);
}

/* 24 */
TEST_F(dev, err_and_req_irqs)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	/* an interrupt that never comes is none */
	EXPECT_EQ(-EINVAL, client_irq(&self->c, VFIO_PCI_ERR_IRQ_INDEX, 0, fd));
	EXPECT_EQ(0, client_irq(&self->c, VFIO_PCI_REQ_IRQ_INDEX, 0, fd));
	EXPECT_EQ(0, client_irq_flags(&self->c, VFIO_PCI_REQ_IRQ_INDEX,
				      VFIO_IRQ_SET_ACTION_TRIGGER));
	EXPECT_TRUE(fd_fires(fd, 100));
	EXPECT_EQ(0, client_irq(&self->c, VFIO_PCI_REQ_IRQ_INDEX, 0, -1));
	close(fd);
}

/* 97: Doorbells through the mapping: the poller sleeps between the commands. */
TEST_F(dev, mapped_doorbells_wake_the_poller)
{
	struct client *c = &self->c;
	long wakeups;
	uint64_t buf;
	int i;

	ASSERT_EQ(0, client_map_doorbells(c));
	start(_metadata, self, 8);
	buf = client_iova(c, client_alloc(c, PAGE));
	wakeups = client_counter(c, "wakeups");
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, self->lba));
		usleep(1200000);
	}
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, self->lba));
	EXPECT_LE(wakeups + 2, client_counter(c, "wakeups"));
}

/* 96, 98: Shadow doorbells: no write to BAR0 while the poller runs, one when it sleeps. */
TEST_F_TIMEOUT(dev, shadow_doorbells, 120)
{
	struct client *c = &self->c;
	unsigned long mmio;
	uint64_t buf;
	int i;

	ASSERT_EQ(0, client_map_doorbells(c));
	ASSERT_EQ(0, client_enable(c, 16));
	ASSERT_EQ(ST_OK, client_dbbuf(c));
	ASSERT_EQ(ST_OK, client_io_queue(c, 1, 64, -1));
	buf = client_iova(c, client_alloc(c, PAGE));
	for (i = 0; i < 200; i++)
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, 512));
	mmio = c->mmio;
	for (i = 0; i < 500; i++)
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, 512));
	EXPECT_GT(100, c->mmio - mmio);
	for (i = 0; i < 3; i++) {
		usleep(1200000);
		mmio = c->mmio;
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, 512));
		EXPECT_LE(mmio + 1, c->mmio);
	}
	/* a reset forgets the pages */
	client_disable(c);
	EXPECT_EQ(0, client_enable(c, 16));
}

/* 98: The admin queue rung through BAR0 alone: its shadow, cleared, is no doorbell. */
TEST_F(dev, shadow_given_back)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x06, .cdw10 = 1 };
	uint8_t *buf;
	int i;

	ASSERT_EQ(0, client_enable(c, 32));
	ASSERT_EQ(ST_OK, client_dbbuf(c));
	ASSERT_EQ(ST_OK, client_io_queue(c, 1, 16, -1));
	buf = client_alloc(c, PAGE);
	cmd.prp1 = client_iova(c, buf);
	for (i = 0; i < 20; i++)
		ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
	memset(buf, 0x77, PAGE);
	c->shadow[0] = 0;
	c->shadow[1] = 0;
	/* all of them end in work of the controller's */
	for (i = 0; i < 3; i++) {
		bar_write(c, REG_INTMC, 1, 4);
		bar_write(c, REG_DB + 4, c->admin.head, 4);
		usleep(200000);
	}
	EXPECT_EQ(0x77, buf[0]);
	EXPECT_FALSE(queue_pop(c, &c->admin, NULL));
	for (i = 0; i < 40; i++)
		ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
	EXPECT_FALSE(queue_pop(c, &c->admin, NULL));
	memset(buf, 0x77, PAGE);
	bar_write(c, REG_CC, CC_ENABLE | 1 << 14, 4);
	for (i = 0; i < 5000 && (bar_read(c, REG_CSTS, 4) & 0xc) != 8; i++)
		usleep(1000);
	EXPECT_EQ(8, bar_read(c, REG_CSTS, 4) & 0xc);
	EXPECT_EQ(0x77, buf[0]);
	EXPECT_FALSE(queue_pop(c, &c->admin, NULL));
}

/* 33, L10: Two full submission queues, a completion queue of three entries: each answered once. */
TEST_F(dev, full_completion_queue)
{
	enum { NR = 300, DEPTH = 16, CQ_DEPTH = 4 };
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x02, .nsid = 1 }, admin;
	struct queue sq[2] = { }, cq = { .id = 2, .depth = CQ_DEPTH, .phase = 1 };
	uint8_t seen[2][NR] = { };
	int i, k, pushed[2] = { }, popped = 0;
	struct cqe e;

	start(_metadata, self, 8);
	cmd.prp1 = client_iova(c, client_alloc(c, PAGE));
	admin = (struct sqe){ .opcode = 0x00, .cdw10 = 1 };
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &admin, NULL));
	cq.cq = client_alloc(c, PAGE);
	admin = (struct sqe){ .opcode = 0x05, .prp1 = client_iova(c, cq.cq), .cdw11 = 1,
			      .cdw10 = (CQ_DEPTH - 1) << 16 | 2 };
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &admin, NULL));
	for (i = 0; i < 2; i++) {
		sq[i] = (struct queue){ .id = i + 1, .depth = DEPTH, .sq = client_alloc(c, PAGE) };
		admin = (struct sqe){ .opcode = 0x01, .prp1 = client_iova(c, sq[i].sq),
				      .cdw10 = (DEPTH - 1) << 16 | (i + 1), .cdw11 = 2 << 16 | 1 };
		ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &admin, NULL));
	}
	while (popped < 2 * NR) {
		for (i = 0; i < 2; i++) {
			/* as many as the ring has room for, by what was answered */
			for (k = 0; seen[i][k]; k++)
				;
			for (; pushed[i] < NR && pushed[i] - k < DEPTH - 1; pushed[i]++)
				queue_push(c, &sq[i], &cmd);
			queue_ring(c, &sq[i]);
		}
		/* far more is waiting than it holds; it is full, and stays as it is */
		usleep(2000);
		for (i = 0; i < 1 + popped % 3 && popped < 2 * NR; i++) {
			ASSERT_EQ(ST_OK, queue_wait(c, &cq, &e, 5000));
			ASSERT_TRUE(e.sqid == 1 || e.sqid == 2);
			ASSERT_LT(e.cid, pushed[e.sqid - 1]);
			ASSERT_EQ(0, seen[e.sqid - 1][e.cid]++);
			popped++;
		}
	}
	usleep(20000);
	EXPECT_FALSE(queue_pop(c, &cq, &e));
	EXPECT_LT(50, client_counter(c, "cq_full"));
}

/* 91, 92 */
TEST_F(dev, bad_doorbells_are_events)
{
	struct client *c = &self->c;
	struct sqe aer = { .opcode = 0x0c }, log = { .opcode = 0x02, .nsid = ~0u };
	struct cqe e;
	uint64_t buf;

	start(_metadata, self, 16);
	buf = client_iova(c, client_alloc(c, PAGE));
	queue_push(c, &c->admin, &aer);
	queue_ring(c, &c->admin);
	bar_write(c, REG_DB + 8, 16, 4);
	ASSERT_EQ(ST_OK, queue_wait(c, &c->admin, &e, 5000));
	EXPECT_EQ(0x010100, e.dw0);
	log.prp1 = buf;
	log.cdw10 = 15 << 16 | 1;
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &log, NULL));
	queue_push(c, &c->admin, &aer);
	queue_ring(c, &c->admin);
	bar_write(c, REG_DB + 0x200, 3, 4);
	ASSERT_EQ(ST_OK, queue_wait(c, &c->admin, &e, 5000));
	EXPECT_EQ(0x010000, e.dw0);
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, self->lba));
}

/* 91, 92: The same through a mapped page, idle and busy: within a second. */
TEST_F(dev, mapped_bad_doorbells_are_events)
{
	static const struct { int index; uint32_t val, event; } t[] = {
		{ 3, 9, 0x010100 }, { 2, 16, 0x010100 }, { 4, 1, 0x010000 },
		{ 200, 1, 0x010000 },
	};
	struct client *c = &self->c;
	struct sqe aer = { .opcode = 0x0c }, log = { .opcode = 0x02, .nsid = ~0u };
	struct cqe e;
	uint64_t buf;
	int i, ms;

	ASSERT_EQ(0, client_map_doorbells(c));
	start(_metadata, self, 16);
	buf = client_iova(c, client_alloc(c, PAGE));
	log.prp1 = buf;
	log.cdw10 = 15 << 16 | 1;
	for (i = 0; i < 8; i++) {
		const uint32_t val = t[i / 2].val;

		queue_push(c, &c->admin, &aer);
		queue_ring(c, &c->admin);
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, self->lba));
		/* the device falls asleep, or is kept awake by reads */
		if (i & 1)
			usleep(900000);
		c->db[t[i / 2].index] = val;
		for (ms = 0; ms < 1500 && !queue_pop(c, &c->admin, &e); ms += 10) {
			if (!(i & 1) && t[i / 2].index > 3)
				ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf,
							   self->lba));
			usleep(10000);
		}
		ASSERT_LT(ms, 1500);
		EXPECT_EQ(t[i / 2].event, e.dw0);
		ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &log, NULL));
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, buf, self->lba));
	}
}

/* 23 */
TEST_F(dev, reset_under_load)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x02, .nsid = 1 };
	int round, i;

	for (round = 0; round < 5; round++) {
		c->used = 0;
		start(_metadata, self, 64);
		cmd.prp1 = client_iova(c, client_alloc(c, PAGE));
		for (i = 0; i < 60; i++)
			queue_push(c, &c->io[0], &cmd);
		queue_ring(c, &c->io[0]);
		if (!(round & 1))
			client_disable(c);
		else
			ASSERT_EQ(0, ioctl(c->device, VFIO_DEVICE_RESET));
		EXPECT_EQ(0, bar_read(c, REG_CSTS, 4));
		EXPECT_EQ(round & 1 ? 0 : 0x001f001f, bar_read(c, REG_AQA, 4));
	}
}

/* The guest rewrites what it has submitted while it is being looked at. */
static volatile bool scribble_stop;

static void *scribble(void *arg)
{
	struct client *c = arg;
	struct sqe *sq = c->io[0].sq;
	unsigned int i = 0;

	while (!scribble_stop) {
		sq[i % 16].cdw10 = i * 2654435761u;
		sq[i % 16].cdw12 = i;
		sq[i % 16].opcode = i % 3 ? 2 : i;
		sq[i % 16].prp1 = (uint64_t)i << 40 | i;
		i++;
	}
	return NULL;
}

/* 35 */
TEST_F(dev, entries_rewritten_in_flight)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x02, .nsid = 1 };
	pthread_t thread;
	int i, left = 0;

	start(_metadata, self, 16);
	cmd.prp1 = client_iova(c, client_alloc(c, PAGE));
	scribble_stop = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, c));
	for (i = 0; i < 3000; i++) {
		if (left < 15) {
			queue_push(c, &c->io[0], &cmd);
			queue_ring(c, &c->io[0]);
			left++;
		}
		while (queue_pop(c, &c->io[0], NULL))
			left--;
	}
	while (left && queue_wait(c, &c->io[0], NULL, 5000) != ST_TIMEOUT)
		left--;
	scribble_stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, left);
}

/* 28, 130: The device is closed with commands in flight; the next user finds it fresh. */
TEST_F(dev, close_under_load)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x02, .nsid = 1 };
	int round, i;

	for (round = 0; round < 3; round++) {
		start(_metadata, self, 64);
		cmd.prp1 = client_iova(c, client_alloc(c, PAGE));
		for (i = 0; i < 60; i++)
			queue_push(c, &c->io[0], &cmd);
		queue_ring(c, &c->io[0]);
		client_close(c);
		EXPECT_EQ(0, client_state(c, "pinned_bytes"));
		ASSERT_EQ(0, client_open(c));
		EXPECT_EQ(0, bar_read(c, REG_AQA, 4));
		EXPECT_EQ(0, bar_read(c, REG_CC, 4));
	}
}

/* 21: No data, no entries, no interrupts, of admin commands neither; the page is mapped. */
TEST_F(dev, bus_master_off_stops_fetching)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x02, .nsid = 1 }, id = { .opcode = 0x06, .cdw10 = 1 };
	int fd[2] = { eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK) };
	uint8_t *buf;
	int i;

	ASSERT_EQ(0, client_map_doorbells(c));
	ASSERT_EQ(0, client_enable(c, 16));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, i, fd[i]));
	ASSERT_EQ(ST_OK, client_io_queue(c, 1, 16, 1));
	buf = client_alloc(c, 2 * PAGE);
	memset(buf, 0x77, 2 * PAGE);
	cmd.prp1 = client_iova(c, buf);
	id.prp1 = client_iova(c, buf + PAGE);
	usleep(100000);
	for (i = 0; i < 2; i++)
		fd_fires(fd[i], 0);
	cfg_write(c, 4, 0x2, 2);
	queue_push(c, &c->io[0], &cmd);
	queue_ring(c, &c->io[0]);
	queue_push(c, &c->admin, &id);
	queue_ring(c, &c->admin);
	/* longer than a device takes to fall asleep, and than the look at its doorbells */
	EXPECT_EQ(ST_TIMEOUT, queue_wait(c, &c->io[0], NULL, 1500));
	EXPECT_EQ(ST_TIMEOUT, queue_wait(c, &c->admin, NULL, 0));
	EXPECT_FALSE(fd_fires(fd[0], 0));
	EXPECT_FALSE(fd_fires(fd[1], 0));
	EXPECT_EQ(0x77, buf[0]);
	EXPECT_EQ(0x77, buf[PAGE]);
	cfg_write(c, 4, 0x6, 2);
	EXPECT_EQ(ST_OK, queue_wait(c, &c->io[0], NULL, 5000));
	EXPECT_EQ(ST_OK, queue_wait(c, &c->admin, NULL, 5000));
	EXPECT_TRUE(fd_fires(fd[0], 1000));
	EXPECT_TRUE(fd_fires(fd[1], 1000));
	EXPECT_EQ(0xf4, buf[PAGE]);
	/* registers without COMMAND.MEM */
	cfg_write(c, 4, 0x4, 2);
	EXPECT_EQ(~0ull, bar_read(c, REG_CAP, 8));
	bar_write(c, REG_CC, 0, 4);
	bar_write(c, REG_INTMS, ~0u, 4);
	cfg_write(c, 4, 0x6, 2);
	EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
	EXPECT_EQ(0, bar_read(c, REG_INTMS, 4));
	for (i = 0; i < 2; i++)
		close(fd[i]);
}

/* 21: Bus mastering goes away with commands in flight; unmapping must not wait for it. */
TEST_F(dev, unmap_with_bus_master_off)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x02, .nsid = 1 };
	void *side = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	ASSERT_NE(MAP_FAILED, side);
	start(_metadata, self, 64);
	ASSERT_EQ(0, client_map(c, side, 0x40000000, PAGE, 3));
	cmd.prp1 = 0x40000000;
	for (i = 0; i < 60; i++)
		queue_push(c, &c->io[0], &cmd);
	queue_ring(c, &c->io[0]);
	cfg_write(c, 4, 0x2, 2);
	EXPECT_EQ(0, client_unmap(c, 0x40000000, PAGE));
	cfg_write(c, 4, 0x6, 2);
	for (i = 0; i < 60; i++)
		EXPECT_NE(ST_TIMEOUT, queue_wait(c, &c->io[0], NULL, 5000));
}

/* 23 */
TEST_F(dev, flr_through_config_space)
{
	struct client *c = &self->c;
	int pos;

	start(_metadata, self, 16);
	for (pos = cfg_read(c, 0x34, 1); pos && cfg_read(c, pos, 1) != 0x10;)
		pos = cfg_read(c, pos + 1, 1);
	ASSERT_NE(0, pos);
	ASSERT_NE(0, cfg_read(c, pos + 4, 4) & 1u << 28);
	cfg_write(c, pos + 8, 0x8000, 2);
	EXPECT_EQ(0, bar_read(c, REG_CSTS, 4));
	EXPECT_EQ(0, bar_read(c, REG_AQA, 4));
	EXPECT_EQ(0, client_enable(c, 16));
}

struct ringer {
	struct client	*c;
	struct queue	*q;
	uint64_t	iova;
	size_t		lba;
	int		good;
};

static void *ring_alone(void *arg)
{
	struct ringer *r = arg;
	int i;

	for (i = 0; i < 500; i++)
		r->good += client_rw(r->c, r->q, false, i % 8, 1, r->iova, r->lba) == ST_OK;
	return NULL;
}

/* 40: Two threads, a queue pair each, doorbells at the same time. */
TEST_F(dev, two_threads_two_queues)
{
	struct client *c = &self->c;
	struct ringer r[2];
	pthread_t thread[2];
	int i;

	start(_metadata, self, 4);
	ASSERT_EQ(ST_OK, client_io_queue(c, 2, 4, -1));
	for (i = 0; i < 2; i++) {
		r[i] = (struct ringer){ c, &c->io[i], client_iova(c, client_alloc(c, PAGE)),
					self->lba };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, ring_alone, &r[i]));
	}
	for (i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(500, r[i].good);
	}
}

/* 31, 32: The largest queue there is, once around and on. */
TEST_F_TIMEOUT(dev, largest_queue, 300)
{
	struct sqe cmd = { .opcode = 0x00, .nsid = 1 };
	struct client *c = &self->c;
	unsigned int n, i, bad = 0;
	struct cqe e;

	EXPECT_EQ(32767, bar_read(c, REG_CAP, 8) & 0xffff);
	start(_metadata, self, 32768);
	for (n = 0; n < 33000; n += 100) {
		for (i = 0; i < 100; i++)
			queue_push(c, &c->io[0], &cmd);
		queue_ring(c, &c->io[0]);
		for (i = 0; i < 100; i++) {
			ASSERT_EQ(ST_OK, queue_wait(c, &c->io[0], &e, 5000));
			bad += e.sqid != 1 || e.dw0 || e.dw1;
		}
	}
	EXPECT_EQ(0, bad);
}

/* 133: Half a GiB in pieces of 2 MiB: nothing is pinned that is not used. */
TEST_F(dev, much_memory_in_pieces)
{
	const size_t piece = 2ul << 20, nr = 256;
	const uint64_t at = 1ull << 40;
	struct client *c = &self->c;
	long before;
	uint8_t *mem;
	size_t i;

	start(_metadata, self, 16);
	before = client_state(c, "pinned_bytes");
	mem = mmap(NULL, piece * nr, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, client_map(c, mem + i * piece, at + i * piece, piece,
					VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE));
	EXPECT_EQ(before, client_state(c, "pinned_bytes"));
	for (i = 0; i < nr; i += 64)
		EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, at + i * piece, self->lba));
	EXPECT_EQ(before + 4 * (long)piece, client_state(c, "pinned_bytes"));
	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, client_unmap(c, at + i * piece, piece));
	EXPECT_EQ(before, client_state(c, "pinned_bytes"));
	munmap(mem, piece * nr);
}

#define WIDE		(64l << 20)	/* guest memory for I/O, several times the bound */
#define WIDE_IOVA	(1ull << 36)
#define CHUNKS		(WIDE / (2l << 20))
#define STREAM_DEPTH	32

FIXTURE(memory)
{
	FIXTURE_DATA(dev) dev;
	uint64_t *wide;
	uint64_t *list[STREAM_DEPTH];
	unsigned int bytes;	/* of a command, 128 KiB or a multiple */
	unsigned int step;	/* one in so many of commands whose pages go round all chunks */
	unsigned int near;	/* and of those whose pages are neighbours */
};

/* Two queue pairs, and memory for I/O that is more than the bound. */
FIXTURE_SETUP(memory)
{
	struct client *c = &self->dev.c;
	int i;

	ASSERT_NE(NULL, client_uuid());
	ASSERT_EQ(0, client_open(c));
	self->dev.data = !getenv("NVME_MDEV_DATA") || atoi(getenv("NVME_MDEV_DATA"));
	start(_metadata, &self->dev, 2 * STREAM_DEPTH);
	ASSERT_EQ(ST_OK, client_io_queue(c, 2, 16, -1));
	for (i = 0; i < STREAM_DEPTH; i++)
		self->list[i] = client_alloc(c, PAGE);
	self->bytes = 128 << 10;
	self->step = getenv("NVME_MDEV_STEP") ? atoi(getenv("NVME_MDEV_STEP")) : 1;
	self->near = self->step > 1 ? WIDE / CHUNKS / self->bytes / 2 : 1;
	self->wide = mmap(NULL, WIDE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->wide);
	ASSERT_EQ(0, client_map(c, self->wide, WIDE_IOVA, WIDE,
				VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE));
}

FIXTURE_TEARDOWN(memory)
{
	struct client *c = &self->dev.c;

	EXPECT_EQ(0, client_set(c, "pinned_limit", "0"));
	EXPECT_EQ(0, client_set(c, "pinned_idle_ms", "30000"));
	client_close(c);
	munmap(self->wide, WIDE);
	EXPECT_EQ(0, client_state(c, "pinned_bytes"));
}

/* Looks at pinned_bytes all the time. */
struct watch {
	struct client	*c;
	pthread_t	thread;
	bool		stop;
	long		most;
};

static void *watch_run(void *arg)
{
	struct watch *w = arg;
	long now;

	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		now = client_state(w->c, "pinned_bytes");
		if (now > w->most)
			w->most = now;
		usleep(2000);
	}
	return NULL;
}

static void watch_start(struct watch *w, struct client *c)
{
	*w = (struct watch){ .c = c };
	pthread_create(&w->thread, NULL, watch_run, w);
}

/* The most bytes that were ever seen pinned. */
static long watch_stop(struct watch *w)
{
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	pthread_join(w->thread, NULL);
	return w->most;
}

/*
 * All of the wide memory, STREAM_DEPTH commands at a time; the pages of a command are neighbours,
 * or go round all chunks.  Returns how many commands went wrong.
 */
static unsigned int stream(FIXTURE_DATA(memory) * self, bool write, bool scattered)
{
	const unsigned int nr = WIDE / self->bytes, lbas = self->bytes / self->dev.lba;
	const unsigned int pages = self->bytes / PAGE, step = scattered ? self->step : self->near;
	struct client *c = &self->dev.c;
	struct queue *q = &c->io[0];
	unsigned int k, j, n = 0, done = 0, bad = 0, nr_free = STREAM_DEPTH;
	uint8_t free[STREAM_DEPTH];
	struct cqe e = { };
	uint16_t status;

	for (j = 0; j < STREAM_DEPTH; j++)
		free[j] = j;
	q->cid = 0;
	while (done < nr / step) {
		while (nr_free && n < nr) {
			struct sqe cmd = { .opcode = write ? 1 : 2, .nsid = 1 };
			uint64_t *list;

			/* identifiers are those of the slots: answers come in any order */
			k = free[--nr_free];
			list = self->list[k];
			for (j = 0; j < pages; j++) {
				unsigned int far = j % CHUNKS * (pages / CHUNKS) + j / CHUNKS;

				list[j] = WIDE_IOVA +
					  PAGE * (scattered ? far * nr + n : n * pages + j);
			}
			cmd.prp1 = list[0];
			cmd.prp2 = client_iova(c, list + 1);
			cmd.cdw10 = n * lbas;
			cmd.cdw12 = lbas - 1;
			q->cid = k;
			queue_push(c, q, &cmd);
			n += step;
		}
		queue_ring(c, q);
		status = queue_wait(c, q, &e, 20000);
		if (status) {
			printf("# answer %u of %u: status %#x\n", done, nr, status);
			bad++;
		}
		if (status == ST_TIMEOUT || e.cid >= STREAM_DEPTH || bad > 4)
			return bad + 1;
		free[nr_free++] = e.cid;
		done++;
	}
	return bad;
}

static void wide_fill(uint64_t *p, uint64_t seed)
{
	size_t i;

	for (i = 0; i < WIDE / 8; i++)
		p[i] = i * 0x9e3779b97f4a7c15ull + seed;
}

/* Words that are not what wide_fill() wrote, in the pages of commands that were sent. */
static size_t wide_bad(FIXTURE_DATA(memory) * self, bool scattered, uint64_t seed)
{
	const unsigned int nr = WIDE / self->bytes, step = scattered ? self->step : self->near;
	const uint64_t *p = self->wide;
	size_t i, bad = 0;

	for (i = 0; i < WIDE / 8; i++)
		if ((scattered ? i / (PAGE / 8) % nr : i / (self->bytes / 8)) % step == 0)
			bad += p[i] != i * 0x9e3779b97f4a7c15ull + seed;
	return bad;
}

/* Written, and read back into cleared memory; commands and words that went wrong. */
static size_t there_and_back(FIXTURE_DATA(memory) * self, bool scattered, uint64_t seed)
{
	unsigned int bad;

	wide_fill(self->wide, seed);
	bad = stream(self, true, scattered);
	if (bad)
		return bad;
	memset(self->wide, 0, WIDE);
	bad = stream(self, false, scattered);
	return bad ?: self->dev.data ? wide_bad(self, scattered, seed) : 0;
}

/* The least that may be set for pinned memory: 16 MiB with two queue pairs, 26 MiB with four. */
static long least(struct client *c)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = VFIO_PCI_MSIX_IRQ_INDEX };

	ioctl(c->device, VFIO_DEVICE_GET_IRQ_INFO, &info);
	return (5l * (info.count - 1) + 6) << 20;
}

static int bound_set(struct client *c)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", least(c));
	return client_set(c, "pinned_limit", text);
}

static void *set_bound(void *arg)
{
	return (void *)(long)bound_set(arg);
}

/* 133: I/O over several times the bound, by neighbouring pages and by pages of all chunks. */
TEST_F_TIMEOUT(memory, io_over_the_bound, 900)
{
	struct client *c = &self->dev.c;
	struct watch w;

	ASSERT_EQ(0, bound_set(c));
	watch_start(&w, c);
	EXPECT_EQ(0, there_and_back(self, false, 1));
	EXPECT_EQ(0, there_and_back(self, true, 2));
	EXPECT_GE(least(c), watch_stop(&w));
	EXPECT_LT(least(c) / 2, w.most);
	/* twice all of it by neighbours, and again by scattered pages if no command is left out */
	EXPECT_LE(((self->step > 1 ? 2 : 4) * WIDE - least(c)) / (long)PAGE,
		  client_counter(c, "pages_reclaimed"));
	EXPECT_EQ(0, client_counter(c, "errors"));
	EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
}

/* 133: Each command needs pages of every chunk, several times over. */
TEST_F_TIMEOUT(memory, io_over_the_bound_in_large_commands, 900)
{
	struct client *c = &self->dev.c;

	self->bytes = 512 << 10;
	ASSERT_EQ(0, bound_set(c));
	EXPECT_EQ(0, there_and_back(self, true, 4));
	EXPECT_EQ(0, client_counter(c, "errors"));
	EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
}

/* The same with shadow doorbells, whose pages must stay. */
TEST_F_TIMEOUT(memory, io_over_the_bound_with_shadow_doorbells, 900)
{
	struct client *c = &self->dev.c;

	ASSERT_EQ(ST_OK, client_dbbuf(c));
	ASSERT_EQ(0, bound_set(c));
	EXPECT_EQ(0, there_and_back(self, true, 3));
	EXPECT_EQ(0, client_counter(c, "errors"));
	EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
}

/* 133: The bound is lowered while all of the memory is pinned and in use, and taken away again. */
TEST_F_TIMEOUT(memory, bound_lowered_under_io, 900)
{
	struct client *c = &self->dev.c;
	pthread_t thread;
	struct watch w;
	void *ret;

	EXPECT_EQ(0, stream(self, false, false));
	EXPECT_LT(WIDE, client_state(c, "pinned_bytes"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, set_bound, c));
	EXPECT_EQ(0, there_and_back(self, false, 5));
	pthread_join(thread, &ret);
	EXPECT_EQ(NULL, ret);
	watch_start(&w, c);
	EXPECT_EQ(0, stream(self, false, true));
	EXPECT_GE(least(c), watch_stop(&w));
	ASSERT_EQ(0, client_set(c, "pinned_limit", "0"));
	EXPECT_EQ(0, stream(self, false, false));
	EXPECT_LT(least(c), client_state(c, "pinned_bytes"));
	EXPECT_EQ(0, client_counter(c, "errors"));
}

/* 133: What is unused goes, while its neighbour is in use; queues stay. */
TEST_F_TIMEOUT(memory, unused_memory_goes, 900)
{
	const long chunk = 2l << 20;
	struct client *c = &self->dev.c;
	long before, pinned = 0;
	int i, n = 0;

	ASSERT_EQ(0, client_set(c, "pinned_idle_ms", "0"));
	before = client_state(c, "pinned_bytes");
	for (i = 0; i < 8; i++)
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, WIDE_IOVA + i * chunk,
					   self->dev.lba));
	EXPECT_EQ(before + 8 * chunk, client_state(c, "pinned_bytes"));
	usleep(500000);
	EXPECT_EQ(before + 8 * chunk, client_state(c, "pinned_bytes"));

	ASSERT_EQ(0, client_set(c, "pinned_idle_ms", "300"));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, WIDE_IOVA + chunk,
					   self->dev.lba));
		pinned = client_state(c, "pinned_bytes");
		/* the chunk in use never goes */
		ASSERT_LE(chunk, pinned);
		n += pinned <= before + chunk;
		usleep(10000);
	}
	EXPECT_LE(50, n);
	EXPECT_GE(before + chunk, pinned);
	EXPECT_LE(7 * chunk / (long)PAGE, client_counter(c, "pages_idle"));
	usleep(1000000);
	EXPECT_GE(before, client_state(c, "pinned_bytes"));
	EXPECT_LT(0, client_state(c, "pinned_bytes"));
	/* nothing missed but what has been given back */
	n = client_counter(c, "misses");
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, WIDE_IOVA, self->dev.lba));
	EXPECT_EQ(n + 1, client_counter(c, "misses"));
	EXPECT_EQ(0, client_counter(c, "errors"));
}

struct unmapper {
	struct client	*c;
	bool		stop;
	unsigned int	bad, rounds;
	size_t		lba;
};

/* Maps, uses and unmaps other memory, on a queue of its own. */
static void *unmapper_run(void *arg)
{
	const uint64_t at = 1ull << 37, size = 8ul << 20;
	struct unmapper *u = arg;
	unsigned int i;
	void *mem;

	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	while (!__atomic_load_n(&u->stop, __ATOMIC_ACQUIRE)) {
		u->bad += client_map(u->c, mem, at, size,
				     VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE) != 0;
		for (i = 0; i < 4; i++)
			u->bad += client_rw(u->c, &u->c->io[1], false, 0, 1, at + (i << 21),
					    u->lba) != ST_OK;
		u->bad += client_unmap(u->c, at, size) != 0;
		u->rounds++;
	}
	munmap(mem, size);
	return NULL;
}

/* 133: Memory is given back for the bound, unused, and by the guest, all at once. */
TEST_F_TIMEOUT(memory, unmap_beside_giving_back, 900)
{
	struct client *c = &self->dev.c;
	struct unmapper u = { .c = c, .lba = self->dev.lba };
	pthread_t thread;

	ASSERT_EQ(0, bound_set(c));
	ASSERT_EQ(0, client_set(c, "pinned_idle_ms", "10"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, unmapper_run, &u));
	EXPECT_EQ(0, there_and_back(self, false, 8));
	EXPECT_EQ(0, there_and_back(self, true, 9));
	__atomic_store_n(&u.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, u.bad);
	EXPECT_LT(4, u.rounds);
	EXPECT_EQ(0, client_counter(c, "errors"));
}

struct streamer {
	FIXTURE_DATA(memory) * self;
	bool		stop;
	unsigned int	bad, rounds;
};

static void *streamer_run(void *arg)
{
	struct streamer *s = arg;

	do {
		s->bad += stream(s->self, false, true);
		s->rounds++;
	} while (!s->bad && !__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE));
	return NULL;
}

/* 133: Admin commands want pages of their own while I/O has taken all there are. */
TEST_F_TIMEOUT(memory, admin_beside_io_over_the_bound, 900)
{
	const uint64_t at = 1ull << 37;
	struct client *c = &self->dev.c;
	struct streamer s = { .self = self };
	struct sqe cmd;
	pthread_t thread;
	unsigned int i;
	void *mem;

	mem = mmap(NULL, WIDE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, client_map(c, mem, at, WIDE,
				VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE));
	ASSERT_EQ(0, bound_set(c));
	ASSERT_EQ(0, pthread_create(&thread, NULL, streamer_run, &s));
	for (i = 0; i < 4000 / self->near; i++) {
		cmd = (struct sqe){ .opcode = 6, .cdw10 = 1,
				    .prp1 = at + i * 61 % (WIDE / PAGE) * PAGE };
		ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, s.bad);
	EXPECT_EQ(0, client_counter(c, "errors"));
	EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
	munmap(mem, WIDE);
}

struct row {
	uint8_t		opcode, flags;
	uint32_t	nsid, cdw10, cdw11;
	uint16_t	status;
};

static void expect_rows(struct __test_metadata *_metadata, struct client *c, struct queue *q,
			const struct row *row, size_t nr)
{
	uint64_t buf = client_iova(c, client_alloc(c, 2 * PAGE));
	uint16_t status;
	size_t i;

	for (i = 0; i < nr; i++, row++) {
		struct sqe cmd = { .opcode = row->opcode, .flags = row->flags, .nsid = row->nsid,
				   .cdw10 = row->cdw10, .cdw11 = row->cdw11, .prp1 = buf,
				   .prp2 = buf + PAGE };

		status = client_exec(c, q, &cmd, NULL);
		EXPECT_EQ(row->status, status) {
			TH_LOG("row %zu: opcode %x nsid %x cdw10 %x cdw11 %x", i, row->opcode,
			       row->nsid, row->cdw10, row->cdw11);
		}
	}
}

/* 53, 56, 58, 62, 64, 66 to 70, 73 to 76: Identify, logs, and what is not there. */
TEST_F(dev, admin_statuses)
{
	static const struct row t[] = {
		/* Identify */
		{ 6, 0, 1, 0x00, 0, ST_OK }, { 6, 0, 2, 0x00, 0, ST_OK },
		{ 6, 0, 0, 0x00, 0, ST_NS }, { 6, 0, ~0u, 0x00, 0, ST_NS },
		{ 6, 0, 200, 0x00, 0, ST_NS }, { 6, 0, 0, 0x01, 0, ST_OK },
		{ 6, 0, 0, 0x02, 0, ST_OK }, { 6, 0, ~0u - 1, 0x02, 0, ST_NS },
		{ 6, 0, 1, 0x03, 0, ST_OK }, { 6, 0, 2, 0x03, 0, ST_NS },
		{ 6, 0, 0, 0x04, 0, ST_FIELD }, { 6, 0, 1, 0x05, 0, ST_OK },
		{ 6, 0, 1, 0x05, 2u << 24, ST_FIELD }, { 6, 0, 0, 0x06, 0, ST_OK },
		{ 6, 0, 0, 0x06, 2u << 24, ST_FIELD }, { 6, 0, 0, 0x07, 0, ST_OK },
		{ 6, 0, 1, 0x08, 0, ST_OK }, { 6, 0, 0, 0x10, 0, ST_FIELD },
		{ 6, 0, 1, 0x12, 0, ST_OK }, { 6, 0, 0, 0x13, 0, ST_OK },
		{ 6, 0, 0, 0xffff001c, 0, ST_OK }, { 6, 0, 0, 0x0002001c, 0, ST_FIELD },
		{ 6, 0, 0, 0xff, 0, ST_FIELD },
		/* no fused commands, no SGLs */
		{ 6, 1, 0, 0x01, 0, ST_FIELD }, { 6, 0x40, 0, 0x01, 0, ST_FIELD },
		/* Get Log Page */
		{ 2, 0, 0, 255 << 16, 0, ST_OK }, { 2, 0, 0, 15 << 16 | 1, 0, ST_OK },
		{ 2, 0, ~0u, 127 << 16 | 2, 0, ST_OK }, { 2, 0, 1, 127 << 16 | 2, 0, ST_FIELD },
		{ 2, 0, 0, 127 << 16 | 3, 0, ST_OK }, { 2, 0, 0, 1023 << 16 | 4, 0, ST_OK },
		{ 2, 0, 0, 1023 << 16 | 5, 0, ST_OK }, { 2, 0, 0, 255 << 16 | 0x12, 0, ST_OK },
		{ 2, 0, 0, 1023 << 16 | 0x13, 0, ST_OK },
		{ 2, 0, 0, 6, 0, ST_LOG }, { 2, 0, 0, 0x80, 0, ST_LOG },
		/* Abort of nothing; Keep Alive and the rest that is not offered */
		{ 8, 0, 0, 0x00630001, 0, ST_OK }, { 0x18, 0, 0, 0, 0, ST_OPCODE },
		{ 0x0d, 0, 0, 0, 0, ST_OPCODE }, { 0x10, 0, 0, 0, 0, ST_OPCODE },
		{ 0x11, 0, 0, 0, 0, ST_OPCODE }, { 0x14, 0, 0, 0, 0, ST_OPCODE },
		{ 0x80, 0, 1, 0, 0, ST_OPCODE }, { 0x81, 0, 0, 0, 0, ST_OPCODE },
		{ 0x84, 0, 0, 0, 0, ST_OPCODE }, { 0xc0, 0, 0, 0, 0, ST_OPCODE },
		{ 0xff, 0, 0, 0, 0, ST_OPCODE },
	};

	start(_metadata, self, 16);
	expect_rows(_metadata, &self->c, &self->c.admin, t, sizeof(t) / sizeof(*t));
}

/* 52, 81 to 83, 87: Features: current, default, capabilities, and what is refused. */
TEST_F(dev, feature_statuses)
{
	static const struct row t[] = {
		{ 0x0a, 0, 0, 0x01, 0, ST_OK }, { 0x0a, 0, 0, 0x102, 0, ST_OK },
		{ 0x0a, 0, 0, 0x304, 0, ST_OK }, { 0x0a, 0, 1, 0x05, 0, ST_OK },
		{ 0x0a, 0, 0, 0x07, 0, ST_OK }, { 0x0a, 0, 0, 0x08, 0, ST_OK },
		{ 0x0a, 0, 0, 0x09, 0, ST_OK }, { 0x0a, 0, 0, 0x0a, 0, ST_OK },
		{ 0x0a, 0, 0, 0x0b, 0, ST_OK }, { 0x0a, 0, 0, 0x401, 0, ST_FIELD },
		{ 0x0a, 0, 0, 0x00, 0, ST_FIELD }, { 0x0a, 0, 0, 0x0d, 0, ST_FIELD },
		{ 0x0a, 0, 0, 0x0f, 0, ST_FIELD }, { 0x0a, 0, 0, 0x80, 0, ST_FIELD },
		{ 0x09, 0, 0, 0x02, 1, ST_FIELD }, { 0x09, 0, 0, 0x80000001, 0, ST_SAVE },
		{ 0x09, 0, 1, 0x0b, 0, ST_NOT_NS }, { 0x09, 0, 0, 0x0b, 0x100, ST_OK },
		{ 0x09, 0, 0, 0x07, 0x00010001, ST_SEQUENCE },
		{ 0x09, 0, 0, 0x09, 99, ST_FIELD },
	};

	start(_metadata, self, 16);
	expect_rows(_metadata, &self->c, &self->c.admin, t, sizeof(t) / sizeof(*t));
}

/* 41 to 49: Create and delete queues, with queue pair 1 there. */
TEST_F(dev, queue_statuses)
{
	static const struct row t[] = {
		{ 5, 0, 0, 15 << 16 | 0, 1, ST_QID }, { 5, 0, 0, 15 << 16 | 1, 1, ST_QID },
		{ 5, 0, 0, 15 << 16 | 99, 1, ST_QID }, { 5, 0, 0, 2, 1, ST_QSIZE },
		{ 5, 0, 0, 15 << 16 | 2, 0, ST_FIELD },
		{ 5, 0, 0, 15 << 16 | 2, 99 << 16 | 3, ST_VECTOR },
		{ 1, 0, 0, 15 << 16 | 0, 1 << 16 | 1, ST_QID },
		{ 1, 0, 0, 15 << 16 | 1, 1 << 16 | 1, ST_QID },
		{ 1, 0, 0, 15 << 16 | 2, 1, ST_QID },
		{ 1, 0, 0, 15 << 16 | 2, 99 << 16 | 1, ST_QID },
		{ 1, 0, 0, 15 << 16 | 2, 2 << 16 | 1, ST_CQ },
		{ 1, 0, 0, 2, 1 << 16 | 1, ST_QSIZE },
		{ 0, 0, 0, 0, 0, ST_QID }, { 0, 0, 0, 2, 0, ST_QID },
		{ 4, 0, 0, 0, 0, ST_QID }, { 4, 0, 0, 2, 0, ST_QID }, { 4, 0, 0, 1, 0, ST_QDELETE },
		{ 0, 0, 0, 1, 0, ST_OK }, { 0, 0, 0, 1, 0, ST_QID },
		{ 4, 0, 0, 1, 0, ST_OK }, { 4, 0, 0, 1, 0, ST_QID },
	};

	start(_metadata, self, 16);
	expect_rows(_metadata, &self->c, &self->c.admin, t, sizeof(t) / sizeof(*t));
	EXPECT_EQ(ST_OK, client_io_queue(&self->c, 1, 16, -1));
}

/* 106, 109 to 111, 114, 118: Commands of the NVM command set. */
TEST_F(dev, io_statuses)
{
	static const struct row t[] = {
		{ 0, 0, 1, 0, 0, ST_OK }, { 0, 0, ~0u, 0, 0, ST_NS }, { 0, 0, 0, 0, 0, ST_NS },
		{ 2, 0, 1, 0, 0, ST_OK }, { 2, 0, 0, 0, 0, ST_NS }, { 2, 0, ~0u, 0, 0, ST_NS },
		{ 2, 0, 200, 0, 0, ST_NS }, { 2, 0, 2, 0, 0, ST_FIELD },
		{ 2, 0, 1, ~0u, ~0u, ST_LBA }, { 2, 1, 1, 0, 0, ST_FIELD },
		{ 2, 2, 1, 0, 0, ST_FIELD }, { 2, 0x40, 1, 0, 0, ST_FIELD },
		{ 2, 0x80, 1, 0, 0, ST_FIELD }, { 4, 0, 1, 0, 0, ST_OPCODE },
		{ 0x0d, 0, 1, 0, 0, ST_OPCODE }, { 0x0e, 0, 1, 0, 0, ST_OPCODE },
		{ 0x11, 0, 1, 0, 0, ST_OPCODE }, { 0x15, 0, 1, 0, 0, ST_OPCODE },
		{ 0x7d, 0, 1, 0, 0, ST_OPCODE }, { 0x80, 0, 1, 0, 0, ST_OPCODE },
		{ 0xff, 0, 1, 0, 0, ST_OPCODE },
	};

	start(_metadata, self, 16);
	expect_rows(_metadata, &self->c, &self->c.io[0], t, sizeof(t) / sizeof(*t));
}

/* Does CSTS become @val in @mask, within five seconds? */
static bool csts_becomes(struct client *c, uint32_t mask, uint32_t val)
{
	int i;

	for (i = 0; i < 5000; i++) {
		if ((bar_read(c, REG_CSTS, 4) & mask) == val)
			return true;
		usleep(1000);
	}
	return false;
}

/* 4, 6, 11, 15, 16, 18: Registers of a controller that is not enabled. */
TEST_F(dev, registers_before_enable)
{
	struct client *c = &self->c;

	bar_write(c, REG_ASQ + 4, 1, 4);
	bar_write(c, REG_ASQ, 0x12345fff, 4);
	EXPECT_EQ(0x112345000ull, bar_read(c, REG_ASQ, 8));
	bar_write(c, REG_ACQ, 0x2fffffff0ull, 8);
	EXPECT_EQ(0x2fffff000ull, bar_read(c, REG_ACQ, 8));
	bar_write(c, REG_AQA, ~0u, 4);
	EXPECT_EQ(0x0fff0fff, bar_read(c, REG_AQA, 4));
	bar_write(c, REG_INTMS, 0xf0, 4);
	bar_write(c, REG_INTMC, 0x30, 4);
	EXPECT_EQ(0xc0, bar_read(c, REG_INTMS, 4));
	EXPECT_EQ(0xc0, bar_read(c, REG_INTMC, 4));
	bar_write(c, REG_INTMC, ~0u, 4);
	bar_write(c, 0x20, 0x4e564d65, 4);
	EXPECT_EQ(0, bar_read(c, 0x20, 4));
	EXPECT_EQ(0, bar_read(c, REG_DB, 4));
	bar_write(c, REG_CC, 1 << 14, 4);
	EXPECT_TRUE(csts_becomes(c, 0xc, 0x8));
	bar_write(c, REG_CC, 0, 4);
	start(_metadata, self, 16);
}

/* 8, 9, 12 to 14, 17, 84, L5: Enabled, shut down, enabled again, in haste too. */
TEST_F(dev, enabled_again_and_again)
{
	struct sqe cmd = { .opcode = 0x09, .cdw10 = 0x0b, .cdw11 = 0x100 };
	struct client *c = &self->c;
	struct cqe e;
	int i;

	start(_metadata, self, 16);
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
	cmd = (struct sqe){ .opcode = 0x0a, .cdw10 = 0x0b };
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, &e));
	EXPECT_EQ(0x100, e.dw0);
	bar_write(c, REG_AQA, 0x00010001, 4);
	EXPECT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, &e));
	bar_write(c, REG_CC, CC_ENABLE | 1 << 14, 4);
	EXPECT_TRUE(csts_becomes(c, 0xf, 0x9));
	bar_write(c, REG_CC, 0, 4);
	EXPECT_TRUE(csts_becomes(c, CSTS_RDY, 0));
	EXPECT_EQ(0x00010001, bar_read(c, REG_AQA, 4));
	bar_write(c, REG_CC, 1, 4);	/* entry sizes are for I/O queues */
	EXPECT_TRUE(csts_becomes(c, 0xf, CSTS_RDY));
	for (i = 0; i < 5; i++) {
		bar_write(c, REG_CC, 0, 4);
		bar_write(c, REG_CC, CC_ENABLE, 4);
	}
	EXPECT_TRUE(csts_becomes(c, 0xf, CSTS_RDY));
	bar_write(c, REG_CC, 0, 4);
	EXPECT_TRUE(csts_becomes(c, CSTS_RDY, 0));
	start(_metadata, self, 16);
	ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, &e));
	EXPECT_EQ(0, e.dw0);
}

/* 50, 51: A queue is deleted under load, and made again. */
TEST_F(dev, deleted_under_load)
{
	struct sqe cmd = { .opcode = 0x02, .nsid = 1 }, del;
	struct client *c = &self->c;
	int round, i, n;

	start(_metadata, self, 64);
	cmd.prp1 = client_iova(c, client_alloc(c, PAGE));
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 50; i++)
			queue_push(c, &c->io[0], &cmd);
		queue_ring(c, &c->io[0]);
		ASSERT_EQ(ST_OK, queue_wait(c, &c->io[0], NULL, 5000));
		del = (struct sqe){ .opcode = 0x00, .cdw10 = 1 };
		ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &del, NULL));
		/* what was fetched is answered by now, and nothing after */
		for (n = 1; queue_pop(c, &c->io[0], NULL); n++)
			;
		usleep(20000);
		EXPECT_FALSE(queue_pop(c, &c->io[0], NULL));
		EXPECT_GE(50, n);
		del = (struct sqe){ .opcode = 0x04, .cdw10 = 1 };
		ASSERT_EQ(ST_OK, client_exec(c, &c->admin, &del, NULL));
		ASSERT_EQ(ST_OK, client_io_queue(c, 1, round & 1 ? 64 : 60, -1));
	}
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 1, cmd.prp1, self->lba));
}

/* 59: As many event requests as there may be, one more, and none after CC.EN = 0. */
TEST_F(dev, event_requests)
{
	struct sqe aer = { .opcode = 0x0c };
	struct client *c = &self->c;
	struct cqe e;
	uint8_t *id;
	int i;

	start(_metadata, self, 16);
	id = client_alloc(c, PAGE);
	ASSERT_EQ(ST_OK, identify(c, 0, 1, id));
	for (i = 0; i <= id[259]; i++)
		queue_push(c, &c->admin, &aer);
	queue_ring(c, &c->admin);
	EXPECT_EQ(ST_TIMEOUT, queue_wait(c, &c->admin, &e, 50));
	EXPECT_EQ(ST_AER, client_exec(c, &c->admin, &aer, NULL));
	client_disable(c);
	EXPECT_FALSE(queue_pop(c, &c->admin, &e));
	start(_metadata, self, 16);
}

/* 63, 94, 100, 101, 108, 113: Data pointers, the largest transfer, flags. */
TEST_F(dev, pointers_and_flags)
{
	struct client *c = &self->c;
	struct sqe cmd = { .opcode = 0x06, .cdw10 = 1 };
	uint8_t *id, *parts;
	uint64_t buf;
	uint32_t n;

	start(_metadata, self, 16);
	id = client_alloc(c, PAGE);
	parts = client_alloc(c, 2 * PAGE);
	ASSERT_EQ(ST_OK, identify(c, 0, 1, id));
	cmd.prp1 = client_iova(c, parts) + 1000;
	cmd.prp2 = client_iova(c, parts) + PAGE;
	EXPECT_EQ(ST_OK, client_exec(c, &c->admin, &cmd, NULL));
	EXPECT_EQ(0, memcmp(id, parts + 1000, PAGE));
	cmd = (struct sqe){ .opcode = 0x7c, .prp1 = cmd.prp2 + 8, .prp2 = cmd.prp2 };
	EXPECT_EQ(ST_FIELD, client_exec(c, &c->admin, &cmd, NULL));

	buf = client_iova(c, parts);
	n = PAGE / self->lba;
	cmd = (struct sqe){ .opcode = 0x01, .nsid = 1, .prp1 = buf, .mptr = ~0ull - 2 };
	cmd.cdw12 = 3u << 30;		/* FUA, LR */
	EXPECT_EQ(ST_OK, client_exec(c, &c->io[0], &cmd, NULL));
	cmd.cdw12 = 1 << 20;		/* DTYPE */
	EXPECT_EQ(ST_FIELD, client_exec(c, &c->io[0], &cmd, NULL));
	cmd.cdw12 = 0;
	cmd.prp1 = buf + 2;
	EXPECT_EQ(ST_PRP, client_exec(c, &c->io[0], &cmd, NULL));
	cmd.cdw12 = 2 * n - 1;
	cmd.prp1 = buf;
	cmd.prp2 = buf + PAGE + 8;
	EXPECT_EQ(ST_PRP, client_exec(c, &c->io[0], &cmd, NULL));
	cmd.cdw12 = (PAGE << id[77]) / self->lba;
	EXPECT_EQ(ST_FIELD, client_exec(c, &c->io[0], &cmd, NULL));
}

TEST_HARNESS_MAIN
