/* SPDX-License-Identifier: MIT
 *
 * A C program; what things cost is decided in Python.
 *
 *     python shop_build.py
 *     cc shop.c -L. -lshop -Wl,-rpath,. -o shop && ./shop apple 3 melon 10 */
#include <stdio.h>
#include <stdlib.h>

#include "shop.h"

int main(int argc, char **argv)
{
    int status = EXIT_SUCCESS;

    for (int i = 1; i + 1 < argc; i += 2) {
        double price = shop_price(argv[i], atoi(argv[i + 1]));
        if (price < 0) {
            printf("%s: not sold here\n", argv[i]);
            status = EXIT_FAILURE;
        } else {
            printf("%s: %.2f\n", argv[i], price);
        }
    }
    printf("%d questions\n", shop_questions());
    return status;
}
