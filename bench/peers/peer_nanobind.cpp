// SPDX-License-Identifier: MIT
// The functions of callee.h through nanobind, the GIL kept unless said.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "callee.h"

namespace nb = nanobind;

static nb::object *target;

static int trampoline(int a, int b)
{
    return nb::cast<int>((*target)(a, b));
}

NB_MODULE(peer_nanobind, m)
{
    nb::class_<point>(m, "Point")
        .def("__init__", [](point *p, int x, int y) { new (p) point{x, y}; },
             nb::arg("x") = 0, nb::arg("y") = 0)
        .def_rw("x", &point::x);
    nb::class_<pair>(m, "Pair").def(
        "__init__", [](pair *p, double a, double b) { new (p) pair{a, b}; });
    m.def("nothing", &nothing);
    m.def("add", &add);
    m.def("add_nogil", &add, nb::call_guard<nb::gil_scoped_release>());
    m.def("fma3", &fma3);
    m.def("slen", [](nb::bytes s) { return slen(s.c_str()); });
    m.def("sum10", &sum10);
    m.def("norm1", [](const point &p) { return norm1(&p); });
    m.def("pair_sum", [](const pair &p) { return pair_sum(p); });
    m.def("first_byte", [](nb::bytearray b, int n) {
        return first_byte((const unsigned char *)b.c_str(), n);
    });
    m.def("first_double",
          [](nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu> a,
             int n) { return first_double(a.data(), n); });
    m.def("call_many", [](nb::object fn, int n) {
        target = &fn;
        return call_many(trampoline, n);
    });
}
