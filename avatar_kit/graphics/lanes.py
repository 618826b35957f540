"""Eight neighbouring pixels at a time, for numba kernels.

LLVM turns a loop over pixels into vector instructions only where it can prove that no two arrays
overlap, and a row of a small Gaussian is too short for it to check. :class:`Lanes` says it
outright: a value of this type is ``WIDTH`` floats in vector registers, arithmetic on it is one
instruction on any processor. For use inside kernels; both sides of an operator have one precision,
and a number meets lanes through :func:`spread`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numba.extending
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import overload, register_model

intrinsic: Any = numba.extending.intrinsic  # its annotations know nothing of kernels

#: Floats in a vector.
WIDTH = 8

#: 2^f for f in [-1/2, 1/2], highest power first: relative errors 8e-8 and 2e-15.
_EXP2_SINGLE = (
    0.001326697038502852,
    0.009675459745513815,
    0.05550742616006239,
    0.24022121753561915,
    0.6931469491610627,
    1.0000000710297003,
)
_EXP2_DOUBLE = (
    7.024772561901929e-09,
    1.0206125496527589e-07,
    1.321565841893213e-06,
    1.5252671766789563e-05,
    0.00015403530196155286,
    0.001333355820191248,
    0.009618129107571769,
    0.05550410866467065,
    0.24022650695911257,
    0.6931471805599441,
    1.0000000000000004,
)


class Lanes(types.Type):
    """The numba type of ``WIDTH`` floats of one precision."""

    def __init__(self, dtype: Any):
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes):
        super().__init__(manager, kind, _vector(kind.dtype))


@intrinsic
def load(_context: Any, array: types.Array, index: types.Integer) -> Any:
    """``WIDTH`` entries of a contiguous array, from a flat index on, which is not checked."""

    def code(context, builder, signature, arguments):
        place = _place(context, builder, signature.args[0], arguments)
        return builder.load(place, align=_bytes(array.dtype))

    return Lanes(array.dtype)(array, types.intp), code


@intrinsic
def store(_context: Any, array: types.Array, index: types.Integer, lanes: Lanes) -> Any:
    """Write lanes into a contiguous array, from a flat index on, which is not checked."""

    def code(context, builder, signature, arguments):
        place = _place(context, builder, signature.args[0], arguments)
        builder.store(arguments[2], place, align=_bytes(array.dtype))
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), code


@intrinsic
def spread(_context: Any, number: types.Float) -> Any:
    """The same number in every lane."""

    def code(_context, builder, _signature, arguments):
        return _same(builder, arguments[0])

    return Lanes(number)(number), code


@intrinsic
def count_up(_context: Any, number: types.Float) -> Any:
    """A number, and one more in every further lane."""

    def code(_context, builder, _signature, arguments):
        steps = ir.Constant(_vector(number), [float(i) for i in range(WIDTH)])
        return builder.fadd(_same(builder, arguments[0]), steps)

    return Lanes(number)(number), code


@intrinsic
def multiply_add(_context: Any, a: Lanes, b: Lanes, c: Lanes) -> Any:
    """``a b + c``, rounded once where the processor can."""

    def code(_context, builder, _signature, arguments):
        return _multiply_add(builder, *arguments)

    return a(a, a, a), code


@intrinsic
def where_more(_context: Any, a: Lanes, b: Lanes, yes: Lanes, no: Lanes) -> Any:
    """``yes`` in the lanes where ``a > b``, else ``no``; NaN is no."""

    def code(_context, builder, _signature, arguments):
        first, second, chosen, other = arguments
        return builder.select(builder.fcmp_ordered(">", first, second), chosen, other)

    return a(a, a, a, a), code


@intrinsic
def total(_context: Any, lanes: Lanes) -> Any:
    """The sum of the lanes, in pairs."""

    def code(_context, builder, _signature, arguments):
        rest, width = arguments[0], WIDTH
        while width > 1:
            width //= 2
            halves = [
                ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(s, s + width)))
                for s in (0, width)
            ]
            rest = builder.fadd(*(builder.shuffle_vector(rest, rest, half) for half in halves))
        return builder.extract_element(rest, ir.Constant(ir.IntType(32), 0))

    return lanes.dtype(lanes), code


@intrinsic
def exp2(_context: Any, lanes: Lanes) -> Any:
    """2 to a power, which lies between -120 and 120: relative error 2e-7, or 2e-15 in double."""
    single = lanes.dtype.bitwidth == 32
    polynomial = _EXP2_SINGLE if single else _EXP2_DOUBLE
    mantissa, integer = (23, ir.IntType(32)) if single else (52, ir.IntType(64))

    def code(_context, builder, _signature, arguments):
        kind = arguments[0].type

        def constant(value):
            return ir.Constant(kind, [value] * WIDTH)

        # Added to so large a number, the power is rounded to an integer, in the lowest bits.
        large = constant(1.5 * 2.0**mantissa)
        shifted = builder.fadd(arguments[0], large)
        fraction = builder.fsub(arguments[0], builder.fsub(shifted, large))
        value = constant(polynomial[0])
        for coefficient in polynomial[1:]:
            value = _multiply_add(builder, value, fraction, constant(coefficient))
        integers = ir.VectorType(integer, WIDTH)
        exponent = builder.shl(
            builder.bitcast(shifted, integers), ir.Constant(integers, [mantissa] * WIDTH)
        )
        bits = builder.add(builder.bitcast(value, integers), exponent)
        return builder.bitcast(bits, kind)

    return lanes(lanes), code


def _operator(symbol: Callable, instruction: str) -> None:
    """Let lanes be added, subtracted, multiplied or divided."""

    @intrinsic
    def apply(_context, a, b):
        def code(_context, builder, _signature, arguments):
            return getattr(builder, instruction)(*arguments)

        return a(a, a), code

    @overload(symbol, inline="always")
    def choose(a, b):
        if isinstance(a, Lanes) and a == b:
            return lambda a, b: apply(a, b)
        return None


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_symbol, _instruction)


def _vector(dtype: Any) -> ir.VectorType:
    return ir.VectorType(ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType(), WIDTH)


def _bytes(dtype: Any) -> int:
    return dtype.bitwidth // 8


def _same(builder: ir.IRBuilder, number: ir.Value) -> ir.Value:
    kind = ir.VectorType(number.type, WIDTH)
    zero = ir.Constant(ir.IntType(32), 0)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), number, zero)
    nowhere = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), nowhere)


def _multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    suffix = "f32" if isinstance(a.type.element, ir.FloatType) else "f64"
    kind = ir.FunctionType(a.type, [a.type] * 3)
    name = f"llvm.fmuladd.v{WIDTH}{suffix}"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])


def _place(context: Any, builder: ir.IRBuilder, kind: types.Array, arguments: Any) -> ir.Value:
    """Where in an array of that type lanes begin."""
    array = context.make_array(kind)(context, builder, arguments[0])
    place = builder.gep(array.data, [arguments[1]])
    return builder.bitcast(place, _vector(kind.dtype).as_pointer())
