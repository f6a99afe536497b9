// SPDX-License-Identifier: GPL-2.0
/*
 * Data pointers: from the two PRP fields of a command to segments of host
 * memory.  Every rule of alignment and offset lives here (section 4.3); the
 * walk and the look-ups are one, so that a page that continues its predecessor
 * costs a few instructions.
 *
 * PRPs are the only kind: Identify says SGLS = 0 and a PSDT other than 0 is
 * refused before a command comes here.
 */
#include "internal.h"

struct vnvme_walk {
	const struct vnvme_mem	*mem;
	struct vnvme_dptr	*d;
	struct vnvme_seg	*seg;	/* the last one, grows */
	u64			next;	/* guest address after it ... */
	u32			left;	/* ... and how far its extent goes on */
	u32			need;	/* bytes still to be found */
};

/* Memory with an error.  Another try would find it, too. */
#define VNVME_POISONED	(VNVME_SC_DATA_TRANSFER | VNVME_DNR)

u16 vnvme_guest_get(void *to, const void *kva, u32 len)
{
	const u32 *words = kva;
	u32 val, i;

	for (i = 0; i < len / sizeof(val); i++) {
		vnvme_guest_load(val, &words[i], bad);
		memcpy(to + i * sizeof(val), &val, sizeof(val));
	}
	return 0;
bad:
	return VNVME_POISONED;
}

u16 vnvme_guest_put(void *kva, const void *from, u32 len)
{
	u32 *words = kva;
	u32 val, i;

	for (i = 0; i < len / sizeof(val); i++) {
		memcpy(&val, from + i * sizeof(val), sizeof(val));
		vnvme_guest_store(&words[i], val, bad);
	}
	return 0;
bad:
	return VNVME_POISONED;
}

u16 vnvme_guest_compare(const void *kva, const void *with, u32 len)
{
	const u32 *words = kva;
	u32 val, other = 0, i;

	for (i = 0; i < len / sizeof(val); i++) {
		vnvme_guest_load(val, &words[i], bad);
		if (with)
			memcpy(&other, with + i * sizeof(val), sizeof(val));
		if (val != other)
			return VNVME_SC_COMPARE_FAILED;
	}
	return 0;
bad:
	return VNVME_POISONED;
}

/* @len bytes at @iova, a new extent as far as is known */
static __always_inline u16 vnvme_walk_find(struct vnvme_walk *w, u64 iova,
					   u32 len)
{
	struct vnvme_dptr *d = w->d;
	struct vnvme_seg *seg = w->seg;
	struct vnvme_extent x;
	bool follows;

	if (len > w->need)
		len = w->need;
	if (unlikely(!vnvme_mem_lookup(w->mem, iova, &x))) {
		d->miss_iova = iova;
		return VNVME_MISS;
	}
	if (unlikely(x.ro && d->to_guest))
		return VNVME_SC_DATA_TRANSFER | VNVME_DNR;
	follows = iova == w->next;
	w->need -= len;
	w->next = iova + len;
	w->left = x.len - len;
	/* also for the guest, whose pages vnvme_lane_pages() tells */
	if (seg && follows && seg->dma + seg->len == x.dma &&
	    seg->kva + seg->len == x.kva) {
		seg->len += len;
		return 0;
	}
	if (unlikely(d->nr_segs == d->max_segs))
		return VNVME_SC_INTERNAL;
	d->nr_segs++;
	seg = seg ? seg + 1 : d->segs;
	w->seg = seg;
	seg->dma = x.dma;
	seg->kva = x.kva;
	seg->len = len;
	seg->page = iova >> VNVME_PAGE_SHIFT;
	return 0;
}

static u16 vnvme_walk_bad(struct vnvme_walk *w, u16 status)
{
	w->d->err_loc = VNVME_LOC(prp2);
	return status | VNVME_DNR;
}

/*
 * Entries [@entry, @end) of one page of a list, of which the first has been read:
 * @iova.  Each is read once.  Where pages follow each other, which is what most
 * lists are, an entry costs a load, a compare and an add.
 */
static __always_inline u16 vnvme_walk_entries(struct vnvme_walk *w,
					      const __le64 *entry,
					      const __le64 *end)
{
	const __le64 *stop;
	u64 iova, next;
	u32 pages;
	u16 status;
	__le64 val;

	vnvme_guest_load(val, entry, bad);
	iova = le64_to_cpu(val);
	for (;;) {
		pages = iova == w->next ?
			min(w->left, w->need) >> VNVME_PAGE_SHIFT : 0;
		if (pages) {
			/* nothing is looked up, so the extent bounds it */
			stop = entry + min_t(size_t, end - entry, pages);
			next = iova;
			do {
				entry++;
				next += VNVME_PAGE_SIZE;
				if (entry == stop)
					break;
				vnvme_guest_load(val, entry, bad);
				iova = le64_to_cpu(val);
			} while (iova == next);
			w->seg->len += next - w->next;
			w->left -= next - w->next;
			w->need -= next - w->next;
			w->next = next;
			if (entry == end || !w->need)
				return 0;
			if (entry != stop)
				continue;
		} else {
			if (unlikely(iova & (VNVME_PAGE_SIZE - 1)))
				return vnvme_walk_bad(w, VNVME_SC_PRP_OFFSET);
			status = vnvme_walk_find(w, iova, VNVME_PAGE_SIZE);
			if (unlikely(status))
				return status;
			if (++entry == end || !w->need)
				return 0;
		}
		vnvme_guest_load(val, entry, bad);
		iova = le64_to_cpu(val);
	}
bad:
	return vnvme_walk_bad(w, VNVME_SC_DATA_TRANSFER);
}

/*
 * A list may start anywhere on 8 bytes; the last slot of its page leads to the
 * next list if more than one page is left to describe.
 */
static u16 vnvme_walk_list(struct vnvme_walk *w, u64 list, u32 len)
{
	u32 pages = (len + VNVME_PAGE_SIZE - 1) >> VNVME_PAGE_SHIFT, slots, nr;
	struct vnvme_extent x;
	const __le64 *entry;
	bool chained = false;
	__le64 val;
	u16 status;

	for (;;) {
		slots = (VNVME_PAGE_SIZE - (list & (VNVME_PAGE_SIZE - 1))) / 8;
		/* a link that leads to nothing but a link could go in circles */
		if (unlikely((list & 7) ||
			     (chained && slots == 1 && pages > 1)))
			return vnvme_walk_bad(w, VNVME_SC_PRP_OFFSET);
		if (unlikely(!vnvme_mem_lookup(w->mem, list, &x))) {
			w->d->miss_iova = list;
			return VNVME_MISS;
		}
		entry = x.kva;
		nr = pages > slots ? slots - 1 : pages;
		if (nr) {
			status = vnvme_walk_entries(w, entry, entry + nr);
			if (unlikely(status))
				return status;
		}
		pages -= nr;
		if (!pages || !w->need)
			return 0;
		vnvme_guest_load(val, &entry[nr], bad);
		list = le64_to_cpu(val);
		chained = true;
	}
bad:
	return vnvme_walk_bad(w, VNVME_SC_DATA_TRANSFER);
}

/**
 * vnvme_dptr_walk() - translate a command's data pointer
 * @mem:	guest memory
 * @d:		in: what to move; out: ->segs, ->nr_segs, ->err_loc, ->miss_iova
 *
 * Nothing is moved.  Context: owner or control.
 * Return: 0, an NVMe status, or VNVME_MISS.
 */
u16 vnvme_dptr_walk(const struct vnvme_mem *mem, struct vnvme_dptr *d)
{
	struct vnvme_walk w = { .mem = mem, .d = d, .next = ~0ull,
				.need = d->need };
	u32 len = d->len;
	u32 first = VNVME_PAGE_SIZE - (d->prp1 & (VNVME_PAGE_SIZE - 1));
	u16 status;

	d->nr_segs = 0;
	d->err_loc = VNVME_LOC(prp1);
	if (unlikely(d->prp1 & 3))
		return VNVME_SC_PRP_OFFSET | VNVME_DNR;
	first = min(first, len);
	status = vnvme_walk_find(&w, d->prp1, first);
	len -= first;
	if (unlikely(status) || !len)
		return status;

	d->err_loc = VNVME_LOC(prp2);
	if (unlikely(!d->prp2))
		return VNVME_SC_INVALID_FIELD | VNVME_DNR;
	if (len <= VNVME_PAGE_SIZE) {
		if (unlikely(d->prp2 & (VNVME_PAGE_SIZE - 1)))
			return VNVME_SC_PRP_OFFSET | VNVME_DNR;
		return w.need ? vnvme_walk_find(&w, d->prp2, len) : 0;
	}
	if (unlikely(d->prp2 & 7))
		return VNVME_SC_PRP_OFFSET | VNVME_DNR;
	return w.need ? vnvme_walk_list(&w, d->prp2, len) : 0;
}

/* Walk, and pin what is not pinned yet: the two pages and the list may each miss once. */
static u16 vnvme_dptr_find(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
			   struct vnvme_dptr *d)
{
	unsigned int tries = 4;	/* no more is believed */
	u16 status;
	int err;

	d->prp1 = le64_to_cpu(cmd->sqe.prp1);
	d->prp2 = le64_to_cpu(cmd->sqe.prp2);
	while ((status = vnvme_dptr_walk(ctrl->mem, d)) == VNVME_MISS) {
		err = tries-- ? ctrl->env->pin(ctrl, d->miss_iova &
					       ~(u64)(VNVME_PAGE_SIZE - 1),
					       VNVME_PAGE_SIZE) : -EFAULT;
		if (err) {
			cmd->err_loc = d->err_loc;
			return vnvme_pin_status(err);
		}
	}
	if (status)
		cmd->err_loc = d->err_loc;
	return status;
}

/**
 * vnvme_dptr_put() - hand an admin command's data to the guest
 * @ctrl:	controller
 * @cmd:	the command
 * @buf:	data
 * @bytes:	how much there is, at most VNVME_PAGE_SIZE; no more is written
 * @len:	length of the transfer as the command states it
 *
 * Context: control; pins what is not pinned yet.
 * Return: an NVMe status.  Unless it is 0, nothing has been written.
 */
u16 vnvme_dptr_put(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
		   const void *buf, u32 bytes, u32 len)
{
	struct vnvme_seg segs[2];	/* a page touches at most two */
	struct vnvme_dptr d = {
		.len = len, .need = min(bytes, len), .to_guest = true,
		.segs = segs, .max_segs = ARRAY_SIZE(segs),
	};
	u16 status = vnvme_dptr_find(ctrl, cmd, &d);
	u32 i;

	for (i = 0; !status && i < d.nr_segs; i++) {
		status = vnvme_guest_put(segs[i].kva, buf, segs[i].len);
		buf += segs[i].len;
	}
	return status;
}

/**
 * vnvme_dptr_get() - take an admin command's data from the guest, once
 * @ctrl:	controller
 * @cmd:	the command
 * @buf:	filled
 * @bytes:	length of the transfer, at most VNVME_PAGE_SIZE
 *
 * Context: control; pins what is not pinned yet.
 * Return: an NVMe status.
 */
u16 vnvme_dptr_get(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd, void *buf,
		   u32 bytes)
{
	struct vnvme_seg segs[2];	/* as above */
	struct vnvme_dptr d = {
		.len = bytes, .need = bytes,
		.segs = segs, .max_segs = ARRAY_SIZE(segs),
	};
	u16 status = vnvme_dptr_find(ctrl, cmd, &d);
	u32 i;

	for (i = 0; !status && i < d.nr_segs; i++) {
		status = vnvme_guest_get(buf, segs[i].kva, segs[i].len);
		buf += segs[i].len;
	}
	/* from here on nothing may be read from the guest's copy */
	barrier();
	return status;
}
