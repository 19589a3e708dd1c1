/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast one core verifies: a quote alone (signature, structure, PCR digest) beside `openssl
 * speed ecdsap256`, and a whole evidence document with a projection of 2 KB and one predicate,
 * compiled once. A ratio is taken of numbers of one run, the median of three rounds.
 */
#include "policy/policy_judge.h"
#include "tests/unit/evidence_make.h"
#include "proof/quote.h"
#include "verifier/verify.h"
#include "xml/descriptor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 3 };
static const double seconds = 1.0;

static const char stylesheet[] =
        "<xsl:stylesheet version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\">"
        "<xsl:template match=\"/projection\"><xsl:choose><xsl:when test=\""
        "measurement[@target='disk:/a']/node/value[@name='v7']='sha256:"
        "0000000000000000000000000000000000000000000000000000000000000007'\"><true/></xsl:when>"
        "<xsl:otherwise><false/></xsl:otherwise></xsl:choose></xsl:template></xsl:stylesheet>";

struct subject {
        struct made made;
        struct plan plan;
        struct ak *ak;
        struct verifier *verifier;
        struct policy *policy;
        struct arena *scratch;
        struct verify_policy listed;
        struct verify_input input;
};

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(bool held, const char *what)
{
        if (held)
                return;
        fprintf(stderr, "bench_verify: %s\n", what);
        exit(EXIT_FAILURE);
}

static void quote_alone(struct subject *s)
{
        struct quote q;

        must(!ak_signed(s->ak, s->made.attest, s->made.signature), "signature");
        must(!quote_read(s->made.attest, &q), "quote");
}

static enum status judge(void *context, struct bytes text, struct bytes projection, struct arena *a,
                         struct judge_rep *out)
{
        (void)text;
        return policy_apply(context, projection, a, out);
}

static void whole(struct subject *s)
{
        struct verdict v;

        verify(s->verifier, &s->input, s->scratch, &v);
        must(v.trusted, "verdict");
        arena_empty(s->scratch);
}

static double per_second(void (*run)(struct subject *), struct subject *s)
{
        double start = now(), end;
        long n = 0;

        do {
                for (int i = 0; i < 50; i++, n++)
                        run(s);
                end = now();
        } while (end - start < seconds);
        return (double)n / (end - start);
}

/* Verifications a second as OpenSSL's own benchmark counts them. */
static double openssl_speed(void)
{
        FILE *f = popen("openssl speed -seconds 1 ecdsap256 2>/dev/null", "r");
        double sign, check, signs = 0, checks = 0;
        char line[256];

        must(f != NULL, "openssl speed");
        while (fgets(line, sizeof line, f))
                if (strstr(line, "nistp256"))
                        sscanf(strchr(line, ')') + 1, " %lfs %lfs %lf %lf", &sign, &check, &signs,
                               &checks);
        pclose(f);
        must(checks > 0, "openssl speed said nothing");
        return checks;
}

static int compare(const void *a, const void *b)
{
        return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double median(double v[static ROUNDS])
{
        qsort(v, ROUNDS, sizeof *v, compare);
        return v[ROUNDS / 2];
}

/* A measurement of a bit more than 1.5 KB; with the other one and the PCRs a projection of 2 KB. */
static const char *long_measurement(struct arena *a)
{
        char *text = arena_text(a, "<measurement plugin=\"disk\" target=\"disk:/a\" version=\"1\">"
                                   "<node id=\"disk:/a\" type=\"disk\">");

        for (int i = 0; i < 16; i++)
                text = arena_print(a, "%s<value name=\"v%d\">sha256:%064d</value>", text, i, i);
        return arena_print(a, "%s</node></measurement>", text);
}

static void prepare(struct subject *s, struct arena *a)
{
        s->verifier = verifier_new();
        policy_warm_up();
        must(!descriptor_init("descriptors"), "run it at the root of the repository");
        s->listed = (struct verify_policy){"bench",
                                           {(const uint8_t *)stylesheet, sizeof stylesheet - 1}};
        must(!policy_compile(s->listed.stylesheet, &s->policy), "predicate");
        s->plan = plan_good(plan_key());
        s->plan.measurements[0] = long_measurement(a);
        s->made = plan_make(&s->plan, a);
        s->scratch = arena_new();
        must(!ak_read(s->made.ak, &s->ak), "key");
        s->input = (struct verify_input){.evidence = s->made.text,
                                         .trust = &s->made.trust,
                                         .challenge = &s->plan.challenge,
                                         .policies = &s->listed,
                                         .policies_count = 1,
                                         .judge = judge,
                                         .judge_context = s->policy};
}

int main(void)
{
        struct arena *a = arena_new();
        struct subject s = {0};
        struct verdict v;
        double tool[ROUNDS], quote[ROUNDS], all[ROUNDS], ratio[ROUNDS];

        prepare(&s, a);
        verify(s.verifier, &s.input, s.scratch, &v);
        for (size_t i = 0; i < v.checks_count; i++)
                if (v.checks[i].result == CHECK_FAILED)
                        fprintf(stderr, "%s: %s %s %s\n", v.checks[i].name, v.checks[i].detail,
                                v.checks[i].expected, v.checks[i].found);
        printf("evidence of %zu bytes, projection of %zu bytes, one predicate\n", s.made.text.len,
               v.projection.len);
        for (int i = 0; i < ROUNDS; i++) {
                tool[i] = openssl_speed();
                quote[i] = per_second(quote_alone, &s);
                all[i] = per_second(whole, &s);
                ratio[i] = quote[i] / tool[i];
        }
        printf("openssl speed ecdsap256    %8.0f verifications/s\n", median(tool));
        printf("quote alone                %8.0f /s, ratio %.2f (wanted: 0.50)\n", median(quote),
               median(ratio));
        printf("whole, with predicate      %8.0f /s (wanted: 3,000)\n", median(all));
        policy_free(s.policy);
        ak_free(s.ak);
        verifier_free(s.verifier);
        arena_free(s.scratch);
        arena_free(a);
        return 0;
}
