/* SPDX-License-Identifier: MIT
 *
 * Programs: how they are built and freed. See program.h.
 */
#include "core/program/program.h"

#include <string.h>

void jf_program_init(jf_Program *p, const jf_Plan *plan)
{
    memset(p, 0, sizeof *p);
    p->plan = plan;
}

void jf_program_free(jf_Program *p)
{
    jf_free(p->ins);
    jf_free(p->values);
    jf_free(p->calls);
    jf_free(p->args);
    memset(p, 0, sizeof *p);
}
