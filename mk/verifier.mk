# The verifier: a library. OBJS_TREE is all that integrity-mgr takes of it (no XML).
OBJS_TREE = verifier/tree verifier/commitment
OBJS_TRUST = verifier/trust verifier/quote_check
OBJS_VERIFIER = $(OBJS_TREE) $(OBJS_TRUST) verifier/evidence_read verifier/check \
        verifier/host_quote verifier/host_result verifier/verify \
        $(OBJS_XML) $(LIB_DOCUMENT)
LIBS_VERIFIER = $(L_SSL) $(L_XML)
LIBS_VERIFIER_CHECK = -lcheck -lsubunit -lm -lrt -lpthread $(LIBS_VERIFIER)

TESTS += test_tree test_trust test_quote_check test_verify
OBJS_test_tree = tests/unit/test_tree $(OBJS_TREE) $(LIB_BASE)
LIBS_test_tree = $(LIBS_VERIFIER_CHECK)
OBJS_test_trust = tests/unit/test_trust $(OBJS_TRUST) $(LIB_BASE)
LIBS_test_trust = $(LIBS_VERIFIER_CHECK)
OBJS_test_quote_check = tests/unit/test_quote_check tests/unit/evidence_make $(OBJS_TREE) $(OBJS_TRUST) \
        $(LIB_DOCUMENT) $(LIB_BASE)
LIBS_test_quote_check = $(LIBS_VERIFIER_CHECK)
OBJS_test_verify = tests/unit/test_verify tests/unit/evidence_make $(OBJS_VERIFIER) $(LIB_BASE)
LIBS_test_verify = $(LIBS_VERIFIER_CHECK)

FUZZERS += fuzz_evidence fuzz_trust
OBJS_fuzz_evidence = tests/fuzz/fuzz_evidence $(OBJS_VERIFIER) $(LIB_BASE)
LIBS_fuzz_evidence = $(LIBS_VERIFIER)
OBJS_fuzz_trust = tests/fuzz/fuzz_trust $(OBJS_TRUST) $(LIB_BASE)
LIBS_fuzz_trust = $(LIBS_VERIFIER)

BENCHES += bench_verify
OBJS_bench_verify = tests/bench/bench_verify tests/unit/evidence_make $(OBJS_VERIFIER) $(OBJS_POLICY) $(LIB_BASE)
LIBS_bench_verify = $(LIBS_VERIFIER) $(L_XSLT) -lexslt
