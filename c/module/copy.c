// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Copies of packets. netmap's flush, which comes after the lookup, has one place for each packet; so a
 * copy is put into the receiver's ring here, by the rules of the flush, which may be doing the same for
 * others at the same time: `nkr_hwlease` is where slots are free that nobody fills, and what is filled
 * becomes visible in the ring's order.
 */
#include "lookup.h"

/* The ring that a packet for `ring` goes into; NULL where nobody receives. */
static struct netmap_kring *receive_ring(struct netmap_vp_adapter *to, u32 ring)
{
	struct netmap_kring *kring;

	if ((to->up.na_flags & NAF_SW_ONLY) || !nm_netmap_on(&to->up))
		return NULL;
	kring = to->up.rx_rings[ring % clamp(to->up.num_rx_rings, 1u, 16u)];
	return kring->ring && kring->nr_mode == NKR_NETMAP_ON ? kring : NULL;
}

/* Under the ring's lock. */
static u32 free_slots(const struct netmap_kring *kring)
{
	u32 slots = kring->nkr_num_slots;

	return (kring->nr_hwcur + slots - 1 - kring->nkr_hwlease) % slots;
}

/* Slots that the packet takes; 0 if one of its fragments does not fit into the receiver's buffers. */
static u32 count_fragments(const struct nm_bdg_fwd *ft, const struct netmap_vp_adapter *to, u32 offset)
{
	u32 fragments = 1;

	while (ft->ft_len + offset <= NETMAP_BUF_SIZE(&to->up)) {
		if (!(ft->ft_flags & NS_MOREFRAG))
			return fragments;
		fragments++;
		ft++;
	}
	return 0;
}

/* Fills slots from `at` on, under the ring's lock; returns the slot behind them. */
static u32 fill(struct netmap_kring *kring, struct netmap_vp_adapter *to,
		const struct nm_bdg_fwd *ft, u32 fragments, u32 at)
{
	u32 i;

	for (i = 0; i < fragments; i++) {
		struct netmap_slot *slot = &kring->ring->slot[at];
		bool is_last = i + 1 == fragments;

		memcpy(NMB(&to->up, slot) + nm_get_offset(kring, slot), ft[i].ft_buf, ft[i].ft_len);
		slot->len = ft[i].ft_len;
		slot->flags = fragments << 8 | (is_last ? 0 : NS_MOREFRAG);
		at = nm_next(at, kring->nkr_num_slots - 1);
	}
	return at;
}

/* Shows filled slots, or leaves that to those who fill slots before them. Under the lock. */
static bool show(struct netmap_kring *kring, u32 start, u32 end)
{
	kring->nkr_hwlease = end;
	if (kring->nr_hwtail == start) {
		kring->nr_hwtail = end;
		return true;
	}
	kring->nkr_leases[kring->nkr_lease_idx] = end;
	kring->nkr_lease_idx = nm_next(kring->nkr_lease_idx, kring->nkr_num_slots - 1);
	return false;
}

bool packet_copy(const struct nm_bdg_fwd *ft, u32 ring, const struct netmap_vp_adapter *from,
		 struct netmap_vp_adapter *to)
{
	struct netmap_kring *kring = receive_ring(to, ring);
	bool is_copied = false, is_shown = false;
	u32 fragments, start;

	/* Headers of virtual NICs would have to be translated. */
	if (!kring || from->up.virt_hdr_len || to->up.virt_hdr_len)
		return false;
	mtx_lock(&kring->q_lock);
	start = kring->nkr_hwlease;
	fragments = count_fragments(ft, to, nm_get_offset(kring, &kring->ring->slot[start]));
	if (!kring->nkr_stopped && fragments && fragments <= free_slots(kring)) {
		is_shown = show(kring, start, fill(kring, to, ft, fragments, start));
		is_copied = true;
	}
	mtx_unlock(&kring->q_lock);
	if (is_shown)
		kring->nm_notify(kring, 0);
	return is_copied;
}
