# SPDX-License-Identifier: GPL-2.0
# What is compiled in userspace, and how.  Included by core and fuzz.

core	:= $(top)/drivers/nvme/mdev/core
shim	:= $(top)/selftests/core/shim

core_objs := $(patsubst $(core)/%.c,%.o,$(wildcard $(core)/*.c))
test_objs := $(patsubst $(core)/%.c,%.o,$(wildcard $(core)/tests/*_kunit.c))
core_deps := $(wildcard $(core)/*.h $(core)/tests/*.h $(shim)/*/*.h) \
	     $(top)/selftests/core/core.mk

warn	:= -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter \
	   -Wno-missing-field-initializers
core_flags := $(warn) -nostdinc -I$(shim)
