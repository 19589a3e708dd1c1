# The command line, the embedded default, installing.
PROGRAMS += bulkhead
OBJS_TOOLS := $(addprefix tools/,bulkhead cmd_host cmd_status cmd_vm cmd_measure cmd_attest cmd_verify \
        output progress passphrase door file apart judge_apart)
OBJS_bulkhead = $(OBJS_TOOLS) integrity-mgr/measure_run lib/config lib/log lib/message lib/channel lib/sandbox \
        $(OBJS_VERIFIER) $(OBJS_POLICY) $(LIB_BASE) $(LIB_DOCUMENT)
LIBS_bulkhead = $(L_SSL) $(L_JSON) $(L_SEC) $(L_XSLT)
