/* SPDX-License-Identifier: BSD-2-Clause */
/* A sync loop in a thread of the library's own: valet_sync_loop_start() and its kin. */
#ifndef VALET_LIBRARY_SYNC_LOOP_H
#define VALET_LIBRARY_SYNC_LOOP_H

struct handle;

/* The handle is going to be closed: whoever waits for its loop's rings gives up. */
void library_loop_wake(struct handle *handle);
/* Nobody is inside the handle any more. */
void library_loop_free(struct handle *handle);

#endif
