# SPDX-License-Identifier: Apache-2.0
# integrity-mgr, the measure worker, and their tests.
PROGRAMS += integrity-mgr measure_worker
OBJS_IM := $(addprefix integrity-mgr/,requests attest seal seal_store measure judge binding difference \
        generations journal log_tree log_file evidence trust_record im_status host tpm_client measure_run) \
        verifier/tree verifier/commitment verifier/trust verifier/quote_check lib/document
OBJS_integrity-mgr = integrity-mgr/main $(OBJS_IM) $(LIB_DAEMON)
LIBS_integrity-mgr = $(L_SSL) $(L_SEC)
OBJS_measure_worker = integrity-mgr/measure_worker integrity-mgr/measure_run lib/document $(LIB_WORKER)
LIBS_measure_worker = $(L_SSL) $(L_SEC)

# Faults at the Nth call: tests/fault/fault.h.
FAULT_WRAP := $(foreach c,write pwrite fsync fdatasync ftruncate renameat unlinkat openat,-Wl,--wrap=$(c))
IM_CHECK := -lcheck -lsubunit -lm -lrt -lpthread $(L_SSL)

TESTS += test_binding test_log_tree
OBJS_test_binding := tests/unit/test_binding integrity-mgr/binding lib/document $(LIB_BASE)
LIBS_test_binding := $(IM_CHECK)
OBJS_test_log_tree := tests/unit/test_log_tree tests/fault/fault tests/fault/folder integrity-mgr/log_tree integrity-mgr/log_file verifier/tree \
        verifier/commitment lib/log $(LIB_BASE)
LIBS_test_log_tree := $(FAULT_WRAP) $(IM_CHECK)

# State on disk, with a fake TPM that outlives the process.
OBJS_FAULT := tests/fault/fault tests/fault/folder tests/fault/fake_tpm
TESTS += test_generations
OBJS_test_generations = tests/unit/test_generations $(OBJS_FAULT) integrity-mgr/generations integrity-mgr/host lib/state_file $(LIB_MESSAGE)
LIBS_test_generations := $(FAULT_WRAP) $(IM_CHECK)
TESTS += test_evidence
OBJS_test_evidence = tests/unit/test_evidence tests/fault/folder tests/fault/fake_measure $(OBJS_FAULT) \
        $(addprefix integrity-mgr/,attest evidence journal log_tree log_file host) \
        verifier/tree verifier/commitment lib/document lib/state_file $(LIB_MESSAGE)
LIBS_test_evidence := $(FAULT_WRAP) $(IM_CHECK)
TESTS += test_seal_record
OBJS_test_seal_record = tests/unit/test_seal_record tests/fault/fake_measure $(OBJS_FAULT) \
        $(addprefix integrity-mgr/,seal seal_store binding difference generations journal log_tree log_file host) \
        verifier/tree verifier/commitment lib/document lib/state_file $(LIB_MESSAGE)
LIBS_test_seal_record := $(FAULT_WRAP) $(IM_CHECK)

# On a real TPM, simulated: the daemon and its workers have to be there.
TESTS += test_integrity_mgr
OBJS_test_integrity_mgr = tests/unit/test_integrity_mgr tests/unit/swtpm $(OBJS_VERIFIER) $(LIB_DAEMON)
LIBS_test_integrity_mgr = $(IM_CHECK) $(L_SEC) $(L_XML)
$(B)/obj/tests/unit/test_integrity_mgr.o: ALL_CFLAGS += -DBUILD_DIR='"$(B)"'
$(B)/test_integrity_mgr: | $(addprefix $(B)/,integrity-mgr measure_worker policy_worker tpm_worker plugins/disk.so)

FUZZERS += fuzz_log_tree
OBJS_fuzz_log_tree = tests/fuzz/fuzz_log_tree integrity-mgr/log_tree integrity-mgr/log_file verifier/tree verifier/commitment $(LIB_MESSAGE)
LIBS_fuzz_log_tree = $(L_SSL)
