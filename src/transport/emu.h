/* SPDX-License-Identifier: MIT */
/* The way to the embedded controller: names of the form "emu:OPTIONS". */
#ifndef BELFRY_TRANSPORT_EMU_H
#define BELFRY_TRANSPORT_EMU_H

#include "transport/transport.h"

extern const struct transport_ops transport_emu_ops;

#endif /* BELFRY_TRANSPORT_EMU_H */
