/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predicates: right answers, compared with xsltproc's; every way to a wrong true that is known;
 * no file opened, no answer without memory. Runs from the root of the source tree.
 */
#include "policy/policy_judge.h"
#include "tests/unit/policy_attacks.h"

#include <check.h>
#include <fcntl.h>
#include <glob.h>
#include <libxml/xmlmemory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

static struct arena *arena;

static struct bytes bytes_of(const char *text)
{
        return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static enum status judge(const char *stylesheet, const char *projection, struct judge_rep *out)
{
        return policy_judge(bytes_of(stylesheet), bytes_of(projection), arena, out);
}

static struct bytes load(const char *path)
{
        FILE *f = fopen(path, "r");
        uint8_t *data = arena_get(arena, DOCUMENT_MOST);
        size_t len;

        ck_assert_msg(f != NULL, "%s", path);
        len = fread(data, 1, DOCUMENT_MOST, f);
        fclose(f);
        return (struct bytes){data, len};
}

/* --- answers --------------------------------------------------------------------------------- */

static const struct {
        const char *stylesheet;
        bool answer;
} answers[] = {
        {IF(HERE), true},
        {IF("//value[@name='digest']='bad'"), false},
        {IF("count(//measurement)=1 and //value[@name='size'] &lt; 5000"), true},
        {ROOT("<xsl:element name=\"{substring('truefalse', 1 + 4 * not(//value), 5)}\"/>"), false},
        {ROOT("<xsl:element name=\"{substring('true', 1, 4 * count(//node))}\"/>"), true},
        {XSL("<xsl:output method=\"xml\" encoding=\"UTF-8\" indent=\"yes\"/>"
             "<xsl:variable name=\"all\" select=\"//value\"/>"
             "<xsl:key name=\"k\" match=\"value\" use=\"@name\"/>"
             "<xsl:template match=\"projection\"><xsl:for-each select=\"key('k', 'digest')\">"
             "<xsl:sort select=\".\"/><xsl:if test=\"count($all) = 2\"><true/></xsl:if>"
             "</xsl:for-each></xsl:template>"),
         true},
};

START_TEST(answers_right)
{
        struct judge_rep said = {.answer = !answers[_i].answer};
        enum status s = judge(answers[_i].stylesheet, attack_projection, &said);

        if (_i == 3) { /* <truef/>: no answer */
                ck_assert_int_eq(s, ST_PREDICATE);
                return;
        }
        ck_assert_msg(s == ST_DONE, "%s: %s", error_last()->expected, error_last()->found);
        ck_assert_int_eq(said.answer, answers[_i].answer);
        ck_assert_uint_eq(said.reasons.count, 0);
}
END_TEST

START_TEST(gives_reasons)
{
        struct judge_rep said;

        ck_assert_int_eq(judge(ROOT("<false><reason path=\"a/b\">one&#10;<xsl:value-of "
                                    "select=\"//value[1]\"/></reason><reason path=\"\"/></false>"),
                               attack_projection, &said),
                         ST_DONE);
        ck_assert(!said.answer);
        ck_assert_uint_eq(said.reasons.count, 2);
        ck_assert_str_eq(said.reasons.items[0].path, "a/b");
        ck_assert_str_eq(said.reasons.items[0].text, "one good");
        ck_assert_str_eq(said.reasons.items[1].text, "");
}
END_TEST

START_TEST(bounds_reasons)
{
        static const char hundred[] =
                XSL("<xsl:template match=\"/\"><false><xsl:call-template name=\"r\"/></false>"
                    "</xsl:template><xsl:template name=\"r\"><xsl:param name=\"n\" select=\"100\"/>"
                    "<xsl:if test=\"$n\"><reason path=\"{$n}\"/><xsl:call-template name=\"r\">"
                    "<xsl:with-param name=\"n\" select=\"$n - 1\"/></xsl:call-template></xsl:if>"
                    "</xsl:template>");
        static const char before[] = XSL_OPEN "><xsl:template match=\"/\"><false><reason path=\"";
        static const char after[] = "\"/></false></xsl:template></xsl:stylesheet>";
        struct judge_rep said;
        char *text = arena_get(arena, 100000), *p = stpcpy(text, before);

        ck_assert_msg(judge(hundred, attack_projection, &said) == ST_DONE, "%s",
                      error_last()->found);
        ck_assert_uint_eq(said.reasons.count, 64);
        ck_assert_str_eq(said.reasons.items[63].path, "37");
        p = stpcpy(p, "a");
        for (int i = 0; i < 2500; i++)
                p = stpcpy(p, "\xc3\xbc");
        strcpy(p, after);
        ck_assert_int_eq(judge(text, attack_projection, &said), ST_DONE);
        ck_assert_uint_eq(strlen(said.reasons.items[0].path), TEXT_MOST); /* 1 + 2 * 2,047 */
        /* more output than is taken */
        strcpy(text, XSL_OPEN "><xsl:template match=\"/\"><false>");
        for (p = text + strlen(text); p - text < 80000;)
                p += sprintf(p,
                             "<reason path=\"0123456789012345678901234567890123456789\">"
                             "%1000d</reason>",
                             1);
        strcpy(p, "</false></xsl:template></xsl:stylesheet>");
        ck_assert_int_eq(judge(text, attack_projection, &said), ST_PREDICATE);
        ck_assert_uint_eq(said.reasons.count, 0);
}
END_TEST

START_TEST(one_for_many)
{
        struct policy *p = NULL;
        struct judge_rep said;

        ck_assert_int_eq(policy_compile(bytes_of(IF(HERE)), &p), ST_DONE);
        for (int i = 0; i < 6; i++) {
                const char *projection = i % 3 == 0   ? attack_projection
                                         : i % 3 == 1 ? "<projection></projection>"
                                                      : "<projection>";

                ck_assert_int_eq(policy_apply(p, bytes_of(projection), arena, &said),
                                 i % 3 == 2 ? ST_INVALID : ST_DONE);
                ck_assert_int_eq(said.answer, i % 3 == 0);
        }
        policy_free(p);
        policy_free(NULL);
}
END_TEST

/* --- installed predicates: NAME.xsl and tests/NAME*.true.xml, tests/NAME*.false.xml ----------- */

static bool xsltproc_says_true(const char *stylesheet, const char *document)
{
        char command[512], text[256] = "";
        FILE *p;

        snprintf(command, sizeof command, "xsltproc --nonet %s %s | tail -n +2", stylesheet,
                 document);
        p = popen(command, "r");
        ck_assert(p && fgets(text, sizeof text, p));
        while (fgets(command, sizeof command, p))
                ;
        ck_assert_int_eq(pclose(p), 0);
        ck_assert(!strcmp(text, "<true/>\n") || !strncmp(text, "<false", 6));
        return !strcmp(text, "<true/>\n");
}

START_TEST(installed_predicates)
{
        size_t trues = 0, falses = 0;
        glob_t sheets, documents;

        ck_assert_int_eq(glob("xslt-policies/*.xsl", 0, NULL, &sheets), 0);
        for (size_t i = 0; i < sheets.gl_pathc; i++) {
                char pattern[256];
                const char *name = strrchr(sheets.gl_pathv[i], '/') + 1;

                snprintf(pattern, sizeof pattern, "xslt-policies/tests/%.*s.*.xml",
                         (int)(strlen(name) - strlen(".xsl")), name);
                ck_assert_int_eq(glob(pattern, 0, NULL, &documents), 0);
                ck_assert_uint_ge(documents.gl_pathc, 2);
                for (size_t j = 0; j < documents.gl_pathc; j++) {
                        const char *path = documents.gl_pathv[j];
                        bool wanted = strstr(path, ".true.") != NULL;
                        struct judge_rep said;
                        enum status s =
                                policy_judge(load(sheets.gl_pathv[i]), load(path), arena, &said);

                        ck_assert_msg(!s, "%s: %s %s", path, error_last()->subject,
                                      error_last()->found);
                        ck_assert_msg(said.answer == wanted, "%s", path);
                        ck_assert(wanted || said.reasons.count);
                        ck_assert_int_eq(xsltproc_says_true(sheets.gl_pathv[i], path), wanted);
                        wanted ? trues++ : falses++;
                }
                globfree(&documents);
        }
        ck_assert(trues >= sheets.gl_pathc && falses >= sheets.gl_pathc);
        globfree(&sheets);
}
END_TEST

/* Figure 3.13 as printed is judged by the same stylesheet, outside of Bulkhead. */
START_TEST(figure_3_13)
{
        ck_assert(xsltproc_says_true("xslt-policies/flow-policy.xsl",
                                     "descriptors/examples/flow-policy.xml"));
}
END_TEST

/* --- attacks --------------------------------------------------------------------------------- */

START_TEST(attacks_are_refused)
{
        struct judge_rep said = {.answer = true};
        enum status s = judge(attacks[_i], attack_projection, &said);

        ck_assert(!said.answer && !said.reasons.count);
        ck_assert_msg(s == ST_PREDICATE || s == ST_INVALID, "%s: %d", attacks[_i], s);
        ck_assert(*error_last()->expected);
        ck_assert_int_eq(access("/tmp/bulkhead-attack", F_OK), -1);
        error_clear();
        /* and the next is judged as ever */
        ck_assert_int_eq(judge(IF(HERE), attack_projection, &said), ST_DONE);
        ck_assert(said.answer);
}
END_TEST

/* A key that is declared is found, also by a computed name. */
START_TEST(keys_work)
{
        struct judge_rep said;

        ck_assert_int_eq(judge(XSL("<xsl:key name=\"v\" match=\"value\" use=\"@name\"/>"
                                   "<xsl:template match=\"/projection\"><xsl:if test=\"key(concat("
                                   "'v',''),'digest')='good' and not(key('v','none'))\"><true/>"
                                   "</xsl:if></xsl:template>"),
                               attack_projection, &said),
                         ST_DONE);
        ck_assert(said.answer);
}
END_TEST

#define M(inside) "<projection>" inside "</projection>"
#define D(inside)                                                                                  \
        "<measurement plugin=\"disk\" target=\"disk:/img\" version=\"1\">" inside "</measurement>"
#define N(inside) "<node id=\"disk:/img\" type=\"disk\">" inside "</node>"
#define GOOD "<value name=\"digest\">good</value>"
#define BAD "<value name=\"digest\">bad</value>"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define PCR(n) "<pcr alg=\"sha256\" index=\"" n "\">" ZERO "</pcr>"

static const struct {
        const char *text;
        bool ok;
} shapes[] = {
        {M(D(N(GOOD))), true},
        {M(PCR("0") PCR("1") PCR("23") D(N(GOOD))), true},
        {M(D(N(GOOD "<node id=\"a\" type=\"b\">" GOOD "</node><node id=\"b\" type=\"b\"></node>"))),
         true},
        {M("<measurement plugin=\"disk\" target=\"disk:/a&amp;b\" version=\"1\">" N(
                 "<value name=\"digest\">a&lt;&#xD;</value>") "</measurement>"),
         true},
        /* twice: the good first, the bad first */
        {M(D(N(GOOD)) D(N(BAD))), false},
        {M(D(N(BAD)) D(N(GOOD))), false},
        {M(D(N(GOOD) N(BAD))), false},
        {M(D(N(BAD) N(GOOD))), false},
        {M(D(N(GOOD BAD))), false},
        {M(D(N(BAD GOOD))), false},
        {M(D(N("<node id=\"a\" type=\"b\">" GOOD "</node><node id=\"a\" type=\"b\">" BAD
               "</node>"))),
         false},
        {M(PCR("0") PCR("0") D(N(GOOD))), false},
        {M(PCR("1") PCR("0") D(N(GOOD))), false},
        /* missing */
        {M(D("")), false},
        {M("<measurement plugin=\"disk\" target=\"disk:/img\">" N(GOOD) "</measurement>"), false},
        {M(D("<node id=\"disk:/img\">" GOOD "</node>")), false},
        {M(D(N("<value>good</value>"))), false},
        {"<projection/>", true},
        {"<projection", false},
        {"", false},
        /* somewhere else, something else */
        {"<projection xmlns=\"urn:a\">" D(N(GOOD)) "</projection>", false},
        {"<a:projection xmlns:a=\"urn:a\"/>", false},
        {"<projection xmlns:a=\"urn:a\">" D(N(GOOD)) "</projection>", false},
        {"<projection a=\"b\">" D(N(GOOD)) "</projection>", false},
        {M("<measurement xmlns=\"urn:a\" plugin=\"disk\" target=\"disk:/img\" version=\"1\">" N(
                 GOOD) "</measurement>"),
         false},
        {M(D(N("<a:value xmlns:a=\"urn:a\" name=\"digest\">good</a:value>"))), false},
        {M(D(N("<xml:value name=\"digest\">good</xml:value>"))), false},
        {M(D(N("<value xml:name=\"digest\">good</value>"))), false},
        {M(D(N("<value a:name=\"digest\" xmlns:a=\"urn:a\">good</value>"))), false},
        {M(D(N("<value name=\"digest\" more=\"x\">good</value>"))), false},
        {M(D(N("<value name=\"digest\"><value name=\"digest\">good</value></value>"))), false},
        {M(D(N("<value name=\"digest\">go<!-- -->od</value>"))), false},
        {M(D(N("<value name=\"digest\"><![CDATA[good]]></value>"))), false},
        {M(D(N("text"))), false},
        {M(D("text" N(GOOD))), false},
        {M(" " D(N(GOOD))), false},
        {M(D(N(GOOD)) "<!-- -->"), false},
        {"<!-- -->" M(D(N(GOOD))), false},
        {M(D(N("<node id=\"a\" type=\"b\"></node>" GOOD))), false},
        {M(D(GOOD)), false},
        {M(D(N(GOOD)) PCR("0")), false},
        {M(N(GOOD)), false},
        {M(M(D(N(GOOD)))), false},
        {M("<measurement plugin=\"disk\" target=\"luks:/img\" version=\"1\">" N(
                 GOOD) "</measurement>"),
         false},
        {M("<measurement plugin=\"\" target=\":/img\" version=\"1\">" N(GOOD) "</measurement>"),
         false},
        {M("<measurement plugin=\"disk\" target=\"disk:/img\" version=\"one\">" N(
                 GOOD) "</measurement>"),
         false},
        {M(PCR("24")), false},
        {M(PCR("00")), false},
        {M(PCR("")), false},
        {M("<pcr alg=\"sha1\" index=\"0\">" ZERO "</pcr>"), false},
        {M("<pcr alg=\"sha384\" index=\"0\">" ZERO "</pcr>"), false},
        {M("<pcr alg=\"sha256\" index=\"0\">00</pcr>"), false},
        {M("<pcr alg=\"sha256\" index=\"0\"></pcr>"), false},
        {"<!DOCTYPE projection>" M(D(N(GOOD))), false},
};

START_TEST(projections_have_a_shape)
{
        struct judge_rep said = {.answer = true};
        enum status s = judge(IF(HERE), shapes[_i].text, &said);

        ck_assert_msg(s == (shapes[_i].ok ? ST_DONE : ST_INVALID), "%d %s: %s", _i, shapes[_i].text,
                      error_last()->expected);
        ck_assert(shapes[_i].ok || !said.answer);
        error_clear();
}
END_TEST

/* What we accept, the published grammar accepts: it may be laxer, never stricter. */
START_TEST(projections_are_of_the_grammar)
{
        char path[] = "/tmp/bulkhead-projection-XXXXXX", command[256];
        int fd = mkstemp(path);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(write(fd, shapes[_i].text, strlen(shapes[_i].text)), 0);
        close(fd);
        snprintf(command, sizeof command,
                 "xmllint --noout --relaxng descriptors/projection.rng %s 2>/dev/null", path);
        if (shapes[_i].ok)
                ck_assert_int_eq(system(command), 0);
        unlink(path);
}
END_TEST

/* --- no memory ------------------------------------------------------------------------------- */

/* Nothing evil here, unless one could not look. */
#define NOT_EVIL IF("//value[@name='digest'] and not(contains(//value[@name='digest'], 'oo'))")

static long allocations_left;
static bool fail_for_good;

static bool fails_now(void)
{
        return allocations_left-- == 0 || (fail_for_good && allocations_left < 0);
}

static void *scarce_malloc(size_t size)
{
        return fails_now() ? NULL : malloc(size);
}

static void *scarce_realloc(void *old, size_t size)
{
        return fails_now() ? NULL : realloc(old, size);
}

static char *scarce_strdup(const char *text)
{
        return fails_now() ? NULL : strdup(text);
}

enum { SAID_TRUE = 10, SAID_FALSE, SAID_ERROR };

/* How a child ends in which the k-th allocation fails: SAID_..., or -1 if it crashed. */
static int without(long k, bool for_good, const char *stylesheet, bool *reached)
{
        int status, pipes[2];
        char left;
        pid_t pid;

        ck_assert_int_eq(pipe(pipes), 0);
        pid = fork();
        if (!pid) {
                struct judge_rep said;
                enum status s;
                struct rlimit none = {0};

                setrlimit(RLIMIT_CORE, &none);
                fclose(stderr);
                allocations_left = k;
                fail_for_good = for_good;
                xmlMemSetup(free, scarce_malloc, scarce_realloc, scarce_strdup);
                s = judge(stylesheet, attack_projection, &said);
                left = allocations_left < 0;
                if (write(pipes[1], &left, 1) != 1)
                        _exit(1);
                _exit(s ? SAID_ERROR : said.answer ? SAID_TRUE : SAID_FALSE);
        }
        close(pipes[1]);
        *reached = read(pipes[0], &left, 1) != 1 || left;
        close(pipes[0]);
        waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(no_true_without_memory)
{
        bool reached = true;
        int end = 0;
        long k = 0;

        for (; reached; k++) {
                end = without(k, _i, NOT_EVIL, &reached);
                ck_assert_msg(end != SAID_TRUE, "allocation %ld", k);
        }
        ck_assert_int_eq(end, SAID_FALSE); /* all succeeded */
        ck_assert_int_gt(k, 200);
}
END_TEST

#ifdef __SANITIZE_ADDRESS__
enum { OUT_OF_MEMORY = 1 }; /* its allocator is the first to give up */
#else
enum { OUT_OF_MEMORY = 3 };
#endif

/* The real allocators: out of memory is the end of the process, with status 3. */
START_TEST(exhausting_memory)
{
        int status;
        pid_t pid = fork();

        if (!pid) {
                struct rlimit most = {512 << 20, 512 << 20}, seconds = {20, 20};
                struct judge_rep said = {.answer = false};

                fclose(stderr);
                setrlimit(RLIMIT_AS, &most);
                setrlimit(RLIMIT_CPU, &seconds);
                judge(memory_attacks[_i], attack_projection, &said);
                _exit(said.answer ? SAID_TRUE : SAID_ERROR);
        }
        waitpid(pid, &status, 0);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), OUT_OF_MEMORY);
}
END_TEST

/* --- no files -------------------------------------------------------------------------------- */

#define MARK "/bulkhead-test-mark"

/* This program under strace: everything above between two marks. */
static int run_attacks(void)
{
        struct judge_rep said;

        access(MARK "-begin", F_OK);
        for (size_t i = 0; i < COUNT(attacks); i++)
                judge(attacks[i], attack_projection, &said);
        for (size_t i = 0; i < COUNT(answers); i++)
                judge(answers[i].stylesheet, attack_projection, &said);
        for (size_t i = 0; i < COUNT(shapes); i++)
                judge(IF(HERE), shapes[i].text, &said);
        access(MARK "-end", F_OK);
        return 0;
}

START_TEST(opens_nothing)
{
        char command[1024], self[512] = "", line[1024];
        bool inside = false;
        int marks = 0;
        FILE *p;

        ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof self - 1), 0);
        snprintf(command, sizeof command,
                 "ASAN_OPTIONS=detect_leaks=0 XML_CATALOG_FILES=/etc/passwd "
                 "SGML_CATALOG_FILES=/etc/passwd strace -f -qq -e trace=%%file,%%network,%%process "
                 "%s --attacks 2>&1",
                 self);
        p = popen(command, "r");
        ck_assert_ptr_nonnull(p);
        while (fgets(line, sizeof line, p)) {
                if (strstr(line, MARK)) {
                        inside = strstr(line, "-begin") != NULL;
                        marks++;
                        continue;
                }
                ck_assert_msg(!inside, "%s", line);
        }
        ck_assert_int_eq(pclose(p), 0);
        ck_assert_int_eq(marks, 2); /* strace saw them: it would have seen others */
}
END_TEST

int main(int argc, char **argv)
{
        Suite *suite = suite_create("policy");
        TCase *tc = tcase_create("policy");
        SRunner *runner;
        int failed;

        policy_warm_up();
        arena = arena_new();
        if (argc == 2 && !strcmp(argv[1], "--attacks"))
                return run_attacks();
        tcase_set_timeout(tc, 120);
        tcase_add_loop_test(tc, answers_right, 0, COUNT(answers));
        tcase_add_test(tc, gives_reasons);
        tcase_add_test(tc, bounds_reasons);
        tcase_add_test(tc, one_for_many);
        tcase_add_test(tc, installed_predicates);
        tcase_add_test(tc, figure_3_13);
        tcase_add_loop_test(tc, attacks_are_refused, 0, COUNT(attacks));
        tcase_add_test(tc, keys_work);
        tcase_add_loop_test(tc, projections_have_a_shape, 0, COUNT(shapes));
        tcase_add_loop_test(tc, projections_are_of_the_grammar, 0, COUNT(shapes));
        tcase_add_loop_test(tc, no_true_without_memory, 0, 2);
        tcase_add_loop_test(tc, exhausting_memory, 0, COUNT(memory_attacks));
        tcase_add_test(tc, opens_nothing);
        suite_add_tcase(suite, tc);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        arena_free(arena);
        return failed != 0;
}
