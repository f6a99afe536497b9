# SPDX-License-Identifier: GPL-2.0
#
# For people: build, install, try and test nvme-mdev. What kbuild reads is Kbuild.

# One recipe at a time at this level; the makes below it use the processors by themselves.
.NOTPARALLEL:

# The kernel: KDIR= names its headers or build tree, KVER= its release. Asked for when a recipe needs
# it, as the packages that tell may have to be installed first.
RELEASE = $(shell tools/kernel)

PHONY := modules
modules: setup-build
	@tools/build-modules "$$(tools/kernel --dir)"

# Debian puts what is built outside its packages into updates/, which depmod prefers.
PHONY += install
install: modules
	install -D -m 644 -t "$(DESTDIR)/lib/modules/$(RELEASE)/updates" \
		build/$(RELEASE)/drivers/nvme/host/nvme.ko build/$(RELEASE)/drivers/nvme/mdev/nvme-mdev.ko
	$(if $(DESTDIR),,depmod "$(RELEASE)")

PHONY += demo
demo: setup-build setup-host
	@selftests/demo $(BACKING)

PHONY += check
check: setup-build setup-test setup-fuzz setup-docs setup-check setup-host
	@selftests/run $(TESTS)

PHONY += test
test: setup-test
	@$(MAKE) --no-print-directory -C selftests/core run

T ?= 60
PHONY += fuzz
fuzz: setup-fuzz
	@$(MAKE) --no-print-directory -C selftests/fuzz run T=$(T)

PHONY += coverage
coverage: setup-coverage
	@$(MAKE) --no-print-directory -C selftests/core coverage

PHONY += bench
bench: modules setup-bench setup-host
	@$(MAKE) --no-print-directory -s -C selftests/vfio
	@selftests/bench/run $(if $(WRITE),--write)

PHONY += shell
shell: modules setup-host
	@selftests/vm/run --kver $(RELEASE) --name shell --shell

PHONY += docs
docs: setup-docs
	sphinx-build -q -W -b html Documentation build/docs

setup-%:
	@tools/setup $*

PHONY += clean
clean:
	rm -rf build

PHONY += distclean
distclean: clean
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/nvme-mdev"

PHONY += help
help:
	@echo  'Cleaning targets:'
	@echo  '  clean           - Remove build/'
	@echo  '  distclean       - Remove build/ and the cache of root trees and sources'
	@echo  ''
	@echo  'Targets that build:'
	@echo  '* modules         - nvme.ko with lendable queues, and nvme-mdev.ko'
	@echo  '  install         - Install both for the kernel (DESTDIR= for elsewhere)'
	@echo  '  docs            - The documentation as HTML, in build/docs'
	@echo  ''
	@echo  'Targets that show and test:'
	@echo  '  demo            - A guest on a lent queue, in a test host (BACKING=block: on an'
	@echo  '                    encrypted LVM volume, with a snapshot taken under load)'
	@echo  '  check           - Everything that proves it, but the groups long and deep'
	@echo  '                    (TESTS="name..." for some; selftests/run --list names them)'
	@echo  '  test            - The tests in userspace only, in seconds'
	@echo  '  fuzz            - The fuzzers (T=seconds each, default 60)'
	@echo  '  coverage        - What the tests in userspace reach'
	@echo  '  bench           - Figures of the ways to the drive, in one run of the test'
	@echo  '                    host (WRITE=1: into Documentation/performance.rst)'
	@echo  '  shell           - A shell in the test host, everything loaded'
	@echo  ''
	@echo  '  make KVER=6.1.0-56-amd64 [targets]  a kernel by its release'
	@echo  '  make KDIR=dir            [targets]  a kernel by its headers or build tree'
	@echo  ''
	@echo  'Execute "make" or "make modules" to build all targets marked with [*]'
	@echo  'For further info see the README.md file'

.PHONY: $(PHONY)
