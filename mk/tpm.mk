# SPDX-License-Identifier: Apache-2.0
# What talks to the TPM, and its tests on swtpm.
L_TPM := $(L_TSS) -ltss2-sys $(L_SSL)
TPM_OBJS := integrity-mgr/keys integrity-mgr/site_key integrity-mgr/tcti_watch integrity-mgr/tpm integrity-mgr/tpm_approve integrity-mgr/tpm_attest integrity-mgr/tpm_parts integrity-mgr/tpm_policy integrity-mgr/tpm_seal integrity-mgr/tpm_setup integrity-mgr/tpm_status
TPM_TEST := tests/unit/tpm_host tests/unit/swtpm $(TPM_OBJS)

PROGRAMS += tpm_worker
OBJS_tpm_worker := integrity-mgr/tpm_worker integrity-mgr/esys_openssl $(TPM_OBJS) $(LIB_WORKER)
LIBS_tpm_worker = $(L_TPM) $(L_SEC)

TESTS += test_tpm test_tpm_worker
OBJS_test_tpm := tests/unit/test_tpm $(TPM_TEST) $(LIB_BASE) lib/log
LIBS_test_tpm = $(L_CHECK) $(L_TPM)
OBJS_test_tpm_worker := tests/unit/test_tpm_worker $(TPM_TEST) $(LIB_DAEMON)
LIBS_test_tpm_worker = $(L_CHECK) $(L_TPM) $(L_SEC)

TESTS += test_tpm_policy test_tpm_hostile
OBJS_test_tpm_policy := tests/unit/test_tpm_policy $(TPM_TEST) $(LIB_BASE) lib/log
LIBS_test_tpm_policy = $(L_CHECK) $(L_TPM)
OBJS_test_tpm_hostile := tests/unit/test_tpm_hostile tests/unit/interposer $(TPM_TEST) $(LIB_BASE) lib/log
LIBS_test_tpm_hostile = $(L_CHECK) $(L_TPM)
