/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions are durable, an operation on a VM is alone, and others are told which one it is. */
#include "compartment-mgr/vm_table.h" /* to start with an empty table again */
#include "compartment-mgr/work.h"
#include "tests/fault/fault.h"
#include "tests/fault/folder.h"

#include "lib/component.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <check.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct arena *a;
static char folder[512];
static int dir = -1, events;
static char last_event[256];

static void changed(const struct vm_definition *vm, enum vm_state state, const char *why)
{
        snprintf(last_event, sizeof last_event, "%s %s %s", vm->name, vm_state_word(state), why);
        events++;
}

/* As after a restart of the daemon. */
static void open_again(void)
{
        for (size_t i = 0; i < vm_table.count; i++)
                compartment_free(vm_table.vms[i]);
        free(vm_table.vms);
        free(vm_table.damaged);
        vm_table.vms = NULL;
        vm_table.damaged = NULL;
        vm_table.count = vm_table.damaged_count = 0;
        ck_assert_int_eq(compartments_open(dir, true, changed), ST_DONE);
}

static void begin(void)
{
        const char *base = getenv("TMPDIR");

        snprintf(folder, sizeof folder, "%s/bulkhead-vms-XXXXXX", base ? base : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(state_folder(folder, &dir), ST_DONE);
        a = arena_new();
        open_again();
        events = 0;
}

static void end(void)
{
        char command[600];

        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        ck_assert_int_eq(system(command), 0);
        close(dir);
        arena_free(a);
}

static const struct principal alice = {PRINCIPAL_USER, "1001"}, bob = {PRINCIPAL_USER, "1002"};

static enum status define(const char *name, struct vm_summary *summary_out)
{
        static struct disk disk = {"xvda", "/dev/vg/x", true, "crypt"};
        struct vm_definition d = {.uuid = uuid_random(),
                                  .name = name,
                                  .owner = alice,
                                  .config = {(const uint8_t *)"{}", 2},
                                  .last_refusal = ""};

        d.disks.items = &disk;
        d.disks.count = 1;
        return compartment_define(&d, a, summary_out);
}

START_TEST(survives_a_restart)
{
        struct vm_definition d;
        struct vm_summary v, again;
        struct compartment *c;
        char uuid[37];

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(v.state, VM_STOPPED);
        ck_assert_int_eq(compartment_claim("db1", "test", &principal_self, &c), ST_DONE);
        ck_assert_int_eq(compartment_set_generation(c, 7), ST_DONE);
        compartment_release(c);
        open_again();
        uuid_write(&v.uuid, uuid);
        ck_assert_int_eq(compartment_find(uuid, a, &d, &again), ST_DONE);
        ck_assert_str_eq(again.name, "db1");
        ck_assert(principal_is(&again.owner, &alice));
        ck_assert_uint_eq(again.generation, 7);
        ck_assert(again.simulated);
        ck_assert(principal_is(&d.owner, &alice));
        ck_assert_uint_eq(d.disks.count, 1);
        ck_assert_str_eq(d.disks.items[0].path, "/dev/vg/x");
        ck_assert_mem_eq(d.config.data, "{}", 2);
}
END_TEST

START_TEST(names_and_uuids_are_taken_once)
{
        struct vm_definition same = {.name = "other", .owner = alice, .last_refusal = ""};
        struct vm_summary v;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        same.uuid = v.uuid;
        ck_assert_int_eq(define("db1", &v), ST_EXISTS);
        ck_assert_int_eq(compartment_define(&same, a, &v), ST_EXISTS);
        ck_assert_uint_eq(compartments_count(&(size_t){0}), 1);
}
END_TEST

START_TEST(an_operation_is_alone)
{
        struct compartment *c, *other;
        struct work_under_way *work;
        struct vm_summary v;
        char remedy[64];

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "start", &principal_self, &c), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "stop", &principal_self, &other), ST_BUSY);
        ck_assert_ptr_nonnull(
                strstr(error_last()->found, "start is under way, for self, since 0 s"));
        snprintf(remedy, sizeof remedy, "bulkhead cancel %llu",
                 (unsigned long long)work_number(c->work));
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, remedy));
        ck_assert_uint_eq(works_list(a, &work), 1);
        ck_assert_str_eq(work[0].vm, "db1");
        ck_assert_str_eq(work[0].operation, "start");
        ck_assert_int_eq(work[0].asker.kind, PRINCIPAL_SELF);
        ck_assert_ptr_null(other);
        ck_assert(strstr(error_last()->found, "start"));
        ck_assert_int_eq(compartment_claim("nobody", "stop", &principal_self, &other),
                         ST_NOT_FOUND);
        compartment_release(c);
        ck_assert_uint_eq(works_list(a, &work), 0);
        ck_assert_int_eq(compartment_claim("db1", "stop", &principal_self, &other), ST_DONE);
        compartment_release(other);
}
END_TEST

static void *ask(void *begun)
{
        struct compartment *c;
        enum status s;

        sem_post(begun);
        s = compartment_claim("db1", "stop", &alice, &c);
        if (!s)
                compartment_release(c);
        return (void *)(uintptr_t)s;
}

/* As after a restart, which clears up first. */
START_TEST(what_the_daemon_does_itself_is_waited_for)
{
        struct compartment *c;
        struct vm_summary v;
        pthread_t asker;
        void *answer;
        sem_t begun;

        sem_init(&begun, 0, 0);
        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "clearing up", &principal_self, &c), ST_DONE);
        ck_assert_int_eq(pthread_create(&asker, NULL, ask, &begun), 0);
        sem_wait(&begun);
        usleep(100 * 1000); /* it comes to its wait, or the test shows less */
        compartment_release(c);
        pthread_join(asker, &answer);
        ck_assert_int_eq((int)(uintptr_t)answer, ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "clearing up", &principal_self, &c), ST_DONE);
        compartment_set_state(c, VM_UNKNOWN, "");
        ck_assert_int_eq((int)(uintptr_t)ask(&begun), ST_BUSY); /* at once */
        compartment_release(c);
}
END_TEST

static int holders, most_holders, winners;

static void *compete(void *unused)
{
        struct compartment *c;

        (void)unused;
        for (int i = 0; i < 200; i++) {
                int now;

                if (compartment_claim("db1", "test", &principal_self, &c))
                        continue;
                now = __atomic_add_fetch(&holders, 1, __ATOMIC_SEQ_CST);
                if (now > __atomic_load_n(&most_holders, __ATOMIC_SEQ_CST))
                        __atomic_store_n(&most_holders, now, __ATOMIC_SEQ_CST);
                __atomic_add_fetch(&winners, 1, __ATOMIC_SEQ_CST);
                __atomic_sub_fetch(&holders, 1, __ATOMIC_SEQ_CST);
                compartment_release(c);
        }
        return NULL;
}

START_TEST(many_at_once)
{
        pthread_t threads[20];
        struct vm_summary v;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        for (size_t i = 0; i < 20; i++)
                ck_assert_int_eq(pthread_create(&threads[i], NULL, compete, NULL), 0);
        for (size_t i = 0; i < 20; i++)
                pthread_join(threads[i], NULL);
        ck_assert_int_eq(most_holders, 1);
        ck_assert_int_gt(winners, 0);
}
END_TEST

START_TEST(states_are_told)
{
        struct compartment *c;
        struct vm_summary v;
        size_t running;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "start", &principal_self, &c), ST_DONE);
        ck_assert_int_eq(compartment_must_be(c, VM_RUNNING, ""), ST_WRONG_STATE);
        compartment_set_state(c, VM_RUNNING, "why");
        compartment_set_state(c, VM_RUNNING, "again");
        ck_assert_int_eq(events, 1);
        ck_assert_str_eq(last_event, "db1 running why");
        ck_assert_int_eq(compartment_must_be(c, VM_RUNNING, ""), ST_DONE);
        ck_assert_uint_eq(compartments_count(&running), 1);
        ck_assert_uint_eq(running, 1);
        compartment_release(c);
}
END_TEST

START_TEST(a_refusal_is_kept_without_what_was_expected)
{
        struct compartment *c;
        struct vm_definition d;
        struct vm_summary v;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "start", &principal_self, &c), ST_DONE);
        compartment_set_refusal(
                c, FAIL(ST_CHANGED, .subject = "disk:/x", .expected = "hidden", .found = "beef"));
        ck_assert_int_eq(error_last()->status, ST_CHANGED);
        ck_assert_str_eq(error_last()->expected, "hidden");
        compartment_release(c);
        open_again();
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
        ck_assert_str_eq(v.last_refusal, "disk:/x: not what was sealed (found beef)");
        ck_assert_int_eq(compartment_claim("db1", "start", &principal_self, &c), ST_DONE);
        compartment_set_refusal(c, ST_DONE);
        compartment_release(c);
        open_again();
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
        ck_assert_str_eq(v.last_refusal, "");
}
END_TEST

/* A name that is no UTF-8, or is cut in the midst of a character, can still be kept and sent. */
START_TEST(a_refusal_is_always_text)
{
        static const char *const found[] = {"\xfe\xff M-|", "\xed\xa0\x80", "\xc3",
                                            "\xc3\xa4\x1b["};
        static const char *const kept[] = {"?? M-|", "???", "?", "\xc3\xa4?["};
        struct compartment *c;
        struct vm_definition d;
        struct vm_summary v;
        char much[400];

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "start", &principal_self, &c), ST_DONE);
        for (size_t i = 0; i < 4; i++) {
                compartment_set_refusal(c, FAIL(ST_CHANGED, .found = found[i]));
                ck_assert_str_eq(error_last()->found, kept[i]);
                open_again();
                ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
                ck_assert(strstr(v.last_refusal, kept[i]));
                ck_assert_int_eq(compartment_claim("db1", "start", &principal_self, &c), ST_DONE);
        }
        for (size_t i = 0; i < sizeof much - 1; i++)
                much[i] = i % 2 ? '\xa4' : '\xc3';
        much[sizeof much - 1] = 0;
        FAIL(ST_CHANGED, .found = much);
        ck_assert_uint_eq(strlen(error_last()->found), 254);
        ck_assert_mem_eq(error_last()->found, much, 254);
}
END_TEST

START_TEST(undefined_is_gone)
{
        struct compartment *c;
        struct vm_definition d;
        struct vm_summary v;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(define("db2", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "undefine", &principal_self, &c), ST_DONE);
        ck_assert_int_eq(compartment_undefine(c), ST_DONE);
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_NOT_FOUND);
        open_again();
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_NOT_FOUND);
        ck_assert_int_eq(compartment_find("db2", a, &d, &v), ST_DONE);
}
END_TEST

START_TEST(remembers_its_domain_for_this_boot)
{
        struct vm_summary v;
        struct compartment *c;
        char name[64];
        const char *old = "00000000-0000-4000-8000-000000000000 7";

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "test", &principal_self, &c), ST_DONE);
        ck_assert_uint_eq(compartment_domain(c), 0);
        ck_assert_int_eq(compartment_set_domain(c, 0), ST_DONE);
        ck_assert_int_eq(compartment_set_domain(c, 7), ST_DONE);
        open_again();
        ck_assert_int_eq(compartment_claim("db1", "test", &principal_self, &c), ST_DONE);
        ck_assert_uint_eq(compartment_domain(c), 7);
        ck_assert_int_eq(state_write(dir, vm_table_beside(c, "domain", name), &state_kind_vm_domain,
                                     (struct bytes){(const uint8_t *)old, strlen(old)}),
                         ST_DONE);
        ck_assert_uint_eq(compartment_domain(c), 0); /* another boot's */
        ck_assert_int_eq(compartment_set_domain(c, 8), ST_DONE);
        ck_assert_int_eq(compartment_set_domain(c, 0), ST_DONE);
        ck_assert_uint_eq(compartment_domain(c), 0);
}
END_TEST

START_TEST(remembers_its_memory)
{
        struct vm_summary v;
        struct compartment *c;
        char name[64];

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "test", &principal_self, &c), ST_DONE);
        ck_assert_str_eq(compartment_memory(c), "");
        ck_assert_int_eq(compartment_at_rest(c), VM_STOPPED);
        ck_assert_int_eq(compartment_set_memory(c, "/image"), ST_DONE);
        ck_assert_int_eq(compartment_at_rest(c), VM_HIBERNATING);
        open_again();
        ck_assert_int_eq(compartment_claim("db1", "test", &principal_self, &c), ST_DONE);
        ck_assert_int_eq(compartment_state(c), VM_HIBERNATING);
        ck_assert_str_eq(compartment_memory(c), "/image");
        /* Damaged, it starts afresh. */
        ck_assert_int_eq(state_write(dir, vm_table_beside(c, "memory", name), &state_kind_vm_memory,
                                     (struct bytes){(const uint8_t *)"x", 1}),
                         ST_DONE);
        open_again();
        ck_assert_int_eq(compartment_claim("db1", "test", &principal_self, &c), ST_DONE);
        ck_assert_int_eq(compartment_state(c), VM_STOPPED);
        ck_assert_int_eq(compartment_set_memory(c, "/image"), ST_DONE);
        ck_assert_int_eq(compartment_set_memory(c, ""), ST_DONE);
        open_again();
        ck_assert_int_eq(compartment_claim("db1", "test", &principal_self, &c), ST_DONE);
        ck_assert_int_eq(compartment_state(c), VM_STOPPED);
}
END_TEST

START_TEST(a_guest_restarts_too_fast)
{
        struct vm_summary v;
        struct compartment *c;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "test", &principal_self, &c), ST_DONE);
        compartment_began(c, false, 1000000);
        ck_assert(!compartment_restarts_too_fast(c, 1000001));
        compartment_began(c, true, 1000000);
        ck_assert(compartment_restarts_too_fast(c, 1019999));
        ck_assert(!compartment_restarts_too_fast(c, 1020000));
}
END_TEST

static int releases;

static void released(void)
{
        releases++;
}

START_TEST(changes_and_releases_are_told)
{
        uint64_t before = compartments_changes();
        struct vm_summary v;
        struct compartment *c;

        compartments_on_release(released);
        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_uint_ne(compartments_changes(), before);
        ck_assert_int_eq(compartment_claim("db1", "test", &principal_self, &c), ST_DONE);
        before = compartments_changes();
        compartment_set_state(c, VM_STOPPED, "");
        ck_assert_uint_eq(compartments_changes(), before);
        compartment_set_state(c, VM_STARTING, "");
        ck_assert_uint_ne(compartments_changes(), before);
        ck_assert_int_eq(releases, 0);
        compartment_release(c);
        ck_assert_int_eq(releases, 1);
        compartments_on_release(NULL);
}
END_TEST

START_TEST(owners_have_vms)
{
        struct vm_summary v;
        char uuid[37];

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        uuid_write(&v.uuid, uuid);
        ck_assert(compartment_owned_by("db1", &alice));
        ck_assert(compartment_owned_by(uuid, &alice));
        ck_assert(!compartment_owned_by("db1", &bob));
        ck_assert(!compartment_owned_by("db2", &alice));
        ck_assert(!compartment_owned_by("db1", &(struct principal){PRINCIPAL_CERTIFICATE, "1001"}));
        ck_assert(!compartment_owned_by("db1", &principal_nobody));
}
END_TEST

START_TEST(owners_have_paths)
{
        struct vm_summary v;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert(compartment_owns_path("/dev/vg/x", &alice));
        ck_assert(!compartment_owns_path("/dev/vg/x", &bob));
        ck_assert(!compartment_owns_path("/dev/vg/y", &alice));
}
END_TEST

START_TEST(disks_have_components)
{
        char component[COMPONENT_VM];
        struct vm_summary v, other;
        const char *id;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        id = compartment_disk_at("/dev/vg/x", a);
        ck_assert_str_eq(component_parent(a, id), component_vm(&v.uuid, component));
        ck_assert_str_eq(component_name(a, id), "xvda");
        ck_assert_ptr_null(compartment_disk_at("/dev/vg/y", a));
        ck_assert_int_eq(define("db2", &other), ST_DONE);
        ck_assert_str_eq(compartment_disk_at("/dev/vg/x", a), COMPONENT_VMS);
}
END_TEST

/* What a version without principals kept. */
static void keep_as_version_2(const char *name, const char *owner, uint32_t owner_uid)
{
        static const struct state_kind version_2 = {"vm", 2, &shape_vm_definition_2, NULL, 0};
        const struct vm_definition_2 d = {.uuid = uuid_random(),
                                          .name = name,
                                          .owner = owner,
                                          .owner_uid = owner_uid,
                                          .config = {(const uint8_t *)"{}", 2},
                                          .last_refusal = ""};
        char uuid[37];

        uuid_write(&d.uuid, uuid);
        ck_assert_int_eq(state_write_record(dir, uuid, &version_2, &d), ST_DONE);
}

START_TEST(owners_of_version_2_are_principals)
{
        static const struct principal tenant = {PRINCIPAL_CERTIFICATE, "tenant"};
        struct vm_definition d;
        struct vm_summary v;

        keep_as_version_2("db1", "alice", 1001);
        keep_as_version_2("db2", "tenant", 0xffffffff);
        for (int i = 0; i < 2; i++) { /* the second time as written anew */
                open_again();
                ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
                ck_assert(principal_is(&d.owner, &alice));
                ck_assert_int_eq(compartment_find("db2", a, &d, &v), ST_DONE);
                ck_assert(principal_is(&d.owner, &tenant));
        }
}
END_TEST

START_TEST(the_claim_knows_for_whom)
{
        struct compartment *c;
        struct vm_summary v;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "start", &bob, &c), ST_DONE);
        ck_assert(principal_is(compartment_asker(c), &bob));
        compartment_release(c);
        ck_assert_int_eq(compartment_claim("db1", "follow", &principal_self, &c), ST_DONE);
        ck_assert(principal_is(compartment_asker(c), &principal_self));
        compartment_release(c);
}
END_TEST

START_TEST(a_damaged_definition_is_named)
{
        struct vm_definition d;
        struct vm_summary v, other, *damaged;
        size_t count;
        char uuid[37];
        int fd;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(define("db2", &other), ST_DONE);
        uuid_write(&v.uuid, uuid);
        fd = openat(dir, uuid, O_WRONLY);
        ck_assert_int_eq(pwrite(fd, "x", 1, 100), 1);
        close(fd);
        open_again();
        ck_assert_int_eq(compartment_find("db1", a, &d, &other), ST_NOT_FOUND);
        ck_assert_int_eq(compartment_find("db2", a, &d, &other), ST_DONE);
        compartments_damaged(a, &damaged, &count);
        ck_assert_uint_eq(count, 1);
        ck_assert_str_eq(damaged->name, uuid);
        ck_assert_int_eq(damaged->state, VM_DAMAGED);
        ck_assert_ptr_nonnull(strstr(damaged->last_refusal, uuid));
        ck_assert_int_eq(compartment_find(uuid, a, &d, &other), ST_DAMAGED);
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, "backup"));
        d = (struct vm_definition){.uuid = v.uuid,
                                   .name = "db1",
                                   .owner = alice,
                                   .config = {(const uint8_t *)"{}", 2},
                                   .last_refusal = ""};
        ck_assert_int_eq(compartment_define(&d, a, &v), ST_DONE);
        compartments_damaged(a, &damaged, &count);
        ck_assert_uint_eq(count, 0);
        open_again();
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
}
END_TEST

/* integrity-mgr cannot give out the key: everything is shown, and nothing is done. */
START_TEST(what_is_in_doubt_is_shown_and_left_alone)
{
        static const uint8_t key[STATE_KEY_SIZE] = {1};
        struct compartment *c;
        struct vm_definition d;
        struct vm_summary v;
        struct error why;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        state_use_key(dir, key, true);
        ck_assert_int_eq(compartments_sign(), ST_DONE);
        state_forget_keys();
        FAIL(ST_NOT_APPROVED, .subject = "the state of this host", .remedy = "approve it");
        why = *error_last();
        compartments_doubt(&why);
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
        ck_assert_int_eq(v.state, VM_UNKNOWN);
        ck_assert_int_eq(v.owner.kind, PRINCIPAL_NOBODY);
        ck_assert_int_eq(compartment_claim("db1", "start", &principal_self, &c), ST_NOT_APPROVED);
        ck_assert_str_eq(error_last()->remedy, "approve it");
        ck_assert_int_eq(define("db2", &v), ST_NOT_APPROVED);
        state_use_key(dir, key, false);
        ck_assert_int_eq(compartments_read(), ST_DONE);
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
        ck_assert_int_eq(v.state, VM_STOPPED);
        ck_assert_int_eq(v.owner.kind, PRINCIPAL_USER);
        ck_assert_int_eq(compartment_claim("db1", "start", &principal_self, &c), ST_DONE);
        compartment_release(c);
        state_forget_keys();
}
END_TEST

/* Somebody who has the disk gives a VM another owner, with a good checksum. */
START_TEST(an_edited_definition_is_named)
{
        static const uint8_t key[STATE_KEY_SIZE] = {1};
        struct vm_definition d;
        struct vm_summary v, other, *damaged;
        struct compartment *c;
        size_t count;
        char uuid[37];

        state_use_key(dir, key, false);
        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(define("db2", &other), ST_DONE);
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
        uuid_write(&v.uuid, uuid);
        d.owner.name = "4711";
        state_forget_keys();
        ck_assert_int_eq(state_write_record(dir, uuid, &state_kind_vm, &d), ST_DONE);
        state_use_key(dir, key, false);
        open_again();
        ck_assert_int_eq(compartment_find(uuid, a, &d, &v), ST_DAMAGED);
        ck_assert_int_eq(compartment_claim(uuid, "start", &principal_self, &c), ST_DAMAGED);
        compartments_damaged(a, &damaged, &count);
        ck_assert_uint_eq(count, 1);
        ck_assert(strstr(damaged->last_refusal, "MAC"));
        ck_assert_int_eq(compartment_find("db2", a, &d, &v), ST_DONE);
        ck_assert_int_eq(v.state, VM_STOPPED);
        state_forget_keys();
}
END_TEST

/* What is signed at the first start is also the definition that a VM is to have next; an edited one
 * does not count. */
START_TEST(a_staged_definition_is_signed)
{
        static const uint8_t key[STATE_KEY_SIZE] = {1};
        struct vm_definition d;
        struct vm_summary v;
        struct compartment *c;
        char name[64];

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db1", "define", &principal_self, &c), ST_DONE);
        d = *compartment_definition(c);
        d.name = "db9";
        d.generation = 2;
        ck_assert_int_eq(compartment_stage(c, &d), ST_DONE);
        vm_table_beside(c, "next", name);
        compartment_release(c);
        open_again();
        state_use_key(dir, key, true);
        ck_assert_int_eq(compartments_sign(), ST_DONE);
        state_use_key(dir, key, false);
        open_again();
        ck_assert_int_eq(vm_table.count, 1);
        ck_assert_ptr_nonnull(vm_table.vms[0]->next_arena);
        ck_assert_str_eq(vm_table.vms[0]->next.name, "db9");
        d = vm_table.vms[0]->next;
        state_forget_keys();
        ck_assert_int_eq(state_write_record(dir, name, &state_kind_vm_next, &d), ST_DONE);
        state_use_key(dir, key, false);
        open_again();
        ck_assert_int_eq(vm_table.count, 1);
        ck_assert_ptr_null(vm_table.vms[0]->next_arena);
        state_forget_keys();
}
END_TEST

static bool has_mac(const char *vm)
{
        struct vm_definition d;
        struct vm_summary v;
        struct state_content content;
        char uuid[37];

        ck_assert_int_eq(compartment_find(vm, a, &d, &v), ST_DONE);
        uuid_write(&d.uuid, uuid);
        ck_assert_int_eq(state_load(dir, uuid, &state_kind_vm, a, &content), ST_DONE);
        return content.mac;
}

/* One is being worked on, the file of another's domain is damaged. */
START_TEST(one_vm_keeps_no_other_from_its_macs)
{
        static const uint8_t key[STATE_KEY_SIZE] = {1};
        struct compartment *busy, *c;
        struct vm_summary v;
        char name[64];
        int fd;

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(define("db2", &v), ST_DONE);
        ck_assert_int_eq(define("db3", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("db2", "start", &principal_self, &c), ST_DONE);
        fd = openat(dir, vm_table_beside(c, "domain", name), O_WRONLY | O_CREAT, 0600);
        ck_assert_int_eq(write(fd, "?", 1), 1);
        close(fd);
        compartment_release(c);
        ck_assert_int_eq(compartment_claim("db1", "start", &principal_self, &busy), ST_DONE);
        state_use_key(dir, key, true);
        ck_assert_int_eq(compartments_sign(), ST_BUSY);
        ck_assert(!has_mac("db1"));
        ck_assert(has_mac("db2"));
        ck_assert(has_mac("db3"));
        compartment_release(busy);
        ck_assert_int_eq(compartments_sign(), ST_DONE);
        ck_assert(has_mac("db1"));
        state_use_key(dir, key, false);
        open_again();
        ck_assert_uint_eq(vm_table.count, 3);
        ck_assert_uint_eq(vm_table.damaged_count, 0);
        state_forget_keys();
}
END_TEST

START_TEST(what_says_another_vm_or_nobody_is_left_out)
{
        struct vm_definition d;
        struct vm_summary v;
        char uuid[37], other[37];

        ck_assert_int_eq(define("db1", &v), ST_DONE);
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
        uuid_write(&d.uuid, uuid);
        uuid_write(&(struct uuid){{1}}, other);
        ck_assert_int_eq(renameat(dir, uuid, dir, other), 0);
        open_again();
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_NOT_FOUND);
        ck_assert_int_eq(renameat(dir, other, dir, uuid), 0);
        open_again();
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
        d.owner = (struct principal){PRINCIPAL_USER, "x"};
        ck_assert_int_eq(state_write_record(dir, uuid, &state_kind_vm, &d), ST_DONE);
        open_again();
        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_NOT_FOUND);
}
END_TEST

/* --- files of other versions (tests/data/state/README.md) ------------------------------------ */

#define KEPT_VM "0f0e0d0c-0b0a-4908-8706-050403020100"

static void copy_kept(const char *file, const char *name)
{
        int data = open("tests/data/state", O_RDONLY | O_DIRECTORY);
        size_t len;
        unsigned char *bytes = folder_read(data, file, &len);

        folder_write(dir, name, bytes, len);
        free(bytes);
        close(data);
}

START_TEST(what_an_older_version_wrote_is_read)
{
        struct vm_definition d;
        struct vm_summary v;
        struct compartment *c;
        char kind[STATE_KIND_SIZE];
        uint32_t version;

        copy_kept("vm-2", KEPT_VM);
        copy_kept("vm_memory-1", "memory-" KEPT_VM);
        open_again();
        ck_assert_int_eq(compartment_find("web", a, &d, &v), ST_DONE);
        ck_assert(principal_is(&v.owner, &(struct principal){PRINCIPAL_USER, "0"}));
        ck_assert_int_eq(v.state, VM_HIBERNATING);
        ck_assert(v.autostart);
        ck_assert_uint_eq(d.disks.count, 2);
        ck_assert_int_eq(compartment_claim("web", "test", &principal_self, &c), ST_DONE);
        ck_assert_str_eq(compartment_memory(c), "/srv/bulkhead/state/svdm/memory-" KEPT_VM ".img");
        compartment_release(c);
        ck_assert(state_peek(dir, KEPT_VM, kind, &version)); /* and written anew */
        ck_assert_uint_eq(version, state_kind_vm.version);
}
END_TEST

/* Nothing is opened: not even what could be read, for another file may belong to it. */
START_TEST(a_newer_version_is_not_opened)
{
        struct state_kind newer = state_kind_vm_domain;
        unsigned char *before, *after;
        size_t len, len_after;

        newer.version++;
        copy_kept("vm-2", KEPT_VM);
        ck_assert_int_eq(state_write(dir, "domain-" KEPT_VM, &newer, (struct bytes){NULL, 0}),
                         ST_DONE);
        before = folder_read(dir, KEPT_VM, &len);
        ck_assert_int_eq(compartments_open(dir, true, changed), ST_UNSUPPORTED);
        ck_assert_str_eq(error_last()->subject, "state file domain-" KEPT_VM);
        ck_assert_uint_eq(vm_table.count, 0);
        after = folder_read(dir, KEPT_VM, &len_after);
        ck_assert_uint_eq(len, len_after);
        ck_assert_mem_eq(before, after, len);
        free(before);
        free(after);
}
END_TEST

/* --- a definition that is replaced ----------------------------------------------------------- */

/* As integrity-mgr tells of a seal of the next definition. */
static enum status settle(struct compartment *c, uint64_t generation)
{
        const struct im_sealed_rep present = {.known = true,
                                              .generation = generation,
                                              .config = digest_of(HASH_SHA256, "{1}", 3),
                                              .owner = bob};

        return compartment_settle(c, &present);
}

static struct vm_definition present_and_next(struct vm_definition *next)
{
        struct vm_definition d;
        struct vm_summary v;
        struct compartment *c;

        ck_assert_int_eq(define("old", &v), ST_DONE);
        ck_assert_int_eq(compartment_claim("old", "test", &principal_self, &c), ST_DONE);
        ck_assert_int_eq(settle(c, 7), ST_DONE);
        compartment_release(c);
        ck_assert_int_eq(compartment_find("old", a, &d, &v), ST_DONE);
        *next = d;
        next->name = "new";
        next->owner = bob;
        next->config = (struct bytes){(const uint8_t *)"{1}", 3};
        next->generation = 8;
        return d;
}

static struct compartment *claimed(const struct uuid *uuid)
{
        struct compartment *c;
        char text[37];

        uuid_write(uuid, text);
        ck_assert_int_eq(compartment_claim(text, "test", &principal_self, &c), ST_DONE);
        return c;
}

/* Each file that belongs to it is there, and says that one. */
static void is_whole(const struct uuid *uuid, bool new, uint64_t generation)
{
        struct vm_definition d;
        struct vm_summary v;
        char text[37];

        uuid_write(uuid, text);
        ck_assert_int_eq(compartment_find(text, a, &d, &v), ST_DONE);
        ck_assert_str_eq(d.name, new ? "new" : "old");
        ck_assert(principal_is(&d.owner, new ? &bob : &alice));
        ck_assert_uint_eq(d.config.len, new ? 3 : 2);
        ck_assert_uint_eq(d.generation, generation);
}

START_TEST(a_staged_definition_counts_with_its_generation)
{
        struct vm_definition next, d = present_and_next(&next);
        struct vm_summary v;

        ck_assert_int_eq(compartment_stage(claimed(&d.uuid), &next), ST_DONE);
        is_whole(&d.uuid, false, 7);
        ck_assert_int_eq(define("new", &v), ST_EXISTS); /* the name is taken already */
        open_again();
        is_whole(&d.uuid, false, 7);
        ck_assert_int_eq(define("new", &v), ST_EXISTS);
        ck_assert_int_eq(settle(claimed(&d.uuid), _i ? 8 : 7), ST_DONE);
        is_whole(&d.uuid, _i, _i ? 8 : 7);
        open_again();
        is_whole(&d.uuid, _i, _i ? 8 : 7);
        ck_assert_int_eq(define("new", &v), _i ? ST_EXISTS : ST_DONE);
        ck_assert_int_eq(settle(claimed(&d.uuid), 9), ST_DONE);
        is_whole(&d.uuid, _i, 9);
}
END_TEST

/* A staged definition whose seal failed carries a good MAC. Put back under the generation of a
 * later seal it is not what that one is for. */
START_TEST(a_staged_definition_counts_with_its_own_seal_alone)
{
        struct vm_definition next, d = present_and_next(&next);
        struct im_sealed_rep other = {
                .generation = 8, .config = digest_of(HASH_SHA256, "{}", 2), .owner = bob};

        if (_i == 1) {
                other.config = digest_of(HASH_SHA256, "{1}", 3);
                other.owner = alice;
        }
        ck_assert_int_eq(compartment_stage(claimed(&d.uuid), &next), ST_DONE);
        open_again();
        ck_assert_int_eq(compartment_settle(claimed(&d.uuid), &other), ST_DONE);
        is_whole(&d.uuid, false, 8);
        open_again();
        is_whole(&d.uuid, false, 8);
        ck_assert_int_eq(settle(claimed(&d.uuid), 8), ST_DONE); /* it is gone */
        is_whole(&d.uuid, false, 8);
}
END_TEST

START_TEST(a_staged_definition_waits_for_a_record_that_can_be_read)
{
        struct vm_definition next, d = present_and_next(&next);
        struct im_sealed_rep unreadable = {.generation = 8};
        struct compartment *c;

        ck_assert_int_eq(compartment_stage(claimed(&d.uuid), &next), ST_DONE);
        open_again();
        c = claimed(&d.uuid);
        ck_assert_int_eq(compartment_settle(c, &unreadable), ST_DONE);
        is_whole(&d.uuid, false, 8);
        ck_assert_int_eq(settle(c, 8), ST_DONE);
        is_whole(&d.uuid, true, 8);
}
END_TEST

START_TEST(another_vms_name_is_not_given)
{
        struct vm_definition next, d = present_and_next(&next);
        struct vm_summary v;
        struct compartment *c = claimed(&d.uuid);

        ck_assert_int_eq(define("new", &v), ST_DONE);
        ck_assert_int_eq(compartment_stage(c, &next), ST_EXISTS);
        ck_assert_int_eq(compartment_replace(c, &next), ST_EXISTS);
        is_whole(&d.uuid, false, 7);
        next.name = "old";
        ck_assert_int_eq(compartment_replace(c, &next), ST_DONE);
}
END_TEST

/* Killed at the Nth call that changes something on disk, before the seal is committed to (then the
 * old definition counts) or behind that (then the new one). False once no call was left. */
static bool killed_at(unsigned nth, const struct vm_definition *next, uint64_t generation)
{
        pid_t child = fork();
        int r;

        ck_assert_int_ge(child, 0);
        if (!child) {
                struct compartment *c = claimed(&next->uuid);

                fault_arm(nth, FAULT_KILL);
                if (generation == 7)
                        _exit(compartment_stage(c, next) ? 1 : 0);
                _exit(settle(c, generation) ? 1 : 0);
        }
        ck_assert_int_eq(waitpid(child, &r, 0), child);
        ck_assert(WIFEXITED(r) && (WEXITSTATUS(r) == FAULT_EXIT || !WEXITSTATUS(r)));
        return WEXITSTATUS(r) == FAULT_EXIT;
}

START_TEST(killed_while_a_definition_is_replaced)
{
        const uint64_t committed = _i ? 8 : 7;
        bool killed = true;
        unsigned nth;

        for (nth = 1; killed; nth++) {
                struct vm_definition next, d = present_and_next(&next);

                if (_i) {
                        ck_assert_int_eq(compartment_stage(claimed(&d.uuid), &next), ST_DONE);
                        open_again();
                }
                killed = killed_at(nth, &next, committed);
                open_again();
                ck_assert_int_eq(settle(claimed(&d.uuid), committed), ST_DONE);
                is_whole(&d.uuid, _i, committed);
                open_again();
                is_whole(&d.uuid, _i, committed);
                ck_assert_int_eq(compartment_undefine(claimed(&d.uuid)), ST_DONE);
                open_again();
                ck_assert_uint_eq(vm_table.count, 0);
        }
        ck_assert_uint_ge(nth, 5);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("compartment");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, begin, end);
        tcase_add_test(t, survives_a_restart);
        tcase_add_test(t, names_and_uuids_are_taken_once);
        tcase_add_test(t, an_operation_is_alone);
        tcase_add_test(t, what_the_daemon_does_itself_is_waited_for);
        tcase_add_test(t, many_at_once);
        tcase_add_test(t, states_are_told);
        tcase_add_test(t, a_refusal_is_kept_without_what_was_expected);
        tcase_add_test(t, a_refusal_is_always_text);
        tcase_add_test(t, undefined_is_gone);
        tcase_add_test(t, remembers_its_domain_for_this_boot);
        tcase_add_test(t, remembers_its_memory);
        tcase_add_test(t, a_guest_restarts_too_fast);
        tcase_add_test(t, changes_and_releases_are_told);
        tcase_add_test(t, owners_have_vms);
        tcase_add_test(t, owners_have_paths);
        tcase_add_test(t, disks_have_components);
        tcase_add_test(t, owners_of_version_2_are_principals);
        tcase_add_test(t, the_claim_knows_for_whom);
        tcase_add_test(t, a_damaged_definition_is_named);
        tcase_add_test(t, what_is_in_doubt_is_shown_and_left_alone);
        tcase_add_test(t, an_edited_definition_is_named);
        tcase_add_test(t, a_staged_definition_is_signed);
        tcase_add_test(t, one_vm_keeps_no_other_from_its_macs);
        tcase_add_test(t, what_says_another_vm_or_nobody_is_left_out);
        tcase_add_loop_test(t, a_staged_definition_counts_with_its_generation, 0, 2);
        tcase_add_loop_test(t, a_staged_definition_counts_with_its_own_seal_alone, 0, 2);
        tcase_add_test(t, a_staged_definition_waits_for_a_record_that_can_be_read);
        tcase_add_test(t, another_vms_name_is_not_given);
        tcase_add_loop_test(t, killed_while_a_definition_is_replaced, 0, 2);
        tcase_add_test(t, what_an_older_version_wrote_is_read);
        tcase_add_test(t, a_newer_version_is_not_opened);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
