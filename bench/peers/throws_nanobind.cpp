// SPDX-License-Identifier: MIT
// The functions of throws.h through nanobind, the GIL kept unless said.
#include <nanobind/nanobind.h>

#include "throws.h"

namespace nb = nanobind;

NB_MODULE(throws_nanobind, m)
{
    m.def("t_add", &t_add);
    m.def("t_add_nogil", &t_add, nb::call_guard<nb::gil_scoped_release>());
    m.def("t_half", &t_half);
    m.def("t_half_nogil", &t_half, nb::call_guard<nb::gil_scoped_release>());
    m.def("t_length", [](nb::bytes s) { return t_length(s.c_str()); });
    m.def("t_length_nogil", [](nb::bytes s) {
        nb::gil_scoped_release released;
        return t_length(s.c_str());
    });
}
