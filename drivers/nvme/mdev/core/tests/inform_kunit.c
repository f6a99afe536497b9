// SPDX-License-Identifier: GPL-2.0
/* What a controller tells of itself: Identify, features, log pages */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

/* 65, 72, 2: stable, honest, its own */
static void c65_identify_controller(struct kunit *test)
{
	static const char nqn[] =
		VNVME_NQN_PREFIX "01234567-89ab-4cde-8f01-23456789abcd";
	struct fake *f = fake_ready(2);
	struct vnvme_id_ctrl *id = fake_ptr(f, FAKE_ID);
	struct vnvme_id_ctrl was;
	u32 i;

	KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, memcmp(id->sn, f->cfg.serial, 20), 0);
	KUNIT_EXPECT_EQ(test, memcmp(id->mn, "nvme-mdev           ", 20), 0);
	KUNIT_EXPECT_EQ(test, memcmp(id->fr, "1       ", 8), 0);
	KUNIT_EXPECT_EQ(test, memcmp(id->subnqn, nqn, sizeof(nqn)), 0);
	KUNIT_EXPECT_EQ(test, id->ver, fake_read32(f, VNVME_REG_VS));
	KUNIT_EXPECT_EQ(test, id->vid, fake_cfg_read32(f, 0) & 0xffff);
	KUNIT_EXPECT_EQ(test, id->ssvid, fake_cfg_read32(f, 0x2c) & 0xffff);
	KUNIT_EXPECT_EQ(test, id->sqes, 0x66);
	KUNIT_EXPECT_EQ(test, id->cqes, 0x44);
	KUNIT_EXPECT_EQ(test, id->mdts, 9);
	KUNIT_EXPECT_EQ(test, id->nn, VNVME_MAX_NS);
	KUNIT_EXPECT_EQ(test, id->oacs, 1 << 8);
	KUNIT_EXPECT_EQ(test, id->oncs, 0x1dd);
	KUNIT_EXPECT_EQ(test, id->vwc, 5);
	KUNIT_EXPECT_EQ(test, id->ieee[2] << 16 | id->ieee[1] << 8 | id->ieee[0],
			0x525400);
	was = *id;
	for (i = 0; i < 20; i++)
		KUNIT_EXPECT_TRUE(test, (was.sn[i] >= '0' && was.sn[i] <= '9') ||
				  (was.sn[i] >= 'A' && was.sn[i] <= 'F'));
	vnvme_ctrl_reset(&f->ctrl);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
	fake_enable(f, 4, 4);
	KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, memcmp(&was, id, 4096), 0);
	fake_free(f);
}

/* 65, 72: names that somebody gave, with all their characters */
static void c65_names(struct kunit *test)
{
	struct vnvme_config cfg = {
		.nr_ioq = 1, .serial = "ABCDEFGHIJKLMNOPQRST",
		.model = "0123456789012345678901234567890123456789",
	};
	struct fake *f = fake_new_cfg(&cfg);
	struct vnvme_id_ctrl *id = fake_ptr(f, FAKE_ID);

	fake_enable(f, 8, 8);
	KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, memcmp(id->sn, cfg.serial, 20), 0);
	KUNIT_EXPECT_EQ(test, memcmp(id->mn, cfg.model, 40), 0);
	KUNIT_EXPECT_EQ(test, memcmp(id->fr, "1       ", 8), 0);
	fake_free(f);
}

/* 71: what a namespace likes, as Identify has it, and nothing where it is not known */
static void c71_hints(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_id_ns *id = fake_ptr(f, FAKE_ID);
	struct vnvme_id_ns_indep *indep = fake_ptr(f, FAKE_ID);

	KUNIT_ASSERT_EQ(test, fake_identify(f, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, (id->nsfeat & ~2) | id->noiob | id->npwg | id->npwa |
			id->npdg | id->npda | id->nows | id->dlfeat, 0);
	f->ns.hints = (struct vnvme_ns_hints){
		.boundary = 256, .write_gran = 8, .write_best = 128,
		.free_gran = 16, .free_align = 2, .wz_deac = true,
		.free_reads = 1,
	};
	f->ns.nuse = 100;
	KUNIT_ASSERT_EQ(test, fake_identify(f, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, id->nsfeat, 1 << 4 | 1 << 1);
	KUNIT_EXPECT_EQ(test, id->noiob, 256);
	KUNIT_EXPECT_EQ(test, id->npwg, 7);
	KUNIT_EXPECT_EQ(test, id->npwa, 0);
	KUNIT_EXPECT_EQ(test, id->nows, 127);
	KUNIT_EXPECT_EQ(test, id->npdg, 15);
	KUNIT_EXPECT_EQ(test, id->npda, 1);
	KUNIT_EXPECT_EQ(test, id->dlfeat, 9);
	KUNIT_EXPECT_EQ(test, id->nuse, 100);
	/* never more than there is */
	f->ns.nuse = FAKE_LBAS + 1;
	KUNIT_ASSERT_EQ(test, fake_identify(f, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, id->nuse, FAKE_LBAS);
	KUNIT_ASSERT_EQ(test, fake_identify(f, 8, 1), 0);
	/* bit 4 is rotational media there */
	KUNIT_EXPECT_EQ(test, indep->nsfeat, 0);
	fake_free(f);
}

/* 71: every byte of it: sizes of the namespace as it is, one format, nothing that is not there */
static void c71_whole_namespace(struct kunit *test)
{
	static const struct { u8 shift; u64 nlb, nuse, told; } t[] = {
		{ 9, FAKE_LBAS, 0, FAKE_LBAS }, { 9, 1, 0, 1 }, { 12, 1000, 999, 999 },
		{ 12, (1ull << 40) + 3, 1ull << 33, 1ull << 33 }, { 16, 3, 4, 3 },
	};
	struct fake *f = fake_ready(1);
	struct vnvme_id_ns want, *id = fake_ptr(f, FAKE_ID);
	struct vnvme_identity names;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		vnvme_ns_detach(&f->ctrl, 1);
		f->ns.lba_shift = t[i].shift;
		f->ns.nlb = t[i].nlb;
		f->ns.nuse = t[i].nuse;
		f->ns.mssrl = 0x1234;
		f->ns.mcl = 0x12345678;
		f->ns.msrc = 7;
		KUNIT_ASSERT_EQ(test, vnvme_ns_attach(&f->ctrl, &f->ns), 0);
		vnvme_ns_identity(&f->ctrl, &f->ns, &names);
		want = (struct vnvme_id_ns){
			.nsze = cpu_to_le64(t[i].nlb), .ncap = cpu_to_le64(t[i].nlb),
			.nuse = cpu_to_le64(t[i].told),
			.nsfeat = 1 << 1,	/* NAWUN and the like are told */
			.mssrl = cpu_to_le16(0x1234), .mcl = cpu_to_le32(0x12345678), .msrc = 7,
			.lbaf = { cpu_to_le32((u32)t[i].shift << 16) },
		};
		memcpy(want.nguid, names.nguid, 16);
		memcpy(want.eui64, names.eui64, 8);
		KUNIT_ASSERT_EQ(test, fake_identify(f, 0, 1), 0);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(id, &want, sizeof(want)), 0, "%u", i);
	}
	fake_free(f);
}

/* 64, 66 to 71 */
static void c64_identify_others(struct kunit *test)
{
	static const struct {
		u8 cns;
		u32 nsid;
		u16 status;
	} t[] = {
		{ 0, 1, 0 }, { 0, 2, 0 }, { 0, 128, 0 }, { 0, 0, 0x400b },
		{ 0, 129, 0x400b }, { 0, ~0u, 0x400b },
		{ 2, 0, 0 }, { 2, 1, 0 }, { 2, ~0u - 2, 0 },
		{ 2, ~0u - 1, 0x400b }, { 2, ~0u, 0x400b },
		{ 3, 1, 0 }, { 3, 2, 0x400b }, { 3, 0, 0x400b },
		{ 3, 129, 0x400b }, { 3, ~0u, 0x400b },
		{ 5, 1, 0 }, { 5, 2, 0 }, { 5, 0, 0x400b }, { 5, 129, 0x400b },
		{ 6, 0, 0 }, { 7, 0, 0 }, { 7, ~0u - 1, 0x400b },
		{ 8, 1, 0 }, { 8, 2, 0 }, { 8, 0, 0x400b }, { 8, ~0u, 0x400b },
		{ 4, 0, 0x4002 }, { 9, 0, 0x4002 }, { 0x0a, 0, 0x4002 },
		{ 0x10, 0, 0x4002 }, { 0x11, 1, 0x4002 }, { 0x12, 0, 0x400b },
		{ 0x12, 1, 0 }, { 0x12, 2, 0 }, { 0x12, ~0u, 0x400b },
		{ 0x13, 0, 0 }, { 0x14, 0, 0x4002 }, { 0x15, 0, 0x4002 },
		{ 0x16, 0, 0x4002 }, { 0x17, 0, 0x4002 }, { 0x1c, 0, 0x4002 },
		{ 0x1d, 0, 0x4002 },
		{ 0xff, 0, 0x4002 },
	};
	struct fake *f = fake_ready(1);
	struct vnvme_id_ns *ns = fake_ptr(f, FAKE_ID);
	u8 *p = fake_ptr(f, FAKE_ID);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ_MSG(test, fake_identify(f, t[i].cns, t[i].nsid),
				    t[i].status, "%u", i);
		if (t[i].status)
			KUNIT_EXPECT_EQ(test, p[0] | p[4095] << 8, 0xeeee);
	}
	fake_identify(f, 0, 1);
	KUNIT_EXPECT_EQ(test, ns->nsze, FAKE_LBAS);
	KUNIT_EXPECT_EQ(test, ns->nuse, FAKE_LBAS);
	KUNIT_EXPECT_EQ(test, ns->lbaf[0], 9 << 16);
	KUNIT_EXPECT_EQ(test, ns->lbaf[1] | ns->nlbaf | ns->flbas, 0);
	KUNIT_EXPECT_EQ(test, ns->nsattr, 0);
	KUNIT_EXPECT_EQ(test, ns->eui64[0] << 8 | ns->eui64[1], 0x5254);
	vnvme_ns_set_read_only(&f->ns, true);
	fake_identify(f, 0, 1);
	KUNIT_EXPECT_EQ(test, ns->nsattr, 1);
	fake_identify(f, 0, 2);
	for (i = 0; i < 4096; i++)
		KUNIT_ASSERT_EQ(test, p[i], 0);
	fake_identify(f, 2, 0);
	KUNIT_EXPECT_EQ(test, ((u32 *)p)[0], 1);
	KUNIT_EXPECT_EQ(test, ((u32 *)p)[1], 0);
	fake_identify(f, 2, 1);
	KUNIT_EXPECT_EQ(test, ((u32 *)p)[0], 0);
	fake_identify(f, 3, 1);
	KUNIT_EXPECT_EQ(test, p[0] << 8 | p[1], 0x0108);
	KUNIT_EXPECT_EQ(test, p[12] << 8 | p[13], 0x0210);
	KUNIT_EXPECT_EQ(test, p[32] << 8 | p[33], 0x0310);
	KUNIT_EXPECT_EQ(test, p[52] << 8 | p[53], 0x0401);
	KUNIT_EXPECT_EQ(test, p[56] | p[57] | p[58], 0);
	fake_free(f);
}

struct ns_names {
	u8 eui64[8], nguid[16], uuid[16];
};

static struct ns_names names_of(struct kunit *test, struct fake *f, u32 nsid)
{
	const struct vnvme_id_ns *ns = fake_ptr(f, FAKE_ID);
	const u8 *p = fake_ptr(f, FAKE_ID);
	struct ns_names n;

	KUNIT_EXPECT_EQ(test, fake_identify(f, 3, nsid), 0);
	memcpy(n.eui64, p + 4, 8);
	memcpy(n.nguid, p + 16, 16);
	memcpy(n.uuid, p + 36, 16);
	/* what both tell is the same */
	KUNIT_EXPECT_EQ(test, fake_identify(f, 0, nsid), 0);
	KUNIT_EXPECT_EQ(test, memcmp(ns->eui64, n.eui64, 8), 0);
	KUNIT_EXPECT_EQ(test, memcmp(ns->nguid, n.nguid, 16), 0);
	return n;
}

/* How devices get their UUIDs: at random, one after another, Proxmox's, none. */
static void uuid_of(struct vnvme_config *cfg, u32 kind, u32 nr)
{
	u8 *b = cfg->uuid.b;

	memset(b, kind == 1 ? 0xab : 0, 16);
	if (kind == 0)
		memcpy(b, "\x01\x23\x45\x67\x89\xab\x4c\xde\x8f\x01\x23\x45", 12);
	if (kind == 3)
		b[3] = nr;		/* %08d-0000-0000-0000-... */
	else
		b[15] = nr;
}

/* 72: no two namespaces of no two devices have a name in common; the same again */
static void c72_identity(struct kunit *test)
{
	enum { KINDS = 4, DEVS = 6, NS = 4 };
	static struct ns_names all[KINDS * DEVS * NS];
	static char serial[KINDS * DEVS][21];
	u32 kind, dev, nsid, n = 0, nr = 0, i, k;
	struct vnvme_config cfg = { .nr_ioq = 1, .mdts = 9 };
	static const u8 zero[16];
	struct vnvme_ns ns[NS];
	struct ns_names again;
	struct fake *f;

	for (kind = 0; kind < KINDS; kind++)
		for (dev = 0; dev < DEVS; dev++) {
			if (kind == 3 && !dev)
				continue;	/* as kind 2 has it */
			uuid_of(&cfg, kind, dev);
			vnvme_default_names(&cfg);
			memcpy(serial[nr++], cfg.serial, 21);
			f = fake_new_cfg(&cfg);
			KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
			for (nsid = 1; nsid <= NS; nsid++) {
				ns[nsid - 1] = f->ns;
				ns[nsid - 1].nsid = nsid;
				if (nsid > 1)
					vnvme_ns_attach(&f->ctrl, &ns[nsid - 1]);
				all[n] = names_of(test, f, nsid);
				KUNIT_EXPECT_EQ(test, all[n].uuid[6] >> 4, 8);
				KUNIT_EXPECT_EQ(test, all[n].uuid[8] >> 6, 2);
				/* of an OUI that nobody else has, not a group */
				KUNIT_EXPECT_EQ(test, all[n].eui64[0] & 3, 2);
				KUNIT_EXPECT_EQ(test, all[n].nguid[8] & 3, 2);
				n++;
			}
			fake_renew(f);
			KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
			*ns = (struct vnvme_ns){ };
			again = names_of(test, f, 1);
			KUNIT_EXPECT_EQ(test, memcmp(&again, &all[n - NS], sizeof(again)), 0);
			fake_free(f);
		}
	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++) {
			KUNIT_EXPECT_NE(test, memcmp(all[i].uuid, all[k].uuid, 16), 0);
			KUNIT_EXPECT_NE(test, memcmp(all[i].nguid, all[k].nguid, 16), 0);
			KUNIT_EXPECT_NE(test, memcmp(all[i].eui64, all[k].eui64, 8), 0);
		}
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_NE(test, memcmp(all[i].eui64 + 3, zero, 5), 0);
	for (i = 0; i < nr; i++)
		for (k = 0; k < i; k++)
			KUNIT_EXPECT_NE(test, memcmp(serial[i], serial[k], 20), 0);
}

/* 72: the subsystem's name is each device's, the controller's identifier each time the same */
static void c72_subsystem(struct kunit *test)
{
	enum { DEVS = 9 };
	static char nqn[DEVS][256];
	struct vnvme_config cfg = { .nr_ioq = 1, .mdts = 9 };
	const size_t prefix = sizeof(VNVME_NQN_PREFIX) - 1;
	struct vnvme_id_ctrl was, *id;
	u32 dev, k, i;
	struct fake *f;

	for (dev = 0; dev < DEVS; dev++) {
		uuid_of(&cfg, dev % 3, dev / 3);
		vnvme_default_names(&cfg);
		f = fake_new_cfg(&cfg);
		id = fake_ptr(f, FAKE_ID);
		for (i = 0; i < 3; i++) {
			KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
			KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
			if (!i)
				was = *id;
			/* enabled again, and made again */
			KUNIT_EXPECT_EQ(test, memcmp(id, &was, sizeof(was)), 0);
			KUNIT_EXPECT_EQ(test, le16_to_cpu(id->cntlid), VNVME_CNTLID);
			fake_write32(f, VNVME_REG_CC, 0);
			fake_run(f);
			if (i)
				fake_renew(f);
		}
		KUNIT_EXPECT_EQ(test, memcmp(was.subnqn, VNVME_NQN_PREFIX, prefix), 0);
		/* a UUID, and zeros up to the end */
		KUNIT_EXPECT_EQ(test, strlen(was.subnqn), prefix + 36);
		for (i = prefix + 36; i < sizeof(was.subnqn); i++)
			KUNIT_ASSERT_EQ(test, was.subnqn[i], 0);
		memcpy(nqn[dev], was.subnqn, sizeof(was.subnqn));
		fake_free(f);
	}
	for (dev = 0; dev < DEVS; dev++)
		for (k = 0; k < dev; k++)
			KUNIT_EXPECT_NE(test, memcmp(nqn[dev], nqn[k], 256), 0);
}

/* 72: what comes with a namespace goes with it, to any device and NSID */
static void c72_identity_of_a_volume(struct kunit *test)
{
	static const char *const given = "0123456789abcdef";
	struct vnvme_config cfg = { .nr_ioq = 1, .mdts = 9 };
	struct ns_names n[2][4];
	u32 dev, which;
	struct fake *f;

	for (dev = 0; dev < 2; dev++)
		for (which = 0; which < 4; which++) {
			uuid_of(&cfg, dev, 5);
			vnvme_default_names(&cfg);
			f = fake_new_cfg(&cfg);
			KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
			vnvme_ns_detach(&f->ctrl, 1);
			f->ns.nsid = 1 + dev;
			if (which == 0)
				memcpy(f->ns.id.uuid, given, 16);
			else if (which == 1)
				memcpy(f->ns.id.nguid, given, 16);
			else if (which == 2)
				memcpy(f->ns.id.eui64, given, 8);
			vnvme_ns_attach(&f->ctrl, &f->ns);
			n[dev][which] = names_of(test, f, 1 + dev);
			fake_free(f);
		}
	KUNIT_EXPECT_EQ(test, memcmp(n[0][0].uuid, given, 16), 0);
	KUNIT_EXPECT_EQ(test, memcmp(n[0][1].nguid, given, 16), 0);
	KUNIT_EXPECT_EQ(test, memcmp(n[0][2].eui64, given, 8), 0);
	for (which = 0; which < 4; which++)
		KUNIT_EXPECT_EQ(test, !memcmp(&n[0][which], &n[1][which], sizeof(*n[0])),
				which < 3);
}

static u16 identify_csi(struct fake *f, u8 cns, u16 cntid, u8 csi)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_IDENTIFY, cns == 6 ? 0 : 1);

	sqe.cdw10 = cpu_to_le32((u32)cntid << 16 | cns);
	sqe.cdw11 = cpu_to_le32((u32)csi << 24);
	sqe.prp1 = cpu_to_le64(FAKE_ID);
	return fake_admin(f, &sqe, NULL);
}

/* 68, 69: what 2.0 tells of I/O command sets; there is one */
static void c68_command_sets(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_id_ns_indep *ns = fake_ptr(f, FAKE_ID);
	u64 *vector = fake_ptr(f, FAKE_ID);
	u8 *p = fake_ptr(f, FAKE_ID);
	static const u8 zero[4096];
	u32 csi;

	KUNIT_EXPECT_EQ(test, identify_csi(f, 5, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, memcmp(p, zero, 4096), 0);
	KUNIT_EXPECT_EQ(test, identify_csi(f, 6, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, memcmp(p, zero, 4096), 0);
	KUNIT_EXPECT_EQ(test, identify_csi(f, 8, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, ns->nsattr, 0);
	KUNIT_EXPECT_EQ(test, ns->nstat, 1);
	vnvme_ns_set_read_only(&f->ns, true);
	KUNIT_EXPECT_EQ(test, identify_csi(f, 8, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, ns->nsattr, 1);
	KUNIT_EXPECT_EQ(test, identify_csi(f, 7, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, p[0], 0);		/* none beyond 1 */
	KUNIT_EXPECT_EQ(test, identify_csi(f, 0x1c, 0xffff, 0), 0);
	KUNIT_EXPECT_EQ(test, vector[0], 1);
	KUNIT_EXPECT_EQ(test, memcmp(p + 8, zero, 4088), 0);
	KUNIT_EXPECT_EQ(test, identify_csi(f, 0x1c, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, identify_csi(f, 0x1c, 2, 0), 0x4002);
	for (csi = 0; csi < 3; csi++) {
		KUNIT_EXPECT_EQ(test, identify_csi(f, 0x12, csi, 0), 0);
		KUNIT_EXPECT_EQ(test, *vector, csi < 2 ? 0x10001 : 0);
		KUNIT_EXPECT_EQ(test, identify_csi(f, 0x13, csi, 0), 0);
		KUNIT_EXPECT_EQ(test, *vector, csi < 2 ? 0x10001 : 0);
	}
	for (csi = 1; csi < 256; csi++) {
		KUNIT_EXPECT_EQ(test, identify_csi(f, 5, 0, csi), 0x4002);
		KUNIT_EXPECT_EQ(test, identify_csi(f, 6, 0, csi), 0x4002);
		KUNIT_EXPECT_EQ(test, identify_csi(f, 7, 0, csi), 0x4002);
	}
	fake_free(f);
}

static u32 le_at(const u8 *p, u32 off, u32 bytes)
{
	u32 val = 0, i;

	for (i = 0; i < bytes; i++)
		val |= (u32)p[off + i] << 8 * i;
	return val;
}

/*
 * 2, 68, 73: the version is 2.0, by each of the fields that came with it: those that it
 * demands are there, and those of what is not there are 0
 */
static void c02_version_whole(struct kunit *test)
{
	enum { REG, ID, LOG };
	static const struct {
		u8 kind, nr;		/* registers; Identify, Get Log Page and which */
		u16 off;
		u8 bytes;
		u32 val;
	} t[] = {
		{ REG, 0, VNVME_REG_VS, 4, 0x00020000 },
		{ ID, 0x01, 80, 4, 0x00020000 },	/* VER */
		/* CAP: NSSS 0, CRMS: ready with media; CPS not told; CRTO */
		{ REG, 0, VNVME_REG_CAP + 4, 4, 0x08000020 },
		{ REG, 0, VNVME_REG_CRTO, 4, 255 },
		{ REG, 0, 0x64, 4, 0 },			/* NSSD */
		/* Identify Controller: CTRATT, CNTRLTYPE, LPA, ANA, domains, MAXDNA, OCFS */
		{ ID, 0x01, 96, 4, 0 }, { ID, 0x01, 111, 1, 1 }, { ID, 0x01, 261, 1, 0x26 },
		{ ID, 0x01, 253, 3, 0 }, { ID, 0x01, 340, 4, 0 }, { ID, 0x01, 356, 2, 0 },
		{ ID, 0x01, 534, 2, 1 }, { ID, 0x01, 540, 4, 0 },
		/* by command set: CNS 05h, 06h, 07h, 08h, 1Ch, and its descriptor in 03h */
		{ ID, 0x05, 0, 4, 0 }, { ID, 0x06, 0, 4, 0 }, { ID, 0x07, 0, 4, 1 },
		{ ID, 0x08, 14, 1, 1 }, { ID, 0x1c, 0, 4, 1 }, { ID, 0x03, 52, 2, 0x0104 },
		/* Supported Log Pages: each of them, of no index; effects with scopes */
		{ LOG, 0x00, 0x00, 4, 1 }, { LOG, 0x00, 4 * 0x01, 4, 1 },
		{ LOG, 0x00, 4 * 0x02, 4, 1 }, { LOG, 0x00, 4 * 0x03, 4, 1 },
		{ LOG, 0x00, 4 * 0x05, 4, 1 }, { LOG, 0x00, 4 * 0x12, 4, 1 },
		{ LOG, 0x00, 4 * 0x13, 4, 1 }, { LOG, 0x05, 4 * 0x06, 4, 0x00200001 },
		{ LOG, 0x05, 1024 + 4 * 0x01, 4, 0x00100003 },
		{ LOG, 0x12, 4 * 0x01, 4, 0x00200001 }, { LOG, 0x12, 4 * 0x05, 4, 0x00100001 },
		{ LOG, 0x13, 4 * 0x1d, 4, 0 },
	};
	struct fake *f = fake_ready(1);
	const u8 *p = fake_ptr(f, FAKE_ID);
	struct vnvme_sqe sqe;
	u32 i, cns;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		if (t[i].kind == REG) {
			KUNIT_EXPECT_EQ_MSG(test, fake_read32(f, t[i].off), t[i].val, "%u", i);
			continue;
		}
		cns = t[i].nr == 0x1c ? 0xffff001c : t[i].nr;
		if (t[i].kind == ID) {
			sqe = fake_sqe(VNVME_ADM_IDENTIFY, t[i].nr != 0x07 && cns == t[i].nr);
			sqe.cdw10 = cpu_to_le32(cns);
			sqe.prp1 = cpu_to_le64(FAKE_ID);
			KUNIT_EXPECT_EQ_MSG(test, fake_admin(f, &sqe, NULL), 0, "%u", i);
		} else {
			KUNIT_EXPECT_EQ_MSG(test, fake_get_log(f, t[i].nr, t[i].nr == 0x00 ||
							       t[i].nr == 0x12 ? 1024 : 4096,
							       0, true), 0, "%u", i);
		}
		KUNIT_EXPECT_EQ_MSG(test, le_at(p, t[i].off, t[i].bytes), t[i].val, "%u", i);
	}
	/* an offset is one of bytes: no page has an index */
	for (i = 0; i < 2; i++) {
		sqe = fake_sqe(VNVME_ADM_GET_LOG, 0);
		sqe.cdw10 = cpu_to_le32(127 << 16 | VNVME_LOG_SMART);
		sqe.cdw14 = cpu_to_le32(i << 23);
		sqe.prp1 = cpu_to_le64(FAKE_ID);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), i ? 0x4002 : 0);
	}
	fake_free(f);
}

/* 81 to 90: set, refuse, get, default, capabilities */
static void c81_features(struct kunit *test)
{
	static const struct {
		u8 fid;
		u32 nsid;
		u32 set;
		u16 status;
		u32 get, initial;
	} t[] = {
		{ 0x01, 0, 0x01020307, 0, 0x01020307, 0 },
		{ 0x02, 0, 0x20, 0, 0x20, 0 },
		{ 0x02, 0, 1, 0x4002, 0x20, 0 },
		{ 0x04, 0, 0x0150, 0, 0x0150, 343 },
		{ 0x04, 0, 0x00010150, 0x4002, 0x0150, 343 },
		{ 0x04, 0, 0x00200150, 0x4002, 0x0150, 343 },
		{ 0x05, 1, 5, 0, 5, 0 },
		{ 0x05, 1, 1 << 16, 0x4002, 5, 0 },
		{ 0x06, 0, 0, 0, 0, 1 },
		{ 0x07, 0, 0x00010001, 0, 0x00010001, 0x00010001 },
		{ 0x07, 0, 0x0000ffff, 0x4002, 0x00010001, 0x00010001 },
		{ 0x07, 0, 0xffff0000, 0x4002, 0x00010001, 0x00010001 },
		{ 0x08, 0, 0x1234, 0, 0x1234, 0 },
		{ 0x09, 0, 1 << 16, 0, 1 << 16, 0 },
		{ 0x0a, 0, 1, 0, 1, 0 },
		{ 0x0b, 0, ~0u, 0, 0x1ff, 0 },
		{ 0x0b, 1, 0, 0x410f, 0x1ff, 0 },
		{ 0x0b, ~0u, 3, 0, 3, 0 },
	};
	static const u8 none[] = { 0, 3, 0x0c, 0x0d, 0x0f, 0x10, 0x16,
				   0x7f, 0x80, 0x81, 0x83, 0x85, 0xff };
	struct fake *f = fake_new(2);
	struct vnvme_sqe sqe;
	u32 i, dw0, sel;

	fake_enable(f, 8, 8);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		sqe = fake_sqe(VNVME_ADM_SET_FEATURES, t[i].nsid);
		sqe.cdw10 = cpu_to_le32(t[i].fid);
		sqe.cdw11 = cpu_to_le32(t[i].set);
		KUNIT_EXPECT_EQ_MSG(test, fake_admin(f, &sqe, NULL),
				    t[i].status, "%u", i);
		sqe = fake_sqe(VNVME_ADM_GET_FEATURES, t[i].fid == 5);
		sqe.cdw10 = cpu_to_le32(t[i].fid);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, &dw0), 0);
		KUNIT_EXPECT_EQ_MSG(test, dw0, t[i].get, "%u", i);
		sqe.cdw10 = cpu_to_le32(1 << 8 | t[i].fid);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, &dw0), 0);
		KUNIT_EXPECT_EQ_MSG(test, dw0, t[i].initial, "%u", i);
		/* nothing is saved: that is the default */
		sqe.cdw10 = cpu_to_le32(2 << 8 | t[i].fid);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, &dw0), 0);
		KUNIT_EXPECT_EQ_MSG(test, dw0, t[i].initial, "%u", i);
		sqe.cdw10 = cpu_to_le32(3 << 8 | t[i].fid);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, &dw0), 0);
		KUNIT_EXPECT_EQ(test, dw0, t[i].fid == 5 ? 6 : 4);
		for (sel = 4; sel < 8; sel++) {
			sqe.cdw10 = cpu_to_le32(sel << 8 | t[i].fid);
			KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, &dw0), 0x4002);
		}
		sqe = fake_sqe(VNVME_ADM_SET_FEATURES, 0);
		sqe.cdw10 = cpu_to_le32(1u << 31 | t[i].fid);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, &dw0), 0x410d);
	}
	for (i = 0; i < ARRAY_SIZE(none); i++) {
		KUNIT_EXPECT_EQ(test, fake_set_feature(f, none[i], 0, NULL),
				0x4002);
		KUNIT_EXPECT_EQ(test, fake_get_feature(f, none[i], NULL),
				0x4002);
	}
	/* 84: a controller reset restores the defaults */
	fake_write32(f, VNVME_REG_CC, 0);
	fake_enable(f, 8, 8);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		sqe = fake_sqe(VNVME_ADM_GET_FEATURES, t[i].fid == 5);
		sqe.cdw10 = cpu_to_le32(t[i].fid);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, &dw0), 0);
		KUNIT_EXPECT_EQ_MSG(test, dw0, t[i].initial, "%u", i);
	}
	fake_free(f);
}

static u16 feature(struct fake *f, u8 opcode, u32 nsid, u32 cdw10, u32 cdw11, u32 *dw0)
{
	struct vnvme_sqe sqe = fake_sqe(opcode, nsid);

	sqe.cdw10 = cpu_to_le32(cdw10);
	sqe.cdw11 = cpu_to_le32(cdw11);
	return fake_admin(f, &sqe, dw0);
}

/* 83, 90: Error Recovery is each namespace's own; of all it can be set, not asked */
static void c90_error_recovery(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_ns two = f->ns;
	u32 dw0;

	two.nsid = 2;
	vnvme_ns_attach(&f->ctrl, &two);
	KUNIT_EXPECT_EQ(test, feature(f, 9, 1, 5, 7, NULL), 0);
	KUNIT_EXPECT_EQ(test, feature(f, 10, 1, 5, 0, &dw0), 0);
	KUNIT_EXPECT_EQ(test, dw0, 7);
	KUNIT_EXPECT_EQ(test, feature(f, 10, 2, 5, 0, &dw0), 0);
	KUNIT_EXPECT_EQ(test, dw0, 0);
	KUNIT_EXPECT_EQ(test, feature(f, 9, ~0u, 5, 9, NULL), 0);
	KUNIT_EXPECT_EQ(test, feature(f, 10, 2, 5, 0, &dw0), 0);
	KUNIT_EXPECT_EQ(test, dw0, 9);
	KUNIT_EXPECT_EQ(test, feature(f, 10, ~0u, 5, 0, &dw0), 0x400b);
	KUNIT_EXPECT_EQ(test, feature(f, 10, 0, 5, 0, &dw0), 0x400b);
	KUNIT_EXPECT_EQ(test, feature(f, 9, 0, 5, 0, &dw0), 0x400b);
	KUNIT_EXPECT_EQ(test, feature(f, 9, 3, 5, 0, &dw0), 0x4002);
	KUNIT_EXPECT_EQ(test, feature(f, 9, 129, 5, 0, &dw0), 0x400b);
	fake_free(f);
}

/* 85, 87: what is asked for has to be there */
static void c85_c87_asked_of_nothing(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	u32 dw0, sel, i;

	for (sel = 0; sel < 3; sel++) {
		for (i = 1; i < 16; i++)
			KUNIT_EXPECT_EQ(test, feature(f, 10, 0, sel << 8 | 4, i << 16,
						      &dw0), 0x4002);
		KUNIT_EXPECT_EQ(test, feature(f, 10, 0, sel << 8 | 4, 2 << 20, &dw0),
				0x4002);
		KUNIT_EXPECT_EQ(test, feature(f, 10, 0, sel << 8 | 4, 3 << 20, &dw0),
				0x4002);
		KUNIT_EXPECT_EQ(test, feature(f, 10, 0, sel << 8 | 4, 1 << 20, &dw0), 0);
		KUNIT_EXPECT_EQ(test, feature(f, 10, 0, sel << 8 | 9, 2, &dw0), 0);
		KUNIT_EXPECT_EQ(test, dw0, 2);
		KUNIT_EXPECT_EQ(test, feature(f, 10, 0, sel << 8 | 9, 3, &dw0), 0x4002);
		KUNIT_EXPECT_EQ(test, feature(f, 10, 0, sel << 8 | 9, 0xffff, &dw0),
				0x4002);
	}
	/* what it warns of is its default */
	KUNIT_EXPECT_EQ(test, feature(f, 10, 0, 4, 0, &dw0), 0);
	KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, dw0, ((struct vnvme_id_ctrl *)fake_ptr(f, FAKE_ID))->wctemp);
	fake_free(f);
}

/* 86: without a cache what was written before is durable, too */
static void c86_cache_off_flushes(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_WRITE, 5, 1, FAKE_DATA, 0);

	KUNIT_ASSERT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 6, 1, NULL), 0);
	KUNIT_EXPECT_EQ(test, f->durable[5], 0);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 6, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, f->durable[5], 1);
	KUNIT_EXPECT_EQ(test, f->nr_flush, 1);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 6, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 6, 1, NULL), 0);
	KUNIT_EXPECT_EQ(test, f->nr_flush, 1);
	fake_free(f);
}

/* 86: the answer comes when it is, and other commands go on */
static void c86_cache_off_waits(struct kunit *test)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_SET_FEATURES, 0);
	struct fake *f = fake_ready(1);
	struct vnvme_cqe cqe;
	u32 i;

	sqe.cdw10 = cpu_to_le32(VNVME_FEAT_WCE);
	f->flush_hold = true;
	for (i = 0; i <= VNVME_FLUSH_WAITS; i++) {
		KUNIT_EXPECT_EQ(test, fake_set_feature(f, 6, 1, NULL), 0);
		fake_push(f, 0, &sqe);
		fake_sq_ring(f, 0);
		fake_run(f);
	}
	/* one too many is refused, and changes nothing */
	KUNIT_ASSERT_TRUE(test, fake_pop(f, 0, &cqe));
	fake_cq_ring(f, 0);
	KUNIT_EXPECT_EQ(test, cqe.status >> 1, VNVME_SC_INTERNAL);
	KUNIT_EXPECT_EQ(test, f->ctrl.feat[VNVME_FEAT_WCE], 1);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	/* nor is anything written without bus mastering */
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 2);
	fake_flush_end(f);
	fake_run(f);
	KUNIT_EXPECT_FALSE(test, fake_pop(f, 0, &cqe));
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
	fake_run(f);
	for (i = 0; i < VNVME_FLUSH_WAITS; i++) {
		KUNIT_ASSERT_TRUE(test, fake_pop(f, 0, &cqe));
		KUNIT_EXPECT_EQ(test, cqe.status >> 1, 0);
	}
	fake_cq_ring(f, 0);
	KUNIT_EXPECT_FALSE(test, fake_pop(f, 0, &cqe));
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	/* those of before a reset are not answered after it */
	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
	fake_write32(f, VNVME_REG_CC, 0);
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, fake_enable(f, 8, 8));
	fake_flush_end(f);
	fake_run(f);
	KUNIT_EXPECT_FALSE(test, fake_pop(f, 0, &cqe));
	fake_free(f);
}

/* A command of queue @sqid that the backend keeps. */
static void keep(struct fake *f, u16 sqid, u8 opcode, u64 slba, u32 cdw12)
{
	struct vnvme_sqe sqe = fake_rw(opcode, slba, 1, FAKE_DATA, 0);

	sqe.cdw12 = cpu_to_le32(cdw12);
	f->hold = true;
	fake_push(f, sqid, &sqe);
	fake_sq_ring(f, sqid);
	fake_run(f);
}

static void push_cache_off(struct fake *f)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_SET_FEATURES, 0);

	sqe.cdw10 = cpu_to_le32(VNVME_FEAT_WCE);
	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
}

/* Is the oldest command of queue @cqid answered, and well? */
static bool answered(struct fake *f, u16 cqid)
{
	struct vnvme_cqe cqe;

	fake_run(f);
	if (!fake_pop(f, cqid, &cqe))
		return false;
	fake_cq_ring(f, cqid);
	if (le16_to_cpu(cqe.status) >> 1)
		f->nr_bad++;
	return true;
}

/*
 * 86: a write that is in flight when the cache is turned off is flushed once it has ended;
 * whatever else is in flight, or comes, neither waits nor is waited for
 */
static void c86_cache_off_in_flight(struct kunit *test)
{
	static const u8 writes[] = { VNVME_CMD_WRITE, VNVME_CMD_WRITE_ZEROES };
	struct vnvme_sqe sqe;
	struct fake *f;
	u32 i, how;

	for (i = 0; i < ARRAY_SIZE(writes); i++)
		for (how = 0; how < 5; how++) {
			f = fake_ready(3);
			KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 16), 0);
			KUNIT_ASSERT_EQ(test, fake_create(f, 3, 3, 16), 0);
			/* nobody waits for a Read, nor for what is durable of itself */
			keep(f, 3, VNVME_CMD_READ, 3, 0);
			keep(f, 3, writes[i], 4, VNVME_RW_FUA);
			keep(f, 1, writes[i], 5, 0);
			keep(f, 2, writes[i], 6, 0);
			keep(f, 2, writes[i], 7, 0);
			push_cache_off(f);
			KUNIT_EXPECT_FALSE(test, answered(f, 0));
			KUNIT_EXPECT_EQ(test, f->nr_flush, 0);
			/* the value is there at once, and others go on */
			f->at_once = true;
			sqe = fake_rw(VNVME_CMD_WRITE, 8, 1, FAKE_DATA, 0);
			KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
			KUNIT_EXPECT_EQ(test, f->durable[8], 1);
			KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
			fake_check(f);
			f->hold = false;
			if (how == 1) {
				/* lost: done again, by the new value */
				f->loss = VNVME_LOSS_OTHERS;
				f->lossy = 5;
			} else if (how == 2) {
				/* answers that wait for bus mastering */
				fake_cfg_write16(f, VNVME_PCI_COMMAND, 2);
				fake_run(f);
				KUNIT_EXPECT_EQ(test, f->nr_flush, 0);
				fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
			} else if (how == 3) {
				f->status = VNVME_SC_WRITE_FAULT;
			}
			fake_step(f, 1, 16);
			fake_work(f);
			KUNIT_EXPECT_EQ(test, f->nr_flush, 0);
			fake_step(f, 2, 16);
			if (how == 4)
				/* those that come now are not waited for */
				keep(f, 2, writes[i], 9, 0);
			fake_work(f);
			KUNIT_EXPECT_EQ_MSG(test, f->nr_flush, 1, "%u", how);
			f->status = 0;
			KUNIT_EXPECT_TRUE(test, answered(f, 0));
			KUNIT_EXPECT_EQ(test, f->nr_flush, 1);
			KUNIT_EXPECT_EQ(test, f->durable[5] & f->durable[6] & f->durable[7], 1);
			fake_check(f);
			KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
			fake_free(f);
		}
}

/* 86: asked for once more, reset, or failed meanwhile */
static void c86_cache_off_called_off(struct kunit *test)
{
	enum { AGAIN, DISABLE, RESET, FAIL, SHUTDOWN, NR_WAYS };
	struct fake *f;
	u32 how, i;

	for (how = 0; how < NR_WAYS; how++) {
		f = fake_ready(1);
		keep(f, 1, VNVME_CMD_WRITE, 5, 0);
		push_cache_off(f);
		for (i = 1; i < VNVME_FLUSH_WAITS; i++) {
			KUNIT_EXPECT_EQ(test, fake_set_feature(f, VNVME_FEAT_WCE, 1, NULL), 0);
			keep(f, 1, VNVME_CMD_WRITE, 5 + i, 0);
			push_cache_off(f);
		}
		fake_check(f);
		if (how == DISABLE)
			fake_write32(f, VNVME_REG_CC, 0);
		else if (how == RESET)
			vnvme_ctrl_reset(&f->ctrl);
		else if (how == FAIL)
			vnvme_ctrl_fatal(&f->ctrl);
		else if (how == SHUTDOWN)
			fake_write32(f, VNVME_REG_CC, 0x00464001);
		fake_run(f);
		KUNIT_EXPECT_EQ(test, f->nr_flush, 0);
		f->hold = false;
		fake_run(f);
		for (i = 0; answered(f, 0); i++)
			;
		KUNIT_EXPECT_EQ_MSG(test, i, how == AGAIN ? VNVME_FLUSH_WAITS : 0, "%u", how);
		if (how == AGAIN)
			/* one flush for all of them */
			KUNIT_EXPECT_EQ(test, f->nr_flush, 1);
		fake_check(f);
		KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].settling, 0);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_write32(f, VNVME_REG_CC, 0);
		fake_run(f);
		fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
		KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
		KUNIT_EXPECT_EQ(test, fake_set_feature(f, VNVME_FEAT_WCE, 0, NULL), 0);
		KUNIT_EXPECT_FALSE(test, answered(f, 0));
		fake_free(f);
	}
}

/* 89: a timestamp that is set, runs on, and is 0 after a controller reset */
static void c89_timestamp(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	/* across two pages, and one that is not the guest's */
	static const u64 at[] = { FAKE_ID, FAKE_ID + 4092 };
	struct vnvme_sqe sqe;
	u32 i, dw0;
	u64 val;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		val = ~0ull << 48 | 0x123456789aull;
		memcpy(fake_ptr(f, at[i]), &val, 8);
		sqe = fake_sqe(VNVME_ADM_SET_FEATURES, 0);
		sqe.cdw10 = cpu_to_le32(0x0e);
		sqe.prp1 = cpu_to_le64(at[i]);
		sqe.prp2 = cpu_to_le64(FAKE_ID + 4096);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0);
		f->now += 1500ull * 1000000 + 7;
		sqe.opcode = VNVME_ADM_GET_FEATURES;
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, &dw0), 0);
		memcpy(&val, fake_ptr(f, at[i]), 8);
		/* by Set Features, and never stopped */
		KUNIT_EXPECT_EQ(test, val, 2ull << 48 | (0x123456789aull + 1500));
		sqe.cdw10 = cpu_to_le32(1 << 8 | 0x0e);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0);
		memcpy(&val, fake_ptr(f, at[i]), 8);
		KUNIT_EXPECT_EQ(test, val, 0);
	}
	sqe.prp1 = cpu_to_le64(1ull << 40);
	sqe.opcode = VNVME_ADM_SET_FEATURES;
	sqe.cdw10 = cpu_to_le32(0x0e);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0x4004);
	fake_write32(f, VNVME_REG_CC, 0);
	KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
	f->now += 42ull * 1000000;
	sqe = fake_sqe(VNVME_ADM_GET_FEATURES, 0);
	sqe.cdw10 = cpu_to_le32(0x0e);
	sqe.prp1 = cpu_to_le64(FAKE_ID);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0);
	memcpy(&val, fake_ptr(f, FAKE_ID), 8);
	KUNIT_EXPECT_EQ(test, val, 42);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 52, 87, 86: features that depend on the rest */
static void c52_features_in_context(struct kunit *test)
{
	struct vnvme_config cfg = { .nr_ioq = 2 };
	struct fake *f = fake_ready(2);

	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 7, 0, NULL), 0x400c);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 9, 0x10001, NULL), 0);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 9, 2, NULL), 0x4002);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 9, 99, NULL), 0x4002);
	fake_free(f);
	f = fake_new_cfg(&cfg);
	fake_enable(f, 8, 8);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 6, 0, NULL), 0x4002);
	KUNIT_EXPECT_EQ(test, fake_get_feature(f, 6, NULL), 0x4002);
	fake_free(f);
}

/* 85 */
static void c85_temperature(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u8 *p = fake_ptr(f, FAKE_ID);
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_AER, 0);
	struct vnvme_cqe cqe;
	u32 dw0;

	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 4, 1 << 20 | 5, NULL), 0);
	sqe = fake_sqe(VNVME_ADM_GET_FEATURES, 0);
	sqe.cdw10 = cpu_to_le32(4);
	sqe.cdw11 = cpu_to_le32(1 << 20);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, &dw0), 0);
	KUNIT_EXPECT_EQ(test, dw0, 5);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 0x0b, 2, NULL), 0);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 4, 300, NULL), 0);
	KUNIT_ASSERT_TRUE(test, fake_pop(f, 0, &cqe));
	KUNIT_EXPECT_EQ(test, cqe.dw0, 0x020101);
	fake_cq_ring(f, 0);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 2, 512, 0, false), 0);
	KUNIT_EXPECT_EQ(test, p[0], 2);
	fake_free(f);
}

/* The event that @health brings, 0 if none; its log is read */
static u32 health_event(struct fake *f, const struct vnvme_health *health)
{
	struct vnvme_cqe cqe = { };

	vnvme_ctrl_health(&f->ctrl, health);
	fake_run(f);
	if (!fake_pop(f, 0, &cqe))
		return 0;
	fake_cq_ring(f, 0);
	return cqe.dw0;
}

/* 79, 60: the drive's health is told, and each thing that gets worse, once */
static void c79_health(struct kunit *test)
{
	struct vnvme_health health = { .temperature = 320, .spare = 90,
				       .spare_thresh = 5, .percent_used = 17,
				       .media_errors = 3 };
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_AER, 0);
	static const struct { u8 warnings; u16 temperature; u32 event; } t[] = {
		{ 0x00, 321, 0 }, { 0x01, 321, 0x020201 }, { 0x01, 321, 0 },
		{ 0x05, 321, 0x020001 }, { 0x0d, 321, 0x020001 },
		{ 0x0d, 360, 0x020101 }, { 0x00, 321, 0 },
		/* the drive's own threshold is not the guest's */
		{ 0x02, 321, 0 }, { 0x10, 321, 0x020001 },
	};
	struct fake *f = fake_ready(1);
	struct vnvme_smart_log *s = fake_ptr(f, FAKE_ID);
	unsigned int i;
	u32 event;

	vnvme_ctrl_health(&f->ctrl, &health);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 2, 512, 0, false), 0);
	KUNIT_EXPECT_EQ(test, s->temperature[0] | s->temperature[1] << 8, 320);
	KUNIT_EXPECT_EQ(test, s->avail_spare, 90);
	KUNIT_EXPECT_EQ(test, s->spare_thresh, 5);
	KUNIT_EXPECT_EQ(test, s->percent_used, 17);
	KUNIT_EXPECT_EQ(test, s->media_errors[0], 3);
	KUNIT_EXPECT_EQ(test, s->critical_warning, 0);

	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 0x0b, 0xff, NULL), 0);
	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		health.warnings = t[i].warnings;
		health.temperature = t[i].temperature;
		event = health_event(f, &health);
		KUNIT_EXPECT_EQ_MSG(test, event, t[i].event, "step %u", i);
		if (!event)
			continue;
		KUNIT_EXPECT_EQ(test, fake_get_log(f, 2, 512, 0, false), 0);
		KUNIT_EXPECT_EQ(test, s->critical_warning & ~2,
				t[i].warnings & ~2);
		fake_push(f, 0, &sqe);
		fake_sq_ring(f, 0);
		fake_run(f);
	}
	fake_free(f);
}

/* 73 to 76 */
static void c73_logs(struct kunit *test)
{
	static const struct {
		u8 lid;
		u32 bytes;
		u64 off;
		u16 status;
		u32 written;
	} t[] = {
		{ 1, 64, 0, 0, 64 }, { 1, 4096, 0, 0, 4096 },
		{ 1, 8192, 0, 0, 4096 }, { 1, 64, 4032, 0, 64 },
		{ 1, 128, 4032, 0, 64 }, { 1, 64, 4096, 0, 0 },
		{ 1, 64, 4100, 0x4002, 0 },
		{ 2, 512, 0, 0, 512 }, { 2, 4, 0, 0, 4 },
		{ 2, 4096, 0, 0, 512 }, { 2, 4, 508, 0, 4 },
		{ 2, 4, 512, 0, 0 }, { 2, 4, 516, 0x4002, 0 }, { 2, 4, 2, 0x4002, 0 },
		{ 2, 4, 1ull << 32, 0x4002, 0 },
		{ 3, 512, 0, 0, 512 }, { 4, 4096, 0, 0, 4096 },
		{ 5, 4096, 0, 0, 4096 },
		{ 0, 1024, 0, 0, 1024 }, { 0x12, 1024, 0, 0, 1024 },
		{ 0x13, 4096, 0, 0, 4096 },
		{ 0x11, 4, 0, 0x4109, 0 }, { 0x14, 4, 0, 0x4109, 0 },
		{ 6, 4, 0, 0x4109, 0 }, { 0x0d, 4, 0, 0x4109, 0 },
		{ 0x80, 4, 0, 0x4109, 0 }, { 0xff, 4, 0, 0x4109, 0 },
		{ 1, 4u << 20, 0, 0x4002, 0 },
	};
	struct fake *f = fake_ready(1);
	u8 *p = fake_ptr(f, FAKE_ID);
	struct vnvme_sqe sqe;
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ_MSG(test, fake_get_log(f, t[i].lid, t[i].bytes,
						       t[i].off, true),
				    t[i].status, "%u", i);
		for (k = 8192; k && p[k - 1] == 0xee; k--)
			;
		KUNIT_EXPECT_EQ_MSG(test, k, t[i].written, "%u", i);
	}
	sqe = fake_sqe(VNVME_ADM_GET_LOG, 1);
	sqe.cdw10 = cpu_to_le32(2);
	sqe.prp1 = cpu_to_le64(FAKE_ID);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0x4002);
	fake_free(f);
}

/* 73: as many entries as ELPE says, the newest first; counts go on over a controller reset */
static void c73_error_information(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_id_ctrl *id = fake_ptr(f, FAKE_ID);
	struct vnvme_err_entry *e = fake_ptr(f, FAKE_ID);
	struct vnvme_smart_log *smart = fake_ptr(f, FAKE_ID);
	struct vnvme_sqe sqe;
	static const u8 zero[64];
	u32 i, n, nr, cid[100];

	KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
	nr = id->elpe + 1;
	KUNIT_EXPECT_EQ(test, nr, 64);
	for (n = 0; n < 100; n++) {
		KUNIT_ASSERT_EQ(test, fake_get_log(f, 1, 64 * nr, 0, true), 0);
		for (i = 0; i < nr && i < n; i++) {
			KUNIT_ASSERT_EQ(test, le64_to_cpu(e[i].count), n - i);
			KUNIT_ASSERT_EQ(test, le16_to_cpu(e[i].cid), cid[n - 1 - i]);
			KUNIT_ASSERT_EQ(test, le16_to_cpu(e[i].status) >> 1, 0x4080);
			KUNIT_ASSERT_EQ(test, le64_to_cpu(e[i].lba), FAKE_LBAS + n - 1 - i);
			KUNIT_ASSERT_EQ(test, le32_to_cpu(e[i].nsid), 1);
			KUNIT_ASSERT_EQ(test, le16_to_cpu(e[i].sqid), 1);
			KUNIT_ASSERT_EQ(test, le16_to_cpu(e[i].loc), 40);
		}
		/* what never was is 0 */
		for (; i < nr; i++)
			KUNIT_ASSERT_EQ(test, memcmp(&e[i], zero, 64), 0);
		sqe = fake_rw(VNVME_CMD_READ, FAKE_LBAS + n, 1, FAKE_DATA, 0);
		cid[n] = le16_to_cpu(sqe.cid);
		KUNIT_ASSERT_EQ(test, fake_io(f, 1, &sqe), 0x4080);
		/* one that succeeds is none */
		sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
		KUNIT_ASSERT_EQ(test, fake_io(f, 1, &sqe), 0);
	}
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 2, 512, 0, true), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(smart->num_err_log_entries[0]), 100);
	fake_write32(f, VNVME_REG_CC, 0);
	KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 0xff, 0, NULL), 0x4002);
	KUNIT_ASSERT_EQ(test, fake_get_log(f, 1, 128, 0, true), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(e[0].count), 101);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(e[0].sqid), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(e[1].count), 100);
	fake_free(f);
}

/* 73: one slot, and in it what Identify says runs */
static void c73_firmware_slot(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_id_ctrl *id = fake_ptr(f, FAKE_ID);
	u8 *p = fake_ptr(f, FAKE_ID), want[512] = { 1 };

	KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
	memcpy(want + 8, id->fr, 8);
	/* slots in bits 3:1, the first of them read only */
	KUNIT_EXPECT_EQ(test, id->frmw, 1 << 1 | 1);
	KUNIT_ASSERT_EQ(test, fake_get_log(f, 3, 512, 0, true), 0);
	KUNIT_EXPECT_EQ(test, memcmp(p, want, 512), 0);
	fake_free(f);
}

/* 79, 80 */
static void c79_smart_and_effects(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_smart_log *s = fake_ptr(f, FAKE_ID);
	u32 *e = fake_ptr(f, FAKE_ID);
	struct vnvme_sqe sqe;
	u32 i;

	for (i = 0; i < 300; i++) {
		sqe = fake_rw(2, 0, 8, FAKE_DATA, 0);
		fake_io(f, 1, &sqe);
		sqe = fake_rw(1, 0, 4, FAKE_DATA, 0);
		fake_io(f, 1, &sqe);
	}
	f->now = 7200ull * 1000000000;
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 2, 512, 0, true), 0);
	KUNIT_EXPECT_EQ(test, s->host_reads[0], 300);
	KUNIT_EXPECT_EQ(test, s->host_writes[0], 300);
	KUNIT_EXPECT_EQ(test, s->data_units_read[0], 3);
	KUNIT_EXPECT_EQ(test, s->data_units_written[0], 2);
	KUNIT_EXPECT_EQ(test, s->power_on_hours[0], 2);
	KUNIT_EXPECT_EQ(test, s->critical_warning, 0);
	KUNIT_EXPECT_EQ(test, s->avail_spare, 100);
	KUNIT_EXPECT_EQ(test, s->temperature[0] | s->temperature[1] << 8, 310);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 5, 4096, 0, true), 0);
	for (i = 0; i < 256; i++) {
		KUNIT_EXPECT_EQ(test, e[i] ? e[i] >> 20 : 2, 2);
		KUNIT_EXPECT_EQ(test, e[256 + i] ? e[256 + i] >> 20 : 1, 1);
		e[256 + i] &= 0xfffff;
		KUNIT_EXPECT_EQ(test, e[i] & 1, i == 0 || i == 1 || i == 2 ||
				i == 4 || i == 5 || i == 6 || i == 8 || i == 9 ||
				i == 10 || i == 12 || i == 0x7c);
		KUNIT_EXPECT_EQ(test, e[256 + i], i == 0 || i == 2 || i == 5 ||
				i == 0x0c ? 1 : i == 1 || i == 8 || i == 9 ||
				i == 0x19 ? 3 : 0);
	}
	fake_free(f);
}

/* 55, 73, 80, 81: what the logs announce is what works, nothing else */
static void c73_announced_is_there(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 *p = fake_ptr(f, FAKE_ID);
	u32 there[256], i;

	KUNIT_EXPECT_EQ(test, fake_get_log(f, 0, 1024, 0, true), 0);
	memcpy(there, p, sizeof(there));
	for (i = 0; i < 256; i++) {
		u16 status = fake_get_log(f, i, 4, 0, true);

		KUNIT_EXPECT_EQ_MSG(test, status, there[i] ? 0 : 0x4109, "%u", i);
	}
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 0x12, 1024, 0, true), 0);
	memcpy(there, p, sizeof(there));
	for (i = 0; i < 256; i++) {
		struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_GET_FEATURES, i == 5 || i == 0x84);
		u16 status;

		sqe.cdw10 = cpu_to_le32(i);
		status = fake_admin(f, &sqe, NULL);
		KUNIT_EXPECT_EQ_MSG(test, status, there[i] ? 0 : 0x4002, "%u", i);
		if (there[i])
			KUNIT_EXPECT_EQ(test, there[i],
					i == 5 || i == 0x84 ? 0x100001 : 0x200001);
	}
	fake_free(f);
}

static struct kunit_case inform_cases[] = {
	KUNIT_CASE(c65_identify_controller),
	KUNIT_CASE(c02_version_whole),
	KUNIT_CASE(c65_names),
	KUNIT_CASE(c71_hints),
	KUNIT_CASE(c71_whole_namespace),
	KUNIT_CASE(c64_identify_others),
	KUNIT_CASE(c72_identity),
	KUNIT_CASE(c72_subsystem),
	KUNIT_CASE(c72_identity_of_a_volume),
	KUNIT_CASE(c68_command_sets),
	KUNIT_CASE(c73_announced_is_there),
	KUNIT_CASE(c81_features),
	KUNIT_CASE(c90_error_recovery),
	KUNIT_CASE(c85_c87_asked_of_nothing),
	KUNIT_CASE(c89_timestamp),
	KUNIT_CASE(c86_cache_off_flushes),
	KUNIT_CASE(c86_cache_off_waits),
	KUNIT_CASE(c86_cache_off_in_flight),
	KUNIT_CASE(c86_cache_off_called_off),
	KUNIT_CASE(c52_features_in_context),
	KUNIT_CASE(c85_temperature),
	KUNIT_CASE(c79_health),
	KUNIT_CASE(c73_logs),
	KUNIT_CASE(c73_error_information),
	KUNIT_CASE(c73_firmware_slot),
	KUNIT_CASE(c79_smart_and_effects),
	{}
};

static struct kunit_suite inform_suite = {
	.name = "vnvme_inform",
	.test_cases = inform_cases,
};

kunit_test_suite(inform_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: Identify, features, logs");
