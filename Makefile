# SPDX-License-Identifier: Apache-2.0
# Bulkhead. `make help` lists the targets. One program is one list of objects, without ".o".

VERSION := 0.1.0
B ?= build
PREFIX ?= /usr
CC ?= gcc

PKGS := openssl libxml-2.0 libxslt libcryptsetup devmapper json-c libseccomp tss2-esys tss2-mu tss2-rc tss2-tctildr check
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
CFLAGS ?= -O2 -g
HARDEN ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(HARDEN) -D_GNU_SOURCE -DBULKHEAD_VERSION='"$(VERSION)"' -I. -Iinclude \
        $(shell pkg-config --cflags libxml-2.0 2>/dev/null) $(SAN)
ALL_LDFLAGS = $(LDFLAGS) $(SAN) $(if $(HARDEN),-pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now) -pthread
comma := ,

ifneq ($(V),1)
quiet = @printf '  %-5s %s\n' $(1) $(patsubst $(B)/%,%,$@);
endif

L_SSL := -lcrypto
L_SEC := -lseccomp
L_JSON := -ljson-c
L_XML := -lxml2
L_XSLT := -lxslt -lxml2
L_CRYPT := -lcryptsetup
L_DM := -ldevmapper
L_TPM := -ltss2-esys -ltss2-sys -ltss2-mu -ltss2-rc -ltss2-tctildr
L_XL := -lxlutil -lxenlight -lxenstore

# --- rooms -----------------------------------------------------------------------------------
LIB_BASE := $(addprefix lib/,status arena buffer digest memory_file)
LIB_DOCUMENT := lib/document
LIB_MESSAGE := $(LIB_BASE) lib/message lib/log
LIB_PROCESS := $(LIB_MESSAGE) $(addprefix lib/,config channel dispatch worker_wire sandbox)
LIB_DAEMON := $(LIB_PROCESS) $(addprefix lib/,server worker state_file)
LIB_WORKER := $(LIB_PROCESS) lib/worker_serve
XML := $(addprefix xml/,xml_limits grammar descriptor)
POLICY := xml/xml_limits xml/document_check integrity-mgr/policy_rules integrity-mgr/policy_judge
TREE := verifier/tree verifier/commitment
TRUST := verifier/trust verifier/quote_check
VERIFIER := $(TREE) $(TRUST) $(addprefix verifier/,evidence_read check host_quote host_result verify) $(XML) $(LIB_DOCUMENT)
DOMAIN_XEN := $(addprefix compartment-mgr/,domain_xen domain_xen_attach domain_xen_check domain_xen_config domain_xen_libxl domain_xen_save domain_xen_store)
XL_CONFIG := $(addprefix compartment-mgr/,xl_config xl_config_stored xl_config_keys)
TPM := $(addprefix integrity-mgr/,keys site_key tcti_watch tpm tpm_approve tpm_attest tpm_parts tpm_policy \
        tpm_seal tpm_setup tpm_status)
LUKS := $(addprefix svdm/,luks_disk cryptsetup header_diff secret)
MAPPING := $(addprefix svdm/,crypt_map mapper loop trees) lib/state_file

# --- programs: OBJS_name, LIBS_name ----------------------------------------------------------
PROGRAMS := bulkhead compartment-mgr xml_worker domain_worker disk_hotplug integrity-mgr measure_worker policy_worker tpm_worker \
        svdm device_worker

OBJS_bulkhead := $(addprefix tools/,bulkhead cmd_host cmd_host_image efi_image cmd_status cmd_vm cmd_vm_life cmd_measure cmd_attest cmd_verify output \
        progress passphrase door file apart judge_apart) integrity-mgr/measure_run lib/config lib/channel lib/sandbox \
        $(VERIFIER) $(POLICY) $(LIB_MESSAGE)
LIBS_bulkhead := $(L_SSL) $(L_JSON) $(L_SEC) $(L_XSLT)

OBJS_compartment-mgr := $(addprefix compartment-mgr/,main requests access compartment operation start networks device_check seal stop suspend hibernate attach attest \
        recover targets peers state tcb live facts follow events autostart) $(LIB_DAEMON)
LIBS_compartment-mgr := $(L_SSL) $(L_SEC) $(L_JSON)
OBJS_xml_worker := xml/xml_worker $(XML) $(LIB_WORKER)
LIBS_xml_worker := $(L_SSL) $(L_SEC) $(L_XML)
OBJS_domain_worker := compartment-mgr/domain_worker compartment-mgr/domain_sim $(DOMAIN_XEN) $(XL_CONFIG) $(LIB_WORKER) lib/state_file
OBJS_disk_hotplug := compartment-mgr/disk_hotplug compartment-mgr/domain_xen_store lib/channel lib/sandbox $(LIB_MESSAGE)
LIBS_disk_hotplug := -lxenstore $(L_SSL) $(L_SEC)
LIBS_domain_worker := $(L_XL) $(L_JSON) $(L_SSL) $(L_SEC)

OBJS_integrity-mgr := $(addprefix integrity-mgr/,main requests attest seal seal_store measure judge binding difference \
        generations memory journal log_tree log_file evidence trust_record im_status host tpm_client measure_run) \
        $(TREE) $(TRUST) $(LIB_DOCUMENT) $(LIB_DAEMON)
LIBS_integrity-mgr := $(L_SSL) $(L_SEC)
OBJS_measure_worker := integrity-mgr/measure_worker integrity-mgr/measure_run $(LIB_DOCUMENT) $(LIB_WORKER)
LIBS_measure_worker := $(L_SSL) $(L_SEC)
OBJS_policy_worker := integrity-mgr/policy_worker $(POLICY) $(LIB_WORKER)
LIBS_policy_worker := $(L_SSL) $(L_SEC) $(L_XSLT)
OBJS_tpm_worker := integrity-mgr/tpm_worker integrity-mgr/esys_openssl $(TPM) $(LIB_WORKER)
LIBS_tpm_worker := $(L_TPM) $(L_SSL) $(L_SEC)

OBJS_svdm := $(addprefix svdm/,main requests look memory seal session held journal header_diff) $(LIB_DAEMON)
LIBS_svdm := $(L_SSL) $(L_SEC)
OBJS_device_worker := $(addprefix svdm/,device_worker device $(addprefix devices/,crypt verity boot memory dm sim) open_disk) \
        $(MAPPING) $(LUKS) $(LIB_WORKER)
LIBS_device_worker := $(L_CRYPT) $(L_DM) $(L_SSL) $(L_SEC)

# --- plug-ins: shared objects that link to nothing of ours -------------------------------------
PLUGINS := disk luks vm hypervisor vms
OBJS_disk.so := plugins/disk plugins/disk_verity
LIBS_disk.so := $(L_SSL) -lpthread
OBJS_luks.so := plugins/luks plugins/luks_header
LIBS_luks.so := $(L_SSL) $(L_JSON)
$(foreach p,vm hypervisor vms,$(eval OBJS_$(p).so := plugins/$(p) plugins/facts))
$(foreach p,vm hypervisor vms,$(eval LIBS_$(p).so := $(L_JSON)))

# --- tests: what each needs beside its own file; the linker takes the libraries it uses ----------
TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/bench_*.c))
HOSTILE_PLUGINS := $(patsubst tests/data/plugins/%.c,%,$(wildcard tests/data/plugins/*.c))
L_ANY := -Wl,--as-needed $(L_XL) $(L_TPM) $(L_CRYPT) $(L_DM) $(L_XSLT) $(L_JSON) $(L_SEC) $(L_SSL)
L_CHECK := -Wl,--as-needed -lcheck -lsubunit -lm -lrt -lpthread
MEASURE_RUN := integrity-mgr/measure_run $(LIB_DOCUMENT) $(LIB_BASE)
# Faults at the Nth call (tests/fault/fault.h), and neighbours that the test plays.
WRAP = $(foreach c,$(1),-Wl,--wrap=$(c))
FAULTS := $(call WRAP,write pwrite fsync fdatasync ftruncate renameat unlinkat openat)
FAULT := $(addprefix tests/fault/,fault folder)
SEALS := $(addprefix integrity-mgr/,journal log_tree log_file host) $(TREE) $(LIB_DOCUMENT) lib/state_file $(LIB_MESSAGE)

OBJS_test_message := $(LIB_BASE) lib/log
OBJS_test_memory_file := $(LIB_BASE)
WRAP_test_memory_file := $(call WRAP,usleep)
OBJS_test_state_file := $(LIB_MESSAGE)
OBJS_test_worker := $(LIB_DAEMON)
OBJS_test_server := $(LIB_DAEMON)
OBJS_test_document := $(LIB_DOCUMENT) $(LIB_BASE)
OBJS_test_disk := tests/unit/plugin_test $(OBJS_disk.so) $(MEASURE_RUN)
OBJS_test_luks := tests/unit/luks_image tests/unit/plugin_test $(OBJS_luks.so) $(MEASURE_RUN)
OBJS_test_facts := tests/unit/plugin_test $(MEASURE_RUN)
OBJS_test_measure_run := tests/unit/plugin_test $(MEASURE_RUN)
OBJS_test_descriptor := $(XML) $(LIB_BASE)
OBJS_test_policy := $(POLICY) $(LIB_BASE)
OBJS_test_grammars := tests/unit/evidence_make $(TREE) $(TRUST) $(LIB_DOCUMENT) $(LIB_BASE)
OBJS_test_xml_workers := $(LIB_DAEMON)
OBJS_test_networks := compartment-mgr/networks lib/config $(LIB_BASE) lib/log
OBJS_test_efi_image := tools/efi_image $(LIB_BASE)
OBJS_test_tools := tools/apart tools/file tools/passphrase lib/channel lib/sandbox $(LIB_MESSAGE)
OBJS_test_xl_config := $(XL_CONFIG) $(LIB_MESSAGE)
OBJS_test_access := compartment-mgr/access $(LIB_BASE)
OBJS_test_compartment := $(LIB_MESSAGE) lib/state_file
OBJS_test_domain_sim := compartment-mgr/domain_sim $(LIB_MESSAGE) lib/state_file
OBJS_test_domain_xen_config := compartment-mgr/domain_xen_config $(LIB_MESSAGE)
WRAP_test_domain_xen_config := $(call WRAP,stat)
OBJS_test_targets := compartment-mgr/targets $(LIB_BASE)
OBJS_test_tcb := compartment-mgr/tcb $(LIB_MESSAGE)
OBJS_test_stories := lib/config lib/document $(addprefix compartment-mgr/,networks device_check start stop suspend hibernate seal attach attest access operation targets compartment live facts follow) \
        $(LIB_MESSAGE) lib/channel lib/state_file
OBJS_test_events := $(addprefix compartment-mgr/,events live access compartment) $(LIB_MESSAGE) lib/state_file
WRAP_test_events := $(call WRAP,sleep)
OBJS_test_open_disk := svdm/open_disk $(LIB_BASE)
OBJS_test_luks_disk := $(LUKS) $(LIB_DAEMON)
OBJS_test_trees := $(MAPPING) svdm/open_disk svdm/cryptsetup $(LIB_MESSAGE)
OBJS_test_journal := svdm/journal svdm/header_diff $(LIB_DAEMON)
WRAP_test_journal := $(call WRAP,write fsync renameat unlinkat)
OBJS_test_secret := svdm/secret $(LIB_DAEMON)
OBJS_test_header_diff := $(LIB_BASE)
OBJS_test_svdm := $(LIB_DAEMON)
TPM_TEST := tests/unit/tpm_host tests/unit/swtpm $(TPM)
OBJS_test_tpm := $(TPM_TEST) $(LIB_BASE) lib/log
OBJS_test_tpm_policy := $(TPM_TEST) $(LIB_BASE) lib/log
OBJS_test_tpm_hostile := tests/unit/interposer $(TPM_TEST) $(LIB_BASE) lib/log
OBJS_test_tpm_worker := $(TPM_TEST) $(LIB_DAEMON)
OBJS_test_binding := integrity-mgr/binding $(LIB_DOCUMENT) $(LIB_BASE)
OBJS_test_log_tree := $(FAULT) integrity-mgr/log_tree integrity-mgr/log_file $(TREE) $(LIB_BASE) lib/log
OBJS_test_generations := $(FAULT) tests/fault/fake_tpm integrity-mgr/generations integrity-mgr/host lib/state_file $(LIB_MESSAGE)
OBJS_test_evidence := $(FAULT) tests/fault/fake_tpm tests/fault/fake_measure integrity-mgr/attest integrity-mgr/evidence $(SEALS)
OBJS_test_seal_record := $(FAULT) tests/fault/fake_tpm tests/fault/fake_measure \
        $(addprefix integrity-mgr/,seal seal_store binding difference generations memory) $(SEALS)
$(foreach t,log_tree generations evidence seal_record,$(eval WRAP_test_$(t) := $(FAULTS)))
OBJS_test_integrity_mgr := tests/unit/swtpm $(VERIFIER) $(LIB_DAEMON)
OBJS_test_tree := $(TREE) $(LIB_BASE)
OBJS_test_trust := $(TRUST) $(LIB_BASE)
OBJS_test_quote_check := tests/unit/evidence_make $(TREE) $(TRUST) $(LIB_DOCUMENT) $(LIB_BASE)
OBJS_test_verify := tests/unit/evidence_make $(VERIFIER) $(LIB_BASE)

OBJS_fuzz_message := $(LIB_BASE) lib/message
OBJS_fuzz_state_file := $(LIB_MESSAGE) lib/state_file
OBJS_fuzz_facts := $(OBJS_vm.so)
OBJS_fuzz_luks := tests/unit/luks_image $(OBJS_luks.so)
OBJS_fuzz_descriptor := $(XML) $(LIB_MESSAGE)
OBJS_fuzz_predicate := $(POLICY) $(LIB_BASE)
OBJS_fuzz_evidence := $(VERIFIER) $(LIB_BASE)
OBJS_fuzz_trust := $(TRUST) $(LIB_BASE)
OBJS_fuzz_log_tree := integrity-mgr/log_tree integrity-mgr/log_file $(TREE) $(LIB_MESSAGE)
OBJS_fuzz_xl_config := $(XL_CONFIG) $(LIB_MESSAGE)
OBJS_fuzz_networks := compartment-mgr/networks lib/config $(LIB_BASE) lib/log
OBJS_fuzz_efi_image := tools/efi_image $(LIB_BASE)
OBJS_fuzz_header_runs := svdm/header_diff $(LIB_BASE)

OBJS_bench_disk := $(MEASURE_RUN)
OBJS_bench_policy := $(POLICY) $(LIB_BASE)
OBJS_bench_verify := tests/unit/evidence_make $(VERIFIER) $(POLICY) $(LIB_BASE)
OBJS_bench_attest := $(LIB_MESSAGE) lib/config lib/channel

FIXTURES := worker_fixture protocol_table domain_try
OBJS_worker_fixture := tests/unit/worker_fixture $(LIB_WORKER)
LIBS_worker_fixture := $(L_SSL) $(L_SEC)
OBJS_protocol_table := lib/protocol_table
OBJS_domain_try := tests/xen/domain_try $(DOMAIN_XEN) $(XL_CONFIG) $(LIB_PROCESS)
LIBS_domain_try := $(L_XL) $(L_JSON) $(L_SSL) $(L_SEC)

# What a test starts has to be there.
$(B)/test_xml_workers: | $(B)/xml_worker $(B)/policy_worker
$(B)/test_integrity_mgr: | $(addprefix $(B)/,integrity-mgr measure_worker policy_worker tpm_worker plugins/disk.so)
$(B)/test_worker: | $(B)/measure_worker $(HOSTILE_PLUGINS:%=$(B)/tests/plugins/%.so)
$(B)/test_measure_run: | $(HOSTILE_PLUGINS:%=$(B)/tests/plugins/%.so) $(PLUGINS:%=$(B)/plugins/%.so)
$(B)/test_facts: | $(PLUGINS:%=$(B)/plugins/%.so)
$(B)/bench_disk: | $(B)/plugins/disk.so
NEED_BUILD_DIR := $(addprefix $(B)/obj/tests/,unit/test_integrity_mgr.o unit/test_measure_run.o unit/test_facts.o bench/bench_disk.o)
$(NEED_BUILD_DIR): ALL_CFLAGS += -DBUILD_DIR='"$(B)"'
# Tests cross the windows of a hash tree at 4 units, not at 8 GiB.
$(B)/obj/plugins/disk_verity.o: ALL_CFLAGS += -DWINDOW=4
# Where an installed program looks for the others, unless told otherwise.
$(B)/obj/lib/config.o: ALL_CFLAGS += -DBULKHEAD_PREFIX='"$(PREFIX)"'

# --- rules -----------------------------------------------------------------------------------
.DEFAULT_GOAL := all
.PHONY: all packages
all: $(PROGRAMS:%=$(B)/%) $(PLUGINS:%=$(B)/plugins/%.so)

packages:
	@$(CC) --version >/dev/null 2>&1 && pkg-config --exists $(PKGS) 2>/dev/null || \
	        { echo 'make: packages are missing that building needs: sudo scripts/setup installs them' >&2; exit 1; }

$(B)/obj/%.o: %.c | packages
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/pic/%.o: %.c | packages
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -MMD -MP -c -o $@ $<

# $(call link,NAME,OBJECTS,LIBRARIES)
define link
$(B)/$(1): $(foreach o,$(sort $(2)),$(B)/obj/$(o).o)
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $(3)
endef
$(foreach p,$(PROGRAMS) $(FIXTURES),$(eval $(call link,$(p),$(OBJS_$(p)),$(LIBS_$(p)))))
$(foreach t,$(TESTS),$(eval $(call link,$(t),tests/unit/$(t) $(OBJS_$(t)),$(WRAP_$(t)) $(L_CHECK) $(L_ANY))))
$(foreach t,$(FUZZERS),$(eval $(call link,$(t),tests/fuzz/$(t) $(OBJS_$(t)),$(L_ANY))))
$(foreach t,$(BENCHES),$(eval $(call link,$(t),tests/bench/$(t) $(OBJS_$(t)),$(L_ANY))))

define plugin
$(B)/plugins/$(1).so: $(foreach o,$(OBJS_$(1).so),$(B)/pic/$(o).o) plugins/plugin.map
	@mkdir -p $$(@D)
	$$(call quiet,SO)$$(CC) $$(SAN) -shared -Wl,--version-script=plugins/plugin.map \
	        -Wl,-z,relro,-z,now,-z,defs,-z,noexecstack -o $$@ $$(filter %.o,$$^) $(LIBS_$(1).so)
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin,$(p))))

# Plug-ins that break the rules, for the tests alone.
$(B)/tests/plugins/%.so: tests/data/plugins/%.c include/bulkhead/measure_plugin.h
	@mkdir -p $(@D)
	$(call quiet,SO)$(CC) -std=gnu11 -O1 -Iinclude -fPIC -shared -o $@ $<

# --- the embedded default -----------------------------------------------------------------------
.PHONY: setup up down demo
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

# The test bed: a real Xen with a real Dom0 in an emulated machine. See tests/xen/run.
.PHONY: check-xen bench-xen xen-shell
check-xen: all
	scripts/setup --xen
	B=$(B) XEN_SECONDS=$${XEN_SECONDS:-5400} tests/xen/run $(XEN_SCRIPTS)
bench-xen: all
	scripts/setup --xen
	B=$(B) tests/xen/live up
	B=$(B) tests/xen/live run -t 900 "$$(cat tests/bench/bench_start.sh)"; r=$$?; B=$(B) tests/xen/live down; exit $$r
xen-shell: all
	scripts/setup --xen
	B=$(B) tests/xen/shell

# --- tests -----------------------------------------------------------------------------------
.PHONY: tests fuzzers benches print-tests print-fuzzers check check-fast check-asan check-system \
        fuzz bench docs tidy format clean help
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
# The message table of docs/protocol.md.
docs: $(B)/protocol_table
	sed -i '/^<!-- table/,$$d' docs/protocol.md
	echo '<!-- table: from include/bulkhead/messages.def by `make docs` -->' >>docs/protocol.md
	$(B)/protocol_table >>docs/protocol.md
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
	@echo 'check-xen  the system scripts on a real Xen in an emulated machine; xen-shell: a prompt there;'
	@echo '           check has some of them (scripts/check guests) and tests/xen/tamper'
	@echo 'bench      measure, as ratios to the tools a user would pick instead; bench-xen: a sealed start'
	@echo '           beside xl create on that Xen'
	@echo 'install    DESTDIR= PREFIX=; tidy, format, clean'

# --- installing: what `make all` made, man pages, units, users, grammars, predicates ---
DAEMONS := compartment-mgr integrity-mgr svdm
MANUALS = $(wildcard docs/man/*.[1-8])
UNITS = $(wildcard packaging/*.service)
DEST = $(DESTDIR)$(PREFIX)

.PHONY: install uninstall
install: all
	install -d $(DEST)/bin $(DEST)/libexec/bulkhead $(DEST)/lib/bulkhead/plugins $(DEST)/share/bulkhead/descriptors/examples \
	        $(DEST)/share/bulkhead/xslt-policies $(DEST)/lib/systemd/system $(DEST)/lib/sysusers.d $(DEST)/lib/tmpfiles.d \
	        $(DEST)/share/bash-completion/completions $(DEST)/share/doc/bulkhead
	install -m 0755 $(B)/bulkhead $(DEST)/bin/
	install -m 0755 $(addprefix $(B)/,$(filter-out bulkhead,$(PROGRAMS))) scripts/host-image $(DEST)/libexec/bulkhead/
	cd packaging && find initramfs -type f -exec install -D -m 0755 {} $(abspath $(DEST))/share/bulkhead/{} \;
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

-include $(shell find $(B)/obj $(B)/pic -name '*.d' 2>/dev/null)
