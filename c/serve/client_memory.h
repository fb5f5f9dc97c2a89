/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_CLIENT_MEMORY_H
#define VALET_CLIENT_MEMORY_H

struct nmreq_header;

/*
 * The file that a client's request says its memory is, opened anew; -1: it says none, or it is not to be
 * had. Of plain files only: nothing else is opened.
 */
int memory_of_client(const struct nmreq_header *header);

#endif
