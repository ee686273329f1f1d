// SPDX-License-Identifier: MIT
// For test_exec: an exception that leaves a C++ callee, passes through emitted
// code, and is caught by the emitted code's C++ caller; registers that the
// thunk saved must be the caller's again.

extern "C" int unwind_throw(int value)
{
    throw value;
}

typedef unsigned long (*Thunk)(unsigned long, unsigned long, unsigned long);

extern "C" long unwind_catch(void *thunk, long a, long b, long c)
{
    // Live across the call in callee-saved registers, most likely.
    long w = a * 3, x = b * 5, y = c * 7, z = a ^ b ^ c;
    try {
        reinterpret_cast<Thunk>(thunk)(41, 0, 0);
    } catch (int value) {
        return value + w + x + y + z;
    }
    return -1;
}
