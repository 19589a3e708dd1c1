# SPDX-License-Identifier: Apache-2.0
# svdm, the device worker and their tests.
SVDM_WORKER := svdm/device svdm/devices/crypt svdm/devices/verity svdm/open_disk svdm/luks_disk svdm/header_diff svdm/secret

PROGRAMS += svdm device_worker
OBJS_svdm := $(addprefix svdm/,main requests seal session held journal header_diff) $(LIB_BASE) $(LIB_DAEMON)
LIBS_svdm := $(L_SSL) $(L_SEC)
OBJS_device_worker := svdm/device_worker $(SVDM_WORKER) $(LIB_BASE) $(LIB_WORKER)
LIBS_device_worker := $(L_CRYPT) $(L_SSL) $(L_SEC)

TESTS += test_open_disk test_luks_disk test_journal test_secret test_header_diff test_svdm
OBJS_test_open_disk := tests/unit/test_open_disk svdm/open_disk $(LIB_BASE)
LIBS_test_open_disk := $(L_CHECK) $(L_SSL)
OBJS_test_luks_disk := tests/unit/test_luks_disk svdm/luks_disk svdm/header_diff svdm/secret $(LIB_BASE) $(LIB_DAEMON)
LIBS_test_luks_disk := $(L_CHECK) $(L_CRYPT) $(L_SSL) $(L_SEC)
OBJS_test_journal := tests/unit/test_journal svdm/journal svdm/header_diff $(LIB_BASE) $(LIB_DAEMON)
LIBS_test_journal := -Wl,--wrap=write,--wrap=fsync,--wrap=renameat,--wrap=unlinkat $(L_CHECK) $(L_SSL) $(L_SEC)
OBJS_test_secret := tests/unit/test_secret svdm/secret $(LIB_BASE) $(LIB_DAEMON)
LIBS_test_secret := $(L_CHECK) $(L_SSL) $(L_SEC)
OBJS_test_header_diff := tests/unit/test_header_diff $(LIB_BASE)
LIBS_test_header_diff := $(L_CHECK) $(L_SSL)
OBJS_test_svdm := tests/unit/test_svdm $(LIB_BASE) $(LIB_DAEMON)
LIBS_test_svdm := $(L_CHECK) $(L_SSL) $(L_SEC)

FUZZERS += fuzz_header_runs
OBJS_fuzz_header_runs := tests/fuzz/fuzz_header_runs svdm/header_diff $(LIB_BASE)
LIBS_fuzz_header_runs := $(L_SSL)
