/* SPDX-License-Identifier: MIT
 *
 * The C side of fused.c, in a shared library as C functions that are called from
 * elsewhere mostly are: some CPUs take longer to call what lies more than 4 GiB
 * away, which an executable and the code made at run time do from each other.
 */
#include "fused_chain.h"

static double up(double x)
{
    return x + 1.5;
}

static double down(double x)
{
    return x * 0.5;
}

Step volatile chain[CHAIN] = {up, down, up, down, up, down, up, down, up, down};

double in_c(double x)
{
    for (int k = 0; k < CHAIN; k += 5) {
        x = chain[k](x);
        x = chain[k + 1](x);
        x = chain[k + 2](x);
        x = chain[k + 3](x);
        x = chain[k + 4](x);
    }
    return x;
}
