# SPDX-License-Identifier: Apache-2.0
# compartment-mgr, the domain worker and their tests.
L_XL = -lxlutil -lxenlight

PROGRAMS += compartment-mgr domain_worker
OBJS_compartment-mgr := $(addprefix compartment-mgr/,main requests access compartment operation start seal stop attest \
        recover targets peers state) $(LIB_DAEMON)
LIBS_compartment-mgr := $(L_SSL) $(L_SEC)
OBJS_domain_worker := compartment-mgr/domain_worker compartment-mgr/domain_sim compartment-mgr/xl_config \
        $(LIB_WORKER) lib/state_file
LIBS_domain_worker := $(L_XL) $(L_JSON) $(L_SSL) $(L_SEC)

TESTS += test_xl_config
OBJS_test_xl_config := tests/unit/test_xl_config compartment-mgr/xl_config $(LIB_MESSAGE)
LIBS_test_xl_config := $(L_XL) $(L_JSON) -lcheck -lsubunit -lm -lrt -lpthread $(L_SSL)
