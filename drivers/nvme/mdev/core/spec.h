/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Wire formats and constants of the NVM Express specification, revision 2.0 (the
 * numbers of sections and figures here and elsewhere are those of 1.4; what 2.0 has
 * brought is marked), and of PCI, as far as the controller needs them.  Values only,
 * no behaviour.
 */
#ifndef _VNVME_SPEC_H
#define _VNVME_SPEC_H

/* Registers, section 3.1 */
#define VNVME_REG_CAP		0x00
#define VNVME_REG_VS		0x08
#define VNVME_REG_INTMS		0x0c
#define VNVME_REG_INTMC		0x10
#define VNVME_REG_CC		0x14
#define VNVME_REG_CSTS		0x1c
#define VNVME_REG_NSSR		0x20
#define VNVME_REG_AQA		0x24
#define VNVME_REG_ASQ		0x28
#define VNVME_REG_ACQ		0x30
#define VNVME_REG_CRTO		0x68	/* 2.0 */

#define VNVME_VS		0x00020000

#define VNVME_CAP_CQR		(1ull << 16)
#define VNVME_CAP_TO(x)		((u64)(x) << 24)	/* 500 ms each */
#define VNVME_CAP_CSS_NVM	(1ull << 37)
#define VNVME_CAP_CRMS_READY	(1ull << 59)	/* 2.0: ready is with media */

#define VNVME_CC_EN		(1u << 0)
#define VNVME_CC_CSS(cc)	(((cc) >> 4) & 0x7)
#define VNVME_CC_MPS(cc)	(((cc) >> 7) & 0xf)
#define VNVME_CC_AMS(cc)	(((cc) >> 11) & 0x7)
#define VNVME_CC_SHN(cc)	(((cc) >> 14) & 0x3)
#define VNVME_CC_IOSQES(cc)	(((cc) >> 16) & 0xf)
#define VNVME_CC_IOCQES(cc)	(((cc) >> 20) & 0xf)
#define VNVME_CC_MASK		0x00fffff1u

#define VNVME_CSTS_RDY		(1u << 0)
#define VNVME_CSTS_CFS		(1u << 1)
#define VNVME_CSTS_SHST		(3u << 2)
#define VNVME_CSTS_SHST_BUSY	(1u << 2)
#define VNVME_CSTS_SHST_DONE	(2u << 2)

#define VNVME_AQA_MASK		0x0fff0fffu
#define VNVME_AQA_ASQS(aqa)	((aqa) & 0xfff)
#define VNVME_AQA_ACQS(aqa)	(((aqa) >> 16) & 0xfff)

#define VNVME_SQES		6	/* log2 */
#define VNVME_CQES		4

/* Submission queue entry, figure 105 */
struct vnvme_sqe {
	u8	opcode;
	u8	flags;		/* FUSE 1:0, PSDT 7:6 */
	__le16	cid;
	__le32	nsid;
	__le32	cdw2;
	__le32	cdw3;
	__le64	mptr;
	__le64	prp1;
	__le64	prp2;
	__le32	cdw10;
	__le32	cdw11;
	__le32	cdw12;
	__le32	cdw13;
	__le32	cdw14;
	__le32	cdw15;
};

static_assert(sizeof(struct vnvme_sqe) == 64);

#define VNVME_SQE_FUSE		0x03
#define VNVME_SQE_PSDT		0xc0

/* Completion queue entry, section 4.6 */
struct vnvme_cqe {
	__le32	dw0;
	__le32	dw1;
	__le16	sqhd;
	__le16	sqid;
	__le16	cid;
	__le16	status;		/* phase in bit 0 */
};

static_assert(sizeof(struct vnvme_cqe) == 16);

/* Dataset Management range, section 6.7.1 */
struct vnvme_dsm_range {
	__le32	cattr;
	__le32	nlb;
	__le64	slba;
};

static_assert(sizeof(struct vnvme_dsm_range) == 16);

/* Copy source range, descriptor format 0 */
struct vnvme_copy_range {
	__le64	rsvd0;
	__le64	slba;
	__le16	nlb;		/* 0's based */
	u8	rsvd18[6];
	__le32	eilbrt;
	__le16	elbat;
	__le16	elbatm;
};

static_assert(sizeof(struct vnvme_copy_range) == 32);

/* Error Information log entry, figure 193 */
struct vnvme_err_entry {
	__le64	count;
	__le16	sqid;
	__le16	cid;
	__le16	status;		/* phase in bit 0 */
	__le16	loc;
	__le64	lba;
	__le32	nsid;
	u8	vs;
	u8	trtype;
	u8	rsvd[2];
	__le64	csinfo;
	__le16	trinfo;
	u8	rsvd2[22];
};

static_assert(sizeof(struct vnvme_err_entry) == 64);

/* SMART / Health Information log, figure 194 */
struct vnvme_smart_log {
	u8	critical_warning;
	u8	temperature[2];
	u8	avail_spare;
	u8	spare_thresh;
	u8	percent_used;
	u8	rsvd6[26];
	__le64	data_units_read[2];
	__le64	data_units_written[2];
	__le64	host_reads[2];
	__le64	host_writes[2];
	__le64	ctrl_busy_time[2];
	__le64	power_cycles[2];
	__le64	power_on_hours[2];
	__le64	unsafe_shutdowns[2];
	__le64	media_errors[2];
	__le64	num_err_log_entries[2];
	u8	rsvd192[320];
};

static_assert(sizeof(struct vnvme_smart_log) == 512);

#define VNVME_SN_LEN		20
#define VNVME_MN_LEN		40

/* Identify Controller, figure 247; what is 0 here has no name */
struct vnvme_id_ctrl {
	__le16	vid;
	__le16	ssvid;
	char	sn[VNVME_SN_LEN];
	char	mn[VNVME_MN_LEN];
	char	fr[8];
	u8	rab;
	u8	ieee[3];
	u8	cmic;
	u8	mdts;
	__le16	cntlid;
	__le32	ver;
	__le32	rtd3r;
	__le32	rtd3e;
	__le32	oaes;
	__le32	ctratt;
	u8	rsvd100[11];
	u8	cntrltype;
	u8	rsvd112[144];
	__le16	oacs;
	u8	acl;
	u8	aerl;
	u8	frmw;
	u8	lpa;
	u8	elpe;
	u8	npss;
	u8	avscc;
	u8	apsta;
	__le16	wctemp;
	__le16	cctemp;
	u8	rsvd270[242];
	u8	sqes;
	u8	cqes;
	__le16	maxcmd;
	__le32	nn;
	__le16	oncs;
	__le16	fuses;
	u8	fna;
	u8	vwc;
	__le16	awun;
	__le16	awupf;
	u8	icsvscc;
	u8	nwpc;
	__le16	acwu;
	__le16	ocfs;
	__le32	sgls;
	u8	rsvd540[228];
	char	subnqn[256];
	u8	rsvd1024[1024];
	u8	psd[32][32];
	u8	vs[1024];
};

static_assert(sizeof(struct vnvme_id_ctrl) == 4096);

/* Identify Namespace, figure 245 */
struct vnvme_id_ns {
	__le64	nsze;
	__le64	ncap;
	__le64	nuse;
	u8	nsfeat;
	u8	nlbaf;
	u8	flbas;
	u8	mc;
	u8	dpc;
	u8	dps;
	u8	rsvd30[3];
	u8	dlfeat;
	__le16	nawun;
	__le16	nawupf;
	__le16	nacwu;
	u8	rsvd40[6];
	__le16	noiob;		/* this one not 0's based */
	u8	rsvd48[16];
	__le16	npwg;
	__le16	npwa;
	__le16	npdg;
	__le16	npda;
	__le16	nows;
	__le16	mssrl;
	__le32	mcl;
	u8	msrc;		/* 0's based */
	u8	rsvd81[18];
	u8	nsattr;
	u8	rsvd100[4];
	u8	nguid[16];
	u8	eui64[8];
	__le32	lbaf[16];	/* MS 15:0, LBADS 23:16, RP 25:24 */
	u8	rsvd192[3904];
};

static_assert(sizeof(struct vnvme_id_ns) == 4096);

#define VNVME_NSATTR_RO		(1u << 0)
#define VNVME_NSFEAT_NSABP	(1u << 1)	/* NAWUN, NAWUPF and NACWU are valid */
#define VNVME_NSFEAT_OPTPERF	(1u << 4)	/* NPWG to NOWS are valid */
#define VNVME_DLFEAT_READS	0x7u
#define VNVME_DLFEAT_WZ_DEAC	(1u << 3)

/* 2.0: Identify Namespace that no I/O command set is needed for, CNS 08h */
struct vnvme_id_ns_indep {
	u8	nsfeat;
	u8	nmic;
	u8	rescap;
	u8	fpi;
	__le32	anagrpid;
	u8	nsattr;
	u8	rsvd9;
	__le16	nvmsetid;
	__le16	endgid;
	u8	nstat;
	u8	rsvd15[4081];
};

static_assert(sizeof(struct vnvme_id_ns_indep) == 4096);

#define VNVME_NSTAT_READY	(1u << 0)

/* 2.0: Identify Controller of the NVM command set, CNS 06h */
struct vnvme_id_ctrl_nvm {
	u8	vsl;
	u8	wzsl;
	u8	wusl;
	u8	dmrl;
	__le32	dmrsl;
	__le64	dmsl;
	u8	rsvd16[4080];
};

static_assert(sizeof(struct vnvme_id_ctrl_nvm) == 4096);

/* 2.0: I/O command set vectors, CNS 1Ch; the NVM command set is bit 0 */
#define VNVME_CSI_NVM		0
#define VNVME_IOCS_NVM		(1u << VNVME_CSI_NVM)
#define VNVME_CNTLID		1
#define VNVME_CNTLID_SELF	0xffff

/* Admin opcodes, figure 139 */
enum {
	VNVME_ADM_DELETE_SQ	= 0x00,
	VNVME_ADM_CREATE_SQ	= 0x01,
	VNVME_ADM_GET_LOG	= 0x02,
	VNVME_ADM_DELETE_CQ	= 0x04,
	VNVME_ADM_CREATE_CQ	= 0x05,
	VNVME_ADM_IDENTIFY	= 0x06,
	VNVME_ADM_ABORT		= 0x08,
	VNVME_ADM_SET_FEATURES	= 0x09,
	VNVME_ADM_GET_FEATURES	= 0x0a,
	VNVME_ADM_AER		= 0x0c,
	VNVME_ADM_DBBUF		= 0x7c,
};

/* I/O opcodes, figure 346 */
enum {
	VNVME_CMD_FLUSH		= 0x00,
	VNVME_CMD_WRITE		= 0x01,
	VNVME_CMD_READ		= 0x02,
	VNVME_CMD_COMPARE	= 0x05,
	VNVME_CMD_WRITE_ZEROES	= 0x08,
	VNVME_CMD_DSM		= 0x09,
	VNVME_CMD_VERIFY	= 0x0c,
	VNVME_CMD_COPY		= 0x19,
};

/* Features, figure 273 */
enum {
	VNVME_FEAT_ARBITRATION	= 0x01,
	VNVME_FEAT_POWER	= 0x02,
	VNVME_FEAT_TEMPERATURE	= 0x04,
	VNVME_FEAT_ERROR_REC	= 0x05,
	VNVME_FEAT_WCE		= 0x06,
	VNVME_FEAT_NR_QUEUES	= 0x07,
	VNVME_FEAT_COALESCING	= 0x08,
	VNVME_FEAT_VECTOR	= 0x09,
	VNVME_FEAT_ATOMICITY	= 0x0a,
	VNVME_FEAT_AEC		= 0x0b,
	VNVME_FEAT_TIMESTAMP	= 0x0e,
	VNVME_FEAT_PROTECT	= 0x84,
	VNVME_NR_FEATURES,
};

/* Namespace Write Protection Config, section 5.21.1.29 */
enum vnvme_protect {
	VNVME_PROTECT_NONE,
	VNVME_PROTECT_WRITES,
	VNVME_PROTECT_CYCLE,	/* until power cycle */
	VNVME_NR_PROTECTS,	/* that there are here */
};

#define VNVME_NWPC_WRITES		(1u << 0)
#define VNVME_NWPC_CYCLE		(1u << 1)

#define VNVME_AEC_SMART		0x000000ffu
#define VNVME_AEC_SMART_TEMP	(1u << 1)
#define VNVME_AEC_NS_ATTR	(1u << 8)

#define VNVME_TIMESTAMP_BITS		48	/* milliseconds */
#define VNVME_TIMESTAMP_SET		(1ull << 49)	/* origin: Set Features */

/* Log pages, figure 191 */
enum {
	VNVME_LOG_SUPPORTED	= 0x00,	/* 2.0 */
	VNVME_LOG_ERROR		= 0x01,
	VNVME_LOG_SMART		= 0x02,
	VNVME_LOG_FW_SLOT	= 0x03,
	VNVME_LOG_CHANGED_NS	= 0x04,
	VNVME_LOG_EFFECTS	= 0x05,
	VNVME_LOG_FEAT_EFFECTS	= 0x12,	/* 2.0 */
	VNVME_LOG_MI_EFFECTS	= 0x13,	/* 2.0 */
	VNVME_NR_LOGS,
};

#define VNVME_EFFECT_CSUPP		(1u << 0)
#define VNVME_EFFECT_LBCC		(1u << 1)
#define VNVME_EFFECT_NS			(1u << 20)	/* 2.0: on what it acts */
#define VNVME_EFFECT_CTRL		(1u << 21)

#define VNVME_LOG_LSUPP			(1u << 0)

#define VNVME_FEAT_EFFECT_FSUPP		(1u << 0)
#define VNVME_FEAT_EFFECT_NS		(1u << 20)	/* whose value it is */
#define VNVME_FEAT_EFFECT_CTRL		(1u << 21)

#define VNVME_OACS_DBBUF		(1u << 8)
#define VNVME_OAES_NS_ATTR		(1u << 8)
#define VNVME_LPA_EFFECTS		(1u << 1)
#define VNVME_LPA_EXTENDED		(1u << 2)
#define VNVME_LPA_SUPPORTED		(1u << 5)	/* 2.0: logs 00h, 12h, 13h, scopes in 05h */
#define VNVME_VWC_PRESENT		(1u << 0)
#define VNVME_VWC_NO_BROADCAST		(2u << 1)

#define VNVME_OCFS_FORMAT_0		(1u << 0)

#define VNVME_ONCS_COMPARE		(1u << 0)
#define VNVME_ONCS_DSM			(1u << 2)
#define VNVME_ONCS_WRITE_ZEROES		(1u << 3)
#define VNVME_ONCS_SAVE_SELECT		(1u << 4)
#define VNVME_ONCS_TIMESTAMP		(1u << 6)
#define VNVME_ONCS_VERIFY		(1u << 7)
#define VNVME_ONCS_COPY			(1u << 8)

#define VNVME_NSID_ALL			0xffffffffu

/* Status: SCT in bits 10:8, SC in 7:0, DNR in 14 (without phase) */
#define VNVME_SC_SUCCESS		0x000
#define VNVME_SC_INVALID_OPCODE		0x001
#define VNVME_SC_INVALID_FIELD		0x002
#define VNVME_SC_DATA_TRANSFER		0x004
#define VNVME_SC_POWER_LOSS		0x005
#define VNVME_SC_INTERNAL		0x006
#define VNVME_SC_ABORT_REQUESTED	0x007
#define VNVME_SC_INVALID_NS		0x00b
#define VNVME_SC_SEQUENCE		0x00c
#define VNVME_SC_PRP_OFFSET		0x013
#define VNVME_SC_ATOMIC_EXCEEDED	0x014
#define VNVME_SC_DENIED			0x015
#define VNVME_SC_SANITIZING		0x01d
#define VNVME_SC_WRITE_PROTECTED	0x020
#define VNVME_SC_INTERRUPTED		0x021
#define VNVME_SC_TRANSPORT		0x022
#define VNVME_SC_MEDIA_NOT_READY	0x024	/* 2.0 */
#define VNVME_SC_LBA_RANGE		0x080
#define VNVME_SC_CAP_EXCEEDED		0x081
#define VNVME_SC_NS_NOT_READY		0x082
#define VNVME_SC_RESERVATION		0x083
#define VNVME_SC_FORMATTING		0x084
#define VNVME_SC_CQ_INVALID		0x100
#define VNVME_SC_QID_INVALID		0x101
#define VNVME_SC_QUEUE_SIZE		0x102
#define VNVME_SC_ABORT_LIMIT		0x103
#define VNVME_SC_AER_LIMIT		0x105
#define VNVME_SC_VECTOR_INVALID		0x108
#define VNVME_SC_LOG_INVALID		0x109
#define VNVME_SC_QUEUE_DELETE		0x10c
#define VNVME_SC_NOT_SAVEABLE		0x10d
#define VNVME_SC_NOT_CHANGEABLE		0x10e
#define VNVME_SC_NOT_NS_SPECIFIC	0x10f
#define VNVME_SC_CONFLICT		0x180
#define VNVME_SC_READ_ONLY_RANGE	0x182
#define VNVME_SC_SIZE_LIMIT		0x183
#define VNVME_SC_WRITE_FAULT		0x280
#define VNVME_SC_READ_ERROR		0x281
#define VNVME_SC_GUARD_CHECK		0x282
#define VNVME_SC_APP_TAG_CHECK		0x283
#define VNVME_SC_REF_TAG_CHECK		0x284
#define VNVME_SC_COMPARE_FAILED		0x285
#define VNVME_SC_ACCESS_DENIED		0x286
#define VNVME_SC_UNWRITTEN		0x287
#define VNVME_SC_ANA_LOST		0x301
#define VNVME_DNR			0x4000
#define VNVME_SCT(status)		(((status) >> 8) & 0x7)
#define VNVME_SCT_PATH			3

/* Subsystem NVMe Qualified Name of something that has a UUID, section 7.9 */
#define VNVME_NQN_PREFIX	"nqn.2014-08.org.nvmexpress:uuid:"

/* Parameter Error Location: byte in 7:0, bit in 10:8; FFFFh: none */
#define VNVME_LOC(member)	((u16)offsetof(struct vnvme_sqe, member))
#define VNVME_LOC_NONE		0xffff

/* PCI configuration space */
#define VNVME_PCI_COMMAND	0x04
#define VNVME_PCI_CMD_MEM	(1u << 1)
#define VNVME_PCI_CMD_MASTER	(1u << 2)
#define VNVME_PCI_CMD_NO_INTX	(1u << 10)
#define VNVME_PCI_STATUS	0x06
#define VNVME_PCI_STS_INTX	(1u << 3)
#define VNVME_PCI_STS_CAPS	(1u << 4)
#define VNVME_PCI_BAR0		0x10
#define VNVME_PCI_CAP_PM	0x40
#define VNVME_PCI_CAP_MSIX	0x50
#define VNVME_PCI_MSIX_ENABLE	(1u << 31)	/* of the first dword */
#define VNVME_PCI_CAP_EXP	0x60
#define VNVME_PCI_PMCSR		(VNVME_PCI_CAP_PM + 4)
#define VNVME_PCI_DEVCTL	(VNVME_PCI_CAP_EXP + 8)
#define VNVME_PCI_DEVCTL_FLR	(1u << 15)

#endif
