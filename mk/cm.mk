# SPDX-License-Identifier: Apache-2.0
# compartment-mgr, the domain worker and their tests.
L_XL = -lxlutil -lxenlight

PROGRAMS += compartment-mgr domain_worker
OBJS_compartment-mgr := $(addprefix compartment-mgr/,main requests access compartment operation start seal stop attest \
        recover targets peers state) $(LIB_DAEMON)
LIBS_compartment-mgr := $(L_SSL) $(L_SEC)
OBJS_domain_worker := compartment-mgr/domain_worker compartment-mgr/domain_sim compartment-mgr/xl_config compartment-mgr/xl_config_keys compartment-mgr/xl_config_disks \
        $(LIB_WORKER) lib/state_file
LIBS_domain_worker := $(L_XL) $(L_JSON) $(L_SSL) $(L_SEC)

CM_CHECK := -lcheck -lsubunit -lm -lrt -lpthread $(L_SSL)

TESTS += test_xl_config test_access test_compartment test_domain_sim test_targets test_stories
OBJS_test_xl_config := tests/unit/test_xl_config compartment-mgr/xl_config compartment-mgr/xl_config_keys compartment-mgr/xl_config_disks $(LIB_MESSAGE)
LIBS_test_xl_config := $(L_XL) $(L_JSON) $(CM_CHECK)
OBJS_test_access := tests/unit/test_access compartment-mgr/access $(LIB_BASE)
LIBS_test_access := $(CM_CHECK)
OBJS_test_compartment := tests/unit/test_compartment $(LIB_MESSAGE) lib/state_file
LIBS_test_compartment := $(CM_CHECK)
OBJS_test_domain_sim := tests/unit/test_domain_sim compartment-mgr/domain_sim $(LIB_MESSAGE) lib/state_file
LIBS_test_domain_sim := $(CM_CHECK)
OBJS_test_targets := tests/unit/test_targets compartment-mgr/targets $(LIB_BASE)
LIBS_test_targets := $(CM_CHECK)

# The stories against neighbours that the test plays.
OBJS_test_stories := tests/unit/test_stories $(addprefix compartment-mgr/,start stop seal attest access operation targets compartment) \
        $(LIB_MESSAGE) lib/state_file
LIBS_test_stories := $(CM_CHECK)

FUZZERS += fuzz_xl_config
OBJS_fuzz_xl_config := tests/fuzz/fuzz_xl_config compartment-mgr/xl_config compartment-mgr/xl_config_keys compartment-mgr/xl_config_disks $(LIB_MESSAGE)
LIBS_fuzz_xl_config := $(L_XL) $(L_JSON) $(L_SSL)
