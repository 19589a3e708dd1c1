# SPDX-License-Identifier: Apache-2.0
# What talks to the TPM, and its tests on swtpm.
L_TPM := $(L_TSS) -ltss2-sys $(L_SSL)
TPM_OBJS := integrity-mgr/keys integrity-mgr/site_key integrity-mgr/tcti_watch integrity-mgr/tpm integrity-mgr/tpm_approve integrity-mgr/tpm_attest integrity-mgr/tpm_parts integrity-mgr/tpm_policy integrity-mgr/tpm_seal integrity-mgr/tpm_setup integrity-mgr/tpm_status lib/log

TESTS += test_tpm
OBJS_test_tpm := tests/unit/test_tpm tests/unit/tpm_host tests/unit/swtpm $(TPM_OBJS) $(LIB_BASE)
LIBS_test_tpm := -lcheck -lsubunit -lm -lrt -lpthread $(L_TPM)
