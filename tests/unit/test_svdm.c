/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svdm and its device worker as compartment-mgr meets them: real processes, real LUKS2 headers,
 * cryptsetup(8) as the judge of what lies on the disks. Started as root, the test becomes nobody
 * first, since the daemons' users may not exist here.
 */
#include "lib/channel.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"
#include "svdm/journal.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
enum { OWN_DISKS = 3 };
#define OPENS_IT "cryptsetup open --test-passphrase --disable-locks "

static char place[200], bin[PATH_MAX];
static pid_t daemon_pid;
static struct arena *a;
static struct uuid vm = {{0x7e, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 14, 15}};
static struct uuid other_vm = {{0x7f, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 14, 15}};

__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
        char command[2000];
        va_list args;
        int r;

        va_start(args, format);
        vsnprintf(command, sizeof command, format, args);
        va_end(args);
        r = system(command);
        return WIFEXITED(r) ? WEXITSTATUS(r) : -1;
}

static const char *in_place(const char *name)
{
        static char paths[8][300];
        static int turn;
        char *path = paths[turn++ % 8];

        snprintf(path, sizeof paths[0], "%s/%s", place, name);
        return path;
}

static void start_svdm(void)
{
        int fd = -1;

        daemon_pid = fork();
        ck_assert_int_ge(daemon_pid, 0);
        if (!daemon_pid) {
                char program[PATH_MAX + 8];

                snprintf(program, sizeof program, "%s/svdm", bin);
                execl(program, program, "--run", place, "--state", place, "--libexec", bin,
                      "--devices", "sim", NULL);
                _exit(127);
        }
        for (int i = 0; i < 1000; i++) {
                if (!channel_connect(in_place("svdm.sock"), deadline_in(1000), &fd))
                        break;
                ck_assert_int_eq(waitpid(daemon_pid, NULL, WNOHANG), 0);
                usleep(10000);
        }
        ck_assert_int_ge(fd, 0);
        close(fd);
}

static void stop_svdm(int signal)
{
        int how;

        kill(daemon_pid, signal);
        ck_assert_int_eq(waitpid(daemon_pid, &how, 0), daemon_pid);
        if (signal == SIGTERM)
                ck_assert_int_eq(how, 0);
}

static void set_up(void)
{
        a = arena_new();
        ck_assert_ptr_nonnull(mkdtemp(strcpy(place, getenv("SVDM_TEST_PLACE"))));
        start_svdm();
}

static void tear_down(void)
{
        stop_svdm(SIGTERM);
        run("rm -rf %s", place);
        arena_free(a);
}

static int connect_svdm(void)
{
        int fd = -1;

        ck_assert_int_eq(channel_connect(in_place("svdm.sock"), deadline_in(5000), &fd), ST_DONE);
        return fd;
}

static enum status ask(int fd, struct call call)
{
        error_clear();
        return channel_call(fd, call, a, deadline_in(20000));
}

/* TRY(fd, svdm_open, &status, request fields...) gives the reply. */
#define TRY(fd, name, s_out, ...)                                                                  \
        ({                                                                                         \
                const struct name##_req q_ = {__VA_ARGS__};                                        \
                struct name##_rep *p_ = arena_get(a, sizeof *p_);                                  \
                *(s_out) = ask(fd, CALL(name, &q_, p_));                                           \
                p_;                                                                                \
        })

/* The same with the status that is expected. */
#define ASK(fd, name, want, ...)                                                                   \
        ({                                                                                         \
                enum status s_;                                                                    \
                struct name##_rep *reply_ = TRY(fd, name, &s_, __VA_ARGS__);                       \
                ck_assert_msg(s_ == (want), #name ": status %d: %s; %s; %s; %s", s_,               \
                              error_last()->subject, error_last()->expected, error_last()->found,  \
                              error_last()->remedy);                                               \
                reply_;                                                                            \
        })

static struct svdm_open_rep *open_disks(int fd, const struct uuid *u, enum status expected,
                                        size_t count, const char *const *names)
{
        struct wanted_device disks[32];

        for (size_t i = 0; i < count; i++)
                disks[i] = (struct wanted_device){.name = arena_print(a, "xvd%c", 'a' + (int)i),
                                                  .path = arena_text(a, in_place(names[i])),
                                                  .writable = true,
                                                  .kind = "crypt"};
        return ASK(fd, svdm_open, expected, .vm = *u, .devices = {disks, count});
}

#define OPEN(fd, u, expected, ...)                                                                 \
        open_disks(fd, u, expected, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),        \
                   (const char *[]){__VA_ARGS__})

/* The VM's disks, as compartment-mgr names them when a journal is settled. */
static struct disk *own_disks(void)
{
        static const char *const names[OWN_DISKS] = {"disk", "one", "two"};
        struct disk *disks = arena_get_many(a, OWN_DISKS, sizeof *disks);

        for (size_t i = 0; i < OWN_DISKS; i++)
                disks[i] = (struct disk){.device = arena_print(a, "xvd%c", 'a' + (int)i),
                                         .path = arena_text(a, in_place(names[i])),
                                         .writable = true,
                                         .kind = "crypt"};
        return disks;
}

#define OWN .disks = {own_disks(), OWN_DISKS}

static int pipe_with(const char *bytes, size_t len)
{
        int ends[2];

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        ck_assert_int_eq(write(ends[1], bytes, len), len);
        close(ends[1]);
        return ends[0];
}

static void read_secret(int fd, char secret[32])
{
        ck_assert_int_eq(read(fd, secret, 32), 32);
        ck_assert_int_eq(read(fd, secret, 1), 0);
        close(fd);
}

/* Seals up to staging; the secret comes back. */
static void seal_to_stage(int fd, const char *disk, bool format, uint64_t generation,
                          char secret[32])
{
        struct svdm_prepare_rep *p;

        OPEN(fd, &vm, ST_DONE, disk);
        p = ASK(fd, svdm_prepare, ST_DONE, .written = -1, .format = format, .authority = -1);
        ck_assert_int_eq(p->disks.count, 1);
        ck_assert(p->disks.items[0].encrypted);
        ck_assert_int_ge(p->disks.items[0].header, 0);
        /* not read(2)'s 33rd byte: read_secret() wants the end */
        read_secret(p->secret, secret);
        ASK(fd, svdm_stage, ST_DONE, .generation = generation);
}

static void seal_by_format(const char *disk, char secret[32])
{
        int fd = connect_svdm();

        seal_to_stage(fd, disk, true, 1, secret);
        ck_assert_int_eq(ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 1)->written, 1);
        close(fd);
}

static struct svdm_unlock_rep *unlock(int fd, const char *secret, enum status expected)
{
        struct svdm_key_pipe_rep *p = ASK(fd, svdm_key_pipe, ST_DONE, );

        ck_assert_int_eq(write(p->secret, secret, 32), 32);
        close(p->secret);
        return ASK(fd, svdm_unlock, expected, );
}

static void make_image(const char *name, int mib)
{
        ck_assert_int_eq(run("truncate -s %dM %s", mib, in_place(name)), 0);
}

static void make_luks(const char *name, const char *passphrase)
{
        make_image(name, 32);
        ck_assert_int_eq(run("printf '%s' | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 "
                             "--pbkdf-force-iterations 1000 --disable-locks --key-file=- %s",
                             passphrase, in_place(name)),
                         0);
}

/* The key as RFC 5869 has it, by Python's hmac; compared by letting cryptsetup open the disk. */
static int opens_with_derived_key(const char *disk, const char *secret)
{
        char hex[65];

        hex_write(hex, (const uint8_t *)secret, 32);
        return run(
                "python3 -c \"import hmac,subprocess,sys;"
                "u=subprocess.check_output(['cryptsetup','luksUUID','%s']).strip();"
                "p=hmac.digest(bytes(32),bytes.fromhex('%s'),'sha256');"
                "sys.stdout.buffer.write(hmac.digest(p,b'bulkhead-disk-1'+u+b'\\x01','sha256'))\" "
                "| " OPENS_IT "--key-file=- %s",
                in_place(disk), hex, in_place(disk));
}

START_TEST(formats_unlocks_keeps_releases)
{
        char secret[32], wrong[32];
        struct svdm_unlock_rep *p;
        int fd;

        make_image("disk", 64);
        seal_by_format("disk", secret);
        ck_assert_int_eq(run("cryptsetup luksDump --disable-locks %s > %s", in_place("disk"),
                             in_place("dump")),
                         0);
        ck_assert_int_eq(run("grep -q 'cipher: aes-xts-plain64' %s && grep -q 'sector: 4096' %s && "
                             "grep -q 'offset: 16777216' %s && grep -q '0: bulkhead' %s && "
                             "test $(grep -c 'Iterations: 1000$' %s) = 2",
                             in_place("dump"), in_place("dump"), in_place("dump"), in_place("dump"),
                             in_place("dump")),
                         0);
        ck_assert_int_eq(opens_with_derived_key("disk", secret), 0);

        fd = connect_svdm();
        OPEN(fd, &vm, ST_DONE, "disk");
        memcpy(wrong, secret, 32);
        wrong[31] ^= 1;
        unlock(fd, wrong, ST_CHANGED);
        p = unlock(fd, secret, ST_DONE);
        ck_assert_int_eq(p->devices.count, 1);
        ck_assert_str_eq(p->devices.items[0].path, arena_print(a, "sim:%s", in_place("disk")));
        ck_assert_str_eq(p->devices.items[0].device, "xvda");
        ASK(fd, svdm_check, ST_DONE, );
        ASK(fd, svdm_keep, ST_DONE, );
        close(fd);

        /* it runs: nobody else may have the disk, even after svdm was killed */
        stop_svdm(SIGKILL);
        start_svdm();
        fd = connect_svdm();
        OPEN(fd, &other_vm, ST_BUSY, "disk");
        ASK(fd, svdm_release, ST_DONE, .vm = vm);
        ASK(fd, svdm_release, ST_DONE, .vm = vm);
        OPEN(fd, &other_vm, ST_DONE, "disk");
        close(fd);
}
END_TEST

static void seal_two(char secret[32])
{
        struct svdm_prepare_rep *p;
        int fd = connect_svdm();

        OPEN(fd, &vm, ST_DONE, "one", "two");
        p = ASK(fd, svdm_prepare, ST_DONE, .written = -1, .format = true, .authority = -1);
        read_secret(p->secret, secret);
        ASK(fd, svdm_stage, ST_DONE, .generation = 1);
        ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 1);
        close(fd);
}

/* xvdb is what is asked for. */
static void look(int fd, enum status expected)
{
        struct wanted_device disks[] = {
                {"xvda", "crypt", arena_text(a, in_place("one")), true, false},
                {"xvdb", "crypt", arena_text(a, in_place("two")), true, false}};
        struct svdm_look_rep *p =
                ASK(fd, svdm_look, expected, .vm = vm, .devices = {disks, 2}, .device = "xvdb");

        ck_assert_uint_eq(p->disks.count, expected ? 0 : 2);
        for (size_t i = 0; i < p->disks.count; i++)
                ck_assert(p->disks.items[i].encrypted && p->disks.items[i].header >= 0);
}

/* One of two disks goes and comes while the VM runs; what it holds outlives svdm. */
START_TEST(a_disk_goes_and_comes)
{
        struct svdm_unlock_rep *p;
        char secret[32];
        int fd;

        make_image("one", 32);
        make_image("two", 32);
        seal_two(secret);
        fd = connect_svdm();
        look(fd, ST_WRONG_STATE); /* it does not run */
        OPEN(fd, &vm, ST_DONE, "one", "two");
        unlock(fd, secret, ST_DONE);
        ASK(fd, svdm_keep, ST_DONE, );
        close(fd);

        fd = connect_svdm();
        look(fd, ST_EXISTS);
        close(fd);
        fd = connect_svdm();
        OPEN(fd, &other_vm, ST_BUSY, "two");
        ASK(fd, svdm_unmap, ST_DONE, .vm = vm, .device = "xvdb");
        ASK(fd, svdm_unmap, ST_DONE, .vm = vm, .device = "xvdb");
        ASK(fd, svdm_unmap, ST_INVALID, .vm = vm, .device = "");
        stop_svdm(SIGKILL);
        start_svdm();
        close(fd);
        fd = connect_svdm();
        OPEN(fd, &other_vm, ST_BUSY, "one");
        OPEN(fd, &other_vm, ST_DONE, "two"); /* it is anybody's */

        close(fd);
        fd = connect_svdm(); /* not kept: not held */
        look(fd, ST_DONE);
        p = unlock(fd, secret, ST_DONE);
        ck_assert_uint_eq(p->devices.count, 1);
        ck_assert_str_eq(p->devices.items[0].device, "xvdb");
        close(fd);
        fd = connect_svdm();
        look(fd, ST_DONE);
        unlock(fd, secret, ST_DONE);
        ASK(fd, svdm_check, ST_DONE, );
        ASK(fd, svdm_keep, ST_DONE, );
        ASK(fd, svdm_keep, ST_WRONG_STATE, );
        close(fd);
        fd = connect_svdm(); /* that operation is over */
        ASK(fd, svdm_unmap, ST_DONE, .vm = vm, .device = "xvdb");
        look(fd, ST_DONE);
        unlock(fd, secret, ST_DONE);
        ASK(fd, svdm_keep, ST_DONE, );
        close(fd);
        stop_svdm(SIGKILL);
        start_svdm();
        fd = connect_svdm();
        OPEN(fd, &other_vm, ST_BUSY, "one");
        OPEN(fd, &other_vm, ST_BUSY, "two");
        ASK(fd, svdm_release, ST_DONE, .vm = vm);
        OPEN(fd, &other_vm, ST_DONE, "two");
        close(fd);
}
END_TEST

START_TEST(formats_with_a_passphrase_for_recovery)
{
        struct svdm_prepare_rep *p;
        char secret[32];
        int fd = connect_svdm(), passphrase = pipe_with("some day", 8);

        make_image("disk", 32);
        OPEN(fd, &vm, ST_DONE, "disk");
        p = ASK(fd, svdm_prepare, ST_DONE, .written = -1, .format = true,
                .authority_kind = AUTHORITY_PASSPHRASE, .authority = passphrase);
        close(passphrase);
        read_secret(p->secret, secret);
        ASK(fd, svdm_stage, ST_DONE, .generation = 1);
        ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 1);
        close(fd);
        ck_assert_int_eq(opens_with_derived_key("disk", secret), 0);
        ck_assert_int_eq(run("printf 'some day' | " OPENS_IT "--key-file=- %s", in_place("disk")),
                         0);
}
END_TEST

START_TEST(unkept_is_undone)
{
        char secret[32];
        int fd, again;

        make_image("disk", 32);
        seal_by_format("disk", secret);
        fd = connect_svdm();
        OPEN(fd, &vm, ST_DONE, "disk");
        unlock(fd, secret, ST_DONE);
        again = connect_svdm();
        OPEN(again, &other_vm, ST_BUSY, "disk");
        OPEN(again, &vm, ST_BUSY, "disk");
        close(again);
        close(fd);
        again = connect_svdm(); /* at once: it waits until it has seen that we went */
        OPEN(again, &other_vm, ST_DONE, "disk");
        close(again);
}
END_TEST

START_TEST(adopts_and_replaces_its_own_slot_only)
{
        char first[32], second[32];
        struct svdm_prepare_rep *p;
        int fd = connect_svdm(), authority = pipe_with("correct horse", 13);

        make_luks("disk", "correct horse");
        OPEN(fd, &vm, ST_DONE, "disk");
        p = ASK(fd, svdm_prepare, ST_DONE, .written = -1, .authority_kind = AUTHORITY_PASSPHRASE,
                .authority = authority);
        close(authority);
        read_secret(p->secret, first);
        ASK(fd, svdm_stage, ST_DONE, .generation = 1);
        ck_assert_int_ne(opens_with_derived_key("disk", first), 0); /* not yet */
        ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 1);
        close(fd);
        ck_assert_int_eq(opens_with_derived_key("disk", first), 0);

        fd = connect_svdm(); /* again, by the present secret */
        authority = pipe_with(first, 32);
        OPEN(fd, &vm, ST_DONE, "disk"); /* at once: it waits for the first one's end */
        p = ASK(fd, svdm_prepare, ST_DONE, .written = -1, .authority_kind = AUTHORITY_SECRET,
                .authority = authority);
        close(authority);
        read_secret(p->secret, second);
        ASK(fd, svdm_stage, ST_DONE, .generation = 2);
        ck_assert_int_eq(ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 2)->written, 1);
        ck_assert_int_eq(ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 2)->written, 0);
        close(fd);
        ck_assert_int_eq(opens_with_derived_key("disk", second), 0);
        ck_assert_int_ne(opens_with_derived_key("disk", first), 0);
        ck_assert_int_eq(
                run("printf 'correct horse' | " OPENS_IT "--key-file=- %s", in_place("disk")), 0);
        ck_assert_int_eq(run("test $(cryptsetup luksDump --disable-locks %s | grep -c 'bulkhead$') "
                             "= 1",
                             in_place("disk")),
                         0);
}
END_TEST

/* --- what must be refused ------------------------------------------------------------------ */

static const struct bad_disk {
        const char *make; /* shell, in the test's folder */
        enum status expected;
        const char *found;
} bad_disks[] = {
        {"mkfifo disk", ST_REFUSED, "a FIFO"},
        {"truncate -s 32M real; ln -s real disk", ST_REFUSED, "a symbolic link"},
        {"mkdir disk", ST_REFUSED, "a folder"},
        {"python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"disk\")'", ST_REFUSED,
         "a socket"},
        {"true", ST_NOT_FOUND, "No such file or directory"},
        {"truncate -s 32M disk; chmod 0 disk", ST_DENIED, "Permission denied"},
};

START_TEST(refuses_bad_disks)
{
        const struct bad_disk *bad = &bad_disks[_i];
        int fd = connect_svdm();

        ck_assert_int_eq(run("cd %s && %s", place, bad->make), 0);
        OPEN(fd, &vm, bad->expected, "disk");
        ck_assert_str_eq(error_last()->found, bad->found);
        close(fd);
}
END_TEST

START_TEST(refuses_one_disk_twice)
{
        int fd = connect_svdm();

        make_image("disk", 32);
        ck_assert_int_eq(run("ln %s %s", in_place("disk"), in_place("same")), 0);
        OPEN(fd, &vm, ST_REFUSED, "disk", "same");
        OPEN(fd, &vm, ST_DONE, "disk"); /* and goes on */
        close(fd);
}
END_TEST

static const struct bad_seal {
        const char *make;
        enum authority_kind authority_kind;
        bool format;
        enum status expected;
        const char *remedy; /* is in it */
} bad_seals[] = {
        {"truncate -s 32M disk", 1, false, ST_REFUSED, "--format"},
        {"truncate -s 16M disk", 0, true, ST_REFUSED, "larger"},
        {"truncate -s 32M disk; echo -n x | cryptsetup luksFormat -q --type luks1 "
         "--pbkdf-force-iterations 1000 --disable-locks --key-file=- disk",
         1, false, ST_REFUSED, "cryptsetup convert"},
        {"truncate -s 32M disk; echo -n other | cryptsetup luksFormat -q --type luks2 --pbkdf "
         "pbkdf2 --pbkdf-force-iterations 1000 --disable-locks --key-file=- disk",
         1, false, ST_DENIED, "--test-passphrase"},
        {"truncate -s 32M disk; echo -n x | cryptsetup luksFormat -q --type luks2 --pbkdf "
         "pbkdf2 --pbkdf-force-iterations 1000 --disable-locks --key-file=- disk",
         0, false, ST_DENIED, "passphrase"},
};

START_TEST(refuses_bad_seals)
{
        const struct bad_seal *bad = &bad_seals[_i];
        int fd = connect_svdm(), authority = pipe_with("x", 1);

        ck_assert_int_eq(run("cd %s && %s && sha256sum disk > sum", place, bad->make), 0);
        OPEN(fd, &vm, ST_DONE, "disk");
        ASK(fd, svdm_prepare, bad->expected, .written = -1, .format = bad->format,
            .authority_kind = bad->authority_kind, .authority = authority);
        close(authority);
        ck_assert_msg(strstr(error_last()->remedy, bad->remedy), "remedy: %s",
                      error_last()->remedy);
        ASK(fd, svdm_stage, ST_WRONG_STATE, .generation = 1);
        ck_assert_int_eq(run("cd %s && sha256sum --quiet -c sum", place), 0);
        close(fd);
}
END_TEST

/* After opening, before check: what happens to the disk. */
static const char *const changes[] = {
        "cp disk new; mv new disk",
        "mv disk away; ln -s away disk",
        "printf x | dd of=disk bs=1 seek=20000000 conv=notrunc status=none",
        "truncate -s 33M disk",
        "touch -d yesterday disk",
        "rm disk",
};

START_TEST(check_sees_changes)
{
        int fd = connect_svdm();

        make_image("disk", 32);
        OPEN(fd, &vm, ST_DONE, "disk");
        ASK(fd, svdm_check, ST_DONE, );
        ck_assert_int_eq(run("cd %s && %s", place, changes[_i]), 0);
        {
                enum status s;

                TRY(fd, svdm_check, &s, );
                ck_assert_msg(s == ST_CHANGED || s == ST_REFUSED || s == ST_NOT_FOUND, "%d", s);
        }
        close(fd);
}
END_TEST

/* --- kernel and ramdisk -------------------------------------------------------------------- */

static struct svdm_open_rep *open_with_kernel(int fd, const struct uuid *u, enum status expected,
                                              const char *kernel)
{
        struct wanted_device disks[] = {
                {.name = "kernel", .path = in_place(kernel), .kind = "boot"},
                {.name = "ramdisk", .path = in_place("ramdisk"), .kind = "boot"},
                {.name = "xvda",
                 .path = in_place(u == &vm ? "disk" : "other"),
                 .writable = true,
                 .kind = "crypt"}};

        return ASK(fd, svdm_open, expected, .vm = *u, .devices = {disks, 3});
}

static void check_copy(const struct open_disk *d, const char *text)
{
        const int all = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
        char found[64] = "";

        ck_assert(d->boot && !d->encrypted && !d->writable && uuid_is_zero(&d->uuid));
        ck_assert_int_lt(d->header, 0);
        ck_assert_int_eq(fcntl(d->file, F_GET_SEALS), all);
        ck_assert_int_eq(fcntl(d->file, F_GETFL) & O_ACCMODE, O_RDONLY);
        ck_assert_int_eq(pread(d->file, found, sizeof found, 0), strlen(text));
        ck_assert_str_eq(found, text);
}

START_TEST(boot_files_are_copies_that_many_share)
{
        char secret[32];
        struct svdm_open_rep *opened;
        struct svdm_unlock_rep *p;
        int fd, other = connect_svdm();

        make_image("disk", 32);
        make_image("other", 32);
        ck_assert_int_eq(run("cd %s && printf one > kernel && printf two > ramdisk", place), 0);
        seal_by_format("disk", secret);
        fd = connect_svdm();
        opened = open_with_kernel(fd, &vm, ST_DONE, "kernel");
        open_with_kernel(other, &other_vm, ST_DONE, "kernel");
        ck_assert_int_eq(opened->disks.count, 3);
        ck_assert(!opened->disks.items[2].boot);
        ck_assert_int_eq(run("printf THREE > %s && rm %s", in_place("kernel"), in_place("ramdisk")),
                         0);
        check_copy(&opened->disks.items[0], "one");
        check_copy(&opened->disks.items[1], "two");
        p = unlock(fd, secret, ST_DONE);
        ck_assert_int_eq(p->devices.count, 1);
        ck_assert_str_eq(p->devices.items[0].device, "xvda");
        ASK(fd, svdm_check, ST_DONE, );
        ASK(fd, svdm_keep, ST_DONE, );
        close(fd);
        close(other);
}
END_TEST

static const struct bad_kernel {
        const char *make;
        enum status expected;
} bad_kernels[] = {
        {"truncate -s 0 kernel", ST_REFUSED},
        {"truncate -s 513M kernel", ST_REFUSED},
        {"echo x > real; ln -s real kernel", ST_REFUSED},
        {"mkfifo kernel", ST_REFUSED},
        {"true", ST_NOT_FOUND},
};

START_TEST(refuses_bad_kernels)
{
        int fd = connect_svdm();

        ck_assert_int_eq(run("cd %s && echo x > ramdisk && truncate -s 32M disk && %s", place,
                             bad_kernels[_i].make),
                         0);
        open_with_kernel(fd, &vm, bad_kernels[_i].expected, "kernel");
        close(fd);
}
END_TEST

/* --- the journal, as the daemon drives it -------------------------------------------------- */

START_TEST(uncommitted_seal_leaves_disk_alone)
{
        char secret[32];
        int fd = connect_svdm();

        make_image("disk", 32);
        ck_assert_int_eq(run("cd %s && head -c 16M disk > head", place), 0);
        seal_to_stage(fd, "disk", true, 5, secret);
        stop_svdm(SIGKILL);
        close(fd);
        start_svdm();
        fd = connect_svdm();
        ck_assert_int_eq(ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 4)->written, 0);
        ck_assert_int_eq(ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 5)->written, 0);
        close(fd);
        ck_assert_int_eq(
                run("cd %s && head -c 16M disk | cmp - head && test -z \"$(ls svdm | grep -v "
                    "'^lock$\\|^slot-key$')\"",
                    place),
                0);
}
END_TEST

START_TEST(committed_seal_is_completed_after_kill)
{
        char secret[32];
        int fd = connect_svdm();

        make_image("disk", 32);
        seal_to_stage(fd, "disk", true, 5, secret);
        stop_svdm(SIGKILL);
        close(fd);
        start_svdm();
        fd = connect_svdm();
        ck_assert_int_eq(ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 5)->written, 1);
        close(fd);
        ck_assert_int_eq(opens_with_derived_key("disk", secret), 0);
}
END_TEST

static struct digest digest_of_disk(const char *name)
{
        static uint8_t bytes[32 << 20];
        int fd = open(in_place(name), O_RDONLY);
        ssize_t n = io_read_at(fd, bytes, sizeof bytes, 0);

        ck_assert_int_ge(n, 0);
        close(fd);
        return digest_of(HASH_SHA256, bytes, (size_t)n);
}

/* Before --format writes to a disk it says so, and to no other disk and at no other time does it
 * write; whoever is not there to be told has nothing written. */
START_TEST(what_is_written_before_a_commit_is_told)
{
        enum { FORMAT, ADOPT, NOT_THERE };
        const struct digest nothing = {0};
        struct digest before;
        struct svdm_prepare_rep *p;
        int fd = connect_svdm(), ends[2], authority = pipe_with("x", 1);
        char told[16] = "";
        enum status s;
        bool same;

        signal(SIGPIPE, SIG_IGN);
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        if (_i == ADOPT)
                make_luks("disk", "x");
        else
                make_image("disk", 32);
        before = digest_of_disk("disk");
        ck_assert(!digest_equal(&before, &nothing));
        OPEN(fd, &vm, ST_DONE, "disk");
        if (_i == NOT_THERE)
                close(ends[0]);
        p = TRY(fd, svdm_prepare, &s, .written = ends[1], .format = _i != ADOPT,
                .authority_kind = _i == ADOPT ? AUTHORITY_PASSPHRASE : AUTHORITY_NONE,
                .authority = _i == ADOPT ? authority : -1);
        close(ends[1]);
        ck_assert_int_eq(s, _i == NOT_THERE ? ST_CANCELLED : ST_DONE);
        if (_i != NOT_THERE)
                ck_assert_int_eq(io_read(ends[0], told, sizeof told), _i == FORMAT ? 5 : 0);
        ck_assert_str_eq(told, _i == FORMAT ? "xvda\n" : "");
        same = digest_equal(&before, &(struct digest[]){digest_of_disk("disk")}[0]);
        ck_assert_int_eq(same, _i != FORMAT);
        if (!s)
                close(p->secret);
        close(authority);
        close(fd);
}
END_TEST

START_TEST(others_cannot_drop_a_seal_under_way)
{
        char secret[32];
        int fd = connect_svdm(), other = connect_svdm();

        make_image("disk", 32);
        seal_to_stage(fd, "disk", true, 1, secret);
        ASK(other, svdm_settle, ST_BUSY, .vm = vm, OWN, .generation = 0);
        ck_assert_int_eq(ASK(other, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 1)->written,
                         1);
        close(fd);
        close(other);
}
END_TEST

/* Between stage and settle the owner's own tool wrote the header, or another disk came. */
static const struct meddling {
        const char *command;
        enum status expected;
} meddlings[] = {
        {"printf x > k; printf y | cryptsetup luksAddKey -q --pbkdf pbkdf2 "
         "--pbkdf-force-iterations 1000 --disable-locks --key-file k disk -",
         ST_CHANGED},
        {"truncate -s 48M disk", ST_CHANGED},
        {"cp disk new; printf '\\x00' | dd of=new bs=1 seek=3 conv=notrunc status=none; "
         "mv new disk",
         ST_CHANGED},
        {"mv disk away; ln -s away disk", ST_REFUSED},
        {"rm disk", ST_NOT_FOUND},
};

START_TEST(settle_refuses_a_stranger)
{
        const struct meddling *m = &meddlings[_i];
        struct svdm_prepare_rep *p;
        int fd = connect_svdm(), authority = pipe_with("x", 1);

        make_luks("disk", "x");
        OPEN(fd, &vm, ST_DONE, "disk");
        p = ASK(fd, svdm_prepare, ST_DONE, .written = -1, .authority_kind = AUTHORITY_PASSPHRASE,
                .authority = authority);
        close(p->secret);
        close(authority);
        ASK(fd, svdm_stage, ST_DONE, .generation = 1);
        ck_assert_int_eq(run("cd %s && cp --sparse=always disk kept && %s", place, m->command), 0);
        ASK(fd, svdm_settle, m->expected, .vm = vm, OWN, .generation = 1);
        /* put back, it is completed */
        ck_assert_int_eq(run("cd %s && rm -f disk && cp --sparse=always kept disk", place), 0);
        ck_assert_int_eq(ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 1)->written, 1);
        close(fd);
}
END_TEST

/* Device letters exchanged over a power cut: another disk of that size whose first sectors are
 * blank too, as those of ext4 and btrfs are, or one whose header is half written. */
static const struct meddling blank_meddlings[] = {
        {"truncate -s 32M new; printf x | dd of=new bs=1 seek=1080 conv=notrunc status=none; "
         "mv new disk",
         ST_CHANGED},
        {"truncate -s 32M new; printf x | dd of=new bs=1 seek=65600 conv=notrunc status=none; "
         "mv new disk",
         ST_CHANGED},
        {"truncate -s 32M new; dd if=full of=new bs=4096 skip=8 seek=8 count=3 conv=notrunc "
         "status=none; mv new disk",
         ST_DONE},
};

START_TEST(settle_knows_a_blank_disk_again)
{
        const struct meddling *m = &blank_meddlings[_i];
        char secret[32];
        int fd = connect_svdm(), again;

        make_image("disk", 32);
        seal_to_stage(fd, "disk", true, 1, secret);
        ck_assert_int_eq(run("cd %s && cp -r svdm staged && cp --sparse=always disk kept", place),
                         0);
        ck_assert_int_eq(ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 1)->written, 1);
        close(fd);
        stop_svdm(SIGTERM);
        ck_assert_int_eq(
                run("cd %s && mv disk full && cp --sparse=always kept disk && "
                    "cp staged/journal-* staged/header-* svdm && %s && sha256sum disk >sum",
                    place, m->command),
                0);
        start_svdm();
        again = connect_svdm();
        ASK(again, svdm_settle, m->expected, .vm = vm, OWN, .generation = 1);
        if (m->expected)
                ck_assert_int_eq(run("cd %s && sha256sum --quiet -c sum && mv kept disk", place),
                                 0);
        ASK(again, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 1);
        ck_assert_int_eq(opens_with_derived_key("disk", secret), 0);
        close(again);
}
END_TEST

/* As whoever had the disk could: a journal of the right generation that also writes to the data
 * behind the header. */
static void forge_journal(struct digest *genuine)
{
        static const uint8_t data[] = "over the data";
        struct buffer b = BUFFER_INIT(STATE_MOST);
        int dir;
        char uuid[37], name[PATH_MAX];
        struct bytes runs;
        struct journal j;
        bool found;

        snprintf(name, sizeof name, "%s/svdm", place);
        dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(dir, 0);
        ck_assert_int_eq(journal_load(dir, &vm, a, &found, &j, genuine), ST_DONE);
        ck_assert(found);
        ck_assert_int_eq(journal_runs(dir, &j, 0, a, &runs), ST_DONE);
        buffer_add(&b, runs.data, runs.len);
        buffer_u64(&b, 20 << 20);
        buffer_u32(&b, sizeof data);
        buffer_add(&b, data, sizeof data);
        j.disks.items[0].runs = digest_of(HASH_SHA256, b.data, b.len);
        uuid_write(&vm, uuid);
        snprintf(name, sizeof name, "header-%s-0", uuid);
        ck_assert_int_eq(state_write(dir, name, &state_kind_header, buffer_bytes(&b)), ST_DONE);
        snprintf(name, sizeof name, "journal-%s", uuid);
        ck_assert_int_eq(state_write_record(dir, name, &state_kind_journal, &j), ST_DONE);
        buffer_clear(&b);
        close(dir);
}

START_TEST(a_forged_journal_is_not_written)
{
        struct digest genuine, none = {0};
        int fd = connect_svdm(), authority = pipe_with("x", 1);
        struct svdm_prepare_rep *p;

        make_luks("disk", "x");
        OPEN(fd, &vm, ST_DONE, "disk");
        p = ASK(fd, svdm_prepare, ST_DONE, .written = -1, .authority_kind = AUTHORITY_PASSPHRASE,
                .authority = authority);
        close(p->secret);
        close(authority);
        genuine = ASK(fd, svdm_stage, ST_DONE, .generation = 1)->journal;
        ck_assert_int_eq(run("cd %s && sha256sum disk > sum", place), 0);
        forge_journal(&none);
        ck_assert(digest_equal(&genuine, &none));
        ASK(fd, svdm_settle, ST_DAMAGED, .vm = vm, OWN, .generation = 1, .journal = genuine);
        ck_assert(strstr(error_last()->found, "another one"));
        ASK(fd, svdm_settle, ST_DAMAGED, .vm = vm, OWN, .generation = 1);
        ck_assert(strstr(error_last()->found, "behind the header"));
        ck_assert_int_eq(run("cd %s && sha256sum --quiet -c sum", place), 0);
        close(fd);
}
END_TEST

/* No seal names the journal of generation 0, nor does a former version's: it may be for any disk.
 */
START_TEST(a_journal_for_another_vms_disk_is_not_written)
{
        char secret[32];
        int fd = connect_svdm();

        make_image("disk", 32);
        make_image("others", 32);
        seal_to_stage(fd, "others", true, 0, secret);
        ck_assert_int_eq(run("cd %s && sha256sum disk others > sum", place), 0);
        ASK(fd, svdm_settle, ST_DAMAGED, .vm = vm, OWN, .generation = 0);
        ck_assert(strstr(error_last()->found, in_place("others")));
        ck_assert_int_eq(run("cd %s && sha256sum --quiet -c sum", place), 0);
        close(fd);
}
END_TEST

START_TEST(order_is_kept)
{
        char secret[32] = {0};
        int fd = connect_svdm();

        ASK(fd, svdm_prepare, ST_WRONG_STATE, .written = -1, .authority = -1);
        ASK(fd, svdm_stage, ST_WRONG_STATE, .generation = 1);
        ASK(fd, svdm_key_pipe, ST_WRONG_STATE, );
        ASK(fd, svdm_unlock, ST_WRONG_STATE, );
        ASK(fd, svdm_check, ST_WRONG_STATE, );
        ASK(fd, svdm_keep, ST_WRONG_STATE, );
        make_image("disk", 32);
        OPEN(fd, &vm, ST_DONE, "disk");
        OPEN(fd, &vm, ST_WRONG_STATE, "disk");
        ASK(fd, svdm_unlock, ST_WRONG_STATE, );
        ASK(fd, svdm_keep, ST_WRONG_STATE, );
        unlock(fd, secret, ST_REFUSED); /* a plain disk is not started */
        close(fd);
}
END_TEST

START_TEST(targets_and_status)
{
        struct svdm_open_target_rep *t;
        struct svdm_open_attested_rep *attested;
        struct svdm_status_rep *st;
        int fd = connect_svdm();
        struct stat info;

        make_luks("disk", "x");
        t = ASK(fd, svdm_open_target, ST_DONE, .path = in_place("disk"));
        ck_assert(t->disk.encrypted);
        ck_assert_int_eq(fcntl(t->disk.file, F_GETFL) & O_ACCMODE, O_RDONLY);
        ck_assert_int_eq(fcntl(t->disk.header, F_GETFL) & O_ACCMODE, O_RDONLY);
        ck_assert_int_eq(fcntl(t->disk.header, F_GET_SEALS),
                         F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
        ck_assert_int_eq(fstat(t->disk.header, &info), 0);
        ck_assert_int_eq(info.st_size, 16 << 20);
        close(t->disk.file);
        close(t->disk.header);
        ASK(fd, svdm_open_target, ST_REFUSED, .path = "/proc/version");
        ASK(fd, svdm_open_target, ST_REFUSED, .path = "/dev/zero");
        ASK(fd, svdm_open_target, ST_INVALID, .path = "disk");
        ASK(fd, svdm_open_attested, ST_REFUSED, .path = "/dev/zero");
        attested = ASK(fd, svdm_open_attested, ST_DONE, .path = in_place("disk"));
        close(attested->disk.file);
        close(attested->disk.header);
        st = ASK(fd, svdm_status, ST_DONE, );
        ck_assert_msg(strstr(st->facts.items[0].value, "simulated"), "%s",
                      st->facts.items[0].value);
        close(fd);
}
END_TEST

/* --- deaths -------------------------------------------------------------------------------- */

static pid_t child_of(pid_t parent)
{
        char command[64];
        FILE *f;
        int pid = 0;

        snprintf(command, sizeof command, "pgrep -P %d", (int)parent);
        f = popen(command, "r");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(fscanf(f, "%d", &pid), 1);
        pclose(f);
        return pid;
}

/* The job that opens targets lives on, and so does svdm when it does not. */
START_TEST(targets_are_opened_by_another_job_when_one_died)
{
        int fd = connect_svdm(), other = connect_svdm();
        struct svdm_open_target_rep *t;
        pid_t worker = child_of(daemon_pid);
        char command[64];

        make_image("disk", 32);
        for (int i = 0; i < 3; i++) {
                t = ASK(i == 1 ? other : fd, svdm_open_target, ST_DONE, .path = in_place("disk"));
                close(t->disk.file);
                snprintf(command, sizeof command, "pkill -KILL -P %d", (int)worker);
                ck_assert_int_eq(system(command), 0);
                usleep(100 * 1000);
        }
        close(fd);
        close(other);
}
END_TEST

START_TEST(a_dead_job_hurts_its_operation_only)
{
        int fd = connect_svdm(), other = connect_svdm();
        enum status s;

        make_image("disk", 32);
        make_image("other", 32);
        OPEN(fd, &vm, ST_DONE, "disk");
        ck_assert_int_eq(kill(child_of(child_of(daemon_pid)), SIGKILL), 0);
        TRY(fd, svdm_check, &s, );
        ck_assert_int_eq(s, ST_WORKER);
        OPEN(other, &other_vm, ST_DONE, "other");
        close(fd);
        OPEN(connect_svdm(), &vm, ST_DONE, "disk");
        close(other);
}
END_TEST

START_TEST(without_its_worker_svdm_ends)
{
        int how;

        ck_assert_int_eq(kill(child_of(daemon_pid), SIGKILL), 0);
        ck_assert_int_eq(waitpid(daemon_pid, &how, 0), daemon_pid);
        ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 3);
        start_svdm();
}
END_TEST

/* What a seal's client knew when svdm was killed under it. */
struct known {
        char secret[32];
        bool staged;
};

static void seal_until_killed(int fd, struct known *known)
{
        struct wanted_device d = {
                .name = "xvda", .path = in_place("disk"), .writable = true, .kind = "crypt"};
        int authority = pipe_with("x", 1);
        struct svdm_prepare_rep *p;
        enum status s;

        TRY(fd, svdm_open, &s, .vm = vm, .devices = {&d, 1});
        if (s)
                return;
        p = TRY(fd, svdm_prepare, &s, .written = -1, .authority_kind = AUTHORITY_PASSPHRASE,
                .authority = authority);
        if (s)
                return;
        read_secret(p->secret, known->secret);
        TRY(fd, svdm_stage, &s, .generation = 1);
        known->staged = !s;
        if (!s)
                TRY(fd, svdm_settle, &s, .vm = vm, OWN, .generation = 1);
}

enum { KILLS = 16, KILL_STEP_US = 12000 };

START_TEST(killed_at_any_time)
{
        struct known known = {0};
        pid_t killer;
        int fd;

        make_luks("disk", "x");
        fd = connect_svdm();
        killer = fork();
        if (!killer) {
                usleep((useconds_t)(_i * KILL_STEP_US));
                kill(daemon_pid, SIGKILL);
                _exit(0);
        }
        seal_until_killed(fd, &known);
        ck_assert_int_eq(waitpid(killer, NULL, 0), killer);
        waitpid(daemon_pid, NULL, 0);
        close(fd);
        start_svdm();
        fd = connect_svdm();
        ASK(fd, svdm_settle, ST_DONE, .vm = vm, OWN, .generation = 1);
        close(fd);
        if (known.staged)
                ck_assert_int_eq(opens_with_derived_key("disk", known.secret), 0);
        ck_assert_int_eq(run("printf x | " OPENS_IT "--key-file=- %s", in_place("disk")), 0);
        ck_assert_int_eq(run("test -z \"$(ls %s/svdm | grep journal)\"", place), 0);
}
END_TEST

START_TEST(secret_is_in_no_file)
{
        char secret[32], hex[65];
        int fd = connect_svdm();

        make_image("disk", 32);
        seal_to_stage(fd, "disk", true, 1, secret);
        hex_write(hex, (uint8_t *)secret, 32);
        ck_assert_int_eq(run("ls %s/svdm | grep -q header && python3 -c \""
                             "import sys,glob;s=bytes.fromhex('%s');"
                             "sys.exit(any(s in open(f,'rb').read() for f in "
                             "glob.glob('%s/svdm/*')))\"",
                             place, hex, place),
                         0);
        close(fd);
}
END_TEST

START_TEST(other_back_ends_are_refused)
{
        static const char *const asked[] = {"--devices dm", ""};

        for (size_t i = 0; i < 2; i++) {
                ck_assert_int_eq(run("%s/svdm --run %s --state %s --libexec %s %s 2> %s", bin,
                                     place, place, bin, asked[i], in_place("said")),
                                 3);
                ck_assert_int_eq(run("grep -q 'dm needs root' %s", in_place("said")), 0);
        }
        ck_assert_int_eq(run("%s/device_worker 2> %s", bin, in_place("said")), 3);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("svdm");
        TCase *c = tcase_create("svdm");

        tcase_add_checked_fixture(c, set_up, tear_down);
        tcase_set_timeout(c, 120);
        tcase_add_test(c, formats_unlocks_keeps_releases);
        tcase_add_test(c, a_disk_goes_and_comes);
        tcase_add_test(c, formats_with_a_passphrase_for_recovery);
        tcase_add_test(c, unkept_is_undone);
        tcase_add_test(c, adopts_and_replaces_its_own_slot_only);
        tcase_add_loop_test(c, refuses_bad_disks, 0, sizeof bad_disks / sizeof *bad_disks);
        tcase_add_test(c, refuses_one_disk_twice);
        tcase_add_loop_test(c, refuses_bad_seals, 0, sizeof bad_seals / sizeof *bad_seals);
        tcase_add_loop_test(c, check_sees_changes, 0, sizeof changes / sizeof *changes);
        tcase_add_test(c, boot_files_are_copies_that_many_share);
        tcase_add_loop_test(c, refuses_bad_kernels, 0, sizeof bad_kernels / sizeof *bad_kernels);
        tcase_add_test(c, uncommitted_seal_leaves_disk_alone);
        tcase_add_test(c, committed_seal_is_completed_after_kill);
        tcase_add_loop_test(c, what_is_written_before_a_commit_is_told, 0, 3);
        tcase_add_test(c, others_cannot_drop_a_seal_under_way);
        tcase_add_loop_test(c, settle_refuses_a_stranger, 0, sizeof meddlings / sizeof *meddlings);
        tcase_add_loop_test(c, settle_knows_a_blank_disk_again, 0,
                            sizeof blank_meddlings / sizeof *blank_meddlings);
        tcase_add_test(c, a_forged_journal_is_not_written);
        tcase_add_test(c, a_journal_for_another_vms_disk_is_not_written);
        tcase_add_test(c, order_is_kept);
        tcase_add_test(c, targets_and_status);
        tcase_add_test(c, targets_are_opened_by_another_job_when_one_died);
        tcase_add_test(c, a_dead_job_hurts_its_operation_only);
        tcase_add_test(c, without_its_worker_svdm_ends);
        tcase_add_loop_test(c, killed_at_any_time, 0, KILLS);
        tcase_add_test(c, secret_is_in_no_file);
        tcase_add_test(c, other_back_ends_are_refused);
        suite_add_tcase(s, c);
        return s;
}

/* The programs lie beside the test; nobody may not look into the folder they are in, so they are
 * copied to the test's place. */
static void prepare_place(const char *self)
{
        static char template[240];
        const char *tmp = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
        char folder[PATH_MAX], base[200];

        snprintf(folder, sizeof folder, "%s", self);
        *strrchr(folder, '/') = 0;
        snprintf(base, sizeof base, "%s/svdm-XXXXXX", tmp);
        if (!mkdtemp(base) || !realpath(base, bin) ||
            run("cp %s/svdm %s/device_worker %s/content_worker %s && chmod 711 %s", folder, folder,
                folder, bin, bin)) {
                fprintf(stderr, "cannot copy svdm and its workers from %s\n", folder);
                exit(3);
        }
        if (!getuid() && (chown(bin, NOBODY, NOBODY) || setgroups(0, NULL) || setgid(NOBODY) ||
                          setuid(NOBODY))) {
                perror("becoming nobody");
                exit(3);
        }
        snprintf(template, sizeof template, "%.200s/place-XXXXXX", bin);
        setenv("SVDM_TEST_PLACE", template, 1);
}

int main(int argc, char **argv)
{
        SRunner *runner;
        int failed;

        (void)argc;
        umask(022);
        prepare_place(argv[0]);
        runner = srunner_create(suite());
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        run("rm -rf %s", bin);
        return failed ? 1 : 0;
}
