// SPDX-License-Identifier: BSD-3-Clause
/*
 * The size classes behind mem_malloc(); lwipopts.h derives them. Included many times by lwIP, with
 * other meanings of the macros each time, so there is no include guard.
 */
LWIP_MALLOC_MEMPOOL_START
LWIP_MALLOC_MEMPOOL(STACK_SMALL_NUM, STACK_SMALL_BYTES)
LWIP_MALLOC_MEMPOOL(STACK_LARGE_NUM, STACK_LARGE_BYTES)
LWIP_MALLOC_MEMPOOL_END
