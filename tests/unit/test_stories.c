/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, stop and seal with neighbours that are played here: the order of their requests, and what
 * is left behind when the Nth request fails, for every N. Nothing may be: no domain, no device, no
 * open descriptor; and the first failure is what is told.
 */
#include "compartment-mgr/descriptors.h"
#include "compartment-mgr/current_state.h"
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/facts.h"
#include "compartment-mgr/live.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/component.h"
#include "lib/config.h"
#include "lib/interrupt.h"
#include "measure/measure_run.h"
#include "proof/measurement.h"
#include "lib/state_file.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct workers workers;

/* --- the neighbours ---------------------------------------------------------------------- */

static struct {
        int asked, fail_at;
        bool lose_answer;    /* the failing request was carried out all the same */
        uint16_t away;       /* this request fails from there on */
        int gone_at;         /* whoever asked goes away before that request is answered */
        char order[1024];    /* names of what was asked */
        uint64_t generation; /* integrity-mgr's */
        bool no_table;       /* it knows of no seal at all */
        uint64_t staged;     /* svdm's journal, or 0 */
        uint64_t on_disk;    /* generation of the headers */
        bool made_anew;      /* the seal, when it opens the next time */
        bool xml_dies;       /* after its answer */
        bool domain, running, mapped, kept, clean_stop;
        bool has_disk, has_nic; /* the domain, now */
        bool guest_keeps_disk;
        bool foreign;              /* the domain of that UUID is none of ours */
        bool forced;               /* the guest does not shut itself down */
        enum domain_reason ended;  /* why the domain shut down by itself */
        const char *on_crash;      /* of the configuration */
        bool other_config;         /* svdm opens other files than were asked for */
        const char *checked;       /* the device that the seal has a check for, NULL: none */
        bool with_nic;             /* the configuration has one */
        char state[8192];          /* as integrity-mgr got it for a check */
        char facts[4096];          /* of the VM, as integrity-mgr got them */
        enum descriptor_kind kind; /* of descriptors that the XML worker returns */
        enum authority_kind authority_kind;
        int connection; /* svdm's, as far as it is open */
        /* The memory image: its file, what integrity-mgr knows of it, and as what it is mapped. */
        bool image, image_bound, image_mapped, image_asked, image_new, woken;
        enum { UNTOUCHED, EDITED, STAGED, WRITTEN } without_seal; /* headers without its slots */
        bool unread;      /* integrity-mgr cannot read the record of the seal */
        bool writes;      /* svdm fills a disk that is formatted */
        bool names_disk;  /* svdm finds the disk among those of others */
        bool has_content; /* a disk, as contents[content] says */
        int content;
} world;

static struct target the_targets[] = {
        {.name = "luks:/d", .plugin = "luks", .argument = "/d", .method = "", .pcr = 16},
        {.name = "vm:db1", .plugin = "vm", .argument = "db1", .method = "", .pcr = 16}};
static struct boot_file kernel = {"kernel", "/k"};
static struct disk named[] = {{"xvda", "/d", true, "crypt"}};
static struct nic the_nic = {"vif0", "dmz0", "00:16:3e:00:00:01"};
static struct value hypervisor_says[] = {{"version", "4.17.4"}, {"free-memory", "4096"}};
static struct uuid vm_uuid;

static struct descriptor make_descriptor(enum descriptor_kind kind)
{
        struct descriptor d = {.kind = kind, .key = "", .clean_stop = world.clean_stop};

        static struct device_check check;

        check = (struct device_check){world.checked, {"p", {0}}};
        d.targets.items = the_targets;
        d.targets.count = 2;
        d.checks.items = &check;
        d.checks.count = !!world.checked;
        return d;
}

/* The image last, if that was asked for. */
static struct open_disk *make_disks(struct arena *a)
{
        struct open_disk *d = arena_get_many(a, 3, sizeof *d);

        d[0] = (struct open_disk){.path = world.other_config ? "/other" : "/k",
                                  .boot = true,
                                  .file = memfd_create("kernel", MFD_CLOEXEC | MFD_ALLOW_SEALING),
                                  .header = -1};
        ck_assert_int_eq(write(d[0].file, "kernel", 6), 6);
        ck_assert_int_eq(fcntl(d[0].file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW),
                         0);
        d[1] = (struct open_disk){.path = "/d",
                                  .encrypted = true,
                                  .file = memfd_create("file", MFD_CLOEXEC),
                                  .header = memfd_create("header", MFD_CLOEXEC)};
        return d;
}

static void check_targets(const struct open_target *targets, size_t count)
{
        char component[COMPONENT_VM];

        ck_assert_uint_eq(count, 2);
        ck_assert_int_ge(targets[0].header, 0);
        ck_assert_uint_eq(targets[0].covers, COVERS_HEADER);
        ck_assert_uint_eq(targets[1].covers, COVERS_VM);
        ck_assert_str_eq(targets[1].component, component_vm(&vm_uuid, component));
        ck_assert_int_gt(pread(targets[1].file, world.facts, sizeof world.facts - 1, 0), 0);
        ck_assert_int_lt(write(targets[1].file, "x", 1), 0); /* sealed */
}

static void keep_state(const struct im_device_req *q)
{
        struct buffer text = BUFFER_INIT(sizeof world.state - 1);
        struct document d = document_begin(&text);

        ck_assert_mem_eq(&q->vm, &vm_uuid, sizeof vm_uuid);
        document_open(&d, "projection");
        for (size_t i = 0; i < q->state.count; i++)
                measurement_write(&d, &q->state.items[i]);
        document_close(&d);
        ck_assert_int_eq(document_end(&d), ST_DONE);
        memcpy(world.state, text.data, text.len);
        world.state[text.len] = 0;
        buffer_clear(&text);
}

/* Whoever claimed the VM, or asks for the attestation. */
static const struct principal the_asker = {PRINCIPAL_USER, "1000"};
static const struct principal the_owner = {PRINCIPAL_USER, "0"};

static void carry_out_im(uint16_t number, const void *request, void *reply)
{
        const struct im_seal_req *seal_q = request;
        const struct im_reseal_req *reseal_q = request;

        if (number != MESSAGE_im_sealed && number != MESSAGE_im_status) /* the first field of all */
                ck_assert(principal_is(request, &the_asker));
        if (number == MESSAGE_im_sealed) {
                struct im_sealed_rep *p = reply;

                *p = (struct im_sealed_rep){.known = !world.no_table,
                                            .generation = world.generation,
                                            .owner = principal_nobody};
                p->descriptor = make_descriptor(2);
                if (world.generation && !world.unread)
                        p->descriptor.canonical = (struct bytes){(const uint8_t *)"<seal/>", 7};
        } else if (number == MESSAGE_im_seal) {
                ck_assert_uint_eq(seal_q->generation, world.generation + 1);
                ck_assert_uint_eq(world.staged, seal_q->generation); /* journalled before */
                ck_assert_uint_eq(seal_q->disks.count, 2);
                ck_assert_str_eq(seal_q->name, "db1");
                ck_assert(principal_is(&seal_q->owner, &the_owner));
                check_targets(seal_q->targets.items, seal_q->targets.count);
                world.generation = seal_q->generation;
        } else if (number == MESSAGE_im_forget) {
                ck_assert(!world.running);
                world.generation = 0;
        } else if (number == MESSAGE_im_unseal) {
                const struct im_unseal_req *q = request;

                ck_assert_uint_eq(q->disks.count, 2); /* the image is none of them */
                ck_assert_int_eq(q->memory >= 0, world.image_bound);
                check_targets(q->targets.items, q->targets.count);
                ck_assert(principal_is(&q->owner, &the_owner));
                world.generation += world.made_anew;
                world.made_anew = false;
                ((struct im_unseal_rep *)reply)->generation = world.generation;
        } else if (number == MESSAGE_im_memory) {
                bool bound = ((const struct im_memory_req *)request)->memory >= 0;

                ck_assert(!world.running || !bound); /* a guest that runs wakes from nothing */
                world.image_bound = bound;
        } else if (number == MESSAGE_im_device) {
                keep_state(request);
        } else if (number == MESSAGE_im_reseal) {
                ck_assert(!world.domain && !world.mapped);
                ck_assert_uint_eq(reseal_q->generation, world.generation + 1);
                ck_assert(principal_is(&reseal_q->owner, &the_owner));
                world.generation = reseal_q->generation;
        }
}

static void settle(uint64_t generation)
{
        if (world.staged == generation && generation)
                world.on_disk = generation;
        if (world.without_seal == STAGED)
                world.without_seal = generation ? UNTOUCHED : WRITTEN;
        world.staged = 0;
}

static void add_image(const struct wanted_device *asked, struct open_disk *to, size_t *count)
{
        world.image_new = !strcmp(asked->kind, "memory-new");
        world.image_asked = true;
        ck_assert(world.image);
        ck_assert_str_eq(asked->path, "/memory");
        ck_assert(asked->writable);
        to[(*count)++] = (struct open_disk){
                .path = "/memory",
                .writable = true,
                .file = memfd_create("image", MFD_CLOEXEC),
                .header = world.image_new ? -1 : memfd_create("header", MFD_CLOEXEC)};
}

/* What opens something: false if it is another request. */
static bool carry_out_opening(uint16_t number, const void *request, void *reply, struct arena *a)
{
        if (number == MESSAGE_svdm_open) {
                const struct svdm_open_req *open_q = request;
                struct svdm_open_rep *p = reply;

                if (!strcmp(open_q->devices.items[0].path, "/d")) { /* encrypted ones alone */
                        struct open_disk *d = make_disks(a);

                        close(d[0].file);
                        p->disks.items = d + 1;
                        p->disks.count = 1;
                        return true;
                }
                ck_assert_str_eq(open_q->devices.items[0].path, "/k");
                if (open_q->devices.count >= 2)
                        ck_assert_str_eq(open_q->devices.items[1].path, "/d");
                p->disks.items = make_disks(a);
                p->disks.count = 2;
                if (open_q->devices.count == 3)
                        add_image(&open_q->devices.items[2], p->disks.items, &p->disks.count);
                if (open_q->devices.count == 1) /* the facts of an attestation need no disks */
                        open_disks_close(&p->disks.items[p->disks.count = 1], 1);
        } else if (number == MESSAGE_svdm_look) {
                const struct svdm_look_req *q = request;
                struct svdm_look_rep *p = reply;

                p->disks.items = make_disks(a);
                p->disks.count = 2;
                if (q->devices.count == 3)
                        add_image(&q->devices.items[2], p->disks.items, &p->disks.count);
                else
                        ck_assert(!(*q->device && (world.mapped || world.has_disk)));
                ck_assert(world.domain);
        } else if (number == MESSAGE_svdm_open_target || number == MESSAGE_svdm_open_attested) {
                struct open_disk *d = make_disks(a);

                close(d[0].file);
                if (number == MESSAGE_svdm_open_target)
                        ((struct svdm_open_target_rep *)reply)->disk = d[1];
                else
                        ((struct svdm_open_attested_rep *)reply)->disk = d[1];
        } else {
                return false;
        }
        return true;
}

static void tell_content(struct disk_content_list *to, struct arena *a);

static void carry_out_svdm(uint16_t number, const void *request, void *reply, struct arena *a)
{
        if (carry_out_opening(number, request, reply, a))
                return;
        if (number == MESSAGE_svdm_settle) {
                settle(((const struct svdm_settle_req *)request)->generation);
        } else if (number == MESSAGE_svdm_unmap) {
                ck_assert(!world.has_disk); /* never under a guest's feet */
                ck_assert_str_eq(((const struct svdm_unmap_req *)request)->device, "xvda");
                world.mapped = world.kept = false;
        } else if (number == MESSAGE_svdm_content && world.has_content) {
                tell_content(&((struct svdm_content_rep *)reply)->disks, a);
        } else if (number == MESSAGE_svdm_prepare) {
                struct svdm_prepare_rep *p = reply;

                const struct svdm_prepare_req *q = request;

                world.authority_kind = q->authority_kind;
                ck_assert_int_eq(q->written >= 0, q->format);
                if (q->format && world.writes)
                        ck_assert_int_eq(write(q->written, "xvda\n", 5), 5);
                p->disks.items = make_disks(a);
                p->disks.count = 2;
                p->secret = memfd_create("secret", MFD_CLOEXEC);
        } else if (number == MESSAGE_svdm_slots) {
                static struct key_slot slots[] = {{.slot = 1, .kind = KEY_SLOT_PASSPHRASE}};
                static struct disk_slots disk = {
                        .device = "xvda", .path = "/d", .tokens = "", .unread = ""};

                disk.slots.items = slots;
                disk.slots.count = 1;
                ((struct svdm_slots_rep *)reply)->disks.items = &disk;
                ((struct svdm_slots_rep *)reply)->disks.count = 1;
        } else if (number == MESSAGE_svdm_edit) {
                ((struct svdm_edit_rep *)reply)->disks.count = 0;
                world.without_seal = EDITED;
        } else if (number == MESSAGE_svdm_stage) {
                world.staged = ((const struct svdm_stage_req *)request)->generation;
                if (!world.staged && world.without_seal == EDITED)
                        world.without_seal = STAGED;
        } else if (number == MESSAGE_svdm_key_pipe) {
                ((struct svdm_key_pipe_rep *)reply)->secret = memfd_create("key", MFD_CLOEXEC);
        } else if (number == MESSAGE_svdm_unlock) {
                static struct block_device both[] = {{"xvda", "/dev/x", true, 0},
                                                     {"memory", "/dev/m", true, 9}};
                struct svdm_unlock_rep *p = reply;

                p->devices.items = world.running ? both + world.image_new : both;
                p->devices.count = 1 + (world.image_asked && !world.running);
                p->memory = world.image_new ? memfd_create("header", MFD_CLOEXEC) : -1;
                world.image_mapped = world.image_asked;
                world.mapped = true;
        } else if (number == MESSAGE_svdm_memory) {
                const struct svdm_memory_req *q = request;
                struct svdm_memory_rep *p = reply;

                ck_assert(!world.image_bound); /* what counts is not removed */
                world.image = q->size > 0;
                world.image_mapped = false;
                p->path = q->size ? "/memory" : "";
        } else if (number == MESSAGE_svdm_keep) {
                world.kept = true;
        } else if (number == MESSAGE_svdm_release) {
                ck_assert(!world.domain); /* never under a domain's feet */
                world.mapped = world.kept = false;
        }
}

static void list_domains(struct domain_list_rep *p)
{
        static struct domain_state d;

        d = (struct domain_state){.uuid = vm_uuid,
                                  .name = "db1",
                                  .domid = 7,
                                  .ours = !world.foreign,
                                  .phase = world.ended     ? DOMAIN_SHUTDOWN
                                           : world.running ? DOMAIN_RUNNING
                                                           : DOMAIN_PAUSED,
                                  .reason = world.ended};
        p->domains.items = &d;
        p->domains.count = world.domain || world.foreign;
}

static void list_devices(struct domain_devices_rep *p)
{
        static struct device_state d[2];

        p->devices.items = d;
        p->devices.count = 0;
        if (world.has_disk)
                d[p->devices.count++] = (struct device_state){"xvda", "", true, ""};
        if (world.has_nic)
                d[p->devices.count++] = (struct device_state){"vif0", "", true, ""};
}

static void play_attach(const struct domain_attach_req *q)
{
        const bool disk = !strcmp(q->device, "xvda");

        ck_assert(world.domain && world.running);
        ck_assert_uint_eq(q->devices.count, disk);
        ck_assert(!disk || (world.mapped && world.kept)); /* kept before the guest has it */
        *(disk ? &world.has_disk : &world.has_nic) = true;
}

static enum status detach_device(const char *device)
{
        bool *has = strcmp(device, "xvda") ? &world.has_nic : &world.has_disk;

        if (!*has)
                return FAIL(ST_NOT_FOUND, .subject = "device");
        if (has == &world.has_disk && world.guest_keeps_disk)
                return FAIL(ST_TIMEOUT, .subject = "guest");
        *has = false;
        return ST_DONE;
}

static void check_create(const struct domain_create_req *q)
{
        char text[7] = "";

        ck_assert(world.mapped);
        world.woken = *q->memory.path;
        ck_assert_int_eq(world.woken, world.image_bound);
        ck_assert(!world.woken || (world.image_mapped && q->memory.node == 9));
        ck_assert_int_eq(pread(q->kernel, text, 6, 0), 6);
        ck_assert_str_eq(text, "kernel");
        ck_assert_int_eq(q->ramdisk, -1);
}

static enum status carry_out_worker(uint16_t number, const void *request, void *reply)
{
        if (number == MESSAGE_xml_descriptor) {
                ((struct xml_descriptor_rep *)reply)->descriptor = make_descriptor(world.kind);
        } else if (number == MESSAGE_config_parse) {
                struct vm_config *c = &((struct config_parse_rep *)reply)->config;

                *c = (struct vm_config){.name = "db1",
                                        .memory = 64,
                                        .maxmem = 64,
                                        .on_poweroff = "destroy",
                                        .on_reboot = "restart",
                                        .on_crash = world.on_crash};
                c->boot = (struct boot_file_list){&kernel, 1};
                c->disks = (struct disk_list){named, 1};
                c->nics.items = &the_nic;
                c->nics.count = world.with_nic;
        } else if (number == MESSAGE_domain_hypervisor) {
                struct domain_hypervisor_rep *p = reply;

                p->facts.items = hypervisor_says;
                p->facts.count = sizeof hypervisor_says / sizeof *hypervisor_says;
        } else if (number == MESSAGE_domain_list) {
                list_domains(reply);
        } else if (number == MESSAGE_domain_create) {
                if (world.foreign)
                        return FAIL(ST_EXISTS, .subject = "domain");
                check_create(request);
                world.domain = world.has_disk = true;
                world.has_nic = world.with_nic;
                world.ended = REASON_NONE;
        } else if (number == MESSAGE_domain_devices) {
                list_devices(reply);
        } else if (number == MESSAGE_domain_attach) {
                play_attach(request);
        } else if (number == MESSAGE_domain_detach) {
                return detach_device(((const struct domain_detach_req *)request)->device);
        } else if (number == MESSAGE_domain_unpause) {
                ck_assert(world.kept);
                if (((const struct domain_unpause_req *)request)->compare)
                        return ST_DONE;
                ck_assert(!world.image_bound && !world.image); /* it wakes once */
                world.running = true;
        } else if (number == MESSAGE_domain_save) {
                ck_assert(world.image_mapped && world.running);
                ck_assert_str_eq(((const struct domain_save_req *)request)->memory.path, "/dev/m");
                world.running = false;
                world.ended = REASON_SUSPEND;
        } else if (number == MESSAGE_domain_resume) {
                if (world.running)
                        return FAIL(ST_WRONG_STATE, .subject = "domain");
                ck_assert(world.domain);
                world.running = true;
                world.ended = REASON_NONE;
        } else if (number == MESSAGE_domain_stop || number == MESSAGE_domain_destroy) {
                ck_assert(!world.foreign);
                if (!world.domain)
                        return FAIL(ST_NOT_FOUND, .subject = "domain");
                world.domain = world.running = world.has_disk = world.has_nic = false;
                if (number == MESSAGE_domain_stop)
                        ((struct domain_stop_rep *)reply)->clean = !world.forced;
        }
        return ST_DONE;
}

/* Then a lost answer is no answer: nobody got them. */
static bool gives_descriptors(uint16_t number)
{
        return number == MESSAGE_svdm_open || number == MESSAGE_svdm_look ||
               number == MESSAGE_svdm_unlock || number == MESSAGE_svdm_prepare ||
               number == MESSAGE_svdm_key_pipe;
}

static int asker[2] = {-1, -1}; /* the connection of whoever asked, and its other end */

static void hang_up(void)
{
        close(asker[1]);
        asker[1] = -1;
}

static enum status ask(struct call call, struct arena *a)
{
        enum status cancelled = ST_DONE;
        bool fails = ++world.asked == world.fail_at ||
                     (call.number == world.away && world.asked >= world.fail_at);
        bool done;
        enum status s = ST_DONE;

        if (world.asked == world.gone_at)
                hang_up();
        cancelled = interrupt_check();
        done = (!fails && !cancelled) || (world.lose_answer && !gives_descriptors(call.number));

        strncat(world.order, message_info(call.number)->name, 40);
        strcat(world.order, " ");
        if (done && call.number >= 300)
                s = carry_out_worker(call.number, call.request, call.reply);
        else if (done && call.number >= 200)
                carry_out_svdm(call.number, call.request, call.reply, a);
        else if (done)
                carry_out_im(call.number, call.request, call.reply);
        if (cancelled)
                return cancelled;
        if (call.number == MESSAGE_svdm_others && world.names_disk)
                s = FAIL(ST_REFUSED, .subject = "/d", .found = "VM db2 has it, too");
        return fails ? FAIL(ST_TPM, .subject = "played", .found = message_info(call.number)->name)
                     : s;
}

enum status peer_connect(enum peer peer, int patience_ms, int *fd_out)
{
        (void)patience_ms;
        ck_assert_int_eq(peer, PEER_SVDM);
        *fd_out = world.connection = memfd_create("connection", MFD_CLOEXEC);
        return ST_DONE;
}

enum status peer_borrow(enum peer peer, int *fd_out)
{
        return peer_connect(peer, 0, fd_out);
}

void peer_park(enum peer peer, int fd)
{
        (void)peer;
        close(fd);
}

enum status peer_ask(int fd, struct call call, struct arena *a, int deadline_ms)
{
        (void)deadline_ms;
        ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
        return ask(call, a);
}

enum status peer_call(enum peer peer, struct call call, struct arena *a, int deadline_ms)
{
        (void)peer;
        (void)deadline_ms;
        return ask(call, a);
}

enum status worker_call(struct worker *w, int deadline_ms, struct call call, struct arena *a)
{
        (void)w;
        (void)deadline_ms;
        return ask(call, a);
}

/* Carried out when its answer is asked for: nothing happens between. */
static struct xml_descriptor_req asked;

enum status worker_ask(struct worker *w, int deadline_ms, struct call call, struct job **job_out)
{
        (void)w, (void)deadline_ms;
        ck_assert_int_eq(call.number, MESSAGE_xml_descriptor);
        asked = *(const struct xml_descriptor_req *)call.request;
        *job_out = NULL;
        return ST_DONE;
}

enum status job_answer(struct job *j, struct call call, struct arena *a)
{
        (void)j;
        call.request = &asked;
        return ask(call, a);
}

enum status job_end(struct job *j)
{
        (void)j;
        return world.xml_dies ? FAIL(ST_WORKER, .subject = "xml_worker") : ST_DONE;
}

void job_kill(struct job *j)
{
        (void)j;
}

/* --- a VM and its state ------------------------------------------------------------------- */

static struct arena *a;
static char folder[512];
static int dir;

static void begin(void)
{
        const char *base = getenv("TMPDIR");
        /* Not what the configuration says, and that alone is bound: no story may open it. */
        struct disk disk = {"xvda", "/swapped", true, "crypt"};
        struct vm_definition d = {.uuid = uuid_random(),
                                  .name = "db1",
                                  .owner = {PRINCIPAL_USER, "0"},
                                  .config = {(const uint8_t *)"{}", 2},
                                  .last_refusal = ""};
        struct vm_summary v;

        descriptors_forget();
        snprintf(folder, sizeof folder, "%s/bulkhead-story-XXXXXX", base ? base : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(state_folder(folder, &dir), ST_DONE);
        a = arena_new();
        ck_assert_int_eq(compartments_open(dir, true, NULL), ST_DONE);
        d.disks.items = &disk;
        d.disks.count = 1;
        vm_uuid = d.uuid;
        facts_setup("sim");
        ck_assert_int_eq(compartment_define(&d, a, &v), ST_DONE);
        memset(&world, 0, sizeof world);
        world.kind = DESCRIPTOR_SEALING;
        world.on_crash = "destroy";
}

static void end(void)
{
        struct compartment *c;
        char command[600];

        ck_assert_int_eq(compartment_claim("db1", "end", &principal_self, &c), ST_DONE);
        ck_assert_int_eq(compartment_undefine(c), ST_DONE);
        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        ck_assert_int_eq(system(command), 0);
        close(dir);
        arena_free(a);
}

static size_t descriptors(void)
{
        DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

/* What svdm does when the connection of an operation closes. */
static void after(void)
{
        if (!world.kept)
                world.mapped = false;
        world.image_mapped = world.image_asked = world.image_new = false;
}

static enum status tell_open(enum status (*story)(struct arena *, struct compartment *),
                             int fail_at)
{
        struct compartment *c;
        enum status s;

        world.asked = 0;
        world.fail_at = fail_at;
        world.order[0] = 0;
        ck_assert_int_eq(compartment_claim("db1", "test", &the_asker, &c), ST_DONE);
        s = story(a, c);
        compartment_release(c);
        after();
        return s;
}

static enum status tell(enum status (*story)(struct arena *, struct compartment *), int fail_at)
{
        size_t before = descriptors();
        enum status s = tell_open(story, fail_at);

        ck_assert_uint_eq(descriptors(), before);
        return s;
}

static struct vm_summary summary(void)
{
        struct vm_definition d;
        struct vm_summary v;

        ck_assert_int_eq(compartment_find("db1", a, &d, &v), ST_DONE);
        return v;
}

static bool stopped_clean;

static enum status stop_it(struct arena *arena, struct compartment *c)
{
        return stop_vm(arena, c, STOP_SECONDS, &stopped_clean);
}

/* As the event threads do it. */
static enum status follow_it(struct arena *arena, struct compartment *c)
{
        struct domain_list_rep domains;

        list_domains(&domains);
        return follow_end(arena, c, live_find(&domains, &vm_uuid, true));
}

static const char *warning; /* of a seal */

static enum status seal_it(struct arena *arena, struct compartment *c)
{
        return seal_vm(arena, c, &(struct vm_seal_req){.passphrase = -1}, &warning);
}

static enum status format_it(struct arena *arena, struct compartment *c)
{
        return seal_vm(arena, c, &(struct vm_seal_req){.format = true, .passphrase = -1}, &warning);
}

/* --- stories ------------------------------------------------------------------------------ */

START_TEST(order_of_a_start)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_str_eq(world.order,
                         "svdm_release im_sealed svdm_settle config_parse svdm_open "
                         "svdm_key_pipe im_unseal svdm_unlock domain_create svdm_check svdm_keep "
                         "domain_unpause ");
        ck_assert(world.running && world.kept);
        ck_assert_int_eq(summary().state, VM_RUNNING);
}
END_TEST

START_TEST(a_failed_start_leaves_nothing)
{
        enum { STEPS = 12 };

        world.generation = world.on_disk = 1;
        for (int n = 1; n <= STEPS; n++) {
                ck_assert_int_eq(tell(start_vm, n), ST_TPM);
                ck_assert_str_eq(error_last()->subject, "played");
                ck_assert(!world.domain && !world.running && !world.mapped && !world.kept);
                ck_assert_int_eq(summary().state, VM_STOPPED);
                ck_assert(strstr(summary().last_refusal, "played"));
        }
        ck_assert_int_eq(tell(start_vm, STEPS + 1), ST_DONE); /* there are no more steps */
        ck_assert_str_eq(summary().last_refusal, "");
}
END_TEST

/* The worker died after it had done what it was asked. */
START_TEST(a_start_whose_answer_is_lost_leaves_nothing)
{
        world.generation = world.on_disk = 1;
        world.lose_answer = true;
        for (int n = 1; n <= 12; n++) {
                ck_assert_int_eq(tell(start_vm, n), ST_TPM);
                ck_assert(!world.domain && !world.running && !world.mapped && !world.kept);
        }
}
END_TEST

/* --- whoever asked goes away, or cancels --------------------------------------------------- */

/* at: which request is not answered any more; -1: not even the first is made. */
static enum status tell_gone(enum status (*story)(struct arena *, struct compartment *), int at)
{
        size_t before = descriptors();
        enum status s;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, asker), 0);
        interrupt_peer(asker[0]);
        if (at < 0)
                hang_up();
        world.gone_at = at < 0 ? 0 : at;
        s = tell_open(story, 0);
        interrupt_peer(-1);
        close(asker[0]);
        if (asker[1] >= 0)
                hang_up();
        world.gone_at = 0;
        ck_assert_uint_eq(descriptors(), before);
        return s;
}

START_TEST(a_start_ends_with_its_connection)
{
        enum { UNPAUSE = 12 };

        world.generation = world.on_disk = 1;
        world.lose_answer = _i;
        for (int n = -1; n < UNPAUSE; n += n < 0 ? 2 : 1) {
                ck_assert_int_eq(tell_gone(start_vm, n), ST_CANCELLED);
                ck_assert_str_eq(error_last()->found, "whoever asked for it is gone");
                ck_assert(!world.domain && !world.running && !world.mapped && !world.kept);
                ck_assert_int_eq(summary().state, VM_STOPPED);
                ck_assert_str_eq(summary().last_refusal, ""); /* nobody was refused */
        }
        ck_assert_int_eq(tell_gone(start_vm, UNPAUSE), ST_DONE); /* it has committed */
        ck_assert(world.running && world.kept);
}
END_TEST

START_TEST(a_hibernation_ends_with_its_connection)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        world.lose_answer = _i;
        for (int n = 1; n <= 8; n++) {
                ck_assert_int_eq(tell_gone(hibernate_vm, n), ST_CANCELLED);
                ck_assert(world.domain && world.running && world.kept);
                ck_assert(!world.image && !world.image_bound);
                ck_assert_int_eq(summary().state, VM_RUNNING);
        }
        ck_assert_int_eq(tell_gone(hibernate_vm, 9), ST_DONE);
        ck_assert(!world.domain && world.image && world.image_bound);
        for (int n = 1; n <= 12; n++) { /* nor is the image lost by a wake */
                ck_assert_int_eq(tell_gone(start_vm, n), ST_CANCELLED);
                ck_assert(!world.domain && world.image && world.image_bound);
                ck_assert_int_eq(summary().state, VM_HIBERNATING);
        }
        ck_assert_int_eq(tell_gone(start_vm, 13), ST_DONE);
        ck_assert(world.running && world.woken && !world.image_bound);
}
END_TEST

static struct vm_undefine_rep undefined;

static enum status undefine_it(struct arena *arena, struct compartment *c)
{
        return undefine_forget(arena, c, false, &undefined);
}

static enum status undefine_by_force(struct arena *arena, struct compartment *c)
{
        return undefine_forget(arena, c, true, &undefined);
}

static enum status settled_to_one(struct arena *arena, struct compartment *c)
{
        (void)arena;
        return compartment_set_generation(c, 1);
}

/* Whether the n-th request of the last story was that one. */
static bool is_request(int n, const char *name)
{
        const char *at = world.order;

        while (--n > 0 && at)
                at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL;
        return at && !strncmp(at, name, strlen(name)) && at[strlen(name)] == ' ';
}

/* Whether the seal is forgotten integrity-mgr decides, also if nobody hears of it: definition and
 * headers follow. The first error stays the error. */
START_TEST(a_seal_is_forgotten_everywhere_or_nowhere)
{
        bool lost = false;
        enum status s;

        world.lose_answer = _i > 0;
        for (int n = 1; n == 1 || world.asked >= n - 1; n++) {
                world.generation = world.on_disk = 1;
                world.without_seal = UNTOUCHED;
                ck_assert_int_eq(tell(settled_to_one, 0), ST_DONE);
                s = tell(undefine_it, n);
                ck_assert_int_lt(n, 30);
                if (s == ST_TPM)
                        ck_assert_str_eq(error_last()->subject, "played");
                lost |= is_request(n, "im_forget") && !world.generation;
                if (!s)
                        ck_assert_uint_eq(world.generation, 0);
                ck_assert_uint_eq(summary().generation, world.generation);
                if (world.generation)
                        ck_assert_int_ne(world.without_seal, WRITTEN);
                else if (!s) /* after an error the next operation writes them */
                        ck_assert_int_ne(world.without_seal, STAGED);
        }
        ck_assert(lost == world.lose_answer);
        world.generation = 0;
}
END_TEST

/* Of a disk that is elsewhere it may have the only key. */
START_TEST(a_seal_whose_record_is_unread_is_not_given_up_unsaid)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(settled_to_one, 0), ST_DONE);
        world.unread = true;
        ck_assert_int_eq(tell(undefine_it, 0), ST_REFUSED);
        ck_assert(strstr(error_last()->remedy, "restore integrity-mgr's state folder"));
        ck_assert_uint_eq(world.generation, 1);
        world.generation = 0; /* and not if it is lost */
        ck_assert_int_eq(tell(undefine_it, 0), ST_REFUSED);
        world.generation = 1;
        ck_assert_int_eq(tell(undefine_by_force, 0), ST_DONE);
        ck_assert_uint_eq(world.generation, 0);
}
END_TEST

/* What of a disk is lost is said, and only of one that was written to. */
START_TEST(a_cancelled_format_says_what_it_has_overwritten)
{
        const char *overwritten;
        bool undecided;
        enum status s = ST_CANCELLED;
        int told = 0;

        world.writes = _i;
        for (int n = 1; s; n++) {
                bool begun;

                s = tell_gone(format_it, n);
                begun = _i && (strstr(world.order, "svdm_stage"));
                compartment_find_fate("db1", a, &overwritten, &undecided);
                ck_assert(!undecided);
                ck_assert_str_eq(overwritten, s && begun ? "/d" : "");
                if (s) {
                        ck_assert_int_eq(s, ST_CANCELLED);
                        ck_assert_int_eq(!!strstr(error_last()->found, "has overwritten /d"),
                                         *overwritten != 0);
                        told += *overwritten != 0;
                }
                ck_assert_int_lt(n, 20);
        }
        ck_assert_int_eq(told > 0, _i);
}
END_TEST

/* What becomes of a seal integrity-mgr decides: it may have committed before it saw the end. */
START_TEST(a_seal_ends_with_its_connection)
{
        bool committed = false;
        int n = 1;

        world.lose_answer = _i;
        for (; !committed; n++) {
                enum status s = tell_gone(seal_it, n);

                committed = world.generation;
                ck_assert_int_eq(s, committed ? ST_DONE : ST_CANCELLED);
                ck_assert_uint_eq(world.on_disk, world.generation);
                ck_assert(!world.staged || _i); /* the next operation drops it */
                ck_assert_uint_eq(summary().generation, world.generation);
                ck_assert_int_eq(summary().state, VM_STOPPED);
                ck_assert_int_lt(n, 40);
        }
        ck_assert_int_gt(n, 8);
}
END_TEST

static enum status attach_disk(struct arena *arena, struct compartment *c)
{
        return attach_device(arena, c, "xvda");
}

START_TEST(an_attached_device_goes_with_the_connection)
{
        bool attached = false;
        int n = 1;

        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        world.has_disk = world.mapped = world.kept = false; /* it was detached */
        world.lose_answer = _i;
        for (; !attached; n++) {
                enum status s = tell_gone(attach_disk, n);

                attached = world.has_disk;
                ck_assert_int_eq(s, attached ? ST_DONE : ST_CANCELLED);
                ck_assert_int_eq(world.mapped, attached);
                ck_assert(world.running);
                ck_assert_int_lt(n, 40);
        }
        ck_assert_int_gt(n, 6);
}
END_TEST

/* --- hibernation --------------------------------------------------------------------------- */

static void run_one(void)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
}

START_TEST(order_of_a_hibernation)
{
        run_one();
        ck_assert_int_eq(tell(hibernate_vm, 0), ST_DONE);
        ck_assert_str_eq(world.order,
                         "im_sealed config_parse svdm_memory svdm_look svdm_key_pipe im_unseal "
                         "svdm_unlock domain_save im_memory domain_list domain_destroy "
                         "svdm_release ");
        ck_assert(!world.domain && !world.mapped && world.image && world.image_bound);
        ck_assert_int_eq(summary().state, VM_HIBERNATING);
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_str_eq(world.order,
                         "svdm_release im_sealed svdm_settle config_parse svdm_open "
                         "svdm_key_pipe im_unseal svdm_unlock domain_create svdm_check svdm_keep "
                         "domain_unpause im_memory svdm_memory domain_unpause ");
        ck_assert(world.woken && world.running && !world.image && !world.image_bound);
        ck_assert_int_eq(summary().state, VM_RUNNING);
}
END_TEST

/* Until integrity-mgr has been told, the guest runs on and no image is left. */
START_TEST(a_failed_hibernation_lets_it_run_on)
{
        run_one();
        world.lose_answer = _i;
        for (int n = 1; n <= 9; n++) {
                ck_assert_int_eq(tell(hibernate_vm, n), ST_TPM);
                ck_assert_str_eq(error_last()->subject, "played");
                ck_assert(world.domain && world.running && world.kept);
                ck_assert(!world.image && !world.image_bound);
                ck_assert_int_eq(summary().state, VM_RUNNING);
        }
        ck_assert_int_eq(tell(hibernate_vm, 13), ST_DONE); /* there are no more steps */
}
END_TEST

/* integrity-mgr is gone for good: a guest of whose image it never heard runs on all the same. */
START_TEST(a_guest_runs_on_though_integrity_mgr_is_gone)
{
        run_one();
        world.away = MESSAGE_im_memory;
        for (int n = 1; n <= 8; n++) {
                ck_assert_int_eq(tell(hibernate_vm, n), ST_TPM);
                ck_assert(world.running && !world.image && !world.image_bound);
        }
        ck_assert_int_eq(tell(hibernate_vm, 9), ST_TPM); /* was it told? it waits for an answer */
        ck_assert(world.domain && !world.running);
        world.away = 0;
        ck_assert_int_eq(tell(follow_it, 0), ST_DONE);
        ck_assert(world.running && !world.image_bound);
}
END_TEST

/* Once integrity-mgr has been told, it hibernates: by the command again, or by the events. */
START_TEST(a_hibernation_cut_short_is_completed)
{
        run_one();
        for (int n = 10; n <= 12; n++) {
                ck_assert_int_eq(tell(hibernate_vm, n), ST_TPM);
                ck_assert(world.image && world.image_bound && !world.running);
                ck_assert_int_eq(tell(_i ? follow_it : hibernate_vm, 0), ST_DONE);
                ck_assert(!world.domain && world.image && world.image_bound);
                ck_assert_int_eq(summary().state, VM_HIBERNATING);
                ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
                ck_assert(world.woken && world.running);
        }
}
END_TEST

START_TEST(a_guest_left_saved_without_an_image_runs_on)
{
        run_one();
        world.running = false;
        world.ended = REASON_SUSPEND;
        ck_assert_int_eq(tell(follow_it, 0), ST_DONE);
        ck_assert(world.running && !world.image_bound);
        ck_assert_int_eq(summary().state, VM_RUNNING);
}
END_TEST

/* Until the image is forgotten, a start that fails keeps it. */
START_TEST(a_failed_wake_keeps_the_image)
{
        run_one();
        ck_assert_int_eq(tell(hibernate_vm, 0), ST_DONE);
        for (int n = 1; n <= 12; n++) {
                ck_assert_int_eq(tell(start_vm, n), ST_TPM);
                ck_assert(!world.domain && !world.running && !world.mapped && !world.kept);
                ck_assert(world.image && world.image_bound);
                ck_assert_int_eq(summary().state, VM_HIBERNATING);
        }
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert(world.woken);
}
END_TEST

START_TEST(an_image_is_given_up)
{
        run_one();
        ck_assert_int_eq(tell(hibernate_vm, 0), ST_DONE);
        ck_assert_int_eq(tell(stop_at_once, 0), ST_DONE);
        ck_assert(!world.image && !world.image_bound);
        ck_assert_int_eq(summary().state, VM_STOPPED);
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert(!world.woken && world.running);
}
END_TEST

START_TEST(what_is_measured_whole_does_not_hibernate)
{
        run_one();
        world.clean_stop = true;
        ck_assert_int_eq(tell(hibernate_vm, 0), ST_REFUSED);
        ck_assert_str_eq(world.order, "im_sealed ");
        ck_assert(world.running);
}
END_TEST

/* --- checks of devices -------------------------------------------------------------------- */

static void permit_network(void)
{
        char path[600];
        FILE *f;

        config.etc = folder;
        snprintf(path, sizeof path, "%s/networks", folder);
        f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        fputs("dmz0 *\n", f);
        fclose(f);
}

static void seal_with_check(const char *device)
{
        world.generation = world.on_disk = 1;
        world.with_nic = true;
        world.checked = device;
        permit_network();
}

#define STATE "domain_hypervisor domain_list im_device "
#define TRY "domain_hypervisor domain_list im_try_device "

/* integrity-mgr's state was lost, or set back: the definition still says that the disks hold data.
 */
START_TEST(a_lost_record_lets_nothing_be_formatted)
{
        ck_assert_int_eq(tell(format_it, 0), ST_DONE);
        world.generation = 0;
        ck_assert_int_eq(tell(format_it, 0), ST_WRONG_STATE);
        ck_assert(strstr(error_last()->found, "no record"));
        ck_assert_ptr_null(strstr(world.order, "svdm_open"));
        ck_assert_int_eq(tell(start_vm, 0), ST_DAMAGED);
        ck_assert(strstr(error_last()->remedy, "vm seal db1"));
        ck_assert_uint_eq(summary().generation, 1);
        ck_assert_int_eq(tell(seal_it, 0), ST_DONE); /* by a passphrase of the disks */
}
END_TEST

/* integrity-mgr's folder is not mounted yet: what a seal has committed to is still to be written
 * once it is. Only whoever seals anew over a table that says so gives it up. */
START_TEST(a_lost_seal_settles_nothing)
{
        ck_assert_int_eq(tell(format_it, 0), ST_DONE);
        world.on_disk = world.generation = 0; /* committed to, and not written */
        world.staged = 1;
        world.no_table = true;
        ck_assert_int_eq(tell(start_vm, 0), ST_DAMAGED);
        ck_assert_str_eq(world.order, "svdm_release im_sealed ");
        ck_assert_int_eq(tell(seal_it, 0), ST_DAMAGED);
        ck_assert(strstr(error_last()->remedy, "mount"));
        ck_assert_uint_eq(world.staged, 1);
        world.generation = _i ? 0 : 1;
        world.no_table = false;
        ck_assert_int_eq(tell(_i ? seal_it : start_vm, 0), ST_DONE);
        ck_assert_uint_eq(world.on_disk, 1);
        ck_assert_uint_eq(summary().generation, 1);
        if (_i)
                ck_assert(strstr(world.order, "svdm_settle svdm_stage im_seal "));
        else
                ck_assert_int_eq(tell(stop_at_once, 0), ST_DONE);
}
END_TEST

/* What svdm says of the one disk, and what becomes of a seal then. */
static const struct {
        bool format, yes;
        const char *what;
        bool member;
        uint8_t stranger; /* 0 none, 1 one that is not defined here, 2 db2 */
        enum status expected;
        const char *found;
} contents[] = {
        {true, false, "", false, 0, ST_DONE, ""},
        {true, false, "an ext4 file system", false, 0, ST_CONSENT, "/d: an ext4 file system"},
        {true, true, "an ext4 file system", false, 0, ST_DONE, ""},
        {false, false, "a LUKS disk", false, 0, ST_DONE, ""},
        {true, true, "an LVM2_member", true, 0, ST_REFUSED, "LVM2_member"},
        {false, false, "a LUKS disk", false, 1, ST_CONSENT, "not defined here"},
        {false, true, "a LUKS disk", false, 1, ST_DONE, ""},
        {false, true, "a LUKS disk", false, 2, ST_REFUSED, "VM db2"},
        {true, true, "a LUKS disk", false, 2, ST_REFUSED, "VM db2"},
};

static void tell_content(struct disk_content_list *to, struct arena *arena)
{
        to->count = 1;
        to->items = arena_get(arena, sizeof *to->items);
        *to->items = (struct disk_content){.path = "/d",
                                           .what = contents[world.content].what,
                                           .member = contents[world.content].member,
                                           .stranger = {{contents[world.content].stranger}}};
}

static enum status seal_content(struct arena *arena, struct compartment *c)
{
        const struct vm_seal_req q = {.format = contents[world.content].format,
                                      .yes = contents[world.content].yes,
                                      .passphrase = -1};

        return seal_vm(arena, c, &q, &warning);
}

START_TEST(what_lies_on_a_disk_decides)
{
        struct vm_definition d = {
                .uuid = {{2}}, .name = "db2", .owner = the_asker, .last_refusal = ""};
        struct vm_summary ignored;

        ck_assert_int_eq(compartment_define(&d, a, &ignored), ST_DONE);
        world.content = _i;
        world.has_content = true;
        ck_assert_int_eq(tell(seal_content, 0), contents[_i].expected);
        if (contents[_i].expected) {
                ck_assert_msg(strstr(error_last()->found, contents[_i].found), "%s",
                              error_last()->found);
                ck_assert_ptr_null(strstr(world.order, "svdm_prepare"));
        }
        if (contents[_i].expected == ST_CONSENT) /* a question is no refusal */
                ck_assert_str_eq(summary().last_refusal, "");
}
END_TEST

/* Somebody defines a VM that names the disk: its owner seals it again all the same, and is told. A
 * VM that is sealed itself, or a disk that comes in, is another matter. */
START_TEST(a_mere_definition_takes_no_disk)
{
        struct disk disk = {"xvda", "/d", true, "crypt"};
        struct vm_definition d = {.uuid = {{2}},
                                  .name = "db2",
                                  .owner = the_asker,
                                  .disks = {&disk, 1},
                                  .generation = _i ? 1 : 0,
                                  .last_refusal = ""};
        struct vm_summary ignored;

        ck_assert_int_eq(tell(format_it, 0), ST_DONE);
        ck_assert_str_eq(warning, "");
        ck_assert_int_eq(compartment_define(&d, a, &ignored), ST_DONE);
        world.names_disk = true;
        ck_assert_int_eq(tell(seal_it, 0), _i ? ST_REFUSED : ST_DONE);
        if (!_i)
                ck_assert(strstr(warning, "bulkhead vm undefine db2"));
        world.generation = world.on_disk = 0;
        ck_assert_int_eq(tell(seal_it, 0), ST_REFUSED);
}
END_TEST

static const struct {
        const char *device, *order;
} checks[] = {
        {"xvda", "svdm_release im_sealed svdm_settle config_parse " STATE
                 "svdm_open svdm_key_pipe im_unseal svdm_unlock domain_create svdm_check svdm_keep "
                 "domain_unpause "},
        {"vif0",
         "svdm_release im_sealed svdm_settle config_parse svdm_open svdm_key_pipe im_unseal "
         "svdm_unlock " STATE "domain_create svdm_check svdm_keep domain_unpause "},
        {"", "svdm_release im_sealed svdm_settle config_parse " STATE
             "svdm_open svdm_key_pipe im_unseal svdm_unlock " STATE
             "domain_create svdm_check svdm_keep domain_unpause "},
        {"kernel", "svdm_release im_sealed svdm_settle config_parse svdm_open svdm_key_pipe "
                   "im_unseal svdm_unlock domain_create svdm_check svdm_keep domain_unpause "},
};

START_TEST(devices_are_checked_before_they_are_opened)
{
        seal_with_check(checks[_i].device);
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_str_eq(world.order, checks[_i].order);
}
END_TEST

START_TEST(a_start_that_a_check_refuses_leaves_nothing)
{
        seal_with_check("");
        for (int n = 1; n <= 18; n++) {
                ck_assert_int_eq(tell(start_vm, n), ST_TPM);
                ck_assert_str_eq(error_last()->subject, "played");
                ck_assert(!world.domain && !world.running && !world.mapped && !world.kept);
                ck_assert_int_eq(summary().state, VM_STOPPED);
        }
        ck_assert_int_eq(tell(start_vm, 19), ST_DONE);
}
END_TEST

/* Of the published grammar, and something that tools of others read. */
static int run_on_state(const char *format, const char *program)
{
        char path[600], command[2000];
        FILE *f;
        int r;

        snprintf(path, sizeof path, "%s/current.xml", folder);
        f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        fputs(world.state, f);
        fclose(f);
        snprintf(command, sizeof command, format, program, path);
        r = system(command);
        ck_assert(WIFEXITED(r));
        return WEXITSTATUS(r);
}

#define OF_GRAMMAR "xmllint --noout --relaxng descriptors/%s %s 2>/dev/null"
#define WITH_OWNER(owner)                                                                          \
        "sed -i s/uid:0/" owner                                                                    \
        "/ %2$s; xmllint --noout --relaxng descriptors/%1$s %2$s 2>/dev/null"

START_TEST(the_current_state)
{
        seal_with_check("xvda");
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_int_eq(run_on_state(OF_GRAMMAR, "current-state.rng"), 0);
        ck_assert(strstr(world.state, "<value name=\"kind\">disk</value>"));
        ck_assert(strstr(world.state, "<value name=\"path\">/d</value>"));
        ck_assert(strstr(world.state, "<value name=\"protection\">crypt</value>"));
        ck_assert(strstr(world.state, "<value name=\"state\">starting</value>"));
        ck_assert(strstr(world.state, "<value name=\"free-memory\">4096</value>"));
        ck_assert_int_eq(tell(stop_it, 0), ST_DONE);
        world.checked = "vif0";
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_int_eq(run_on_state(OF_GRAMMAR, "current-state.rng"), 0);
        ck_assert_int_eq(run_on_state(OF_GRAMMAR, "projection.rng"), 0);
        ck_assert_int_eq(run_on_state(WITH_OWNER("tls:tenant@example"), "current-state.rng"), 0);
        ck_assert_int_ne(run_on_state(WITH_OWNER("tenant"), "current-state.rng"), 0);
        ck_assert(strstr(world.state, "target=\"device:vif0\""));
        ck_assert(strstr(world.state, "<value name=\"bridge\">dmz0</value>"));
        ck_assert(!strstr(world.state, "foreign\">true"));
        ck_assert_int_eq(
                run_on_state("sed -i s/uid:0/uid:1000/ %2$s; xsltproc %1$s %2$s | grep -q true",
                             "xslt-policies/one-owner.xsl"),
                0);
}
END_TEST

static void same_as_plugin(const char *plugin, const char *argument, facts_gatherer *gather,
                           const struct measurement *state)
{
        struct target t = {.name = arena_print(a, "%s:%s", plugin, argument),
                           .plugin = plugin,
                           .argument = argument,
                           .method = ""};
        struct open_target facts = {.file = -1};
        struct measurement told;
        struct digest of_plugin, of_state;
        int so;

        ck_assert_int_eq(gather(&(struct facts_scope){0}, &t, a, &facts), ST_DONE);
        ck_assert_int_eq(measure_open_plugin(BUILD_DIR "/plugins", plugin, &so), ST_DONE);
        ck_assert_int_eq(measure_run(a, so, &t, facts.file, -1, 1, NULL, &told), ST_DONE);
        ck_assert_int_eq(measurement_digest(&told, HASH_SHA256, &of_plugin), ST_DONE);
        ck_assert_int_eq(measurement_digest(state, HASH_SHA256, &of_state), ST_DONE);
        ck_assert(digest_equal(&of_plugin, &of_state));
        close(so);
        close(facts.file);
}

/* A predicate sees the same nodes in a seal, in evidence and here. */
START_TEST(the_current_state_is_what_plug_ins_tell)
{
        struct measurement hypervisor, vms;

        seal_with_check("xvda");
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_int_eq(current_state(a, &hypervisor, &vms), ST_DONE);
        ck_assert_uint_eq(hypervisor.nodes.count, 1);
        ck_assert_uint_eq(vms.nodes.count, 2);
        if (_i) /* a process has one plug-in */
                same_as_plugin("vms", "all", facts_of_vms, &vms);
        else
                same_as_plugin("hypervisor", facts_kind(), facts_of_hypervisor, &hypervisor);
}
END_TEST

static enum status check_one(struct operation *o, const char *device)
{
        struct vm_device d;

        ck_assert(vm_device_find(&o->config, device, &d));
        return device_check_one(o, &d);
}

/* What attaching a device to a running VM asks. */
START_TEST(one_device_is_checked)
{
        struct operation o = OPERATION_NONE;
        struct compartment *c;

        seal_with_check("vif0");
        ck_assert_int_eq(compartment_claim("db1", "test", &the_asker, &c), ST_DONE);
        ck_assert_int_eq(operation_begin(&o, a, c), ST_DONE);
        ck_assert_int_eq(operation_read_config(&o), ST_DONE);
        world.order[0] = 0;
        ck_assert_int_eq(check_one(&o, "xvda"), ST_DONE);
        ck_assert_str_eq(world.order, "");
        ck_assert_int_eq(check_one(&o, "vif0"), ST_DONE);
        ck_assert_str_eq(world.order, STATE);
        world.fail_at = world.asked + 3;
        ck_assert_int_eq(check_one(&o, "vif0"), ST_TPM);
        operation_end(&o);
        compartment_release(c);
}
END_TEST

/* --- devices of a VM that runs ------------------------------------------------------------- */

static enum status detach_disk(struct arena *arena, struct compartment *c)
{
        return attach_detach(arena, c, "xvda");
}

static enum status attach_nic(struct arena *arena, struct compartment *c)
{
        return attach_device(arena, c, "vif0");
}

static enum status detach_nic(struct arena *arena, struct compartment *c)
{
        return attach_detach(arena, c, "vif0");
}

static enum status attach_another(struct arena *arena, struct compartment *c)
{
        return attach_device(arena, c, "xvdz");
}

static enum status attach_kernel(struct arena *arena, struct compartment *c)
{
        return attach_device(arena, c, "kernel");
}

static void run_without_devices(void)
{
        world.generation = world.on_disk = 1;
        world.with_nic = true;
        permit_network();
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_int_eq(tell(detach_disk, 0), ST_DONE);
        ck_assert_int_eq(tell(detach_nic, 0), ST_DONE);
        ck_assert(!world.has_disk && !world.has_nic && !world.mapped && !world.kept);
        ck_assert_int_eq(summary().state, VM_RUNNING);
}

START_TEST(a_disk_goes_and_comes)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_int_eq(tell(detach_disk, 0), ST_DONE);
        ck_assert_str_eq(world.order, "config_parse domain_devices domain_detach svdm_unmap ");
        ck_assert(!world.has_disk && !world.mapped && !world.kept && world.running);
        ck_assert_int_eq(tell(attach_disk, 0), ST_DONE);
        ck_assert_str_eq(world.order,
                         "im_sealed config_parse domain_devices svdm_unmap svdm_look svdm_key_pipe "
                         "im_unseal svdm_unlock svdm_check svdm_keep domain_attach ");
        ck_assert(world.has_disk && world.mapped && world.kept && world.running);
        ck_assert_int_eq(summary().state, VM_RUNNING);
}
END_TEST

START_TEST(an_interface_goes_and_comes)
{
        run_without_devices();
        ck_assert_int_eq(tell(attach_nic, 0), ST_DONE);
        ck_assert_str_eq(world.order, "im_sealed config_parse domain_devices svdm_look "
                                      "svdm_key_pipe im_unseal domain_attach ");
        ck_assert(world.has_nic && !world.has_disk && !world.mapped);
        ck_assert_int_eq(tell(detach_nic, 0), ST_DONE);
        ck_assert_str_eq(world.order, "config_parse domain_devices domain_detach ");
}
END_TEST

/* Every step, once refused and once with an answer that is lost after it was done. */
START_TEST(a_failed_attach_leaves_nothing)
{
        run_without_devices();
        world.lose_answer = _i;
        for (int n = 1; n <= 11; n++) {
                ck_assert_int_eq(tell(attach_disk, n), ST_TPM);
                ck_assert_str_eq(error_last()->subject, "played");
                ck_assert(!world.has_disk && !world.mapped && !world.kept && world.running);
                ck_assert_int_eq(summary().state, VM_RUNNING);
        }
        for (int n = 1; n <= 7; n++) {
                ck_assert_int_eq(tell(attach_nic, n), ST_TPM);
                ck_assert(!world.has_nic && world.running);
        }
        ck_assert_int_eq(tell(attach_disk, 12), ST_DONE); /* there are no more steps */
        ck_assert_int_eq(tell(attach_nic, 8), ST_DONE);
}
END_TEST

START_TEST(what_may_not_come)
{
        run_without_devices();
        ck_assert_int_eq(tell(attach_another, 0), ST_NOT_FOUND);
        ck_assert_int_eq(tell(attach_kernel, 0), ST_NOT_FOUND);
        world.clean_stop = true;
        ck_assert_int_eq(tell(attach_disk, 0), ST_REFUSED);
        ck_assert_ptr_null(strstr(world.order, "svdm_look"));
        world.clean_stop = false;
        ck_assert_int_eq(tell(attach_disk, 0), ST_DONE);
        ck_assert_int_eq(tell(attach_disk, 0), ST_EXISTS);
        ck_assert(world.has_disk && world.mapped && world.kept); /* as it was */
        config.etc = "/nowhere";
        ck_assert_int_eq(tell(attach_nic, 0), ST_DENIED);
        ck_assert_ptr_null(strstr(world.order, "im_unseal"));
        ck_assert(!world.has_nic);
}
END_TEST

START_TEST(an_attach_is_checked_as_a_start_is)
{
        run_without_devices();
        world.checked = "";
        ck_assert_int_eq(tell(attach_disk, 0), ST_DONE);
        ck_assert_str_eq(world.order, "im_sealed config_parse domain_devices svdm_unmap " STATE
                                      "svdm_look svdm_key_pipe im_unseal svdm_unlock svdm_check "
                                      "svdm_keep domain_attach ");
        ck_assert_int_eq(tell(attach_nic, 0), ST_DONE);
        ck_assert_str_eq(world.order, "im_sealed config_parse domain_devices " STATE
                                      "svdm_look svdm_key_pipe im_unseal domain_attach ");
}
END_TEST

START_TEST(a_guest_may_keep_its_disk)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        world.guest_keeps_disk = true;
        ck_assert_int_eq(tell(detach_disk, 0), ST_TIMEOUT);
        ck_assert(world.has_disk && world.mapped && world.kept && world.running);
        world.guest_keeps_disk = false;
        for (int n = 1; n <= 3; n++) {
                ck_assert_int_eq(tell(detach_disk, n), ST_TPM);
                ck_assert(world.has_disk && world.mapped && world.kept);
        }
        /* svdm is away: the key stays, and goes when that is repeated */
        ck_assert_int_eq(tell(detach_disk, 4), ST_TPM);
        ck_assert(!world.has_disk && world.mapped && world.kept);
        ck_assert_int_eq(tell(detach_disk, 0), ST_WRONG_STATE);
        ck_assert(!world.mapped && !world.kept);
}
END_TEST

START_TEST(sealing_again_is_checked_as_a_start_is)
{
        seal_with_check("");
        ck_assert_int_eq(tell(seal_it, 0), ST_DONE);
        ck_assert(strstr(world.order, "config_parse " STATE STATE TRY TRY "svdm_open "));
        for (int n = 6; n <= 17; n++) {
                ck_assert_int_eq(tell(seal_it, n), ST_TPM);
                ck_assert_ptr_null(strstr(world.order, "im_seal "));
        }
        world.checked = NULL;
        ck_assert_int_eq(tell(seal_it, 0), ST_DONE);
        ck_assert_ptr_null(strstr(world.order, "im_device"));
}
END_TEST

START_TEST(a_check_is_for_a_device_that_there_is)
{
        seal_with_check("vif1");
        world.generation = world.on_disk = 0;
        ck_assert_int_eq(tell(format_it, 0), ST_INVALID);
        ck_assert_str_eq(error_last()->found, "'vif1'");
        world.checked = "kernel";
        ck_assert_int_eq(tell(format_it, 0), ST_INVALID);
        world.checked = "vif0";
        ck_assert_int_eq(tell(format_it, 0), ST_DONE);
}
END_TEST

START_TEST(only_a_sealed_vm_starts)
{
        ck_assert_int_eq(tell(start_vm, 0), ST_WRONG_STATE);
        ck_assert(strstr(error_last()->remedy, "vm seal db1"));
        ck_assert_str_eq(world.order, "svdm_release im_sealed svdm_settle ");
}
END_TEST

START_TEST(order_of_seals)
{
        ck_assert_int_eq(tell(format_it, 0), ST_DONE);
        ck_assert_str_eq(world.order,
                         "xml_descriptor svdm_release im_sealed svdm_settle config_parse "
                         "svdm_open domain_disks svdm_content svdm_prepare svdm_stage im_seal "
                         "im_sealed svdm_settle ");
        ck_assert_uint_eq(world.authority_kind, AUTHORITY_NONE);
        ck_assert_uint_eq(summary().generation, 1);
        ck_assert_uint_eq(world.on_disk, 1);
        ck_assert_int_eq(tell(seal_it, 0), ST_DONE);
        ck_assert(
                strstr(world.order, "svdm_open domain_disks svdm_content im_unseal svdm_prepare "));
        ck_assert_uint_eq(world.authority_kind, AUTHORITY_SECRET);
        ck_assert_uint_eq(summary().generation, 2);
        ck_assert_uint_eq(world.on_disk, 2);
        ck_assert_int_eq(summary().state, VM_STOPPED);
}
END_TEST

/* The present seal, which opens the disks for the new one, may be an older version's. */
START_TEST(a_seal_that_was_made_anew_is_followed_by_the_next)
{
        ck_assert_int_eq(tell(format_it, 0), ST_DONE);
        world.made_anew = true;
        ck_assert_int_eq(tell(seal_it, 0), ST_DONE);
        ck_assert_uint_eq(world.generation, 3);
        ck_assert_uint_eq(world.on_disk, 3);
        world.made_anew = true;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_uint_eq(summary().generation, 4);
}
END_TEST

/* Disks and integrity-mgr never part for longer than until the next operation. */
START_TEST(a_failed_seal_is_whole_or_nothing)
{
        enum status s;
        int n = 0;

        world.lose_answer = _i;
        do {
                world.generation = world.on_disk = 1;
                world.staged = 0;
                s = tell(seal_it, ++n);
                ck_assert(!s || s == ST_TPM);
                if (!s && world.asked >= n)
                        ck_assert_uint_eq(world.generation,
                                          2); /* the answer was lost, found again */
                tell(start_vm, 0);
                ck_assert_uint_eq(world.on_disk, world.generation);
                ck_assert_int_eq(tell(stop_at_once, 0), ST_DONE);
                ck_assert_uint_lt(n, 50);
        } while (world.asked && n <= 12);
        ck_assert_int_eq(tell(seal_it, 0), ST_DONE);
}
END_TEST

START_TEST(a_lost_answer_to_a_seal_is_found_again)
{
        world.lose_answer = true;
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(seal_it, 12), ST_DONE);
        ck_assert(strstr(world.order, "im_seal im_sealed svdm_settle "));
        ck_assert_uint_eq(summary().generation, 2);
        ck_assert_uint_eq(world.on_disk, 2);
}
END_TEST

START_TEST(a_seal_whose_headers_are_not_written_counts_and_says_so)
{
        const char *overwritten;
        bool undecided;

        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(seal_it, 14), ST_TPM);
        ck_assert(is_request(14, "svdm_settle"));
        ck_assert(strstr(error_last()->found, "sealed (generation 2), but not all headers"));
        compartment_find_fate("db1", a, &overwritten, &undecided);
        ck_assert(undecided);
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_uint_eq(world.on_disk, 2);
        compartment_find_fate("db1", a, &overwritten, &undecided);
        ck_assert(!undecided);
}
END_TEST

START_TEST(the_other_kind_of_descriptor_is_refused)
{
        world.kind = DESCRIPTOR_ATTESTATION;
        ck_assert_int_eq(tell(format_it, 0), ST_INVALID);
        ck_assert_str_eq(world.order, "xml_descriptor ");
}
END_TEST

START_TEST(order_of_a_stop)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_int_eq(tell(stop_it, 0), ST_DONE);
        ck_assert_str_eq(
                world.order,
                "domain_list domain_stop svdm_release svdm_release im_sealed svdm_settle ");
        ck_assert(stopped_clean);
        ck_assert_uint_eq(world.generation, 1);
        ck_assert_int_eq(summary().state, VM_STOPPED);
}
END_TEST

START_TEST(a_clean_stop_reseals)
{
        world.generation = world.on_disk = 1;
        world.clean_stop = true;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_int_eq(tell(stop_it, 0), ST_DONE);
        ck_assert(strstr(world.order, "domain_stop svdm_release "));
        ck_assert(strstr(world.order, "svdm_open im_reseal "));
        ck_assert_uint_eq(summary().generation, 2);
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_int_eq(tell(stop_at_once, 0), ST_DONE);
        ck_assert_str_eq(world.order, "domain_list domain_destroy svdm_release ");
        ck_assert_uint_eq(world.generation, 2); /* what a power cut does is not vouched for */
}
END_TEST

/* What the guest wrote would be lost with a seal that is for what was there before. */
START_TEST(a_clean_stop_that_fails_is_repeated)
{
        for (int n = 4; n <= 9; n++) {
                world.generation = world.on_disk = 1;
                world.clean_stop = true;
                ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
                ck_assert_int_eq(tell(stop_it, n), ST_TPM);
                ck_assert(!world.domain && !world.mapped);
                ck_assert_int_eq(summary().state, VM_STOPPING);
                ck_assert_int_eq(tell(stop_it, 0), ST_DONE);
                ck_assert_int_eq(summary().state, VM_STOPPED);
                ck_assert_uint_eq(world.generation, 2);
        }
}
END_TEST

START_TEST(a_domain_that_is_gone_is_stopped)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        world.domain = world.running = false;
        world.clean_stop = true;
        ck_assert_int_eq(tell(stop_it, 0), ST_DONE);
        ck_assert(!world.mapped && !stopped_clean);
        ck_assert_uint_eq(world.generation, 1); /* nobody knows what it did to its disks */
        ck_assert_int_eq(summary().state, VM_STOPPED);
}
END_TEST

START_TEST(a_domain_that_does_not_stop_runs)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        for (int n = 1; n <= 2; n++) {
                ck_assert_int_eq(tell(stop_it, n), ST_TPM);
                ck_assert_int_eq(summary().state, VM_RUNNING);
                ck_assert(world.running && world.mapped);
        }
}
END_TEST

START_TEST(a_guest_ended_by_force_is_no_clean_stop)
{
        world.generation = world.on_disk = 1;
        world.clean_stop = world.forced = true;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_int_eq(tell(stop_it, 0), ST_DONE);
        ck_assert(!stopped_clean && !world.mapped);
        ck_assert_uint_eq(world.generation, 1);
        ck_assert_int_eq(summary().state, VM_STOPPED);
}
END_TEST

/* --- domains that end by themselves, or are not ours ---------------------------------------- */

static const struct {
        enum domain_reason reason;
        const char *on_crash;
        enum vm_state state;
        bool again, resealed; /* what happens with update="clean-stop" */
} ends[] = {
        {REASON_POWEROFF, "destroy", VM_STOPPED, false, true},
        {REASON_POWEROFF, "restart", VM_STOPPED, false, true},
        {REASON_REBOOT, "destroy", VM_RUNNING, true, true},
        {REASON_CRASH, "destroy", VM_STOPPED, false, false},
        {REASON_CRASH, "restart", VM_RUNNING, true, false},
        {REASON_CRASH, "preserve", VM_PRESERVED, false, false},
        {REASON_WATCHDOG, "restart", VM_RUNNING, true, false},
        /* not a crash: nobody knows what it is */
        {REASON_UNKNOWN, "restart", VM_STOPPED, false, false},
        {REASON_UNKNOWN, "preserve", VM_STOPPED, false, false},
};

START_TEST(an_end_is_followed)
{
        world.generation = world.on_disk = 1;
        world.clean_stop = true;
        world.on_crash = ends[_i].on_crash;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        ck_assert_int_eq(tell(follow_it, 0), ST_DONE);
        ck_assert_str_eq(world.order, ""); /* it runs */
        world.running = false;
        world.ended = ends[_i].reason;
        ck_assert_int_eq(tell(follow_it, 0), ST_DONE);
        ck_assert_int_eq(summary().state, ends[_i].state);
        ck_assert(world.running == ends[_i].again);
        ck_assert_uint_eq(world.generation, ends[_i].resealed ? 2 : 1);
        if (ends[_i].again)
                ck_assert(strstr(world.order, "im_unseal svdm_unlock domain_create "));
        if (ends[_i].state == VM_STOPPED)
                ck_assert(!world.domain && !world.mapped);
        if (ends[_i].state == VM_PRESERVED) {
                ck_assert(world.domain && world.mapped);
                ck_assert_int_eq(tell(stop_at_once, 0), ST_DONE);
                ck_assert(!world.domain && !world.mapped);
        }
}
END_TEST

START_TEST(a_restart_that_is_refused_leaves_a_stopped_vm)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        for (int n = 8; n <= 19; n++) { /* the steps of the start */
                world.running = false;
                world.ended = REASON_REBOOT;
                ck_assert_int_eq(tell(follow_it, n), ST_TPM);
                ck_assert(!world.domain && !world.mapped && !world.running);
                ck_assert_int_eq(summary().state, VM_STOPPED);
                ck_assert(strstr(summary().last_refusal, "played"));
                ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        }
}
END_TEST

START_TEST(a_guest_that_reboots_over_and_over_is_stopped)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        world.running = false;
        world.ended = REASON_REBOOT;
        ck_assert_int_eq(tell(follow_it, 0), ST_DONE);
        ck_assert_int_eq(summary().state, VM_RUNNING);
        world.running = false;
        world.ended = REASON_REBOOT;
        ck_assert_int_eq(tell(follow_it, 0), ST_REFUSED);
        ck_assert_int_eq(summary().state, VM_STOPPED);
        ck_assert(strstr(summary().last_refusal, "restart of VM db1"));
        ck_assert(!world.domain && !world.mapped);
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE); /* a person may */
}
END_TEST

START_TEST(a_domain_that_went_away_is_followed)
{
        world.generation = world.on_disk = 1;
        world.clean_stop = true;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        world.domain = world.running = false;
        world.foreign = _i; /* another one took its UUID */
        ck_assert_int_eq(tell(follow_it, 0), ST_DONE);
        ck_assert(!world.mapped);
        ck_assert_int_eq(summary().state, VM_STOPPED);
        ck_assert_uint_eq(world.generation, 1);
}
END_TEST

START_TEST(a_foreign_domain_is_left_alone)
{
        world.generation = world.on_disk = 1;
        world.foreign = true;
        ck_assert_int_eq(tell(start_vm, 0), ST_REFUSED); /* another status would drop the error */
        ck_assert_int_eq(error_last()->status, ST_REFUSED);
        ck_assert(strstr(error_last()->found, "foreign domain 7"));
        ck_assert(!world.mapped && !world.kept);
        ck_assert_int_eq(tell(stop_at_once, 0), ST_DONE);
        ck_assert_ptr_null(strstr(world.order, "domain_destroy")); /* checked there, too */
}
END_TEST

START_TEST(others_may_pause_a_vm)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        world.running = false;
        ck_assert_int_eq(tell(follow_it, 0), ST_DONE);
        ck_assert_int_eq(summary().state, VM_SUSPENDED);
        world.running = true;
        ck_assert_int_eq(tell(follow_it, 0), ST_DONE);
        ck_assert_int_eq(summary().state, VM_RUNNING);
}
END_TEST

/* --- the list ------------------------------------------------------------------------------- */

static struct vm_summary *listed(const struct caller *c, size_t *count)
{
        struct vm_summary *vms;

        ck_assert_int_eq(live_list(a, c, &vms, count), ST_DONE);
        return vms;
}

START_TEST(the_list_is_what_the_hypervisor_says)
{
        struct caller admin = {.roles = ADMIN},
                      verifier = {.roles = VERIFIER, .principal = {PRINCIPAL_USER, "1001"}};
        struct vm_summary *vms;
        size_t count;

        world.generation = world.on_disk = 1;
        ck_assert_int_eq(listed(&admin, &count)[0].state, VM_STOPPED);
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        world.fail_at = -1;
        vms = listed(&admin, &count);
        ck_assert_uint_eq(count, 1);
        ck_assert_int_eq(vms[0].state, VM_RUNNING);
        ck_assert_uint_eq(vms[0].domid, 7);
        listed(&verifier, &count);
        ck_assert_uint_eq(count, 0);
        world.ended = REASON_CRASH;
        ck_assert_int_eq(listed(&admin, &count)[0].state, VM_ENDED);
        world.domain = false;
        ck_assert_int_eq(listed(&admin, &count)[0].state, VM_GONE);
        world.foreign = true;
        world.ended = REASON_NONE;
        vms = listed(&admin, &count);
        ck_assert_uint_eq(count, 2);
        ck_assert(!vms[0].foreign && vms[1].foreign);
        ck_assert_int_eq(vms[0].state, VM_UNKNOWN); /* is it ours, and lost its mark? */
        ck_assert(!principal_is_valid(&vms[1].owner));
        verifier.principal.name = "0"; /* the owner of db1 */
        listed(&verifier, &count);
        ck_assert_uint_eq(count, 1);
}
END_TEST

/* --- facts ---------------------------------------------------------------------------------- */

START_TEST(facts_of_a_vm_are_of_what_it_starts_from)
{
        world.generation = world.on_disk = 1;
        ck_assert_int_eq(tell(start_vm, 0), ST_DONE);
        /* printf kernel | sha256sum */
        ck_assert_str_eq(
                world.facts,
                "{\"boot\":[{\"device\":\"kernel\",\"digest\":\"sha256:"
                "6923dd1bc0460082c5d55a831908c24a282860b7f1cd6c2b79cf1bc8857c639c\",\"size\":6}],"
                "\"config\":\"{}\",\"facts\":\"vm\",\"hypervisor\":\"sim\",\"version\":1}");
}
END_TEST

START_TEST(a_seal_names_no_other_vm)
{
        the_targets[1].argument = "db2";
        ck_assert_int_eq(tell(format_it, 0), ST_DENIED);
        the_targets[1].argument = "db1";
        ck_assert_int_eq(tell(format_it, 0), ST_DONE);
}
END_TEST

START_TEST(other_files_than_were_asked_for_are_not_used)
{
        world.generation = world.on_disk = 1;
        world.other_config = true;
        ck_assert_int_eq(tell(start_vm, 0), ST_PROTOCOL);
        ck_assert_ptr_null(strstr(world.order, "im_unseal"));
}
END_TEST

START_TEST(an_attestation_needs_the_xml_workers_good_end)
{
        struct caller admin = {.roles = ADMIN, .principal = the_asker};
        struct request r = {.arena = a, .caller = &admin};
        struct attest_req q = {.descriptor = {(const uint8_t *)"x", 1}};
        struct attest_rep p = {0};

        world.kind = DESCRIPTOR_ATTESTATION;
        world.xml_dies = _i;
        ck_assert_int_eq(attest_request(&r, &q, &p), _i ? ST_WORKER : ST_DONE);
        ck_assert_str_eq(
                world.order,
                _i ? "xml_descriptor svdm_open_attested config_parse svdm_open "
                   : "xml_descriptor svdm_open_attested config_parse svdm_open im_attest ");

        ck_assert_int_lt(fcntl(world.connection, F_GETFD), 0);
}
END_TEST

static size_t times(const char *word)
{
        size_t n = 0;

        for (const char *at = world.order; (at = strstr(at, word)); at++)
                n++;
        return n;
}

/* By its whole text, and only if the worker that read it ended well. */
START_TEST(a_descriptor_is_read_once)
{
        struct caller admin = {.roles = ADMIN, .principal = the_asker};
        struct request r = {.arena = a, .caller = &admin};
        static const char *const texts[] = {"x", "x", "x", "xy", "x"};
        static const size_t reads[] = {1, 2, 2, 3, 3};

        world.kind = DESCRIPTOR_ATTESTATION;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                struct attest_req q = {.descriptor = {(const uint8_t *)texts[i], strlen(texts[i])}};
                struct attest_rep p = {0};

                world.xml_dies = i == 0;
                ck_assert_int_eq(attest_request(&r, &q, &p), i ? ST_DONE : ST_WORKER);
                ck_assert_uint_eq(times("xml_descriptor"), reads[i]);
        }
        ck_assert_uint_eq(times("im_attest"), 4);
}
END_TEST

/* What is remembered of one kind is not taken for another. */
START_TEST(a_remembered_descriptor_has_its_kind)
{
        const struct bytes text = {(const uint8_t *)"x", 1};
        struct descriptor d;

        world.kind = DESCRIPTOR_ATTESTATION;
        ck_assert_int_eq(descriptors_read(text, DESCRIPTOR_ATTESTATION, a, &d), ST_DONE);
        ck_assert_int_eq(descriptors_read(text, DESCRIPTOR_SEALING, a, &d), ST_INVALID);
        ck_assert_int_eq(descriptors_read(text, DESCRIPTOR_ATTESTATION, a, &d), ST_DONE);
        ck_assert_int_eq(d.kind, DESCRIPTOR_ATTESTATION);
        ck_assert_uint_eq(times("xml_descriptor"), 1);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("stories");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, begin, end);
        tcase_add_test(t, order_of_a_start);
        tcase_add_test(t, a_failed_start_leaves_nothing);
        tcase_add_loop_test(t, a_start_ends_with_its_connection, 0, 2);
        tcase_add_loop_test(t, a_hibernation_ends_with_its_connection, 0, 2);
        tcase_add_loop_test(t, a_seal_ends_with_its_connection, 0, 2);
        tcase_add_loop_test(t, a_seal_is_forgotten_everywhere_or_nowhere, 0, 2);
        tcase_add_test(t, a_seal_whose_record_is_unread_is_not_given_up_unsaid);
        tcase_add_test(t, a_seal_whose_headers_are_not_written_counts_and_says_so);
        tcase_add_loop_test(t, a_cancelled_format_says_what_it_has_overwritten, 0, 2);
        tcase_add_loop_test(t, an_attached_device_goes_with_the_connection, 0, 2);
        tcase_add_test(t, a_disk_goes_and_comes);
        tcase_add_test(t, an_interface_goes_and_comes);
        tcase_add_test(t, order_of_a_hibernation);
        tcase_add_loop_test(t, a_failed_hibernation_lets_it_run_on, 0, 2);
        tcase_add_test(t, a_guest_runs_on_though_integrity_mgr_is_gone);
        tcase_add_loop_test(t, a_hibernation_cut_short_is_completed, 0, 2);
        tcase_add_test(t, a_guest_left_saved_without_an_image_runs_on);
        tcase_add_test(t, a_failed_wake_keeps_the_image);
        tcase_add_test(t, an_image_is_given_up);
        tcase_add_test(t, what_is_measured_whole_does_not_hibernate);
        tcase_add_loop_test(t, a_failed_attach_leaves_nothing, 0, 2);
        tcase_add_test(t, what_may_not_come);
        tcase_add_test(t, an_attach_is_checked_as_a_start_is);
        tcase_add_test(t, a_guest_may_keep_its_disk);
        tcase_add_test(t, a_start_whose_answer_is_lost_leaves_nothing);
        tcase_add_loop_test(t, devices_are_checked_before_they_are_opened, 0,
                            sizeof checks / sizeof *checks);
        tcase_add_test(t, a_start_that_a_check_refuses_leaves_nothing);
        tcase_add_test(t, the_current_state);
        tcase_add_loop_test(t, the_current_state_is_what_plug_ins_tell, 0, 2);
        tcase_add_test(t, one_device_is_checked);
        tcase_add_test(t, sealing_again_is_checked_as_a_start_is);
        tcase_add_test(t, a_check_is_for_a_device_that_there_is);
        tcase_add_test(t, only_a_sealed_vm_starts);
        tcase_add_test(t, order_of_seals);
        tcase_add_test(t, a_seal_that_was_made_anew_is_followed_by_the_next);
        tcase_add_test(t, a_lost_record_lets_nothing_be_formatted);
        tcase_add_loop_test(t, a_lost_seal_settles_nothing, 0, 2);
        tcase_add_loop_test(t, a_mere_definition_takes_no_disk, 0, 2);
        tcase_add_loop_test(t, what_lies_on_a_disk_decides, 0, sizeof contents / sizeof *contents);
        tcase_add_loop_test(t, a_failed_seal_is_whole_or_nothing, 0, 2);
        tcase_add_test(t, a_lost_answer_to_a_seal_is_found_again);
        tcase_add_test(t, the_other_kind_of_descriptor_is_refused);
        tcase_add_loop_test(t, an_attestation_needs_the_xml_workers_good_end, 0, 2);
        tcase_add_test(t, a_descriptor_is_read_once);
        tcase_add_test(t, a_remembered_descriptor_has_its_kind);
        tcase_add_test(t, order_of_a_stop);
        tcase_add_test(t, a_clean_stop_reseals);
        tcase_add_test(t, a_clean_stop_that_fails_is_repeated);
        tcase_add_test(t, a_domain_that_is_gone_is_stopped);
        tcase_add_test(t, a_domain_that_does_not_stop_runs);
        tcase_add_test(t, a_guest_ended_by_force_is_no_clean_stop);
        tcase_add_loop_test(t, an_end_is_followed, 0, sizeof ends / sizeof *ends);
        tcase_add_test(t, a_restart_that_is_refused_leaves_a_stopped_vm);
        tcase_add_test(t, a_guest_that_reboots_over_and_over_is_stopped);
        tcase_add_loop_test(t, a_domain_that_went_away_is_followed, 0, 2);
        tcase_add_test(t, a_foreign_domain_is_left_alone);
        tcase_add_test(t, others_may_pause_a_vm);
        tcase_add_test(t, the_list_is_what_the_hypervisor_says);
        tcase_add_test(t, facts_of_a_vm_are_of_what_it_starts_from);
        tcase_add_test(t, a_seal_names_no_other_vm);
        tcase_add_test(t, other_files_than_were_asked_for_are_not_used);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
