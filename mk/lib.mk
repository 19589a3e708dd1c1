L_CHECK := -lcheck -lsubunit -lm -lrt -lpthread
TESTS += test_message
OBJS_test_message := tests/unit/test_message $(LIB_BASE) lib/log
LIBS_test_message = $(L_CHECK) $(L_SSL)

TESTS += test_worker
OBJS_test_worker := tests/unit/test_worker $(LIB_DAEMON)
LIBS_test_worker = $(L_CHECK) $(L_SSL) $(L_SEC)
FIXTURES += worker_fixture
OBJS_worker_fixture := tests/unit/worker_fixture $(LIB_WORKER)
LIBS_worker_fixture = $(L_SSL) $(L_SEC) -lpthread

TESTS += test_state_file
OBJS_test_state_file := tests/unit/test_state_file $(LIB_MESSAGE)
LIBS_test_state_file = $(L_CHECK) $(L_SSL)

TESTS += test_server
OBJS_test_server := tests/unit/test_server $(LIB_DAEMON)
LIBS_test_server = $(L_CHECK) $(L_SSL) $(L_SEC)

FUZZERS += fuzz_message fuzz_state_file
OBJS_fuzz_message := tests/fuzz/fuzz_message $(LIB_BASE) lib/message
LIBS_fuzz_message = $(L_SSL)
OBJS_fuzz_state_file := tests/fuzz/fuzz_state_file $(LIB_MESSAGE) lib/state_file
LIBS_fuzz_state_file = $(L_SSL)

FIXTURES += protocol_table
OBJS_protocol_table := lib/protocol_table
.PHONY: docs
docs: $(B)/protocol_table
	sed -i '/^<!-- table/,$$d' docs/protocol.md
	echo '<!-- table: from include/bulkhead/messages.def by `make docs` -->' >>docs/protocol.md
	$(B)/protocol_table >>docs/protocol.md

BENCHES += bench_attest
OBJS_bench_attest := tests/bench/bench_attest $(LIB_MESSAGE) lib/config lib/channel
LIBS_bench_attest = $(L_SSL)
