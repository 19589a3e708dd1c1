L_CHECK := -lcheck -lsubunit -lm -lrt -lpthread
TESTS += test_message
OBJS_test_message := tests/unit/test_message $(LIB_BASE) lib/log
LIBS_test_message = $(L_CHECK) $(L_SSL)
