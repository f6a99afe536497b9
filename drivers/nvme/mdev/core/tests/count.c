// SPDX-License-Identifier: GPL-2.0
/*
 * For callgrind: what a command costs in the core alone.  The backend builds
 * nothing and completes inside submit; the guest's side stands outside of what
 * is counted (vnvme_lane_step()).
 *
 * count <rounds> <batch> <bytes> <contiguous> <dbbuf>
 *
 * batch 0: passes that find nothing
 */
#include "fake.h"

int atoi(const char *s);

static u16 null_submit(struct vnvme_backend *b, struct vnvme_lane *lane,
		       struct vnvme_req *req)
{
	vnvme_req_done(req, 0);
	return 0;
}

static const struct vnvme_backend_ops null_ops = {
	.submit	= null_submit,
};

int main(int argc, char **argv)
{
	int rounds = atoi(argv[1]), batch = atoi(argv[2]);
	int bytes = atoi(argv[3]), contiguous = atoi(argv[4]), i, k;
	int dbbuf = atoi(argv[5]);
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	__le64 *list = fake_ptr(f, FAKE_LIST);

	if (argc != 6 || fake_delete_sq(f, 1) || fake_delete_cq(f, 1) ||
	    fake_create(f, 1, 1, 256) ||
	    (dbbuf && fake_dbbuf(f)))
		return 1;
	f->mapped = !dbbuf;
	f->ctrl.env->pin(&f->ctrl, 0, FAKE_RAM);
	/* a guest's memory is mostly in pieces of 2 MiB */
	f->chunk[0].kva = f->ram;
	f->chunk[0].dma = FAKE_DMA;
	f->chunk[1].kva = f->ram + FAKE_DATA;
	f->chunk[1].dma = FAKE_DMA + FAKE_DATA;
	f->backend.ops = &null_ops;
	f->backend.bit = 0;	/* as vnvme_backend_add() does without ->commit */
	for (i = 0; i < bytes / 4096; i++)
		list[i] = cpu_to_le64(FAKE_DATA + (contiguous ? i + 1 :
						   2 * i + 1) * 4096);
	sqe = fake_rw(VNVME_CMD_READ, 0, bytes / 512, FAKE_DATA, FAKE_LIST);
	for (i = 0; i < rounds; i++) {
		for (k = 0; k < batch; k++) {
			sqe.cid = cpu_to_le16(k);
			fake_push(f, 1, &sqe);
		}
		fake_sq_ring(f, 1);
		vnvme_lane_step(&f->ctrl.lane[1], 16);
		for (k = 0; fake_pop(f, 1, &cqe); k++)
			;
		if (k != batch)
			return 2;
		fake_cq_ring(f, 1);
	}
	return f->nr_bad != 0;
}
