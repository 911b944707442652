// SPDX-License-Identifier: BSD-3-Clause
/* What netport.c shows to netport_stats.c. */
#ifndef LWIP_PORT_NETPORT_PRIV_H
#define LWIP_PORT_NETPORT_PRIV_H

#include "ethif.h"

unsigned netport_nics(void);
struct ethif *netport_ethif(unsigned k);

#endif
