# SPDX-License-Identifier: Apache-2.0
# integrity-mgr, the measure worker, and their tests.
PROGRAMS += integrity-mgr measure_worker
OBJS_IM := $(addprefix integrity-mgr/,requests attest seal seal_store measure judge binding difference \
        generations journal log_tree evidence trust_record im_status host tpm_client measure_run) \
        verifier/tree verifier/commitment verifier/trust verifier/quote_check lib/document
OBJS_integrity-mgr = integrity-mgr/main $(OBJS_IM) $(LIB_DAEMON)
LIBS_integrity-mgr = $(L_SSL) $(L_SEC)
OBJS_measure_worker = integrity-mgr/measure_worker integrity-mgr/measure_run lib/document $(LIB_WORKER)
LIBS_measure_worker = $(L_SSL) $(L_SEC)
