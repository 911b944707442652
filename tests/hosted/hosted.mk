# SPDX-License-Identifier: BSD-3-Clause
#
# How programs on the host's side of a test are made. Included by the top Makefile, before those who have one.

HOSTED_CFLAGS := -std=c11 -D_GNU_SOURCE -O2 -g $(WARN) -iquote tests/hosted
HOSTED_SRC    := tests/hosted/hosted.c tests/hosted/hosted.h
