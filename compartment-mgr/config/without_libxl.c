/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxlutil fills structs of libxl and needs four functions of libxl for that, which only touch
 * memory. Here they are, so that the process that reads an xl.cfg has no libxl in it, nor what
 * libxl brings along to speak to the hypervisor. For config_worker and the tests of what it does
 * only.
 */
#include <libxl.h>

#include <stdlib.h>
#include <string.h>

/* libxl.h: 0 is the default, what was set is greater or less. */
void libxl_defbool_set(libxl_defbool *db, bool b)
{
        db->val = b ? 1 : -1;
}

bool libxl_defbool_is_default(libxl_defbool db)
{
        return !db.val;
}

void libxl_device_disk_init(libxl_device_disk *d)
{
        memset(d, 0, sizeof *d);
}

void libxl_device_disk_dispose(libxl_device_disk *d)
{
        free(d->backend_domname);
        free(d->pdev_path);
        free(d->vdev);
        free(d->script);
        free(d->colo_host);
        free(d->colo_export);
        free(d->active_disk);
        free(d->hidden_disk);
        memset(d, 0, sizeof *d);
}
