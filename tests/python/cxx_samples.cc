// SPDX-License-Identifier: MIT
// For test_cxx*.py: everything that C++ can throw, and frames it passes through.
#include <exception>
#include <functional>
#include <ios>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>

#include <cstdarg>
#include <pthread.h>

#define C extern "C" __attribute__((visibility("default")))

namespace ns {
struct my_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct deeper : my_error {
    using my_error::my_error;
};
struct out : std::out_of_range {
    using std::out_of_range::out_of_range;
};
struct left {
    long l = 1;
    virtual ~left() {}
};
struct both : left, std::invalid_argument {
    both() : std::invalid_argument("both") {}
};
struct base_a : virtual std::exception {
    long a = 1;
    const char *what() const noexcept override { return "a"; }
};
struct base_b : virtual std::exception {
    long b = 2;
};
struct diamond : base_a, base_b {
    long d = 3;
    const char *what() const noexcept override { return "diamond"; }
};
struct hidden : private std::out_of_range {
    hidden() : std::out_of_range("hidden") {}
};
struct point {
    int x, y;
};
enum color { red = 3 };
struct category : std::error_category {
    const char *name() const noexcept override { return "own"; }
    std::string message(int) const override { return "own message"; }
};
static const category own_category;
struct bad_text : std::exception {
    const char *what() const noexcept override { return "\xff\xfe text"; }
};
} // namespace ns

static int alive;
struct Guard {
    Guard() { alive++; }
    ~Guard() { alive--; }
};

C int alive_now(void) { return alive; }

C int throws(int kind)
{
    Guard g;
    switch (kind) {
    case 0: throw std::bad_alloc();
    case 1: throw std::out_of_range("out_of_range");
    case 2: throw std::invalid_argument("invalid_argument");
    case 3: throw std::domain_error("domain_error");
    case 4: throw std::length_error("length_error");
    case 5: throw std::overflow_error("overflow_error");
    case 6: throw std::range_error("range_error");
    case 7: throw std::underflow_error("underflow_error");
    case 8: throw std::bad_cast();
    case 9: throw std::bad_typeid();
    case 10: throw std::bad_function_call();
    case 11: throw std::logic_error("logic_error");
    case 12: throw std::runtime_error("runtime_error");
    case 13: throw std::system_error(2, std::generic_category(), "opening");
    case 14: throw std::system_error(EACCES, std::system_category());
    case 15: throw std::system_error(7, ns::own_category);
    case 16: throw std::ios_base::failure("failure");
    case 17: throw std::bad_array_new_length();
    case 18: throw std::exception();
    case 19: throw std::bad_optional_access();
    case 20: throw ns::my_error("my_error");
    case 21: throw ns::deeper("deeper");
    case 22: throw ns::out("out");
    case 23: throw ns::both();
    case 24: throw ns::diamond();
    case 25: throw ns::hidden();
    case 26: throw 42;
    case 27: throw "text";
    case 28: throw std::string("string");
    case 29: throw 2.5;
    case 30: throw true;
    case 31: throw ns::point{1, 2};
    case 32: throw new int(7);
    case 33: throw ns::red;
    case 34: throw 'x';
    case 35: throw 12345678901234567890ULL;
    case 36: throw (short)-3;
    case 37: throw nullptr;
    case 38: throw ns::bad_text();
    case 39: throw (const char *)nullptr;
    case 40: throw 1.5f;
    case 41: throw -5L;
    case 42: throw std::string(200, 's');
    default: return kind;
    }
}

C int nested(void)
{
    try {
        try {
            throw std::out_of_range("inner");
        } catch (...) {
            std::throw_with_nested(std::invalid_argument("middle"));
        }
    } catch (...) {
        std::throw_with_nested(ns::my_error("outer"));
    }
}

C int rethrown(void)
{
    std::exception_ptr p;
    try {
        throw std::out_of_range("kept");
    } catch (...) {
        p = std::current_exception();
    }
    std::rethrow_exception(p);
}

struct Big { long v[8]; };
struct Pair { double a; long b; };
C Big big(int fail) { Guard g; if (fail) throw std::length_error("big"); return Big{{1, 2, 3}}; }
C Pair pair(int fail) { Guard g; if (fail) throw std::length_error("pair"); return Pair{1.5, 2}; }
C double real(double x) { Guard g; if (x < 0) throw std::domain_error("real"); return x * 2; }
C long ten(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j)
{
    Guard guard;
    if (j == 0)
        throw std::invalid_argument("ten " + std::to_string(a + b + c + d + e + f + g + h + i));
    return a + b + c + d + e + f + g + h + i + j;
}
C long sum(const int *p, int n) { Guard g; long s = 0; for (int i = 0; i < n; i++) { if (p[i] < 0) throw std::out_of_range("item " + std::to_string(i)); s += p[i]; } return s; }
C int one(const int *p) { Guard g; if (*p < 0) throw std::out_of_range("one"); return *p; }
C int by_value(Big b) { Guard g; if (b.v[0]) throw std::invalid_argument("by value"); return 0; }
C int errno_and_throw(int e) { errno = e; throw std::runtime_error("errno"); }
C int variadic(int n, ...)
{
    Guard g;
    va_list ap;
    va_start(ap, n);
    int s = 0;
    for (int i = 0; i < n; i++) s += va_arg(ap, int);
    va_end(ap);
    if (s < 0) throw std::range_error("variadic");
    return s;
}
C void nothing(int fail) { if (fail) throw ns::my_error("nothing"); }
C void *pointer(int fail) { if (fail) throw ns::my_error("pointer"); return (void *)&alive; }
C int twice(int x) { if (x < 0) throw std::domain_error("negative: " + std::to_string(x)); return 2 * x; }
C double halve(double x) { if (x < 0) throw std::domain_error("halve"); return x / 2; }
C int unmarked(int x) noexcept(false) { if (x < 0) throw std::runtime_error("boom"); return x; }
C int quits(int quit) { Guard g; if (quit) pthread_exit(nullptr); return 1; }

// Callbacks below C++ frames.
C int through(int (*f)(int), int x) { Guard g; return f(x) + 1; }
C int catches(int (*f)(int), int x, char *text, int room)
{
    Guard g;
    try {
        return f(x);
    } catch (const std::exception &e) {
        snprintf(text, room, "%s", e.what());
        return -1;
    }
}
C int catches_all(int (*f)(int), int x)
{
    try { return f(x); } catch (...) { return -2; }
}
C int rethrows(int (*f)(int), int x)
{
    Guard g;
    try { return f(x); } catch (...) { throw; }
}
static std::exception_ptr kept;
C int keeps(int (*f)(int), int x)
{
    try { return f(x); } catch (...) { kept = std::current_exception(); return 0; }
}
C int gives_back(void)
{
    std::exception_ptr p = kept;
    kept = nullptr;
    std::rethrow_exception(p);
}
C void forgets(void) { kept = nullptr; }
C int wraps(int (*f)(int), int x)
{
    try { return f(x); } catch (...) { std::throw_with_nested(ns::my_error("wrapped")); }
}
C int uncaught(void) { return std::uncaught_exceptions(); }
