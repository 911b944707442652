// SPDX-License-Identifier: BSD-3-Clause
/*
 * lwIP's tests ask for what autoconf found out. They need nothing of it.
 */
