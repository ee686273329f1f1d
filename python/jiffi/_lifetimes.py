# SPDX-License-Identifier: MIT
"""FFI.callback(..., lifetime=owner): a callback that lives as long as an object."""

import weakref

_NAME = "_jiffi_callbacks"
_waiting = {}  # id of a weak reference: (the reference, the callback)


class _Callbacks(list):
    """What an object keeps for its C side; copies of the object start without."""

    __slots__ = ()

    def __copy__(self):
        return _Callbacks()

    def __deepcopy__(self, memo):
        return _Callbacks()

    def __reduce_ex__(self, protocol):
        return _Callbacks, ()


def _gone(ref):
    _waiting.pop(id(ref), None)


def keep(callback, owner):
    """Keep `callback`, a cdata, as long as `owner` lives.

    An object with attributes gets one more, so that a callback which leads back to
    its owner (a method of it) is found by the collector together with it. Others are
    watched by a weak reference: there the callback must not lead back.
    """
    names = getattr(owner, "__dict__", None)
    if type(names) is dict:
        names.setdefault(_NAME, _Callbacks()).append(callback)
        return
    try:
        ref = weakref.ref(owner, _gone)
    except TypeError:
        raise TypeError(
            "lifetime: when a '%s' object ends cannot be known; give an object with "
            "attributes or weak references, a cdata, \"forever\", or None and keep the "
            "callback yourself" % type(owner).__name__
        ) from None
    _waiting[id(ref)] = ref, callback
