# SPDX-License-Identifier: Apache-2.0
# Bulkhead. `make help` lists the targets. One program is one list of objects.

VERSION := 0.1.0
B ?= build
PREFIX ?= /usr
CC ?= gcc

PKGS := openssl libxml-2.0 libxslt libexslt libcryptsetup json-c libseccomp tss2-esys tss2-mu tss2-rc tss2-tctildr check
pkg = $(shell pkg-config --libs $(1) 2>/dev/null)
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
CFLAGS ?= -O2 -g
HARDEN ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(HARDEN) -D_GNU_SOURCE -DBULKHEAD_VERSION='"$(VERSION)"' -I. -Iinclude $(shell pkg-config --cflags libxml-2.0 2>/dev/null) $(SAN)
ALL_LDFLAGS = $(LDFLAGS) $(SAN) $(if $(HARDEN),-pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now) -pthread
comma := ,

ifneq ($(V),1)
quiet = @printf '  %-5s %s\n' $(1) $(patsubst $(B)/%,%,$@);
endif

L_SSL = -lcrypto
L_XML = $(call pkg,libxml-2.0)
L_XSLT = -lxslt -lxml2
L_TSS = -ltss2-esys -ltss2-mu -ltss2-rc -ltss2-tctildr
L_CRYPT = -lcryptsetup
L_JSON = -ljson-c
L_SEC = -lseccomp

# --- objects ---------------------------------------------------------------------------------
LIB_BASE := lib/status lib/arena lib/buffer lib/digest
LIB_DOCUMENT := lib/document
LIB_MESSAGE := $(LIB_BASE) lib/message lib/log
LIB_DAEMON := $(LIB_MESSAGE) lib/config lib/channel lib/dispatch lib/server lib/worker lib/worker_wire lib/sandbox lib/state_file
LIB_WORKER := $(LIB_MESSAGE) lib/config lib/channel lib/dispatch lib/worker_serve lib/worker_wire lib/sandbox

# --- programs: OBJS_name, LIBS_name ----------------------------------------------------------
PROGRAMS :=
-include mk/*.mk

# --- rules -----------------------------------------------------------------------------------
.DEFAULT_GOAL := all
.PHONY: all packages
all: $(PROGRAMS:%=$(B)/%)

packages:
	@$(CC) --version >/dev/null 2>&1 && pkg-config --exists $(PKGS) 2>/dev/null || \
	        { echo 'make: packages are missing that building needs: sudo scripts/setup installs them' >&2; exit 1; }

$(B)/obj/%.o: %.c | packages
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define program
$(B)/$(1): $(foreach o,$(sort $(OBJS_$(1))),$(B)/obj/$(o).o)
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $(LIBS_$(1))
endef
$(foreach p,$(PROGRAMS) $(TESTS) $(FIXTURES) $(FUZZERS) $(BENCHES),$(eval $(call program,$(p))))

# --- tests -----------------------------------------------------------------------------------
.PHONY: tests fuzzers benches print-tests print-fuzzers check check-fast check-asan check-system fuzz bench tidy format clean help
tests: $(TESTS:%=$(B)/%) $(FIXTURES:%=$(B)/%)
fuzzers: $(FUZZERS:%=$(B)/%)
benches: all $(BENCHES:%=$(B)/%)
print-tests:
	@printf '%s\n' $(TESTS)
print-fuzzers:
	@printf '%s\n' $(FUZZERS)

check:
	scripts/setup --check
	B=$(B) scripts/check all
check-fast:
	@B=$(B) scripts/check fast
check-asan:
	@B=$(B) scripts/check asan
check-system:
	@B=$(B) scripts/check system
fuzz:
	@B=$(B) scripts/check fuzz
bench: benches
	B=$(B) tests/bench/run
tidy:
	clang-tidy --quiet $(shell git ls-files '*.c' ':!tests') -- -std=gnu11 -D_GNU_SOURCE -I. -Iinclude $(shell pkg-config --cflags libxml-2.0)
format:
	clang-format -i $(shell git ls-files '*.c' '*.h')
clean:
	rm -rf $(B)
help:
	@echo 'all        the daemons, workers, plug-ins and the command (default)'
	@echo 'demo       set up this machine, build, and tell the whole story once (as root)'
	@echo 'up, down   start and stop the embedded default; then . build/run/env'
	@echo 'check      set up this machine, build, and run every test (as root)'
	@echo 'check-fast the unit tests; also check-asan, check-system, fuzz'
	@echo 'bench      measure, as ratios to the tools a user would pick instead'
	@echo 'install    DESTDIR= PREFIX=; tidy, format, clean'

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
