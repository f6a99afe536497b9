/* SPDX-License-Identifier: GPL-2.0 */
/* What the fuzz targets share. */
#ifndef _FUZZ_H
#define _FUZZ_H

#include "../../drivers/nvme/mdev/core/tests/fake.h"

void __asan_poison_memory_region(const volatile void *p, size_t n);
void __asan_unpoison_memory_region(const volatile void *p, size_t n);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define fuzz_check(c)	do { if (!(c)) __builtin_trap(); } while (0)

struct fuzz_in {
	const u8 *p, *end;
};

static inline u8 fuzz_u8(struct fuzz_in *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static inline u16 fuzz_u16(struct fuzz_in *in)
{
	u16 lo = fuzz_u8(in);

	return lo | fuzz_u8(in) << 8;
}

static inline u32 fuzz_u32(struct fuzz_in *in)
{
	u32 lo = fuzz_u16(in);

	return lo | (u32)fuzz_u16(in) << 16;
}

/* One for all inputs: making it anew costs more than most inputs. */
static inline struct fake *fuzz_fake(u16 nr_ioq)
{
	static struct fake *f;

	if (f)
		fake_renew(f);
	else
		f = fake_new(nr_ioq);
	return f;
}

#endif
