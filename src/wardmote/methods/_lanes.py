"""Sums and ends over eight lanes, as numpy adds: written in the compiler's own terms, since it finds them in no loop.

numpy adds a block of numbers in eight running sums, of every eighth number each, and puts these together two by two. Eight lanes of one
processor register do that at once, to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils as _cgutils
from numba.core import types as _types
from numba.extending import intrinsic
from numba.np import arrayobj as _arrayobj

# numba's parts for writing code are not typed.
cgutils, types, arrays = cast("Any", _cgutils), cast("Any", _types), cast("Any", _arrayobj)

LANES = 8
"""Numbers added side by side."""

_LANE_TYPE = ir.VectorType(ir.DoubleType(), LANES)

_intrinsic = cast("Callable[[Callable[..., Any]], Callable[..., Any]]", intrinsic)


def _spread(builder: Any, number: Any) -> Any:
    """Return a vector with one number in every lane."""
    lanes = ir.Constant(_LANE_TYPE, ir.Undefined)
    for place in range(LANES):
        lanes = builder.insert_element(lanes, number, ir.Constant(ir.IntType(32), place))
    return lanes


def _each_eight(context: Any, builder: Any, array: tuple[Any, Any], start: Any, length: Any) -> Any:
    """Yield, while code is written for the loop over eights from the second on, eight numbers at a time; the first come before it."""
    data = arrays.make_array(array[0])(context, builder, array[1]).data
    one = start.type

    def load(at: Any) -> Any:
        place = builder.bitcast(builder.gep(data, [at]), _LANE_TYPE.as_pointer())
        found = builder.load(place)
        found.align = 8
        return found

    yield load(start)
    eight = ir.Constant(one, LANES)
    end = builder.add(start, length)
    with cgutils.for_range_slice(builder, builder.add(start, eight), end, eight, intp=one) as (at, _):
        yield load(at)


def _fold(builder: Any, lanes: Any, join: Callable[[Any, Any], Any]) -> Any:
    """Return the lanes put together two by two."""
    parts = [builder.extract_element(lanes, ir.Constant(ir.IntType(32), place)) for place in range(LANES)]
    while len(parts) > 1:
        parts = [join(parts[place], parts[place + 1]) for place in range(0, len(parts), 2)]
    return parts[0]


def _chosen(builder: Any, sign: str, a: Any, b: Any) -> Any:
    """Return b where it stands so to a, else a."""
    return builder.select(builder.fcmp_ordered(sign, b, a), b, a)


def _reduced(  # noqa: PLR0917 - numba hands these on in this order
    context: Any,
    builder: Any,
    signature: Any,
    arguments: Any,
    terms: Callable[[Any], list[Any]],
    joins: Sequence[Callable[[Any, Any], Any]],
) -> Any:
    """Return the code that reduces some numbers of an array, a multiple of eight of them, in as many ways as there are joins."""
    array = signature.args[0], arguments[0]
    kept: list[Any] = []
    for eight in _each_eight(context, builder, array, arguments[1], arguments[2]):
        found = terms(eight)
        if not kept:
            kept = [cgutils.alloca_once_value(builder, term) for term in found]
            continue
        for place, term, join in zip(kept, found, joins, strict=True):
            builder.store(join(builder.load(place), term), place)
    results = [_fold(builder, builder.load(place), join) for place, join in zip(kept, joins, strict=True)]
    if len(results) == 1:
        return results[0]
    return context.make_tuple(builder, signature.return_type, results)


_THREE = types.Tuple((types.float64,) * 3)
_TWO = types.Tuple((types.float64,) * 2)


@_intrinsic
def sum_eights(typing: Any, x: Any, start: Any, length: Any) -> Any:
    """Return the sum of ``length`` numbers from ``start`` on, in numpy's order; ``length`` is a multiple of eight, at least eight."""
    del typing

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _reduced(context, builder, signature, arguments, lambda v: [v], [builder.fadd])

    return types.float64(x, types.intp, types.intp), code


@_intrinsic
def square_eights(typing: Any, x: Any, start: Any, length: Any, centre: Any) -> Any:
    """Return the sum of squared distances from a centre, as `sum_eights`."""
    del typing

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        middle = _spread(builder, arguments[3])

        def terms(v: Any) -> list[Any]:
            away = builder.fsub(v, middle)
            return [builder.fmul(away, away)]

        return _reduced(context, builder, signature, arguments, terms, [builder.fadd])

    return types.float64(x, types.intp, types.intp, types.float64), code


@_intrinsic
def power_eights(typing: Any, x: Any, start: Any, length: Any, centre: Any) -> Any:
    """Return the sums of second, third and fourth powers of the distances from a centre, as `sum_eights`."""
    del typing

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        middle = _spread(builder, arguments[3])

        def terms(v: Any) -> list[Any]:
            away = builder.fsub(v, middle)
            square = builder.fmul(away, away)
            return [square, builder.fmul(square, away), builder.fmul(square, square)]

        return _reduced(context, builder, signature, arguments, terms, [builder.fadd] * 3)

    return _THREE(x, types.intp, types.intp, types.float64), code


@_intrinsic
def end_eights(typing: Any, x: Any, start: Any, length: Any) -> Any:
    """Return least and greatest of ``length`` numbers from ``start`` on, of which none is missing; as `sum_eights`."""
    del typing

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        joins = [partial(_chosen, builder, "<"), partial(_chosen, builder, ">")]
        return _reduced(context, builder, signature, arguments, lambda v: [v, v], joins)

    return _TWO(x, types.intp, types.intp), code


@_intrinsic
def known_end_eights(typing: Any, x: Any, start: Any, length: Any) -> Any:
    """Return least and greatest as `end_eights`, and a number above 0 where any number is missing; then the ends mean nothing."""
    del typing

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        none, some = (ir.Constant(_LANE_TYPE, [number] * LANES) for number in (0.0, 1.0))

        def terms(v: Any) -> list[Any]:
            return [v, v, builder.select(builder.fcmp_unordered("uno", v, v), some, none)]

        joins = [partial(_chosen, builder, "<"), partial(_chosen, builder, ">"), builder.fadd]
        return _reduced(context, builder, signature, arguments, terms, joins)

    return _THREE(x, types.intp, types.intp), code
