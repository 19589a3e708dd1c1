# SPDX-License-Identifier: Apache-2.0
# Bulkhead. `make help` lists the targets. One program is one list of objects.

VERSION := 0.1.0
B ?= build
PREFIX ?= /usr
CC ?= gcc

PKGS := openssl libxml-2.0 libxslt libexslt libcryptsetup json-c libseccomp tss2-esys tss2-mu tss2-rc tss2-tctildr check
pkg = $(shell pkg-config --libs $(1))
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wno-zero-length-bounds
CFLAGS ?= -O2 -g
HARDEN ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(HARDEN) -D_GNU_SOURCE -DBULKHEAD_VERSION='"$(VERSION)"' -I. -Iinclude $(shell pkg-config --cflags libxml-2.0) $(SAN)
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
LIB_DAEMON := $(LIB_MESSAGE) lib/config lib/channel lib/dispatch lib/server lib/worker lib/sandbox lib/state_file
LIB_WORKER := $(LIB_MESSAGE) lib/config lib/channel lib/dispatch lib/worker_serve lib/sandbox

# --- programs: OBJS_name, LIBS_name ----------------------------------------------------------
PROGRAMS :=
-include mk/*.mk

# --- rules -----------------------------------------------------------------------------------
.DEFAULT_GOAL := all
.PHONY: all
all: $(PROGRAMS:%=$(B)/%)

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define program
$(B)/$(1): $(foreach o,$(sort $(OBJS_$(1))),$(B)/obj/$(o).o)
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $(LIBS_$(1))
endef
$(foreach p,$(PROGRAMS) $(TESTS) $(FIXTURES) $(FUZZERS) $(BENCHES),$(eval $(call program,$(p))))

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
