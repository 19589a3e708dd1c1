# SPDX-License-Identifier: Apache-2.0
# Bulkhead. `make help` lists the targets. A room is a folder and an archive; a program names its
# rooms.

MAKEFLAGS += --no-builtin-rules

VERSION := 0.2.0
B ?= build
PREFIX ?= /usr
CC ?= gcc

PKGS := openssl libxml-2.0 libxslt libcryptsetup blkid devmapper json-c libseccomp tss2-esys \
        tss2-mu tss2-rc tss2-tctildr check
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
        -Werror=incompatible-pointer-types -Werror=implicit-function-declaration
CFLAGS ?= -O2 -g
HARDEN ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(HARDEN) -D_GNU_SOURCE \
        -DBULKHEAD_VERSION='"$(VERSION)"' -I. -Iinclude \
        $(shell pkg-config --cflags libxml-2.0 2>/dev/null) $(SAN)
ALL_LDFLAGS = $(LDFLAGS) $(SAN) -pthread \
        $(if $(HARDEN),-pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now)
comma := ,

ifneq ($(V),1)
quiet = @printf '  %-5s %s\n' $(1) $(patsubst $(B)/%,%,$@);
endif

L_SSL := -lcrypto
L_SEC := -lseccomp
L_HASH := -lIPSec_MB
L_JSON := -ljson-c
L_XML := -lxml2
L_XSLT := -lxslt -lxml2
L_CRYPT := -lcryptsetup
L_DM := -ldevmapper
L_BLKID := -lblkid
L_TPM := -ltss2-esys -ltss2-sys -ltss2-mu -ltss2-rc -ltss2-tctildr
L_XL := -lxenlight -lxenstore
L_XLU := -lxlutil

# --- rooms: one folder, one archive; the linker takes from it what a program uses -----------------
ROOMS := lib xml tpm measure policy proof verifier verifier/kinds integrity-mgr compartment-mgr \
        compartment-mgr/domain compartment-mgr/config svdm svdm/content svdm/device \
        svdm/device/kinds plugins/facts tools
# Files that have a main(), or that take the place of a library's function, are in no archive.
MAINS := tools/bulkhead compartment-mgr/main compartment-mgr/config/config_worker \
        compartment-mgr/config/without_libxl compartment-mgr/domain/domain_worker \
        compartment-mgr/domain/disk_hotplug integrity-mgr/main measure/measure_worker \
        policy/policy_worker tpm/tpm_worker tpm/esys_openssl svdm/main svdm/device/device_worker \
        svdm/content/content_worker \
        xml/xml_worker lib/protocol_table
objects = $(filter-out $(MAINS),$(patsubst %.c,%,$(wildcard $(1)/*.c)))
archive = $(B)/rooms/$(subst /,-,$(1)).a

# --- programs: MAIN_name, the rooms it may use, the libraries ---------------------------------
PROGRAMS := bulkhead compartment-mgr xml_worker config_worker domain_worker disk_hotplug \
        integrity-mgr measure_worker policy_worker tpm_worker \
        svdm device_worker content_worker

MAIN_bulkhead := tools/bulkhead
ROOMS_bulkhead := tools verifier verifier/kinds proof policy measure xml lib
LIBS_bulkhead := $(L_SSL) $(L_JSON) $(L_SEC) $(L_XSLT)

MAIN_compartment-mgr := compartment-mgr/main
ROOMS_compartment-mgr := compartment-mgr plugins/facts lib
LIBS_compartment-mgr := $(L_SSL) $(L_SEC) $(L_JSON)
MAIN_xml_worker := xml/xml_worker
ROOMS_xml_worker := xml lib
LIBS_xml_worker := $(L_SSL) $(L_SEC) $(L_XML)
# It has no libxl: it links the static libxlutil, and a file of ours for what that takes of libxl.
MAIN_config_worker := compartment-mgr/config/config_worker
ROOMS_config_worker := compartment-mgr/config lib
OBJS_config_worker := compartment-mgr/config/without_libxl
LIBS_config_worker := -l:libxlutil.a $(L_JSON) $(L_SSL) $(L_SEC)
MAIN_domain_worker := compartment-mgr/domain/domain_worker
ROOMS_domain_worker := compartment-mgr/domain lib
LIBS_domain_worker := $(L_XL) $(L_JSON) $(L_SSL) $(L_SEC)
MAIN_disk_hotplug := compartment-mgr/domain/disk_hotplug
ROOMS_disk_hotplug := compartment-mgr/domain lib
LIBS_disk_hotplug := -lxenstore $(L_SSL) $(L_SEC)

MAIN_integrity-mgr := integrity-mgr/main
ROOMS_integrity-mgr := integrity-mgr measure proof lib
LIBS_integrity-mgr := $(L_SSL) $(L_SEC)
MAIN_measure_worker := measure/measure_worker
ROOMS_measure_worker := measure lib
# The libraries of the plug-ins are loaded once, by the warm parent, which calls nothing of them.
LIBS_measure_worker := $(L_SSL) $(L_SEC) -Wl,--push-state,--no-as-needed $(L_HASH) -Wl,--pop-state
MAIN_policy_worker := policy/policy_worker
ROOMS_policy_worker := policy xml lib
LIBS_policy_worker := $(L_SSL) $(L_SEC) $(L_XSLT)
MAIN_tpm_worker := tpm/tpm_worker
ROOMS_tpm_worker := tpm lib
# It answers OSSL_LIB_CTX_new() itself, for the releases of tpm2-tss that call it once a hash.
TSS_VERSION := $(shell pkg-config --modversion tss2-esys 2>/dev/null)
OBJS_tpm_worker := $(if $(filter 3.2.% 4.0.% 4.1.% 4.2.%,$(TSS_VERSION)),tpm/esys_openssl)
LIBS_tpm_worker := $(L_TPM) $(L_SSL) $(L_SEC)

MAIN_svdm := svdm/main
ROOMS_svdm := svdm svdm/device lib
LIBS_svdm := $(L_SSL) $(L_SEC)
MAIN_device_worker := svdm/device/device_worker
ROOMS_device_worker := svdm/device svdm/device/kinds lib
LIBS_device_worker := $(L_CRYPT) $(L_DM) $(L_JSON) $(L_SSL) $(L_SEC)
MAIN_content_worker := svdm/content/content_worker
ROOMS_content_worker := svdm/content lib
LIBS_content_worker := $(L_BLKID) $(L_SSL) $(L_SEC)

# --- plug-ins: shared objects that link to nothing of ours -------------------------------------
PLUGINS := disk luks vm hypervisor vms
OBJS_disk.so := plugins/disk plugins/disk_verity plugins/disk_hash
LIBS_disk.so := $(L_SSL) $(L_HASH) -lpthread
OBJS_luks.so := plugins/luks plugins/luks_header
LIBS_luks.so := $(L_SSL) $(L_JSON)
$(foreach p,vm hypervisor vms,$(eval OBJS_$(p).so := plugins/$(p) plugins/facts/facts \
        plugins/facts/facts_nodes))
$(foreach p,vm hypervisor vms,$(eval LIBS_$(p).so := $(L_JSON)))

# --- tests: each links all rooms and what the tests share; OBJS_name is what it links besides ---
TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/bench_*.c))
HOSTILE_PLUGINS := $(patsubst tests/data/plugins/%.c,%,$(wildcard tests/data/plugins/*.c))
TEST_ROOMS := tests/unit tests/fault
MAINS += $(TESTS:%=tests/unit/%) tests/unit/worker_fixture
L_ANY := -Wl,--as-needed $(L_XLU) $(L_XL) $(L_TPM) $(L_CRYPT) $(L_BLKID) $(L_DM) $(L_XSLT) \
        $(L_JSON) $(L_SEC) $(L_HASH) $(L_SSL)
L_CHECK := -Wl,--as-needed -lcheck -lsubunit -lm -lrt -lpthread
# Faults at the Nth call (tests/fault/fault.h), and neighbours that the test plays.
WRAP = $(foreach c,$(1),-Wl,--wrap=$(c))
FAULTS := $(call WRAP,write pwrite fsync fdatasync ftruncate renameat unlinkat openat)
$(foreach t,log generations evidence seal_record state_record compartment slot_key, \
        $(eval WRAP_test_$(t) := $(FAULTS)))
WRAP_test_plugin_jobs := $(call WRAP,job_end)
WRAP_test_memory_file := $(call WRAP,usleep)
WRAP_test_server := $(call WRAP,setsockopt recvmsg deadline_in deadline_left)
WRAP_test_disk := $(call WRAP,disk_hash_best disk_hash_blocks)
WRAP_test_disk_hash := $(call WRAP,alloc_mb_mgr init_mb_mgr_sse init_mb_mgr_avx2 \
        init_mb_mgr_avx512 EVP_MD_CTX_new)
WRAP_test_domain_xen_config := $(call WRAP,stat)
WRAP_test_events := $(call WRAP,sleep)
WRAP_test_journal := $(call WRAP,write fsync renameat unlinkat)

OBJS_test_disk := $(OBJS_disk.so)
OBJS_test_disk_hash := plugins/disk_hash
OBJS_bench_disk := plugins/disk_hash
OBJS_test_luks := $(OBJS_luks.so)
OBJS_test_evidence := tests/fault/fake_tpm tests/fault/fake_measure
OBJS_test_seal_record := tests/fault/fake_tpm tests/fault/fake_measure
OBJS_test_generations := tests/fault/fake_tpm
OBJS_test_plugin_jobs := integrity-mgr/measure
OBJS_test_xl_config := compartment-mgr/config/without_libxl
OBJS_fuzz_xl_config := compartment-mgr/config/without_libxl
OBJS_fuzz_facts := $(OBJS_vm.so)
OBJS_fuzz_luks := $(OBJS_luks.so)

FIXTURES := worker_fixture protocol_table domain_try
MAIN_worker_fixture := tests/unit/worker_fixture
ROOMS_worker_fixture := lib
LIBS_worker_fixture := $(L_SSL) $(L_SEC)
MAIN_protocol_table := lib/protocol_table
MAIN_domain_try := tests/xen/domain_try
ROOMS_domain_try := compartment-mgr/domain compartment-mgr/config lib
LIBS_domain_try := $(L_XLU) $(L_XL) $(L_JSON) $(L_SSL) $(L_SEC)

# What a test starts has to be there.
$(B)/test_xml_workers: | $(B)/xml_worker $(B)/policy_worker
$(B)/test_integrity_mgr: | $(addprefix $(B)/,integrity-mgr measure_worker policy_worker tpm_worker \
        plugins/disk.so)
$(B)/test_xl_config: | $(B)/config_worker
$(B)/test_worker: | $(B)/measure_worker $(HOSTILE_PLUGINS:%=$(B)/tests/plugins/%.so)
$(B)/test_plugin_jobs: | $(B)/measure_worker $(HOSTILE_PLUGINS:%=$(B)/tests/plugins/%.so)
$(B)/test_measure_run: | $(HOSTILE_PLUGINS:%=$(B)/tests/plugins/%.so) $(PLUGINS:%=$(B)/plugins/%.so)
$(B)/test_facts $(B)/test_stories: | $(PLUGINS:%=$(B)/plugins/%.so)
$(B)/test_disk_hash: | $(B)/measure_worker $(B)/plugins/disk.so
$(B)/bench_disk: | $(B)/plugins/disk.so
NEED_BUILD_DIR := $(addprefix $(B)/obj/tests/,unit/test_integrity_mgr.o unit/test_measure_run.o \
        unit/test_plugin_jobs.o unit/test_facts.o unit/test_stories.o unit/test_xl_config.o \
        unit/test_disk_hash.o bench/bench_disk.o)
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
	@echo '#include <intel-ipsec-mb.h>' | $(CC) -E -o /dev/null - 2>/dev/null && \
	        pkg-config --exists $(PKGS) 2>/dev/null || \
	        { echo 'make: packages are missing: sudo scripts/setup installs them' >&2; exit 1; }

$(B)/obj/%.o: %.c | packages
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/pic/%.o: %.c | packages
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -MMD -MP -c -o $@ $<

# $(call room,FOLDER): made anew also when a file was added to the folder or taken away
define room
$(call archive,$(1)): $(foreach o,$(call objects,$(1)),$(B)/obj/$(o).o) $(1) Makefile
	@mkdir -p $$(@D) && rm -f $$@
	$$(call quiet,AR)$$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach r,$(ROOMS) $(TEST_ROOMS),$(eval $(call room,$(r))))

# $(call link,NAME,OBJECTS,ROOMS,LIBRARIES)
define link
$(B)/$(1): $(foreach o,$(sort $(2)),$(B)/obj/$(o).o) $(foreach r,$(3),$(call archive,$(r)))
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group \
	        $$(filter %.a,$$^) -Wl,--end-group $(4)
endef
$(foreach p,$(PROGRAMS) $(FIXTURES),$(eval $(call link,$(p),$(MAIN_$(p)) \
        $(OBJS_$(p)),$(ROOMS_$(p)),$(LIBS_$(p)))))
ALL_ROOMS := $(TEST_ROOMS) $(ROOMS)
$(foreach t,$(TESTS),$(eval $(call link,$(t),tests/unit/$(t) \
        $(OBJS_$(t)),$(ALL_ROOMS),$(WRAP_$(t)) $(L_CHECK) $(L_ANY))))
$(foreach t,$(FUZZERS),$(eval $(call link,$(t),tests/fuzz/$(t) $(OBJS_$(t)),$(ALL_ROOMS),$(L_ANY))))
$(foreach t,$(BENCHES),$(eval $(call link,$(t),tests/bench/$(t) \
        $(OBJS_$(t)),$(ALL_ROOMS),$(L_ANY))))

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
# The scripts that have guests run once more with pvh guests, on one processor: with two a pvh guest
# takes up to five times as long.
PVH_SCRIPTS := 57 58 60 61 62 63 64 65 66 67 68 69 70 99
.PHONY: check-xen check-year bench-xen xen-shell
check-xen: all
	scripts/setup --xen
	B=$(B) XEN_SECONDS=$${XEN_SECONDS:-5400} tests/xen/run $(XEN_SCRIPTS)
	B=$(B) XEN_SECONDS=$${XEN_SECONDS:-5400} XEN_GUESTS=pvh XEN_CPUS=1 tests/xen/run \
	        $(or $(XEN_SCRIPTS),$(PVH_SCRIPTS))
	$(if $(XEN_SCRIPTS),,B=$(B) XEN_CPUS=1 tests/xen/year)
check-year: all
	scripts/setup --xen
	B=$(B) XEN_CPUS=1 tests/xen/year
bench-xen: all
	scripts/setup --xen
	B=$(B) tests/xen/live up
	B=$(B) tests/xen/live run -t 900 "$$(cat tests/bench/bench_start.sh)"; r=$$?; \
	        B=$(B) tests/xen/live down; exit $$r
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
# The message table of docs/protocol.md, and the page that is made from docs/xl-cfg.md.
docs: $(B)/protocol_table
	sed -i '/^<!-- table/,$$d' docs/protocol.md
	echo '<!-- table: from include/bulkhead/messages.def by `make docs` -->' >>docs/protocol.md
	$(B)/protocol_table >>docs/protocol.md
	scripts/xl-cfg-page >docs/man/bulkhead-xl.cfg.5
tidy:
	clang-tidy --quiet $(shell git ls-files '*.c' ':!tests') -- -std=gnu11 -D_GNU_SOURCE -I. \
	        -Iinclude $(shell pkg-config --cflags libxml-2.0)
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
	@echo 'check-xen  the system scripts on a real Xen in an emulated machine; check has some'
	@echo '           of them, and tests/xen/tamper; check-year: an admin changes everything'
	@echo '           there that changes in a year; xen-shell: a prompt there'
	@echo 'bench      measure, as ratios to the tools a user would pick instead;'
	@echo '           bench-xen: a sealed start beside xl create on that Xen'
	@echo 'deb        packages of Debian, in build/deb'
	@echo 'install    DESTDIR= PREFIX=; tidy, format, clean'

# --- installing: what `make all` made, man pages, units, users, grammars, predicates ---
DAEMONS := compartment-mgr integrity-mgr svdm
MANUALS = $(wildcard docs/man/*.[1-8])
UNITS = $(wildcard packaging/*.service)
DEST = $(DESTDIR)$(PREFIX)

.PHONY: install uninstall
install: all
	install -d $(DEST)/bin $(DEST)/libexec/bulkhead $(DEST)/lib/bulkhead/plugins \
	        $(DEST)/share/bulkhead/descriptors/examples \
	        $(DEST)/share/bulkhead/xslt-policies $(DEST)/lib/systemd/system \
	        $(DEST)/lib/sysusers.d $(DEST)/lib/tmpfiles.d \
	        $(DEST)/share/bash-completion/completions $(DEST)/share/doc/bulkhead
	install -m 0755 $(B)/bulkhead $(DEST)/bin/
	install -m 0755 $(addprefix $(B)/,$(filter-out bulkhead,$(PROGRAMS))) scripts/host-image \
	        $(DEST)/libexec/bulkhead/
	cd packaging && find initramfs -type f -exec install -D -m 0755 {} \
	        $(abspath $(DEST))/share/bulkhead/{} \;
	install -m 0644 $(PLUGINS:%=$(B)/plugins/%.so) $(DEST)/lib/bulkhead/plugins/
	install -m 0644 descriptors/*.rng $(DEST)/share/bulkhead/descriptors/
	install -m 0644 descriptors/examples/*.xml $(DEST)/share/bulkhead/descriptors/examples/
	install -m 0644 xslt-policies/*.xsl $(DEST)/share/bulkhead/xslt-policies/
	install -m 0644 $(wildcard README.md CHANGELOG.md docs/*.md) $(DEST)/share/doc/bulkhead/
	for m in $(MANUALS); do \
	        install -D -m 0644 $$m $(DEST)/share/man/man$${m##*.}/$${m##*/}; done
	for u in $(UNITS); do sed 's|/usr/libexec|$(PREFIX)/libexec|' $$u \
	        >$(DEST)/lib/systemd/system/$${u##*/} && \
	        chmod 0644 $(DEST)/lib/systemd/system/$${u##*/}; done
	install -m 0644 packaging/bulkhead.sysusers $(DEST)/lib/sysusers.d/bulkhead.conf
	install -m 0644 packaging/bulkhead.tmpfiles $(DEST)/lib/tmpfiles.d/bulkhead.conf
	install -D -m 0644 packaging/bulkhead.bash-completion \
	        $(DEST)/share/bash-completion/completions/bulkhead
	install -D -m 0644 packaging/bulkhead.zsh $(DEST)/share/zsh/vendor-completions/_bulkhead
	install -D -m 0644 packaging/bulkhead.fish \
	        $(DEST)/share/fish/vendor_completions.d/bulkhead.fish

# Debian's packages, in build/deb, made from what git knows of this folder.
.PHONY: deb
deb:
	scripts/setup --deb
	B=$(B) scripts/deb

# State and configuration of VMs stay.
uninstall:
	rm -f $(DEST)/bin/bulkhead $(DEST)/lib/sysusers.d/bulkhead.conf \
	        $(DEST)/lib/tmpfiles.d/bulkhead.conf \
	        $(DEST)/share/bash-completion/completions/bulkhead \
	        $(DEST)/share/zsh/vendor-completions/_bulkhead \
	        $(DEST)/share/fish/vendor_completions.d/bulkhead.fish \
	        $(UNITS:packaging/%=$(DEST)/lib/systemd/system/%)
	for m in $(MANUALS); do rm -f $(DEST)/share/man/man$${m##*.}/$${m##*/}; done
	rm -rf $(DEST)/libexec/bulkhead $(DEST)/lib/bulkhead $(DEST)/share/bulkhead \
	        $(DEST)/share/doc/bulkhead

-include $(shell find $(B)/obj $(B)/pic -name '*.d' 2>/dev/null)
