/* SPDX-License-Identifier: Apache-2.0 */
/* libxl is told what the VM's configuration says, every field of it, and nothing more; and what
 * does not belong together, or can still change, is refused. */
#include "compartment-mgr/domain/domain_xen_config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct boot_file boot[2];
static struct disk disks[2];
static struct nic nics[2];
static struct block_device devices[2];
static struct domain_create_req q;
static libxl_domain_config built;

/* Dom0's devices, as this test has them. */
int __wrap_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st)
{
        static const struct {
                const char *path;
                mode_t mode;
                dev_t node;
        } files[] = {{"/dev/mapper/root", S_IFBLK, 0xfd01},
                     {"/dev/mapper/data", S_IFBLK, 0xfd02},
                     {"/srv/data.img", S_IFREG, 0}};

        memset(st, 0, sizeof *st);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
                if (!strcmp(path, files[i].path)) {
                        st->st_mode = files[i].mode;
                        st->st_rdev = files[i].node;
                        return 0;
                }
        errno = ENOENT;
        return -1;
}

static int sealed(int seals)
{
        int fd = memfd_create("boot", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
        return fd;
}

enum { SEALS = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK };

static void begin(void)
{
        boot[0] = (struct boot_file){"kernel", "/boot/vmlinuz"};
        boot[1] = (struct boot_file){"ramdisk", "/boot/initrd"};
        disks[0] = (struct disk){"xvda", "/srv/root.img", false, "verity"};
        disks[1] = (struct disk){"xvdb", "/srv/data.img", true, "crypt"};
        nics[0] = (struct nic){"vif0", "xenbr0", "00:16:3e:0a:0b:0c"};
        nics[1] = (struct nic){"vif1", "lan", "00:16:3e:01:02:03"};
        devices[0] = (struct block_device){"xvdb", "/dev/mapper/data", true, 0xfd02};
        devices[1] = (struct block_device){"xvda", "/dev/mapper/root", false, 0xfd01};
        q = (struct domain_create_req){
                .config = {.uuid = {"\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17"},
                           .name = "db01",
                           .type = "pv",
                           .cmdline = "root=/dev/xvda ro",
                           .memory = 256,
                           .maxmem = 512,
                           .vcpus = 3,
                           .maxvcpus = 12,
                           .on_poweroff = "destroy",
                           .on_reboot = "restart",
                           .on_crash = "destroy"}};
        q.config.boot = (struct boot_file_list){boot, 2};
        q.config.disks = (struct disk_list){disks, 2};
        q.config.nics.items = nics;
        q.config.nics.count = 2;
        q.devices.items = devices;
        q.devices.count = 2;
        q.kernel = sealed(SEALS);
        q.ramdisk = sealed(SEALS);
        libxl_domain_config_init(&built);
}

static void end(void)
{
        libxl_domain_config_dispose(&built);
        close(q.kernel);
        close(q.ramdisk);
}

static void build(void)
{
        ck_assert_int_eq(xen_config_check(&q), ST_DONE);
        libxl_domain_config_dispose(&built);
        xen_config_build(&q, "/usr/libexec/disk_hotplug", &built);
}

static void is_descriptor(const char *path, int fd)
{
        char expected[32];

        snprintf(expected, sizeof expected, "/proc/self/fd/%d", fd);
        ck_assert_str_eq(path, expected);
}

/* --- building ---------------------------------------------------------------------------- */

START_TEST(domain)
{
        build();
        ck_assert_str_eq(built.c_info.name, "db01");
        ck_assert_mem_eq(built.c_info.uuid.uuid, q.config.uuid.bytes, 16);
        ck_assert_int_eq(built.c_info.type, LIBXL_DOMAIN_TYPE_PV);
        ck_assert_int_eq(built.b_info.type, LIBXL_DOMAIN_TYPE_PV);
        ck_assert(libxl_defbool_val(built.c_info.run_hotplug_scripts));
        ck_assert_uint_eq(built.b_info.target_memkb, 256 * 1024);
        ck_assert_uint_eq(built.b_info.max_memkb, 512 * 1024);
        ck_assert_str_eq(built.b_info.cmdline, "root=/dev/xvda ro");
        ck_assert_ptr_null(built.b_info.bootloader);
        ck_assert_ptr_null(built.b_info.device_model);
}
END_TEST

START_TEST(cpus)
{
        build();
        ck_assert_int_eq(built.b_info.max_vcpus, 12);
        ck_assert_int_eq(libxl_bitmap_count_set(&built.b_info.avail_vcpus), 3);
        for (int i = 0; i < 12; i++)
                ck_assert_int_eq(!!libxl_bitmap_test(&built.b_info.avail_vcpus, i), i < 3);
}
END_TEST

START_TEST(pvh)
{
        q.config.type = "pvh";
        build();
        ck_assert_int_eq(built.c_info.type, LIBXL_DOMAIN_TYPE_PVH);
        ck_assert_int_eq(built.b_info.type, LIBXL_DOMAIN_TYPE_PVH);
}
END_TEST

START_TEST(boot_files)
{
        build();
        is_descriptor(built.b_info.kernel, q.kernel);
        is_descriptor(built.b_info.ramdisk, q.ramdisk);
        q.config.boot.count = 1; /* the kernel alone: no disk, no command line */
        q.config.disks.count = q.devices.count = 0;
        q.config.cmdline = "";
        close(q.ramdisk);
        q.ramdisk = -1;
        build();
        is_descriptor(built.b_info.kernel, q.kernel);
        ck_assert_ptr_null(built.b_info.ramdisk);
        ck_assert_ptr_null(built.b_info.cmdline);
        ck_assert_int_eq(built.num_disks, 0);
}
END_TEST

START_TEST(block_devices)
{
        build();
        ck_assert_int_eq(built.num_disks, 2);
        for (int i = 0; i < 2; i++) {
                const libxl_device_disk *d = &built.disks[i];

                ck_assert_str_eq(d->vdev, devices[i].device);
                ck_assert_str_eq(d->pdev_path, devices[i].path);
                ck_assert_int_eq(d->readwrite, devices[i].writable);
                ck_assert_int_eq(d->backend, LIBXL_DISK_BACKEND_PHY);
                ck_assert_int_eq(d->format, LIBXL_DISK_FORMAT_RAW);
                ck_assert_int_eq(d->is_cdrom, 0);
                ck_assert_str_eq(d->script, "/usr/libexec/disk_hotplug");
                ck_assert_ptr_null(d->backend_domname);
        }
}
END_TEST

START_TEST(interfaces)
{
        static const uint8_t macs[2][6] = {{0, 0x16, 0x3e, 0xa, 0xb, 0xc},
                                           {0, 0x16, 0x3e, 1, 2, 3}};

        build();
        ck_assert_int_eq(built.num_nics, 2);
        for (int i = 0; i < 2; i++) {
                const libxl_device_nic *n = &built.nics[i];

                ck_assert_int_eq(n->devid, i);
                ck_assert_str_eq(n->bridge, nics[i].bridge);
                ck_assert_mem_eq(n->mac, macs[i], 6);
                ck_assert_str_eq(n->script, "vif-bridge");
                ck_assert_int_eq(n->nictype, LIBXL_NIC_TYPE_VIF);
        }
}
END_TEST

/* Whatever the configuration says: it is compartment-mgr that restarts. */
START_TEST(ends)
{
        build();
        ck_assert_int_eq(built.on_poweroff, LIBXL_ACTION_ON_SHUTDOWN_PRESERVE);
        ck_assert_int_eq(built.on_reboot, LIBXL_ACTION_ON_SHUTDOWN_PRESERVE);
        ck_assert_int_eq(built.on_watchdog, LIBXL_ACTION_ON_SHUTDOWN_PRESERVE);
        ck_assert_int_eq(built.on_crash, LIBXL_ACTION_ON_SHUTDOWN_PRESERVE);
        ck_assert_int_eq(built.on_soft_reset, LIBXL_ACTION_ON_SHUTDOWN_PRESERVE);
}
END_TEST

START_TEST(nothing_more)
{
        build();
        ck_assert_int_eq(built.num_pcidevs + built.num_vfbs + built.num_vkbs + built.num_vtpms +
                                 built.num_p9s + built.num_pvcallsifs + built.num_channels +
                                 built.num_usbctrls + built.num_usbdevs + built.num_vdispls,
                         0);
}
END_TEST

/* --- refusing ------------------------------------------------------------------------------ */

static void refused(enum status expected, const char *about)
{
        ck_assert_int_eq(xen_config_check(&q), expected);
        if (!strstr(error_last()->subject, about))
                ck_abort_msg("'%s' does not name %s", error_last()->subject, about);
}

START_TEST(types)
{
        q.config.type = "hvm";
        refused(ST_UNSUPPORTED, "db01");
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, "pvh"));
        q.config.type = "";
        refused(ST_UNSUPPORTED, "db01");
}
END_TEST

START_TEST(boot_file_missing)
{
        int kernel = q.kernel, ramdisk = q.ramdisk;

        q.kernel = -1;
        refused(ST_INVALID, "kernel");
        q.kernel = kernel;
        q.ramdisk = -1;
        refused(ST_INVALID, "ramdisk");
        q.ramdisk = ramdisk;
        q.config.boot.count = 1; /* a ramdisk that the configuration does not name */
        refused(ST_INVALID, "ramdisk");
        q.config.boot.count = 0;
        refused(ST_UNSUPPORTED, "db01");
}
END_TEST

START_TEST(boot_file_not_sealed)
{
        static const int some[] = {0, F_SEAL_GROW | F_SEAL_SHRINK, F_SEAL_WRITE | F_SEAL_GROW,
                                   F_SEAL_WRITE | F_SEAL_SHRINK};

        close(q.kernel);
        q.kernel = sealed(some[_i]);
        refused(ST_INVALID, "kernel");
        close(q.kernel);
        q.kernel = open("/dev/null", O_RDONLY | O_CLOEXEC);
        refused(ST_INVALID, "kernel");
}
END_TEST

START_TEST(device_missing)
{
        q.devices.count = 1;
        refused(ST_INVALID, "xvda");
        q.devices.count = 2;
        q.config.disks.count = 1; /* a device too many */
        refused(ST_INVALID, "devices");
        q.config.disks.count = 2;
        devices[0].device = "xvdc";
        refused(ST_INVALID, "xvdb");
}
END_TEST

START_TEST(device_access)
{
        devices[1].writable = true;
        refused(ST_INVALID, "xvda");
        devices[1].writable = false;
        devices[0].writable = false;
        refused(ST_INVALID, "xvdb");
}
END_TEST

START_TEST(device_node)
{
        devices[0].node = 0xfd01;
        refused(ST_CHANGED, "xvdb");
        ck_assert_str_eq(error_last()->expected, "253:1");
        ck_assert_str_eq(error_last()->found, "253:2");
        devices[0].node = 0;
        refused(ST_UNSUPPORTED, "xvdb");
        devices[0].node = 0xfd02;
        devices[0].path = "/srv/data.img";
        refused(ST_UNSUPPORTED, "xvdb");
        devices[0].path = "/dev/mapper/nowhere";
        refused(ST_NOT_FOUND, "/dev/mapper/nowhere");
}
END_TEST

START_TEST(macs)
{
        static const char *const bad[] = {"",
                                          "00:16:3e:0a:0b",
                                          "00:16:3e:0a:0b:0c:0d",
                                          "00:16:3e:0a:0b:0",
                                          "0016:3e:0a:0b:0c:",
                                          "00:16:3e:0a:0b:xy"};

        nics[1].mac = bad[_i];
        refused(ST_INVALID, "vif1");
}
END_TEST

START_TEST(sizes)
{
        const struct vm_config good = q.config;

        q.config.memory = 513;
        refused(ST_INVALID, "db01");
        q.config = good;
        q.config.memory = 0;
        refused(ST_INVALID, "db01");
        q.config = good;
        q.config.maxmem = UINT64_MAX;
        refused(ST_INVALID, "db01");
        q.config = good;
        q.config.vcpus = 13;
        refused(ST_INVALID, "db01");
        q.config = good;
        q.config.vcpus = 0;
        refused(ST_INVALID, "db01");
        q.config = good;
        q.config.maxvcpus = UINT32_MAX;
        refused(ST_INVALID, "db01");
}
END_TEST

int main(void)
{
        Suite *s = suite_create("domain_xen_config");
        TCase *building = tcase_create("building"), *refusing = tcase_create("refusing");
        SRunner *r = srunner_create(s);
        int failed;

        tcase_add_checked_fixture(building, begin, end);
        tcase_add_test(building, domain);
        tcase_add_test(building, cpus);
        tcase_add_test(building, pvh);
        tcase_add_test(building, boot_files);
        tcase_add_test(building, block_devices);
        tcase_add_test(building, interfaces);
        tcase_add_test(building, ends);
        tcase_add_test(building, nothing_more);
        suite_add_tcase(s, building);
        tcase_add_checked_fixture(refusing, begin, end);
        tcase_add_test(refusing, types);
        tcase_add_test(refusing, boot_file_missing);
        tcase_add_loop_test(refusing, boot_file_not_sealed, 0, 4);
        tcase_add_test(refusing, device_missing);
        tcase_add_test(refusing, device_access);
        tcase_add_test(refusing, device_node);
        tcase_add_loop_test(refusing, macs, 0, 6);
        tcase_add_test(refusing, sizes);
        suite_add_tcase(s, refusing);
        srunner_run_all(r, CK_ENV);
        failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
