# SPDX-License-Identifier: MIT
"""The start-up code of a library that embeds Python.

The library's functions are extern "Python+C" ones, which any C program may call.
The first call, on whatever thread, starts Python if it does not run yet, makes the
module known to it and runs the code of embedding_init_code(). The rule for two such
libraries that start at the same moment is cffi's, so that libraries of both kinds
can stand in one program.
"""

from .spelling import literal, pieces

_TEXT = """\
/* --- an embedded Python --------------------------------------------------------- */

#include <pthread.h>

#define CFFI_DLLEXPORT __attribute__((visibility("default")))
#ifdef __cplusplus
#define JIFFI_EXPORT extern "C" CFFI_DLLEXPORT
#else
#define JIFFI_EXPORT CFFI_DLLEXPORT
#endif

/* What embedding_init_code() was given. */
static const char jiffi_startup_code[] =
%(code)s;

/* At the end of this file: make this module known to Python. */
static int jiffi_import_this(void);

static enum { JIFFI_ASLEEP, JIFFI_STARTING, JIFFI_AWAKE, JIFFI_FAILED } jiffi_startup;
static pthread_once_t jiffi_startup_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t jiffi_startup_lock;

/* The code that runs at start-up may call our functions: the lock is recursive. */
static void jiffi_make_lock(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&jiffi_startup_lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

/* Python may be started once, but by any of several libraries, which share no
 * variable but those of Python itself. By agreement the lock is a field of the type
 * of capsules that is zero otherwise. */
#if PY_VERSION_HEX < 0x030c0000
typedef unsigned int jiffi_lock_word;
#define JIFFI_LOCK_WORD (&PyCapsule_Type.tp_version_tag)
#define JIFFI_LOCKED ((unsigned int)-42)
#define JIFFI_UNLOCKED 0
#else
typedef PyBufferProcs *jiffi_lock_word;
#define JIFFI_LOCK_WORD (&PyCapsule_Type.tp_as_buffer)
#define JIFFI_LOCKED (&jiffi_no_buffer.procs)
#define JIFFI_UNLOCKED NULL
static struct { PyBufferProcs procs; int mark; } jiffi_no_buffer = {{NULL, NULL}, -42};
#endif

static void jiffi_start_interpreter(void)
{
    jiffi_lock_word expected = JIFFI_UNLOCKED;
    while (!__atomic_compare_exchange_n(JIFFI_LOCK_WORD, &expected, JIFFI_LOCKED, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        expected = JIFFI_UNLOCKED;
    if (!Py_IsInitialized()) {
        Py_InitializeEx(0); /* signals stay with the program */
        PyEval_SaveThread();
    }
    __atomic_store_n(JIFFI_LOCK_WORD, (jiffi_lock_word)JIFFI_UNLOCKED,
                     __ATOMIC_RELEASE);
}

static int jiffi_run_startup_code(void)
{
    PyObject *result = NULL, *globals = PyDict_New();
    PyObject *code = Py_CompileString(
        jiffi_startup_code, "<init code for '" JIFFI_MODULE_NAME "'>", Py_file_input);
    if (code && globals &&
        PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) == 0)
        result = PyEval_EvalCode(code, globals, globals);
    Py_XDECREF(code);
    Py_XDECREF(globals);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* Everything that may help: there is nobody to raise an exception to. */
static void jiffi_report(void)
{
    PyObject *type, *value, *traceback, *file;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PySys_WriteStderr("Failed to initialize the Python-CFFI embedding logic:\\n\\n");
    if (type)
        PyErr_Display(type, value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    PySys_WriteStderr("\\nFrom: %%s\\ncompiled with jiffi version: %%s\\nsys.path: ",
                      JIFFI_MODULE_NAME, %(version)s);
    file = PySys_GetObject("stderr");
    if (file && file != Py_None)
        PyFile_WriteObject(PySys_GetObject("path"), file, 0);
    PySys_WriteStderr("\\n\\n");
    PyErr_Clear();
}

/* 0, or -1 when the code has failed, now or before. Threads that come meanwhile
 * wait for the first. */
static int jiffi_start(void)
{
    int failed;
    jiffi_start_interpreter();
    pthread_once(&jiffi_startup_once, jiffi_make_lock);
    pthread_mutex_lock(&jiffi_startup_lock);
    if (jiffi_startup == JIFFI_ASLEEP) {
        PyGILState_STATE state = PyGILState_Ensure();
        jiffi_startup = JIFFI_STARTING;
        failed = jiffi_import_this() < 0 || jiffi_run_startup_code() < 0;
        if (failed)
            jiffi_report();
        PyGILState_Release(state);
        __atomic_store_n(&jiffi_startup, failed ? JIFFI_FAILED : JIFFI_AWAKE,
                         __ATOMIC_RELEASE);
    }
    failed = jiffi_startup == JIFFI_FAILED || !jiffi_api;
    pthread_mutex_unlock(&jiffi_startup_lock);
    return failed ? -1 : 0;
}

/* For the source below: start Python before the first call does. 0, or -1. */
JIFFI_UNUSED static int jiffi_start_python(void)
{
    if (__atomic_load_n(&jiffi_startup, __ATOMIC_ACQUIRE) == JIFFI_AWAKE)
        return 0;
    return jiffi_start();
}
#define cffi_start_python jiffi_start_python

/* C calls a function that Python implements. */
static void jiffi_call_python(jiffi_extern_python *x, void *cells)
{
    int error = errno, failed = jiffi_start_python() < 0;
    errno = error;
    if (!failed) {
        jiffi_api->call_python(x, cells);
        return;
    }
    fprintf(stderr, "function %%s.%%s() called, but initialization code failed.  "
                    "Returning 0.\\n", JIFFI_MODULE_NAME, x->name);
    memset(cells, 0, x->result_size);
}

"""

_IMPORT_THIS = """
static int jiffi_import_this(void)
{
    /* The program may have imported this library as a module already. */
    if (jiffi_api &&
        PyDict_GetItemString(PyImport_GetModuleDict(), JIFFI_MODULE_NAME))
        return 0;
    return jiffi_embed(&jiffi_this, %s);
}
"""


def text(startup, version):
    """What stands above the user's source. `startup`: the Python code."""
    lines = ["    " + literal(piece) for piece in pieces(startup)] or ['    ""']
    return _TEXT % {"code": "\n".join(lines), "version": literal(version)}


def end(backend):
    """What stands below the tables. `backend`: a literal."""
    return _IMPORT_THIS % backend
