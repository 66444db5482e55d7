/* SPDX-License-Identifier: MIT */
/*
 * Controllers that do not do what they say, by PCI vendor and device.
 */
#include "nvme/priv.h"

static const struct {
	uint16_t vid, did;
	unsigned int quirks;
} known[] = {
	/* These answer all-ones or hang when CSTS is read too soon after CC.EN changed. */
	{0x1c58, 0x0003, NVME_QUIRK_DELAY_CHK_RDY}, /* HGST SN100 */
	{0x1c58, 0x0023, NVME_QUIRK_DELAY_CHK_RDY}, /* WDC SN200 */
	{0x1c5f, 0x0540, NVME_QUIRK_DELAY_CHK_RDY}, /* Memblaze PBlaze4 */
	{0x144d, 0xa821, NVME_QUIRK_DELAY_CHK_RDY}, /* Samsung PM1725 */
	{0x144d, 0xa822, NVME_QUIRK_DELAY_CHK_RDY}, /* Samsung PM1725a */
};

unsigned int nvme_find_quirks(uint16_t vid, uint16_t did)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].vid == vid && known[i].did == did)
			return known[i].quirks;
	}
	return 0;
}
