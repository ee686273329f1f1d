/* SPDX-License-Identifier: MIT
 *
 * The door for front ends: everything a host language needs to read types,
 * write recipes and make calls. C programs use <jiffi.h> instead.
 */
#ifndef JIFFI_HOST_H
#define JIFFI_HOST_H

#include "core/abi/abi.h"
#include "core/base/bits.h"
#include "core/base/diag.h"
#include "core/base/mem.h"
#include "core/layout/layout.h"
#include "core/parse/parse.h"
#include "core/plan/recipe.h"
#include "core/program/program.h"
#include "core/type/type.h"
#include "engine/disasm.h"
#include "engine/engine.h"
#include "engine/loop.h"
#include "exec/cxx.h"
#include "exec/exec.h"
#include "os/os.h"
#include "proof/proof.h"

#endif
