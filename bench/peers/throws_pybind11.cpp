// SPDX-License-Identifier: MIT
// The functions of throws.h through pybind11, the GIL kept unless said.
#include <pybind11/pybind11.h>

#include "throws.h"

namespace py = pybind11;

PYBIND11_MODULE(throws_pybind11, m)
{
    m.def("t_add", &t_add);
    m.def("t_add_nogil", &t_add, py::call_guard<py::gil_scoped_release>());
    m.def("t_half", &t_half);
    m.def("t_half_nogil", &t_half, py::call_guard<py::gil_scoped_release>());
    m.def("t_length",
          [](py::bytes s) { return t_length(PyBytes_AS_STRING(s.ptr())); });
}
