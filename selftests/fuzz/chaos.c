// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest: any register, configuration, doorbell, memory and command,
 * in any order, with pages that go away and a backend that misbehaves.
 *
 * What must hold: no byte of a page that is not pinned is touched (ASAN: such
 * pages are poisoned), the disk is never addressed outside the namespace, rings
 * and counts stay sane, and CC.EN = 0 or a reset always leads back to a
 * controller that is idle.
 */
#include "fuzz.h"

static void chaos_on_pin(void *page, bool pinned)
{
	if (pinned)
		__asan_unpoison_memory_region(page, VNVME_PAGE_SIZE);
	else
		__asan_poison_memory_region(page, VNVME_PAGE_SIZE);
}

/* The guest may touch all of its memory. */
__attribute__((no_sanitize("address")))
static void guest_store(struct fake *f, u64 iova, const void *from, u32 len)
{
	volatile u8 *to = f->ram + iova % (FAKE_RAM - 64);
	u32 i;

	for (i = 0; i < len; i++)
		to[i] = ((const u8 *)from)[i];
}

static u64 chaos_addr(struct fuzz_in *in)
{
	static const u64 base[] = {
		FAKE_DATA, FAKE_LIST, FAKE_LIST + 0xff8, FAKE_SHADOW,
		FAKE_EVENT, FAKE_SQ(1), FAKE_CQ(1), FAKE_SQ(2), FAKE_CQ(2),
		FAKE_ASQ, FAKE_ACQ, FAKE_HIGH, FAKE_RAM - VNVME_PAGE_SIZE,
		~0ull - 0xfff, 0, FAKE_ID,
	};
	u8 a = fuzz_u8(in);

	return base[a & 15] + (a & 16 ? fuzz_u16(in) : 0) +
	       (a & 32 ? 0x1000 * fuzz_u8(in) : 0);
}

static void chaos_command(struct fake *f, struct fuzz_in *in)
{
	static const u8 admin[] = { 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 0x7c };
	static const u8 nvm[] = { 0, 1, 2, 2, 8, 9, 5, 0x0c, 0x19 };
	u8 where = fuzz_u8(in), q = where & 3, pick = fuzz_u8(in);
	struct vnvme_sqe sqe = { 0 };

	sqe.opcode = pick & 128 ? fuzz_u8(in) :
		     q ? nvm[pick % ARRAY_SIZE(nvm)] :
			 admin[pick % ARRAY_SIZE(admin)];
	sqe.flags = where & 128 ? fuzz_u8(in) : 0;
	sqe.cid = fuzz_u8(in);
	sqe.nsid = where & 64 ? fuzz_u32(in) : q;
	if (q && !(where & 64))
		sqe.nsid = 1;
	sqe.prp1 = chaos_addr(in);
	sqe.prp2 = chaos_addr(in);
	sqe.cdw10 = where & 32 ? fuzz_u32(in) : fuzz_u16(in);
	sqe.cdw11 = where & 16 ? fuzz_u32(in) : q ? 0 : 1;
	sqe.cdw12 = where & 8 ? fuzz_u32(in) : fuzz_u8(in);
	if (!q && (sqe.opcode == 1 || sqe.opcode == 5) && !(where & 32)) {
		/* a queue that can be */
		sqe.cdw10 = (u32)(1 + fuzz_u8(in) % 16) << 16 | (1 + pick % 2);
		sqe.cdw11 = (u32)(1 + where / 16 % 2) << 16 | 1 | (where & 2);
		sqe.prp1 = sqe.opcode == 1 ? FAKE_SQ(1 + pick % 2) :
					     FAKE_CQ(1 + pick % 2);
	}
	guest_store(f, (q ? FAKE_SQ(q) : FAKE_ASQ) + fuzz_u8(in) % 32 * 64,
		    &sqe, sizeof(sqe));
}

static void chaos_enable(struct fake *f, u8 how)
{
	fake_cfg_write16(f, VNVME_PCI_COMMAND, how & 1 ? 6 : 2);
	fake_write32(f, VNVME_REG_AQA, 0x001f001f);
	fake_write64(f, VNVME_REG_ASQ, FAKE_ASQ);
	fake_write64(f, VNVME_REG_ACQ, FAKE_ACQ);
	fake_write32(f, VNVME_REG_CC, 0x00460000 | !(how & 2));
}

static void chaos_page(struct fake *f, u64 iova, u8 how)
{
	u64 first = iova % FAKE_RAM & ~(u64)(VNVME_PAGE_SIZE - 1);
	u32 i;

	/* whoever unpins waits for what is in flight there first (rule 7) */
	for (i = 1; i <= f->ctrl.cfg.nr_ioq; i++)
		if (fake_uses(&f->ctrl.lane[i], first, first + VNVME_PAGE_SIZE - 1))
			return;
	fake_page(f, first, how % 4);
}

static void chaos_ns(struct fake *f, u8 how)
{
	if (how & 1) {
		vnvme_ns_set_read_only(&f->ns, how & 2);
		vnvme_ns_attach(&f->ctrl, &f->ns);
	} else {
		vnvme_ns_detach(&f->ctrl, 1);
	}
}

static void chaos_host(struct fake *f, u8 how)
{
	f->hold = how & 1;
	f->at_once = how & 2;
	f->busy = how & 4;
	f->refuse = how & 8 ? VNVME_SC_INTERNAL : 0;
	f->lossy = how & 16 ? 5 : 0;
	f->status = how & 32 ? 0x281 : 0;
	f->pin_hold = how & 64;
}

static void chaos_asleep(struct fake *f, u16 id)
{
	u32 val;

	vnvme_lane_arm(&f->ctrl.lane[id]);
	vnvme_lane_pending(&f->ctrl.lane[id]);
	vnvme_admin_pending(&f->ctrl);
	vnvme_db_scan(&f->ctrl);
	vnvme_intx_level(&f->ctrl);
	vnvme_cfg_read(&f->ctrl, 4, &val, 4);
}

static void chaos_op(struct fake *f, struct fuzz_in *in)
{
	u8 op = fuzz_u8(in), buf[8];
	u32 a, b;

	switch (op % 16) {
	case 0:
		a = fuzz_u16(in) % 0x4010;
		b = fuzz_u32(in);
		memcpy(buf, &b, 4);
		memcpy(buf + 4, &b, 4);
		vnvme_bar_write(&f->ctrl, a, buf, op >> 4 & 8 ? 8 : 4);
		vnvme_bar_read(&f->ctrl, a, buf, 8);
		break;
	case 1:
		b = fuzz_u32(in);
		vnvme_cfg_write(&f->ctrl, fuzz_u16(in) % 300, &b, 1 + op / 16 % 4);
		break;
	case 2:
		a = fuzz_u8(in);
		WRITE_ONCE(f->db[a & 64 ? a * 4 % 1024 : a % 8],
			   a & 128 ? fuzz_u32(in) : fuzz_u8(in) % 36);
		break;
	case 3:
	case 4:
	case 5:
		chaos_command(f, in);
		break;
	case 6:
		a = fuzz_u8(in);
		b = a & 128 ? fuzz_u32(in) : fuzz_u8(in) % 20;
		guest_store(f, FAKE_SHADOW + a % 8 * 4, &b, 4);
		break;
	case 7: {
		u64 to = chaos_addr(in), val = chaos_addr(in);

		guest_store(f, to, &val, 8);
		break;
	}
	case 8:
		chaos_page(f, chaos_addr(in), op >> 4);
		break;
	case 9:
		a = 1 + op / 16 % f->ctrl.cfg.nr_ioq;
		fake_step(f, a, 1 + op / 32);
		break;
	case 10:
		fake_work(f);
		break;
	case 11:
		if (!f->pin_hold)
			fake_pin_all(f);
		break;
	case 12:
		chaos_host(f, fuzz_u8(in));
		break;
	case 13:
		chaos_ns(f, op >> 4);
		break;
	case 14:
		chaos_asleep(f, 1 + op / 16 % f->ctrl.cfg.nr_ioq);
		if (op & 128)
			vnvme_lane_forget(&f->ctrl.lane[1]);
		if (op & 64)
			fake_poison(f, chaos_addr(in) % FAKE_RAM);
		else
			shim_poison = NULL;
		break;
	case 15:
		if (op >> 4 == 15)
			vnvme_ctrl_reset(&f->ctrl);
		else if (op >> 4 < 4)
			chaos_enable(f, op >> 4);
		else
			fake_run(f);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	struct fake *f = fuzz_fake(2);

	f->on_pin = chaos_on_pin;
	__asan_poison_memory_region(f->ram, FAKE_RAM);
	chaos_enable(f, 1);
	while (in.p < in.end) {
		chaos_op(f, &in);
		fake_check(f);
		fuzz_check(!f->nr_bad);
	}
	/* whatever was done to it, it comes back */
	shim_poison = NULL;
	chaos_host(f, 0);
	vnvme_ctrl_reset(&f->ctrl);
	fake_run(f);
	fuzz_check(vnvme_ctrl_idle(&f->ctrl));
	fuzz_check(!f->nr_list && !f->pin_list && !f->nr_bad);
	fuzz_check(!fake_read32(f, VNVME_REG_CC) &&
		   !fake_read32(f, VNVME_REG_CSTS));
	__asan_unpoison_memory_region(f->ram, FAKE_RAM);
	return 0;
}
