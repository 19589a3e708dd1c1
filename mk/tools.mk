# The command line, the embedded default, installing.
PROGRAMS += bulkhead
OBJS_TOOLS := $(addprefix tools/,bulkhead cmd_host cmd_status cmd_vm cmd_measure cmd_attest cmd_verify \
        output progress passphrase door file apart judge_apart)
OBJS_bulkhead = $(OBJS_TOOLS) integrity-mgr/measure_run lib/config lib/log lib/message lib/channel lib/sandbox \
        $(OBJS_VERIFIER) $(OBJS_POLICY) $(LIB_BASE) $(LIB_DOCUMENT)
LIBS_bulkhead = $(L_SSL) $(L_JSON) $(L_SEC) $(L_XSLT)

# Where an installed program looks for the others, unless told otherwise.
$(B)/obj/lib/config.o: ALL_CFLAGS += -DBULKHEAD_PREFIX='"$(PREFIX)"'

.PHONY: setup up down demo install uninstall
setup:
	scripts/setup

up: all
	B=$(B) scripts/up

down:
	B=$(B) scripts/down

# A fresh machine has not even pkg-config: make is started anew after set-up.
demo:
	scripts/setup
	$(MAKE) -j$$(nproc) all
	B=$(B) scripts/demo

# --- installing: what `make all` made, man pages, units, users, grammars, predicates ---
DAEMONS := compartment-mgr integrity-mgr svdm
MANUALS = $(wildcard docs/man/*.[1-8])
UNITS = $(wildcard packaging/*.service)
DEST = $(DESTDIR)$(PREFIX)

install: all
	install -d $(DEST)/bin $(DEST)/libexec/bulkhead $(DEST)/lib/bulkhead/plugins $(DEST)/share/bulkhead/descriptors/examples \
	        $(DEST)/share/bulkhead/xslt-policies $(DEST)/lib/systemd/system $(DEST)/lib/sysusers.d $(DEST)/lib/tmpfiles.d \
	        $(DEST)/share/bash-completion/completions $(DEST)/share/doc/bulkhead
	install -m 0755 $(B)/bulkhead $(DEST)/bin/
	install -m 0755 $(addprefix $(B)/,$(filter-out bulkhead,$(PROGRAMS))) $(DEST)/libexec/bulkhead/
	install -m 0644 $(PLUGINS:%=$(B)/plugins/%.so) $(DEST)/lib/bulkhead/plugins/
	install -m 0644 descriptors/*.rng $(DEST)/share/bulkhead/descriptors/
	install -m 0644 descriptors/examples/*.xml $(DEST)/share/bulkhead/descriptors/examples/
	install -m 0644 xslt-policies/*.xsl $(DEST)/share/bulkhead/xslt-policies/
	install -m 0644 $(wildcard README.md docs/*.md) $(DEST)/share/doc/bulkhead/
	for m in $(MANUALS); do install -D -m 0644 $$m $(DEST)/share/man/man$${m##*.}/$${m##*/}; done
	for u in $(UNITS); do sed 's|/usr/libexec|$(PREFIX)/libexec|' $$u >$(DEST)/lib/systemd/system/$${u##*/} && \
	        chmod 0644 $(DEST)/lib/systemd/system/$${u##*/}; done
	install -m 0644 packaging/bulkhead.sysusers $(DEST)/lib/sysusers.d/bulkhead.conf
	install -m 0644 packaging/bulkhead.tmpfiles $(DEST)/lib/tmpfiles.d/bulkhead.conf
	install -m 0644 packaging/bulkhead.bash-completion $(DEST)/share/bash-completion/completions/bulkhead

# State and configuration of VMs stay.
uninstall:
	rm -f $(DEST)/bin/bulkhead $(DEST)/lib/sysusers.d/bulkhead.conf $(DEST)/lib/tmpfiles.d/bulkhead.conf \
	        $(DEST)/share/bash-completion/completions/bulkhead $(UNITS:packaging/%=$(DEST)/lib/systemd/system/%)
	for m in $(MANUALS); do rm -f $(DEST)/share/man/man$${m##*.}/$${m##*/}; done
	rm -rf $(DEST)/libexec/bulkhead $(DEST)/lib/bulkhead $(DEST)/share/bulkhead $(DEST)/share/doc/bulkhead

TESTS += test_tools
OBJS_test_tools = tests/unit/test_tools tools/apart tools/file tools/passphrase lib/message lib/channel lib/log lib/sandbox $(LIB_BASE)
LIBS_test_tools = $(L_CHECK) $(L_SSL) $(L_SEC)
