# SPDX-License-Identifier: MIT
# What type checkers know of jiffi. Values of C types are CData to them: the
# types are known only once the declarations are read.

from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, ClassVar, Literal, Protocol, TypeVar, final, overload

from typing_extensions import Buffer, TypeAlias

__version__: str
__version_info__: tuple[int, int, int]

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])
_Path: TypeAlias = str | PathLike[str]
_Gil: TypeAlias = Literal["release", "hold", "auto"]
_CDecl: TypeAlias = str | CType
_OnError: TypeAlias = Callable[[type[BaseException], BaseException, TracebackType | None], Any]

class FFIError(Exception): ...

class CDefError(Exception): ...

class HeldCallError(RuntimeError): ...

class CxxError(RuntimeError):
    type: str | None
    value: bool | int | float | str | None
    cxx_type: str | None
    def what(self, /) -> str | None: ...

class _GilPolicy(tuple[Any, ...]):
    asked: str
    decided: str
    proved: bool
    reason: str

class DeclarationError(CDefError, FFIError):
    file: str | None
    line: int | None
    column: int | None

@final
class _Each: ...

@final
class _Same: ...

def each(array: Any, /) -> _Each: ...
def same(value: Any, /) -> _Same: ...

class CallError(FFIError):
    code: Any
    function: str

class MapError(RuntimeError):
    function: str
    index: int
    code: Any
    out: Any
    def __init__(self, function: str, index: int, code: Any, out: Any = None) -> None: ...

class TraceError(TypeError):
    filename: str | None
    lineno: int | None
    def __init__(
        self, message: str, filename: str | None = None, lineno: int | None = None
    ) -> None: ...

class VerificationError(Exception): ...
class VerificationMissing(Exception): ...
class PkgConfigError(Exception): ...

class _Features(dict[str, str | None]):
    why: dict[str, str]

class _Explanation(str):
    facts: dict[str, Any]

def features() -> _Features: ...
def inline(cdef: str, source: str, *, source_extension: str = ".c", **kwds: Any) -> Any: ...

class _SupportsWrite(Protocol):
    def write(self, text: str, /) -> object: ...

@final
class CField:
    type: CType
    offset: int
    bitshift: int
    bitsize: int
    flags: int

@final
class CType:
    kind: str
    cname: str
    # Each only where the kind has it:
    item: CType
    length: int | None
    fields: list[tuple[str, CField]] | None
    args: tuple[CType, ...]
    result: CType
    ellipsis: bool
    abi: int
    elements: Mapping[int, str]
    relements: Mapping[str, int]
    def __hash__(self) -> int: ...

class CData:
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...
    def __getitem__(self, index: int | slice) -> Any: ...
    def __setitem__(self, index: int | slice, value: Any) -> None: ...
    def __add__(self, other: int) -> CData: ...
    def __radd__(self, other: int) -> CData: ...
    def __sub__(self, other: Any) -> Any: ...
    def __call__(self, *args: Any) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __bool__(self) -> bool: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __complex__(self) -> complex: ...
    def __lt__(self, other: Any) -> bool: ...
    def __le__(self, other: Any) -> bool: ...
    def __gt__(self, other: Any) -> bool: ...
    def __ge__(self, other: Any) -> bool: ...
    def __hash__(self) -> int: ...
    def __enter__(self) -> CData: ...
    def __exit__(self, *args: Any) -> None: ...

@final
class buffer:
    def __new__(cls, cdata: CData, size: int = -1) -> buffer: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int | slice) -> bytes: ...
    def __setitem__(self, index: int | slice, value: Buffer | CData) -> None: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __lt__(self, other: Any) -> bool: ...
    def __le__(self, other: Any) -> bool: ...
    def __gt__(self, other: Any) -> bool: ...
    def __ge__(self, other: Any) -> bool: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

# Inside FFI the plain names are FFI's own attributes.
_CData: TypeAlias = CData
_CType: TypeAlias = CType
_buffer: TypeAlias = buffer

@final
class _Stream:
    def __iter__(self) -> _Stream: ...
    def __next__(self) -> Any: ...
    def __enter__(self) -> _Stream: ...
    def __exit__(self, *exc: object) -> None: ...
    def close(self) -> None: ...

class FFI:
    NULL: ClassVar[_CData]
    CData: ClassVar[type[_CData]]
    CType: ClassVar[type[_CType]]
    buffer: ClassVar[type[_buffer]]
    error: ClassVar[type[FFIError]]
    BVoidP: ClassVar[_CType]
    BCharA: ClassVar[_CType]
    RTLD_LAZY: ClassVar[int]
    RTLD_NOW: ClassVar[int]
    RTLD_GLOBAL: ClassVar[int]
    RTLD_LOCAL: ClassVar[int]
    RTLD_NODELETE: ClassVar[int]
    RTLD_NOLOAD: ClassVar[int]
    RTLD_DEEPBIND: ClassVar[int]
    errno: int

    def __init__(
        self,
        backend: Any = None,
        *,
        gil: _Gil | None = "auto",
        callback_errors: Literal["raise", "print"] | None = "raise",
        checked: bool = False,
        may_throw: bool = False,
    ) -> None: ...
    def cdef(
        self,
        csource: str,
        override: bool = False,
        packed: bool = False,
        pack: int | None = None,
        *,
        gil: _Gil | None = None,
        may_throw: bool = False,
    ) -> None: ...
    def cxx_exception(
        self,
        name: str,
        exception: type[BaseException] | Callable[[str, str], BaseException] | None,
        /,
    ) -> None: ...
    def include(self, ffi_to_include: FFI, /) -> None: ...
    def dlopen(
        self,
        name: str | bytes | _CData | None,
        flags: int = 0,
        *,
        gil: _Gil | None = None,
        may_throw: bool = False,
    ) -> Any: ...
    @overload
    def gil(
        self, policy_or_function: _Gil, /, *functions: Callable[..., Any] | str
    ) -> None: ...
    @overload
    def gil(self, policy_or_function: Callable[..., Any], /) -> _GilPolicy: ...
    def dlclose(self, lib: Any, /) -> None: ...
    def new(self, cdecl: _CDecl, init: Any = None) -> _CData: ...
    def new_allocator(
        self,
        alloc: Callable[[int], _CData] | _CData | None = None,
        free: Callable[[_CData], Any] | _CData | None = None,
        should_clear_after_alloc: bool = True,
    ) -> Callable[..., _CData]: ...
    def cast(self, cdecl: _CDecl, source: Any) -> _CData: ...
    def typeof(self, cdecl: Any, /) -> _CType: ...
    def sized(self, function: Any, /, *, bytes: bool = False,
              **lengths: str | tuple[str, ...]) -> Callable[..., Any]: ...
    def sizeof(self, cdecl: _CDecl | _CData, /) -> int: ...
    def alignof(self, cdecl: _CDecl | _CData, /) -> int: ...
    def offsetof(self, cdecl: _CDecl, /, *fields_or_indexes: str | int) -> int: ...
    def address(self, function: Any, /) -> int: ...
    def capsule(self, function: Any, name: str | None = None) -> Any: ...
    def low_level_callable(self, function: Any, user_data: Any = None) -> Any: ...
    def to_ctypes(self, function: Any, /) -> Any: ...
    def addressof(self, cdata: Any, /, *fields_or_indexes: str | int) -> _CData: ...
    def getctype(self, cdecl: _CDecl, replace_with: str = "") -> str: ...
    def string(self, cdata: _CData, maxlen: int = -1) -> Any: ...
    def to_dlpack(
        self, buffer: Buffer, max_version: tuple[int, int] | None = None
    ) -> Any: ...
    def ufunc(
        self,
        function: Any,
        out: str | int | tuple[str | int, ...] | list[str | int] | None = None,
        name: str | None = None,
        identity: Any = ...,
        doc: str | None = None,
        *,
        inout: str | int | tuple[str | int, ...] | list[str | int] | None = None,
        in_: str | int | tuple[str | int, ...] | list[str | int] | None = None,
        fixed: dict[str | int, Any] | None = None,
    ) -> Any: ...
    def unpack(
        self,
        cdata: _CData,
        length: int | None = None,
        fields: str | tuple[str, ...] | list[str] | None = None,
    ) -> Any: ...
    def pack(
        self,
        cdata: _CData,
        values: Any,
        fields: str | tuple[str, ...] | list[str] | None = None,
    ) -> int: ...
    def column(self, cdata: _CData, field: str, length: int | None = None) -> Any: ...
    def asarray(
        self,
        cdata: _CData,
        shape: int | tuple[int, ...] | list[int] | None = None,
        dtype: Any = None,
        readonly: bool = False,
    ) -> Any: ...
    def dtype(self, cdecl: _CDecl | _CData, /) -> Any: ...
    def struct_from(self, dtype: Any, name: str | None = None) -> CType: ...
    @overload
    def from_buffer(self, cdecl: Buffer, *, require_writable: bool = False) -> _CData: ...
    @overload
    def from_buffer(
        self, cdecl: _CDecl, python_buffer: Buffer, require_writable: bool = False
    ) -> _CData: ...
    def explain(self, function: Any, *, code: bool = True) -> _Explanation: ...
    @overload
    def fuse(self, function: Callable[..., Any], signature: _CDecl | None = None) -> Any: ...
    @overload
    def fuse(
        self, function: _CDecl, signature: None = None
    ) -> Callable[[Callable[..., Any]], Any]: ...
    @overload
    def fuse(
        self, function: None = None, signature: _CDecl | None = None
    ) -> Callable[[Callable[..., Any]], Any]: ...
    def fused_program(self, function: Any) -> str: ...
    def where(self, condition: Any, a: Any, b: Any) -> Any: ...
    def aio(
        self,
        function: Callable[..., Any],
        /,
        *,
        threads: int | None = None,
        affinity: Any = None,
        cancel: Callable[..., Any] | None = None,
        cancel_args: Any = None,
        executor: Any = None,
    ) -> Callable[..., Any]: ...
    def batch(self) -> Any: ...
    def check(
        self,
        function: Callable[..., Any],
        /,
        fails: Any = "negative",
        *,
        errno: Any = None,
        message: Any = None,
        error: Any = None,
    ) -> Callable[..., Any]: ...
    def map(
        self,
        function: Any,
        /,
        *operands: Any,
        out: Any = None,
        threads: int = 1,
        stop: bool = False,
        chunk: int | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Any: ...
    def stream(
        self,
        source: Any,
        function: Any,
        /,
        *args: Any,
        batch: int = 65536,
        buffers: int = 2,
        how: Literal["items", "chunk"] | None = None,
        copy: bool = True,
        partial: Literal["error", "drop"] = "error",
        stop: bool = False,
        carry: Any = ...,
        progress: bool | Callable[[int, int | None], object] | None = None,
    ) -> _Stream: ...
    def memmove(self, dest: _CData | Buffer, src: _CData | Buffer, n: int) -> None: ...
    @overload
    def callback(
        self,
        cdecl: _CDecl,
        python_callable: None = None,
        error: Any = None,
        onerror: _OnError | None = None,
        errors: str | None = None,
        lifetime: Any = None,
    ) -> Callable[[Callable[..., Any]], _CData]: ...
    @overload
    def callback(
        self,
        cdecl: _CDecl,
        python_callable: Callable[..., Any],
        error: Any = None,
        onerror: _OnError | None = None,
        errors: str | None = None,
        lifetime: Any = None,
    ) -> _CData: ...
    @overload
    def gc(self, cdata: _CData, destructor: Callable[[_CData], Any], size: int = 0) -> _CData: ...
    @overload
    def gc(self, cdata: _CData, destructor: None, size: int = 0) -> None: ...
    def release(self, cdata: _CData, /) -> None: ...
    def new_handle(self, obj: Any, /) -> _CData: ...
    def from_handle(self, handle: _CData, /) -> Any: ...
    def init_once(self, func: Callable[[], _T], tag: Any) -> _T: ...
    def integer_const(self, name: str) -> int: ...
    def list_types(self, /) -> tuple[list[str], list[str], list[str]]: ...
    def set_unicode(self, enabled_flag: bool, /) -> None: ...

    # Modules made with a C compiler. `kwds` are those of setuptools' Extension.
    def set_source(
        self, module_name: str, source: str | None, source_extension: str = ".c", **kwds: Any
    ) -> None: ...
    def set_source_pkgconfig(
        self,
        module_name: str,
        pkgconfig_libs: list[str],
        source: str,
        source_extension: str = ".c",
        **kwds: Any,
    ) -> None: ...
    def compile(
        self,
        tmpdir: str = ".",
        verbose: bool | int = 0,
        target: str | None = None,
        debug: bool | None = None,
    ) -> str: ...
    def emit_c_code(self, filename: _Path | _SupportsWrite) -> Any: ...
    def emit_python_code(self, filename: _Path | _SupportsWrite) -> Any: ...
    def distutils_extension(self, tmpdir: str = "build", verbose: bool = True) -> Any: ...
    def embedding_api(
        self, csource: str, packed: bool = False, pack: int | None = None
    ) -> None: ...
    def embedding_init_code(self, pysource: str) -> None: ...
    def inline(self, source: str, *, source_extension: str = ".c", **kwds: Any) -> Any: ...
    def verify(self, source: str = "", tmpdir: str | None = None, **kwargs: Any) -> Any: ...
    def def_extern(
        self, name: str | None = None, error: Any = None, onerror: _OnError | None = None
    ) -> Callable[[_F], _F]: ...
