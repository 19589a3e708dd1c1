/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated hypervisor keeps the rules of a real one, and its domains outlive its processes. */
#include "compartment-mgr/domain/domain.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct domain_backend *const sim = &domain_sim;
static struct arena *a;
static char folder[512];
static struct uuid one, two;

static struct vm_config config_of(const struct uuid *uuid)
{
        return (struct vm_config){.uuid = *uuid,
                                  .name = "vm",
                                  .type = "pvh",
                                  .cmdline = "",
                                  .memory = 64,
                                  .maxmem = 64,
                                  .vcpus = 1,
                                  .maxvcpus = 1,
                                  .on_poweroff = "destroy",
                                  .on_reboot = "restart",
                                  .on_crash = "destroy"};
}

static void begin(void)
{
        const char *base = getenv("TMPDIR");

        snprintf(folder, sizeof folder, "%s/bulkhead-sim-XXXXXX", base ? base : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        a = arena_new();
        one = uuid_random();
        two = uuid_random();
        ck_assert_int_eq(sim->open(folder), ST_DONE);
}

static void end(void)
{
        char command[600];

        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        ck_assert_int_eq(system(command), 0);
        arena_free(a);
}

static enum status create(const struct uuid *uuid, uint32_t *domid_out)
{
        struct block_device device = {"xvda", "/dev/mapper/x", true, 0};
        struct domain_create_req q = {.config = config_of(uuid), .kernel = -1, .ramdisk = -1};

        q.devices.items = &device;
        q.devices.count = 1;
        return sim->create(&q, a, domid_out);
}

static enum status unpause(const struct uuid *uuid)
{
        struct domain_unpause_req q = {.config = config_of(uuid)};

        return sim->unpause(&q, a);
}

static enum status stop(const struct uuid *uuid)
{
        bool clean = false;
        enum status s = sim->stop(uuid, 60, a, &clean);

        ck_assert(s || clean);
        return s;
}

/* NULL if there is no such domain. */
static const char *state_of(const struct uuid *uuid)
{
        struct domain_state *domains;
        size_t count;

        ck_assert_int_eq(sim->list(a, &domains, &count), ST_DONE);
        for (size_t i = 0; i < count; i++) {
                ck_assert(domains[i].ours);
                ck_assert_uint_eq(domains[i].memory, 64 << 20);
                if (!memcmp(&domains[i].uuid, uuid, sizeof *uuid))
                        return domain_phase_word(domains[i].phase);
        }
        return NULL;
}

START_TEST(a_life)
{
        uint32_t domid;

        ck_assert_ptr_null(state_of(&one));
        ck_assert_int_eq(create(&one, &domid), ST_DONE);
        ck_assert_str_eq(state_of(&one), "paused");
        ck_assert_int_eq(unpause(&one), ST_DONE);
        ck_assert_str_eq(state_of(&one), "running");
        ck_assert_int_eq(unpause(&one), ST_WRONG_STATE);
        ck_assert_int_eq(stop(&one), ST_DONE);
        ck_assert_ptr_null(state_of(&one));
        ck_assert_int_eq(stop(&one), ST_NOT_FOUND);
        ck_assert_int_eq(sim->destroy(&one, a), ST_NOT_FOUND);
        ck_assert_int_eq(unpause(&one), ST_NOT_FOUND);
}
END_TEST

/* Each field of the configuration is compared. */
#define CHANGES                                                                                    \
        CHANGE(name, "vn")                                                                         \
        CHANGE(type, "hvm")                                                                        \
        CHANGE(cmdline, "x")                                                                       \
        CHANGE(memory, 65)                                                                         \
        CHANGE(maxmem, 65)                                                                         \
        CHANGE(vcpus, 2)                                                                           \
        CHANGE(maxvcpus, 2)                                                                        \
        CHANGE(on_crash, "preserve")
#define CHANGE(field, value)                                                                       \
        static void change_##field(struct vm_config *c)                                            \
        {                                                                                          \
                c->field = value;                                                                  \
        }
CHANGES
#undef CHANGE
#define CHANGE(field, value) change_##field,
static void (*const changes[])(struct vm_config *) = {CHANGES};

START_TEST(another_configuration_stays_paused)
{
        struct domain_unpause_req q = {.config = config_of(&one)};
        uint32_t domid;

        ck_assert_int_eq(create(&one, &domid), ST_DONE);
        changes[_i](&q.config);
        ck_assert_int_eq(sim->unpause(&q, a), ST_CHANGED);
        ck_assert_str_eq(state_of(&one), "paused");
        ck_assert_int_eq(unpause(&one), ST_DONE);
}
END_TEST

START_TEST(another_disk_stays_paused)
{
        struct domain_unpause_req q = {.config = config_of(&one)};
        struct disk disk = {"xvda", "/d", true, "crypt"};
        uint32_t domid;

        ck_assert_int_eq(create(&one, &domid), ST_DONE);
        q.config.disks.items = &disk;
        q.config.disks.count = 1;
        ck_assert_int_eq(sim->unpause(&q, a), ST_CHANGED);
        ck_assert_str_eq(state_of(&one), "paused");
}
END_TEST

START_TEST(suspended_and_resumed)
{
        uint32_t domid;

        ck_assert_int_eq(sim->suspend(&one, a), ST_NOT_FOUND);
        ck_assert_int_eq(create(&one, &domid), ST_DONE);
        ck_assert_int_eq(sim->suspend(&one, a), ST_WRONG_STATE);
        ck_assert_int_eq(unpause(&one), ST_DONE);
        ck_assert_int_eq(sim->resume(&one, a), ST_WRONG_STATE);
        ck_assert_int_eq(sim->suspend(&one, a), ST_DONE);
        ck_assert_str_eq(state_of(&one), "paused");
        ck_assert_int_eq(sim->resume(&one, a), ST_DONE);
        ck_assert_str_eq(state_of(&one), "running");
        ck_assert_int_eq(stop(&one), ST_DONE);
}
END_TEST

START_TEST(saved_and_woken)
{
        struct domain_save_req q = {.uuid = one, .memory = {"memory", "sim:/image", true, 0}};
        uint32_t domid;

        ck_assert_int_eq(sim->save(&q, a), ST_NOT_FOUND);
        ck_assert_int_eq(create(&one, &domid), ST_DONE);
        ck_assert_int_eq(sim->save(&q, a), ST_WRONG_STATE);
        ck_assert_int_eq(unpause(&one), ST_DONE);
        ck_assert_int_eq(sim->save(&q, a), ST_DONE);
        ck_assert_str_eq(state_of(&one), "shutdown");
        ck_assert_int_eq(sim->save(&q, a), ST_WRONG_STATE);
        ck_assert_int_eq(sim->resume(&one, a), ST_DONE); /* it was not destroyed */
        ck_assert_str_eq(state_of(&one), "running");
        ck_assert_int_eq(sim->save(&q, a), ST_DONE);
        ck_assert_int_eq(sim->destroy(&one, a), ST_DONE);
        ck_assert_int_eq(create(&one, &domid), ST_DONE);
        ck_assert_str_eq(state_of(&one), "paused");
        ck_assert_int_eq(stop(&one), ST_DONE);
}
END_TEST

/* Comparing alone lets nothing run. */
START_TEST(compared_and_still_paused)
{
        struct domain_unpause_req q = {.config = config_of(&one), .compare = true};
        uint32_t domid;

        ck_assert_int_eq(create(&one, &domid), ST_DONE);
        ck_assert_int_eq(sim->unpause(&q, a), ST_DONE);
        ck_assert_str_eq(state_of(&one), "paused");
        q.config.vcpus++;
        ck_assert_int_eq(sim->unpause(&q, a), ST_CHANGED);
        ck_assert_int_eq(stop(&one), ST_DONE);
}
END_TEST

static size_t devices_of(const struct uuid *uuid, const char **first_out)
{
        struct device_state *devices;
        size_t count;

        ck_assert_int_eq(sim->devices(uuid, a, &devices, &count), ST_DONE);
        *first_out = count ? devices[0].device : "";
        return count;
}

static enum status attach(const char *device)
{
        struct block_device disk = {"xvda", "/dev/mapper/x", true, 0};
        struct nic nic = {"vif0", "xenbr0", "00:16:3e:00:00:01"};
        struct domain_attach_req q = {.config = config_of(&one), .device = device};

        q.config.nics.items = &nic;
        q.config.nics.count = 1;
        q.devices.items = &disk;
        q.devices.count = !strcmp(device, "xvda");
        return sim->attach(&q, a);
}

START_TEST(devices_come_and_go)
{
        char command[700], text[37];
        const char *first;
        uint32_t domid;

        ck_assert_int_eq(create(&one, &domid), ST_DONE);
        ck_assert_int_eq(attach("vif0"), ST_WRONG_STATE); /* it does not run */
        ck_assert_int_eq(unpause(&one), ST_DONE);
        ck_assert_int_eq(attach("xvda"), ST_EXISTS);
        uuid_write(&one, text);
        snprintf(command, sizeof command, "echo xvda > '%s/holds-%s'", folder, text);
        ck_assert_int_eq(system(command), 0);
        ck_assert_int_eq(sim->detach(&one, "xvda", a), ST_TIMEOUT);
        ck_assert_uint_eq(devices_of(&one, &first), 1);
        snprintf(command, sizeof command, "rm '%s/holds-%s'", folder, text);
        ck_assert_int_eq(system(command), 0);
        ck_assert_int_eq(sim->detach(&one, "xvda", a), ST_DONE);
        ck_assert_int_eq(sim->detach(&one, "xvda", a), ST_NOT_FOUND);
        ck_assert_int_eq(attach("vif0"), ST_DONE);
        ck_assert_uint_eq(devices_of(&one, &first), 1);
        ck_assert_str_eq(first, "vif0");
        ck_assert_int_eq(sim->detach(&one, "vif0", a), ST_DONE);
        ck_assert_int_eq(attach("xvda"), ST_DONE);
        ck_assert_uint_eq(devices_of(&one, &first), 1);
        ck_assert_str_eq(first, "xvda");
        ck_assert_int_eq(attach("xvdq"), ST_INVALID);
}
END_TEST

START_TEST(one_domain_a_uuid)
{
        uint32_t first, second, third;

        ck_assert_int_eq(create(&one, &first), ST_DONE);
        ck_assert_int_eq(create(&one, &second), ST_EXISTS);
        ck_assert_int_eq(create(&two, &second), ST_DONE);
        ck_assert_uint_gt(second, first);
        ck_assert_int_eq(sim->destroy(&two, a), ST_DONE);
        ck_assert_int_eq(create(&two, &third), ST_DONE);
        ck_assert_uint_gt(third, second); /* never used again */
}
END_TEST

static void play(const char *kind, const char *name, const char *text)
{
        const char *path = arena_print(a, "%s/%s-%s", folder, kind, name);
        FILE *f = fopen(path, "w");

        ck_assert_ptr_nonnull(f);
        fputs(text, f);
        ck_assert_int_eq(fclose(f), 0);
}

static const char *const endings[] = {"poweroff", "reboot", "crash"};

START_TEST(a_guest_ends_by_itself)
{
        struct domain_state *domains;
        char uuid[37];
        uint32_t domid;
        size_t count;

        uuid_write(&one, uuid);
        ck_assert_int_eq(create(&one, &domid), ST_DONE);
        ck_assert_int_eq(unpause(&one), ST_DONE);
        play("guest", uuid, arena_print(a, "%s\n", endings[_i]));
        ck_assert_int_eq(sim->list(a, &domains, &count), ST_DONE);
        ck_assert_uint_eq(count, 1);
        ck_assert_int_eq(domains[0].phase, DOMAIN_SHUTDOWN);
        ck_assert_str_eq(domain_reason_word(domains[0].reason), endings[_i]);
        ck_assert_int_eq(sim->destroy(&one, a), ST_DONE);
        ck_assert_int_eq(create(&one, &domid), ST_DONE); /* the next life begins well */
        ck_assert_str_eq(state_of(&one), "paused");
        play("guest", uuid, "gone");
        ck_assert_ptr_null(state_of(&one));
        ck_assert_int_eq(unpause(&one), ST_NOT_FOUND);
        ck_assert_int_eq(create(&one, &domid), ST_DONE);
}
END_TEST

START_TEST(others_have_domains_too)
{
        struct domain_state *domains;
        size_t count;

        play("foreign", "theirs", "11111111-2222-4333-8444-555555555555\n");
        play("foreign", "nothing", "");
        ck_assert_int_eq(sim->list(a, &domains, &count), ST_DONE);
        ck_assert_uint_eq(count, 1);
        ck_assert_str_eq(domains[0].name, "theirs");
        ck_assert(!domains[0].ours);
}
END_TEST

START_TEST(a_wait_ends_with_each_change)
{
        char byte;
        int fds[2], r;
        pid_t child;
        uint32_t domid;

        ck_assert_int_eq(pipe(fds), 0);
        child = fork();
        if (!child) {
                for (int i = 0; i < 2; i++)
                        if (sim->wait(a) || write(fds[1], "x", 1) != 1)
                                _exit(1);
                _exit(0);
        }
        ck_assert_int_eq(read(fds[0], &byte, 1), 1); /* the first at once */
        ck_assert_int_eq(create(&one, &domid), ST_DONE);
        ck_assert_int_eq(read(fds[0], &byte, 1), 1);
        ck_assert_int_eq(waitpid(child, &r, 0), child);
        ck_assert_int_eq(r, 0);
}
END_TEST

START_TEST(outlives_its_process)
{
        uint32_t domid;
        int r;
        pid_t child = fork();

        if (!child) {
                if (create(&one, &domid) || unpause(&one))
                        _exit(1);
                raise(SIGKILL);
        }
        ck_assert_int_eq(waitpid(child, &r, 0), child);
        ck_assert(WIFSIGNALED(r));
        ck_assert_int_eq(sim->open(folder), ST_DONE);
        ck_assert_str_eq(state_of(&one), "running");
        ck_assert_int_eq(create(&two, &domid), ST_DONE);
        ck_assert_uint_eq(domid, 2);
}
END_TEST

START_TEST(many_at_once_have_one_winner)
{
        enum { CHILDREN = 20 };
        int winners = 0, r;

        for (int i = 0; i < CHILDREN; i++)
                if (!fork()) {
                        uint32_t domid;
                        enum status s = create(&one, &domid);

                        _exit(s == ST_DONE ? 0 : s == ST_EXISTS ? 1 : 2);
                }
        for (int i = 0; i < CHILDREN; i++) {
                ck_assert_int_gt(wait(&r), 0);
                ck_assert(WIFEXITED(r) && WEXITSTATUS(r) < 2);
                winners += !WEXITSTATUS(r);
        }
        ck_assert_int_eq(winners, 1);
}
END_TEST

/* Looking at the domains never hurts one that is just being built. */
START_TEST(listing_disturbs_nobody)
{
        enum { ROUNDS = 30 };
        int r;
        pid_t child = fork();

        if (!child)
                for (;;) {
                        struct domain_state *domains;
                        size_t count;

                        if (sim->list(a, &domains, &count))
                                _exit(1);
                        arena_empty(a);
                        usleep(100); /* locks are not fair */
                }
        for (int i = 0; i < ROUNDS; i++) {
                uint32_t domid;

                ck_assert_int_eq(create(&one, &domid), ST_DONE);
                ck_assert_int_eq(unpause(&one), ST_DONE);
                ck_assert_int_eq(sim->destroy(&one, a), ST_DONE);
        }
        ck_assert_int_eq(waitpid(child, &r, WNOHANG), 0);
        kill(child, SIGKILL);
        waitpid(child, &r, 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("domain_sim");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, begin, end);
        tcase_add_test(t, a_life);
        tcase_add_loop_test(t, another_configuration_stays_paused, 0,
                            sizeof changes / sizeof *changes);
        tcase_add_test(t, another_disk_stays_paused);
        tcase_add_test(t, suspended_and_resumed);
        tcase_add_test(t, saved_and_woken);
        tcase_add_test(t, compared_and_still_paused);
        tcase_add_test(t, devices_come_and_go);
        tcase_add_test(t, one_domain_a_uuid);
        tcase_add_loop_test(t, a_guest_ends_by_itself, 0, 3);
        tcase_add_test(t, others_have_domains_too);
        tcase_add_test(t, a_wait_ends_with_each_change);
        tcase_add_test(t, outlives_its_process);
        tcase_add_test(t, many_at_once_have_one_winner);
        tcase_add_test(t, listing_disturbs_nobody);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
