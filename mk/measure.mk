# Measurements: plug-ins, their host, the document writer.
#
# A plug-in is one shared object that links to nothing of ours: PLUGINS, SOURCES_name, LIBS_name.so.

PLUGINS := disk luks
SOURCES_disk := plugins/disk plugins/disk_verity
SOURCES_luks := plugins/luks plugins/luks_header
LIBS_disk.so := $(L_SSL) -lpthread
LIBS_luks.so := $(L_SSL) $(L_JSON)

all: $(PLUGINS:%=$(B)/plugins/%.so)

$(B)/pic/%.o: %.c | packages
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -MMD -MP -c -o $@ $<

define plugin
$(B)/plugins/$(1).so: $(foreach o,$(SOURCES_$(1)),$(B)/pic/$(o).o) plugins/plugin.map
	@mkdir -p $$(@D)
	$$(call quiet,SO)$$(CC) $$(SAN) -shared -Wl,--version-script=plugins/plugin.map -Wl,-z,relro,-z,now,-z,defs,-z,noexecstack -o $$@ $$(filter %.o,$$^) $(LIBS_$(1).so)
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin,$(p))))

# Plug-ins that break the rules, for the tests alone.
HOSTILE_PLUGINS := $(patsubst tests/data/plugins/%.c,%,$(wildcard tests/data/plugins/*.c))
$(B)/tests/plugins/%.so: tests/data/plugins/%.c include/bulkhead/measure_plugin.h
	@mkdir -p $(@D)
	$(call quiet,SO)$(CC) -std=gnu11 -O1 -Iinclude -fPIC -shared -o $@ $<

-include $(shell find $(B)/pic -name '*.d' 2>/dev/null)

OBJS_MEASURE_RUN := integrity-mgr/measure_run $(LIB_DOCUMENT) $(LIB_BASE)
CHECK_LIBS := -lcheck -lsubunit -lm -lrt -lpthread $(L_SSL)

TESTS += test_document test_disk test_luks test_measure_run
OBJS_test_document := tests/unit/test_document $(LIB_DOCUMENT) $(LIB_BASE)
LIBS_test_document := $(CHECK_LIBS)
$(B)/obj/plugins/disk_verity.o: ALL_CFLAGS += -DWINDOW=4
OBJS_test_disk := tests/unit/test_disk tests/unit/plugin_test $(SOURCES_disk) $(OBJS_MEASURE_RUN)
LIBS_test_disk := $(CHECK_LIBS)
OBJS_test_luks := tests/unit/test_luks tests/unit/luks_image tests/unit/plugin_test $(SOURCES_luks) $(OBJS_MEASURE_RUN)
LIBS_test_luks := $(CHECK_LIBS) $(L_JSON)
OBJS_test_measure_run := tests/unit/test_measure_run tests/unit/plugin_test $(OBJS_MEASURE_RUN)
LIBS_test_measure_run := $(CHECK_LIBS)
$(B)/test_measure_run: | $(HOSTILE_PLUGINS:%=$(B)/tests/plugins/%.so) $(PLUGINS:%=$(B)/plugins/%.so)
$(B)/obj/tests/unit/test_measure_run.o: ALL_CFLAGS += -DBUILD_DIR='"$(B)"'

FUZZERS += fuzz_luks
OBJS_fuzz_luks := tests/fuzz/fuzz_luks tests/unit/luks_image $(SOURCES_luks)
LIBS_fuzz_luks := $(L_SSL) $(L_JSON)

BENCHES += bench_disk
OBJS_bench_disk := tests/bench/bench_disk $(OBJS_MEASURE_RUN)
LIBS_bench_disk := -lpthread $(L_SSL)
$(B)/bench_disk: | $(B)/plugins/disk.so
$(B)/obj/tests/bench/bench_disk.o: ALL_CFLAGS += -DBUILD_DIR='"$(B)"'
