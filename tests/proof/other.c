/* SPDX-License-Identifier: MIT
 *
 * A second library: what the functions of the first lead to through the linkage table.
 */
static __thread int here __attribute__((tls_model("initial-exec")));

int other_add(int a, int b)
{
    return a + b;
}

int other_loop(int n)
{
    volatile int s = 0;
    while (n--)
        s += n;
    return s;
}

int other_tls(int a)
{
    return here += a;
}

/* Through this library's own table: another library might bring an other_add. */
int other_chain(int a)
{
    return other_add(a, 2) * 3;
}

int other_chain_loop(int a)
{
    return other_loop(a) + 3;
}

static int (*choose_add(void))(int)
{
    return other_chain;
}

static int (*choose_loop(void))(int)
{
    return other_loop;
}

int other_pick(int a) __attribute__((ifunc("choose_add")));
int other_pick_loop(int a) __attribute__((ifunc("choose_loop")));
