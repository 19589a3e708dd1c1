# SPDX-License-Identifier: Apache-2.0
# XML and predicates.
OBJS_XML := xml/xml_limits xml/grammar xml/descriptor
OBJS_POLICY := xml/xml_limits xml/document_check integrity-mgr/policy_rules integrity-mgr/policy_judge

TESTS += test_descriptor test_policy
OBJS_test_descriptor := tests/unit/test_descriptor $(OBJS_XML) $(LIB_BASE)
LIBS_test_descriptor = -lcheck -lsubunit -lm -lrt -lpthread $(L_SSL) $(L_XML)
OBJS_test_policy := tests/unit/test_policy $(OBJS_POLICY) $(LIB_BASE)
LIBS_test_policy = -lcheck -lsubunit -lm -lrt -lpthread $(L_SSL) $(L_XSLT)

PROGRAMS += xml_worker policy_worker
OBJS_xml_worker := xml/xml_worker $(OBJS_XML) $(LIB_WORKER)
LIBS_xml_worker = $(L_SSL) $(L_SEC) $(L_XML)
OBJS_policy_worker := integrity-mgr/policy_worker $(OBJS_POLICY) $(LIB_WORKER)
LIBS_policy_worker = $(L_SSL) $(L_SEC) $(L_XSLT)

TESTS += test_grammars
OBJS_test_grammars = tests/unit/test_grammars tests/unit/evidence_make verifier/tree verifier/commitment \
        verifier/trust verifier/quote_check $(LIB_DOCUMENT) $(LIB_BASE)
LIBS_test_grammars = -lcheck -lsubunit -lm -lrt -lpthread $(L_SSL)

# The two programs as their daemons start them, from beside the test.
TESTS += test_xml_workers
OBJS_test_xml_workers := tests/unit/test_xml_workers $(LIB_DAEMON)
LIBS_test_xml_workers = -lcheck -lsubunit -lm -lrt -lpthread $(L_SSL) $(L_SEC)
$(B)/test_xml_workers: | $(B)/xml_worker $(B)/policy_worker

FUZZERS += fuzz_descriptor fuzz_predicate
OBJS_fuzz_descriptor := tests/fuzz/fuzz_descriptor $(OBJS_XML) $(LIB_MESSAGE)
LIBS_fuzz_descriptor = $(L_SSL) $(L_XML)
OBJS_fuzz_predicate := tests/fuzz/fuzz_predicate $(OBJS_POLICY) $(LIB_BASE)
LIBS_fuzz_predicate = $(L_SSL) $(L_XSLT)

BENCHES += bench_policy
OBJS_bench_policy := tests/bench/bench_policy $(OBJS_POLICY) $(LIB_BASE)
LIBS_bench_policy = $(L_SSL) $(L_XSLT)
