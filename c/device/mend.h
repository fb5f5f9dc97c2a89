/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_DEVICE_MEND_H
#define VALET_DEVICE_MEND_H

#include <stdint.h>

/*
 * Completes the checksum that a network stack has left to the "card" of a virtual interface, which
 * AF_XDP hands over without saying so. Such a TCP or UDP checksum is that of the pseudo header alone
 * (RFC 9293, 3.1; skbuff.h of Linux: CHECKSUM_PARTIAL), and SCTP's is 0. One that is complete stays.
 * Looks behind VLAN tags, and into VXLAN, GENEVE and IP in IP.
 */
void mend_checksum(uint8_t *frame, uint32_t length);

#endif
