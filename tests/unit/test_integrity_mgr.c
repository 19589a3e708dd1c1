/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole integrity-mgr with its workers on a simulated TPM, asked over its socket as
 * compartment-mgr would: set-up, approval, seal, unseal, what changed, attestation and verdict. As
 * root the daemon drops to its own users, and this test asks as compartment-mgr's.
 */
#include "lib/principal.h"
#include "lib/channel.h"
#include "lib/component.h"
#include "lib/config.h"
#include "tests/unit/swtpm.h"
#include "verifier/verify.h"
#include "xml/descriptor.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef BUILD_DIR
#define BUILD_DIR "build"
#endif

static struct arena *a;
static pid_t daemon_pid;
static char path[4096], image[4096];
static int door = -1;
static const uint8_t secret[32] = "0123456789abcdefghijklmnopqrstu";
static const struct uuid vm = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

/* --- the daemon ------------------------------------------------------------------------------- */

static uid_t user(const char *name)
{
        const struct passwd *pw = getpwnam(name);

        ck_assert_msg(pw, "there is no user %s: scripts/setup makes it", name);
        return pw->pw_uid;
}

static int ask_as_cm(void)
{
        uid_t self = geteuid();
        int fd = -1;
        enum status s;

        if (!self)
                ck_assert_int_eq(seteuid(user(USER_CM)), 0);
        s = channel_connect(path, deadline_in(10000), &fd);
        if (!self)
                ck_assert_int_eq(seteuid(0), 0);
        return s ? -1 : fd;
}

static void start_daemon(void)
{
        const char *f = swtpm_folder();
        char log[4200];

        snprintf(path, sizeof path, "%s/" SOCKET_IM, f);
        unlink(path);
        daemon_pid = fork();
        if (!daemon_pid) {
                snprintf(log, sizeof log, "%s/im.log", f);
                if (!getenv("V") && !freopen(log, "a", stderr))
                        _exit(1);
                setenv("BULKHEAD_TCTI", swtpm_conf(), 1);
                execl(BUILD_DIR "/integrity-mgr", "integrity-mgr", "--run", f, "--state", f,
                      "--libexec", BUILD_DIR, "--plugins", BUILD_DIR "/plugins", "--share", f,
                      NULL);
                _exit(127);
        }
        for (int i = 0; i < 500 && (door = ask_as_cm()) < 0; i++)
                usleep(10000);
        ck_assert_int_ge(door, 0);
}

static void stop_daemon(int how)
{
        int st;

        close(door);
        kill(daemon_pid, how);
        waitpid(daemon_pid, &st, 0);
        if (how == SIGTERM)
                ck_assert_int_eq(st, 0);
}

static enum status call(struct call call)
{
        enum status s = channel_call(door, call, a, deadline_in(60000));

        if (s && getenv("V"))
                fprintf(stderr, "%s: %s; expected %s; found %s; remedy %s\n", error_last()->subject,
                        status_sentence(s), error_last()->expected, error_last()->found,
                        error_last()->remedy);
        return s;
}

static void open_tpm_to_daemon(void)
{
        char sock[4096];

        if (geteuid())
                return;
        chmod(swtpm_folder(), 0711);
        snprintf(sock, sizeof sock, "%s/sock", swtpm_folder());
        ck_assert_int_eq(chown(sock, user(USER_IM), (gid_t)-1), 0);
        strcat(sock, ".ctrl");
        ck_assert_int_eq(chown(sock, user(USER_IM), (gid_t)-1), 0);
}

/* --- what is asked for ------------------------------------------------------------------------ */

static int pipe_with(const void *bytes, size_t len)
{
        int fds[2];

        ck_assert_int_eq(pipe(fds), 0);
        ck_assert_int_eq(write(fds[1], bytes, len), (ssize_t)len);
        close(fds[1]);
        return fds[0];
}

static struct descriptor descriptor(const char *format, ...)
{
        struct descriptor d;
        va_list args;
        char *text;

        va_start(args, format);
        ck_assert_int_gt(vasprintf(&text, format, args), 0);
        va_end(args);
        ck_assert_int_eq(
                descriptor_read((struct bytes){(uint8_t *)text, strlen(text)}, HASH_SHA256, a, &d),
                ST_DONE);
        free(text);
        return d;
}

static struct open_disk open_image(void)
{
        struct open_disk d = {
                .path = image, .writable = true, .file = open(image, O_RDONLY), .header = -1};

        memset(d.uuid.bytes, 7, 16);
        return d;
}

/* Until the next one. */
static struct open_target *open_target(const struct open_disk *d)
{
        static struct open_target t;

        t = (struct open_target){COMPONENT_VMS, COVERS_CONTENT, d->file, d->header};
        return &t;
}

static void write_image(char content)
{
        FILE *f = fopen(image, "w");

        for (int i = 0; i < 20000; i++)
                fputc(content, f);
        fclose(f);
}

static enum status approve(void)
{
        struct im_approval_req ask = {.asker = {PRINCIPAL_USER, "1000"}};
        struct im_approval_rep now;
        struct im_approve_req q = {.asker = {PRINCIPAL_USER, "1000"}};
        struct im_approve_rep nothing;
        enum status s = call(CALL(im_approval, &ask, &now));

        if (s)
                return s;
        q.pcrs.items = now.pcrs.items;
        q.pcrs.count = now.pcrs.count;
        q.epoch = now.epoch;
        q.passphrase = pipe_with("site passphrase", 15);
        s = call(CALL(im_approve, &q, &nothing));
        close(q.passphrase);
        return s;
}

static enum status host_up(void)
{
        struct im_setup_req q = {.asker = {PRINCIPAL_USER, "1000"},
                                 .passphrase = pipe_with("site passphrase", 15)};
        struct im_setup_rep p;
        enum status s = call(CALL(im_setup, &q, &p));

        close(q.passphrase);
        return s ? s : approve();
}

static struct digest config_digest;
static const struct principal owner = {PRINCIPAL_USER, "1000"};

static enum status seal(uint64_t generation, struct descriptor d)
{
        struct open_disk disk = open_image();
        struct im_seal_req q = {.asker = {PRINCIPAL_USER, "1000"},
                                .owner = owner,
                                .vm = vm,
                                .name = "web01",
                                .generation = generation,
                                .descriptor = d,
                                .config = config_digest,
                                .disks = {&disk, 1},
                                .targets = {open_target(&disk), 1},
                                .secret = pipe_with(secret, 32)};
        struct im_seal_rep p;
        enum status s = call(CALL(im_seal, &q, &p));

        close(q.secret);
        close(disk.file);
        return s;
}

static enum status unseal(void)
{
        struct open_disk disk = open_image();
        struct im_unseal_req q = {.asker = {PRINCIPAL_USER, "1000"},
                                  .owner = owner,
                                  .vm = vm,
                                  .config = config_digest,
                                  .disks = {&disk, 1},
                                  .targets = {open_target(&disk), 1},
                                  .memory = -1};
        struct im_unseal_rep p;
        uint8_t got[33];
        int fds[2];
        enum status s;

        ck_assert_int_eq(pipe(fds), 0);
        q.secret = fds[1];
        s = call(CALL(im_unseal, &q, &p));
        close(fds[1]);
        close(disk.file);
        ck_assert_int_eq(read(fds[0], got, sizeof got), s ? 0 : 32);
        if (!s)
                ck_assert_mem_eq(got, secret, 32);
        close(fds[0]);
        return s;
}

static enum status reseal(uint64_t generation)
{
        struct open_disk disk = open_image();
        struct im_reseal_req q = {.asker = {PRINCIPAL_USER, "1000"},
                                  .owner = owner,
                                  .vm = vm,
                                  .generation = generation,
                                  .config = config_digest,
                                  .disks = {&disk, 1},
                                  .targets = {open_target(&disk), 1}};
        struct im_reseal_rep p;
        enum status s = call(CALL(im_reseal, &q, &p));

        close(disk.file);
        return s;
}

static uint64_t generation(void)
{
        struct im_sealed_req q = {.vm = vm};
        struct im_sealed_rep p;

        ck_assert_int_eq(call(CALL(im_sealed, &q, &p)), ST_DONE);
        return p.generation;
}

#define SEALING(extra, target, more)                                                               \
        "<sealing-desc><sealing type=\"tpm-based\" key=\"k\" " extra                               \
        "><measurement-desc type=\"tpm\"><measureTarget name=\"disk:%s\" dest=\"PCR16\" " target   \
        "/></measurement-desc>" more "</sealing></sealing-desc>"

static struct bytes challenge = {(const uint8_t *)"0123456789abcdef0123", 20};

static const char *plugin = "disk";

static enum status attest_on(int fd, struct arena *arena, const char *dest, const char *more,
                             uint64_t seen, struct im_attest_rep *p)
{
        struct open_disk disk = open_image();
        char *text = arena_print(arena,
                                 "<attestation-desc><attestation type=\"tpm-based\" %s>"
                                 "<measurement-desc type=\"tpm\"><measureTarget name=\"%s:%s\" "
                                 "dest=\"%s\"/></measurement-desc><attestTarget name=\"ALLPCRS\"/>"
                                 "</attestation></attestation-desc>",
                                 more, plugin, image, dest);
        struct im_attest_req q = {.asker = {PRINCIPAL_USER, "1000"},
                                  .challenge = challenge,
                                  .log_seen = seen,
                                  .targets = {open_target(&disk), 1}};
        enum status s = descriptor_read((struct bytes){(uint8_t *)text, strlen(text)}, HASH_SHA256,
                                        arena, &q.descriptor);

        if (!s)
                s = channel_call(fd, CALL(im_attest, &q, p), arena, deadline_in(60000));
        close(disk.file);
        return s;
}

static struct trust trust_now(void)
{
        struct im_trust_req q = {.asker = {PRINCIPAL_USER, "1000"}};
        struct im_trust_rep p;
        struct trust t;

        ck_assert_int_eq(call(CALL(im_trust, &q, &p)), ST_DONE);
        ck_assert_int_eq(trust_read(p.trust, a, &t), ST_DONE);
        return t;
}

static bool trusted(struct bytes evidence, const struct trust *trust)
{
        struct verify_input in = {.evidence = evidence, .trust = trust, .challenge = &challenge};
        struct verifier *verifier = verifier_new();
        struct verdict v;

        verify(verifier, &in, a, &v);
        verifier_free(verifier);
        for (size_t i = 0; i < v.checks_count; i++)
                if (v.checks[i].result == CHECK_FAILED)
                        fprintf(stderr, "failed: %s: expected %s, found %s %s\n", v.checks[i].name,
                                v.checks[i].expected, v.checks[i].found, v.checks[i].detail);
        return v.trusted;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void set_up(void)
{
        a = arena_new();
        swtpm_start();
        open_tpm_to_daemon();
        snprintf(image, sizeof image, "%s/img", swtpm_folder());
        write_image('a');
        config_digest = digest_of(HASH_SHA256, "config", 6);
        start_daemon();
}

static void tear_down(void)
{
        stop_daemon(SIGTERM);
        swtpm_remove();
        arena_free(a);
}

START_TEST(test_not_set_up)
{
        struct im_status_req q = {};
        struct im_status_rep p;
        struct im_attest_rep e;

        ck_assert_int_eq(call(CALL(im_status, &q, &p)), ST_DONE);
        ck_assert_int_eq(unseal(), ST_NOT_SET_UP);
        ck_assert_str_eq(error_last()->remedy, "bulkhead host setup");
        ck_assert_int_eq(attest_on(door, a, "LOG", "", 0, &e), ST_NOT_SET_UP);
        ck_assert_uint_eq(generation(), 0);
}
END_TEST

START_TEST(test_story)
{
        struct im_attest_rep e;
        struct trust t;

        ck_assert_int_eq(host_up(), ST_DONE);
        ck_assert_int_eq(host_up(), ST_EXISTS);
        ck_assert_int_eq(unseal(), ST_NOT_FOUND);
        ck_assert_int_eq(seal(2, descriptor(SEALING("", "", ""), image)), ST_WRONG_STATE);
        ck_assert_int_eq(seal(1, descriptor(SEALING("", "", ""), image)), ST_DONE);
        ck_assert_uint_eq(generation(), 1);
        ck_assert_int_eq(unseal(), ST_DONE);
        ck_assert_int_eq(unseal(), ST_DONE);
        t = trust_now();
        ck_assert_int_eq(attest_on(door, a, "PCR16", "", t.log_length, &e), ST_DONE);
        ck_assert(trusted(e.evidence, &t));

        write_image('b');
        ck_assert_int_eq(unseal(), ST_CHANGED);
        ck_assert(strstr(error_last()->subject, image));
        ck_assert(!strncmp(error_last()->expected, "sha256:", 7));
        ck_assert_str_ne(error_last()->found, error_last()->expected);
        ck_assert_int_eq(attest_on(door, a, "LOG", "", t.log_length, &e), ST_DONE);
        ck_assert(trusted(e.evidence, &t)); /* a verifier's predicate would tell */

        write_image('a');
        ck_assert_int_eq(unseal(), ST_DONE);
        config_digest.bytes[0] ^= 1;
        ck_assert_int_eq(unseal(), ST_CHANGED);
        config_digest.bytes[0] ^= 1;
        ck_assert_int_eq(reseal(2), ST_WRONG_STATE); /* no clean-stop */

        stop_daemon(SIGKILL);
        start_daemon();
        ck_assert_uint_eq(generation(), 1);
        ck_assert_int_eq(unseal(), ST_DONE);
        ck_assert_int_eq(attest_on(door, a, "LOG", "", t.log_length, &e), ST_DONE);
        ck_assert(trusted(e.evidence, &t));
        ck_assert_int_eq(attest_on(door, a, "LOG", "", 1000000, &e), ST_ROLLED_BACK);
}
END_TEST

START_TEST(test_clean_stop)
{
        ck_assert_int_eq(host_up(), ST_DONE);
        ck_assert_int_eq(seal(1, descriptor(SEALING("update=\"clean-stop\"", "", ""), image)),
                         ST_DONE);
        write_image('b');
        ck_assert_int_eq(unseal(), ST_CHANGED);
        ck_assert_int_eq(reseal(2), ST_DONE);
        ck_assert_uint_eq(generation(), 2);
        ck_assert_int_eq(unseal(), ST_DONE);
        write_image('a');
        ck_assert_int_eq(unseal(), ST_CHANGED);
}
END_TEST

#define STYLESHEET(test)                                                                           \
        "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\">"      \
        "<xsl:template match=\"/\"><xsl:choose><xsl:when test=\"" test "\"><true/></xsl:when>"     \
        "<xsl:otherwise><false><reason path=\"/projection\">no disk</reason></false>"              \
        "</xsl:otherwise></xsl:choose></xsl:template></xsl:stylesheet>"
#define ONE_DISK "count(/projection/measurement[@plugin='disk'])=1"
#define TWO_DISKS "count(/projection/measurement[@plugin='disk'])=2"

static void install_predicate(char file[4200], const char *text)
{
        FILE *f;

        snprintf(file, 4200, "%s/xslt-policies", swtpm_folder());
        mkdir(file, 0755);
        strcat(file, "/p.xsl");
        f = fopen(file, "w");
        fputs(text, f);
        fclose(f);
        chmod(file, 0644);
}

START_TEST(test_predicates)
{
        struct descriptor unguarded;
        char file[4200];

        ck_assert_int_eq(host_up(), ST_DONE);
        /* a predicate that says false: no seal */
        ck_assert_int_eq(
                seal(1,
                     descriptor(SEALING("", "", "<predicate>" STYLESHEET(TWO_DISKS) "</predicate>"),
                                image)),
                ST_PREDICATE);
        ck_assert(strstr(error_last()->found, "no disk"));
        /* judged without a predicate: nobody would look */
        unguarded = descriptor(SEALING("", "", ""), image);
        unguarded.targets.items[0].judged = true;
        ck_assert_int_eq(seal(1, unguarded), ST_INVALID);
        /* a predicate beside a bound target: both count */
        ck_assert_int_eq(
                seal(1,
                     descriptor(SEALING("", "", "<predicate>" STYLESHEET(ONE_DISK) "</predicate>"),
                                image)),
                ST_DONE);
        ck_assert_int_eq(unseal(), ST_DONE);
        write_image('b');
        ck_assert_int_eq(unseal(), ST_CHANGED);
        /* a judged target may change, by name */
        ck_assert_int_eq(
                seal(2, descriptor(SEALING("", "judged=\"yes\"", "<predicate ref=\"p\"/>"), image)),
                ST_NOT_FOUND);
        install_predicate(file, STYLESHEET(ONE_DISK));
        ck_assert_int_eq(
                seal(2, descriptor(SEALING("", "judged=\"yes\"", "<predicate ref=\"p\"/>"), image)),
                ST_DONE);
        write_image('c');
        ck_assert_int_eq(unseal(), ST_DONE);
        unlink(file); /* what was sealed is in the seal */
        ck_assert_int_eq(unseal(), ST_DONE);
        ck_assert_int_eq(symlink("/etc/passwd", file), 0);
        ck_assert_int_eq(
                seal(3, descriptor(SEALING("", "judged=\"yes\"", "<predicate ref=\"p\"/>"), image)),
                ST_INVALID);
}
END_TEST

/* --- checks of devices ------------------------------------------------------------------------ */

static struct value bridge = {"bridge", "dmz0"};
static struct node nic_node = {0, "device:vif0", "device", {&bridge, 1}};
static struct measurement nic_state = {"device:vif0", "device", 1, {&nic_node, 1}};

static enum status check_device(const char *device)
{
        struct im_device_req q = {.asker = {PRINCIPAL_USER, "1000"},
                                  .vm = vm,
                                  .device = device,
                                  .state = {&nic_state, 1}};
        struct im_device_rep p;

        return call(CALL(im_device, &q, &p));
}

#define ON_DMZ "/projection/measurement[@target='device:vif0']/node/value='dmz0'"
#define CHECK(device, what) "<deviceCheck device=\"" device "\">" what "</deviceCheck>"

START_TEST(test_device_checks)
{
        struct value twice[] = {{"bridge", "dmz0"}, {"bridge", "lan0"}};
        uint64_t length;

        ck_assert_int_eq(host_up(), ST_DONE);
        ck_assert_int_eq(check_device("vif0"), ST_NOT_FOUND); /* no seal */
        ck_assert_int_eq(
                seal(1, descriptor(SEALING("", "", CHECK("vif0", STYLESHEET(ON_DMZ))), image)),
                ST_DONE);
        length = trust_now().log_length;
        ck_assert_int_eq(check_device("vif0"), ST_DONE);
        ck_assert_uint_eq(trust_now().log_length, length);
        bridge.text = "lan0";
        ck_assert_int_eq(check_device("vif0"), ST_PREDICATE);
        ck_assert_str_eq(error_last()->subject, "device vif0, check number 1");
        ck_assert_str_eq(error_last()->found, "/projection: 'no disk'");
        ck_assert_str_ne(error_last()->remedy, "");
        ck_assert_uint_eq(trust_now().log_length, length + 1); /* refusals are logged */
        ck_assert_int_eq(check_device("xvda"), ST_DONE);       /* is not asked for */
        ck_assert_int_eq(unseal(), ST_DONE);                   /* nor judged there */
        ck_assert_int_eq(
                seal(2, descriptor(SEALING("", "", CHECK("*", STYLESHEET(ON_DMZ))), image)),
                ST_DONE);
        ck_assert_int_eq(check_device("xvda"), ST_PREDICATE);
        bridge.text = "dmz0";
        ck_assert_int_eq(check_device("xvda"), ST_DONE);
        /* the first is not enough */
        ck_assert_int_eq(seal(3, descriptor(SEALING("", "",
                                                    CHECK("*", STYLESHEET(ON_DMZ))
                                                            CHECK("vif0", STYLESHEET(TWO_DISKS))),
                                            image)),
                         ST_DONE);
        ck_assert_int_eq(check_device("xvda"), ST_DONE);
        ck_assert_int_eq(check_device("vif0"), ST_PREDICATE);
        ck_assert_str_eq(error_last()->subject, "device vif0, check number 2");
        /* what is no projection is not judged */
        nic_node.values.items = twice;
        nic_node.values.count = 2;
        ck_assert_int_eq(check_device("xvda"), ST_INVALID);
        nic_node.values.items = &bridge;
        nic_node.values.count = 1;
        nic_state.nodes.count = 0;
        ck_assert_int_ne(check_device("xvda"), ST_DONE);
        nic_state.nodes.count = 1;
        ck_assert_int_eq(check_device("xvda"), ST_DONE);
}
END_TEST

/* A check that could never be judged, or that sees nothing and permits it, is not sealed. */
static const char *const no_checks[] = {
        STYLESHEET("1=1"), STYLESHEET("not(//value='evil')"), STYLESHEET("nonsense("),
        STYLESHEET("document('/etc/passwd')"),
        "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\"/>"};

START_TEST(test_bad_device_checks)
{
        ck_assert_int_eq(host_up(), ST_DONE);
        for (size_t i = 0; i < sizeof no_checks / sizeof *no_checks; i++) {
                const char *text =
                        arena_print(a, SEALING("", "", CHECK("vif0", "%s")), image, no_checks[i]);

                ck_assert_int_eq(seal(1, descriptor("%s", text)), ST_PREDICATE);
                ck_assert_str_eq(error_last()->subject, "device vif0, check number 1");
                ck_assert_str_ne(error_last()->found, "");
        }
        ck_assert_uint_eq(generation(), 0);
}
END_TEST

/* By name: what was sealed is in the seal, whatever becomes of the file. */
START_TEST(test_named_device_checks)
{
        struct descriptor d =
                descriptor(SEALING("", "", "<deviceCheck device=\"vif0\" ref=\"p\"/>"), image);
        char file[4200];

        ck_assert_int_eq(host_up(), ST_DONE);
        ck_assert_int_eq(seal(1, d), ST_NOT_FOUND);
        install_predicate(file, STYLESHEET(ON_DMZ));
        ck_assert_int_eq(seal(1, d), ST_DONE);
        install_predicate(file, STYLESHEET("/projection/measurement"));
        bridge.text = "lan0";
        ck_assert_int_eq(check_device("vif0"), ST_PREDICATE);
        ck_assert_str_eq(error_last()->subject, "device vif0, check p");
        unlink(file);
        bridge.text = "dmz0";
        ck_assert_int_eq(check_device("vif0"), ST_DONE);
        /* ten of 900,000 bytes: no message could carry that seal */
        install_predicate(file, arena_print(a, "%s<!--%900000s-->", STYLESHEET(ON_DMZ), ""));
        for (int n = 9; n <= 10; n++) {
                char *text = "";

                for (int i = 0; i < n; i++)
                        text = arena_print(a, "%s<deviceCheck device=\"vif%d\" ref=\"p\"/>", text,
                                           i);
                d = descriptor(SEALING("", "", "%s"), image, text);
                ck_assert_int_eq(seal((uint64_t)n - 7, d), n == 9 ? ST_DONE : ST_TOO_LARGE);
        }
        ck_assert_int_eq(check_device("vif8"), ST_DONE);
        ck_assert_int_eq(unseal(), ST_DONE);
}
END_TEST

static const struct {
        const char *attributes;
        size_t beside;
        enum status s;
} challenges[] = {
        {"", 0, ST_INVALID},
        {"", 15, ST_INVALID},
        {"", 16, ST_DONE},
        {"", 64, ST_DONE},
        {"", 65, ST_INVALID},
        {"challenge=\"30313233343536373839616263646566\"", 0, ST_DONE},
        {"challenge=\"30313233343536373839616263646566\"", 16, ST_DONE},
        {"challenge=\"30313233343536373839616263646566\"", 17, ST_INVALID},
        {"challenge=\"40313233343536373839616263646566\"", 16, ST_INVALID},
        {"aik=\"000b000000000000\"", 20, ST_NOT_FOUND},
};

START_TEST(test_challenges)
{
        struct bytes before = challenge;
        struct im_attest_rep e;
        struct trust t;
        char aik[64], name[17];

        ck_assert_int_eq(host_up(), ST_DONE);
        for (size_t i = 0; i < sizeof challenges / sizeof *challenges; i++) {
                challenge = (struct bytes){(const uint8_t *)"0123456789abcdef0123456789abcdef0123"
                                                            "456789abcdef0123456789abcdef0123456"
                                                            "789abcdef",
                                           challenges[i].beside};
                ck_assert_int_eq(attest_on(door, a, "LOG", challenges[i].attributes, 0, &e),
                                 challenges[i].s);
        }
        challenge = before;
        t = trust_now();
        hex_write(name, t.ak_name.data, 8);
        snprintf(aik, sizeof aik, "aik=\"%s\"", name);
        ck_assert_int_eq(attest_on(door, a, "LOG", aik, t.log_length, &e), ST_DONE);
        ck_assert(trusted(e.evidence, &t));
}
END_TEST

/* --- what goes away comes back ---------------------------------------------------------------- */

static const char *fact(const char *name)
{
        static struct im_status_rep p;
        struct im_status_req q = {};

        ck_assert_int_eq(call(CALL(im_status, &q, &p)), ST_DONE);
        for (size_t i = 0; i < p.facts.count; i++)
                if (!strcmp(p.facts.items[i].name, name))
                        return p.facts.items[i].value;
        return "";
}

/* --- priority --------------------------------------------------------------------------------- */

static int nice_of(const char *stat_file)
{
        FILE *f = fopen(stat_file, "r");
        int nice = 99;

        if (!f)
                return 99; /* it has just ended */
        if (fscanf(f,
                   "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                   "%*d %d",
                   &nice) != 1)
                nice = 99;
        fclose(f);
        return nice;
}

static bool is_named(pid_t pid, const char *name)
{
        char file[64], found[32] = "";
        FILE *f;

        snprintf(file, sizeof file, "/proc/%d/comm", pid);
        f = fopen(file, "r");
        if (f && !fgets(found, sizeof found, f))
                *found = 0;
        if (f)
                fclose(f);
        return !strncmp(found, name, strlen(name));
}

/* The last child of that name, or the last one if the name is empty; 0 if there is none. */
static pid_t child_named(pid_t parent, const char *name)
{
        char file[64];
        int pid, found = 0;
        FILE *f;

        snprintf(file, sizeof file, "/proc/%d/task/%d/children", parent, parent);
        f = fopen(file, "r");
        while (f && fscanf(f, "%d", &pid) == 1)
                if (is_named(pid, name))
                        found = pid;
        if (f)
                fclose(f);
        return found;
}

/* How many threads of the daemon have another nice value than this test. */
static size_t threads_that_give_way(void)
{
        char folder[64], file[400];
        struct dirent *e;
        size_t n = 0;
        DIR *d;

        snprintf(folder, sizeof folder, "/proc/%d/task", daemon_pid);
        d = opendir(folder);
        ck_assert_ptr_nonnull(d);
        while ((e = readdir(d))) {
                snprintf(file, sizeof file, "%s/%s/stat", folder, e->d_name);
                if (*e->d_name != '.' && nice_of(file) != 99)
                        n += nice_of(file) != getpriority(PRIO_PROCESS, 0);
        }
        closedir(d);
        return n;
}

/* Whoever asks first, even if it is a stranger: the TPM's job, and the threads that live on, are
 * everybody's. */
START_TEST(test_what_serves_everybody_never_gives_way)
{
        struct im_status_req q = {};
        struct im_status_rep p;
        char file[64];
        pid_t job;

        ck_assert_int_eq(call(CALL(im_status, &q, &p)), ST_DONE);
        job = child_named(child_named(daemon_pid, "tpm_worker"), "");
        ck_assert_int_gt(job, 0);
        snprintf(file, sizeof file, "/proc/%d/stat", job);
        ck_assert_int_eq(nice_of(file), getpriority(PRIO_PROCESS, 0));
        for (int i = 0; i < 500 && threads_that_give_way(); i++)
                usleep(10000); /* the request's own thread ends */
        ck_assert_uint_eq(threads_that_give_way(), 0);
}
END_TEST

/* The TPM pulled and plugged in again: told meanwhile, and nothing has to be restarted. */
START_TEST(test_tpm_away)
{
        struct im_attest_rep e;
        struct trust t;

        ck_assert_int_eq(host_up(), ST_DONE);
        ck_assert_int_eq(seal(1, descriptor(SEALING("", "", ""), image)), ST_DONE);
        t = trust_now();
        ck_assert_str_eq(fact("present state"), "approved");
        swtpm_kill();
        ck_assert_int_eq(unseal(), ST_TPM);
        ck_assert_int_eq(attest_on(door, a, "PCR16", "", 0, &e), ST_TPM);
        ck_assert(strstr(fact("present state"), "TPM"));
        ck_assert_uint_eq(generation(), 1);
        swtpm_start();
        open_tpm_to_daemon();
        ck_assert_int_eq(unseal(), ST_DONE);
        ck_assert_int_eq(attest_on(door, a, "PCR16", "", t.log_length, &e), ST_DONE);
        ck_assert(trusted(e.evidence, &t));
}
END_TEST

/* The host in another state: told by name, refused, approved, and all seals open again. */
START_TEST(test_other_state)
{
        ck_assert_int_eq(host_up(), ST_DONE);
        ck_assert_int_eq(seal(1, descriptor(SEALING("", "", ""), image)), ST_DONE);
        /* the test opens the socket as root, or as whoever runs everything */
        ck_assert_int_eq(run("tpm2_pcrextend 4:sha256="
                             "0000000000000000000000000000000000000000000000000000000000000001"),
                         0);
        ck_assert(strstr(fact("present state"), "PCR 4"));
        ck_assert_int_eq(unseal(), ST_NOT_APPROVED);
        ck_assert_str_ne(error_last()->remedy, "");
        ck_assert_int_eq(approve(), ST_DONE);
        ck_assert_str_eq(fact("present state"), "approved");
        ck_assert_int_eq(unseal(), ST_DONE);
        ck_assert_str_eq(fact("approved states"), "2");
}
END_TEST

/* A damaged log stops what needs it, and the daemon says so; mended, it goes on. */
START_TEST(test_log_damaged)
{
        struct im_attest_rep e;

        ck_assert_int_eq(host_up(), ST_DONE);
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(attest_on(door, a, "LOG", "", 0, &e), ST_DONE);
        stop_daemon(SIGTERM);
        ck_assert_int_eq(run("cp integrity-mgr/log keep && printf x | "
                             "dd of=integrity-mgr/log bs=1 seek=100 conv=notrunc"),
                         0);
        start_daemon();
        ck_assert_int_eq(attest_on(door, a, "LOG", "", 0, &e), ST_DAMAGED);
        ck_assert(strstr(error_last()->subject, "the log"));
        ck_assert(strstr(fact("log"), "damaged"));
        ck_assert_int_eq(run("cat keep > integrity-mgr/log"), 0);
        ck_assert_int_eq(attest_on(door, a, "LOG", "", 0, &e), ST_DONE);
}
END_TEST

/* A request that fails for a plug-in leaves the next one alone. */
START_TEST(test_plugin_missing)
{
        struct im_attest_rep e;

        ck_assert_int_eq(host_up(), ST_DONE);
        ck_assert_int_eq(attest_on(door, a, "LOG", "", 0, &e), ST_DONE);
        plugin = "no-such";
        ck_assert_int_eq(attest_on(door, a, "LOG", "", 0, &e), ST_NOT_FOUND);
        ck_assert(strstr(error_last()->subject, "no-such"));
        plugin = "disk";
        ck_assert_int_eq(attest_on(door, a, "LOG", "", 0, &e), ST_DONE);
}
END_TEST

struct asker {
        const char *dest;
        uint64_t seen;
        struct bytes evidence;
        enum status s;
        struct arena *arena;
        int fd;
};

static void *ask_ten(void *arg)
{
        struct asker *k = arg;
        struct im_attest_rep e;

        for (int i = 0; i < 10 && !k->s; i++)
                k->s = attest_on(k->fd, k->arena, k->dest, "", k->seen, &e);
        k->evidence = e.evidence;
        return NULL;
}

/* Two for the same PCR, one for the other, one for the log: all get right answers. */
START_TEST(test_lease)
{
        struct asker askers[] = {
                {.dest = "PCR16"}, {.dest = "PCR16"}, {.dest = "PCR23"}, {.dest = "LOG"}};
        pthread_t threads[4];
        struct trust t;

        ck_assert_int_eq(host_up(), ST_DONE);
        t = trust_now();
        for (int i = 0; i < 4; i++) {
                askers[i].seen = t.log_length;
                askers[i].fd = ask_as_cm();
                askers[i].arena = arena_new();
                pthread_create(&threads[i], NULL, ask_ten, &askers[i]);
        }
        for (int i = 0; i < 4; i++) {
                pthread_join(threads[i], NULL);
                ck_assert_int_eq(askers[i].s, ST_DONE);
                ck_assert(trusted(askers[i].evidence, &t));
                close(askers[i].fd);
                arena_free(askers[i].arena);
        }
}
END_TEST

/* Printed, not asserted: what an attestation costs above the TPM's own time. */
START_TEST(test_overhead)
{
        enum { TIMES = 100 };
        double over[TIMES];
        struct im_attest_rep e;

        ck_assert_int_eq(host_up(), ST_DONE);
        for (int i = 0; i < TIMES; i++) {
                struct timespec begin, end;

                clock_gettime(CLOCK_MONOTONIC, &begin);
                ck_assert_int_eq(attest_on(door, a, "LOG", "", 0, &e), ST_DONE);
                clock_gettime(CLOCK_MONOTONIC, &end);
                over[i] = (double)(end.tv_sec - begin.tv_sec) * 1e3 +
                          (double)(end.tv_nsec - begin.tv_nsec) / 1e6 - (double)e.tpm_time / 1e6;
                for (int k = i; k && over[k] < over[k - 1]; k--) {
                        double d = over[k];

                        over[k] = over[k - 1];
                        over[k - 1] = d;
                }
        }
        printf("attestation above the TPM's time: median %.2f ms, 90 %% %.2f ms\n", over[TIMES / 2],
               over[TIMES * 9 / 10]);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("integrity-mgr");
        TCase *t = tcase_create("integrity-mgr");
        SRunner *runner;
        int failed;

        if (descriptor_init("descriptors"))
                return 99;
        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, test_not_set_up);
        tcase_add_test(t, test_story);
        tcase_add_test(t, test_clean_stop);
        tcase_add_test(t, test_predicates);
        tcase_add_test(t, test_device_checks);
        tcase_add_test(t, test_bad_device_checks);
        tcase_add_test(t, test_named_device_checks);
        tcase_add_test(t, test_challenges);
        tcase_add_test(t, test_lease);
        tcase_add_test(t, test_what_serves_everybody_never_gives_way);
        tcase_add_test(t, test_tpm_away);
        tcase_add_test(t, test_other_state);
        tcase_add_test(t, test_log_damaged);
        tcase_add_test(t, test_plugin_missing);
        suite_add_tcase(suite, t);
        t = tcase_create("overhead");
        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, test_overhead);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
