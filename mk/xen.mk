# SPDX-License-Identifier: Apache-2.0
# The test bed: a real Xen with a real Dom0 in an emulated machine. See tests/xen/run.
.PHONY: check-xen xen-shell
check-xen: all
	scripts/setup --xen
	B=$(B) tests/xen/run $(XEN_SCRIPTS)
xen-shell: all
	scripts/setup --xen
	B=$(B) tests/xen/shell
