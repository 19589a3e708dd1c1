/* SPDX-License-Identifier: Apache-2.0 */
/* The host's policy of networks: any bytes permit, deny or are refused with a line; and a file that
 * names no such bridge never permits. */
#include "compartment-mgr/networks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        static const struct principal owner = {PRINCIPAL_USER, "1000"};
        const struct nic nic = {"vif0", "xenbr0", "00:16:3e:00:00:01"};
        uint8_t *copy = malloc(len ? len : 1);
        enum status s;

        memcpy(copy, data, len);
        s = networks_judge("networks", (struct bytes){copy, len}, &nic, "web01", &owner);
        assert(s == ST_DONE || s == ST_DENIED || s == ST_INVALID);
        assert(s != ST_DONE || memmem(copy, len, "xenbr0", 6));
        free(copy);
        return 0;
}
