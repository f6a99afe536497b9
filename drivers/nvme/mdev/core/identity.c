// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest tells devices and namespaces apart by: made of the device's UUID,
 * so that it is the same after every restart, or of what came with a namespace.
 *
 * All of the UUID counts, wherever whoever numbers devices has put the number,
 * and neighbours have nothing in common: each value is a hash.
 */
#include "internal.h"

#define VNVME_OUI_0	0x52	/* locally administered */
#define VNVME_OUI_1	0x54
#define VNVME_OUI_2	0x00

/* What is derived; two hashes where it is longer than one. */
enum vnvme_derived {
	VNVME_DERIVED_UUID	= 0,
	VNVME_DERIVED_NGUID	= 2,
	VNVME_DERIVED_EUI64	= 4,
	VNVME_DERIVED_SERIAL	= 6,
};

static u64 vnvme_rol64(u64 x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static void vnvme_sip_round(u64 v[4])
{
	v[0] += v[1];
	v[1] = vnvme_rol64(v[1], 13) ^ v[0];
	v[0] = vnvme_rol64(v[0], 32);
	v[2] += v[3];
	v[3] = vnvme_rol64(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = vnvme_rol64(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = vnvme_rol64(v[1], 17) ^ v[2];
	v[2] = vnvme_rol64(v[2], 32);
}

/* SipHash-2-4 of whole words with the key 0; never 0 itself. */
static u64 vnvme_hash(const u64 *words, unsigned int nr)
{
	u64 v[4] = { 0x736f6d6570736575ull, 0x646f72616e646f6dull,
		     0x6c7967656e657261ull, 0x7465646279746573ull };
	unsigned int i, k;
	u64 m;

	for (i = 0; i <= nr; i++) {
		m = i < nr ? words[i] : (u64)nr * 8 << 56;
		v[3] ^= m;
		vnvme_sip_round(v);
		vnvme_sip_round(v);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	for (k = 0; k < 4; k++)
		vnvme_sip_round(v);
	m = v[0] ^ v[1] ^ v[2] ^ v[3];
	return m ? m : 1;
}

/* @len bytes, 16 at most, that stand for @what of namespace @nsid under @base. */
static void vnvme_derive(const u8 base[16], u32 nsid, enum vnvme_derived what,
			 u8 *to, unsigned int len)
{
	u64 words[3], h;
	unsigned int i;

	memcpy(words, base, 16);
	words[0] = le64_to_cpu((__force __le64)words[0]);
	words[1] = le64_to_cpu((__force __le64)words[1]);
	for (i = 0; i < len; i++) {
		words[2] = (u64)nsid << 8 | (what + i / 8);
		h = vnvme_hash(words, 3);
		to[i] = h >> (8 * (i & 7));
	}
}

static bool vnvme_any(const u8 *p, unsigned int len)
{
	while (len--)
		if (*p++)
			return true;
	return false;
}

/**
 * vnvme_ns_identity() - what a guest knows a namespace by
 * @ctrl:	controller
 * @ns:		namespace of it
 * @id:		filled
 *
 * What came with the namespace is taken as it is, and what did not follows from
 * that: the whole goes where the namespace goes.  If nothing came, all of it
 * follows from the device's UUID and the NSID.
 *
 * Context: any.
 */
void vnvme_ns_identity(const struct vnvme_ctrl *ctrl, const struct vnvme_ns *ns,
		       struct vnvme_identity *id)
{
	u32 nsid = 0;
	u8 base[16];

	*id = ns->id;
	if (vnvme_any(id->uuid, 16)) {
		memcpy(base, id->uuid, 16);
	} else if (vnvme_any(id->nguid, 16)) {
		memcpy(base, id->nguid, 16);
	} else if (vnvme_any(id->eui64, 8)) {
		memset(base, 0, 16);
		memcpy(base + 8, id->eui64, 8);
	} else {
		memcpy(base, ctrl->cfg.uuid.b, 16);
		nsid = ns->nsid;
	}
	if (!vnvme_any(id->uuid, 16)) {
		vnvme_derive(base, nsid, VNVME_DERIVED_UUID, id->uuid, 16);
		/* RFC 9562: version 8, which says nothing of how; variant 10b */
		id->uuid[6] = (id->uuid[6] & 0x0f) | 0x80;
		id->uuid[8] = (id->uuid[8] & 0x3f) | 0x80;
	}
	if (!vnvme_any(id->nguid, 16)) {
		vnvme_derive(base, nsid, VNVME_DERIVED_NGUID, id->nguid, 16);
		id->nguid[8] = VNVME_OUI_0;
		id->nguid[9] = VNVME_OUI_1;
		id->nguid[10] = VNVME_OUI_2;
	}
	if (!vnvme_any(id->eui64, 8)) {
		vnvme_derive(base, nsid, VNVME_DERIVED_EUI64, id->eui64, 8);
		id->eui64[0] = VNVME_OUI_0;
		id->eui64[1] = VNVME_OUI_1;
		id->eui64[2] = VNVME_OUI_2;
	}
}

/**
 * vnvme_oui() - the OUI of what is derived
 * @oui:	filled, least significant byte first as Identify Controller has it
 */
void vnvme_oui(u8 oui[3])
{
	oui[0] = VNVME_OUI_2;
	oui[1] = VNVME_OUI_1;
	oui[2] = VNVME_OUI_0;
}

/**
 * vnvme_default_names() - serial and model number of a device nobody named
 * @cfg:	->uuid is set; ->serial and ->model are filled
 *
 * Context: any.
 */
void vnvme_default_names(struct vnvme_config *cfg)
{
	u8 s[VNVME_SN_LEN / 2];

	vnvme_derive(cfg->uuid.b, 0, VNVME_DERIVED_SERIAL, s, sizeof(s));
	snprintf(cfg->serial, sizeof(cfg->serial),
		 "%02X%02X%02X%02X%02X%02X%02X%02X%02X%02X",
		 s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9]);
	snprintf(cfg->model, sizeof(cfg->model), "nvme-mdev");
}
