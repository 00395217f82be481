"""The value of an expression: of its tree and the values of its variables.

abs floor ceil int* float* get_mask mask, operators     cell by cell, window by window
min max mean std var, without an axis                   one pass over the windows, all that can be in one
the same along bands or times, and an index there       cell by cell as well
median; the others along rows or columns                need the whole array
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.expressions.blocks import CELLWISE, DOMAINS, Block, hide, negated, operate, reduce_block
from dragoman.expressions.cells import Cells, NotTogether, combined
from dragoman.expressions.constants import NotCalculable, calculate
from dragoman.expressions.constants import negated as minus
from dragoman.expressions.nodes import Binary, Call, Index, Literal, Name, Unary, walk
from dragoman.expressions.parsing import REDUCTIONS, at
from dragoman.expressions.passes import TooLarge
from dragoman.expressions.reductions import BY_WINDOWS
from dragoman.schemas.messages import shown

if TYPE_CHECKING:
    from dragoman.expressions.nodes import Node
    from dragoman.expressions.passes import Passes

type Value = Cells | Block | bool | int | float | str | Sequence[Any] | Mapping[str, Any] | None
"""An array, or a value as JSON has it."""


def evaluate(node: Node, variables: Mapping[str, Value], passes: Passes) -> Value:
    """The value; raises ExpressionError, which names the column."""
    return _Evaluation(variables, passes).whole(node)


class _Evaluation:
    """The evaluation of one expression."""

    def __init__(self, variables: Mapping[str, Value], passes: Passes) -> None:
        self._variables = variables
        self._passes = passes
        self._known: dict[int, Value] = {}
        """Of calls that needed a pass, by identity."""

    def whole(self, node: Node) -> Value:
        """Take pass by pass all reductions that can be calculated together, then the rest."""
        calls = [each for each in walk(node) if isinstance(each, Call) and _needs_pass(each)]
        while waiting := [call for call in calls if id(call) not in self._known]:
            ready = [call for call in waiting if not any(_below(call, other) for other in waiting)]
            self._reduce(ready)
        return self._value(node)

    def _reduce(self, calls: Sequence[Call]) -> None:
        wanted: dict[tuple[int, int], list[tuple[Call, Cells]]] = {}
        for call in calls:
            value = self._value(call.arguments[0])
            if isinstance(value, Cells):
                wanted.setdefault((value.rows, value.cols), []).append((call, value))
            else:
                self._known[id(call)] = self._of_block(call, value, None)
        for group in wanted.values():
            blocks = self._passes.reduce([(call.function, cells) for call, cells in group])
            self._known |= {id(call): block for (call, _), block in zip(group, blocks, strict=True)}

    def _value(self, node: Node) -> Value:
        match node:
            case Literal():
                return node.value
            case Name():
                return self._variables[node.id]
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Index():
                return self._index(node)
            case Call():
                return self._known[id(node)] if id(node) in self._known else self._call(node)

    def _unary(self, node: Unary) -> Value:
        value = self._value(node.operand)
        if isinstance(value, bool | int | float | str):
            return _told(node.column, lambda: minus(value))
        return self._cellwise(node.column, [value], lambda blocks: negated(blocks[0]), masks=False)

    def _binary(self, node: Binary) -> Value:
        left, right, sign = self._value(node.left), self._value(node.right), node.operator
        plain = bool | int | float | str
        if isinstance(left, plain) and isinstance(right, plain):
            return _told(node.column, lambda: calculate(sign, left, right))
        return self._cellwise(
            node.column, [left, right], lambda blocks: operate(sign, *blocks), masks=sign in DOMAINS
        )

    def _cellwise(
        self,
        column: int,
        values: Sequence[Value],
        compute: Callable[[Sequence[Block]], Block],
        *,
        masks: bool,
    ) -> Cells | Block:
        parts = [self._array(column, value) for value in values]

        def result() -> Cells | Block:
            if any(isinstance(part, Cells) for part in parts):
                return combined(parts, compute, masks=masks)
            with np.errstate(all="ignore"):
                return compute([part for part in parts if isinstance(part, Block)])

        return _told(column, result)

    def _array(self, column: int, value: Value) -> Cells | Block:
        if isinstance(value, Cells):
            return value
        if isinstance(value, str | Mapping) or value is None:
            raise at(column, f"{shown(value)} is no array; allowed: arrays and numbers")
        try:
            return Block.of(value)
        except (TypeError, ValueError, OverflowError):
            raise at(column, "a list that is no array of numbers; allowed: arrays and numbers") from None

    def _index(self, node: Index) -> Value:
        container, index = self._value(node.container), self._value(node.index)
        if isinstance(container, Mapping) and isinstance(index, str | int):
            member: Value = _told(node.column, lambda: container[str(index)])
            return member
        if isinstance(index, Block) and index.data.ndim == 0 and index.data.dtype.kind in "iu":
            index = int(index.data)
        if isinstance(index, bool) or not isinstance(index, int):
            raise at(node.column, f"an index has to be a whole number, not {shown(index)}")
        if isinstance(container, Sequence) and not isinstance(container, str):
            item: Value = _told(node.column, lambda: container[index])
            return item
        array = self._array(node.column, container)
        shape = array.shape if isinstance(array, Cells) else array.data.shape
        if not shape:
            raise at(node.column, "a number has no items; allowed: an array before [")
        if not -shape[0] <= index < shape[0]:
            raise at(node.column, f"there is no item {index}; the array has {shape[0]}")
        return self._item(array, index)

    def _item(self, array: Cells | Block, index: int) -> Cells | Block:
        if isinstance(array, Block):
            return array[index]
        if array.lead:
            return combined([array], lambda blocks: blocks[0][index], masks=False)
        return self._passes.row(array, index % array.rows)

    def _call(self, node: Call) -> Value:
        if node.function == "mask":
            values = [self._value(argument) for argument in node.arguments]
            return self._cellwise(node.column, values, lambda blocks: hide(*blocks), masks=True)
        if node.function in REDUCTIONS:
            self._known[id(node)] = result = self._along(node)
            return result
        value = self._value(node.arguments[0])
        function = CELLWISE[node.function]
        masks = node.function.startswith("int")
        array = self._cellwise(node.column, [value], lambda blocks: function(blocks[0]), masks=masks)
        if isinstance(value, bool | int | float) and isinstance(array, Block):
            return plain_value(array)
        return array

    def _along(self, node: Call) -> Value:
        """A reduction along an axis, or the median."""
        value = self._array(node.column, self._value(node.arguments[0]))
        axis: Value = self._value(node.arguments[1]) if len(node.arguments) == 2 else None
        dimensions = len(value.shape) if isinstance(value, Cells) else value.data.ndim
        whole = isinstance(axis, int) and not isinstance(axis, bool)
        if axis is not None and not (whole and -dimensions <= int(str(axis)) < dimensions):
            raise at(
                node.column, f"the axis {shown(axis)} is none of the array's; allowed: 0 to {dimensions - 1}"
            )
        number = None if axis is None else int(str(axis)) % dimensions
        if isinstance(value, Cells) and number is not None and number < len(value.lead):
            return combined(
                [value], lambda blocks: reduce_block(node.function, blocks[0], number), masks=value.maskable
            )
        return self._of_block(node, value, number)

    def _of_block(self, node: Call, value: Value, axis: int | None) -> Block:
        array = self._array(node.column, value)
        if isinstance(array, Cells):
            cells, words = (
                array,
                f"{node.function}() along rows or columns" if axis is not None else "median()",
            )
            array = _told(node.column, lambda: self._passes.collect(cells, words))
        if not array.data.size:
            raise at(node.column, f"{node.function}() of an empty array")
        with np.errstate(all="ignore"):
            return reduce_block(node.function, array, axis)


def plain_value(block: Block) -> bool | int | float:
    """The number of an array without axes."""
    value: bool | int | float = block.data.item()
    return value


def _needs_pass(call: Call) -> bool:
    return call.function in BY_WINDOWS and len(call.arguments) == 1


def _below(call: Call, other: Node) -> bool:
    return other is not call and any(each is other for each in walk(call))


def _told[T](column: int, calculation: Callable[[], T]) -> T:
    """What a calculation gives; what it cannot do is told with the place."""
    try:
        return calculation()
    except (NotCalculable, NotTogether, TooLarge) as error:
        raise at(column, getattr(error, "detail", str(error))) from error
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise at(column, f"cannot be calculated ({str(error)[:200]})") from error
