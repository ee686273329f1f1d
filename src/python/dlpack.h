/* SPDX-License-Identifier: MIT
 *
 * DLPack's structs as its ABI fixes them (version 1.x and the one without a version
 * before it): tensors passed between libraries in a PyCapsule. Who takes the tensor
 * renames the capsule and calls the deleter when done, from whatever thread.
 */
#ifndef JF_PYTHON_DLPACK_H
#define JF_PYTHON_DLPACK_H

#include <stdint.h>

enum { DL_CPU = 1 }; /* DLDevice.type */

/* DLDataType.code */
enum { DL_INT, DL_UINT, DL_FLOAT, DL_HANDLE, DL_BFLOAT, DL_COMPLEX, DL_BOOL };

typedef struct DLDevice {
    int32_t type, id;
} DLDevice;

typedef struct DLDataType {
    uint8_t code;
    uint8_t bits;          /* of one lane */
    uint16_t lanes;        /* 1 but for vectors */
} DLDataType;

typedef struct DLTensor {
    void *data;
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t *shape;
    int64_t *strides;      /* items, not bytes; NULL: C order */
    uint64_t byte_offset;  /* from data to the first item */
} DLTensor;

/* Capsule "dltensor", when taken "used_dltensor". */
typedef struct DLManagedTensor {
    DLTensor tensor;
    void *ctx;
    void (*deleter)(struct DLManagedTensor *self); /* may be NULL */
} DLManagedTensor;

enum { DL_READ_ONLY = 1, DL_IS_COPIED = 2 }; /* DLManagedTensorVersioned.flags */

/* Capsule "dltensor_versioned", when taken "used_dltensor_versioned". What follows
 * `flags` is laid out like this in every version of the same major number. */
typedef struct DLManagedTensorVersioned {
    uint32_t major, minor;
    void *ctx;
    void (*deleter)(struct DLManagedTensorVersioned *self); /* may be NULL */
    uint64_t flags;
    DLTensor tensor;
} DLManagedTensorVersioned;

#endif
