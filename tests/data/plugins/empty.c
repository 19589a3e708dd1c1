/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object, but no plug-in. */
int bulkhead_nothing;
