// SPDX-License-Identifier: GPL-2.0
/*
 * For callgrind: what a command costs in the core alone.  The backend builds
 * nothing and completes inside submit; the guest's side stands outside of what
 * is counted (vnvme_lane_step()).
 *
 * count <rounds> <batch> <bytes> <contiguous> <dbbuf> <devices>
 *
 * batch 0: passes that find nothing; devices: in turn, as one poller does
 */
#include "fake.h"

int atoi(const char *s);

#define DEVICES 16

static u16 null_submit(struct vnvme_backend *b, struct vnvme_lane *lane,
		       struct vnvme_req *req)
{
	vnvme_req_done(req, 0);
	return 0;
}

static const struct vnvme_backend_ops null_ops = {
	.submit	= null_submit,
};

/* A device as it is while a guest uses it, with its PRP list written. */
static struct fake *device(int bytes, int contiguous, int dbbuf)
{
	struct fake *f = fake_ready(1);
	__le64 *list = fake_ptr(f, FAKE_LIST);
	int i;

	if (fake_delete_sq(f, 1) || fake_delete_cq(f, 1) ||
	    fake_create(f, 1, 1, 256) ||
	    (dbbuf && fake_dbbuf(f)))
		return NULL;
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
	return f;
}

/* A batch of commands. Return: how many were completed. */
static int turn(struct fake *f, int batch, int bytes)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, bytes / 512,
				       FAKE_DATA, FAKE_LIST);
	struct vnvme_cqe cqe;
	int k;

	for (k = 0; k < batch; k++) {
		sqe.cid = cpu_to_le16(k);
		fake_push(f, 1, &sqe);
	}
	fake_sq_ring(f, 1);
	vnvme_lane_step(&f->ctrl.lane[1], 16);
	for (k = 0; fake_pop(f, 1, &cqe); k++)
		;
	fake_cq_ring(f, 1);
	return k;
}

int main(int argc, char **argv)
{
	int rounds = atoi(argv[1]), batch = atoi(argv[2]);
	int bytes = atoi(argv[3]), contiguous = atoi(argv[4]);
	int dbbuf = atoi(argv[5]), devices = atoi(argv[6]), i, k;
	struct fake *f[DEVICES];

	if (argc != 7 || devices > DEVICES)
		return 1;
	for (k = 0; k < devices; k++) {
		f[k] = device(bytes, contiguous, dbbuf);
		if (!f[k])
			return 1;
	}
	for (i = 0; i < rounds; i++)
		for (k = 0; k < devices; k++)
			if (turn(f[k], batch, bytes) != batch)
				return 2;
	for (k = 0; k < devices; k++)
		if (f[k]->nr_bad)
			return 3;
	return 0;
}
