/* SPDX-License-Identifier: MIT
 *
 * What help() says about FFI and its methods. The first line of each text is
 * the signature that inspect.signature() reads; lines have at most 72 columns,
 * so that help() fits 80.
 */
#ifndef JF_PYTHON_FFI_DOC_H
#define JF_PYTHON_FFI_DOC_H

/* clang-format off */

#define DOC_FFI \
"FFI(backend=None, *, gil='auto', callback_errors='raise', checked=False,\n" \
"    may_throw=False)\n--\n\n" \
"C declarations, and what can be done with them.\n" \
"\n" \
"    ffi = FFI()\n" \
"    ffi.cdef('double sqrt(double);')\n" \
"    lib = ffi.dlopen('m')\n" \
"    lib.sqrt(2.0)\n" \
"\n" \
"gil says who holds Python's lock while a C function runs, for functions\n" \
"whose cdef() does not say it: 'release' lets other threads run, 'hold'\n" \
"keeps the lock (faster, for functions that return at once), 'auto' keeps\n" \
"it where the function's machine code proves that it returns at once and\n" \
"waits for nobody; see gil(). backend is accepted for compatibility with\n" \
"cffi and ignored.\n" \
"\n" \
"callback_errors says what becomes of exceptions in callbacks: 'raise', by\n" \
"the call of C that is around the callback, or 'print', as cffi does; a\n" \
"callback of its own mind says errors=, see callback().\n" \
"\n" \
"may_throw=True says of every cdef() that C++ exceptions may come out of\n" \
"its functions; see cxx_exception().\n" \
"\n" \
"checked=True (or JIFFI_CHECKED=1 in the environment) watches memory:\n" \
"accesses out of bounds, after free or release, to const, by the wrong\n" \
"type raise CheckError, and say where the memory was allocated and freed.\n" \
"\n" \
"Primitive types, and pointers to and arrays of them, are the same\n" \
"objects in every FFI; structs, unions and enums are shared by include()."

#define DOC_cdef \
"cdef($self, csource, override=False, packed=False, pack=None, *, gil=None,\n" \
"     may_throw=False)\n--\n\n" \
"Read C declarations: functions, variables, types, constants.\n" \
"\n" \
"csource is a str of C. On any error nothing of it is declared. override\n" \
"allows to declare a name again, differently. packed=True lays out every\n" \
"struct of this text without padding; pack=n (bytes, a power of two) caps\n" \
"the alignment of members. gil ('auto', 'release', 'hold') is the policy\n" \
"of the functions declared here; None means that of the FFI. A single\n" \
"function says it with __attribute__((jiffi_gil(\"hold\"))).\n" \
"\n" \
"may_throw=True: C++ exceptions that come out of these functions become\n" \
"Python exceptions; see cxx_exception(). A single function says it with\n" \
"__attribute__((may_throw)) or [[jiffi::may_throw]], the contrary with\n" \
"noexcept or __attribute__((nothrow)).\n" \
"\n" \
"Raises CDefError with file:line:column, the line and a caret."

#define DOC_include \
"include($self, ffi_to_include, /)\n--\n\n" \
"Make the typedefs, structs, unions, enums and constants of another FFI\n" \
"visible here, as the same types. Functions and variables stay with the\n" \
"libraries of the other FFI.\n" \
"\n" \
"Raises TypeError if it is no FFI, CDefError where both declare one name\n" \
"differently."

#define DOC_dlopen \
"dlopen($self, name, flags=0, *, gil=None, may_throw=False)\n--\n\n" \
"Open a library and return it; its attributes are the functions,\n" \
"variables and constants declared by cdef().\n" \
"\n" \
"name is a path, a file name, a short name ('m', 'sqlite3'), None for\n" \
"what the process has loaded already, or a void * handle from dlopen().\n" \
"flags is a combination of ffi.RTLD_*; 0 means RTLD_NOW. gil ('auto',\n" \
"'release' or 'hold') is the policy of the library's functions, but for\n" \
"those that have one of their own; None means as they are declared.\n" \
"may_throw=True: C++ exceptions of all its functions are caught, but of\n" \
"those declared noexcept; see cxx_exception().\n" \
"\n" \
"The library is closed when it and all that came from it is gone. Raises\n" \
"OSError with what was tried."

#define DOC_cxx_exception \
"cxx_exception($self, name, exception, /)\n--\n\n" \
"Say what Python raises for a type of C++ exception.\n" \
"\n" \
"    ffi.cxx_exception('ns::parse_error', ParseError)\n" \
"    ffi.cxx_exception('ns::error', lambda type, what: MyError(what))\n" \
"\n" \
"Holds for the functions of this FFI that are declared may_throw: for\n" \
"exceptions of that type, as C++ spells it in full, and of types publicly\n" \
"derived from it, unless a nearer base has its own meaning. A class is\n" \
"called with what(), anything else with the type's name and what(); both\n" \
"are str. None forgets the type.\n" \
"\n" \
"Without it: std::bad_alloc is a MemoryError; out_of_range IndexError;\n" \
"invalid_argument, domain_error, length_error ValueError; overflow_error\n" \
"OverflowError; range_error, underflow_error ArithmeticError; bad_cast,\n" \
"bad_typeid TypeError; system_error (with errno) and ios_base::failure\n" \
"OSError; all others are jiffi.CxxError.\n" \
"\n" \
"Raises TypeError if `exception` is no class of exceptions, callable or\n" \
"not None."

#define DOC_gil \
"gil($self, policy_or_function, /, *functions)\n--\n\n" \
"Say or ask who keeps Python's lock (the GIL) while a function runs.\n" \
"\n" \
"    ffi.gil('hold', lib.f, 'g')  # keep it in lib.f() and in every g()\n" \
"    ffi.gil(lib.f)               # what was asked for, decided, and why\n" \
"\n" \
"gil(policy, *functions) changes the policy of functions of libraries, at\n" \
"once, or by their names: then of every library that this FFI has opened\n" \
"or opens. policy is 'auto', 'hold' or 'release'. Nothing is changed if\n" \
"one of them cannot be.\n" \
"\n" \
"gil(function) returns a named tuple: asked ('auto', 'hold', 'release'),\n" \
"decided ('hold' or 'release'), proved (does the machine code show that\n" \
"the function waits for nobody?), reason (a sentence that says why).\n" \
"\n" \
"Raises AttributeError for a name that is not declared, TypeError for\n" \
"function pointers (they always release), ValueError for another policy."

#define DOC_dlclose \
"dlclose($self, lib, /)\n--\n\n" \
"Close a library from dlopen() now. Its functions and variables must not\n" \
"be used afterwards: where jiffi can tell, an error says so."

#define DOC_callback \
"callback($self, cdecl, python_callable=None, error=None, onerror=None,\n" \
"         errors=None, lifetime=None)\n--\n\n" \
"Make a C function pointer that calls python_callable.\n" \
"\n" \
"cdecl is a function type or a pointer to one. Without python_callable\n" \
"the result is a decorator. Keep the returned cdata alive for as long as\n" \
"C may call it.\n" \
"\n" \
"error is the value that C gets when the callable raises (default: zero\n" \
"bytes). onerror(exception, value, traceback) is called then; what it\n" \
"returns, unless None, is the result for C, and the exception is dealt\n" \
"with. errors says what becomes of it otherwise: 'raise', by the call of\n" \
"C around the callback once C returns, until when no other callback of\n" \
"that call runs; 'continue', the same, but this one runs all the same;\n" \
"'print', as cffi does; None, as the FFI says it. What no call is around\n" \
"(threads of C, ctypes) goes to sys.unraisablehook.\n" \
"\n" \
"lifetime='forever' keeps it, an object keeps it as long as that lives.\n" \
"When C calls one that was freed, C gets zeros and a ReferenceError that\n" \
"names it is raised by the call around it."

#define DOC_callback_decorator \
"callback_decorator($self, python_callable, /)\n--\n\n" \
"Turn a Python function into a C function pointer: see FFI.callback()."

#define DOC_new \
"new($self, cdecl, init=None)\n--\n\n" \
"Allocate C memory and return a cdata that owns it.\n" \
"\n" \
"cdecl is a type string or ctype: a pointer, new('T *'), makes one T and\n" \
"returns a pointer to it; an array, new('T[n]') or new('T[]', init),\n" \
"makes n items. The memory is zero, then set from init: a number, a list\n" \
"or tuple of items, a dict of members, bytes or str for characters, a\n" \
"cdata, or for 'T[]' the number of items.\n" \
"\n" \
"The memory lives as long as the returned object (and, for structs, what\n" \
"was read from it). Raises TypeError for types of unknown size."

#define DOC_cast \
"cast($self, cdecl, source)\n--\n\n" \
"A cdata of type cdecl with the value of source, as by a cast in C.\n" \
"\n" \
"Integers are cut to the size of the type; floats, pointers,\n" \
"one-character strings and ints are converted between each other. The\n" \
"result of a pointer cast owns nothing: keep the memory alive yourself."

#define DOC_new_allocator \
"new_allocator($self, alloc=None, free=None, should_clear_after_alloc=True)\n--\n\n" \
"A function like FFI.new() that takes its memory from alloc(size).\n" \
"\n" \
"alloc gets the size in bytes and returns a cdata pointer (NULL: a\n" \
"MemoryError); free, if given, gets that pointer when the memory is no\n" \
"longer used. Both may be Python functions or C functions. With\n" \
"should_clear_after_alloc=False the memory is taken as it is. Without\n" \
"alloc the result is FFI.new() itself in another form."

#define DOC_allocator \
"allocator($self, cdecl, init=None)\n--\n\n" \
"Like FFI.new(), with memory from the functions given to new_allocator()."

#define DOC_gc \
"gc($self, cdata, destructor, size=0)\n--\n\n" \
"A cdata with the same value that calls destructor(cdata) when it dies.\n" \
"\n" \
"destructor is any callable, a C function too. size, in bytes, is how\n" \
"much memory the object stands for (a hint; unused by CPython). gc(cdata,\n" \
"None) on such a cdata takes the destructor away again and returns None."

#define DOC_release \
"release($self, cdata, /)\n--\n\n" \
"Give back now what a cdata of new(), gc(), new_allocator() or\n" \
"from_buffer() holds, instead of when it dies. The same as leaving a\n" \
"`with cdata:` block. Raises ValueError for other cdata."

#define DOC_new_handle \
"new_handle($self, obj, /)\n--\n\n" \
"A void * cdata that stands for a Python object, to pass through C.\n" \
"\n" \
"Keep the returned cdata alive: it holds the object, and from_handle()\n" \
"needs it. Two handles are never equal, even of the same object."

#define DOC_from_handle \
"from_handle($self, handle, /)\n--\n\n" \
"The Python object of a void * that new_handle() made.\n" \
"\n" \
"Raises RuntimeError for NULL and for a pointer that is no living handle."

#define DOC_from_buffer \
"from_buffer($self, cdecl, python_buffer=..., require_writable=False)\n--\n\n" \
"A cdata of the memory of an object with the buffer interface; no copy.\n" \
"\n" \
"cdecl, 'char[]' when only the object is given, is an array or pointer\n" \
"type; 'T[]' gets as many items as fit. The object is kept alive and, for\n" \
"example, a bytearray cannot be resized until the cdata dies or is\n" \
"released. require_writable=True refuses read-only memory (BufferError).\n" \
"Raises ValueError if the memory is too small for the type, TypeError for\n" \
"str and for objects without a contiguous buffer."

#define DOC_stream \
"stream($self, source, function, /, *args, batch=65536, buffers=2,\n" \
"    how=None, copy=True, partial='error', stop=False, carry=...,\n" \
"    progress=None)\n--\n\n" \
"Read a source in chunks of batch items and call a C function on each,\n" \
"while the next is being read. An iterator of results, in order.\n" \
"\n" \
"    for total in ffi.stream('data.bin', lib.sum):  # (double *, size_t)\n" \
"    for roots in ffi.stream('data.bin', lib.sqrt): # double[] each\n" \
"\n" \
"source is a path, a file opened in binary mode, a file descriptor, an\n" \
"object with readinto(), recv_into() or read(), a buffer (mmap, arrays;\n" \
"read where it lies), or an iterable of bytes-like chunks or of values.\n" \
"\n" \
"A function with a pointer and, behind it, an integer gets a chunk and\n" \
"its length, and gives one result per chunk (how='chunk'). Any other gets\n" \
"one item after the other in its first parameter, as with map(), and\n" \
"gives an array per chunk (how='items'). args are its other arguments.\n" \
"Void functions that may write to their items give the items.\n" \
"\n" \
"With copy=False an array is valid until the next one is asked for.\n" \
"carry=x, for how='chunk': the first argument is x, from the second chunk\n" \
"on the result before. With stop=True a result that is not 0 (or NULL)\n" \
"raises jiffi.MapError, its index counted from the source's begin.\n" \
"progress is True (tqdm, or a line on stderr) or is called with\n" \
"(done, total)\n" \
"items after each chunk; total is None where nobody knows.\n" \
"\n" \
"At most buffers chunks are in memory; a thread reads ahead, with\n" \
"buffers=1 none. What the source raises comes behind the results of what\n" \
"was read. close(), the end of `with` and of the iterator itself end it.\n" \
"\n" \
"Raises ValueError when the source does not end with a whole item (not\n" \
"with partial='drop'), TypeError for functions and items that do not fit."

#define DOC_map \
"map($self, function, /, *operands, out=None, threads=1, stop=False,\n" \
"    chunk=None, progress=None)\n--\n\n" \
"Call a C function once for each item of its operands, in one crossing.\n" \
"\n" \
"    ffi.map(lib.hypot, x, y)          # x, y: arrays of double\n" \
"    ffi.map(lib.norm2, points, out=r) # double norm2(const struct p *)\n" \
"\n" \
"There is one operand for each parameter. An array (whatever has a\n" \
"buffer: array.array, NumPy's, ctypes', memoryview, array cdata; DLPack\n" \
"and Arrow) gives its items, or, to a pointer parameter, their addresses;\n" \
"everything else is passed at every call. jiffi.same(x) passes an array\n" \
"as one address, jiffi.each(x) goes along x[0], x[1], ... (rows of a\n" \
"table). All arrays have the same length; nothing is copied.\n" \
"\n" \
"The results are written to out, an array, which is returned; without it\n" \
"to a new cdata T[] (None for void functions). out may be one of the\n" \
"operands, but not overlap with one in another way.\n" \
"\n" \
"With stop=True the first result that is not 0 (or NULL) ends the run and\n" \
"raises jiffi.MapError with its index and code; what came before it is in\n" \
"e.out, what comes behind was not called.\n" \
"\n" \
"threads=n runs chunks of chunk items in n threads. progress(done, total)\n" \
"is called between chunks. Ctrl-C ends the run between chunks as well.\n" \
"\n" \
"Raises TypeError for items of another type, ValueError for lengths that\n" \
"differ and for memory that overlaps; it names the operand."

#define DOC_memmove \
"memmove($self, dest, src, n)\n--\n\n" \
"Copy n bytes from src to dest; they may overlap.\n" \
"\n" \
"Both are cdata pointers or arrays, or Python objects with a contiguous\n" \
"buffer (dest a writable one). Raises ValueError if n is negative or more\n" \
"than a Python buffer has; for cdata the caller vouches."

#define DOC_typeof \
"typeof($self, cdecl, /)\n--\n\n" \
"The ctype that a type string names, or that a cdata or a library's\n" \
"function has. Equal types are the same object."

#define DOC_sizeof \
"sizeof($self, cdecl, /)\n--\n\n" \
"Size in bytes of a type (str or ctype) or of a cdata's value.\n" \
"\n" \
"Of a cdata array: all of its items; of a struct that ends in an open\n" \
"array: what was allocated. Raises ValueError if the size is not known."

#define DOC_sized \
"sized($self, function, /, *, bytes=False, **lengths)\n--\n\n" \
"The function without the parameters that say how long an array is: they\n" \
"are taken from the array, each time it is called.\n" \
"\n" \
"    ffi.cdef('double dot(const double *a, const double *b, size_t n);')\n" \
"    dot = ffi.sized(lib.dot, n=('a', 'b'))\n" \
"    dot(x, y)\n" \
"\n" \
"function is a library's or a pointer to one. lengths name a parameter\n" \
"each, an integer, and the array it counts, a pointer; several arrays\n" \
"with one length must be of one length (ValueError). Without any, what\n" \
"__attribute__((access(mode, array, length))) says in the declaration is\n" \
"taken. Counted are items of the pointer's type, for void * and with\n" \
"bytes=True bytes. Arrays may be NumPy's, other buffers, cdata arrays,\n" \
"bytes, lists; a NULL pointer has no items.\n" \
"\n" \
"The result is a builtin of its own, as fast as the function's. Raises\n" \
"TypeError if a name is not that of a fitting parameter; calls raise\n" \
"OverflowError if the length's type is too small."

#define DOC_alignof \
"alignof($self, cdecl, /)\n--\n\n" \
"Alignment in bytes of a type (str or ctype) or of a cdata's type."

#define DOC_offsetof \
"offsetof($self, cdecl, /, *fields_or_indexes)\n--\n\n" \
"Offset in bytes of a member of a struct, union or array type.\n" \
"\n" \
"A path goes deeper: offsetof('struct s', 'table', 3, 'name'). Raises\n" \
"KeyError for an unknown member, TypeError for bit-fields."

#define DOC_address \
"address($self, function, /)\n--\n\n" \
"Where the code of a C function is, as an int.\n" \
"\n" \
"function is a library's function, a fused one, or a function pointer.\n" \
"The number keeps nothing alive: whoever uses it keeps the function.\n" \
"Raises TypeError for anything else, ValueError when the library is\n" \
"closed."

#define DOC_capsule \
"capsule($self, function, name=None)\n--\n\n" \
"A C function as a PyCapsule, which keeps it and its library alive.\n" \
"\n" \
"Without a name it is called as its signature in C is written, without\n" \
"const: 'double (double, void *)'. That is what scipy.LowLevelCallable\n" \
"and Cython's __pyx_capi__ compare."

#define DOC_low_level_callable \
"low_level_callable($self, function, user_data=None)\n--\n\n" \
"A scipy.LowLevelCallable: SciPy calls the C function without Python.\n" \
"\n" \
"    scipy.integrate.quad(ffi.low_level_callable(lib.f), 0, 1)\n" \
"\n" \
"user_data is a pointer or array cdata, which C gets as the last\n" \
"argument (void *), or what SciPy itself takes. Function, library and\n" \
"user_data are kept alive. Which signatures there are says each function\n" \
"of SciPy: its ValueError for others lists them. Raises ImportError\n" \
"without SciPy."

#define DOC_to_ctypes \
"to_ctypes($self, function, /)\n--\n\n" \
"A C function as a function of ctypes with the same types, which keeps\n" \
"it alive. numba calls such functions directly in @njit code.\n" \
"\n" \
"Pointers to numbers are typed, all others are c_void_p. Raises\n" \
"TypeError for structs by value, complex numbers and variadic functions."

#define DOC_addressof \
"addressof($self, cdata, /, *fields_or_indexes)\n--\n\n" \
"A pointer to a struct, union or array, or by a path to something in it;\n" \
"or addressof(lib, 'name'): a pointer to a variable or a function.\n" \
"\n" \
"The pointer keeps memory of new() alive. Raises KeyError for an unknown\n" \
"member, AttributeError for an unknown name of a library."

#define DOC_getctype \
"getctype($self, cdecl, replace_with='')\n--\n\n" \
"The C spelling of a type, with replace_with put where a variable's name\n" \
"goes: getctype('int[5]', '*') is 'int(*)[5]'."

#define DOC_string \
"string($self, cdata, maxlen=-1)\n--\n\n" \
"C text as a Python object.\n" \
"\n" \
"A pointer to or array of one-byte items gives bytes, of wchar_t,\n" \
"char16_t or char32_t gives str: up to the first zero, the array's end or\n" \
"maxlen items (-1: no bound). A single character gives itself; an enum\n" \
"the name of its value, or the number as str. Raises RuntimeError for\n" \
"NULL, TypeError for other types."

#define DOC_unpack \
"unpack($self, cdata, length=None, fields=None)\n--\n\n" \
"The first length items of a pointer or array, zeros included: bytes for\n" \
"char, str for wide characters, else a list of the items. Without length\n" \
"all of them, where it is known how many there are.\n" \
"\n" \
"fields is the name of a member of the structs ('x', 'pos.x') and gives a\n" \
"list of that member's values, arrays in it as lists and characters as\n" \
"bytes or str; a tuple of names gives a tuple of such lists.\n" \
"\n" \
"length is checked against the memory only with fields: without, it is as\n" \
"in cffi. Raises ValueError if it is negative, IndexError if it is too\n" \
"large, RuntimeError for NULL, KeyError for no such member."

#define DOC_pack \
"pack($self, cdata, values, fields=None)\n--\n\n" \
"Write values into the items of a pointer or array, from the first on,\n" \
"and return how many there were: the reverse of unpack().\n" \
"\n" \
"values is a list, a tuple, any object with a buffer (copied as it is\n" \
"where its items fit) or any iterable. fields is the name of a member of\n" \
"the structs ('x', 'pos.x'); with a tuple of names, values is a sequence\n" \
"of columns. Text in bytes or str fills the rest of a char array with\n" \
"zeros.\n" \
"\n" \
"Raises IndexError, before anything is written, for more values than\n" \
"items, where the number of items is known. The exception of a value that\n" \
"does not fit names its index; those before it are written."

#define DOC_column \
"column($self, cdata, field, length=None)\n--\n\n" \
"One member of every struct of an array as a view of the same memory,\n" \
"with the size of a struct as the step from item to item.\n" \
"\n" \
"    xs = ffi.column(points, 'pos.x')\n" \
"    xs[3], xs[1:4] = 0.5, [1.0, 2.0, 3.0]\n" \
"    np.asarray(xs).sum()\n" \
"\n" \
"field is the name of a member, also of one within it; arrays on the way\n" \
"become dimensions. A pointer of which nobody knows how many items it has\n" \
"needs length. The view is a sequence and a typed buffer, with shape,\n" \
"strides, tolist(); it keeps cdata alive, and ffi.release(cdata) is\n" \
"refused (BufferError) as long as it is there.\n" \
"\n" \
"Raises KeyError for no such member, TypeError for a bit-field,\n" \
"IndexError for more items than there are."

#define DOC_asarray \
"asarray($self, cdata, shape=None, dtype=None, readonly=False)\n--\n\n" \
"C memory as a numpy.ndarray, without a copy.\n" \
"\n" \
"An array has its own shape; a pointer needs one (an int or a tuple), in\n" \
"items of what it points to or of dtype. dtype is a NumPy dtype or a\n" \
"ctype; void * needs it. Structs become structured arrays: ffi.dtype().\n" \
"The array keeps cdata alive, and ffi.release(cdata) is refused\n" \
"(BufferError) as long as it is there. It can be written to, but for\n" \
"readonly=True and memory that is known to be read-only.\n" \
"\n" \
"Raises ValueError if the size of the memory is known and too small, or\n" \
"for NULL; ImportError without NumPy (1.22 or newer)."

#define DOC_dtype \
"dtype($self, cdecl, /)\n--\n\n" \
"The numpy.dtype of a C type: same size, same offsets.\n" \
"\n" \
"Members of a union overlap; nested structs are nested, arrays in structs\n" \
"are sub-arrays, of characters 'S16' or 'U16'; pointers are uintp.\n" \
"Bit-fields are left out, and what NumPy has no type for is a void of its\n" \
"size. Raises TypeError for a type without size, ImportError without\n" \
"NumPy (1.22 or newer)."

#define DOC_struct_from \
"struct_from($self, dtype, name=None)\n--\n\n" \
"The C type of a numpy.dtype: the reverse of dtype().\n" \
"\n" \
"A structured dtype needs the name of a struct. If it is not declared it\n" \
"is declared here, with members at the dtype's offsets; if it is, its\n" \
"layout must be exactly the dtype's (ValueError names the first\n" \
"difference). Fields that overlap, all at offset 0, make a union. Raises\n" \
"TypeError for what no C type can be: Python objects, foreign byte order,\n" \
"names that are none in C."

#define DOC_to_dlpack \
"to_dlpack($self, buffer, max_version=None)\n--\n\n" \
"Numbers in memory as a DLPack capsule, without a copy: of a cdata, a\n" \
"view or any other object with a buffer. The capsule keeps it alive.\n" \
"\n" \
"max_version is the newest DLPack the consumer knows, as a tuple: (1, 0)\n" \
"and newer get a versioned capsule, which can say that memory is\n" \
"read-only. Arrays of numbers have __dlpack__ as well: give those to\n" \
"np.from_dlpack() or torch.from_dlpack() as they are. Raises BufferError\n" \
"for items DLPack has no type for."

#define DOC_buffer \
"buffer(cdata, size=-1)\n--\n\n" \
"The bytes behind a cdata pointer or array, to read and write.\n" \
"\n" \
"size is in bytes; by default that of what the pointer points to, or of\n" \
"the whole array. buf[i] is bytes of length 1, buf[i:j] a copy as bytes;\n" \
"both can be assigned to (a slice keeps its length). Takes part in\n" \
"comparisons like bytes, and is accepted wherever Python takes a buffer.\n" \
"Keeps the cdata alive."

#define DOC_errno \
"What C left in errno in the last call of this thread; set it before a\n" \
"call and C finds it there."

#define DOC_integer_const \
"integer_const($self, name)\n--\n\n" \
"The value of an integer constant: an enumerator or a #define.\n" \
"\n" \
"Raises AttributeError if there is no such name, FFIError if it is\n" \
"something else."

#define DOC_list_types \
"list_types($self, /)\n--\n\n" \
"The declared names as three sorted lists: (typedefs, structs, unions)."

#define DOC_init_once \
"init_once($self, func, tag)\n--\n\n" \
"Call func() the first time this tag is seen and return its result; later\n" \
"calls return the same result. Other threads wait until it is there. If\n" \
"func raises, nothing is kept.\n" \
"\n" \
"Raises RuntimeError if func itself calls init_once() with its tag."

#define DOC_set_unicode \
"set_unicode($self, enabled_flag, /)\n--\n\n" \
"Declare TCHAR, LPTSTR and the other types of Windows headers that depend\n" \
"on UNICODE: as wchar_t if enabled_flag is true, else as char. Once only\n" \
"(ValueError)."

#define DOC_def_extern \
"def_extern($self, name=None, error=None, onerror=None, errors=None)\n--\n\n" \
"A decorator: the function becomes the body of the extern \"Python\"\n" \
"function of its name (or `name`). error, onerror and errors are those of\n" \
"callback(). Only for FFI objects of compiled modules, else ValueError."

#define DOC_set_source \
"set_source($self, module_name, source, source_extension='.c', **kwds)\n--\n\n" \
"Say what compile() makes: a module called module_name ('pkg.mod') of the\n" \
"declarations so far, compiled together with source.\n" \
"\n" \
"source is C (or C++, with source_extension='.cpp') that makes the\n" \
"declared names known: #include lines and functions of your own. With\n" \
"source=None the module is Python, needs no compiler, and its ffi opens\n" \
"libraries with dlopen(). The keywords are those of setuptools'\n" \
"Extension: libraries, include_dirs, define_macros, ...\n" \
"\n" \
"Raises ValueError when called twice, or for a name that cannot be\n" \
"imported."

#define DOC_set_source_pkgconfig \
"set_source_pkgconfig($self, module_name, pkgconfig_libs, source, source_extension='.c', **kwds)\n--\n\n" \
"set_source() with the flags that pkg-config knows for a list of\n" \
"packages, each a name or a name with a version ('libfoo >= 1.8').\n" \
"\n" \
"Raises PkgConfigError with what pkg-config says."

#define DOC_compile \
"compile($self, tmpdir='.', verbose=0, target=None, debug=None)\n--\n\n" \
"Write the module of set_source() and compile it; returns the path of\n" \
"the result.\n" \
"\n" \
"Everything is put into tmpdir. target names the result: '*' as Python\n" \
"names extension modules (the default), 'name.*' with the system's ending\n" \
"of shared libraries (the default where embedding_api() was used), or a\n" \
"file name. debug makes debug information.\n" \
"\n" \
"Raises VerificationError with the compiler's message."

#define DOC_emit_c_code \
"emit_c_code($self, filename)\n--\n\n" \
"Write the C source of the module of set_source(), to be compiled by a\n" \
"build system. filename is a path or an open text file; a file that has\n" \
"the same content already is not touched."

#define DOC_emit_python_code \
"emit_python_code($self, filename)\n--\n\n" \
"Write the module of set_source(name, None). filename is a path or an\n" \
"open text file; a file that has the same content already is not touched."

#define DOC_distutils_extension \
"distutils_extension($self, tmpdir='build', verbose=True)\n--\n\n" \
"Write the C source of the module of set_source() into tmpdir and return\n" \
"the setuptools Extension that compiles it."

#define DOC_embedding_api \
"embedding_api($self, csource, packed=False, pack=None)\n--\n\n" \
"Declare functions that C programs may call and that Python implements,\n" \
"with @ffi.def_extern() in the code of embedding_init_code(). compile()\n" \
"then makes a shared library that starts Python when it is first used."

#define DOC_embedding_init_code \
"embedding_init_code($self, pysource)\n--\n\n" \
"The Python code that the library of embedding_api() runs once, when it\n" \
"is first used. Common indentation is taken off.\n" \
"\n" \
"Raises SyntaxError, and ValueError when called twice."

#define DOC_inline \
"inline($self, source, *, source_extension='.c', **kwds)\n--\n\n" \
"Compile C source together with the declarations so far and return the\n" \
"library; when the same was compiled before, load it from the cache.\n" \
"\n" \
"    ffi.cdef('int add(int a, int b);')\n" \
"    lib = ffi.inline('int add(int a, int b) { return a + b; }')\n" \
"\n" \
"The keywords are those of set_source(); depends=[...] names headers that\n" \
"may change. The cache is the directory in $JIFFI_CACHE, else\n" \
"$XDG_CACHE_HOME/jiffi, else ~/.cache/jiffi.\n" \
"\n" \
"Raises VerificationError with the compiler's message."

#define DOC_ufunc \
"ufunc($self, function, out=None, name=None, identity=..., doc=None, *, inout=None, in_=None, fixed=None)\n--\n\n" \
"A numpy.ufunc that calls a C function for every item of its arrays.\n" \
"\n" \
"    hypot = ffi.ufunc(lib.hypot)\n" \
"    hypot(a, b[:, None], out=c, where=mask); hypot.reduce(a)\n" \
"\n" \
"function is a library's function or a function pointer. Its parameters\n" \
"are the inputs; the outputs are its result, then what C writes through\n" \
"pointers, in the order of the parameters. Which pointers those are has\n" \
"to be said, by names of parameters or numbers from 0, one or several:\n" \
"out for those where C writes one item, inout where it reads and writes\n" \
"one, in_ where it reads one. fixed is a dict of parameters and the value\n" \
"they have at every call; the values are kept as long as the ufunc.\n" \
"C must write no more than one item behind each pointer.\n" \
"\n" \
"identity is the value that reduce() gives for no items, for functions of\n" \
"two inputs and one output; None says that items may be taken in any\n" \
"order. Structs by value are structured items; char is int8, an enum its\n" \
"integer, a pointer that is returned an unsigned integer.\n" \
"\n" \
"Raises TypeError for a parameter or type that cannot be an item, and\n" \
"ImportError without NumPy (1.22 or newer)."

#define DOC_explain \
"explain($self, function, *, code=True)\n--\n\n" \
"How calls of a function are made, as text to be printed.\n" \
"\n" \
"    print(ffi.explain(lib.pow))\n" \
"\n" \
"Says where each argument goes (register, stack), what is done with the\n" \
"GIL and errno and why, where the function is, and shows the machine\n" \
"code that calls it; code=False leaves that out. function is one of a\n" \
"library, a function pointer, a callback, or a fused or sized function.\n" \
"Its code is made if it was not called yet; nothing is called.\n" \
"\n" \
"The str has an attribute facts: the same as a dict.\n" \
"\n" \
"Raises TypeError for anything else."

#define DOC_fuse \
"fuse($self, function=None, signature=None)\n--\n\n" \
"Make one C function of a Python function that calls C functions.\n" \
"\n" \
"    @ffi.fuse('double(double x, double y)')\n" \
"    def distance(x, y):\n" \
"        return lib.sqrt(lib.fabs(x * x) + y * y)\n" \
"\n" \
"function is run once, with values that stand for its arguments: what it\n" \
"calls of C, computes with + - * / // % ** & | ^ << >> and comparisons,\n" \
"reads and writes through pointers and makes with ffi.new() becomes one\n" \
"piece of machine code. The result is a builtin like a library's\n" \
"function: ufunc(), map(), addressof() and fuse() take it.\n" \
"\n" \
"signature says what it takes and gives; without it a parameter has the\n" \
"type of the first C parameter that it is passed to. Integers have 64\n" \
"bits and wrap; n // 0 is 0.\n" \
"\n" \
"Raises jiffi.TraceError, with the line, for what depends on values that\n" \
"are not there yet: branches (see where()), float(), Python functions in\n" \
"C; TypeError for types that do not fit."

#define DOC_fused_program \
"fused_program($self, function)\n--\n\n" \
"What a fused function does, one instruction per line, to be looked at."

#define DOC_where \
"where($self, condition, a, b)\n--\n\n" \
"a if condition else b, in functions for fuse() as well: there both a and\n" \
"b are computed, and one is chosen."

#define DOC_aio \
"aio($self, function, /, *, threads=None, affinity=None, cancel=None,\n" \
"    cancel_args=None, executor=None)\n--\n\n" \
"A C function to await: each call runs in a thread.\n" \
"\n" \
"    fetch = ffi.aio(lib.fetch, cancel=lib.fetch_stop)\n" \
"    n = await fetch(handle, buffer, len(buffer))\n" \
"\n" \
"threads=, affinity= (a set of CPUs) make its own threads; otherwise all\n" \
"functions of this FFI share some. executor= is used instead of either.\n" \
"When the task is cancelled, or times out, cancel is called from another\n" \
"thread, with the call's arguments, or those that cancel_args chooses\n" \
"(positions, or a function of them); then, as without it, the await ends\n" \
"when C has come back. The arguments are held until then in any case.\n" \
"Context variables are there in callbacks. Python's exit waits for C."

#define DOC_check \
"check($self, function, /, fails='negative', *, errno=None, message=None,\n" \
"      error=None)\n--\n\n" \
"The function, raising an exception where C says that it failed.\n" \
"\n" \
"    open = ffi.check(lib.open, errno='negative') # FileNotFoundError ...\n" \
"    step = ffi.check(lib.db_step, 'nonzero', message=lib.db_errstr)\n" \
"\n" \
"fails: 'negative', 'nonzero', 'zero', 'minus one', 'null', 'errno' (was\n" \
"set), a predicate of the result, or a set of values. errno=True: errno\n" \
"says why, and an OSError is raised; errno='negative' says both at once.\n" \
"message: a C function that gets the result (or errno), nothing, or the\n" \
"argument whose type it takes; or a function (result, *args). error:\n" \
"an exception class, or callable(code, text) that makes an exception;\n" \
"jiffi.CallError otherwise. Other results are returned as they are."

#define DOC_batch \
"batch($self)\n--\n\n" \
"Different C calls in one crossing, as often as wanted.\n" \
"\n" \
"    with ffi.batch() as b:\n" \
"        x = b.input('double', 2.0)\n" \
"        y = b(lib.sqrt, x)\n" \
"        z = b(lib.pow, y, 3)\n" \
"    z.value              # the calls were made at the end of `with`\n" \
"    x.value = 4.0\n" \
"    b.run()                      # ... and are made again\n" \
"\n" \
"What b() returns stands for the call's result: it can be passed on,\n" \
"computed with as in fuse(), and has the value after a run."

#define DOC_verify \
"verify($self, source='', tmpdir=None, **kwargs)\n--\n\n" \
"The old way of cffi to do what inline() does."

#define DOC_features \
"features()\n--\n\n" \
"What this build does on this machine, as a dict: 'target' (a triple),\n" \
"'calls' and 'callbacks' ('code' where machine code is made per function,\n" \
"else 'libffi'), 'why_not' (why not code, or None), 'libffi' (its\n" \
"version, or None)."

#define DOC_checked_report \
"checked_report()\n--\n\n" \
"What checked FFIs keep: a dict of 'alive' (a list of (number, type, bytes,\n" \
"where it was allocated) of memory that is not freed, oldest first),\n" \
"'bytes' (of it), 'made' and 'freed' (blocks so far), 'quarantined' and\n" \
"'quarantined_bytes' (freed, and kept to be watched)."

/* clang-format on */

#endif
