/* SPDX-License-Identifier: Apache-2.0 */
/* measure.h and judge.h without workers: what is found is what the test says. */
#ifndef BULKHEAD_TESTS_FAULT_FAKE_MEASURE_H
#define BULKHEAD_TESTS_FAULT_FAKE_MEASURE_H

#include "integrity-mgr/measure.h"

extern struct measurement fake_found[2];
extern struct plugin_seen fake_plugins[2];
extern enum status fake_verdict; /* of all predicates */
void fake_measure_reset(void);   /* disk:/a and luks:/b, as they were */

#endif
