/* SPDX-License-Identifier: Apache-2.0 */
/* CASE 0 compiles. Each other CASE has a wrong type and must not (scripts/check-sources). */
#include "lib/message.h"

struct call call(void);
struct call call(void)
{
        static const struct im_sealed_req request;
        static struct im_sealed_rep reply;
#if CASE == 0
        return CALL(im_sealed, &request, &reply);
#elif CASE == 1 /* the request of another message */
        static struct im_forget_rep forgotten;
        return CALL(im_forget, &request, &forgotten);
#elif CASE == 2 /* a reply of another message */
        static struct im_forget_rep forgotten;
        return CALL(im_sealed, &request, &forgotten);
#elif CASE == 3 /* the two exchanged */
        return CALL(im_sealed, &reply, &request);
#elif CASE == 4 /* a reply that cannot be written */
        static const struct im_sealed_rep constant;
        return CALL(im_sealed, &request, &constant);
#elif CASE == 5 /* no pointer */
        return CALL(im_sealed, request, &reply);
#elif CASE == 6 /* a pointer to anything */
        return CALL(im_sealed, (const void *)&request, &reply);
#elif CASE == 7 /* the same fields under another number */
        static const struct vm_start_req start;
        static struct vm_destroy_rep destroyed;
        return CALL(vm_destroy, &start, &destroyed);
#elif CASE == 8 /* an event of another kind */
        return (struct call){.number = TELL(vm_changed, &request).number};
#else
#error "no such case"
#endif
}
