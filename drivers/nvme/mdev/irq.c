// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts: an eventfd per vector, as VFIO_DEVICE_SET_IRQS hands them over.
 *
 * Eventfds are signalled under no lock of ours: who waits for one may be
 * intx_unmask_handler(), which takes intx_lock.  Who signals is counted instead.
 * An MSI-X interrupt that comes before its vector has an eventfd is kept and
 * signalled when it gets one.  INTx is a level: signalled once and masked; on
 * unmask the poller looks at the level again.
 */
#include <linux/delay.h>
#include <linux/eventfd.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "mdev.h"
#include "trace.h"

#define NR_MSIX(nm)	((nm)->nr_pairs + 1)

/**
 * nvme_mdev_irq_init() - no eventfd is set
 * @nm: device
 */
void nvme_mdev_irq_init(struct nvme_mdev *nm)
{
	mutex_init(&nm->irq.lock);
	spin_lock_init(&nm->irq.intx_lock);
}

/* ------------------------------------------------------------ eventfds ---- */

/* One from user space: NULL for -1. */
static struct nvme_mdev_irq_fd *irq_fd_get(const s32 *fd)
{
	struct nvme_mdev_irq_fd *e;
	struct eventfd_ctx *ctx;

	if (!fd || *fd == -1)
		return NULL;
	if (*fd < 0)
		return ERR_PTR(-EINVAL);
	ctx = eventfd_ctx_fdget(*fd);
	if (IS_ERR(ctx))
		return ERR_CAST(ctx);
	e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e) {
		eventfd_ctx_put(ctx);
		return ERR_PTR(-ENOMEM);
	}
	e->ctx = ctx;
	return e;
}

/*
 * Let go of one that was replaced; from here on it is not signalled any more, as a VMM
 * forgets what it has replaced.  A grace period would say so, too, but takes tens of
 * milliseconds, and VMMs set vectors one by one with their own locks held.  Who is
 * about to signal it is waited for instead: nobody begins to any more.
 */
static void irq_fd_put(struct nvme_mdev_irq_fd *e)
{
	if (!e)
		return;
	/* the pointer was replaced before this look; pairs with irq_fd_use() */
	smp_mb();
	while (atomic_read_acquire(&e->users))
		usleep_range(10, 50);
	eventfd_ctx_put(e->ctx);
	/* irq_fd_use() may still have a look at ->users */
	kfree_rcu(e, rcu);
}

/* The eventfd to be signalled now, or NULL.  Context: RCU. */
static struct nvme_mdev_irq_fd *irq_fd_use(struct nvme_mdev_irq_fd __rcu **slot)
{
	struct nvme_mdev_irq_fd *e;

	for (;;) {
		e = rcu_dereference(*slot);
		if (unlikely(!e))
			return NULL;
		atomic_inc(&e->users);
		/* pairs with irq_fd_put(): it sees this, or this sees another one */
		smp_mb__after_atomic();
		if (likely(e == rcu_access_pointer(*slot)))
			return e;
		atomic_dec_return_release(&e->users);
	}
}

static void irq_fd_signal(struct nvme_mdev_irq_fd *e)
{
	compat_eventfd_signal(e->ctx);
	atomic_dec_return_release(&e->users);
}

static void msix_signal(struct nvme_mdev_irq *irq, u16 vector)
{
	struct nvme_mdev_irq_fd *e;

	rcu_read_lock();
	e = irq_fd_use(&irq->msix[vector]);
	if (likely(e)) {
		irq_fd_signal(e);
	} else {
		set_bit(vector, irq->pending);
		/* pairs with the barrier in msix_replace(): one of us sees the other */
		smp_mb__after_atomic();
		e = irq_fd_use(&irq->msix[vector]);
		if (e && test_and_clear_bit(vector, irq->pending))
			irq_fd_signal(e);
		else if (e)
			atomic_dec_return_release(&e->users);
	}
	rcu_read_unlock();
}

static void intx_signal(struct nvme_mdev_irq *irq)
{
	struct nvme_mdev_irq_fd *e = NULL;
	unsigned long flags;

	rcu_read_lock();
	spin_lock_irqsave(&irq->intx_lock, flags);
	if (!irq->intx_masked)
		e = irq_fd_use(&irq->intx);
	if (e)
		irq->intx_masked = true;
	spin_unlock_irqrestore(&irq->intx_lock, flags);
	/* without the lock: a VMM may have made this the eventfd that unmasks */
	if (e)
		irq_fd_signal(e);
	rcu_read_unlock();
}

/**
 * nvme_mdev_irq_raise() - tell the guest
 * @nm:		device
 * @vector:	of the completion queue; below the number of MSI-X vectors
 *
 * Context: the poller or control; does not sleep.
 */
void nvme_mdev_irq_raise(struct nvme_mdev *nm, u16 vector)
{
	if (likely(READ_ONCE(nm->irq.msix_on))) {
		trace_nvme_mdev_interrupt(nm, vector, NVME_MDEV_IRQ_MSIX);
		msix_signal(&nm->irq, vector);
	} else if (rcu_access_pointer(nm->irq.intx)) {
		trace_nvme_mdev_interrupt(nm, vector, NVME_MDEV_IRQ_INTX);
		WRITE_ONCE(nm->irq.intx_check, true);
		nvme_mdev_poller_kick(nm);
	} else {
		trace_nvme_mdev_interrupt(nm, vector, NVME_MDEV_IRQ_KEPT);
		/* looks once more: MSI-X may just be set up */
		msix_signal(&nm->irq, vector);
	}
}

/**
 * nvme_mdev_irq_pin_used() - has the VMM set up INTx, and no MSI-X?
 * @nm: device
 *
 * Context: any.
 */
bool nvme_mdev_irq_pin_used(const struct nvme_mdev *nm)
{
	return !READ_ONCE(nm->irq.msix_on) && rcu_access_pointer(nm->irq.intx);
}

/**
 * nvme_mdev_irq_recheck() - look at the INTx level again
 * @nm: device
 *
 * Context: the poller (it owns the lanes).
 */
void nvme_mdev_irq_recheck(struct nvme_mdev *nm)
{
	WRITE_ONCE(nm->irq.intx_check, false);
	/* the flag goes down before the level is looked at */
	smp_mb();
	if (!READ_ONCE(nm->irq.msix_on) && vnvme_intx_level(&nm->ctrl))
		intx_signal(&nm->irq);
}

static void intx_unmask(struct nvme_mdev *nm)
{
	unsigned long flags;

	spin_lock_irqsave(&nm->irq.intx_lock, flags);
	nm->irq.intx_masked = false;
	spin_unlock_irqrestore(&nm->irq.intx_lock, flags);
	WRITE_ONCE(nm->irq.intx_check, true);
	nvme_mdev_poller_kick(nm);
}

/* Eventfd of VFIO_IRQ_SET_ACTION_UNMASK; from its wake-up, atomic. */
static int intx_unmask_handler(void *opaque, void *data)
{
	intx_unmask(opaque);
	return 0;
}

static void intx_replace(struct nvme_mdev *nm, struct nvme_mdev_irq_fd *e)
{
	struct nvme_mdev_irq *irq = &nm->irq;
	struct nvme_mdev_irq_fd *old;
	unsigned long flags;

	spin_lock_irqsave(&irq->intx_lock, flags);
	old = rcu_replace_pointer(irq->intx, e, lockdep_is_held(&irq->intx_lock));
	irq->intx_masked = false;
	spin_unlock_irqrestore(&irq->intx_lock, flags);
	irq_fd_put(old);
	if (!e)
		vfio_virqfd_disable(&irq->unmask);
	WRITE_ONCE(irq->intx_check, true);
	nvme_mdev_poller_kick(nm);
}

static long intx_set(struct nvme_mdev *nm, u32 flags, u32 start, u32 count, void *data)
{
	u32 action = flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	struct nvme_mdev_irq_fd *e;
	unsigned long irqflags;
	bool act = count;

	if (action == VFIO_IRQ_SET_ACTION_TRIGGER && (flags & VFIO_IRQ_SET_DATA_NONE) && !count) {
		intx_replace(nm, NULL);
		return 0;
	}
	if (start != 0 || count != 1)
		return -EINVAL;
	/* as vfio-pci: nothing is there before its eventfd is */
	if (!rcu_access_pointer(nm->irq.intx) &&
	    (action != VFIO_IRQ_SET_ACTION_TRIGGER || !(flags & VFIO_IRQ_SET_DATA_EVENTFD)))
		return -EINVAL;
	if (flags & VFIO_IRQ_SET_DATA_BOOL)
		act = *(u8 *)data;

	switch (action) {
	case VFIO_IRQ_SET_ACTION_MASK:
		if (flags & VFIO_IRQ_SET_DATA_EVENTFD)
			return -ENOTTY;
		if (act) {
			spin_lock_irqsave(&nm->irq.intx_lock, irqflags);
			nm->irq.intx_masked = true;
			spin_unlock_irqrestore(&nm->irq.intx_lock, irqflags);
		}
		return 0;
	case VFIO_IRQ_SET_ACTION_UNMASK:
		if (flags & VFIO_IRQ_SET_DATA_EVENTFD) {
			s32 fd = *(s32 *)data;

			if (fd >= 0)
				return vfio_virqfd_enable(nm, intx_unmask_handler, NULL, NULL,
							  &nm->irq.unmask, fd);
			vfio_virqfd_disable(&nm->irq.unmask);
		} else if (act) {
			intx_unmask(nm);
		}
		return 0;
	case VFIO_IRQ_SET_ACTION_TRIGGER:
		if (flags & VFIO_IRQ_SET_DATA_EVENTFD) {
			e = irq_fd_get(data);
			if (IS_ERR(e))
				return PTR_ERR(e);
			intx_replace(nm, e);
		} else if (act) {
			intx_signal(&nm->irq);
		}
		return 0;
	}
	return -EINVAL;
}

/*
 * Put eventfds @e[] in place of vectors [start, start + count).  What was raised while
 * one had none is signalled now, if the guest has not found it by itself meanwhile, and
 * no reset has ended it.
 */
static void msix_replace(struct nvme_mdev *nm, u32 start, u32 count, struct nvme_mdev_irq_fd **e)
{
	struct nvme_mdev_irq *irq = &nm->irq;
	struct nvme_mdev_irq_fd *old[VNVME_MAX_IOQ + 1];
	u32 i;

	for (i = 0; i < count; i++) {
		u32 vector = array_index_nospec(start + i, VNVME_MAX_IOQ + 1);

		old[i] = rcu_dereference_protected(irq->msix[vector],
						   lockdep_is_held(&irq->lock));
		rcu_assign_pointer(irq->msix[vector], e[i]);
	}
	/* pairs with the barrier in msix_signal() */
	smp_mb();
	/* doorbells in guest memory are looked at */
	down_read(&nm->mem.users);
	for (i = 0; i < count; i++)
		if (e[i] && test_and_clear_bit(start + i, irq->pending) &&
		    vnvme_vector_unread(&nm->ctrl, start + i))
			compat_eventfd_signal(e[i]->ctx);
	up_read(&nm->mem.users);
	for (i = 0; i < count; i++)
		irq_fd_put(old[i]);
}

static void msix_off(struct nvme_mdev *nm)
{
	struct nvme_mdev_irq_fd *none[VNVME_MAX_IOQ + 1] = { };

	WRITE_ONCE(nm->irq.msix_on, false);
	msix_replace(nm, 0, NR_MSIX(nm), none);
}

static long msix_set_fds(struct nvme_mdev *nm, u32 start, u32 count, const s32 *fd)
{
	struct nvme_mdev_irq_fd *e[VNVME_MAX_IOQ + 1];
	long ret;
	u32 i;

	for (i = 0; i < count; i++) {
		e[i] = irq_fd_get(&fd[i]);
		if (!IS_ERR(e[i]))
			continue;
		ret = PTR_ERR(e[i]);
		while (i--)
			irq_fd_put(e[i]);
		return ret;
	}
	WRITE_ONCE(nm->irq.msix_on, true);
	msix_replace(nm, start, count, e);
	return 0;
}

/* A VMM's own trigger, as vfio-pci has it: vectors without an eventfd are passed over. */
static long msix_trigger(struct nvme_mdev *nm, u32 flags, u32 start, u32 count, const u8 *data)
{
	struct nvme_mdev_irq_fd *e;
	u32 i, vector;

	if (!nm->irq.msix_on)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		vector = array_index_nospec(start + i, VNVME_MAX_IOQ + 1);
		e = rcu_dereference_protected(nm->irq.msix[vector],
					      lockdep_is_held(&nm->irq.lock));
		if (e && ((flags & VFIO_IRQ_SET_DATA_NONE) || data[i]))
			compat_eventfd_signal(e->ctx);
	}
	return 0;
}

static long msix_set(struct nvme_mdev *nm, u32 flags, u32 start, u32 count, void *data)
{
	if ((flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTTY;
	if (!count) {
		if (!(flags & VFIO_IRQ_SET_DATA_NONE))
			return -EINVAL;
		msix_off(nm);
		return 0;
	}
	return flags & VFIO_IRQ_SET_DATA_EVENTFD ? msix_set_fds(nm, start, count, data) :
						   msix_trigger(nm, flags, start, count, data);
}

/*
 * The request interrupt: one eventfd.  There is no error interrupt: a VMM stops the
 * whole guest at one, which then could not let go of the device either.  Of a drive
 * that is lost the guest hears by its I/O.
 */
static long single_set(struct eventfd_ctx **slot, u32 flags, u32 start, u32 count, void *data)
{
	struct eventfd_ctx *ctx = NULL;
	s32 fd = -1;

	if ((flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTTY;
	if (start != 0 || count > 1)
		return -EINVAL;
	if (flags & VFIO_IRQ_SET_DATA_NONE ? !*slot : !count)
		return -EINVAL;
	if ((flags & VFIO_IRQ_SET_DATA_EVENTFD) || !count) {
		if (count)
			fd = *(s32 *)data;
		if (fd != -1)
			ctx = fd < 0 ? ERR_PTR(-EINVAL) : eventfd_ctx_fdget(fd);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
		if (*slot)
			eventfd_ctx_put(*slot);
		*slot = ctx;
		return 0;
	}
	if (*slot && ((flags & VFIO_IRQ_SET_DATA_NONE) || *(u8 *)data))
		compat_eventfd_signal(*slot);
	return 0;
}

/**
 * nvme_mdev_irq_count() - interrupts behind a VFIO index
 * @nm:		device
 * @index:	VFIO_PCI_*_IRQ_INDEX
 */
unsigned int nvme_mdev_irq_count(struct nvme_mdev *nm, u32 index)
{
	switch (index) {
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return NR_MSIX(nm);
	case VFIO_PCI_INTX_IRQ_INDEX:
	case VFIO_PCI_REQ_IRQ_INDEX:
		return 1;
	}
	return 0;
}

/**
 * nvme_mdev_irq_set() - VFIO_DEVICE_SET_IRQS
 * @nm:		device
 * @flags:	VFIO_IRQ_SET_*, checked by vfio_set_irqs_validate_and_prepare()
 * @index:	VFIO_PCI_*_IRQ_INDEX
 * @start:	first interrupt
 * @count:	how many, in range
 * @data:	bools or eventfds
 *
 * Context: may sleep.
 * Return: 0, -EINVAL, -ENOTTY (this index cannot do that), -EBADF, -ENOMEM.
 */
long nvme_mdev_irq_set(struct nvme_mdev *nm, u32 flags, u32 index, u32 start, u32 count,
		       void *data)
{
	long ret = -EINVAL;

	mutex_lock(&nm->irq.lock);
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		ret = intx_set(nm, flags, start, count, data);
		break;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		ret = msix_set(nm, flags, start, count, data);
		break;
	case VFIO_PCI_REQ_IRQ_INDEX:
		ret = single_set(&nm->irq.req, flags, start, count, data);
		break;
	}
	mutex_unlock(&nm->irq.lock);
	return ret;
}

/**
 * nvme_mdev_irq_request() - ask the VMM to let go of the device
 * @nm: device
 *
 * Return: false if the VMM has set no eventfd for that.
 */
bool nvme_mdev_irq_request(struct nvme_mdev *nm)
{
	bool asked;

	mutex_lock(&nm->irq.lock);
	asked = nm->irq.req;
	if (asked)
		compat_eventfd_signal(nm->irq.req);
	mutex_unlock(&nm->irq.lock);
	return asked;
}

/**
 * nvme_mdev_irq_release() - forget all eventfds
 * @nm: device, being closed
 */
void nvme_mdev_irq_release(struct nvme_mdev *nm)
{
	mutex_lock(&nm->irq.lock);
	intx_replace(nm, NULL);
	msix_off(nm);
	bitmap_zero(nm->irq.pending, VNVME_MAX_IOQ + 1);
	single_set(&nm->irq.req, VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE, 0, 0, NULL);
	mutex_unlock(&nm->irq.lock);
}
