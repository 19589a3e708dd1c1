/* SPDX-License-Identifier: Apache-2.0 */
/* What measure workers and policy workers would answer. */
#include "tests/fault/fake_measure.h"
#include "integrity-mgr/judge.h"

struct measurement fake_found[2];
struct plugin_seen fake_plugins[2];
enum status fake_verdict;

static struct value digest[] = {{"digest", "sha256:11"}, {"size", "4096"}};
static struct node disk[] = {{0, "disk:/a", "disk", {digest, 2}}};
static struct value header[] = {{"uuid", "u"}, {"cipher", "aes"}};
static struct value slot[] = {{"kdf", "pbkdf2"}};
static struct node luks[] = {{0, "luks:/b", "luks", {header, 2}},
                             {1, "0", "keyslot", {slot, 1}},
                             {1, "1", "keyslot", {slot, 1}}};

void fake_measure_reset(void)
{
        digest[0].text = "sha256:11";
        header[1].text = "aes";
        fake_found[0] = (struct measurement){"disk:/a", "disk", 1, {disk, 1}};
        fake_found[1] = (struct measurement){"luks:/b", "luks", 1, {luks, 2}};
        fake_plugins[0] = (struct plugin_seen){"disk", 1, digest_of(HASH_SHA256, "disk", 4)};
        fake_plugins[1] = (struct plugin_seen){"luks", 1, digest_of(HASH_SHA256, "luks", 4)};
        fake_verdict = ST_DONE;
}

enum status measure_all(struct arena *a, const struct principal *asker,
                        const struct target *targets, size_t count, const struct open_target *open,
                        size_t open_count, enum hash_alg alg, struct found *found_out)
{
        static struct measurement_form forms[2];
        enum status s = ST_DONE;

        (void)asker, (void)targets, (void)open_count;
        *found_out = (struct found){open, fake_found, fake_plugins, forms, count};
        for (size_t i = 0; i < count && !s; i++)
                s = measurement_form(&fake_found[i], alg, a, &forms[i]);
        return s;
}

enum status judge_resolve(struct arena *a, struct descriptor *d)
{
        (void)a, (void)d;
        return ST_DONE;
}

enum status judge_try_checks(struct arena *a, const struct descriptor *d)
{
        (void)a, (void)d;
        return ST_DONE;
}

enum status judge_device(struct arena *a, const struct descriptor *d, const char *device,
                         const struct measurement *state, size_t count)
{
        (void)a, (void)d, (void)device, (void)state, (void)count;
        return ST_INTERNAL; /* no test comes here */
}

enum status judge_all(struct arena *a, const struct descriptor *d,
                      const struct measurement_form *found, size_t count)
{
        (void)a, (void)found, (void)count;
        return d->predicates.count && fake_verdict
                       ? FAIL(fake_verdict, .subject = "the fake predicate")
                       : ST_DONE;
}
