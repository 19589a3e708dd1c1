/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xl.cfg to canonical JSON. The expected JSON was written by Python:
 *   json.dumps(config, sort_keys=True, separators=(",", ":"))
 */
#include "compartment-mgr/config/xl_config.h"

#include <check.h>
#include <dlfcn.h>
#include <libxl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define M "name='m'\ntype='pvh'\nmemory=64\nkernel='/k'\n"

static struct arena *a;
static uint8_t random_bytes[XL_CONFIG_RANDOM];

static void begin(void)
{
        a = arena_new();
        for (size_t i = 0; i < sizeof random_bytes; i++)
                random_bytes[i] = (uint8_t)i;
        error_clear();
}

static void end(void)
{
        arena_free(a);
}

static enum status read_it(struct bytes text, const struct uuid *uuid, struct xl_config *out)
{
        const struct xl_config_input in = {
                .text = text, .uuid = uuid ? *uuid : (struct uuid){}, .random = random_bytes};

        return xl_config_read(a, &in, out, NULL);
}

static enum status read_text(const char *text, struct xl_config *out)
{
        return read_it((struct bytes){(const uint8_t *)text, strlen(text)}, NULL, out);
}

static const struct {
        const char *text, *json;
} good[] = {
        {"# comment with a key = 'value'\n"
         "name = \"db1\"; uuid = \"11111111-2222-4333-8444-555555555555\"\n"
         "type = 'pvh'\nkernel = '/boot/vmlinuz'\nramdisk = '/boot/initrd'\n"
         "extra = 'console=hvc0 root=/dev/xvda'\nmemory = 512\nmaxmem = 0x400\nvcpus = 2\n"
         "disk = [ 'phy:/dev/vg/db01,xvda,w',\n"
         "         'format=raw,vdev=xvdb,access=ro,target=/srv/a,b.img', ]\n"
         "vif = [ 'mac=00:16:3E:AA:BB:CC,bridge=br7', '' ]\non_crash = 'preserve'\n",
         "{\"cmdline\":\"console=hvc0 root=/dev/xvda\",\"disks\":[{\"device\":\"xvda\",\""
         "path\":\"/dev/vg/db01\",\"writable\":true},{\"device\":\"xvdb\",\"path\":\"/srv/"
         "a,b.img\",\"writable\":false}],\"kernel\":\"/boot/vmlinuz\",\"maxmem\":1024,\""
         "maxvcpus\":2,\"memory\":512,\"name\":\"db1\",\"on_crash\":\"preserve\",\"on_powe"
         "roff\":\"destroy\",\"on_reboot\":\"restart\",\"ramdisk\":\"/boot/initrd\",\"type"
         "\":\"pvh\",\"uuid\":\"11111111-2222-4333-8444-555555555555\",\"vcpus\":2,\"ver"
         "sion\":1,\"vifs\":[{\"bridge\":\"br7\",\"mac\":\"00:16:3e:aa:bb:cc\"},{\"bridge\""
         ":\"xenbr0\",\"mac\":\"00:16:3e:13:14:15\"}]}"},
        {M, "{\"disks\":[],\"kernel\":\"/"
            "k\",\"maxmem\":64,\"maxvcpus\":1,\"memory\":64,\"name\":\"m\",\"on_cras"
            "h\":\"destroy\",\"on_poweroff\":\"destroy\",\"on_reboot\":\"restart\",\"type\":\"p"
            "vh\",\"uuid\":\"00010203-0405-4607-8809-0a0b0c0d0e0f\",\"vcpus\":1,\"version"
            "\":1,\"vifs\":[]}"},
        {"name='m'\nbuilder='generic'\nkernel='/k'\nmemory=64\nroot='/dev/xvda1'\n"
         "extra='say=\"hi\" \\\\ it\\'s'\n",
         "{\"cmdline\":\"root=/dev/xvda1 say=\\\"hi\\\" \\\\ "
         "it's\",\"disks\":[],\"kernel\":\"/k\",\"maxmem\":"
         "64,\"maxvcpus\":1,\"memory\":64,\"name\":\"m\",\"on_crash\":\"destroy\",\"on_powe"
         "roff\":\"destroy\",\"on_reboot\":\"restart\",\"type\":\"pv\",\"uuid\":\"00010203-"
         "0405-4607-8809-0a0b0c0d0e0f\",\"vcpus\":1,\"version\":1,\"vifs\":[]}"},
};

START_TEST(is_canonical)
{
        struct xl_config c;

        ck_assert_int_eq(read_text(good[_i].text, &c), ST_DONE);
        ck_assert_str_eq((const char *)c.json.data, good[_i].json);
        ck_assert_uint_eq(c.json.len, strlen(good[_i].json));
}
END_TEST

START_TEST(disks_are_listed)
{
        struct xl_config c;

        ck_assert_int_eq(read_text(good[0].text, &c), ST_DONE);
        ck_assert_str_eq(c.name, "db1");
        ck_assert_uint_eq(c.disks_count, 2);
        ck_assert_str_eq(c.disks[0].device, "xvda");
        ck_assert_str_eq(c.disks[0].path, "/dev/vg/db01");
        ck_assert_str_eq(c.disks[0].kind, "crypt");
        ck_assert(c.disks[0].writable);
        ck_assert_str_eq(c.disks[1].path, "/srv/a,b.img");
        ck_assert_str_eq(c.disks[1].kind, "verity");
        ck_assert(!c.disks[1].writable);
}
END_TEST

static const struct {
        const char *text;
        enum status status;
        const char *subject; /* a part of it */
} bad[] = {
        {"", ST_INVALID, "xl.cfg"},
        {"name='m'\ntype='pvh'\nkernel='/k'\n", ST_INVALID, "memory"},
        {"type='pvh'\nkernel='/k'\nmemory=64\n", ST_INVALID, "name"},
        {"name='m'\nmemory=64\n", ST_INVALID, "kernel"},
        {"name='a b'\ntype='pvh'\nkernel='/k'\nmemory=64\n", ST_INVALID, "name"},
        {"name='../x'\ntype='pvh'\nkernel='/k'\nmemory=64\n", ST_INVALID, "name"},
        {"name='11111111-2222-4333-8444-555555555555'\ntype='pvh'\nkernel='/k'\nmemory=64\n",
         ST_INVALID, "name"},
        {M "uuid='1234'\n", ST_INVALID, "uuid"},
        {M "uuid='00000000-0000-0000-0000-000000000000'\n", ST_INVALID, "uuid"},
        {M "memory=65\n", ST_INVALID, "memory"}, /* twice */
        {M "vcpus=0\n", ST_INVALID, "vcpus"},
        {M "vcpus=99999999999999999999\n", ST_INVALID, "vcpus"},
        {M "maxmem=32\n", ST_INVALID, "maxmem"},
        {M "kernel='vmlinuz'\n", ST_INVALID, "kernel"},
        {M "kernel=['/vmlinuz']\n", ST_INVALID, "kernel"},
        {M "cmdline='a'\nextra='b'\n", ST_INVALID, "cmdline"},
        {M "extra='\xc3\xa4'\n", ST_INVALID, "extra"},
        {M "builder='hvm'\n", ST_INVALID, "builder"},
        {M "on_crash='coredump-restart'\n", ST_UNSUPPORTED, "on_crash"},
        {M "bootloader='pygrub'\n", ST_UNSUPPORTED, "bootloader"},
        {M "device_model_override='/tmp/qemu'\n", ST_UNSUPPORTED, "device_model_override"},
        {M "pci=['00:1f.0']\n", ST_UNSUPPORTED, "pci"},
        {M "x.y=1\n", ST_UNSUPPORTED, "x.y"},
        {M "memory 7\n", ST_INVALID, "memory"},
        {M "vcpus=\n", ST_INVALID, "vcpus"},
        {M "extra='x\n", ST_INVALID, "extra"},
        {M "disk='/x,raw,xvda,w'\n", ST_INVALID, "disk"},
        {M "disk=[['/x,raw,xvda,w']]\n", ST_INVALID, "disk"},
        {M "disk=['/x']\n", ST_INVALID, "disk '/x'"},
        {M "disk=['x,raw,xvda,w']\n", ST_UNSUPPORTED, "disk 'x"},
        {M "disk=['/x,qcow2,xvda,w']\n", ST_UNSUPPORTED, "disk '/x"},
        {M "disk=['/x,raw,xvda,w,script=evil']\n", ST_UNSUPPORTED, "disk '/x"},
        {M "disk=['nbd:/x,xvda,w']\n", ST_UNSUPPORTED, "disk 'nbd"},
        {M "disk=['/x,raw,hdc:cdrom,r']\n", ST_UNSUPPORTED, "disk '/x"},
        {M "disk=['/x,raw,xvda,w,backend=dom7']\n", ST_UNSUPPORTED, "disk '/x"},
        {M "disk=['/x,raw,xvda,w,backendtype=qdisk']\n", ST_UNSUPPORTED, "disk '/x"},
        {M "disk=['/x,raw,../a,w']\n", ST_UNSUPPORTED, "disk '/x"},
        {M "disk=['/x,raw,xvda,w','/x,raw,xvdb,w']\n", ST_INVALID, "disk"},
        {M "disk=['/x,raw,xvda,w','/y,raw,xvda,w']\n", ST_INVALID, "disk"},
        {M "vif=['script=vif-evil']\n", ST_UNSUPPORTED, "vif script"},
        {M "vif=['rate=1MB/s']\n", ST_UNSUPPORTED, "vif rate"},
        {M "vif=['mac=00:16:3e:00:00:01','mac=00:16:3E:00:00:01']\n", ST_INVALID, "vif mac"},
        {"name='m'\ntype='hvm'\nkernel='/k'\nmemory=64\n", ST_UNSUPPORTED, "type"},
        {M "extra=quiet\n", ST_INVALID, "extra"},
        {M "disk=['/x,raw,xvda,w','/y,raw,hda,w']\n", ST_INVALID, "disk"},
        {M "disk=['/x,raw,xvda,w','/y,raw,0xca00,w']\n", ST_INVALID, "disk"},
        {M "disk=['/x,raw,xvdb,w','/y,raw,51728,w']\n", ST_INVALID, "disk"},
        {M "disk=['/s/x,raw,xvda,w','/s//x,raw,xvdb,w']\n", ST_INVALID, "disk"},
        {M "disk=['/s/x,raw,xvda,w','/s/./x,raw,xvdb,w']\n", ST_INVALID, "disk"},
        {M "disk=['/s/../x,raw,xvdb,w']\n", ST_INVALID, "disk"},
        {M "vif=['mac=01:16:3e:00:00:01']\n", ST_INVALID, "vif mac"}, /* a group */
        {M "vif=['mac=00:00:00:00:00:00']\n", ST_INVALID, "vif mac"},
        {M "vif=['mac=00-16-3e-00-00-01']\n", ST_INVALID, "vif mac"},
        {M "vif=['bridge=a/b']\n", ST_INVALID, "vif bridge"},
        {M "vif=['bridge=sixteen-letters-']\n", ST_INVALID, "vif bridge"},
};

START_TEST(is_refused)
{
        struct xl_config c;

        ck_assert_int_eq(read_text(bad[_i].text, &c), bad[_i].status);
        ck_assert_int_eq(error_last()->status, bad[_i].status);
        ck_assert_msg(strstr(error_last()->subject, bad[_i].subject), "%s", error_last()->subject);
        ck_assert_ptr_null(c.json.data);
}
END_TEST

START_TEST(keys_in_strings_and_comments_are_none)
{
        struct xl_config c;

        ck_assert_int_eq(read_text(M "extra='bootloader=\\'x\\' # pci=1'\n#pci=['00:1f.0']\n", &c),
                         ST_DONE);
        ck_assert(strstr((const char *)c.json.data, "\"bootloader='x' # pci=1\""));
}
END_TEST

START_TEST(uuid_is_the_vms)
{
        struct xl_config c;
        struct uuid own;
        char text[37];

        ck_assert(uuid_read("99999999-2222-4333-8444-555555555555", &own));
        ck_assert_int_eq(read_it((struct bytes){(const uint8_t *)M, strlen(M)}, &own, &c),
                         ST_DONE);
        uuid_write(&c.uuid, text);
        ck_assert_str_eq(text, "99999999-2222-4333-8444-555555555555");
        ck_assert_int_eq(
                read_it((struct bytes){(const uint8_t *)good[0].text, strlen(good[0].text)},
                           &own, &c),
                ST_INVALID);
}
END_TEST

START_TEST(limits)
{
        size_t len = XL_CONFIG_MOST + 1, n = 0;
        char *text = arena_get(a, len + 1);
        struct xl_config c;

        memset(text, ' ', len);
        memcpy(text, M, strlen(M));
        ck_assert_int_eq(read_it((struct bytes){(uint8_t *)text, len - 1}, NULL, &c), ST_DONE);
        ck_assert_int_eq(read_it((struct bytes){(uint8_t *)text, len}, NULL, &c), ST_TOO_LARGE);
        text[len - 2] = 0;
        ck_assert_int_eq(read_it((struct bytes){(uint8_t *)text, len - 1}, NULL, &c),
                         ST_INVALID);
        n = (size_t)sprintf(text, M "disk=[");
        for (int i = 0; i < DISKS_MOST; i++)
                n += (size_t)sprintf(text + n, "'/d%d,raw,xvd%s%c,w',", i, i < 26 ? "" : "a",
                                     'a' + i % 26);
        sprintf(text + n, "]\n");
        ck_assert_int_eq(read_text(text, &c), ST_DONE);
        ck_assert_uint_eq(c.disks_count, DISKS_MOST);
        sprintf(text + n, "'/e,raw,xvde,w']\n");
        ck_assert_int_eq(read_text(text, &c), ST_TOO_LARGE);
}
END_TEST

/* --- what is stored, read again ------------------------------------------------------------- */

static enum status parse(const char *text, struct vm_config *out)
{
        return xl_config_parse(a, (struct bytes){(const uint8_t *)text, strlen(text)}, out);
}

static void check_disk(const struct disk *d, const char *device, const char *path, const char *kind,
                       bool writable)
{
        ck_assert_str_eq(d->device, device);
        ck_assert_str_eq(d->path, path);
        ck_assert_str_eq(d->kind, kind);
        ck_assert(d->writable == writable);
}

START_TEST(stored_json_is_read_whole)
{
        struct vm_config c;
        char uuid[37];

        ck_assert_int_eq(parse(good[0].json, &c), ST_DONE);
        uuid_write(&c.uuid, uuid);
        ck_assert_str_eq(uuid, "11111111-2222-4333-8444-555555555555");
        ck_assert_str_eq(c.name, "db1");
        ck_assert_str_eq(c.type, "pvh");
        ck_assert_str_eq(c.cmdline, "console=hvc0 root=/dev/xvda");
        ck_assert_uint_eq(c.memory, 512);
        ck_assert_uint_eq(c.maxmem, 1024);
        ck_assert_uint_eq(c.vcpus, 2);
        ck_assert_uint_eq(c.maxvcpus, 2);
        ck_assert_str_eq(c.on_poweroff, "destroy");
        ck_assert_str_eq(c.on_reboot, "restart");
        ck_assert_str_eq(c.on_crash, "preserve");
        ck_assert_uint_eq(c.boot.count, 2);
        ck_assert_str_eq(c.boot.items[0].name, "kernel");
        ck_assert_str_eq(c.boot.items[0].path, "/boot/vmlinuz");
        ck_assert_str_eq(c.boot.items[1].name, "ramdisk");
        ck_assert_str_eq(c.boot.items[1].path, "/boot/initrd");
        ck_assert_uint_eq(c.disks.count, 2);
        check_disk(&c.disks.items[0], "xvda", "/dev/vg/db01", "crypt", true);
        check_disk(&c.disks.items[1], "xvdb", "/srv/a,b.img", "verity", false);
        ck_assert_uint_eq(c.nics.count, 2);
        ck_assert_str_eq(c.nics.items[0].device, "vif0");
        ck_assert_str_eq(c.nics.items[0].bridge, "br7");
        ck_assert_str_eq(c.nics.items[0].mac, "00:16:3e:aa:bb:cc");
        ck_assert_str_eq(c.nics.items[1].device, "vif1");
        ck_assert_str_eq(c.nics.items[1].bridge, "xenbr0");
        ck_assert_str_eq(c.nics.items[1].mac, "00:16:3e:13:14:15");
}
END_TEST

START_TEST(what_is_not_stored_is_empty)
{
        struct vm_config c;

        ck_assert_int_eq(parse(good[1].json, &c), ST_DONE);
        ck_assert_str_eq(c.type, "pvh");
        ck_assert_str_eq(c.cmdline, "");
        ck_assert_uint_eq(c.disks.count, 0);
        ck_assert_uint_eq(c.nics.count, 0);
}
END_TEST

/* Each configuration that is written can be read. */
START_TEST(what_is_written_is_read)
{
        struct xl_config written;
        struct vm_config c;

        ck_assert_int_eq(read_text(good[_i].text, &written), ST_DONE);
        ck_assert_int_eq(xl_config_parse(a, written.json, &c), ST_DONE);
        ck_assert_str_eq(c.name, written.name);
        ck_assert_mem_eq(&c.uuid, &written.uuid, sizeof c.uuid);
}
END_TEST

/* JSON made bad by replacing one text in the good one. */
static const struct {
        const char *from, *to;
} damages[] = {
        {"{\"cmdline", "[\"cmdline"},
        {"\"version\":1", "\"version\":2"},
        {"\"version\":1,", ""},
        {"\"cmdline\":\"console=hvc0 root=/dev/xvda\"", "\"cmdline\":7"},
        {"hvc0", "hvc0\\u0000x"},
        {"hvc0", "hvc0\\n"},
        {"hvc0", "hvc\xff"},
        {"\"disks\":[", "\"discs\":["},
        {"\"disks\":[{", "\"disks\":{\"x\":[{"},
        {"\"disks\":[{", "\"disks\":[7,{"},
        {"\"disks\":[", "\"disks\":[null,"},
        {"\"writable\":true", "\"writable\":1"},
        {"\"writable\":true", "\"writeable\":true"},
        {"\"path\":\"", "\"Path\":\""},
        {"\"path\":\"/dev", "\"path\":\"dev"},
        {"\"path\":\"/dev", "\"path\":\"/dev\\u0000"},
        {"\"device\":\"xvda\"", "\"device\":{}"},
        {"\"device\":\"xvda\"", "\"device\":\"\""},
        {"\"device\":\"xvda\"", "\"device\":\"../a\""},
        {"\"kernel\":\"/boot", "\"kernel\":\"boot"},
        {"\"kernel\":\"/boot/vmlinuz\"", "\"kernel\":[]"},
        {"\"ramdisk\":\"/boot/initrd\"", "\"ramdisk\":null"},
        {"\"memory\":512", "\"memory\":0"},
        {"\"memory\":512", "\"memory\":-1"},
        {"\"memory\":512", "\"memory\":\"512\""},
        {"\"memory\":512", "\"memory\":5.5"},
        {"\"memory\":512,", ""},
        {"\"maxmem\":1024", "\"maxmem\":null"},
        {"\"vcpus\":2", "\"vcpus\":4294967296"},
        {"\"maxvcpus\":2", "\"maxvcpus\":4294967296"},
        {"\"maxvcpus\":2", "\"maxvcpus\":true"},
        {"\"name\":\"db1\"", "\"name\":\"\""},
        {"\"name\":\"db1\"", "\"name\":\"d b\""},
        {"\"name\":\"db1\"",
         "\"name\":\"1234567890123456789012345678901234567890123456789012345678901234\""},
        {"\"name\":\"db1\",", ""},
        {"\"type\":\"pvh\"", "\"type\":\"\""},
        {"\"type\":\"pvh\"", "\"type\":1"},
        {"\"on_crash\":\"preserve\"", "\"on_crash\":\"pre serve\""},
        {"\"on_poweroff\":\"destroy\",", ""},
        {"\"on_reboot\":\"restart\"", "\"on_reboot\":{}"},
        {"11111111-2222", "11111111+2222"},
        {"\"uuid\":", "\"Uuid\":"},
        {"\"vifs\":[", "\"vifs\":"},
        {"\"vifs\":[", "\"vifs\":[[],"},
        {"\"bridge\":\"br7\"", "\"bridge\":\"b/7\""},
        {"\"bridge\":\"br7\"", "\"bridges\":\"br7\""},
        {"\"mac\":\"00:16:3e:aa:bb:cc\"", "\"mac\":null"},
};

START_TEST(damaged_json_is_refused)
{
        const char *json = good[0].json, *at = strstr(json, damages[_i].from);
        struct vm_config c;

        ck_assert_msg(at != NULL, "%s", damages[_i].from);
        ck_assert_int_eq(parse(arena_print(a, "%.*s%s%s", (int)(at - json), json, damages[_i].to,
                                           at + strlen(damages[_i].from)),
                               &c),
                         ST_DAMAGED);
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, "backup"));
}
END_TEST

START_TEST(cut_off_json_is_refused)
{
        struct vm_config c;

        for (size_t n = 0; n < strlen(good[0].json); n++)
                ck_assert_int_eq(
                        xl_config_parse(a, (struct bytes){(const uint8_t *)good[0].json, n}, &c),
                        ST_DAMAGED);
        ck_assert_int_eq(parse(arena_print(a, "%s{}", good[0].json), &c), ST_DAMAGED);
}
END_TEST

START_TEST(too_much_stored_is_refused)
{
        const char *rest = strstr(good[1].json, "[]") + 1;
        char *text = arena_get(a, 1 << 16);
        struct vm_config c;
        size_t n = (size_t)sprintf(text, "{\"disks\":[");

        for (int i = 0; i <= DISKS_MOST; i++) {
                sprintf(text + n, "%s", rest);
                if (i)
                        ck_assert_int_eq(parse(text, &c), ST_DONE);
                n += (size_t)sprintf(text + n,
                                     "%s{\"device\":\"d%d\",\"path\":\"/d%d\",\"writable\":true}",
                                     i ? "," : "", i, i);
        }
        sprintf(text + n, "%s", rest);
        ck_assert_int_eq(parse(text, &c), ST_DAMAGED);
}
END_TEST

/* --- the worker without libxl ---------------------------------------------------------------- */

static void *libxls(const char *name)
{
        void *f = dlsym(RTLD_NEXT, name);

        ck_assert_msg(f, "libxl has no %s", name);
        return f;
}

/* compartment-mgr/config/without_libxl.c stands before libxl here. */
START_TEST(what_stands_in_for_libxl_does_the_same)
{
        void (*init)(libxl_device_disk *) = libxls("libxl_device_disk_init");
        void (*set)(libxl_defbool *, bool) = libxls("libxl_defbool_set");
        bool (*is_default)(libxl_defbool) = libxls("libxl_defbool_is_default");
        libxl_device_disk ours, theirs;

        ck_assert(init != libxl_device_disk_init);
        memset(&ours, 0xff, sizeof ours);
        memset(&theirs, 0xff, sizeof theirs);
        libxl_device_disk_init(&ours);
        init(&theirs);
        ck_assert_mem_eq(&ours, &theirs, sizeof ours);
        ck_assert(is_default(ours.trusted) && libxl_defbool_is_default(ours.trusted));
        for (int b = 0; b <= 1; b++) {
                libxl_defbool_set(&ours.trusted, b);
                set(&theirs.trusted, b);
                ck_assert_mem_eq(&ours.trusted, &theirs.trusted, sizeof ours.trusted);
                ck_assert(!is_default(ours.trusted) && !libxl_defbool_is_default(ours.trusted));
        }
}
END_TEST

START_TEST(no_libxl_is_in_the_worker)
{
        char line[512];
        FILE *ldd = popen("ldd " BUILD_DIR "/config_worker", "r");
        int lines = 0;

        for (; fgets(line, sizeof line, ldd); lines++)
                ck_assert_msg(!strstr(line, "libxen") && !strstr(line, "libxl"), "%s", line);
        ck_assert_int_eq(pclose(ldd), 0);
        ck_assert_int_gt(lines, 2);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("xl_config");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, begin, end);
        tcase_add_loop_test(t, is_canonical, 0, sizeof good / sizeof *good);
        tcase_add_test(t, disks_are_listed);
        tcase_add_loop_test(t, is_refused, 0, sizeof bad / sizeof *bad);
        tcase_add_test(t, keys_in_strings_and_comments_are_none);
        tcase_add_test(t, uuid_is_the_vms);
        tcase_add_test(t, limits);
        tcase_add_test(t, stored_json_is_read_whole);
        tcase_add_test(t, what_is_not_stored_is_empty);
        tcase_add_loop_test(t, what_is_written_is_read, 0, sizeof good / sizeof *good);
        tcase_add_loop_test(t, damaged_json_is_refused, 0, sizeof damages / sizeof *damages);
        tcase_add_test(t, cut_off_json_is_refused);
        tcase_add_test(t, too_much_stored_is_refused);
        tcase_add_test(t, what_stands_in_for_libxl_does_the_same);
        tcase_add_test(t, no_libxl_is_in_the_worker);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
