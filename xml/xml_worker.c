/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml_worker: the only process in a daemon's reach that links libxml2. Started by compartment-mgr
 * as `xml_worker GRAMMARS` (the folder; default BULKHEAD_SHARE/descriptors). It loads the grammars,
 * then serves each descriptor in a child that holds nothing but its socket: no files, no network,
 * 256 MiB of memory at most, five seconds of CPU.
 */
#include "lib/config.h"
#include "lib/report.h"
#include "lib/worker.h"
#include "xml/descriptor.h"

#define XML_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

enum status on_xml_descriptor(struct request *r, const struct xml_descriptor_req *q,
                              struct xml_descriptor_rep *p)
{
        return descriptor_read(q->text, (enum hash_alg)q->alg, r->arena, &p->descriptor);
}

static const struct handler handlers[] = {
#define XML_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};

/* Reads an example, so that no library is left to be loaded behind the sandbox. */
static void rehearse(void)
{
        static const uint8_t example[] =
                "<attestation-desc><attestation type=\"tpm-based\"><measurement-desc type=\"tpm\">"
                "<measureTarget name=\"disk:/example\" dest=\"LOG\"/></measurement-desc>"
                "<attestTarget name=\"ALLPCRS\"/></attestation></attestation-desc>";
        struct arena *a = arena_new();
        struct descriptor d;

        descriptor_read((struct bytes){example, sizeof example - 1}, HASH_SHA256, a, &d);
        digest_of(HASH_SHA256, "", 0);
        digest_of(HASH_SHA384, "", 0);
        error_clear();
        arena_free(a);
}

int main(int argc, char **argv)
{
        static const struct sandbox sandbox = {
                .profile = SANDBOX_COMPUTE, .memory = 256 << 20, .cpu_seconds = 5};
        static const struct worker_duty duty = {.name = "xml_worker",
                                                .ahead = true,
                                                .handlers = handlers,
                                                .handlers_count =
                                                        sizeof handlers / sizeof *handlers,
                                                .sandbox = &sandbox,
                                                .rehearse = rehearse};
        char path[CONFIG_PATH];

        process_harden();
        report_open("xml_worker");
        config_init();
        if (argc > 2)
                fatal("compartment-mgr starts this program, as xml_worker GRAMMARS");
        if (descriptor_init(argc == 2 ? argv[1] : config_path(path, config.share, "descriptors")))
                fatal("%s: %s", error_last()->subject, error_last()->found);
        rehearse();
        sandbox_warm_up(sandbox.profile);
        worker_serve(&duty);
}
