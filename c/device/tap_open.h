/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_DEVICE_TAP_OPEN_H
#define VALET_DEVICE_TAP_OPEN_H

/* As valet_tap_open(), with more of IFF_* (tun(4)). */
int tap_open(const char *name, int flags, char *actual);

#endif
