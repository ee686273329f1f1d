// SPDX-License-Identifier: MIT
// The functions of callee.h through pybind11, the GIL kept unless said.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "callee.h"

namespace py = pybind11;

static py::object *target;

static int trampoline(int a, int b)
{
    return py::cast<int>((*target)(a, b));
}

PYBIND11_MODULE(peer_pybind11, m)
{
    py::class_<point>(m, "Point")
        .def(py::init([](int x, int y) { return point{x, y}; }), py::arg("x") = 0,
             py::arg("y") = 0)
        .def_readwrite("x", &point::x);
    py::class_<pair>(m, "Pair").def(
        py::init([](double a, double b) { return pair{a, b}; }));
    m.def("nothing", &nothing);
    m.def("add", &add);
    m.def("add_nogil", &add, py::call_guard<py::gil_scoped_release>());
    m.def("fma3", &fma3);
    m.def("slen", [](py::bytes s) { return slen(PyBytes_AS_STRING(s.ptr())); });
    m.def("sum10", &sum10);
    m.def("norm1", [](const point &p) { return norm1(&p); });
    m.def("pair_sum", [](const pair &p) { return pair_sum(p); });
    m.def("first_byte", [](py::bytearray b, int n) {
        return first_byte((const unsigned char *)PyByteArray_AS_STRING(b.ptr()), n);
    });
    m.def("first_double", [](py::array_t<double, py::array::c_style> a, int n) {
        return first_double(a.data(), n);
    });
    m.def("call_many", [](py::object fn, int n) {
        target = &fn;
        return call_many(trampoline, n);
    });
}
